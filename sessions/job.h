/* SPDX-License-Identifier: MIT */
/*
 * A job as its session knows it: the scheduler's part wrapped in what it holds while it lives: its
 * own copy of the tasks, pins on the BOs it names, the fences it waits for, the fence it signals,
 * and what it is charged.
 *
 *   job_new() -> job_submit() -> (fences) -> scheduler -> device -> job_retire()
 *
 * job_retire() is the only end of a submitted job: it tells the client (fence, completion), keeps
 * the books, unpins and frees. One that is to be told in order may wait there for those before it.
 */
#ifndef NPUD_SESSIONS_JOB_H
#define NPUD_SESSIONS_JOB_H

#include "base/account.h"
#include "base/fdset.h"
#include "base/loop.h"
#include "device/device.h"
#include "npu_protocol.h"
#include "scheduler/job.h"
#include "sessions/fence.h"

#include <stdint.h>

struct session;
struct handle;
struct job_slices;
struct job_turn;

struct job_dependency {
	struct job *job; /* NULL: slot unused, or resolved */
	struct loop_poll poll;
	int fd; /* owned */
};

struct job {
	struct sched_job base;
	struct session *session;
	uint64_t seqno, tag, duration_ns;
	uint32_t flags;		   /* NPU_SUBMIT_* */
	struct device_task *tasks; /* owned copy */
	uint32_t n_tasks;
	struct npu_range shares[NPU_JOB_RANGES]; /* tasks of each core */
	/* The same where it runs on fewer cores: [width - 1][share]. */
	struct npu_range narrow_shares[NPU_JOB_RANGES - 1][NPU_JOB_RANGES - 1];
	struct bo *streams;	   /* one reference; NULL: the client's own run, unchecked */
	struct job_slices *slices; /* owned; NULL: nothing to keep for pieces */
	struct handle **pins;	   /* owned array */
	unsigned n_pins;
	struct job_dependency dependencies[NPU_JOB_FENCES_MAX];
	struct job_turn *turns; /* owned array, job_turns.c */
	unsigned n_turns;
	struct fence fence;
	struct charge job_charge, fence_charge, memory_charge;
	struct charge wait_charge; /* predicted core-time, until its first start */
	uint32_t tasks_done;
	uint32_t tasks_before;			  /* of those, in batches that have ended */
	struct npu_range batches[NPU_JOB_RANGES]; /* tasks of the present batch, by share */
	bool is_accused;			  /* it ends for what it did */
	bool is_timed_out;			  /* as the device has said, in `detail` */
	uint64_t fault_iova;
	bool fault_is_write;
	char detail[128];
	struct list link; /* session::jobs */
};

/* A decoded and shape-checked submit; the arrays are borrowed. */
struct job_params {
	struct npu_submit submit;
	const struct npu_task *tasks; /* NULL with NPU_SUBMIT_TASKS_IN_BO */
	const uint32_t *handles;
	const struct npu_range *width_ranges; /* unaligned, as are all of them */
};

/*
 * Builds, charges and submits a job; takes the fences it waits for out of `fds`. The fence asked
 * for (or -1) belongs to the caller. On failure nothing has changed and *error says what is wrong.
 */
int job_submit(struct session *session, const struct job_params *params, struct fdset *fds,
	       uint64_t *ret_job_id, int *ret_fence_fd, struct npu_error *error);

/*
 * The halves of job_submit() that look at nothing but their arguments' session; in job_build.c.
 * job_build() makes a job from a submit, with its tasks copied and its BOs pinned; job_free() takes
 * one apart that was never submitted, or has retired.
 */
int job_build(struct session *session, const struct job_params *params, struct job **ret_job,
	      struct npu_error *error);
struct job *job_free(struct job *job);

/*
 * A BO of npud's own in the domain of the job's session, charged to it; the caller gets the
 * reference. EDQUOT, ENOMEM with *error.
 */
int job_own_bo(const struct job *job, uint64_t size_bytes, struct bo **ret_bo,
	       struct npu_error *error);

/* Stops waiting for the fences that are left. */
void job_drop_dependencies(struct job *job);

/* Called by the scheduler's retire: see above. */
void job_retire(struct job *job);

/* "ok", "hang", ...: as in the statistics. */
const char *job_outcome_name(enum npu_outcome outcome);
struct job *job_from_sched(struct sched_job *sched_job);
/* The job with that number, or NULL. */
struct job *job_find(struct session *session, uint64_t seqno);

#endif
