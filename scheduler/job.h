/* SPDX-License-Identifier: MIT */
/*
 * What the scheduler knows of a job, and the one state machine of its life.
 *
 *   NEW -> BLOCKED -> READY -> RUNNING -> DONE
 *
 * | state   | meaning                          | on list         | next                  |
 * |---------|----------------------------------|-----------------|-----------------------|
 * | NEW     | being put together by its owner  | none            | BLOCKED, READY, DONE  |
 * | BLOCKED | waits for fences                 | queue::blocked  | READY, DONE           |
 * | READY   | may start                        | queue::ready    | RUNNING, DONE         |
 * | RUNNING | on the cores in running_mask     | none            | READY, DONE           |
 * | DONE    | over; outcome is set             | none            |                       |
 *
 * Only sched_job_set_state() changes the state; it asserts the table and stamps the times.
 */
#ifndef NPUD_SCHEDULER_JOB_H
#define NPUD_SCHEDULER_JOB_H

#include "base/list.h"
#include "npu_protocol.h"
#include "scheduler/queue.h"

#include <stdbool.h>
#include <stdint.h>

enum job_state { JOB_NEW, JOB_BLOCKED, JOB_READY, JOB_RUNNING, JOB_DONE };

/* Embedded in its owner's job (sessions/job.h). Fields up to the line are set by the owner. */
struct sched_job {
	uint64_t id;
	unsigned n_tasks[NPU_JOB_RANGES]; /* per share: one share per core */
	unsigned n_cores;		  /* shares: 1, or 2 and more for a gang */
	uint32_t core_mask;		  /* demand; 0: any n_cores (n_cores is 1 then) */
	unsigned n_deps;		  /* fences it still waits for */
	uint64_t timeout_ns;		  /* the client's, in device time; 0: none */
	/* Equal for jobs that take equal time (predict.h); 0: nothing is known or learnt. */
	uint64_t signature;
	unsigned n_pieces;    /* parts that may run apart, one after the other; 0 and 1: one */
	uint32_t widths;      /* bit w: may run on w cores as well; 0: on n_cores only */
	uint64_t deadline_ns; /* 0: none, or as its queue says */
	bool is_unrepeatable; /* a batch that was cut short by a reset must not run again */
	enum late_rule late_rule;
	int priority; /* among the waiting jobs of its queue: higher goes first */

	/* ---- the scheduler's; all 0 at submit ---- */
	enum job_state state;
	enum npu_outcome outcome;
	struct queue *queue;
	struct list link;      /* by state, see above */
	uint32_t allowed_mask; /* cores it may use: one of them, or for a gang all of them */
	uint32_t running_mask; /* cores it occupies now */
	uint32_t active_mask;  /* those of them whose share has not ended yet */
	uint32_t used_mask;    /* cores it has run on */
	uint64_t submitted_ns, ready_ns, started_ns, done_ns;
	unsigned pieces_done;
	uint64_t missed_ns; /* refused as late: by how much */
	bool is_narrow;	    /* only its narrower widths fit its queue's rules; `widths` has those */
	bool is_probe;	    /* admitted against the odds, to measure it */
	bool is_reserved;   /* within a reservation: neither refused nor shed for others */
	bool is_shed;	    /* gives way to others: ends as late in the next pass */
	/* Resets of the device, for others' sake, that cut the present batch short; then it runs
	 * with nobody beside it. */
	unsigned n_repeats;
	bool needs_alone;
	bool is_ending; /* off its cores, about to be retired */
	/* The batch that runs or ran last: one or more pieces on the cores in running_mask. */
	unsigned batch_pieces, batch_width;
	bool is_unknown;   /* nobody knows how long it takes */
	bool has_switched; /* its start changed an address space */
	bool is_long;	   /* by the blast-radius rule */
	uint64_t batch_start_ns;
	uint64_t predicted_ns;	   /* of its device time; 0: none */
	uint64_t predicted_end_ns; /* its start where nothing is predicted */
	uint64_t budget_ns;	   /* watchdog's, from the prediction; 0: none */
	uint64_t clock_hz;	   /* of the device when the batch was started; 0: not known */
	uint64_t share_ns;	   /* device time of its longest share */
	/* Core-time: share_ns times its width, as a gang holds all its cores until its last share
	 * ends. Of that batch, and of all. */
	uint64_t batch_ns, device_ns;
	uint64_t elapsed_ns; /* sum of share_ns over its batches */
	uint64_t charged_ns; /* what the policy charged at the batch's launch */
};

/* How many pieces are left, all of them counted. */
static inline unsigned sched_job_pieces_left(const struct sched_job *job)
{
	return (job->n_pieces ? job->n_pieces : 1) - job->pieces_done;
}

static inline enum late_rule sched_job_late_rule(const struct sched_job *job)
{
	enum late_rule rule = job->late_rule ? job->late_rule : job->queue->params.late_rule;

	return rule ? rule : LATE_DROP;
}

const char *job_state_name(enum job_state state);
/* Asserts that the table above allows it. started_ns is the first start's. */
void sched_job_set_state(struct sched_job *job, enum job_state next, uint64_t now_ns);

#endif
