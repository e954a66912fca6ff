/* SPDX-License-Identifier: MIT */
/*
 * A recording of the jobs that ended or were refused as late, for people who want to see what ran
 * when and for npu-sim.
 * While it is on it holds the last TRACE_RECORDS_MAX jobs; off it holds nothing.
 */
#ifndef NPUD_SESSIONS_TRACE_H
#define NPUD_SESSIONS_TRACE_H

#include "npu_protocol.h"
#include "scheduler/queue.h"

#include <stdbool.h>
#include <stdint.h>

#define TRACE_RECORDS_MAX 16384u

struct job;

/* Times are the loop's; 0: never, or none. */
struct trace_record {
	uint64_t job_id, session_id;
	uint64_t submitted_ns, started_ns, done_ns, deadline_ns;
	uint64_t device_ns; /* core-time used */
	uint64_t signature; /* equal for jobs of one kind */
	uint32_t uid, cores /* it ran on */, n_cores;
	/* What it said of itself: as in struct sched_job. */
	uint32_t core_mask, widths;
	unsigned n_tasks /* of a share */, n_pieces;
	int priority;
	enum late_rule late_rule;
	uint64_t timeout_ns;
	unsigned width; /* of its last batch; 0: it never ran */
	enum npu_outcome outcome;
	char comm[NPU_NAME_MAX], class[NPU_NAME_MAX];
};

struct trace {
	struct trace_record *records; /* owned ring; NULL: off */
	uint64_t n_records;	      /* ever; the last ones are there */
};

/* -EALREADY when it is on, -ENOMEM. */
int trace_start(struct trace *trace);
/* Forgets everything; harmless when it is off. */
void trace_stop(struct trace *trace);
static inline bool trace_is_on(const struct trace *trace)
{
	return trace->records;
}
/* The job is over and still whole. Does nothing when it is off. */
void trace_add_job(struct trace *trace, const struct job *job);
/* How many records there are; the i-th, oldest first. */
unsigned trace_count(const struct trace *trace);
const struct trace_record *trace_get(const struct trace *trace, unsigned i);

#endif
