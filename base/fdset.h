/* SPDX-License-Identifier: MIT */
/*
 * Descriptors received with a message, owned from the moment recvmsg() returned.
 *
 * What a handler does not take is closed by fdset_deinit(), so no path can leak one; and by a
 * closer, since nobody knows what they are.
 */
#ifndef NPUD_BASE_FDSET_H
#define NPUD_BASE_FDSET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define FDSET_MAX 4
/* The most that one message can carry (SCM_MAX_FD). */
#define FDSET_RECEIVE_MAX 253

struct closer;

struct fdset {
	struct closer *closer; /* borrowed; NULL: close here */
	uint32_t owner;	       /* whose they are, for the closer */
	int fds[FDSET_MAX];    /* -1: taken */
	unsigned n;
	bool is_cut; /* this process had no room for some of them */
};

#define FDSET_INIT ((struct fdset){.fds = {-1, -1, -1, -1}, .n = 0})

/*
 * Collects every SCM_RIGHTS descriptor of a received message. -EBADMSG when there are more than
 * FDSET_MAX; the set then owns the first ones. Control data that was cut off (MSG_CTRUNC) sets
 * `is_cut`: with room for CMSG_SPACE(FDSET_RECEIVE_MAX ints) that only happens when this process
 * has no free descriptor.
 */
int fdset_take_message(struct fdset *set, const struct msghdr *message);
/* Moves descriptor `i` to the caller; -1 when there is none. */
int fdset_take(struct fdset *set, unsigned i);
/* Closes what was not taken. */
void fdset_deinit(struct fdset *set);

#endif
