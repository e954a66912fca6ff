/* SPDX-License-Identifier: MIT */
/*
 * Life of one client: what it gets at the hello, and how everything it had goes away.
 */
#include "sessions/session.h"

#include "base/clock.h"
#include "base/closer.h"
#include "base/log.h"
#include "scheduler/contract.h"
#include "sessions/bo_fence.h"
#include "sessions/error.h"
#include "sessions/job.h"
#include "sessions/sessions.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const session_state_names[] = {
	[SESSION_HELLO] = "hello",
	[SESSION_ACTIVE] = "active",
	[SESSION_CLOSING] = "closing",
	[SESSION_DEAD] = "dead",
};

const char *session_state_name(enum session_state state)
{
	return session_state_names[state];
}

static void session_set_state(struct session *session, enum session_state next)
{
	static const bool allowed[][SESSION_DEAD + 1] = {
		[SESSION_HELLO] = {[SESSION_ACTIVE] = true, [SESSION_CLOSING] = true},
		[SESSION_ACTIVE] = {[SESSION_CLOSING] = true},
		[SESSION_CLOSING] = {[SESSION_DEAD] = true},
		[SESSION_DEAD] = {0},
	};

	assert(allowed[session->state][next]);
	log_debug("session_state session=%" PRIu64 " from=%s to=%s", session->id,
		  session_state_names[session->state], session_state_names[next]);
	session->state = next;
}

/* ---- birth ---- */

static void session_message(struct channel *channel, const void *data, size_t size,
			    struct fdset *fds)
{
	struct session *session = container_of(channel, struct session, channel);
	struct sessions *owner = session->owner;

	owner->request(owner->request_context, session, data, size, fds);
}

static void session_channel_closed(struct channel *channel, const char *reason)
{
	session_close(container_of(channel, struct session, channel), reason, false);
}

static const struct channel_ops session_channel_ops = {
	.message = session_message,
	.closed = session_channel_closed,
};

static const struct quota *class_quota(const struct sessions *owner, const struct class *class)
{
	return class && class->has_quota ? &class->quota : &owner->policy->quota;
}

const struct quota *session_quota(const struct session *session)
{
	return class_quota(session->owner, session->class);
}

static bool session_is_admin(const struct sessions *owner, const struct identity *identity)
{
	const struct session_policy *policy = owner->policy;

	return identity->uid == 0 || identity->uid == geteuid() ||
	       (policy->has_admin_gid && identity_in_group(identity, policy->admin_gid));
}

static void session_destroy(struct session *session)
{
	charge_release(&session->tables_charge);
	charge_release(&session->session_charge);
	charge_release(&session->connection_charge);
	tenant_unref(session->tenant);
	user_unref(session->user);
	free(session);
}

static void session_free_run(struct loop_work *work);

static int session_charge_user(struct session *session)
{
	const struct quota *quota = &session->owner->policy->quota;
	int r;

	r = tenants_get_user(&session->owner->tenants, session->identity.uid, quota,
			     &session->user);
	if (r < 0)
		return r;
	return account_charge(&session->user->account, SLOT_CONNECTIONS, 1,
			      &session->connection_charge, NULL);
}

int session_new(struct sessions *owner, int fd, const struct identity *identity,
		struct session **ret_session)
{
	struct session *session = calloc(1, sizeof(*session));
	int r = session ? 0 : -ENOMEM;

	if (session) {
		session->owner = owner;
		session->identity = *identity;
		session->is_admin = session_is_admin(owner, identity);
		session->completions.fd = -1;
		list_init(&session->jobs);
		list_init(&session->bo_fences);
		loop_work_init(&session->free_work, owner->loop, session_free_run);
		r = session_charge_user(session);
	}
	if (r == 0)
		r = channel_init(&session->channel, owner->loop, fd, &owner->channels,
				 &session_channel_ops);
	if (r < 0) {
		closer_close(owner->channels.closer, identity->uid, fd);
		if (session)
			session_destroy(session);
		return r;
	}
	session->channel.owner = &session->user->channels;
	session->id = ++owner->next_session_id;
	list_add_tail(&owner->list, &session->link);
	owner->n_sessions++;
	*ret_session = session;
	return 0;
}

/* ---- hello ---- */

