/* SPDX-License-Identifier: MIT */
/*
 * Every descriptor of a message gets an owner before anyone looks at the message: this set, or
 * the closer when there are too many.
 */
#include "base/fdset.h"

#include "base/closer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int fdset_add(struct fdset *set, int fd)
{
	if (set->n == FDSET_MAX) {
		closer_close(set->closer, set->owner, fd);
		return -EBADMSG;
	}
	set->fds[set->n++] = fd;
	return 0;
}

static int fdset_add_rights(struct fdset *set, const struct cmsghdr *cmsg)
{
	size_t n_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int result = 0;

	for (size_t i = 0; i < n_fds; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd)); /* may be unaligned */
		if (fdset_add(set, fd) < 0)
			result = -EBADMSG;
	}
	return result;
}

int fdset_take_message(struct fdset *set, const struct msghdr *message)
{
	int result = 0;

	set->is_cut = message->msg_flags & MSG_CTRUNC;
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg;
	     cmsg = CMSG_NXTHDR((struct msghdr *)message, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		if (fdset_add_rights(set, cmsg) < 0)
			result = -EBADMSG;
	}
	return result;
}

int fdset_take(struct fdset *set, unsigned i)
{
	int fd;

	if (i >= set->n)
		return -1;
	fd = set->fds[i];
	set->fds[i] = -1;
	return fd;
}

void fdset_deinit(struct fdset *set)
{
	for (unsigned i = 0; i < set->n; i++)
		if (set->fds[i] >= 0)
			closer_close(set->closer, set->owner, set->fds[i]);
	*set = FDSET_INIT;
}
