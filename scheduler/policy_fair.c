/* SPDX-License-Identifier: MIT */
/*
 * Fair: weighted shares of core-time, between tenants and then between a tenant's queues, so that a
 * thousand sessions of one user are still one user.
 *
 * Nobody starves: the virtual time of a tenant that waits stands still, while each start of another
 * raises that one's by the minimum charge at least, and going idle never lowers it.
 */
#include "scheduler/policy_fair.h"

#include "scheduler/policy.h"
#include "scheduler/scheduler_internal.h"

#include <errno.h>
#include <stdlib.h>

/* How far jobs with a deadline go ahead of their tenant's share. */
#define LEAD_LAGS 2

static struct queue *queue_of(const struct tree_node *node)
{
	return container_of(node, struct queue, ready_node);
}

static struct sched_tenant *tenant_of(const struct tree_node *node)
{
	return container_of(node, struct sched_tenant, node);
}

static bool queue_is_before(const struct tree_node *left, const struct tree_node *right)
{
	const struct queue *a = queue_of(left), *b = queue_of(right);

	if (a->virtual_ns != b->virtual_ns)
		return a->virtual_ns < b->virtual_ns;
	if (a->key_ns != b->key_ns)
		return a->key_ns < b->key_ns;
	return a->id < b->id;
}

static bool tenant_is_before(const struct tree_node *left, const struct tree_node *right)
{
	const struct sched_tenant *a = tenant_of(left), *b = tenant_of(right);

	if (a->rank_ns != b->rank_ns)
		return a->rank_ns < b->rank_ns;
	if (a->ready_since_ns != b->ready_since_ns)
		return a->ready_since_ns < b->ready_since_ns;
	return a->id < b->id;
}

/* ---- the order ---- */

void fair_order_init(struct fair_order *order, struct scheduler *scheduler,
		     const struct scheduler_config *config)
{
	order->scheduler = scheduler;
	order->lag_ns = (double)config->lag_ns;
	order->min_charge_ns = config->min_charge_ns;
	tree_init(&order->tenants, tenant_is_before);
}

void fair_order_wake(struct fair_order *order, struct queue *queue)
{
	const struct shares *shares = &order->scheduler->shares;
	struct sched_tenant *tenant = queue->tenant;
	struct tree_node *first = tree_first(&tenant->ready);

	if (order->scheduler->is_rejoining || queue->n_running || queue_head(queue)->pieces_done)
		return;
	if (!first && !tenant->n_urgent && !tenant->n_cores &&
	    tenant->virtual_ns < shares->virtual_ns)
		tenant->virtual_ns = shares->virtual_ns;
	if (first && queue->virtual_ns < queue_of(first)->virtual_ns)
		queue->virtual_ns = queue_of(first)->virtual_ns;
}

/*
 * Jobs with a deadline run a bounded time ahead of their tenant's share, so that a burst borrows
 * from what the tenant gets later. One that claims deadlines always gains that time once.
 */
static double lead_ns(const struct fair_order *order, const struct sched_tenant *tenant)
{
	return tenant->n_deadlines ? LEAD_LAGS * order->lag_ns : 0;
}

static void displace_tenant(struct fair_order *order, struct sched_tenant *tenant)
{
	if (!tree_holds(&tenant->node))
		return;
	tree_remove(&order->tenants, &tenant->node);
	order->n_without_lead -= !tenant->has_lead;
}

static void place_tenant(struct fair_order *order, struct sched_tenant *tenant)
{
	displace_tenant(order, tenant);
	tenant->has_lead = tenant->n_deadlines;
	tenant->rank_ns = tenant->virtual_ns - lead_ns(order, tenant);
	order->n_without_lead += !tenant->has_lead;
	tree_insert(&order->tenants, &tenant->node);
}

void fair_order_insert(struct fair_order *order, struct queue *queue)
{
	const struct sched_job *head = queue_head(queue);
	struct sched_tenant *tenant = queue->tenant;

	queue->has_deadline_head = false;
	queue->key_ns = head->submitted_ns;
	if (tree_is_empty(&tenant->ready)) {
		tree_init(&tenant->ready, queue_is_before);
		tenant->ready_since_ns = queue->key_ns;
	}
	queue->has_lead = head->deadline_ns;
	tenant->n_deadlines += queue->has_lead;
	tree_insert(&tenant->ready, &queue->ready_node);
	place_tenant(order, tenant);
}

void fair_order_remove(struct fair_order *order, struct queue *queue)
{
	struct sched_tenant *tenant = queue->tenant;

	if (!tree_holds(&queue->ready_node))
		return;
	tree_remove(&tenant->ready, &queue->ready_node);
	tenant->n_deadlines -= queue->has_lead;
	if (tree_is_empty(&tenant->ready))
		displace_tenant(order, tenant);
	else
		place_tenant(order, tenant);
}

struct queue *fair_order_next(const struct fair_order *order, const struct queue *queue)
{
	struct tree_node *node = queue ? tree_next(&queue->ready_node) : NULL, *tenant;

	if (node)
		return queue_of(node);
	tenant = queue ? tree_next(&queue->tenant->node) : tree_first(&order->tenants);
	return tenant ? queue_of(tree_first(&tenant_of(tenant)->ready)) : NULL;
}

bool fair_order_is_close(const struct fair_order *order, const struct queue *first,
			 const struct queue *second)
{
	double ahead_ns = second->tenant->rank_ns - first->tenant->rank_ns;

	if (first->tenant == second->tenant)
		ahead_ns = second->virtual_ns - first->virtual_ns;
	return ahead_ns <= (double)order->scheduler->config.affinity_ns;
}

