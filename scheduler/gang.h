/* SPDX-License-Identifier: MIT */
/*
 * Which job gets which cores: one of several, or for a gang all of a set at once.
 */
#ifndef NPUD_SCHEDULER_GANG_H
#define NPUD_SCHEDULER_GANG_H

#include "scheduler/job.h"
#include "scheduler/queue.h"

#include <stdbool.h>
#include <stdint.h>

struct scheduler;

/* Whether n_cores and core_mask agree, within the device's cores and the gangs it can start. */
bool gang_demand_is_valid(const struct sched_job *job, uint32_t all_cores, uint64_t gang_masks);

/*
 * The cores of `cores` that the job may use: one of them, or all of them where it is a gang; 0 when
 * its demand does not fit. The demand is valid.
 */
uint32_t gang_allowed_cores(const struct sched_job *job, enum core_mask_rule rule, uint32_t cores);

/* Whether a job with this demand can start once the cores in `cores` are all free. */
bool gang_fits(const struct sched_job *job, uint32_t allowed_mask, uint32_t cores);

/* The cores to start on now, out of those in `free_mask`; 0 when the job does not fit. */
uint32_t gang_choose_cores(const struct sched_job *job, enum core_mask_rule rule,
			   uint32_t free_mask);

/*
 * The first job in the policy's order that fits the idle cores, and the cores to start it on; NULL
 * when none fits. It starts nothing.
 */
struct sched_job *gang_pick_job(struct scheduler *scheduler, uint32_t *ret_cores);

#endif
