/* SPDX-License-Identifier: MIT */
/*
 * Room for one more job: the quotas of queued jobs and of the time they will take, and the depth of
 * the session's class. What is refused is refused with EAGAIN and retry_after_ns.
 */
#ifndef NPUD_SESSIONS_JOB_ROOM_H
#define NPUD_SESSIONS_JOB_ROOM_H

struct job;
struct session;
struct npu_error;

/* Before a job is built: whether the class's `depth` lets one more wait. -EAGAIN. */
int job_room_check(struct session *session, struct npu_error *error);
/* Charges a job that is built to the quotas, until it ends and until it starts. -EAGAIN. */
int job_room_take(struct job *job, struct npu_error *error);
/* After a job was accepted: with `replace`, the oldest one beyond the depth is cancelled for it. */
void job_room_make(struct session *session);

#endif
