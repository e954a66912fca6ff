/* SPDX-License-Identifier: MIT */
/*
 * The socket tells who connected; /proc tells what program that is. The pid may be gone or reused
 * by the time /proc is read, so nothing that grants rights comes from there but comm and cgroup
 * rules, which are conveniences, not walls: a uid or gid rule is a wall.
 */
#include "sessions/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

static void identity_read_groups(int socket_fd, struct identity *identity)
{
	socklen_t size = sizeof(identity->groups);

	if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERGROUPS, identity->groups, &size) == 0)
		identity->n_groups = size / sizeof(gid_t);
}

static void identity_read_comm(struct identity *identity)
{
	char path[64], target[4096];
	const char *name;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", identity->pid);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0) {
		strcpy(identity->comm, "?");
		return;
	}
	target[n] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	snprintf(identity->comm, sizeof(identity->comm), "%.*s", (int)sizeof(identity->comm) - 1,
		 name);
}

/* The line "0::/path" names the unified hierarchy's group. */
static void identity_read_cgroup(struct identity *identity)
{
	char path[64], text[4096], *line;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", identity->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return;
	line = strstr(line, "0::") + 3;
	line[strcspn(line, "\n")] = '\0';
	snprintf(identity->cgroup, sizeof(identity->cgroup), "%.*s",
		 (int)sizeof(identity->cgroup) - 1, line);
}

int identity_read(int socket_fd, const char *listener_path, struct identity *ret_identity)
{
	struct identity identity = {0};
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	identity.uid = peer.uid;
	identity.gid = peer.gid;
	identity.pid = peer.pid;
	snprintf(identity.socket, sizeof(identity.socket), "%.*s", (int)sizeof(identity.socket) - 1,
		 listener_path);
	identity_read_groups(socket_fd, &identity);
	identity_read_comm(&identity);
	identity_read_cgroup(&identity);
	*ret_identity = identity;
	return 0;
}
