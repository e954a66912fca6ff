/* SPDX-License-Identifier: MIT */
/*
 * The loop over io_uring: arming and disarming only put a slot on a list; the next wait turns the
 * list into submissions and sends them with the same system call that waits.
 *
 * A poll that is armed and disarmed between two waits never reaches the kernel. One that did is
 * cancelled, and its slot is kept until the kernel reports the end of it. The ring is restricted to
 * the two operations used here before it is enabled.
 */
#include "base/clock.h"
#include "base/loop_backend.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>

/* A poll may yield two completions: its own, and that of a cancel that came too late. */
#define SQ_ENTRIES    256
#define CQ_ENTRIES    (2 * 4096)

#define MEMLOCK_BYTES (8ul << 20)

/* How soon to try again what the kernel would not take. */
#define RETRY_NS NS_PER_MS

struct loop_uring {
	struct loop_backend base;
	struct io_uring ring;
	struct list pending; /* loop_slot::link: to arm (poll is set), or to cancel */
};

static struct loop_uring *loop_uring_from(struct loop_backend *backend)
{
	return container_of(backend, struct loop_uring, base);
}

static int loop_uring_arm(struct loop_backend *backend, struct loop_slot *slot)
{
	list_add_tail(&loop_uring_from(backend)->pending, &slot->link);
	return 0;
}

static void loop_uring_drop(struct loop_backend *backend, struct loop_slot *slot)
{
	if (!slot->in_kernel) {
		loop_slot_release(backend->loop, slot);
		return;
	}
	slot->poll = NULL;
	list_add_tail(&loop_uring_from(backend)->pending, &slot->link);
}

static void loop_uring_forget(struct loop_backend *backend, struct loop_poll *poll)
{
}

/*
 * ASYNC_CANCEL and not POLL_REMOVE: while a wakeup of the poll is being worked on, the latter gives
 * up with -EALREADY, and the poll stays when that wakeup turns out to be spurious.
 */
static void loop_uring_prepare(struct loop_uring *uring, struct loop_slot *slot,
			       struct io_uring_sqe *sqe)
{
	if (slot->poll) {
		io_uring_prep_poll_add(sqe, slot->poll->fd, slot->events);
		io_uring_sqe_set_data64(sqe, slot->tag);
		slot->in_kernel = true;
		return;
	}
	io_uring_prep_cancel64(sqe, slot->tag, 0);
	io_uring_sqe_set_data64(sqe, LOOP_TAG_NONE);
	if (uring->ring.features & IORING_FEAT_CQE_SKIP)
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

/* Makes room in a full submission queue; NULL when the kernel takes no more for now. */
static struct io_uring_sqe *loop_uring_get_sqe(struct loop_uring *uring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	if (sqe || io_uring_submit(&uring->ring) <= 0)
		return sqe;
	return io_uring_get_sqe(&uring->ring);
}

/* False: some are left for the next turn. */
static bool loop_uring_prepare_pending(struct loop_uring *uring)
{
	while (!list_is_empty(&uring->pending)) {
		struct io_uring_sqe *sqe = loop_uring_get_sqe(uring);
		struct loop_slot *slot;

		if (!sqe)
			return false;
		slot = list_first(&uring->pending, struct loop_slot, link);
		list_del(&slot->link);
		loop_uring_prepare(uring, slot, sqe);
	}
	return true;
}

/* As poll(2) would have said it. */
static uint32_t revents_of(int result)
{
	if (result >= 0)
		return (uint32_t)result;
	return result == -EBADF ? POLLNVAL : POLLERR;
}

/* True: `*ret_event` is for a poll that still wants it. */
static bool loop_uring_complete(struct loop *loop, const struct io_uring_cqe *cqe,
				struct loop_event *ret_event)
{
	struct loop_slot *slot = loop_slot_find(loop, cqe->user_data);

	if (!slot)
		return false; /* a cancel of its own */
	slot->in_kernel = false;
	if (!slot->poll) {
		loop_slot_release(loop, slot);
		return false;
	}
	*ret_event = (struct loop_event){slot->tag, revents_of(cqe->res)};
	return true;
}

static int loop_uring_reap(struct loop_uring *uring, struct loop_event *events)
{
	struct io_uring_cqe *cqe;
	int n_events = 0;

	while (n_events < LOOP_BATCH && io_uring_peek_cqe(&uring->ring, &cqe) == 0) {
		if (loop_uring_complete(uring->base.loop, cqe, &events[n_events]))
			n_events++;
		io_uring_cqe_seen(&uring->ring, cqe);
	}
	return n_events;
}

/* The kernel keeps what did not fit (IORING_FEAT_NODROP) and delivers it as room is made. */
static void loop_uring_count_overflow(struct loop_uring *uring)
{
	if (io_uring_cq_has_overflow(&uring->ring))
		uring->base.loop->stats.cqe_overflows++;
}

/* Not errors of the loop: time is up, a signal, or the kernel wants completions reaped first. */
static bool wait_error_is_passing(int error)
{
	return error == -ETIME || error == -EINTR || error == -EAGAIN || error == -EBUSY ||
	       error == -ENOMEM;
}

static int loop_uring_wait(struct loop_backend *backend, uint64_t timeout_ns,
			   struct loop_event *events)
{
	struct loop_uring *uring = loop_uring_from(backend);
	struct __kernel_timespec timeout;
	struct io_uring_cqe *cqe;
	int r;

