/* SPDX-License-Identifier: MIT */
/*
 * What the daemon's sessions/ decides before a job reaches its queue: the class of a session and
 * what follows from it, how many jobs may wait, and what hangs cost who caused them.
 */
#ifndef NPU_SIM_NPUD_TENANCY_H
#define NPU_SIM_NPUD_TENANCY_H

#include "scheduler/scheduler.h"
#include "sessions/record.h"
#include "tools/sim/engine.h"
#include "tools/sim/policy_file.h"

/* Gives every tenant its class, and every session its address space. */
void npud_assign_classes(struct sim_engine *engine, const struct sim_policy *policy);
struct queue_params npud_queue_params(const struct sim_engine *engine,
				      const struct sim_policy *policy,
				      const struct sim_session *session);
/*
 * The session's `jobs` are those that have been submitted and are not over, oldest first. Whether
 * the class lets one more wait; before its submit.
 */
bool npud_has_room(const struct sim_session *session);
/* After it: where a newer job replaces the oldest, that ends as cancelled. */
void npud_make_room(struct scheduler *scheduler, const struct sim_session *session);

/* Who strikes: a user, and of its programs the one with that cgroup or else that tenant's. */
struct identity npud_identity(const struct sim_session *session);
const struct record *npud_find_record(const struct records *records,
				      const struct sim_session *session);
/* What the record, which may be NULL, means for the queue; harmless where it has not joined. */
void npud_hold(struct scheduler *scheduler, struct queue *queue,
	       const struct quarantine *quarantine, const struct record *record, uint64_t now_ns);

#endif
