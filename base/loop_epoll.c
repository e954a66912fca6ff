/* SPDX-License-Identifier: MIT */
/*
 * The loop over epoll: a descriptor stays registered from its first arming until it is disarmed,
 * silent in between (EPOLLONESHOT), so arming it again costs one system call.
 *
 * Disarming takes the descriptor out of epoll, because close(2) does so only when no duplicate is
 * left, and clients hold duplicates of descriptors that we gave them.
 */
#include "base/clock.h"
#include "base/loop_backend.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct loop_epoll {
	struct loop_backend base;
	int fd;
	bool has_pwait2;
};

static struct loop_epoll *loop_epoll_from(struct loop_backend *backend)
{
	return container_of(backend, struct loop_epoll, base);
}

static int loop_epoll_arm(struct loop_backend *backend, struct loop_slot *slot)
{
	struct loop_poll *poll = slot->poll;
	struct epoll_event event = {.events = slot->events | EPOLLONESHOT, .data.u64 = slot->tag};
	int operation = poll->in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (epoll_ctl(loop_epoll_from(backend)->fd, operation, poll->fd, &event) < 0)
		return -errno;
	poll->in_epoll = true;
	return 0;
}

/* An event of it that was fetched already has a stale tag from now on. */
static void loop_epoll_drop(struct loop_backend *backend, struct loop_slot *slot)
{
	loop_slot_release(backend->loop, slot);
}

static void loop_epoll_forget(struct loop_backend *backend, struct loop_poll *poll)
{
	if (!poll->in_epoll)
		return;
	epoll_ctl(loop_epoll_from(backend)->fd, EPOLL_CTL_DEL, poll->fd, NULL);
	poll->in_epoll = false;
}

/* epoll_wait() counts in milliseconds; a timer must not fire early, so they are rounded up. */
static int timeout_to_ms(uint64_t timeout_ns)
{
	const uint64_t max_ms = 1000u * 3600 * 24;
	uint64_t timeout_ms;

	if (timeout_ns == CLOCK_NEVER)
		return -1;
	timeout_ms = (timeout_ns + NS_PER_MS - 1) / NS_PER_MS;
	return (int)(timeout_ms < max_ms ? timeout_ms : max_ms);
}

static int loop_epoll_wait_raw(struct loop_epoll *epoll, uint64_t timeout_ns,
			       struct epoll_event *ready)
{
	struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / NS_PER_S),
				   .tv_nsec = (long)(timeout_ns % NS_PER_S)};
	int n;

	if (epoll->has_pwait2) {
		n = epoll_pwait2(epoll->fd, ready, LOOP_BATCH,
				 timeout_ns == CLOCK_NEVER ? NULL : &timeout, NULL);
		/* Before Linux 5.11, or unknown to a seccomp filter. */
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n;
		epoll->has_pwait2 = false;
	}
	return epoll_wait(epoll->fd, ready, LOOP_BATCH, timeout_to_ms(timeout_ns));
}

static int loop_epoll_wait(struct loop_backend *backend, uint64_t timeout_ns,
			   struct loop_event *events)
{
	struct epoll_event ready[LOOP_BATCH];
	int n = loop_epoll_wait_raw(loop_epoll_from(backend), timeout_ns, ready);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++)
		events[i] = (struct loop_event){ready[i].data.u64, ready[i].events};
	return n;
}

static void loop_epoll_free(struct loop_backend *backend)
{
	struct loop_epoll *epoll = loop_epoll_from(backend);

	close(epoll->fd);
	free(epoll);
}

static const struct loop_backend_ops loop_epoll_ops = {
	.name = "epoll",
	.arm = loop_epoll_arm,
	.drop = loop_epoll_drop,
	.forget = loop_epoll_forget,
	.wait = loop_epoll_wait,
	.free = loop_epoll_free,
};

int loop_epoll_new(struct loop *loop, struct loop_backend **ret_backend)
{
	struct loop_epoll *epoll = calloc(1, sizeof(*epoll));
	int r;

	if (!epoll)
		return -ENOMEM;
	*epoll = (struct loop_epoll){.base = {&loop_epoll_ops, loop}, .has_pwait2 = true};
	epoll->fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll->fd < 0) {
		r = -errno;
		free(epoll);
		return r;
	}
	*ret_backend = &epoll->base;
	return 0;
}
