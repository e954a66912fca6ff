/* SPDX-License-Identifier: MIT */
/*
 * Time of a core: how long it has been at work, and how long the RK3588 would have been.
 *
 * Device time is the CPU time that the core's thread has used, plus the time it has waited for
 * something with its work unfinished; so a stalled host makes no task look slow. The caller locks.
 */
#ifndef NPUD_DEVICE_SOFT_CLOCK_H
#define NPUD_DEVICE_SOFT_CLOCK_H

#include "device/soft/soft.h"

#include <stdint.h>
#include <time.h>

struct soft_stopwatch {
	clockid_t cpu_clock;	   /* of the core's thread */
	uint64_t cpu_start_ns;	   /* by cpu_clock */
	uint64_t waited_ns;	   /* so far, not counting the present wait */
	uint64_t waiting_since_ns; /* monotonic; 0 while not waiting */
	uint64_t final_ns;
	bool is_stopped; /* final_ns is valid */
};

void soft_stopwatch_start(struct soft_stopwatch *watch, clockid_t cpu_clock);
/* Waiting begins; also takes up a watch again that was stopped. */
void soft_stopwatch_wait(struct soft_stopwatch *watch);
void soft_stopwatch_resume(struct soft_stopwatch *watch);
/* The same, but no more than `most_ns` of the wait count. */
void soft_stopwatch_resume_after(struct soft_stopwatch *watch, uint64_t most_ns);
/* Harmless when repeated. */
void soft_stopwatch_stop(struct soft_stopwatch *watch);
uint64_t soft_stopwatch_read_ns(const struct soft_stopwatch *watch);

/* What a task does, as far as its duration depends on it. */
struct soft_work {
	uint64_t macs, macs_per_cycle;
	uint64_t bytes; /* read and written in memory */
};

/* Duration at 1 GHz with `n_active` cores sharing the memory: compute and transfer overlap. */
uint64_t soft_work_duration_ns(const struct soft_work *work, const struct soft_options *options,
			       unsigned n_active);

#endif