/* Adds core-time to the virtual times of a queue and its tenant, and a lag to the latter's. */
static void advance(struct fair_order *order, struct queue *queue, double core_ns, double lag_ns)
{
	struct sched_tenant *tenant = queue->tenant;
	/* With a deadline job at its head it stands in the other order of `deadline`. */
	bool holds_queue = tree_holds(&queue->ready_node) && !queue->has_deadline_head;

	tenant->virtual_ns += core_ns / tenant->weight + lag_ns;
	if (tree_holds(&tenant->node))
		place_tenant(order, tenant);
	if (holds_queue)
		tree_remove(&tenant->ready, &queue->ready_node);
	queue->virtual_ns += core_ns;
	if (holds_queue)
		tree_insert(&tenant->ready, &queue->ready_node);
}

static uint64_t charge_for(const struct fair_order *order, uint64_t wall_ns, unsigned width)
{
	return (wall_ns > order->min_charge_ns ? wall_ns : order->min_charge_ns) * width;
}

void fair_order_charge(struct fair_order *order, struct queue *queue, struct sched_job *job)
{
	struct shares *shares = &order->scheduler->shares;
	struct sched_tenant *tenant = queue->tenant;
	double limit_ns = shares->virtual_ns + order->lag_ns, lag_ns;
	double tag_ns = tenant->virtual_ns;

	/* Weights that the tenant cannot use up, or debts, hold the system back by a lag at most.
	 */
	/* Where all have a lead nobody has. */
	if (order->n_without_lead)
		tag_ns -= lead_ns(order, tenant);
	if (limit_ns > tag_ns)
		limit_ns = tag_ns;
	if (limit_ns > shares->virtual_ns)
		shares->virtual_ns = limit_ns;
	lag_ns = shares->virtual_ns - order->lag_ns - tenant->virtual_ns;
	job->charged_ns =
		charge_for(order, job->predicted_end_ns - job->batch_start_ns, job->batch_width);
	advance(order, queue, (double)job->charged_ns, lag_ns > 0 ? lag_ns : 0);
}

void fair_order_correct(struct fair_order *order, struct queue *queue, const struct sched_job *job)
{
	uint64_t wall_ns = scheduler_now_ns(order->scheduler) - job->batch_start_ns;
	double used_ns = (double)charge_for(order, wall_ns, job->batch_width);

	if (job->outcome == NPU_OUTCOME_HANG)
		used_ns *= HANG_FACTOR;
	advance(order, queue, used_ns - (double)job->charged_ns, 0);
}

/* ---- the policy ---- */

struct fair {
	struct policy base;
	struct fair_order order;
};

static struct fair_order *order_of(struct policy *policy)
{
	return &container_of(policy, struct fair, base)->order;
}

static int fair_create(struct scheduler *scheduler, const struct scheduler_config *config,
		       struct policy **ret_policy)
{
	struct fair *fair = calloc(1, sizeof(*fair));

	if (!fair)
		return -ENOMEM;
	fair->base.ops = &policy_fair;
	fair_order_init(&fair->order, scheduler, config);
	*ret_policy = &fair->base;
	return 0;
}

static void fair_destroy(struct policy *policy)
{
	free(container_of(policy, struct fair, base));
}

static void fair_queue_added(struct policy *policy, struct queue *queue)
{
}

static void fair_queue_ready(struct policy *policy, struct queue *queue)
{
	fair_order_wake(order_of(policy), queue);
	fair_order_insert(order_of(policy), queue);
}

static void fair_queue_idle(struct policy *policy, struct queue *queue)
{
	fair_order_remove(order_of(policy), queue);
}

static void fair_head_changed(struct policy *policy, struct queue *queue)
{
	fair_order_remove(order_of(policy), queue);
	fair_order_insert(order_of(policy), queue);
}

static void fair_begin(struct policy *policy, uint64_t now_ns, int priority)
{
}

static struct queue *fair_next(struct policy *policy, struct queue *queue)
{
	return fair_order_next(order_of(policy), queue);
}

static uint32_t fair_cores(const struct policy *policy, const struct queue *queue)
{
	const struct fair *fair = container_of(policy, const struct fair, base);

	return queue->params.core_mask & fair->order.scheduler->all_cores;
}

static void fair_started(struct policy *policy, struct queue *queue, struct sched_job *job)
{
	fair_order_charge(order_of(policy), queue, job);
}

static void fair_finished(struct policy *policy, struct queue *queue, struct sched_job *job)
{
	fair_order_correct(order_of(policy), queue, job);
}

static bool fair_is_close(const struct policy *policy, const struct queue *first,
			  const struct queue *second)
{
	return fair_order_is_close(&container_of(policy, const struct fair, base)->order, first,
				   second);
}

const struct policy_ops policy_fair = {
	.name = "fair",
	.create = fair_create,
	.destroy = fair_destroy,
	.queue_added = fair_queue_added,
	.queue_removed = fair_queue_added,
	.queue_updated = fair_queue_added,
	.queue_ready = fair_queue_ready,
	.queue_idle = fair_queue_idle,
	.head_changed = fair_head_changed,
	.begin = fair_begin,
	.next = fair_next,
	.cores = fair_cores,
	.started = fair_started,
	.finished = fair_finished,
	.is_close = fair_is_close,
	.distrusts_unknown = true,
};
