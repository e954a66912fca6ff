/* SPDX-License-Identifier: MIT */
/*
 * One walk finds one start. There is one reservation at a time, so two gangs never wait for each
 * other; a change of address space on a device that has but one is a reservation of all its cores.
 */
#include "scheduler/dispatch.h"

#include "base/clock.h"
#include "scheduler/class_order.h"
#include "scheduler/gang.h"
#include "scheduler/priority.h"
#include "scheduler/scheduler_internal.h"
#include "scheduler/slice.h"
#include "scheduler/steal.h"

/* A shorter batch is not worth a hole in front of a reservation. */
#define BACKFILL_MIN_NS NS_PER_MS
#define EPOCH_MIN_NS	(5 * NS_PER_MS)
#define EPOCH_SWITCHES	20
/* Queues that are asked whether their address space is warm. */
#define AFFINITY_LOOKS_MAX 8
/* Queues that are looked at for a job to go before a reservation of all idle cores. */
#define BACKFILL_LOOKS_MAX 48

struct pass {
	struct scheduler *scheduler;
	uint64_t now_ns;
	uint32_t idle_cores;
	/* The reservation; `owner` NULL: none yet. */
	const struct sched_job *owner;
	uint32_t reserved_cores;
	uint64_t reserved_ns; /* when they are expected to be free */
	/* One address space for all: a job waits for the end of the stay in another one. */
	bool is_put_off, ignores_epoch;
	unsigned n_looks; /* while all idle cores are reserved */
};

enum fit { FIT_FOUND, FIT_NO_CORES, FIT_HELD_BACK };

/* ---- reservations ---- */

static void reserve(struct pass *pass, const struct sched_job *job, uint32_t cores)
{
	pass->owner = job;
	pass->reserved_cores = cores;
	pass->reserved_ns = pass->now_ns;
	for (unsigned i = 0; i < pass->scheduler->params.n_cores; i++) {
		uint64_t release_ns = scheduler_release_ns(pass->scheduler, i, pass->now_ns);

		if (cores & core_bit(i) && release_ns > pass->reserved_ns)
			pass->reserved_ns = release_ns;
	}
}

static void reserve_for_gang(struct pass *pass, const struct sched_job *head)
{
	struct queue *queue = head->queue;

	if (pass->owner || !gang_needs_reservation(pass->scheduler, head))
		return;
	/* Not while its own session's jobs elsewhere are what it waits for. */
	if (!queue_has_room(queue, queue->running_mask & ~head->allowed_mask, gang_widest(head)))
		return;
	reserve(pass, head, head->allowed_mask);
}

/* As many of the n pieces as end before the reservation; 0: none. */
static unsigned backfill_pieces(const struct pass *pass, const struct sched_job *job,
				const struct prediction *prediction, unsigned n_pieces)
{
	const struct scheduler *scheduler = pass->scheduler;
	double piece_ns = (double)prediction->p90_ns * scheduler->config.backfill_margin;
	double room_ns =
		(double)pass->reserved_ns - (double)pass->now_ns - (double)scheduler->params.gap_ns;

	if (!job->signature || room_ns <= 0)
		return 0;
	if (piece_ns * n_pieces <= room_ns)
		return n_pieces;
	if (n_pieces == 1 || slice_serves_deadline(scheduler, job))
		return 0;
	n_pieces = (unsigned)(room_ns / piece_ns);
	return n_pieces * prediction->p90_ns < BACKFILL_MIN_NS ? 0 : n_pieces;
}

/* ---- address spaces ---- */

static bool needs_switch(const struct pass *pass, const struct sched_job *job, uint32_t cores)
{
	uint64_t domain = job->queue->params.domain;

	for (unsigned i = 0; i < pass->scheduler->params.n_cores; i++) {
		if (cores & core_bit(i) && pass->scheduler->cores[i].domain != domain)
			return true;
	}
	return false;
}

static uint64_t epoch_ns(const struct scheduler *scheduler)
{
	uint64_t epoch_ns = EPOCH_SWITCHES * switches_cost_ns(scheduler);

	if (scheduler->config.epoch_ns)
		return scheduler->config.epoch_ns;
	return epoch_ns > EPOCH_MIN_NS ? epoch_ns : EPOCH_MIN_NS;
}

/* Whether the address space that the device is in has jobs that wait. */
static bool active_domain_is_ready(const struct scheduler *scheduler)
{
	const struct queue *queue;

	list_for_each (queue, &scheduler->queues, link) {
		if (queue->n_ready && queue->params.domain == scheduler->cores[0].domain)
			return true;
	}
	return false;
}

