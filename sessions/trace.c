/* SPDX-License-Identifier: MIT */
/* One record per job: bounded, and written once, when all there is to know is known. */
#include "sessions/trace.h"

#include "sessions/job.h"
#include "sessions/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int trace_start(struct trace *trace)
{
	if (trace->records)
		return -EALREADY;
	trace->records = calloc(TRACE_RECORDS_MAX, sizeof(*trace->records));
	trace->n_records = 0;
	return trace->records ? 0 : -ENOMEM;
}

void trace_stop(struct trace *trace)
{
	free(trace->records);
	*trace = (struct trace){0};
}

void trace_add_job(struct trace *trace, const struct job *job)
{
	const struct session *session = job->session;
	const struct sched_job *base = &job->base;
	struct trace_record *record;

	if (!trace->records)
		return;
	record = &trace->records[trace->n_records++ % TRACE_RECORDS_MAX];
	*record = (struct trace_record){
		.job_id = base->id,
		.session_id = session->id,
		.submitted_ns = base->submitted_ns,
		.started_ns = base->started_ns,
		.done_ns = base->done_ns,
		.deadline_ns = base->deadline_ns,
		.device_ns = base->device_ns,
		.signature = base->signature,
		.uid = session->identity.uid,
		.cores = base->used_mask,
		.n_cores = base->n_cores,
		.core_mask = base->core_mask,
		.widths = base->widths,
		.n_tasks = base->n_tasks[0],
		.n_pieces = base->n_pieces > 1 ? base->n_pieces : 1,
		.priority = base->priority,
		.late_rule = base->late_rule,
		.timeout_ns = base->timeout_ns,
		.width = base->batch_width,
		.outcome = base->outcome,
	};
	snprintf(record->comm, sizeof(record->comm), "%.31s", session->identity.comm);
	snprintf(record->class, sizeof(record->class), "%.31s",
		 session->class ? session->class->name : "");
}

unsigned trace_count(const struct trace *trace)
{
	return trace->n_records < TRACE_RECORDS_MAX ? (unsigned)trace->n_records
						    : TRACE_RECORDS_MAX;
}

const struct trace_record *trace_get(const struct trace *trace, unsigned i)
{
	uint64_t first = trace->n_records - trace_count(trace);

	return &trace->records[(first + i) % TRACE_RECORDS_MAX];
}
