/* SPDX-License-Identifier: MIT */
/*
 * As little as two processes can do: blocking calls, one buffer, no loop.
 */
#include "bench_floor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUEST_BYTES 128
#define REPLY_BYTES   64

union fd_control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* 0, or -1 when the client is gone. */
static int answer_one(int socket)
{
	char request[REQUEST_BYTES], reply[REPLY_BYTES] = {0};
	union fd_control control = {0};
	struct iovec part = {reply, sizeof(reply)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int ends[2];
	if (recv(socket, request, sizeof(request), 0) <= 0 || pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &ends[0], sizeof(int));
	ssize_t n = sendmsg(socket, &message, MSG_NOSIGNAL);
	close(ends[0]);
	close(ends[1]);
	return n < 0 ? -1 : 0;
}

int bench_floor_start(struct bench_floor *floor)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	floor->pid = fork();
	if (floor->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		while (answer_one(ends[1]) == 0)
			;
		_exit(0);
	}
	int error = errno;
	floor->socket = ends[0];
	close(ends[1]);
	if (floor->pid > 0)
		return 0;
	close(ends[0]);
	return -error;
}

void bench_floor_stop(struct bench_floor *floor)
{
	close(floor->socket);
	waitpid(floor->pid, NULL, 0);
}

int bench_floor_call(const struct bench_floor *floor)
{
	char request[REQUEST_BYTES] = {0}, reply[REPLY_BYTES];
	union fd_control control;
	struct iovec part = {reply, sizeof(reply)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int fd;
	if (send(floor->socket, request, sizeof(request), MSG_NOSIGNAL) < 0 ||
	    recvmsg(floor->socket, &message, MSG_CMSG_CLOEXEC) <= 0)
		return -errno;
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	if (!cmsg)
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	close(fd);
	return 0;
}
