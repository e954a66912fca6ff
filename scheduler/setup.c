/* SPDX-License-Identifier: MIT */
/*
 * Putting a scheduler together, and who takes part in it: policies and queues come and go without
 * touching what waits or runs.
 */
#include "base/clock.h"
#include "scheduler/class_order.h"
#include "scheduler/contract.h"
#include "scheduler/scheduler_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct scheduler_config scheduler_config_default(void)
{
	return (struct scheduler_config){
		.policy = &policy_round_robin,
		.rr_quantum_ns = 10 * NS_PER_MS,
		.min_charge_ns = 150 * NS_PER_US,
		.lag_ns = 100 * NS_PER_MS,
		.quantum_ns = 8 * NS_PER_MS,
		.gang_quantum_ns = 24 * NS_PER_MS,
		.hold_factor = 2,
		.long_factor = 4,
		.short_umax = 0.7,
		.backfill_margin = 1.1,
		.patience_ns = 10 * NS_PER_MS,
		.has_admission = true,
		.admit_margin = 0.1,
		.shed_margin_ns = 15 * NS_PER_MS,
		.rt_cap = 0.8,
		.ageing_ns = NS_PER_S,
		.probe_every = 5,
		.has_bandwidth_guard = true,
		.is_moldable = true,
		.affinity_ns = 2 * NS_PER_MS,
		.affinity_max_ns = 10 * NS_PER_MS,
		.watchdog =
			{
				.floor_ns = 20 * NS_PER_MS,
				.cap_ns = 8 * NS_PER_S,
				.unknown_ns = 2 * NS_PER_S,
				.factor = 3,
				.slack_ns = 10 * NS_PER_MS,
			},
		.predict =
			{
				.window = 32,
				.known_after = 3,
				.default_ns = 20 * NS_PER_MS,
				.n_kinds = 1024,
			},
	};
}

int scheduler_new(const struct scheduler_params *params, const struct scheduler_config *config,
		  struct scheduler **ret_scheduler)
{
	struct scheduler *scheduler;
	int r;

	if (!params->n_cores || params->n_cores > SCHEDULER_CORES_MAX)
		return -EINVAL;
	scheduler = calloc(1, sizeof(*scheduler));
	if (!scheduler)
		return -ENOMEM;
	scheduler->params = *params;
	scheduler->config = *config;
	scheduler->all_cores = scheduler->live_cores = core_bit(params->n_cores) - 1;
	list_init(&scheduler->queues);
	list_init(&scheduler->shed);
	scheduler->hold_end_ns = scheduler->revival_ns = CLOCK_NEVER;
	shares_init(&scheduler->shares);
	for (unsigned i = 0; i < params->n_cores; i++) {
		scheduler->cores[i].index = i;
		scheduler->cores[i].since_ns = scheduler_now_ns(scheduler);
	}
	r = predict_new(&config->predict, &scheduler->predict);
	if (r == 0)
		r = config->policy->create(scheduler, config, &scheduler->policy);
	if (r) {
		predict_free(scheduler->predict);
		free(scheduler);
		return r;
	}
	*ret_scheduler = scheduler;
	return 0;
}

struct scheduler *scheduler_free(struct scheduler *scheduler)
{
	if (!scheduler)
		return NULL;
	assert(list_is_empty(&scheduler->queues));
	scheduler->policy->ops->destroy(scheduler->policy);
	shares_deinit(&scheduler->shares);
	predict_free(scheduler->predict);
	free(scheduler);
	return NULL;
}

static void leave_policy(struct scheduler *scheduler, struct queue *queue)
{
	struct policy *policy = scheduler->policy;

	scheduler->priorities.n_queues -= queue->params.priority > 0;
	class_order_queue_idle(queue);
	if (queue->n_ready) {
		priority_queue_idle(scheduler, queue);
		policy->ops->queue_idle(policy, queue);
	}
	policy->ops->queue_removed(policy, queue);
}

static void join_policy(struct scheduler *scheduler, struct queue *queue)
{
	struct policy *policy = scheduler->policy;

	scheduler->priorities.n_queues += queue->params.priority > 0;
	policy->ops->queue_added(policy, queue);
	if (queue->n_ready) {
		priority_queue_ready(scheduler, queue, scheduler_now_ns(scheduler));
		class_order_queue_ready(queue);
		policy->ops->queue_ready(policy, queue);
	}
	scheduler_refit_queue(scheduler, queue);
}

static void tell_lost_cores(struct scheduler *scheduler)
{
	struct policy *policy = scheduler->policy;

	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		if (scheduler->cores[i].state == CORE_FAULTED && policy->ops->core_lost)
			policy->ops->core_lost(policy, i);
	}
}

