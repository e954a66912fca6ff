/* SPDX-License-Identifier: MIT */
/* Who was active lately is kept as the last two, so that asking costs nothing. */
#include "scheduler/radius.h"

#include "base/clock.h"
#include "scheduler/scheduler_internal.h"

#include <math.h>

#define ACTIVE_NS NS_PER_S

void radius_add_job(struct radius *radius, struct sched_tenant *tenant, uint64_t now_ns)
{
	if (!tenant->n_jobs++)
		radius->n_active++;
	if (radius->last_tenant != tenant)
		radius->other_ns = radius->last_ns;
	radius->last_tenant = tenant;
	radius->last_ns = now_ns;
}

void radius_remove_job(struct radius *radius, struct sched_tenant *tenant)
{
	if (!--tenant->n_jobs)
		radius->n_active--;
}

void radius_forget(struct radius *radius, const struct sched_tenant *tenant)
{
	if (radius->last_tenant == tenant)
		radius->last_tenant = NULL;
}

static double decayed(const struct radius *radius, uint64_t now_ns)
{
	return radius->short_cores * exp(-(double)(now_ns - radius->short_ns) / NS_PER_S);
}

void radius_add_short(struct radius *radius, uint64_t core_ns, uint64_t now_ns)
{
	radius->short_cores = decayed(radius, now_ns) + (double)core_ns / NS_PER_S;
	radius->short_ns = now_ns;
}

static bool others_are_active(const struct radius *radius, const struct sched_tenant *tenant,
			      uint64_t now_ns)
{
	uint64_t other_ns = radius->last_tenant == tenant ? radius->other_ns : radius->last_ns;

	if (radius->n_active > (tenant->n_jobs ? 1 : 0))
		return true;
	return other_ns && now_ns - other_ns < ACTIVE_NS;
}

bool radius_is_long(const struct scheduler *scheduler, uint64_t batch_ns)
{
	const struct policy_ops *ops = scheduler->policy->ops;
	double limit_ns = scheduler->config.long_factor * (double)scheduler->config.quantum_ns;

	if (ops->batch_limit_ns) {
		uint64_t batch_limit_ns = ops->batch_limit_ns(scheduler->policy);

		if (batch_limit_ns != CLOCK_NEVER && 2. * (double)batch_limit_ns < limit_ns)
			limit_ns = 2. * (double)batch_limit_ns;
	}
	return (double)batch_ns > limit_ns;
}

bool radius_allows(const struct scheduler *scheduler, const struct sched_job *job, unsigned width,
		   uint64_t now_ns)
{
	unsigned n_cores = (unsigned)__builtin_popcount(scheduler->live_cores), n_long = 0;

	if (width >= n_cores || !others_are_active(&scheduler->radius, job->queue->tenant, now_ns))
		return true;
	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		const struct sched_job *running = scheduler->cores[i].job;

		n_long += running && running->is_long;
	}
	if (n_long + width > n_cores - 1)
		return false;
	return !n_long || (n_cores - n_long - width) * scheduler->config.short_umax >=
				  decayed(&scheduler->radius, now_ns);
}
