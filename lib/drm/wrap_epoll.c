/* SPDX-License-Identifier: MIT */
/*
 * epoll tells a number of the program's choice, not the descriptor. Which one it belongs to the
 * kernel says in /proc: that is looked up for what hung up without being readable, once the
 * program has given a fence to any epoll.
 */
#include "wrap.h"

#include "real.h"
#include "sync_file.h"
#include "wrap_calls.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

static atomic_bool has_fences;

WRAP_EXPORT int epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	int saved = errno, r = real()->epoll_ctl(epoll_fd, operation, fd, event);

	if (r == 0) {
		if (operation == EPOLL_CTL_ADD && !atomic_load(&has_fences) &&
		    sync_file_is_fence(fd))
			atomic_store(&has_fences, true);
		errno = saved;
		return 0;
	}
	/* The kernel's EPERM means that the rest is well, and the file cannot be waited for. */
	if (errno != EPERM || !wrap_poll_is_never_ready(fd))
		return r;
	errno = saved;
	return 0;
}

/* "tfd: 5 events: 19 data: ffff pos:0 ...": 0 where there is no such name. */
static unsigned long long number_behind(const char *line, const char *name, int base)
{
	const char *found = strstr(line, name);

	return found ? strtoull(found + strlen(name), NULL, base) : 0;
}

/* Whether a fence was added with that number, for being readable. */
static bool is_fence(int epoll_fd, uint64_t data)
{
	char path[40], line[160];
	bool is_found = false;
	FILE *list;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", epoll_fd);
	list = real()->fopen(path, "re");
	while (list && !is_found && fgets(line, sizeof(line), list))
		/* One that was to be told once has lost the others of its events. */
		is_found = strncmp(line, "tfd:", 4) == 0 &&
			   number_behind(line, "data:", 16) == data &&
			   number_behind(line, "events:", 16) & (EPOLLIN | EPOLLONESHOT) &&
			   sync_file_is_fence((int)number_behind(line, "tfd:", 10));
	if (list)
		real()->fclose(list);
	return is_found;
}

/* Passes `n` on. */
static int tell_fences(int epoll_fd, struct epoll_event *events, int n)
{
	int saved = errno;

	if (!atomic_load_explicit(&has_fences, memory_order_relaxed))
		return n;
	for (int i = 0; i < n; i++)
		if ((events[i].events & (EPOLLIN | EPOLLHUP)) == EPOLLHUP &&
		    is_fence(epoll_fd, events[i].data.u64))
			events[i].events = (events[i].events & ~(uint32_t)EPOLLHUP) | EPOLLIN;
	errno = saved;
	return n;
}

WRAP_EXPORT int epoll_wait(int epoll_fd, struct epoll_event *events, int n_max, int timeout_ms)
{
	return tell_fences(epoll_fd, events,
			   real()->epoll_wait(epoll_fd, events, n_max, timeout_ms));
}

WRAP_EXPORT int epoll_pwait(int epoll_fd, struct epoll_event *events, int n_max, int timeout_ms,
			    const sigset_t *mask)
{
	return tell_fences(epoll_fd, events,
			   real()->epoll_pwait(epoll_fd, events, n_max, timeout_ms, mask));
}

/* NULL where this libc has no such function. */
#define PWAIT2(next)                                                                               \
	({                                                                                         \
		int n = -1;                                                                        \
                                                                                                   \
		if (next)                                                                          \
			n = (next)(epoll_fd, events, n_max, timeout, mask);                        \
		else                                                                               \
			errno = ENOSYS;                                                            \
		tell_fences(epoll_fd, events, n);                                                  \
	})

WRAP_EXPORT int epoll_pwait2(int epoll_fd, struct epoll_event *events, int n_max,
			     const struct timespec *timeout, const sigset_t *mask)
{
	return PWAIT2(real()->epoll_pwait2);
}

#ifndef __LP64__

/* Of programs with a time_t of 64 bits; the time is passed on as it is. */
int __epoll_pwait2_time64(int epoll_fd, struct epoll_event *events, int n_max, const void *timeout,
			  const sigset_t *mask);

WRAP_EXPORT int __epoll_pwait2_time64(int epoll_fd, struct epoll_event *events, int n_max,
				      const void *timeout, const sigset_t *mask)
{
	return PWAIT2(real()->__epoll_pwait2_time64);
}

#endif

bool wrap_epoll_syscall(long number, const long a[6], long *ret_result)
{
	struct epoll_event *events;

	switch (number) {
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
#endif
	case SYS_epoll_pwait:
		events = (struct epoll_event *)a[1];
		*ret_result = tell_fences(
			(int)a[0], events,
			(int)real()->syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]));
		return true;
	case SYS_epoll_ctl:
		*ret_result =
			epoll_ctl((int)a[0], (int)a[1], (int)a[2], (struct epoll_event *)a[3]);
		return true;
	default:
		return false;
	}
}
