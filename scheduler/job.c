/* SPDX-License-Identifier: MIT */
/* The life of a job: the table of job.h, and the times at which it moved. */
#include "scheduler/job.h"

#include <assert.h>
#include <stdbool.h>

#define BIT(state) (1u << (state))

static const unsigned transitions[] = {
	[JOB_NEW] = BIT(JOB_BLOCKED) | BIT(JOB_READY) | BIT(JOB_DONE),
	[JOB_BLOCKED] = BIT(JOB_READY) | BIT(JOB_DONE),
	[JOB_READY] = BIT(JOB_RUNNING) | BIT(JOB_DONE),
	[JOB_RUNNING] = BIT(JOB_READY) | BIT(JOB_DONE),
	[JOB_DONE] = 0,
};

const char *job_state_name(enum job_state state)
{
	static const char *const names[] = {
		[JOB_NEW] = "new",	   [JOB_BLOCKED] = "blocked", [JOB_READY] = "ready",
		[JOB_RUNNING] = "running", [JOB_DONE] = "done",
	};

	return names[state];
}

void sched_job_set_state(struct sched_job *job, enum job_state next, uint64_t now_ns)
{
	bool is_allowed = transitions[job->state] & BIT(next);

	assert(is_allowed);
	(void)is_allowed; /* without assertions */
	if (job->state == JOB_NEW)
		job->submitted_ns = now_ns;
	switch (next) {
	case JOB_READY:
		job->ready_ns = now_ns;
		break;
	case JOB_RUNNING:
		if (!job->started_ns)
			job->started_ns = now_ns;
		break;
	case JOB_DONE:
		job->done_ns = now_ns;
		break;
	case JOB_NEW:
	case JOB_BLOCKED:
		break;
	}
	job->state = next;
}
