/* SPDX-License-Identifier: MIT */
/*
 * sessions/: who is connected and what they own.
 *
 *   listener --accept--> session --owns--> handle table -> bo -> domain (page tables)
 *                           |---- channel      (requests in, replies out)
 *                           |---- completions  (ended jobs out)
 *                           '---- job -> fence, pins, charges -> scheduler -> device
 *
 * `struct sessions` is this layer's root. It joins scheduler and device (backend.c): batches go
 * down, device events come back up as the end of a job. Requests go up to api/ through one
 * callback. One thread; no locks.
 */
#ifndef NPUD_SESSIONS_SESSIONS_H
#define NPUD_SESSIONS_SESSIONS_H

#include "base/list.h"
#include "base/loop.h"
#include "device/device.h"
#include "device/power.h"
#include "scheduler/scheduler.h"
#include "sessions/class.h"
#include "sessions/memory.h"
#include "sessions/record.h"
#include "sessions/session.h"
#include "sessions/tenant.h"
#include "sessions/trace.h"

#include <stdbool.h>

struct job;

/*
 * Who writes down what went wrong: told while it happens, between the accusation of a job and its
 * end. Must not call back.
 */
struct sessions_witness {
	/* Before the core is reset: its registers and the job are as they were. */
	void (*accused)(void *context, const struct job *job,
			const struct sched_evidence *evidence);
	/* result: 0 or -errno */
	void (*core_reset)(void *context, unsigned core, int result);
	void (*device_reset)(void *context, uint32_t cores, uint32_t cores_back);
	/* An innocent: it will run again. */
	void (*repeated)(void *context, const struct job *job);
	/* Any job, just before it is gone; `record` NULL where it was no strike. */
	void (*retired)(void *context, const struct job *job, const struct record *record);
};

struct sessions {
	struct loop *loop;		     /* borrowed */
	struct device *device;		     /* borrowed */
	const struct power *power;	     /* borrowed; NULL: the kernel shows nothing */
	uint64_t clock_read_ns;		     /* when the device's clock was looked at last */
	struct scheduler *scheduler;	     /* owned */
	const struct session_policy *policy; /* borrowed */
	struct tenants tenants;
	struct memories memories; /* that jobs name for order */
	struct list list;	  /* struct session */
	unsigned n_sessions;
	uint64_t next_session_id, next_job_id;
	bool is_draining;		/* no new sessions, no new jobs */
	struct channel_shared channels; /* receive_buffer is owned, closer borrowed */
	struct loop_poll device_poll;
	struct loop_work dispatch_work; /* the scheduler's pass, once per turn */
	struct list held;		/* struct session, whose requests wait: held.c */
	bool is_serving;		/* them, just now */
	uint64_t held_served_ns;	/* when that was last */
	struct loop_timer watchdog_timer;
	/* A request of a session: to api/. */
	void (*request)(void *context, struct session *session, const void *data, size_t size,
			struct fdset *fds);
	void *request_context;
	/* Told when the last job of a draining daemon has retired. */
	void (*drained)(void *context);
	void *drained_context;
	struct session_stats ended; /* sums over the sessions that are gone */
	struct trace trace;	    /* of ended jobs, while an administrator asks for it */
	struct records records;
	struct loop_timer record_timer;		/* strikes decay, pauses end */
	struct loop_work close_work;		/* of sessions with must_close */
	const struct sessions_witness *witness; /* NULL: nobody */
	void *witness_context;
};

struct sessions_params {
	struct loop *loop;
	struct device *device;
	const struct power *power; /* NULL: none */
	struct closer *closer; /* NULL: descriptors of clients are closed on the loop's thread */
	struct machine_limits machine;
	const struct session_policy *policy;
	const struct scheduler_config *scheduler;
	void (*request)(void *context, struct session *session, const void *data, size_t size,
			struct fdset *fds);
	void *request_context;
};

int sessions_new(const struct sessions_params *params, struct sessions **ret_sessions);
/* Closes all sessions, stopping what runs. Takes NULL, returns NULL. */
struct sessions *sessions_free(struct sessions *sessions);

/*
 * New policy and scheduler configuration for everybody, in flight or not. -ENOSPC, with the reason
 * in `error`, when the reservations of the sessions there are would not fit; -ENOMEM. On failure
 * nothing has changed.
 */
int sessions_apply_policy(struct sessions *sessions, const struct session_policy *policy,
			  const struct scheduler_config *scheduler, struct npu_error *error);
/* No new sessions or jobs from now on. */
void sessions_refuse_new(struct sessions *sessions);
/* Jobs in flight that can end, and those that wait for fences which may never come. */
void sessions_count_work(const struct sessions *sessions, uint32_t *ret_n_jobs,
			 uint32_t *ret_n_blocked);
/* No new sessions or jobs; `drained` is called (perhaps at once) when none is in flight. */
void sessions_drain(struct sessions *sessions, void (*drained)(void *), void *context);
struct session *sessions_find(struct sessions *sessions, uint64_t id);
/*
 * What is predicted, planned, learnt or shot from here on goes by the device's present clock, where
 * the kernel shows one; it is not asked again within 10 ms.
 */
void sessions_read_clock(struct sessions *sessions);
/* The dispatch pass now, and the events that are there already; each asks for another pass. */
void sessions_dispatch(struct sessions *sessions);
/* Something changed that the scheduler may act on: a dispatch pass at the end of this turn. */
void sessions_kick(struct sessions *sessions);
/* A job retired: a draining daemon may be done. */
void sessions_check_drained(struct sessions *sessions);

/* ---- requests that wait for idle cores; sessions/held.c ---- */

void held_init(struct sessions *sessions);
/*
 * The request cannot be answered while others run: it comes again, with session->is_retried, when
 * no core is busy. Takes the descriptors. -ENOMEM.
 */
int held_add(struct session *session, const void *data, size_t size, struct fdset *fds);
/* The session ends. */
void held_drop(struct session *session);
/* Before a dispatch pass: serves what can be served. True: nothing is to be started now. */
bool held_serve(struct sessions *sessions);

/* ---- quarantine; sessions/quarantine.c ---- */

void quarantine_init(struct sessions *sessions);
void quarantine_deinit(struct sessions *sessions);
/*
 * The job hung or faulted: one more strike for its session's identity, which is slowed down,
 * suspended or closed as the policy says. What that means is added to the job's detail.
 */
const struct record *quarantine_strike(struct job *job);
/* Whether a session may become active. -EACCES while its identity is closed. */
int quarantine_admit(struct session *session, struct npu_error *error);
/* It is active: what its identity has on record applies. */
void quarantine_join(struct session *session);
/* What applies to a session; NULL: nothing. */
const struct record *quarantine_record(const struct session *session);
/* Whether the session may submit a job that needs `n_cores` cores now; else -EAGAIN and when. */
int quarantine_check(const struct session *session, unsigned n_cores, struct npu_error *error);
/* Forgives an identity. -ENOENT when it has no record. */
int quarantine_pardon(struct sessions *sessions, uid_t uid, const char *cgroup);
/* Strikes have decayed, pauses ended, or the policy changed: puts every session into its standing.
 */
void quarantine_apply(struct sessions *sessions);

/* scheduler's backend over the device; sessions/backend.c */
extern const struct sched_backend_ops sessions_backend_ops;
void sessions_device_event(void *context, const struct device_event *event);

#endif
