/* SPDX-License-Identifier: MIT */
/* Whose core it is says the policy; here is when it may be used, and for what. */
#include "scheduler/steal.h"

#include "base/clock.h"
#include "scheduler/scheduler_internal.h"

#define IDLE_MIN_NS (2 * NS_PER_MS)

static uint32_t lent_cores(const struct scheduler *scheduler)
{
	const struct policy_ops *ops = scheduler->policy->ops;

	return ops->lent_cores ? ops->lent_cores(scheduler->policy) : 0;
}

static bool is_short(const struct scheduler *scheduler, const struct sched_job *job)
{
	const struct scheduler_config *config = &scheduler->config;
	uint64_t limit_ns = config->np_cap_ns ? config->np_cap_ns : config->quantum_ns;
	struct prediction prediction;

	scheduler_predict(scheduler, job, 1, &prediction);
	return prediction.is_known && prediction.p90_ns * sched_job_pieces_left(job) <= limit_ns;
}

uint32_t steal_cores(const struct scheduler *scheduler, const struct sched_job *job,
		     uint64_t now_ns)
{
	uint32_t cores = lent_cores(scheduler) & ~job->allowed_mask;

	if (job->core_mask && job->queue->params.core_mask_rule == CORE_MASK_DEMAND)
		cores &= job->core_mask;
	for (unsigned i = 0; cores && i < scheduler->params.n_cores; i++) {
		const struct core *core = &scheduler->cores[i];

		if (core->state != CORE_IDLE || now_ns - core->since_ns < IDLE_MIN_NS)
			cores &= ~core_bit(i);
	}
	return cores && job->n_cores == 1 && is_short(scheduler, job) ? cores : 0;
}

uint64_t steal_next_ns(const struct scheduler *scheduler)
{
	uint32_t cores = scheduler->n_ready ? lent_cores(scheduler) : 0;
	uint64_t next_ns = CLOCK_NEVER;

	for (unsigned i = 0; cores && i < scheduler->params.n_cores; i++) {
		const struct core *core = &scheduler->cores[i];
		uint64_t idle_ns = core->since_ns + IDLE_MIN_NS;

		/* The last pass has made what use of it can be made. */
		if (cores & core_bit(i) && core->state == CORE_IDLE && idle_ns < next_ns &&
		    idle_ns > scheduler->last_pass_ns)
			next_ns = idle_ns;
	}
	return next_ns;
}
