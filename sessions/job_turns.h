/* SPDX-License-Identifier: MIT */
/*
 * A job's turns with the memory that it names for order (struct npu_submit): those that are not
 * open count among what it waits for, as fences do.
 */
#ifndef NPUD_SESSIONS_JOB_TURNS_H
#define NPUD_SESSIONS_JOB_TURNS_H

#include "sessions/job.h"

/* What one costs its session. */
#define JOB_TURN_BYTES 64

/*
 * Once, when nothing but the scheduler can refuse the job any more; its BOs are pinned. EACCES for
 * a write to what is read-only, ENOMEM, with *error.
 */
int job_turns_take(struct job *job, const struct npu_submit *submit, struct npu_error *error);
/* It is over, or with NPU_OUTCOME_PENDING was never submitted. */
void job_turns_end(struct job *job, enum npu_outcome outcome);
/* Whether jobs before it have to end first. */
bool job_turns_are_blocked(const struct job *job);

#endif
