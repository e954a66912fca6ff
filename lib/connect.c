/* SPDX-License-Identifier: MIT */
/* Where npud listens: a path that was named is the only one tried; else the usual places. */
#include "error.h"
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEM_SOCKET "/run/npud/npud.sock"

static int connect_to(const char *path, int *ret_socket)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	int fd, r;

	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	do
		r = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	while (r == -EINTR);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_socket = fd;
	return 0;
}

int libnpu_connect(const char *path, int *ret_socket)
{
	const char *runtime_dir = secure_getenv("XDG_RUNTIME_DIR");
	char user_path[sizeof(((struct sockaddr_un *)NULL)->sun_path)] = "";
	int r;

	if (!path || !*path)
		path = secure_getenv("NPU_SOCKET");
	if (path && *path) {
		r = connect_to(path, ret_socket);
		return r < 0 ? libnpu_error(r, "cannot connect to %s: %s", path, strerror(-r)) : 0;
	}
	if (runtime_dir && *runtime_dir && strlen(runtime_dir) + 11 < sizeof(user_path)) {
		snprintf(user_path, sizeof(user_path), "%s/npud.sock", runtime_dir);
		r = connect_to(user_path, ret_socket);
		if (r == 0)
			return 0;
		if (r != -ENOENT && r != -ECONNREFUSED)
			return libnpu_error(r, "cannot connect to %s: %s", user_path, strerror(-r));
	}
	r = connect_to(SYSTEM_SOCKET, ret_socket);
	if (r < 0)
		return libnpu_error(r, "cannot connect to %s%s" SYSTEM_SOCKET ": %s", user_path,
				    *user_path ? " or " : "", strerror(-r));
	return 0;
}
