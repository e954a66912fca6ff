/* SPDX-License-Identifier: MIT */
/*
 * Every limit is answered at once, with the time after which asking again makes sense.
 */
#include "sessions/job_room.h"

#include "base/clock.h"
#include "sessions/error.h"
#include "sessions/job.h"
#include "sessions/sessions.h"

#include <errno.h>
#include <stdio.h>

/* What a client is told to wait: not nothing, and not so long that it misses a free place. */
static uint64_t clamp_wait_ns(uint64_t wait_ns)
{
	if (wait_ns < 100 * NS_PER_US)
		return 100 * NS_PER_US;
	return wait_ns < NS_PER_S ? wait_ns : NS_PER_S;
}

/*
 * How long until this session has room again: when the first of its jobs is predicted to end, or
 * the first of all, whose core may be its next; if nothing is predicted, what its jobs took so far.
 */
static uint64_t retry_after_ns_of(const struct session *session)
{
	const struct scheduler *scheduler = session->owner->scheduler;
	const uint32_t own_cores = session->queue.running_mask;
	const uint64_t now_ns = loop_now_ns(session->owner->loop);
	uint64_t end_ns = scheduler_next_end_ns(scheduler, own_cores ? own_cores : UINT32_MAX);

	if (end_ns == UINT64_MAX || end_ns <= now_ns)
		end_ns = now_ns + histogram_percentile(&session->stats.latency, 500);
	return clamp_wait_ns(end_ns > now_ns ? end_ns - now_ns : NS_PER_MS);
}

/* The class's `depth` counts jobs that have not started; a slice's rest is not one of them. */
static struct job *find_waiting(struct session *session, unsigned *ret_n)
{
	struct job *job, *oldest = NULL;
	unsigned n = 0;

	list_for_each (job, &session->jobs, link) {
		if (job->base.state == JOB_RUNNING || job->base.state == JOB_DONE ||
		    job->base.started_ns)
			continue;
		oldest = oldest ? oldest : job;
		n++;
	}
	*ret_n = n;
	return oldest;
}

int job_room_check(struct session *session, struct npu_error *error)
{
	const struct class *class = session->class;
	unsigned n;

	if (!class->depth || class->replaces_oldest)
		return 0;
	find_waiting(session, &n);
	if (n < class->depth)
		return 0;
	error_set(error, EAGAIN, "depth",
		  "%u jobs of this session wait, as many as class \"%s\" allows", n, class->name);
	error->value = n;
	error->max = class->depth;
	error->retry_after_ns = retry_after_ns_of(session);
	return -EAGAIN;
}

void job_room_make(struct session *session)
{
	const struct class *class = session->class;
	struct job *oldest;
	unsigned n;

	if (!class->depth || !class->replaces_oldest)
		return;
	oldest = find_waiting(session, &n);
	if (n <= class->depth)
		return;
	snprintf(oldest->detail, sizeof(oldest->detail),
		 "replaced by a newer job: class \"%s\" keeps %u waiting", class->name,
		 class->depth);
	scheduler_cancel(session->owner->scheduler, &oldest->base, NPU_OUTCOME_CANCELLED);
}

static int charge_queue(struct job *job, struct npu_error *error)
{
	struct account_refusal refusal;

	if (account_charge(&job->session->account, SLOT_JOBS, 1, &job->job_charge, &refusal) == 0)
		return 0;
	error_quota(error, &refusal);
	error->error = EAGAIN;
	error->retry_after_ns = retry_after_ns_of(job->session);
	return -EAGAIN;
}

/* A job longer than the quota itself may wait alone. */
static int charge_wait(struct job *job, struct npu_error *error)
{
	struct session *session = job->session;
	const struct account *tenant = &session->tenant->account;
	const uint64_t limit_ns = tenant->limit[SLOT_WAIT_NS], used_ns = tenant->used[SLOT_WAIT_NS];
	uint64_t wait_ns = scheduler_predict_ns(session->owner->scheduler, &job->base), over_ns;

	if (wait_ns > limit_ns)
		wait_ns = limit_ns;
	if (account_charge(&session->account, SLOT_WAIT_NS, wait_ns, &job->wait_charge, NULL) == 0)
		return 0;
	over_ns = used_ns + wait_ns - limit_ns;
	error_set(error, EAGAIN, "queued_ms_per_tenant",
		  "%.1f ms of core-time wait already, of %.0f, and this job is %.1f more",
		  (double)used_ns / NS_PER_MS, (double)limit_ns / NS_PER_MS,
		  (double)wait_ns / NS_PER_MS);
	error->value = wait_ns / NS_PER_MS;
	error->max = limit_ns / NS_PER_MS;
	error->retry_after_ns = clamp_wait_ns(over_ns / session->owner->device->caps.n_cores);
	return -EAGAIN;
}

int job_room_take(struct job *job, struct npu_error *error)
{
	int r = charge_queue(job, error);

	return r < 0 ? r : charge_wait(job, error);
}
