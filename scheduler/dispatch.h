/* SPDX-License-Identifier: MIT */
/*
 * The dispatch pass: which job starts next, on which cores, and how much of it. It starts nothing.
 */
#ifndef NPUD_SCHEDULER_DISPATCH_H
#define NPUD_SCHEDULER_DISPATCH_H

#include "scheduler/predict.h"

#include <stdbool.h>
#include <stdint.h>

struct scheduler;
struct sched_job;

struct dispatch {
	struct sched_job *job;
	uint32_t cores;	   /* 0: its deadline cannot be met, it is to end as late */
	unsigned n_pieces; /* of the batch */
	bool needs_switch; /* another address space than what ran there */
	struct prediction prediction;
};

/*
 * Walks the policy's order. The first gang that finds its cores busy reserves them, and what comes
 * after it may use them only as far as it is predicted to be done by then (EASY back-filling).
 * False when nothing can start.
 */
bool dispatch_next(struct scheduler *scheduler, struct dispatch *ret_dispatch);

#endif
