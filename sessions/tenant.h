/* SPDX-License-Identifier: MIT */
/*
 * Who pays: session -> tenant (class, uid) -> user (uid) -> all. Each level is an account with its
 * own quotas, so many sessions of one user in one class are still one tenant.
 */
#ifndef NPUD_SESSIONS_TENANT_H
#define NPUD_SESSIONS_TENANT_H

#include "base/account.h"
#include "base/list.h"
#include "base/log.h"
#include "sessions/channel.h"
#include "sessions/class.h"

#include <sys/types.h>

/* Slots of all accounts of this layer. */
enum session_slot {
	SLOT_BYTES,
	SLOT_BOS,
	SLOT_FENCES,
	SLOT_JOBS,
	SLOT_SESSIONS,	  /* charged at the hello, which can be answered */
	SLOT_WAIT_NS,	  /* predicted core-time of jobs that have not started */
	SLOT_CONNECTIONS, /* charged at accept, before anything is allocated for them */
	SLOT_TABLES,	  /* bytes of page tables */
	SLOT_IOVA,	  /* bytes of address space */
};

/* Connections that a user may have beyond its sessions: those that are told that they are too many.
 */
#define CONNECTIONS_SPARE 16

struct user {
	uid_t uid;
	unsigned refs;
	struct account account;
	struct log_limit log_limit; /* of lines that its jobs cause */
	struct channel_owner channels;
	struct list link; /* tenants::users */
};

struct tenant {
	struct user *user; /* one reference */
	char class_name[NPU_NAME_MAX];
	unsigned refs;
	struct account account;
	struct list link; /* tenants::tenants */
};

/*
 * What this machine has to share, beside the policy's quotas: memory, and descriptors (of which a
 * BO takes one, and a memory mapping; a fence one; a connection two). One user gets at most half.
 */
struct machine_limits {
	uint64_t bytes, descriptors; /* ACCOUNT_UNLIMITED: as much as it wants */
};

struct tenants {
	struct machine_limits machine;
	struct account total;
	struct list users, tenants;
};

void tenants_init(struct tenants *tenants, const struct machine_limits *machine);
/* Asserts that all are gone. */
void tenants_deinit(struct tenants *tenants);
/* New limits for everybody; what is above them already stays. */
void tenants_set_quota(struct tenants *tenants, const struct quota *quota);

/* Finds or makes, with one more reference. -ENOMEM. */
int tenants_get_user(struct tenants *tenants, uid_t uid, const struct quota *quota,
		     struct user **ret_user);
int tenants_get_tenant(struct tenants *tenants, struct user *user, const char *class_name,
		       const struct quota *quota, struct tenant **ret_tenant);
/* New limits for one, as its class has them. */
void tenant_set_quota(struct tenant *tenant, const struct quota *quota);
struct user *user_ref(struct user *user);
struct user *user_unref(struct user *user);
struct tenant *tenant_unref(struct tenant *tenant);

/* The account of one session; `parent` is its tenant's, or its user's before the hello. */
void session_account_init(struct account *account, struct account *parent,
			  const struct quota *quota);
void session_account_set_quota(struct account *account, const struct quota *quota);

#endif
