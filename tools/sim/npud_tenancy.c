/* SPDX-License-Identifier: MIT */
/* As sessions/session.c and sessions/job_room.c do it, of which the simulator has no sessions. */
#include "tools/sim/npud_tenancy.h"

#include "scheduler/policy.h"

#include <stdio.h>

#define FNV_PRIME     1099511628211ull
#define SHARED_DOMAIN 1

static uint64_t domain_of(const struct sim_session *session, enum domain_scope scope)
{
	const struct sim_tenant *tenant = session->tenant;

	switch (scope) {
	case DOMAIN_SESSION:
		return SIM_SESSION_DOMAINS + session->index;
	case DOMAIN_CLASS:
		return tenant->class ? sim_hash_text(tenant->class->name) | 1 : tenant->user;
	case DOMAIN_SHARED:
		return SHARED_DOMAIN;
	default:
		return tenant->user;
	}
}

void npud_assign_classes(struct sim_engine *engine, const struct sim_policy *policy)
{
	for (unsigned i = 0; i < engine->n_tenants; i++) {
		struct sim_tenant *tenant = &engine->tenants[i];

		tenant->class = sim_policy_class(policy, tenant->spec);
		tenant->deadline_ns = tenant->class ? tenant->class->queue.deadline_ns : 0;
	}
	for (unsigned i = 0; policy->has_classes && i < engine->n_sessions; i++)
		engine->sessions[i].domain =
			domain_of(&engine->sessions[i], policy->classes.domain_scope);
}

/* Those of one user in one class share as one; a class that orders its sessions itself is one. */
static uint64_t tenant_id(const struct sim_tenant *tenant)
{
	uint64_t id;

	if (!tenant->class)
		return 1 + tenant->index;
	id = sim_hash_text(tenant->class->name);
	return tenant->class->queue.order ? id : (id ^ tenant->user) * FNV_PRIME;
}

struct queue_params npud_queue_params(const struct sim_engine *engine,
				      const struct sim_policy *policy,
				      const struct sim_session *session)
{
	const struct sim_tenant_spec *spec = session->tenant->spec;
	struct queue_params params = {
		.kind = (enum queue_kind)spec->class,
		.weight = spec->weight,
		.core_mask = (1u << engine->hardware->n_cores) - 1,
		.max_cores = engine->hardware->n_cores,
		.core_mask_rule = CORE_MASK_DEMAND,
	};

	if (session->tenant->class) {
		params = session->tenant->class->queue;
	} else if (policy->scheduler.policy == &policy_pinned && spec->pin_mask) {
		params.core_mask = spec->pin_mask;
		params.has_own_cores = true;
	}
	params.tenant_id = tenant_id(session->tenant);
	params.domain = session->domain;
	return params;
}

/* The oldest of those that have not started; a slice's rest is not one of them. */
static struct sim_job *find_waiting(const struct sim_session *session, unsigned *ret_n)
{
	struct sim_job *job, *oldest = NULL;
	unsigned n = 0;

	list_for_each (job, &session->jobs, link) {
		if (job->base.started_ns)
			continue;
		oldest = oldest ? oldest : job;
		n++;
	}
	*ret_n = n;
	return oldest;
}

bool npud_has_room(const struct sim_session *session)
{
	const struct class *class = session->tenant->class;
	unsigned n;

	if (!class || !class->depth || class->replaces_oldest)
		return true;
	find_waiting(session, &n);
	return n < class->depth;
}

void npud_make_room(struct scheduler *scheduler, const struct sim_session *session)
{
	const struct class *class = session->tenant->class;
	struct sim_job *oldest;
	unsigned n;

	if (!class || !class->depth || !class->replaces_oldest)
		return;
	oldest = find_waiting(session, &n);
	if (n > class->depth)
		scheduler_cancel(scheduler, &oldest->base, NPU_OUTCOME_CANCELLED);
}

struct identity npud_identity(const struct sim_session *session)
{
	const struct sim_tenant *tenant = session->tenant;
	struct identity identity = {.uid = (uid_t)tenant->user};

	snprintf(identity.cgroup, sizeof(identity.cgroup), "%.250s",
		 tenant->spec->cgroup[0] ? tenant->spec->cgroup : tenant->name);
	return identity;
}

const struct record *npud_find_record(const struct records *records,
				      const struct sim_session *session)
{
	const struct identity identity = npud_identity(session);

	return records_find(records, identity.uid, identity.cgroup);
}

void npud_hold(struct scheduler *scheduler, struct queue *queue,
	       const struct quarantine *quarantine, const struct record *record, uint64_t now_ns)
{
	enum standing standing = record_standing(record, quarantine, now_ns);
	bool is_held = standing == STANDING_SUSPENDED || standing == STANDING_CLOSED;

	if (!list_is_empty(&queue->link))
		scheduler_hold_queue(scheduler, queue,
				     record && is_held ? record->held_until_ns : 0,
				     standing != STANDING_GOOD);
}
