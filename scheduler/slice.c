/* SPDX-License-Identifier: MIT */
/* A cut costs a gap, and for a gang a drain of its cores; not making one costs others the wait. */
#include "scheduler/slice.h"

#include "base/clock.h"
#include "scheduler/scheduler_internal.h"

/* Predictions err: where the device ends what is too long, batches stay well below that. */
#define LIMIT_SHARE 0.6

bool slice_serves_deadline(const struct scheduler *scheduler, const struct sched_job *job)
{
	return scheduler->policy->ops->batch_limit_ns && job->deadline_ns &&
	       job->queue->params.kind == QUEUE_RT;
}

static double quantum_ns(const struct scheduler *scheduler, unsigned width, uint64_t batch_limit_ns)
{
	const struct scheduler_config *config = &scheduler->config;

	if (batch_limit_ns != CLOCK_NEVER)
		return (double)batch_limit_ns;
	if (width > 1 && config->gang_quantum_ns > config->quantum_ns)
		return (double)config->gang_quantum_ns;
	return (double)config->quantum_ns;
}

bool slice_fits_limit(const struct scheduler *scheduler, const struct sched_job *job)
{
	const unsigned width = job->is_narrow ? (unsigned)__builtin_ctz(job->widths) : job->n_cores;
	struct prediction prediction;

	if (!scheduler->params.batch_limit_ns)
		return true;
	scheduler_predict(scheduler, job, width, &prediction);
	return !prediction.is_known || prediction.p90_ns <= scheduler->params.batch_limit_ns;
}

static unsigned wanted_pieces(const struct scheduler *scheduler, const struct sched_job *job,
			      unsigned width, const struct prediction *prediction)
{
	const struct policy_ops *ops = scheduler->policy->ops;
	unsigned left = sched_job_pieces_left(job), n;
	uint64_t batch_limit_ns = CLOCK_NEVER;
	double quantum, piece_ns = (double)prediction->p90_ns;

	if (left == 1 || slice_serves_deadline(scheduler, job))
		return left;
	if (!prediction->is_known)
		return 1;
	if (ops->batch_limit_ns)
		batch_limit_ns = ops->batch_limit_ns(scheduler->policy);
	quantum = quantum_ns(scheduler, width, batch_limit_ns);
	if (batch_limit_ns == CLOCK_NEVER &&
	    piece_ns * left <= scheduler->config.hold_factor * quantum)
		return left;
	if (piece_ns * left <= quantum)
		return left;
	n = quantum > piece_ns ? (unsigned)(quantum / piece_ns) : 1;
	/* No crumbs. */
	return left - n < 0.25 * n ? left : n;
}

unsigned slice_pieces(const struct scheduler *scheduler, const struct sched_job *job,
		      unsigned width, const struct prediction *prediction)
{
	const unsigned n = wanted_pieces(scheduler, job, width, prediction);
	const double most_ns = LIMIT_SHARE * (double)scheduler->params.batch_limit_ns;
	const double piece_ns = (double)prediction->p90_ns;

	if (!scheduler->params.batch_limit_ns || n == 1)
		return n;
	/* However urgent: what is too long for the device would not come to an end. */
	if (!prediction->is_known)
		return 1;
	if (piece_ns * n <= most_ns)
		return n;
	return most_ns > piece_ns ? (unsigned)(most_ns / piece_ns) : 1;
}
