/* SPDX-License-Identifier: MIT */
/*
 * The request loop: readiness of descriptors, timers, and work put off to the end of a turn.
 *
 *   loop_turn():  wait (io_uring_enter or epoll_wait) until a poll is ready or a timer is due
 *                 -> ready callbacks -> expired callbacks -> deferred work
 *
 * io_uring carries readiness only: one-shot polls, so that every armed poll yields exactly one
 * completion. Bytes and descriptors move by recvmsg/sendmsg in the callbacks, so epoll can run the
 * very same code where io_uring is refused.
 *
 * Owners embed `struct loop_poll`, `loop_timer` and `loop_work`; the loop never frees them. All
 * functions belong to the thread that made the loop; other threads wake it through a descriptor.
 * Callbacks may arm, disarm and free any object, their own included; they do not call loop_turn().
 */
#ifndef NPUD_BASE_LOOP_H
#define NPUD_BASE_LOOP_H

#include "base/clock.h"
#include "base/list.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_slot;

enum loop_kind { LOOP_AUTO, LOOP_URING, LOOP_EPOLL };

/*
 * One-shot readiness of one descriptor. Fields are the loop's, except `fd`, which is readable. A
 * descriptor belongs to one loop_poll at a time: epoll answers -EEXIST to a second one.
 */
struct loop_poll {
	struct loop *loop;
	int fd;
	bool in_epoll;		/* epoll only: the descriptor is registered */
	struct loop_slot *slot; /* the loop's record of the armed poll; NULL: not armed */
	struct list retry_link; /* loop::retries, while loop_poll_keep() could not arm it */
	uint32_t retry_events;	/* 0: it is not there */
	void (*ready)(struct loop_poll *poll, uint32_t revents);
};

/* Fires once, at or after `when_ns` (CLOCK_MONOTONIC). */
struct loop_timer {
	struct loop *loop;
	struct list link; /* loop::timers, by time */
	uint64_t when_ns; /* CLOCK_NEVER: not armed */
	void (*expired)(struct loop_timer *timer);
};

/*
 * Runs once at the end of the present turn, or of the next one when queued outside a turn. What
 * work queues runs in the same turn, too; what that queues, in the next one, which does not wait.
 */
struct loop_work {
	struct loop *loop;
	struct list link; /* loop::work */
	void (*run)(struct loop_work *work);
};

struct loop_stats {
	uint64_t turns;		/* waits that came back */
	uint64_t events;	/* polls that became ready */
	uint64_t cqe_overflows; /* turns that found the completion queue too small; nothing is lost
				 */
};

/*
 * Makes a loop. LOOP_AUTO takes io_uring where the kernel allows it and epoll elsewhere; LOOP_URING
 * fails with the kernel's error instead of falling back.
 */
int loop_new(enum loop_kind kind, struct loop **ret_loop);
/* Takes NULL. Asserts that every poll, timer and work has been disarmed. Returns NULL. */
struct loop *loop_free(struct loop *loop);

/* "io_uring" or "epoll". */
const char *loop_name(const struct loop *loop);
/* Why LOOP_AUTO did not take io_uring and what to do about it; "" otherwise. */
const char *loop_fallback_reason(const struct loop *loop);
const struct loop_stats *loop_get_stats(const struct loop *loop);
/* The time read after the last wait; cheap, and equal for everything that happens in one turn. */
uint64_t loop_now_ns(const struct loop *loop);

void loop_poll_init(struct loop_poll *poll, struct loop *loop, int fd,
		    void (*ready)(struct loop_poll *, uint32_t));
/*
 * Arms for `events` (POLLIN ...); POLLERR and POLLHUP always count. When armed already, the events
 * are replaced, and what became ready for the old ones is not reported. -ENOMEM; on epoll also what
 * it says of a descriptor that cannot be polled (-EBADF, -EPERM for a regular file). With io_uring
 * such a descriptor gets its callback, with POLLNVAL or POLLERR, or always ready, as poll(2) says.
 * On failure the poll is armed as it was before.
 */
int loop_poll_arm(struct loop_poll *poll, uint32_t events);
/*
 * The same for polls that must not be lost, whatever the system is short of: what cannot be armed
 * now is tried again every millisecond, until loop_poll_disarm().
 */
void loop_poll_keep(struct loop_poll *poll, uint32_t events);
/*
 * After this the callback does not run any more and the poll may be freed. Must come before
 * close(fd), also when the poll is not armed. With io_uring the kernel holds the file until the
 * next turn has begun. May be repeated.
 */
void loop_poll_disarm(struct loop_poll *poll);
static inline bool loop_poll_is_armed(const struct loop_poll *poll)
{
	return poll->slot != NULL;
}

void loop_timer_init(struct loop_timer *timer, struct loop *loop,
		     void (*expired)(struct loop_timer *));
/* (Re)arms for an absolute time; CLOCK_NEVER disarms. Equal times fire in the order of arming. */
void loop_timer_arm(struct loop_timer *timer, uint64_t when_ns);

void loop_work_init(struct loop_work *work, struct loop *loop, void (*run)(struct loop_work *));
/* Queues once; a second call before it ran changes nothing. */
void loop_work_queue(struct loop_work *work);
void loop_work_cancel(struct loop_work *work);

/*
 * One turn: waits at most until `until_ns` (CLOCK_NEVER: as long as it takes). It may come back
 * early with nothing done. -errno when the kernel refuses to wait, which is fatal.
 */
int loop_turn(struct loop *loop, uint64_t until_ns);
/* Turns until loop_quit(); -errno as loop_turn(). */
int loop_run(struct loop *loop);
/* Ends loop_run() with the present turn, or before its first one. */
void loop_quit(struct loop *loop);

#endif