/*
 * Whether the job would have to share the device with another address space, or to end the stay
 * there before its time.
 */
static bool waits_for_domain(struct pass *pass, const struct sched_job *job)
{
	const struct scheduler *scheduler = pass->scheduler;
	uint64_t limit_ns = epoch_ns(scheduler), done_ns;
	struct prediction prediction;

	if (!scheduler->params.has_one_domain || !needs_switch(pass, job, scheduler->live_cores))
		return false;
	if (pass->owner)
		return pass->idle_cores != scheduler->live_cores;
	scheduler_predict(scheduler, job, job->n_cores, &prediction);
	done_ns = pass->now_ns + prediction.p90_ns * sched_job_pieces_left(job);
	if (pass->now_ns - scheduler->epoch_start_ns >= limit_ns ||
	    (job->deadline_ns && done_ns + limit_ns > job->deadline_ns)) {
		if (pass->idle_cores == scheduler->live_cores)
			return false;
		reserve(pass, job, scheduler->live_cores);
		return true;
	}
	if (pass->idle_cores != scheduler->live_cores)
		return true;
	if (pass->ignores_epoch || !active_domain_is_ready(scheduler))
		return false;
	pass->is_put_off = true;
	return true;
}

/* ---- one job on one width ---- */

static bool is_better(const struct dispatch *candidate, const struct dispatch *best)
{
	if (!best->cores || candidate->needs_switch != best->needs_switch)
		return !best->cores || best->needs_switch;
	return candidate->n_pieces > best->n_pieces;
}

static void try_cores(const struct pass *pass, const struct dispatch *batch, uint32_t cores,
		      struct dispatch *best)
{
	struct dispatch candidate = *batch;

	candidate.cores = cores;
	if (pass->owner && pass->owner != batch->job && cores & pass->reserved_cores)
		candidate.n_pieces =
			backfill_pieces(pass, batch->job, &batch->prediction, batch->n_pieces);
	candidate.needs_switch = needs_switch(pass, batch->job, cores);
	if (candidate.n_pieces && is_better(&candidate, best))
		*best = candidate;
}

/* From the highest core down, which keeps {0,1} whole for gangs. */
static void try_single_cores(const struct pass *pass, const struct dispatch *batch, uint32_t usable,
			     struct dispatch *best)
{
	const struct queue *queue = batch->job->queue;
	uint32_t wished = usable & batch->job->core_mask;

	if (queue->params.core_mask_rule == CORE_MASK_WISH && batch->job->n_cores == 1 && wished)
		usable = wished;
	for (unsigned i = pass->scheduler->params.n_cores; i-- > 0;) {
		if (usable & core_bit(i))
			try_cores(pass, batch, core_bit(i), best);
	}
}

static void try_gangs(const struct pass *pass, const struct dispatch *batch, unsigned width,
		      uint32_t usable, struct dispatch *best)
{
	for (uint32_t cores = 3; cores <= usable && cores < 64; cores++) {
		if (pass->scheduler->params.gang_masks >> cores & 1 && !(cores & ~usable) &&
		    (unsigned)__builtin_popcount(cores) == width)
			try_cores(pass, batch, cores, best);
	}
}

/*
 * One batch of unknown length at a time: of the tenant where pieces tell soon how long they are,
 * else of the session. A client's own timeout is a length.
 */
static bool is_distrusted(const struct sched_job *job)
{
	if (job->n_pieces > 1)
		return job->queue->tenant->n_cores;
	return !job->timeout_ns && job->queue->n_unknown;
}

/* Whether rules other than free cores keep the batch from starting. */
static bool is_held_back(const struct pass *pass, const struct dispatch *batch, unsigned width)
{
	const struct scheduler *scheduler = pass->scheduler;
	const struct policy_ops *ops = scheduler->policy->ops;
	const struct prediction *prediction = &batch->prediction;
	const struct sched_job *job = batch->job;
	uint64_t batch_ns = prediction->p90_ns * batch->n_pieces;

	if (!ops->distrusts_unknown || !job->signature)
		return false;
	if (!prediction->is_known && is_distrusted(job))
		return true;
	if (slice_serves_deadline(scheduler, job))
		return false;
	if (ops->may_start && !ops->may_start(scheduler->policy, job, batch_ns, pass->now_ns))
		return true;
	if (!prediction->is_known && job->n_pieces <= 1)
		batch_ns = UINT64_MAX;
	return radius_is_long(scheduler, batch_ns) &&
	       !radius_allows(scheduler, job, width, pass->now_ns);
}

