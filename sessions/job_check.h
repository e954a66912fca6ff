/* SPDX-License-Identifier: MIT */
/*
 * A job whose streams are proven harmless before it runs (device/stream_check.h), and which runs
 * exactly those: they are copied into a BO of npud's in the session's domain first. The client has
 * no handle of it, and nothing that passes the check can write there.
 */
#ifndef NPUD_SESSIONS_JOB_CHECK_H
#define NPUD_SESSIONS_JOB_CHECK_H

#include "npu_protocol.h"

struct job;

/* Copying and walking a job holds up the daemon; these bound it to a few milliseconds. */
#define CHECK_ENTRIES_MAX 524288u
#define CHECK_TASKS_MAX	  16384u

/*
 * Copies and checks the streams of a job that is built otherwise and not cut yet; its tasks are
 * those of the copies then. EINVAL names the task, the register and what is wrong with it; EDQUOT,
 * ENOMEM.
 */
int job_check(struct job *job, struct npu_error *error);

#endif
