/* SPDX-License-Identifier: MIT */
/*
 * Which cores a job may have: one of several, or for a gang all of a set at once.
 */
#ifndef NPUD_SCHEDULER_GANG_H
#define NPUD_SCHEDULER_GANG_H

#include "scheduler/job.h"
#include "scheduler/queue.h"

#include <stdbool.h>
#include <stdint.h>

struct scheduler;

/* Whether n_cores and core_mask agree, within the device's cores. */
bool gang_demand_is_valid(const struct sched_job *job, uint32_t all_cores);

/* Whether the device can start the cores of a valid demand together. */
bool gang_may_start(const struct sched_job *job, uint64_t gang_masks);

/*
 * The cores of `cores` that the job may use: one of them, or all of them where it is a gang; 0 when
 * its demand does not fit. The demand is valid.
 */
uint32_t gang_allowed_cores(const struct sched_job *job, enum core_mask_rule rule, uint32_t cores);

/* Whether a job with this demand can start once the cores in `cores` are all free. */
bool gang_fits(const struct sched_job *job, uint32_t allowed_mask, uint32_t cores);

/* Whether the class lets its jobs run on that many cores. */
bool gang_width_is_allowed(const struct queue_params *params, unsigned width);

/* Whether the scheduler may run the job on fewer cores than it asks for. */
bool gang_is_moldable(const struct scheduler *scheduler, const struct sched_job *job);

/*
 * The narrower widths (bits) that the rules of the job's queue and the cores in service leave it;
 * 0 where it cannot be molded.
 */
uint32_t gang_narrow_widths(const struct scheduler *scheduler, const struct sched_job *job);

/* The most cores that a submitted job may get. */
unsigned gang_widest(const struct sched_job *job);

/* Whether it can starve without a reservation: no single core will do. */
bool gang_needs_reservation(const struct scheduler *scheduler, const struct sched_job *job);

/* The cores that a submitted job may use on that width, and those of all its widths. */
uint32_t gang_usable_cores(const struct scheduler *scheduler, const struct sched_job *job,
			   unsigned width);
uint32_t gang_wanted_cores(const struct scheduler *scheduler, const struct sched_job *job);

/*
 * The widths to try, best first: as wide as it may be, or as narrow where others could use the
 * cores. Returns how many, at most NPU_JOB_RANGES.
 */
unsigned gang_list_widths(const struct scheduler *scheduler, const struct sched_job *job,
			  unsigned n_idle, unsigned *ret_widths);

#endif