static enum fit fit_width(const struct pass *pass, struct sched_job *job, unsigned width,
			  struct dispatch *ret_dispatch)
{
	const struct scheduler *scheduler = pass->scheduler;
	uint32_t usable = gang_usable_cores(scheduler, job, width) & pass->idle_cores;
	struct dispatch batch = {.job = job}, best = {0};

	if (!usable && width == 1)
		usable = steal_cores(scheduler, job, pass->now_ns) & pass->idle_cores;
	if ((unsigned)__builtin_popcount(usable) < width ||
	    !queue_has_room(job->queue, job->queue->running_mask, width))
		return FIT_NO_CORES;
	if (width > 1 && job->queue->is_slow && job->widths & 1u << 1)
		return FIT_NO_CORES;
	scheduler_predict(scheduler, job, width, &batch.prediction);
	batch.n_pieces = slice_pieces(scheduler, job, width, &batch.prediction);
	if (is_held_back(pass, &batch, width))
		return FIT_HELD_BACK;
	if (width == 1)
		try_single_cores(pass, &batch, usable, &best);
	else if (width < job->n_cores)
		try_gangs(pass, &batch, width, usable, &best);
	else if (usable == job->allowed_mask)
		try_cores(pass, &batch, usable, &best);
	if (!best.cores)
		return FIT_NO_CORES;
	*ret_dispatch = best;
	return FIT_FOUND;
}

static enum fit fit_job(const struct pass *pass, struct sched_job *job,
			struct dispatch *ret_dispatch)
{
	unsigned widths[NPU_JOB_RANGES], n;
	enum fit fit = FIT_NO_CORES;

	n = gang_list_widths(pass->scheduler, job, (unsigned)__builtin_popcount(pass->idle_cores),
			     widths);
	for (unsigned i = 0; i < n && fit != FIT_FOUND; i++)
		fit = fit_width(pass, job, widths[i], ret_dispatch);
	return fit;
}

/* ---- the walk ---- */

/* A job behind the head that fits, where the head has to wait for its cores. */
static bool pick_behind_head(const struct pass *pass, struct queue *queue,
			     struct dispatch *ret_dispatch)
{
	struct pass unreserved = *pass;
	struct sched_job *job;
	uint32_t wanted = 0;

	if (queue->n_overtakes >= QUEUE_OVERTAKES_MAX)
		return false;
	unreserved.idle_cores &= ~pass->reserved_cores;
	/* Spares the scan in most queues when a core is idle that they may not use. */
	if (!(queue->ready_cores & unreserved.idle_cores))
		return false;
	list_for_each (job, &queue->ready, link) {
		wanted |= gang_wanted_cores(pass->scheduler, job);
		if (fit_job(&unreserved, job, ret_dispatch) == FIT_FOUND)
			return true;
	}
	queue->ready_cores = wanted;
	return false;
}

static bool pick_from_queue(struct pass *pass, struct queue *queue, struct dispatch *ret_dispatch)
{
	struct scheduler *scheduler = pass->scheduler;
	const struct policy_ops *ops = scheduler->policy->ops;
	struct sched_job *head = queue_head(queue);

	if (ops->is_hopeless && ops->is_hopeless(scheduler->policy, head, pass->now_ns)) {
		*ret_dispatch = (struct dispatch){.job = head};
		return true;
	}
	if (queue->held_until_ns > pass->now_ns || waits_for_domain(pass, head))
		return false;
	switch (fit_job(pass, head, ret_dispatch)) {
	case FIT_FOUND:
		return true;
	case FIT_HELD_BACK:
		return false;
	case FIT_NO_CORES:
		break;
	}
	reserve_for_gang(pass, head);
	return pick_behind_head(pass, queue, ret_dispatch);
}

/* The first ready job that must run with nobody beside it; NULL: none that may start. */
static struct sched_job *find_alone(const struct pass *pass)
{
	struct sched_job *job;
	struct queue *queue;

	list_for_each (queue, &pass->scheduler->queues, link) {
		if (queue->held_until_ns > pass->now_ns)
			continue;
		list_for_each (job, &queue->ready, link) {
			if (job->needs_alone)
				return job;
		}
	}
	return NULL;
}

static bool is_one_alone(const struct scheduler *scheduler)
{
	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		if (scheduler->cores[i].job && scheduler->cores[i].job->needs_alone)
			return true;
	}
	return false;
}

