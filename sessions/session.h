/* SPDX-License-Identifier: MIT */
/*
 * A session: one connected client, from accept to the retirement of its last job.
 *
 *   HELLO -> ACTIVE -> CLOSING -> DEAD
 *
 * | state   | meaning                                                       | next            |
 * |---------|---------------------------------------------------------------|-----------------|
 * | HELLO   | connected; knows who it is, has no class yet                  | ACTIVE, CLOSING |
 * | ACTIVE  | may own BOs and jobs                                          | CLOSING         |
 * | CLOSING | socket shut, queued jobs cancelled; waits for what still runs | DEAD            |
 * | DEAD    | being freed                                                   |                 |
 *
 * Everything a client makes npud hold hangs off its session and goes with it.
 */
#ifndef NPUD_SESSIONS_SESSION_H
#define NPUD_SESSIONS_SESSION_H

#include "base/account.h"
#include "base/histogram.h"
#include "base/list.h"
#include "base/loop.h"
#include "iommu/domain.h"
#include "scheduler/queue.h"
#include "sessions/channel.h"
#include "sessions/class.h"
#include "sessions/completions.h"
#include "sessions/handle.h"
#include "sessions/tenant.h"

#include <stdbool.h>

struct sessions;

enum session_state { SESSION_HELLO, SESSION_ACTIVE, SESSION_CLOSING, SESSION_DEAD };

struct session_stats {
	uint64_t requests, errors;
	uint64_t submitted, completed;	    /* completed: with outcome ok */
	uint64_t rejected;		    /* submits for which there was no room or no time */
	uint64_t failed[NPU_OUTCOME_COUNT]; /* by outcome */
	struct histogram latency;	    /* submit to end, jobs with outcome ok */
	char ignored[128];		    /* what the device left out last time; "" never */
};

struct session {
	enum session_state state;
	uint64_t id;
	struct sessions *owner;
	struct identity identity;
	bool is_admin;
	const struct class *class; /* NULL before the hello; borrowed from the policy */
	char class_wanted[NPU_NAME_MAX];
	struct user *user;     /* one reference */
	struct tenant *tenant; /* one reference; NULL before the hello */
	struct account account;
	struct charge connection_charge, session_charge, tables_charge;
	struct channel channel;
	struct completions completions;
	struct handle_table handles;
	struct domain domain;
	struct queue queue;
	/* Its identity's record applies to it: it has struck, or came when there was one already.
	 */
	bool has_record;
	bool must_close;  /* by quarantine, at the end of the turn */
	struct list jobs; /* struct job, oldest first */
	unsigned n_jobs;
	struct list bo_fences; /* that are not signalled, bo_fence.c */
	uint64_t tokens_ns;    /* rate limit: when the next request would be on time */
	struct session_stats stats;
	struct loop_work free_work;
	struct list link;      /* sessions::list */
	struct list held_link; /* sessions::held, while is_held */
	bool is_held, is_retried;
};

const char *session_state_name(enum session_state state);

/* Takes over `fd`, also on failure. -EDQUOT (sessions_per_uid), -ENOMEM, … */
int session_new(struct sessions *owner, int fd, const struct identity *identity,
		struct session **ret_session);
/* HELLO -> ACTIVE: finds the class, makes domain and queue; takes over `completion_fd` on success.
 */
int session_activate(struct session *session, const char *class_wanted, int completion_fd,
		     struct npu_error *error);
/* The class it would have under that policy: the one it asked for, where it still may. */
const struct class *session_class_under(const struct session *session,
					const struct session_policy *policy);
/* After a policy reload: new class, new limits. */
void session_apply_policy(struct session *session);
/*
 * Ends the session, `reason` is for the log. With `stop_running` the cores its jobs run on are
 * reset. The session is freed when its last job has retired, not before the end of this turn.
 */
void session_close(struct session *session, const char *reason, bool stop_running);
/* A job retired: a closing session may be over now. */
void session_job_gone(struct session *session);

/*
 * Before a BO is made: the session's address space, where the driver has some to give out. -EBUSY:
 * all are taken and the policy lets nobody share; -ENOMEM; said in `error`. -EINPROGRESS: come
 * again when no batch runs.
 */
int session_place(struct session *session, struct npu_error *error);

/*
 * For a BO of so many bytes: its memory, its addresses, and itself. -EDQUOT with *ret_refusal, and
 * nothing is charged.
 */
int session_charge_bo(struct session *session, uint64_t size_bytes,
		      struct charge ret_charges[BO_CHARGES], struct account_refusal *ret_refusal);

/*
 * After a change of its domain: charges the page tables that it has, whoever's quota that takes.
 * -EDQUOT with *ret_refusal: there are too many, the change has to be taken back.
 */
int session_charge_tables(struct session *session, struct account_refusal *ret_refusal);

/* What this session may have: its class's quota where that has one, else the policy's. */
const struct quota *session_quota(const struct session *session);

/* Whether the rate limit allows a request now; else how long to wait. */
bool session_take_token(struct session *session, uint64_t now_ns, uint64_t *ret_wait_ns);

#endif
