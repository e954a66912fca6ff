/* SPDX-License-Identifier: MIT */
/*
 * The watchdog's arithmetic: how long the thing that runs on a core may take, in device time, and
 * when to look at the core again. Pure; scheduler_tick() does the looking and the shooting.
 *
 * Without a timeout of the client's the budget is the current task's: it starts anew whenever the
 * task counter has moved, so a job whose tasks go on completing is never shot. A client's timeout
 * is for the whole job. Neither exceeds the cap.
 */
#ifndef NPUD_SCHEDULER_WATCHDOG_H
#define NPUD_SCHEDULER_WATCHDOG_H

#include "scheduler/scheduler.h"

#include <stdbool.h>
#include <stdint.h>

struct watchdog_budget {
	uint64_t device_ns;
	bool is_per_task;
	uint32_t n_tasks; /* of the core's share */
};

/* The budget of what runs on a busy core, at the clock that the device has come to. */
struct watchdog_budget watchdog_get_budget(const struct watchdog_config *config,
					   const struct sched_clock *clock,
					   const struct core *core);

/* A batch was started on the core: sets up its watchdog fields. */
void watchdog_start(struct core *core, const struct watchdog_budget *budget, uint64_t now_ns);

/* True when the budget is exceeded; else notes progress and sets the time of the next sample. */
bool watchdog_sample(struct core *core, const struct watchdog_budget *budget,
		     const struct sched_progress *progress, uint64_t now_ns);

#endif
