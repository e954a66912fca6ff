/* SPDX-License-Identifier: MIT */
/* The rate is that of a leaky bucket that holds one job more: streams of frames come unevenly. */
#include "scheduler/contract.h"

#include "scheduler/admission.h"
#include "scheduler/gang.h"
#include "scheduler/scheduler_internal.h"

/* Fifteen frames a second come a little sooner than every 66.7 ms. */
#define RATE_SLACK 0.95
/* Sums of fractions are not exact. */
#define ROUNDING 1e-9

double contract_cores(const struct queue_params *params)
{
	return params->period_ns ? (double)params->run_ns / (double)params->period_ns : 0;
}

void scheduler_get_contracts(const struct scheduler *scheduler,
			     struct sched_contracts *ret_contracts)
{
	const struct queue *queue;

	*ret_contracts = (struct sched_contracts){
		.cores = scheduler->config.rt_cap * __builtin_popcount(scheduler->live_cores)};
	list_for_each (queue, &scheduler->queues, link) {
		ret_contracts->n += queue->params.run_ns > 0;
		ret_contracts->reserved_cores += contract_cores(&queue->params);
	}
}

bool contract_fits(const struct scheduler *scheduler, const struct queue_params *params)
{
	struct sched_contracts contracts;

	if (!params->run_ns)
		return true;
	scheduler_get_contracts(scheduler, &contracts);
	return contracts.reserved_cores + contract_cores(params) <= contracts.cores + ROUNDING;
}

static bool is_too_long(const struct scheduler *scheduler, const struct queue *queue,
			const struct sched_job *job)
{
	struct prediction prediction;

	scheduler_predict(scheduler, job, gang_widest(job), &prediction);
	return queue->params.run_ns && prediction.is_known &&
	       admission_cost_ns(scheduler, job) * gang_widest(job) > queue->params.run_ns;
}

bool contract_take(struct scheduler *scheduler, struct queue *queue, struct sched_job *job,
		   uint64_t now_ns)
{
	uint64_t period_ns = queue->params.period_ns;

	if (!period_ns)
		return true;
	if (queue->next_period_ns > now_ns + period_ns || is_too_long(scheduler, queue, job))
		return false;
	if (queue->next_period_ns < now_ns)
		queue->next_period_ns = now_ns;
	queue->next_period_ns += (uint64_t)(RATE_SLACK * (double)period_ns);
	job->is_reserved = queue->params.run_ns > 0;
	return true;
}