static int session_find_class(const struct session *session, const char *wanted,
			      const struct class **ret_class, struct npu_error *error)
{
	int r = session_policy_match(session->owner->policy, &session->identity, wanted, ret_class);

	if (r == -ENOENT)
		return error_set(error, ENOENT, "class_name", "the policy has no class \"%s\"",
				 wanted);
	if (r == -EPERM)
		return error_set(error, EPERM, "class_name",
				 "class \"%s\" may not be asked for (\"requestable\" is not set)",
				 wanted);
	return r;
}

#define FNV_PRIME 1099511628211ull

static uint64_t hash_name(const char *name)
{
	uint64_t hash = 14695981039346656037ull;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * FNV_PRIME;
	return hash;
}

/*
 * Many sessions of one user in one class share as one. A class with a policy of its own is one for
 * all its users: that policy orders them.
 */
static uint64_t session_tenant_id(const struct session *session, const struct class *class)
{
	uint64_t id = hash_name(class->name);

	return class->queue.order ? id : (id ^ session->identity.uid) * FNV_PRIME;
}

static uint64_t session_domain(const struct session *session, const struct class *class)
{
	/* Numbers of sessions are small; those of users and classes stay clear of them. */
	const uint64_t uid_base = 1ull << 62, class_base = 1ull << 63;
	enum domain_scope scope = session->owner->policy->domain_scope;

	/* Where the driver has some, what it gave the session is what changes. */
	if (session->owner->device->caps.n_domains)
		return 1 + session->domain.device_domain;
	if (session->owner->device->caps.has_page_tables || scope == DOMAIN_SESSION)
		return session->id;
	if (scope == DOMAIN_UID)
		return uid_base | session->identity.uid;
	if (scope == DOMAIN_CLASS)
		return class_base | hash_name(class->name);
	return class_base;
}

static struct queue_params session_queue_params(const struct session *session,
						const struct class *class)
{
	const unsigned domain_cores = session->owner->device->caps.domain_cores;
	struct queue_params params = class->queue;

	/* A domain is a session's alone where the device keeps it to some cores. */
	if (domain_cores && domain_cores < params.max_cores)
		params.max_cores = domain_cores;
	params.tenant_id = session_tenant_id(session, class);
	params.domain = session_domain(session, class);
	return params;
}

static int session_join_scheduler(struct session *session, const struct class *class)
{
	const struct queue_params params = session_queue_params(session, class);

	queue_init(&session->queue, session->id);
	return scheduler_add_queue(session->owner->scheduler, &session->queue, &params);
}

/* What can fail for lack of memory. */
static int session_make_parts(struct session *session, const struct class *class)
{
	struct sessions *owner = session->owner;
	int r = domain_init(&session->domain, owner->device);

	if (r < 0)
		return r;
	r = tenants_get_tenant(&owner->tenants, session->user, class->name,
			       class_quota(owner, class), &session->tenant);
	if (r == 0) {
		r = session_join_scheduler(session, class);
		if (r < 0)
			session->tenant = tenant_unref(session->tenant);
	}
	if (r < 0)
		domain_deinit(&session->domain);
	return r;
}

/* Why the session could not be made. */
static int session_refuse(const struct session *session, const struct class *class, int r,
			  struct npu_error *error)
{
	const struct queue_params *queue = &class->queue;
	struct sched_contracts contracts;
	double left_cores;

	if (r != -ENOSPC)
		return error_set(error, -r, "hello", "npud is out of memory");
	scheduler_get_contracts(session->owner->scheduler, &contracts);
	left_cores = contracts.cores - contracts.reserved_cores;
	return error_set(error, ENOSPC, "class_name",
			 "class \"%s\" reserves %.15g ms every %.15g ms, %.3f cores; %.3f of %.3f "
			 "are left, for up to %.3f ms",
			 class->name, (double)queue->run_ns / NS_PER_MS,
			 (double)queue->period_ns / NS_PER_MS, contract_cores(queue),
			 left_cores > 0 ? left_cores : 0, contracts.cores,
			 left_cores > 0 ? left_cores * (double)queue->period_ns / NS_PER_MS : 0);
}

int session_activate(struct session *session, const char *class_wanted, int completion_fd,
		     struct npu_error *error)
{
	struct sessions *owner = session->owner;
	struct account_refusal refusal;
	const struct class *class;
	int r;

