/* SPDX-License-Identifier: MIT */
/*
 * What does not depend on how the loop waits: the table of armed polls, timers, deferred work, and
 * the turn that runs them.
 */
#include "base/loop.h"

#include "base/clock.h"
#include "base/loop_backend.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SLOTS 256u
#define WORK_ROUNDS 2

/* How soon to try again what could not be armed. */
#define RETRY_NS NS_PER_MS

/* Keeps the sum with the present time within the signed nanoseconds of the kernel. */
#define WAIT_MAX_NS (1ull << 61)

static void loop_describe_fallback(struct loop *loop, int error)
{
	static const struct {
		int error;
		const char *remedy;
	} remedies[] = {
		{-EPERM, "set sysctl kernel.io_uring_disabled=0, or allow io_uring_setup in the "
			 "container's seccomp profile"},
		{-ENOSYS, "build the kernel with CONFIG_IO_URING, or allow io_uring_setup in the "
			  "container's seccomp profile"},
		{-ENOMEM, "raise RLIMIT_MEMLOCK to 8 MiB"},
		{-EOPNOTSUPP, "use Linux 5.11 or later"},
		{-EINVAL, "use Linux 5.11 or later"},
	};
	const char *remedy = "none known";

	for (unsigned i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (remedies[i].error == error)
			remedy = remedies[i].remedy;
	snprintf(loop->fallback_reason, sizeof(loop->fallback_reason), "%s; %s", strerror(-error),
		 remedy);
}

static int loop_new_backend(struct loop *loop, enum loop_kind kind)
{
	int r;

	if (kind == LOOP_EPOLL)
		return loop_epoll_new(loop, &loop->backend);
	r = loop_uring_new(loop, &loop->backend);
	if (r == 0 || kind == LOOP_URING)
		return r;
	loop_describe_fallback(loop, r);
	return loop_epoll_new(loop, &loop->backend);
}

int loop_new(enum loop_kind kind, struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int r;

	if (!loop)
		return -ENOMEM;
	list_init(&loop->timers);
	list_init(&loop->work);
	list_init(&loop->retries);
	list_init(&loop->free_slots);
	loop->now_ns = clock_now_ns();

	r = loop_new_backend(loop, kind);
	if (r < 0) {
		loop_free(loop);
		return r;
	}
	*ret_loop = loop;
	return 0;
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	assert(loop->n_armed == 0);
	assert(list_is_empty(&loop->timers));
	assert(list_is_empty(&loop->work));
	assert(list_is_empty(&loop->retries));

	if (loop->backend)
		loop->backend->ops->free(loop->backend);
	for (uint32_t i = 0; i < loop->n_chunks; i++)
		free(loop->chunks[i]);
	free(loop->chunks);
	free(loop);
	return NULL;
}

const char *loop_name(const struct loop *loop)
{
	return loop->backend->ops->name;
}

const char *loop_fallback_reason(const struct loop *loop)
{
	return loop->fallback_reason;
}

const struct loop_stats *loop_get_stats(const struct loop *loop)
{
	return &loop->stats;
}

uint64_t loop_now_ns(const struct loop *loop)
{
	return loop->now_ns;
}

/* Adds a chunk of free slots. The table has as many slots as polls were ever armed at one time. */
static int loop_grow_slots(struct loop *loop)
{
	struct loop_slot **chunks, *chunk;

	chunks = reallocarray(loop->chunks, loop->n_chunks + 1, sizeof(struct loop_slot *));
	if (!chunks)
		return -ENOMEM;
	loop->chunks = chunks;
	chunk = calloc(CHUNK_SLOTS, sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;

	for (uint32_t i = 0; i < CHUNK_SLOTS; i++) {
		chunk[i].tag = loop->n_chunks * CHUNK_SLOTS + i;
		list_add_tail(&loop->free_slots, &chunk[i].link);
	}
	chunks[loop->n_chunks++] = chunk;
	return 0;
}

static int loop_slot_take(struct loop *loop, struct loop_poll *poll, uint32_t events,
			  struct loop_slot **ret_slot)
{
	struct loop_slot *slot;
	int r;

	if (list_is_empty(&loop->free_slots)) {
		r = loop_grow_slots(loop);
		if (r < 0)
			return r;
	}
	slot = list_first(&loop->free_slots, struct loop_slot, link);
	list_del(&slot->link);
	slot->poll = poll;
	slot->events = events;
	*ret_slot = slot;
	return 0;
}

void loop_slot_release(struct loop *loop, struct loop_slot *slot)
{
	slot->poll = NULL;
	slot->tag += UINT64_C(1) << 32;
	list_del(&slot->link);
	list_add_head(&loop->free_slots, &slot->link);
}

struct loop_slot *loop_slot_find(const struct loop *loop, uint64_t tag)
{
	uint32_t index = (uint32_t)tag;
	struct loop_slot *slot;

	if (index / CHUNK_SLOTS >= loop->n_chunks)
		return NULL;
	slot = &loop->chunks[index / CHUNK_SLOTS][index % CHUNK_SLOTS];
	return slot->tag == tag ? slot : NULL;
}

void loop_poll_init(struct loop_poll *poll, struct loop *loop, int fd,
		    void (*ready)(struct loop_poll *, uint32_t))
{
	*poll = (struct loop_poll){.loop = loop, .fd = fd, .ready = ready};
}

static void loop_poll_stop_retrying(struct loop_poll *poll)
{
	if (poll->retry_events)
		list_del(&poll->retry_link);
	poll->retry_events = 0;
}

int loop_poll_arm(struct loop_poll *poll, uint32_t events)
{
	struct loop *loop = poll->loop;
	struct loop_backend *backend = loop->backend;
	struct loop_slot *slot;
	int r;

	loop_poll_stop_retrying(poll);
	if (poll->slot && poll->slot->events == events)
		return 0;
	r = loop_slot_take(loop, poll, events, &slot);
	if (r < 0)
		return r;
	r = backend->ops->arm(backend, slot);
	if (r < 0) {
		loop_slot_release(loop, slot);
		return r;
	}
	if (poll->slot)
		backend->ops->drop(backend, poll->slot);
	else
		loop->n_armed++;
	poll->slot = slot;
	return 0;
}

void loop_poll_keep(struct loop_poll *poll, uint32_t events)
{
	if (loop_poll_arm(poll, events) == 0)
		return;
	poll->retry_events = events;
	list_add_tail(&poll->loop->retries, &poll->retry_link);
}

static void loop_retry(struct loop *loop)
{
	struct list batch;

	list_take_all(&batch, &loop->retries);
	while (!list_is_empty(&batch)) {
		struct loop_poll *poll = list_first(&batch, struct loop_poll, retry_link);

		loop_poll_keep(poll, poll->retry_events);
	}
}

void loop_poll_disarm(struct loop_poll *poll)
{
	struct loop_backend *backend = poll->loop->backend;

	loop_poll_stop_retrying(poll);
	if (poll->slot) {
		backend->ops->drop(backend, poll->slot);
		poll->slot = NULL;
		poll->loop->n_armed--;
	}
	backend->ops->forget(backend, poll);
}

void loop_timer_init(struct loop_timer *timer, struct loop *loop,
		     void (*expired)(struct loop_timer *))
{
	*timer = (struct loop_timer){.loop = loop, .when_ns = CLOCK_NEVER, .expired = expired};
	list_init(&timer->link);
}

void loop_timer_arm(struct loop_timer *timer, uint64_t when_ns)
{
	struct list *timers = &timer->loop->timers;
	struct list *after;

	list_del(&timer->link);
	timer->when_ns = when_ns;
	if (when_ns == CLOCK_NEVER)
		return;
	/* From the end: a new time is mostly the latest. */
	for (after = timers->prev; after != timers; after = after->prev)
		if (container_of(after, struct loop_timer, link)->when_ns <= when_ns)
			break;
	list_add_head(after, &timer->link);
}

void loop_work_init(struct loop_work *work, struct loop *loop, void (*run)(struct loop_work *))
{
	*work = (struct loop_work){.loop = loop, .run = run};
	list_init(&work->link);
}

void loop_work_queue(struct loop_work *work)
{
	if (list_is_empty(&work->link))
		list_add_tail(&work->loop->work, &work->link);
}

void loop_work_cancel(struct loop_work *work)
{
	list_del(&work->link);
}

/* `now_ns` is too old for this: callbacks took their time since. */
static uint64_t loop_timeout_ns(const struct loop *loop, uint64_t until_ns)
{
	uint64_t now_ns;

	if (!list_is_empty(&loop->work))
		return 0;
	if (!list_is_empty(&loop->timers)) {
		uint64_t when_ns = list_first(&loop->timers, struct loop_timer, link)->when_ns;

		if (when_ns < until_ns)
			until_ns = when_ns;
	}
	if (until_ns == CLOCK_NEVER && list_is_empty(&loop->retries))
		return CLOCK_NEVER;
	now_ns = clock_now_ns();
	if (!list_is_empty(&loop->retries) && until_ns > now_ns + RETRY_NS)
		return RETRY_NS;
	if (until_ns <= now_ns)
		return 0;
	return until_ns - now_ns < WAIT_MAX_NS ? until_ns - now_ns : WAIT_MAX_NS;
}

static void loop_deliver_event(struct loop *loop, const struct loop_event *event)
{
	struct loop_slot *slot = loop_slot_find(loop, event->tag);
	struct loop_poll *poll;

	if (!slot)
		return; /* disarmed by a callback of this very turn */
	poll = slot->poll;
	poll->slot = NULL;
	loop_slot_release(loop, slot);
	loop->n_armed--;
	loop->stats.events++;
	poll->ready(poll, event->revents);
}

/* A timer that is armed again for a time in the past waits for the next turn. */
static void loop_run_timers(struct loop *loop)
{
	struct list due;

	list_init(&due);
	while (!list_is_empty(&loop->timers)) {
		struct loop_timer *timer = list_first(&loop->timers, struct loop_timer, link);

		if (timer->when_ns > loop->now_ns)
			break;
		list_del(&timer->link);
		list_add_tail(&due, &timer->link);
	}
	while (!list_is_empty(&due)) {
		struct loop_timer *timer = list_first(&due, struct loop_timer, link);

		list_del(&timer->link);
		timer->when_ns = CLOCK_NEVER;
		timer->expired(timer);
	}
}

/* Bounded, so that work that keeps queueing itself cannot shut out descriptors and timers. */
static void loop_run_work(struct loop *loop)
{
	for (unsigned round = 0; round < WORK_ROUNDS && !list_is_empty(&loop->work); round++) {
		struct list batch;

		list_take_all(&batch, &loop->work);
		while (!list_is_empty(&batch)) {
			struct loop_work *work = list_first(&batch, struct loop_work, link);

			list_del(&work->link);
			work->run(work);
		}
	}
}

int loop_turn(struct loop *loop, uint64_t until_ns)
{
	struct loop_event events[LOOP_BATCH];
	int n_events;

	n_events = loop->backend->ops->wait(loop->backend, loop_timeout_ns(loop, until_ns), events);
	if (n_events < 0)
		return n_events;
	loop->now_ns = clock_now_ns();
	loop->stats.turns++;
	loop_retry(loop);
	for (int i = 0; i < n_events; i++)
		loop_deliver_event(loop, &events[i]);
	loop_run_timers(loop);
	loop_run_work(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	int r = 0;

	while (r == 0 && !loop->quit)
		r = loop_turn(loop, CLOCK_NEVER);
	loop->quit = false;
	return r;
}

void loop_quit(struct loop *loop)
{
	loop->quit = true;
}
