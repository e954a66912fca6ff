/* SPDX-License-Identifier: MIT */
/*
 * Placement: single-core jobs fill cores from the highest down, which keeps {0,1} whole for gangs;
 * a gang takes exactly the set it names, all of it or nothing, and reserves it while it waits.
 */
#include "scheduler/gang.h"

#include "scheduler/scheduler_internal.h"

bool gang_demand_is_valid(const struct sched_job *job, uint32_t all_cores, uint64_t gang_masks)
{
	uint32_t mask = job->core_mask;

	if (!job->n_cores || job->n_cores > NPU_JOB_RANGES || mask & ~all_cores)
		return false;
	if (!mask)
		return job->n_cores == 1;
	if ((unsigned)__builtin_popcount(mask) != job->n_cores)
		return false;
	return job->n_cores == 1 || (mask < 64 && gang_masks >> mask & 1);
}

uint32_t gang_allowed_cores(const struct sched_job *job, enum core_mask_rule rule, uint32_t cores)
{
	if (job->n_cores > 1)
		return job->core_mask & ~cores ? 0 : job->core_mask;
	if (!job->core_mask || rule != CORE_MASK_DEMAND)
		return cores;
	return job->core_mask & cores;
}

bool gang_fits(const struct sched_job *job, uint32_t allowed_mask, uint32_t cores)
{
	uint32_t usable = allowed_mask & cores;

	return usable && (job->n_cores == 1 || usable == allowed_mask);
}

uint32_t gang_choose_cores(const struct sched_job *job, enum core_mask_rule rule,
			   uint32_t free_mask)
{
	uint32_t usable = job->allowed_mask & free_mask;
	uint32_t wished = usable & job->core_mask;

	if (!gang_fits(job, job->allowed_mask, free_mask))
		return 0;
	if (job->n_cores > 1)
		return usable;
	if (rule == CORE_MASK_WISH && wished)
		return wished;
	return core_bit(31u - (unsigned)__builtin_clz(usable));
}

/* ---- the walk over the rank ---- */

/* What one walk over the rank has found out. */
struct walk {
	uint32_t free_cores; /* idle and not reserved */
	bool has_reservation;
};

/*
 * The first gang that waits for its cores keeps them from everyone behind it, or a flood of small
 * jobs would starve it. Only one at a time does, so two never wait for each other.
 */
static void reserve_cores(struct queue *queue, const struct sched_job *head, struct walk *walk)
{
	if (head->n_cores == 1 || walk->has_reservation)
		return;
	/* Not while its own session's jobs elsewhere are what it waits for. */
	if (!queue_has_room(queue, queue->running_mask & ~head->allowed_mask, head->n_cores))
		return;
	walk->has_reservation = true;
	walk->free_cores &= ~head->allowed_mask;
}

/* The cores to start the job on, or 0. */
static uint32_t fit_job(const struct queue *queue, const struct sched_job *job,
			const struct walk *walk)
{
	if (!queue_has_room(queue, queue->running_mask, job->n_cores))
		return 0;
	return gang_choose_cores(job, queue->params.core_mask_rule, walk->free_cores);
}

/* A job behind the head that fits, where the head has to wait for its cores. */
static struct sched_job *pick_behind_head(struct queue *queue, const struct walk *walk,
					  uint32_t *ret_cores)
{
	struct sched_job *job;
	uint32_t wanted = 0;

	if (queue->n_overtakes >= QUEUE_OVERTAKES_MAX)
		return NULL;
	/* Spares the scan in most queues when a core is idle that they may not use. */
	if (!(queue->ready_cores & walk->free_cores))
		return NULL;
	list_for_each (job, &queue->ready, link) {
		wanted |= job->allowed_mask;
		*ret_cores = fit_job(queue, job, walk);
		if (*ret_cores)
			return job;
	}
	queue->ready_cores = wanted;
	return NULL;
}

static struct sched_job *pick_from_queue(struct queue *queue, struct walk *walk,
					 uint32_t *ret_cores)
{
	struct sched_job *head = queue_head(queue);

	*ret_cores = fit_job(queue, head, walk);
	if (*ret_cores)
		return head;
	reserve_cores(queue, head, walk);
	return pick_behind_head(queue, walk, ret_cores);
}

struct sched_job *gang_pick_job(struct scheduler *scheduler, uint32_t *ret_cores)
{
	struct policy *policy = scheduler->policy;
	struct sched_job *job = NULL;
	struct queue *queue = NULL;
	struct walk walk = {0};

	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		if (scheduler->cores[i].state == CORE_IDLE)
			walk.free_cores |= core_bit(i);
	}
	if (!walk.free_cores || !scheduler->n_ready)
		return NULL;
	policy->ops->begin(policy);
	while (!job && walk.free_cores && (queue = policy->ops->next(policy, queue)))
		job = pick_from_queue(queue, &walk, ret_cores);
	return job;
}