	assert(session->state == SESSION_HELLO);
	/* Whoever told npud to drain may come back and look. */
	if (owner->drained || (owner->is_draining && !session->is_admin))
		return error_set(error, ESHUTDOWN, "hello", "npud takes no new sessions: it %s",
				 owner->drained ? "is shutting down" : "was told to drain");
	r = quarantine_admit(session, error);
	if (r < 0)
		return r;
	r = session_find_class(session, class_wanted, &class, error);
	if (r < 0)
		return r;
	if (account_charge(&session->user->account, SLOT_SESSIONS, 1, &session->session_charge,
			   &refusal) < 0)
		return error_quota(error, &refusal);
	r = session_make_parts(session, class);
	if (r < 0) {
		charge_release(&session->session_charge);
		return session_refuse(session, class, r, error);
	}
	session->class = class;
	snprintf(session->class_wanted, sizeof(session->class_wanted), "%s", class_wanted);
	session_account_init(&session->account, &session->tenant->account, session_quota(session));
	/* Numbers of closed handles that jobs still pin are not free yet, hence room for both. */
	handle_table_init(&session->handles, UINT32_MAX);
	completions_init(&session->completions, owner->loop, completion_fd);
	session_set_state(session, SESSION_ACTIVE);
	quarantine_join(session);
	return 0;
}

const struct class *session_class_under(const struct session *session,
					const struct session_policy *policy)
{
	const struct class *class = NULL;

	if (session_policy_match(policy, &session->identity, session->class_wanted, &class) < 0)
		session_policy_match(policy, &session->identity, "", &class);
	return class;
}

void session_apply_policy(struct session *session)
{
	struct sessions *owner = session->owner;
	struct queue_params params;

	session->is_admin = session_is_admin(owner, &session->identity);
	if (session->state != SESSION_ACTIVE && !session->tenant)
		return;
	session->class = session_class_under(session, owner->policy);
	session_account_set_quota(&session->account, session_quota(session));
	tenant_set_quota(session->tenant, session_quota(session));
	params = session_queue_params(session, session->class);
	/* Short of memory it keeps its old place, as if the policy had not changed for it. */
	if (scheduler_update_queue(owner->scheduler, &session->queue, &params) < 0)
		log_warning("policy_not_applied session=%" PRIu64 " error=\"out of memory\"",
			    session->id);
}

int session_place(struct session *session, struct npu_error *error)
{
	const struct sessions *owner = session->owner;
	struct queue_params params;
	int r;

	if (session->domain.is_placed)
		return 0;
	r = domain_place(&session->domain, !owner->policy->refuses_to_share);
	if (r == -EINPROGRESS)
		return r;
	if (r == -EBUSY)
		return error_set(error, EBUSY, "domains.when_taken",
				 "all %u address spaces of the kernel driver are taken, and the "
				 "policy shares none: try again later",
				 owner->device->caps.n_domains);
	if (r == 0) {
		params = session_queue_params(session, session->class);
		r = scheduler_update_queue(owner->scheduler, &session->queue, &params);
		if (r < 0)
			domain_unplace(&session->domain);
	}
	return r < 0 ? error_set(error, -r, "size", "npud has no address space for the session: %s",
				 strerror(-r))
		     : 0;
}

/* ---- death ---- */

static void session_add_up(struct session_stats *sum, const struct session_stats *stats)
{
	sum->requests += stats->requests;
	sum->errors += stats->errors;
	sum->submitted += stats->submitted;
	sum->rejected += stats->rejected;
	sum->completed += stats->completed;
	for (unsigned i = 0; i < NPU_OUTCOME_COUNT; i++)
		sum->failed[i] += stats->failed[i];
}

static void session_free_run(struct loop_work *work)
{
	struct session *session = container_of(work, struct session, free_work);
	struct sessions *owner = session->owner;

	assert(session->n_jobs == 0);
	session_set_state(session, SESSION_DEAD);
	if (session->tenant) {
		scheduler_remove_queue(owner->scheduler, &session->queue);
		handle_table_deinit(&session->handles);
		completions_deinit(&session->completions);
		domain_deinit(&session->domain);
		account_deinit(&session->account);
	}
	session_add_up(&owner->ended, &session->stats);
	list_del(&session->link);
	owner->n_sessions--;
	session_destroy(session);
}

/* Looked for anew after each end, which may be that of others as well. */
static struct job *session_find_job(const struct session *session, bool is_running)
{
	struct job *job;