/* Budgets may have shrunk, so these cores are looked at anew. */
static void sample_soon(struct scheduler *scheduler, uint32_t cores)
{
	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		if (cores & core_bit(i))
			scheduler->cores[i].next_sample_ns = scheduler_now_ns(scheduler);
	}
}

/* The queues in the order of the policy that goes: where the next one has none it begins so. */
static void sort_queues(struct scheduler *scheduler)
{
	struct policy *policy = scheduler->policy;
	struct queue *queue = NULL;

	policy->ops->begin(policy, scheduler_now_ns(scheduler), -1);
	while ((queue = policy->ops->next(policy, queue))) {
		list_del(&queue->link);
		list_add_tail(&scheduler->queues, &queue->link);
	}
}

int scheduler_configure(struct scheduler *scheduler, const struct scheduler_config *config)
{
	struct policy *policy;
	struct queue *queue;
	int r;

	r = config->policy->create(scheduler, config, &policy);
	if (r)
		return r;
	r = predict_configure(&scheduler->predict, &config->predict);
	if (r) {
		config->policy->destroy(policy);
		return r;
	}
	sort_queues(scheduler);
	list_for_each (queue, &scheduler->queues, link)
		leave_policy(scheduler, queue);
	scheduler->policy->ops->destroy(scheduler->policy);
	scheduler->policy = policy;
	scheduler->config = *config;
	scheduler->priorities.due_ns = 0;
	tell_lost_cores(scheduler);
	scheduler->is_rejoining = true;
	list_for_each (queue, &scheduler->queues, link)
		join_policy(scheduler, queue);
	scheduler->is_rejoining = false;
	sample_soon(scheduler, scheduler->all_cores);
	return 0;
}

int scheduler_add_queue(struct scheduler *scheduler, struct queue *queue,
			const struct queue_params *params)
{
	int r;

	assert(list_is_empty(&queue->link));
	if (!contract_fits(scheduler, params))
		return -ENOSPC;
	r = shares_join(&scheduler->shares, params->tenant_id, &queue->tenant);
	if (r)
		return r;
	queue->tenant->weight = params->weight;
	queue->params = *params;
	list_add_tail(&scheduler->queues, &queue->link);
	join_policy(scheduler, queue);
	return 0;
}

static void leave_tenant(struct scheduler *scheduler, struct sched_tenant *tenant)
{
	if (tenant->n_queues == 1)
		radius_forget(&scheduler->radius, tenant);
	shares_leave(&scheduler->shares, tenant);
}

/* The queue and what it has under way move over to another tenant. */
static void change_tenant(struct scheduler *scheduler, struct queue *queue,
			  struct sched_tenant *tenant)
{
	struct sched_tenant *left = queue->tenant;
	unsigned n_jobs = queue->n_ready + queue->n_blocked + queue->n_running;
	unsigned n_cores = (unsigned)__builtin_popcount(queue->running_mask);

	for (unsigned i = 0; i < n_jobs; i++) {
		radius_add_job(&scheduler->radius, tenant, scheduler_now_ns(scheduler));
		radius_remove_job(&scheduler->radius, left);
	}
	left->n_cores -= n_cores;
	tenant->n_cores += n_cores;
	queue->tenant = tenant;
	leave_tenant(scheduler, left);
}

int scheduler_update_queue(struct scheduler *scheduler, struct queue *queue,
			   const struct queue_params *params)
{
	struct sched_tenant *tenant;
	int r;

	if (params->tenant_id != queue->tenant->id) {
		r = shares_join(&scheduler->shares, params->tenant_id, &tenant);
		if (r)
			return r;
		leave_policy(scheduler, queue);
		change_tenant(scheduler, queue, tenant);
		queue->params = *params;
		join_policy(scheduler, queue);
	} else if (params->priority != queue->params.priority ||
		   params->order != queue->params.order) {
		leave_policy(scheduler, queue);
		queue->params = *params;
		scheduler->is_rejoining = true;
		join_policy(scheduler, queue);
		scheduler->is_rejoining = false;
	} else {
		queue->params = *params;
		scheduler->policy->ops->queue_updated(scheduler->policy, queue);
		scheduler_refit_queue(scheduler, queue);
	}
	queue->tenant->weight = params->weight;
	sample_soon(scheduler, queue->running_mask);
	return 0;
}

void scheduler_remove_queue(struct scheduler *scheduler, struct queue *queue)
{
	assert(!queue->n_ready && !queue->n_blocked && !queue->n_running);
	leave_policy(scheduler, queue);
	list_del(&queue->link);
	leave_tenant(scheduler, queue->tenant);
	queue->tenant = NULL;
}
