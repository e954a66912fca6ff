/* SPDX-License-Identifier: MIT */
/*
 * A DRM node becomes readable when its driver has events to tell; these drivers have none. The
 * descriptor that stands for it is a file, which would be ready at once, so it is kept from the
 * kernel. /dev/rknpu has no poll of its own, and is as any file is.
 *
 * Fences are pipes that hang up, where a sync file is readable: so that is what is said.
 */
#include "wrap.h"

#include "drm.h"
#include "node.h"
#include "real.h"
#include "signals.h"
#include "sync_file.h"
#include "wrap_calls.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/syscall.h>

bool wrap_poll_is_never_ready(int fd)
{
	struct drm_file *file;
	bool is_drm;

	if (__builtin_expect(fds_peek(fd) == NULL, 1))
		return false;
	file = drm_file_get(fd);
	is_drm = file && !file->is_path && file->node->kind != NODE_MISC;
	drm_file_put(file);
	return is_drm;
}

/* ---- poll ---- */

/* A copy that passes over our nodes, where there are some; else NULL. */
static struct pollfd *hide(struct pollfd *fds, nfds_t n)
{
	struct pollfd *hidden = NULL;

	for (nfds_t i = 0; i < n; i++) {
		if (!wrap_poll_is_never_ready(fds[i].fd))
			continue;
		if (!hidden) {
			hidden = malloc(n * sizeof(*hidden));
			if (!hidden)
				return NULL;
			memcpy(hidden, fds, n * sizeof(*hidden));
		}
		hidden[i].fd = -1;
	}
	return hidden;
}

/* Bits of poll() and epoll alike. */
static bool may_be_fence(uint32_t events)
{
	return __builtin_expect((events & (POLLIN | POLLHUP)) == POLLHUP, 0);
}

static void tell_fences(struct pollfd *fds, nfds_t n)
{
	for (nfds_t i = 0; i < n; i++)
		if (may_be_fence((uint16_t)fds[i].revents) && fds[i].events & POLLIN &&
		    sync_file_is_fence(fds[i].fd))
			fds[i].revents = (short)((fds[i].revents & ~POLLHUP) | POLLIN);
}

/* Tells what the kernel said, where there is a copy said of that; passes `result` on. */
static int reveal(struct pollfd *fds, nfds_t n, struct pollfd *hidden, int result)
{
	int saved = errno;

	for (nfds_t i = 0; hidden && i < n && result >= 0; i++)
		fds[i].revents = hidden[i].revents;
	if (result > 0)
		tell_fences(fds, n);
	free(hidden);
	errno = saved;
	return result;
}

WRAP_EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct pollfd *hidden = hide(fds, n);

	return reveal(fds, n, hidden, real()->poll(hidden ? hidden : fds, n, timeout_ms));
}

WRAP_EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		      const sigset_t *mask)
{
	struct pollfd *hidden = hide(fds, n);

	return reveal(fds, n, hidden, signals_ppoll(hidden ? hidden : fds, n, timeout, mask));
}

/* What fortified programs call, with the size of the array. */
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
		size_t size);

WRAP_EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t size)
{
	return size / sizeof(*fds) >= n ? poll(fds, n, timeout_ms)
					: real()->__poll_chk(fds, n, timeout_ms, size);
}

WRAP_EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
			    const sigset_t *mask, size_t size)
{
	return size / sizeof(*fds) >= n ? ppoll(fds, n, timeout, mask)
					: real()->__ppoll_chk(fds, n, timeout, mask, size);
}

/* ---- select ---- */

static void hide_in_set(int n, fd_set *set)
{
	for (int fd = 0; set && fd < n; fd++)
		if (FD_ISSET(fd, set) && wrap_poll_is_never_ready(fd))
			FD_CLR(fd, set);
}

static void hide_in_sets(int n, fd_set *reads, fd_set *writes, fd_set *exceptions)
{
	hide_in_set(n, reads);
	hide_in_set(n, writes);
	hide_in_set(n, exceptions);
}

WRAP_EXPORT int select(int n, fd_set *reads, fd_set *writes, fd_set *exceptions,
		       struct timeval *timeout)
{
	hide_in_sets(n, reads, writes, exceptions);
	return real()->select(n, reads, writes, exceptions, timeout);
}

WRAP_EXPORT int pselect(int n, fd_set *reads, fd_set *writes, fd_set *exceptions,
			const struct timespec *timeout, const sigset_t *mask)
{
	hide_in_sets(n, reads, writes, exceptions);
	return real()->pselect(n, reads, writes, exceptions, timeout, mask);
}

/* ---- other names ---- */

#ifndef __LP64__

/* Of 32-bit programs with a time_t of 64 bits; times are passed on as they are. */
int __ppoll64(struct pollfd *fds, nfds_t n, const void *timeout, const sigset_t *mask);
int __select64(int n, fd_set *reads, fd_set *writes, fd_set *exceptions, void *timeout);
int __pselect64(int n, fd_set *reads, fd_set *writes, fd_set *exceptions, const void *timeout,
		const sigset_t *mask);

WRAP_EXPORT int __ppoll64(struct pollfd *fds, nfds_t n, const void *timeout, const sigset_t *mask)
{
	struct pollfd *hidden = hide(fds, n);

	return reveal(fds, n, hidden, real()->__ppoll64(hidden ? hidden : fds, n, timeout, mask));
}

WRAP_EXPORT int __select64(int n, fd_set *reads, fd_set *writes, fd_set *exceptions, void *timeout)
{
	hide_in_sets(n, reads, writes, exceptions);
	return real()->__select64(n, reads, writes, exceptions, timeout);
}

WRAP_EXPORT int __pselect64(int n, fd_set *reads, fd_set *writes, fd_set *exceptions,
			    const void *timeout, const sigset_t *mask)
{
	hide_in_sets(n, reads, writes, exceptions);
	return real()->__pselect64(n, reads, writes, exceptions, timeout, mask);
}

#endif

static long poll_raw(long number, const long a[6])
{
	struct pollfd *fds = (struct pollfd *)a[0], *hidden = hide(fds, (nfds_t)a[1]);
	long r = real()->syscall(number, hidden ? (long)hidden : a[0], a[1], a[2], a[3], a[4]);

	return reveal(fds, (nfds_t)a[1], hidden, (int)r);
}

bool wrap_poll_syscall(long number, const long a[6], long *ret_result)
{
	switch (number) {
#ifdef SYS_poll
	case SYS_poll:
#endif
#ifdef SYS_ppoll_time64
	case SYS_ppoll_time64:
#endif
	case SYS_ppoll:
		*ret_result = poll_raw(number, a);
		return true;
#if defined(SYS__newselect)
	case SYS__newselect: /* there SYS_select has its arguments in a struct, and is history */
#elif defined(SYS_select)
	case SYS_select:
#endif
#ifdef SYS_pselect6_time64
	case SYS_pselect6_time64:
#endif
	case SYS_pselect6:
		hide_in_sets((int)a[0], (fd_set *)a[1], (fd_set *)a[2], (fd_set *)a[3]);
		return false;
	default:
		return wrap_epoll_syscall(number, a, ret_result);
	}
}