	if (!loop_uring_prepare_pending(uring) && timeout_ns > RETRY_NS)
		timeout_ns = RETRY_NS;
	timeout = (struct __kernel_timespec){.tv_sec = (long long)(timeout_ns / NS_PER_S),
					     .tv_nsec = (long long)(timeout_ns % NS_PER_S)};
	r = io_uring_submit_and_wait_timeout(&uring->ring, &cqe, 1,
					     timeout_ns == CLOCK_NEVER ? NULL : &timeout, NULL);
	if (r < 0 && !wait_error_is_passing(r))
		return r;
	loop_uring_count_overflow(uring);
	return loop_uring_reap(uring, events);
}

static void loop_uring_free(struct loop_backend *backend)
{
	struct loop_uring *uring = loop_uring_from(backend);

	io_uring_queue_exit(&uring->ring);
	free(uring);
}

static const struct loop_backend_ops loop_uring_ops = {
	.name = "io_uring",
	.arm = loop_uring_arm,
	.drop = loop_uring_drop,
	.forget = loop_uring_forget,
	.wait = loop_uring_wait,
	.free = loop_uring_free,
};

/* A privileged process gets as much as it needs, another one what its hard limit allows. */
static void raise_memlock_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (limit.rlim_max < MEMLOCK_BYTES) {
		struct rlimit raised = {MEMLOCK_BYTES, MEMLOCK_BYTES};

		if (setrlimit(RLIMIT_MEMLOCK, &raised) == 0)
			return;
	}
	setrlimit(RLIMIT_MEMLOCK, &limit);
}

static int ring_setup(struct io_uring *ring, unsigned flags)
{
	struct io_uring_params params = {
		.flags = flags | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = CQ_ENTRIES,
	};

	return io_uring_queue_init_params(SQ_ENTRIES, ring, &params);
}

/* What a kernel knows is found by trying: since Linux 6.1, since 5.19, before. */
static int ring_setup_best(struct io_uring *ring)
{
	static const unsigned flags[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL,
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
		0,
	};
	int r = -EINVAL;

	for (unsigned i = 0; r == -EINVAL && i < sizeof(flags) / sizeof(flags[0]); i++) {
		r = ring_setup(ring, flags[i]);
		if (r == -ENOMEM) {
			raise_memlock_limit();
			r = ring_setup(ring, flags[i]);
		}
	}
	return r;
}

/* liburing 2.3 declares but does not export the functions made for the two calls. */
static int ring_restrict_and_enable(struct io_uring *ring)
{
	struct io_uring_restriction allowed[] = {
		{.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_POLL_ADD},
		{.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_ASYNC_CANCEL},
		{.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
		 .sqe_flags = IOSQE_CQE_SKIP_SUCCESS},
	};
	int r;

	r = io_uring_register((unsigned)ring->ring_fd, IORING_REGISTER_RESTRICTIONS, allowed,
			      sizeof(allowed) / sizeof(allowed[0]));
	if (r < 0)
		return r;
	return io_uring_register((unsigned)ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

static int ring_init(struct io_uring *ring)
{
	/* Without EXT_ARG liburing would wait by a timeout operation, which is not allowed. */
	const unsigned needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP;
	int r;

	r = ring_setup_best(ring);
	if (r < 0)
		return r;
	r = -EOPNOTSUPP;
	if ((ring->features & needed) == needed)
		r = ring_restrict_and_enable(ring);
	if (r < 0)
		io_uring_queue_exit(ring);
	return r;
}

int loop_uring_new(struct loop *loop, struct loop_backend **ret_backend)
{
	struct loop_uring *uring = calloc(1, sizeof(*uring));
	int r;

	if (!uring)
		return -ENOMEM;
	uring->base = (struct loop_backend){&loop_uring_ops, loop};
	list_init(&uring->pending);
	r = ring_init(&uring->ring);
	if (r < 0) {
		free(uring);
		return r;
	}
	*ret_backend = &uring->base;
	return 0;
}
