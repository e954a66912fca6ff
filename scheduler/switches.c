/* SPDX-License-Identifier: MIT */
/* A moving mean: one late wake-up of the daemon among many does not count for much. */
#include "scheduler/switches.h"

#include "scheduler/scheduler_internal.h"

#define MEMORY 16

void switches_observe(struct switches *switches, const struct sched_job *job, uint64_t now_ns)
{
	unsigned kind = job->has_switched;
	uint64_t n = ++switches->kinds[kind].n;
	double lost_ns = (double)(now_ns - job->batch_start_ns) - (double)job->share_ns;

	switches->kinds[kind].lost_ns +=
		(lost_ns - switches->kinds[kind].lost_ns) / (double)(n < MEMORY ? n : MEMORY);
}

uint64_t switches_cost_ns(const struct scheduler *scheduler)
{
	const struct switches *switches = &scheduler->switches;
	double cost_ns = switches->kinds[1].lost_ns - switches->kinds[0].lost_ns;

	if (switches->kinds[0].n < SWITCHES_KNOWN_AFTER ||
	    switches->kinds[1].n < SWITCHES_KNOWN_AFTER)
		return scheduler->params.switch_ns;
	return cost_ns > 0 ? (uint64_t)cost_ns : 0;
}
