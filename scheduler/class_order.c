/* SPDX-License-Identifier: MIT */
/* The best is looked for at each step, as in policy_gang.c: most walks take one. */
#include "scheduler/class_order.h"

#include "base/clock.h"
#include "scheduler/scheduler_internal.h"
#include "scheduler/slice.h"

/* Below that a job's length says nothing about what waiting costs it. */
#define PREDICTED_MIN_NS (200 * NS_PER_US)
/* How many a walk looks for at first. */
#define FIRST_BEST 2

typedef bool (*is_before_function)(const struct queue *a, const struct queue *b);

static bool is_older(const struct queue *a, const struct queue *b)
{
	const struct sched_job *head_a = queue_head(a), *head_b = queue_head(b);

	if (head_a->submitted_ns != head_b->submitted_ns)
		return head_a->submitted_ns < head_b->submitted_ns;
	return a->id < b->id;
}

static bool is_before_by_use(const struct queue *a, const struct queue *b)
{
	if (a->order.virtual_ns != b->order.virtual_ns)
		return a->order.virtual_ns < b->order.virtual_ns;
	return is_older(a, b);
}

static bool is_before_by_turn(const struct queue *a, const struct queue *b)
{
	return a->order.turn < b->order.turn;
}

static double slowdown(const struct scheduler *scheduler, const struct queue *queue,
		       uint64_t now_ns)
{
	const struct sched_job *head = queue_head(queue);
	struct prediction prediction;
	uint64_t length_ns;

	scheduler_predict(scheduler, head, head->n_cores, &prediction);
	length_ns = prediction.p90_ns * (head->n_pieces ? head->n_pieces : 1);
	if (length_ns < PREDICTED_MIN_NS)
		length_ns = PREDICTED_MIN_NS;
	return (double)(now_ns - head->submitted_ns) / (double)length_ns;
}

static bool is_before_by_slowdown(const struct queue *a, const struct queue *b)
{
	if (a->order.slowdown != b->order.slowdown)
		return a->order.slowdown > b->order.slowdown;
	return is_older(a, b);
}

static uint64_t head_deadline_ns(const struct queue *queue)
{
	const struct sched_job *head = queue_head(queue);

	return head->deadline_ns ? head->deadline_ns : CLOCK_NEVER;
}

static bool is_before_by_deadline(const struct queue *a, const struct queue *b)
{
	uint64_t deadline_a = head_deadline_ns(a), deadline_b = head_deadline_ns(b);

	return deadline_a != deadline_b ? deadline_a < deadline_b : is_older(a, b);
}

static is_before_function order_function(const struct queue *queue)
{
	const struct policy_ops *order = queue->params.order;

	if (order == &policy_round_robin)
		return is_before_by_turn;
	if (order == &policy_gang)
		return is_before_by_slowdown;
	if (order == &policy_deadline)
		return is_before_by_deadline;
	return is_before_by_use;
}

static bool is_ordered(const struct scheduler *scheduler, const struct queue *queue)
{
	return queue->params.order && !slice_serves_deadline(scheduler, queue_head(queue));
}

void class_order_begin(struct scheduler *scheduler)
{
	scheduler->n_walks++;
}

/* Keeps the n_wanted best in order. */
static void note_best(struct sched_tenant *tenant, is_before_function is_before,
		      struct queue *queue)
{
	unsigned i = tenant->n_best;

	if (i == tenant->n_wanted) {
		if (!is_before(queue, tenant->best[i - 1]))
			return;
		i--;
	} else {
		tenant->n_best++;
	}
	for (; i > 0 && is_before(queue, tenant->best[i - 1]); i--)
		tenant->best[i] = tenant->best[i - 1];
	tenant->best[i] = queue;
}

/* The best of those that the walk has not been to. */
static void rank_more(struct scheduler *scheduler, const struct queue *turn, uint64_t now_ns)
{
	const is_before_function is_before = order_function(turn);
	struct sched_tenant *tenant = turn->tenant;
	struct queue *queue;

	tenant->n_best = tenant->n_taken = 0;
	list_for_each (queue, &tenant->ordered, order.link) {
		if (queue->order.walk == scheduler->n_walks || !is_ordered(scheduler, queue))
			continue;
		if (is_before == is_before_by_slowdown)
			queue->order.slowdown = slowdown(scheduler, queue, now_ns);
		note_best(tenant, is_before, queue);
	}
	for (unsigned i = 0; i < tenant->n_best; i++)
		tenant->best[i]->order.walk = scheduler->n_walks;
	tenant->n_wanted = TENANT_BEST_MAX;
}

struct queue *class_order_take(struct scheduler *scheduler, struct queue *turn, uint64_t now_ns)
{
	struct sched_tenant *tenant = turn->tenant;

	if (!is_ordered(scheduler, turn))
		return turn;
	if (tenant->best_walk != scheduler->n_walks) {
		tenant->best_walk = scheduler->n_walks;
		tenant->n_wanted = FIRST_BEST;
		tenant->n_best = tenant->n_taken = 0;
	}
	if (tenant->n_taken == tenant->n_best)
		rank_more(scheduler, turn, now_ns);
	return tenant->n_taken < tenant->n_best ? tenant->best[tenant->n_taken++] : turn;
}

/* A queue that was idle starts no earlier than those that were not: nothing is saved up. */
static void wake(struct queue *queue)
{
	const struct queue *other;
	double least_ns = 0;
	bool has_other = false;

	if (queue->n_running || queue_head(queue)->pieces_done)
		return;
	queue->order.turn = ++queue->tenant->n_turns;
	queue->order.turn_ns = 0;
	list_for_each (other, &queue->tenant->ordered, order.link) {
		if (!has_other || other->order.virtual_ns < least_ns)
			least_ns = other->order.virtual_ns;
		has_other = true;
	}
	if (has_other && queue->order.virtual_ns < least_ns)
		queue->order.virtual_ns = least_ns;
}

void class_order_queue_ready(struct queue *queue)
{
	if (!queue->params.order)
		return;
	wake(queue);
	list_add_tail(&queue->tenant->ordered, &queue->order.link);
}

void class_order_queue_idle(struct queue *queue)
{
	list_del(&queue->order.link);
}

static uint64_t least_charge_ns(const struct scheduler *scheduler, const struct sched_job *job)
{
	return scheduler->config.min_charge_ns * job->batch_width;
}

void class_order_started(const struct scheduler *scheduler, struct sched_job *job)
{
	job->queue->order.virtual_ns += (double)least_charge_ns(scheduler, job);
}

void class_order_finished(const struct scheduler *scheduler, struct sched_job *job)
{
	uint64_t least_ns = least_charge_ns(scheduler, job);
	uint64_t used_ns = scheduler_batch_cost_ns(scheduler, job);
	struct queue *queue = job->queue;

	if (used_ns > least_ns)
		queue->order.virtual_ns += (double)(used_ns - least_ns);
	queue->order.turn_ns += used_ns > least_ns ? used_ns : least_ns;
	if (queue->order.turn_ns < scheduler->config.rr_quantum_ns)
		return;
	queue->order.turn_ns = 0;
	queue->order.turn = ++queue->tenant->n_turns;
}
