/* SPDX-License-Identifier: MIT */
/*
 * A gang takes exactly the set it names, all of it or nothing; one that may be molded takes any set
 * of a narrower width as well.
 */
#include "scheduler/gang.h"

#include "base/clock.h"
#include "scheduler/scheduler_internal.h"

bool gang_demand_is_valid(const struct sched_job *job, uint32_t all_cores)
{
	uint32_t mask = job->core_mask;

	if (!job->n_cores || job->n_cores > NPU_JOB_RANGES || mask & ~all_cores)
		return false;
	if (!mask)
		return job->n_cores == 1;
	return (unsigned)__builtin_popcount(mask) == job->n_cores;
}

bool gang_may_start(const struct sched_job *job, uint64_t gang_masks)
{
	return job->n_cores == 1 || (job->core_mask < 64 && gang_masks >> job->core_mask & 1);
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

bool gang_width_is_allowed(const struct queue_params *params, unsigned width)
{
	return !params->gang_widths || params->gang_widths >> width & 1;
}

/* The widths below its own that the job may have. */
static uint32_t narrower_widths(const struct scheduler *scheduler, const struct sched_job *job)
{
	uint32_t widths = job->widths & ((1u << job->n_cores) - 1) & ~1u;

	if (job->is_narrow)
		return widths;
	if (!scheduler->config.is_moldable || job->n_cores == 1)
		return 0;
	return job->queue->params.gang_widths ? widths & job->queue->params.gang_widths : widths;
}

bool gang_is_moldable(const struct scheduler *scheduler, const struct sched_job *job)
{
	return narrower_widths(scheduler, job);
}

bool gang_needs_reservation(const struct scheduler *scheduler, const struct sched_job *job)
{
	return job->n_cores > 1 && !(narrower_widths(scheduler, job) & 1u << 1);
}

unsigned gang_widest(const struct sched_job *job)
{
	unsigned width = job->n_cores;

	if (!job->is_narrow)
		return width;
	do
		width--;
	while (!(job->widths >> width & 1));
	return width;
}

static uint32_t queue_cores(const struct scheduler *scheduler, const struct sched_job *job)
{
	return scheduler->policy->ops->cores(scheduler->policy, job->queue);
}

/* Whether the device can start that many of these cores together. */
static bool has_set(const struct scheduler *scheduler, uint32_t cores, unsigned width)
{
	if (width == 1)
		return cores;
	for (uint32_t set = 3; set <= cores && set < 64; set++) {
		if (scheduler->params.gang_masks >> set & 1 && !(set & ~cores) &&
		    (unsigned)__builtin_popcount(set) == width)
			return true;
	}
	return false;
}

uint32_t gang_narrow_widths(const struct scheduler *scheduler, const struct sched_job *job)
{
	uint32_t widths = narrower_widths(scheduler, job);
	uint32_t cores = queue_cores(scheduler, job) & scheduler->live_cores, fitting = 0;

	for (unsigned width = 1; width < job->n_cores; width++) {
		if (widths >> width & 1 && width <= job->queue->params.max_cores &&
		    has_set(scheduler, cores, width))
			fitting |= 1u << width;
	}
	return fitting;
}

uint32_t gang_usable_cores(const struct scheduler *scheduler, const struct sched_job *job,
			   unsigned width)
{
	return width == job->n_cores ? job->allowed_mask : queue_cores(scheduler, job);
}

uint32_t gang_wanted_cores(const struct scheduler *scheduler, const struct sched_job *job)
{
	if (!gang_is_moldable(scheduler, job))
		return job->allowed_mask;
	return job->allowed_mask | queue_cores(scheduler, job);
}

/* Whether the job leaves a core to deadline jobs on that width, or is over soon enough. */
static bool suits_deadlines(const struct scheduler *scheduler, const struct sched_job *job,
			    unsigned width, uint64_t batch_limit_ns)
{
	struct prediction prediction;

	if (width < (unsigned)__builtin_popcount(scheduler->live_cores))
		return true;
	scheduler_predict(scheduler, job, width, &prediction);
	return prediction.p90_ns <= batch_limit_ns;
}

/* Jobs, besides this one, that could use the cores it leaves. */
static bool others_fill(const struct scheduler *scheduler, unsigned n_idle)
{
	return scheduler->n_ready > n_idle;
}

unsigned gang_list_widths(const struct scheduler *scheduler, const struct sched_job *job,
			  unsigned n_idle, unsigned *ret_widths)
{
	const struct policy_ops *ops = scheduler->policy->ops;
	uint32_t narrower = narrower_widths(scheduler, job);
	uint64_t batch_limit_ns = CLOCK_NEVER;
	unsigned n = 0;

	if (!narrower) {
		ret_widths[0] = job->n_cores;
		return 1;
	}
	if (ops->batch_limit_ns)
		batch_limit_ns = ops->batch_limit_ns(scheduler->policy);
	for (unsigned width = job->n_cores; width > 0; width--) {
		if (width == job->n_cores ? job->is_narrow : !(narrower >> width & 1))
			continue;
		if (batch_limit_ns == CLOCK_NEVER ||
		    suits_deadlines(scheduler, job, width, batch_limit_ns))
			ret_widths[n++] = width;
	}
	/* Wide is quick, narrow is efficient. */
	if (batch_limit_ns == CLOCK_NEVER && others_fill(scheduler, n_idle)) {
		for (unsigned i = 0; i < n / 2; i++) {
			unsigned width = ret_widths[i];

			ret_widths[i] = ret_widths[n - 1 - i];
			ret_widths[n - 1 - i] = width;
		}
	}
	return n;
}
