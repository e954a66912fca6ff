/* SPDX-License-Identifier: MIT */
/*
 * Descriptors received with a message, owned from the moment recvmsg() returned.
 *
 * What a handler does not take is closed by fdset_deinit(), so no path can leak one.
 */
#ifndef NPUD_BASE_FDSET_H
#define NPUD_BASE_FDSET_H

#include <sys/socket.h>

#define FDSET_MAX 4

struct fdset {
	int fds[FDSET_MAX]; /* -1: taken */
	unsigned n;
};

#define FDSET_INIT ((struct fdset){.fds = {-1, -1, -1, -1}, .n = 0})

/*
 * Collects every SCM_RIGHTS descriptor of a received message. -EBADMSG when control data was cut
 * off (MSG_CTRUNC) or holds more than FDSET_MAX; the set then owns those that did arrive.
 */
int fdset_take_message(struct fdset *set, const struct msghdr *message);
/* Moves descriptor `i` to the caller; -1 when there is none. */
int fdset_take(struct fdset *set, unsigned i);
/* Closes what was not taken. */
void fdset_deinit(struct fdset *set);

#endif
