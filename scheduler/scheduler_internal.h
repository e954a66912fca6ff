/* SPDX-License-Identifier: MIT */
/*
 * What the files of this folder share: the scheduler's own struct, and the lists of a queue.
 */
#ifndef NPUD_SCHEDULER_INTERNAL_H
#define NPUD_SCHEDULER_INTERNAL_H

#include "scheduler/policy.h"
#include "scheduler/priority.h"
#include "scheduler/radius.h"
#include "scheduler/scheduler.h"
#include "scheduler/shares.h"
#include "scheduler/switches.h"

struct dispatch;

/* A batch that hung is charged that many times, with the reset it caused. */
#define HANG_FACTOR 2

struct scheduler {
	struct scheduler_params params;
	struct scheduler_config config;
	struct policy *policy;
	struct core cores[SCHEDULER_CORES_MAX];
	uint32_t all_cores, live_cores; /* live: not out of service */
	struct list queues;		/* struct queue, by the order they joined */
	unsigned n_ready, n_blocked;
	struct priorities priorities;
	uint64_t n_walks; /* class_order.h */
	struct list shed; /* struct sched_job with is_shed: end as late in the next pass */
	struct shares shares;
	struct predict *predict;
	struct radius radius;
	struct switches switches;
	uint64_t affinity_since_ns; /* warm address spaces have been preferred since; 0: not */
	uint64_t last_pass_ns;	    /* of scheduler_run() */
	uint64_t epoch_start_ns;    /* one domain for all: when it became the active one */
	struct sched_clock clock;
	uint64_t hold_end_ns; /* no held queue is to be let go before; CLOCK_NEVER: none */
	unsigned n_alone;     /* jobs with needs_alone */
	uint64_t revival_ns, revival_pause_ns; /* no core is live: the next attempt */
	bool is_rejoining;   /* a policy takes over: nobody has become ready by that */
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

/* The rules of a queue have changed: where its jobs still fit they take them over. */
void scheduler_refit_queue(struct scheduler *scheduler, struct queue *queue);
/* The job is on no list and no core any more. It may not exist after this. */
void scheduler_retire_job(struct scheduler *scheduler, struct sched_job *job,
			  enum npu_outcome outcome);
/* Ends a job that waits; as scheduler_retire_job(). */
void scheduler_end_waiting(struct scheduler *scheduler, struct sched_job *job,
			   enum npu_outcome outcome);
/* The job waits in its queue's place for it, for the first time or after a batch. */
void scheduler_make_ready(struct scheduler *scheduler, struct sched_job *job);
/* Whether the cores in service can run the job. */
bool scheduler_can_run(const struct scheduler *scheduler, const struct sched_job *job);
uint32_t scheduler_queue_cores(const struct scheduler *scheduler, const struct queue *queue);
/* Takes a ready job from its queue; in the next pass its late rule is followed. */
void scheduler_shed(struct scheduler *scheduler, struct sched_job *job);
/* A job that is in no order of ready queues goes on without its deadline. */
void scheduler_demote(struct scheduler *scheduler, struct sched_job *job);
/* A job that waits leaves its queue's ready ones. */
void scheduler_take_ready(struct scheduler *scheduler, struct sched_job *job, uint64_t now_ns);
/* The job need not run alone any more: its batch is over, one way or the other. */
void scheduler_end_alone(struct scheduler *scheduler, struct sched_job *job);

/* ---- batch.c ---- */

/* Takes the job from its queue to those cores. It is ended where the device does not start it. */
void scheduler_start_batch(struct scheduler *scheduler, const struct dispatch *dispatch);
/* When the core is expected to be free; now where that is not known. */
uint64_t scheduler_release_ns(const struct scheduler *scheduler, unsigned core, uint64_t now_ns);
/* The job whose share runs on the core, or NULL. */
struct sched_job *scheduler_active_job(struct scheduler *scheduler, unsigned core);
/* Takes what these cores have used of the job's time from their progress, before they are reset. */
void scheduler_note_progress(struct scheduler *scheduler, struct sched_job *job, uint32_t cores);
/* The job lets go of its cores, none of which runs any more. */
void scheduler_release_cores(struct scheduler *scheduler, struct sched_job *job);
/*
 * Core-time that the batch which has just ended is to be charged: what it used, or where it hung
 * HANG_FACTOR times what it kept from others.
 */
uint64_t scheduler_batch_cost_ns(const struct scheduler *scheduler, const struct sched_job *job);

/* ---- recovery.c ---- */

/*
 * Ends a job that runs: the cores that are still at it are reset, the others just let go. The job
 * and whatever waits for a core that this lost are retired. `evidence` is NULL where the job is not
 * to blame.
 */
void scheduler_end_running(struct scheduler *scheduler, struct sched_job *job,
			   enum npu_outcome outcome, const struct sched_evidence *evidence);
/* Tries to bring a lost device back, when it is time. */
void scheduler_revive(struct scheduler *scheduler);

/* ---- watchdog.c ---- */

/* Whether what the core runs has exceeded its budget; writes that down and fills *ret_evidence. */
bool scheduler_is_hung(struct scheduler *scheduler, struct core *core,
		       struct sched_evidence *ret_evidence);
/* Writes a hang down that somebody else found. */
void scheduler_count_hang(struct scheduler *scheduler, const struct core *core, uint64_t budget_ns);

/* What is predicted for the job on `width` cores, per piece. */
static inline void scheduler_predict(const struct scheduler *scheduler, const struct sched_job *job,
				     unsigned width, struct prediction *ret_prediction)
{
	predict_get(scheduler->predict, job->signature, width, job->n_pieces, ret_prediction);
}

/* ---- queue.c ---- */

/* The oldest ready job, or NULL. */
struct sched_job *queue_head(const struct queue *queue);
void queue_add_ready(struct queue *queue, struct sched_job *job, uint64_t now_ns);
/* A job that has run before goes before those that were submitted after it. */
void queue_return_ready(struct queue *queue, struct sched_job *job, uint64_t now_ns);
/* Also counts the time that the job was ready. */
void queue_remove_ready(struct queue *queue, struct sched_job *job, uint64_t now_ns);
/* Whether max_cores lets a job of n_cores start beside jobs on the cores in `running_mask`. */
bool queue_has_room(const struct queue *queue, uint32_t running_mask, unsigned n_cores);

#endif
