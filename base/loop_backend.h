/* SPDX-License-Identifier: MIT */
/*
 * Between the loop and what it waits with; for base/loop*.c only.
 *
 * An armed poll is a slot in the loop's table. The kernel is given the slot's tag {generation,
 * index}, never a pointer, and hands it back when the poll is ready. The owner may free its
 * loop_poll at once after disarming: what the kernel still knows of it is the slot's business.
 *
 *   free --arm--> armed --ready--> in the batch of events --deliver--> free
 *                   '--disarm--> dropped: poll is NULL --the kernel let go of it--> free
 *
 * A slot's generation changes when it becomes free, so a tag from before names nothing.
 */
#ifndef NPUD_BASE_LOOP_BACKEND_H
#define NPUD_BASE_LOOP_BACKEND_H

#include "base/loop.h"

/* Events that one wait returns at most; the rest stays with the kernel until the next turn. */
#define LOOP_BATCH 256

/* An index that no slot has: tags made of it name nothing. */
#define LOOP_TAG_NONE UINT64_C(0xffffffff)

struct loop_slot {
	struct list link;	/* loop::free_slots, loop_uring::pending, or none */
	struct loop_poll *poll; /* NULL: free or dropped */
	uint64_t tag;
	uint32_t events;
	bool in_kernel; /* io_uring only: submitted, and its completion not seen yet */
};

struct loop_event {
	uint64_t tag;
	uint32_t revents;
};

struct loop_backend;

struct loop_backend_ops {
	const char *name;
	/* Starts watching `slot->poll->fd` for `slot->events`, one-shot, in place of its old slot.
	 */
	int (*arm)(struct loop_backend *backend, struct loop_slot *slot);
	/* Nobody waits for `slot` any more; releases it as soon as the kernel has no more use of
	 * it. */
	void (*drop)(struct loop_backend *backend, struct loop_slot *slot);
	/* The descriptor of a poll that is not armed may be closed after this. */
	void (*forget)(struct loop_backend *backend, struct loop_poll *poll);
	/*
	 * Waits until something is ready or `timeout_ns` passed (CLOCK_NEVER: no timeout), and
	 * returns the number of events stored in `events[LOOP_BATCH]`, possibly 0, or -errno.
	 */
	int (*wait)(struct loop_backend *backend, uint64_t timeout_ns, struct loop_event *events);
	void (*free)(struct loop_backend *backend);
};

struct loop_backend {
	const struct loop_backend_ops *ops;
	struct loop *loop; /* owner */
};

struct loop {
	struct loop_backend *backend; /* owned */
	struct list timers;	      /* loop_timer::link, by time */
	struct list work;	      /* loop_work::link, in order of queueing */
	struct list retries;	      /* loop_poll::retry_link */
	struct loop_slot **chunks; /* owned; slots never move, the kernel's tags find them here */
	uint32_t n_chunks, n_armed;
	struct list free_slots;
	uint64_t now_ns;
	bool quit;
	struct loop_stats stats;
	char fallback_reason[160];
};

/* NULL for a tag that names no slot in use any more. */
struct loop_slot *loop_slot_find(const struct loop *loop, uint64_t tag);
/* Makes the slot free, and every copy of its tag stale; takes it off whatever list it is on. */
void loop_slot_release(struct loop *loop, struct loop_slot *slot);

/*
 * -EOPNOTSUPP on kernels before Linux 5.11; otherwise the error of io_uring_setup(2):
 * -EPERM, -ENOSYS, -ENOMEM ...
 */
int loop_uring_new(struct loop *loop, struct loop_backend **ret_backend);
int loop_epoll_new(struct loop *loop, struct loop_backend **ret_backend);

#endif
