/* SPDX-License-Identifier: MIT */
/*
 * Users and tenants are few (one per uid, one per class and uid) and live while referenced.
 */
#include "sessions/tenant.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const session_quotas[ACCOUNT_SLOTS] = {
	[SLOT_BYTES] = "bytes_per_session", [SLOT_IOVA] = "iova_bytes_per_session",
	[SLOT_BOS] = "bos_per_session",	    [SLOT_FENCES] = "fences_per_session",
	[SLOT_JOBS] = "jobs_per_session",
};
static const char *const tenant_quotas[ACCOUNT_SLOTS] = {
	[SLOT_JOBS] = "jobs_per_tenant",
	[SLOT_WAIT_NS] = "queued_ms_per_tenant",
};
static const char *const user_quotas[ACCOUNT_SLOTS] = {
	[SLOT_BYTES] = "bytes_per_uid",		 [SLOT_BOS] = "bos_per_uid",
	[SLOT_FENCES] = "fences_per_uid",	 [SLOT_SESSIONS] = "sessions_per_uid",
	[SLOT_CONNECTIONS] = "sessions_per_uid", [SLOT_TABLES] = "pagetable_bytes_per_uid",
};
static const char *const total_quotas[ACCOUNT_SLOTS] = {
	[SLOT_BYTES] = "bytes_total",	       [SLOT_BOS] = "bos_total",
	[SLOT_FENCES] = "fences_total",	       [SLOT_JOBS] = "jobs_total",
	[SLOT_CONNECTIONS] = "sessions_total", [SLOT_TABLES] = "pagetable_bytes_total",
};

/* Buffers far apart cost a table of 4 KiB each: not more of the memory than one in so many parts.
 */
#define TABLES_PART 32

/* `share`: one in how many parts of what there is. */
static void set_machine_limits(struct account *account, const struct machine_limits *machine,
			       unsigned share)
{
	if (machine->bytes != ACCOUNT_UNLIMITED) {
		account->limit[SLOT_BYTES] = machine->bytes / share;
		account->limit[SLOT_TABLES] = machine->bytes / TABLES_PART / share;
	}
	if (machine->descriptors == ACCOUNT_UNLIMITED)
		return;
	/* A half for BOs, a quarter for connections, an eighth for fences; the rest is npud's. */
	account->limit[SLOT_BOS] = machine->descriptors / 2 / share;
	account->limit[SLOT_CONNECTIONS] = machine->descriptors / 8 / share;
	account->limit[SLOT_FENCES] = machine->descriptors / 8 / share;
}

void tenants_init(struct tenants *tenants, const struct machine_limits *machine)
{
	tenants->machine = *machine;
	account_init(&tenants->total, NULL, total_quotas);
	set_machine_limits(&tenants->total, machine, 1);
	list_init(&tenants->users);
	list_init(&tenants->tenants);
}

void tenants_deinit(struct tenants *tenants)
{
	assert(list_is_empty(&tenants->users) && list_is_empty(&tenants->tenants));
	account_deinit(&tenants->total);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void user_set_quota(struct user *user, const struct machine_limits *machine,
			   const struct quota *quota)
{
	const uint64_t sessions = quota->sessions_per_uid;
	uint64_t connections;

	user->account.limit[SLOT_CONNECTIONS] = ACCOUNT_UNLIMITED;
	set_machine_limits(&user->account, machine, 2);
	connections = user->account.limit[SLOT_CONNECTIONS];
	user->account.limit[SLOT_SESSIONS] = smaller(sessions, connections);
	/* Some connections are for those that hear that they are one too many. */
	if (connections > 2 * CONNECTIONS_SPARE)
		user->account.limit[SLOT_SESSIONS] =
			smaller(sessions, connections - CONNECTIONS_SPARE);
	if (sessions < UINT64_MAX - CONNECTIONS_SPARE)
		user->account.limit[SLOT_CONNECTIONS] =
			smaller(sessions + CONNECTIONS_SPARE, connections);
}

void tenant_set_quota(struct tenant *tenant, const struct quota *quota)
{
	tenant->account.limit[SLOT_JOBS] = quota->jobs_per_tenant;
	tenant->account.limit[SLOT_WAIT_NS] = quota->queued_ns_per_tenant;
}

void tenants_set_quota(struct tenants *tenants, const struct quota *quota)
{
	struct tenant *tenant;
	struct user *user;

	tenants->total.limit[SLOT_JOBS] = quota->jobs_total;
	list_for_each (user, &tenants->users, link)
		user_set_quota(user, &tenants->machine, quota);
	list_for_each (tenant, &tenants->tenants, link)
		tenant_set_quota(tenant, quota);
}

int tenants_get_user(struct tenants *tenants, uid_t uid, const struct quota *quota,
		     struct user **ret_user)
{
	struct user *user;

	list_for_each (user, &tenants->users, link) {
		if (user->uid == uid) {
			*ret_user = user_ref(user);
			return 0;
		}
	}
	user = calloc(1, sizeof(*user));
	if (!user)
		return -ENOMEM;
	user->uid = user->channels.uid = uid;
	user->refs = 1;
	account_init(&user->account, &tenants->total, user_quotas);
	user_set_quota(user, &tenants->machine, quota);
	list_add_tail(&tenants->users, &user->link);
	*ret_user = user;
	return 0;
}

int tenants_get_tenant(struct tenants *tenants, struct user *user, const char *class_name,
		       const struct quota *quota, struct tenant **ret_tenant)
{
	struct tenant *tenant;

	list_for_each (tenant, &tenants->tenants, link) {
		if (tenant->user == user && strcmp(tenant->class_name, class_name) == 0) {
			tenant->refs++;
			*ret_tenant = tenant;
			return 0;
		}
	}
	tenant = calloc(1, sizeof(*tenant));
	if (!tenant)
		return -ENOMEM;
	tenant->user = user_ref(user);
	tenant->refs = 1;
	snprintf(tenant->class_name, sizeof(tenant->class_name), "%s", class_name);
	account_init(&tenant->account, &user->account, tenant_quotas);
	tenant_set_quota(tenant, quota);
	list_add_tail(&tenants->tenants, &tenant->link);
	*ret_tenant = tenant;
	return 0;
}

struct user *user_ref(struct user *user)
{
	user->refs++;
	return user;
}

struct user *user_unref(struct user *user)
{
	if (!user || --user->refs > 0)
		return NULL;
	list_del(&user->link);
	account_deinit(&user->account);
	free(user);
	return NULL;
}

struct tenant *tenant_unref(struct tenant *tenant)
{
	if (!tenant || --tenant->refs > 0)
		return NULL;
	list_del(&tenant->link);
	account_deinit(&tenant->account);
	user_unref(tenant->user);
	free(tenant);
	return NULL;
}

void session_account_init(struct account *account, struct account *parent,
			  const struct quota *quota)
{
	account_init(account, parent, session_quotas);
	session_account_set_quota(account, quota);
}

void session_account_set_quota(struct account *account, const struct quota *quota)
{
	account->limit[SLOT_BYTES] = quota->bytes_per_session;
	account->limit[SLOT_IOVA] = quota->iova_bytes_per_session;
	account->limit[SLOT_BOS] = quota->bos_per_session;
	account->limit[SLOT_FENCES] = quota->fences_per_session;
	account->limit[SLOT_JOBS] = quota->jobs_per_session;
}
