/* SPDX-License-Identifier: MIT */
/*
 * Work for a core that a partition leaves idle. Under `pinned` the class that a core belongs to may
 * lend it: once it has been idle for a while, a job that may not use it otherwise may, if it is
 * known to be short. The owner waits for that one job at most.
 */
#ifndef NPUD_SCHEDULER_STEAL_H
#define NPUD_SCHEDULER_STEAL_H

#include <stdint.h>

struct sched_job;
struct scheduler;

/* The idle cores that the job may use though they are not its own; 0: none. */
uint32_t steal_cores(const struct scheduler *scheduler, const struct sched_job *job,
		     uint64_t now_ns);
/* When a core that is lent will have been idle for long enough, while jobs wait; CLOCK_NEVER. */
uint64_t steal_next_ns(const struct scheduler *scheduler);

#endif
