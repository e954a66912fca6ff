/* SPDX-License-Identifier: MIT */
/* Relative timeouts become deadlines once, so that interruptions don't stretch them. */
#include "clock.h"

#include <errno.h>

#define NS_PER_S 1000000000ull

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t libnpu_clock_deadline(int64_t timeout_ns)
{
	/* Both are below 2^63, so the sum cannot wrap. */
	return timeout_ns < 0 ? UINT64_MAX : now_ns() + (uint64_t)timeout_ns;
}

bool libnpu_clock_is_past(uint64_t deadline_ns)
{
	return deadline_ns != UINT64_MAX && now_ns() >= deadline_ns;
}

struct timespec libnpu_clock_timespec(uint64_t deadline_ns)
{
	return (struct timespec){.tv_sec = (time_t)(deadline_ns / NS_PER_S),
				 .tv_nsec = (long)(deadline_ns % NS_PER_S)};
}

int libnpu_clock_poll(struct pollfd *fds, unsigned n_fds, uint64_t deadline_ns)
{
	struct timespec left, *timeout = NULL;
	uint64_t now = now_ns();
	int r;

	if (deadline_ns != UINT64_MAX) {
		left = libnpu_clock_timespec(deadline_ns > now ? deadline_ns - now : 0);
		timeout = &left;
	}
	r = ppoll(fds, n_fds, timeout, NULL);
	return r < 0 ? -errno : r;
}
