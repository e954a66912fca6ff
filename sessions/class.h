/* SPDX-License-Identifier: MIT */
/*
 * Classes: what the policy file grants to whom. Plain data and one pure function; the daemon fills
 * it in (daemon/config), sessions read it.
 */
#ifndef NPUD_SESSIONS_CLASS_H
#define NPUD_SESSIONS_CLASS_H

#include "npu_protocol.h"
#include "scheduler/queue.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum class_kind { CLASS_RT, CLASS_NORMAL, CLASS_BACKGROUND };

/* Whether a job of several tasks may lose its cores between two of them. */
enum slice_rule {
	SLICE_ASKED, /* where it says NPU_SUBMIT_SLICEABLE */
	SLICE_ALWAYS,
	SLICE_NEVER,
};

/* Policy file `quota`. UINT64_MAX: none. */
struct quota {
	uint64_t bytes_per_session, iova_bytes_per_session, bos_per_session;
	uint64_t fences_per_session, jobs_per_session, jobs_per_tenant, sessions_per_uid,
		jobs_total;
	uint64_t queued_ns_per_tenant; /* predicted core-time of its jobs that have not started */
	uint64_t tasks_per_job;
	uint64_t requests_per_s; /* per session; 0: no limit */
};

struct class
{
	char name[NPU_NAME_MAX];
	enum class_kind kind;
	bool is_requestable; /* a client may ask for it in its hello */
	bool is_validated;   /* register streams are checked before they run */
	enum slice_rule slice_rule;
	unsigned depth;	      /* jobs of a session that may wait; 0: as many as the quotas allow */
	bool replaces_oldest; /* instead of refusing one more */
	bool has_quota;	      /* else the policy's counts */
	struct quota quota;   /* complete; what is not for a session or tenant is not looked at */
	struct queue_params queue;
};

/*
 * Policy file `watchdog`: what strikes (hangs and page faults) cost whoever caused them. Each
 * threshold is a number of strikes, none smaller than the one before it; UINT_MAX: never.
 */
struct quarantine {
	unsigned slow_after; /* one core and no gangs */
	unsigned
		suspend_after; /* jobs wait: pause_ns, and twice as long with each further strike */
	unsigned close_after;  /* the session ends; its identity may come back after the pause */
	uint64_t pause_ns, pause_max_ns;
};

#define MATCH_TEXT_MAX 256

/* One rule of `match`: fits when every field that is set fits. */
struct match_rule {
	bool has_uid, has_gid;
	uid_t uid;
	gid_t gid;		     /* primary or supplementary */
	char cgroup[MATCH_TEXT_MAX]; /* "": any; else the session's cgroup or one below it */
	char comm[MATCH_TEXT_MAX];   /* "": any; name of the executable file */
	char socket[MATCH_TEXT_MAX]; /* "": any; path of the socket it came in by */
	unsigned class_index;
};

/* Who shares an address space, where the device lets sessions share one. */
enum domain_scope { DOMAIN_SESSION, DOMAIN_UID, DOMAIN_CLASS, DOMAIN_SHARED };

struct session_policy {
	enum domain_scope domain_scope;
	bool refuses_to_share; /* sessions, once all address spaces of the driver are taken */
	struct quota quota;
	struct quarantine quarantine;
	struct class *classes; /* owned, n_classes >= 1 */
	unsigned n_classes;
	struct match_rule *rules; /* owned; the last one fits everybody */
	unsigned n_rules;
	bool has_admin_gid;
	gid_t admin_gid; /* its members may see all and change things, like root */
};

/* Who a session is, as the kernel says (sessions/identity.h reads it). */
struct identity {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	unsigned n_groups;
	gid_t groups[64];
	char comm[NPU_NAME_MAX * 2]; /* base name of the executable; "?" when unreadable */
	char cgroup[MATCH_TEXT_MAX]; /* unified hierarchy's path, "" when unreadable */
	char socket[MATCH_TEXT_MAX];
};

/* The quotas of scheduling's section 9 and the defaults of this project. */
struct quota quota_default(void);
struct quarantine quarantine_default(void);
/* One class "default" for everybody. -ENOMEM. */
int session_policy_init_default(struct session_policy *policy, unsigned n_cores);
void session_policy_deinit(struct session_policy *policy);

/*
 * The class of an identity: the one it asked for, if that is requestable (-EPERM if it is not,
 * -ENOENT if there is none of that name), else the first rule's that fits. `wanted` "" for none.
 */
int session_policy_match(const struct session_policy *policy, const struct identity *identity,
			 const char *wanted, const struct class **ret_class);
/* The last rule of a policy fits everybody. */
bool match_rule_fits(const struct match_rule *rule, const struct identity *identity);
bool identity_in_group(const struct identity *identity, gid_t gid);

#endif
