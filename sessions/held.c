/* SPDX-License-Identifier: MIT */
/*
 * A kernel driver with one active address space at a time answers calls about the memory of another
 * one when no batch runs any more. Until then the request waits, with nothing new started, and the
 * daemon is there for everybody else.
 */
#include "sessions/sessions.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>

/* So long others may start what they have, between one round of such requests and the next. */
#define HELD_EPOCH_NS (5 * NS_PER_MS)

void held_init(struct sessions *sessions)
{
	list_init(&sessions->held);
}

int held_add(struct session *session, const void *data, size_t size, struct fdset *fds)
{
	int r = channel_hold(&session->channel, data, size, fds);

	if (r < 0)
		return r;
	list_add_tail(&session->owner->held, &session->held_link);
	session->is_held = true;
	log_debug("request_held session=%" PRIu64, session->id);
	sessions_kick(session->owner);
	return 0;
}

void held_drop(struct session *session)
{
	if (session->is_held)
		list_del(&session->held_link);
	session->is_held = false;
}

static bool is_any_core_busy(const struct sessions *sessions)
{
	for (unsigned i = 0; i < scheduler_n_cores(sessions->scheduler); i++) {
		if (scheduler_core(sessions->scheduler, i)->job)
			return true;
	}
	return false;
}

static void serve(struct sessions *sessions)
{
	struct session *session;
	struct list due;

	list_take_all(&due, &sessions->held);
	while (!list_is_empty(&due)) {
		session = container_of(due.next, struct session, held_link);
		held_drop(session);
		session->is_retried = true;
		channel_retry(&session->channel);
		session->is_retried = false;
	}
}

bool held_serve(struct sessions *sessions)
{
	const uint64_t now_ns = loop_now_ns(sessions->loop);

	if (sessions->is_serving)
		return true;
	if (list_is_empty(&sessions->held) && !device_wants_idle(sessions->device))
		return false;
	if (is_any_core_busy(sessions))
		return now_ns - sessions->held_served_ns >= HELD_EPOCH_NS;
	sessions->is_serving = true;
	device_dispatch(sessions->device);
	serve(sessions);
	sessions->is_serving = false;
	sessions->held_served_ns = now_ns;
	return false;
}
