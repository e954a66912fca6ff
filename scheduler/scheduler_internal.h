/* SPDX-License-Identifier: MIT */
/*
 * What the files of this folder share: the scheduler's own struct, and the lists of a queue.
 */
#ifndef NPUD_SCHEDULER_INTERNAL_H
#define NPUD_SCHEDULER_INTERNAL_H

#include "scheduler/policy.h"
#include "scheduler/scheduler.h"

struct scheduler {
	struct scheduler_params params;
	struct scheduler_config config;
	struct policy *policy;
	struct core cores[SCHEDULER_CORES_MAX];
	uint32_t all_cores, live_cores; /* live: not out of service */
	struct list queues;		/* struct queue, by the order they joined */
	unsigned n_ready, n_blocked;
	bool is_dispatching; /* scheduler_run() is on the stack */
	bool must_dispatch;  /* and was called again meanwhile */
	struct scheduler_stats stats;
};

static inline uint32_t core_bit(unsigned core)
{
	return 1u << core;
}

/* ---- scheduler.c ---- */

static inline uint64_t scheduler_now_ns(const struct scheduler *scheduler)
{
	return scheduler->params.ops->now(scheduler->params.context);
}

/* The job whose share runs on the core, or NULL. */
struct sched_job *scheduler_active_job(struct scheduler *scheduler, unsigned core);
/* Takes what these cores have used of the job's time from their progress, before they are reset. */
void scheduler_note_progress(struct scheduler *scheduler, struct sched_job *job, uint32_t cores);
/*
 * Ends a job that runs: the cores that are still at it are reset, the others just let go. The job
 * and whatever waits for a core that this lost are retired.
 */
void scheduler_end_running(struct scheduler *scheduler, struct sched_job *job,
			   enum npu_outcome outcome);

/* ---- queue.c ---- */

/* The oldest ready job, or NULL. */
struct sched_job *queue_head(const struct queue *queue);
void queue_add_ready(struct queue *queue, struct sched_job *job, uint64_t now_ns);
/* Also counts the time that the job was ready. */
void queue_remove_ready(struct queue *queue, struct sched_job *job, uint64_t now_ns);
/* Whether max_cores lets a job of n_cores start beside jobs on the cores in `running_mask`. */
bool queue_has_room(const struct queue *queue, uint32_t running_mask, unsigned n_cores);

#endif