/* True when a job that must run alone decides: it runs, starts now, or waits for the cores. */
static bool dispatch_alone(const struct pass *pass, struct dispatch *ret_dispatch)
{
	struct sched_job *job;

	*ret_dispatch = (struct dispatch){0};
	if (is_one_alone(pass->scheduler))
		return true;
	job = find_alone(pass);
	if (!job)
		return false;
	if (pass->idle_cores != pass->scheduler->live_cores)
		return true;
	return fit_job(pass, job, ret_dispatch) == FIT_FOUND;
}

static bool may_prefer_warm(const struct pass *pass, const struct dispatch *dispatch)
{
	const struct scheduler *scheduler = pass->scheduler;

	return dispatch->cores && dispatch->needs_switch && scheduler->config.affinity_ns &&
	       scheduler->policy->ops->is_close &&
	       (!scheduler->affinity_since_ns ||
		pass->now_ns - scheduler->affinity_since_ns < scheduler->config.affinity_max_ns);
}

/*
 * The start that was found would change an address space: one that need not, and whose turn is as
 * good as due, goes before it. Not for longer than affinity_max in a row.
 */
static void prefer_warm(const struct pass *pass, struct queue *first, struct dispatch *dispatch)
{
	struct scheduler *scheduler = pass->scheduler;
	struct policy *policy = scheduler->policy;
	struct queue *queue = first;
	struct dispatch warm;

	if (may_prefer_warm(pass, dispatch)) {
		for (unsigned i = 0; i < AFFINITY_LOOKS_MAX; i++) {
			queue = policy->ops->next(policy, queue);
			if (!queue || !policy->ops->is_close(policy, first, queue))
				break;
			if (queue->params.priority < first->params.priority ||
			    fit_job(pass, queue_head(queue), &warm) != FIT_FOUND ||
			    warm.needs_switch)
				continue;
			if (!scheduler->affinity_since_ns)
				scheduler->affinity_since_ns = pass->now_ns;
			*dispatch = warm;
			return;
		}
	}
	scheduler->affinity_since_ns = 0;
}

/* What may still go before the reservation is not worth a walk over all queues. */
static bool has_looked_enough(const struct pass *pass)
{
	return pass->owner && !(pass->idle_cores & ~pass->reserved_cores) &&
	       pass->n_looks >= BACKFILL_LOOKS_MAX;
}

/* The queues of one priority, or all of them where it is negative. */
static bool walk(struct pass *pass, int priority, struct dispatch *ret_dispatch)
{
	struct scheduler *scheduler = pass->scheduler;
	struct policy *policy = scheduler->policy;
	struct queue *queue = NULL;

	policy->ops->begin(policy, pass->now_ns, priority);
	while ((queue = policy->ops->next(policy, queue))) {
		if (priority >= 0 &&
		    priority_of(scheduler, queue, pass->now_ns) != (unsigned)priority)
			continue;
		if (pick_from_queue(pass, class_order_take(scheduler, queue, pass->now_ns),
				    ret_dispatch)) {
			prefer_warm(pass, queue, ret_dispatch);
			return true;
		}
		pass->n_looks += pass->owner != NULL;
		if (has_looked_enough(pass))
			return false;
	}
	return false;
}

static bool walk_by_priority(struct pass *pass, struct dispatch *ret_dispatch)
{
	int priority = PRIORITY_AGED + 1;

	class_order_begin(pass->scheduler);
	if (!pass->scheduler->priorities.n_queues)
		return walk(pass, -1, ret_dispatch);
	while (!has_looked_enough(pass) &&
	       (priority = priority_find(pass->scheduler, priority, pass->now_ns)) >= 0) {
		if (walk(pass, priority, ret_dispatch))
			return true;
	}
	return false;
}

bool dispatch_next(struct scheduler *scheduler, struct dispatch *ret_dispatch)
{
	struct pass pass = {.scheduler = scheduler, .now_ns = scheduler_now_ns(scheduler)};

	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		if (scheduler->cores[i].state == CORE_IDLE)
			pass.idle_cores |= core_bit(i);
	}
	if (!pass.idle_cores || !scheduler->n_ready)
		return false;
	if (scheduler->n_alone && dispatch_alone(&pass, ret_dispatch))
		return ret_dispatch->cores;
	if (walk_by_priority(&pass, ret_dispatch))
		return true;
	/* Those for whom it was put off cannot start: the device does not stand idle for them. */
	pass.ignores_epoch = true;
	return pass.is_put_off && walk_by_priority(&pass, ret_dispatch);
}
