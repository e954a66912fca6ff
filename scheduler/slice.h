/* SPDX-License-Identifier: MIT */
/*
 * How much of a job runs as one batch: pieces for about a quantum, all of it where a cut is not
 * worth it, one at a time while nobody knows how long they are.
 */
#ifndef NPUD_SCHEDULER_SLICE_H
#define NPUD_SCHEDULER_SLICE_H

#include <stdbool.h>

struct sched_job;
struct scheduler;
struct prediction;

/* Whether the policy runs the job by its deadline: it is not cut then. */
bool slice_serves_deadline(const struct scheduler *scheduler, const struct sched_job *job);

/* Whether the longest piece is predicted to end before the device ends it (batch_limit_ns). */
bool slice_fits_limit(const struct scheduler *scheduler, const struct sched_job *job);

/* 1 … all that are left; `prediction` is for that width. */
unsigned slice_pieces(const struct scheduler *scheduler, const struct sched_job *job,
		      unsigned width, const struct prediction *prediction);

#endif
