/* SPDX-License-Identifier: MIT */
/*
 * Admission by forward simulation: the deadline jobs that wait are placed on the cores' predicted
 * release times, earliest deadline first, to see whether all would be on time with one more.
 */
#ifndef NPUD_SCHEDULER_ADMISSION_H
#define NPUD_SCHEDULER_ADMISSION_H

#include "base/tree.h"

#include <stdbool.h>
#include <stdint.h>

struct sched_job;
struct scheduler;

/* Deadline jobs that are looked at; one more is refused. */
#define ADMISSION_JOBS_MAX 128

/* How long the job will take as a whole from where it is, were it to start now. */
uint64_t admission_cost_ns(const struct scheduler *scheduler, const struct sched_job *job);

/*
 * Whether the job may wait beside those of `queues` (struct queue::ready_node; their ready jobs
 * with a deadline). Makes room where that is fair: a job of the tenant that is furthest ahead of
 * its share is shed then. Where it may not, job->missed_ns says by how much the deadline would have
 * to be later (0: too many wait to tell).
 */
bool admission_allows(struct scheduler *scheduler, struct tree *queues, struct sched_job *job,
		      uint64_t now_ns);

#endif