	list_for_each (job, &session->jobs, link) {
		if (job->base.state != JOB_DONE && (job->base.state == JOB_RUNNING) == is_running)
			return job;
	}
	return NULL;
}

/* Jobs that wait are cancelled, those that run are stopped or left to end. */
static void session_end_jobs(struct session *session, bool stop_running)
{
	struct scheduler *scheduler = session->owner->scheduler;
	struct job *job;

	while ((job = session_find_job(session, false)))
		scheduler_cancel(scheduler, &job->base, NPU_OUTCOME_CANCELLED);
	/* A core that is lost ends waiting jobs, of which this session has none any more. */
	while (stop_running && (job = session_find_job(session, true)))
		scheduler_abort(scheduler, &job->base, NPU_OUTCOME_CANCELLED);
}

void session_close(struct session *session, const char *reason, bool stop_running)
{
	char comm[256];

	if (session->state == SESSION_CLOSING || session->state == SESSION_DEAD) {
		if (stop_running)
			session_end_jobs(session, true);
		return;
	}
	log_debug("session_close session=%" PRIu64 " uid=%u pid=%d comm=\"%s\" reason=\"%s\"",
		  session->id, session->identity.uid, session->identity.pid,
		  log_quote(session->identity.comm, comm, sizeof(comm)), reason);
	session_set_state(session, SESSION_CLOSING);
	held_drop(session);
	channel_close(&session->channel);
	session_end_jobs(session, stop_running);
	bo_fences_drop(session);
	if (session->tenant)
		handle_close_all(&session->handles);
	if (session->n_jobs == 0)
		loop_work_queue(&session->free_work);
	sessions_kick(session->owner);
}

void session_job_gone(struct session *session)
{
	struct sessions *owner = session->owner;

	if (session->state == SESSION_CLOSING && session->n_jobs == 0)
		loop_work_queue(&session->free_work);
	sessions_check_drained(owner);
}

/* ---- memory ---- */

int session_charge_bo(struct session *session, uint64_t size_bytes,
		      struct charge ret_charges[BO_CHARGES], struct account_refusal *ret_refusal)
{
	/* Whole pages are what it costs. */
	const uint64_t pages_bytes =
		(size_bytes + IOVA_PAGE_BYTES - 1) / IOVA_PAGE_BYTES * IOVA_PAGE_BYTES;
	const struct {
		enum session_slot slot;
		uint64_t amount;
	} costs[BO_CHARGES] = {{SLOT_BYTES, pages_bytes}, {SLOT_IOVA, pages_bytes}, {SLOT_BOS, 1}};
	struct charge charges[BO_CHARGES];
	int r;

	for (unsigned i = 0; i < BO_CHARGES; i++) {
		r = account_charge(&session->account, costs[i].slot, costs[i].amount, &charges[i],
				   ret_refusal);
		if (r == 0)
			continue;
		while (i > 0)
			charge_release(&charges[--i]);
		return r;
	}
	memcpy(ret_charges, charges, sizeof(charges));
	return 0;
}

int session_charge_tables(struct session *session, struct account_refusal *ret_refusal)
{
	struct account *account = &session->user->account;
	const uint64_t before_bytes = session->tables_charge.amount;
	const uint64_t bytes = domain_pagetable_bytes(&session->domain);
	int r;

	if (bytes == before_bytes)
		return 0;
	charge_release(&session->tables_charge);
	r = account_charge(account, SLOT_TABLES, bytes, &session->tables_charge, ret_refusal);
	/* What it had it keeps; there was room for that a moment ago. */
	if (r < 0)
		(void)account_charge(account, SLOT_TABLES, before_bytes, &session->tables_charge,
				     NULL);
	return r;
}

/* ---- rate limit ---- */

bool session_take_token(struct session *session, uint64_t now_ns, uint64_t *ret_wait_ns)
{
	const uint64_t rate = session_quota(session)->requests_per_s;
	uint64_t period_ns;

	if (rate == 0)
		return true;
	period_ns = NS_PER_S / rate;
	/* A second's worth of requests may come at once. */
	if (session->tokens_ns + NS_PER_S < now_ns)
		session->tokens_ns = now_ns - NS_PER_S;
	if (session->tokens_ns > now_ns) {
		*ret_wait_ns = session->tokens_ns - now_ns;
		return false;
	}
	session->tokens_ns += period_ns;
	return true;
}
