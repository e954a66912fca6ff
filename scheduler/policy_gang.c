/* SPDX-License-Identifier: MIT */
/*
 * Gang: throughput with wide jobs, for tenants that trust each other. By class, then by the highest
 * response ratio (wait + p) / p: it grows without limit while a job waits and starts at 1, so
 * slowdowns are levelled and a gang's turn comes, when it reserves its cores.
 *
 * Ratios change with time, so there is no order to keep: each step looks for the best queue that
 * this walk has not been to. Most walks take one step.
 */
#include "scheduler/policy.h"
#include "scheduler/scheduler_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

/* Below that a job's length says nothing about what waiting costs it. */
#define PREDICTED_MIN_NS (200 * NS_PER_US)

struct gang {
	struct policy base;
	struct scheduler *scheduler;
	struct list ready; /* struct queue::policy_link */
	uint64_t pass, now_ns;
};

static struct gang *to_gang(struct policy *policy)
{
	return container_of(policy, struct gang, base);
}

static int gang_create(struct scheduler *scheduler, const struct scheduler_config *config,
		       struct policy **ret_policy)
{
	struct gang *gang = calloc(1, sizeof(*gang));

	if (!gang)
		return -ENOMEM;
	gang->base.ops = &policy_gang;
	gang->scheduler = scheduler;
	list_init(&gang->ready);
	*ret_policy = &gang->base;
	return 0;
}

static void gang_destroy(struct policy *policy)
{
	free(to_gang(policy));
}

static void gang_ignore(struct policy *policy, struct queue *queue)
{
}

static void gang_head_changed(struct policy *policy, struct queue *queue)
{
	const struct sched_job *head = queue_head(queue);
	struct prediction prediction;

	scheduler_predict(to_gang(policy)->scheduler, head, head->n_cores, &prediction);
	queue->head_ns = prediction.p90_ns * (head->n_pieces ? head->n_pieces : 1);
	if (queue->head_ns < PREDICTED_MIN_NS)
		queue->head_ns = PREDICTED_MIN_NS;
	queue->key_ns = head->submitted_ns;
	queue->key_id = head->id;
}

static void gang_queue_ready(struct policy *policy, struct queue *queue)
{
	list_add_tail(&to_gang(policy)->ready, &queue->policy_link);
	queue->pass = 0;
	gang_head_changed(policy, queue);
}

static void gang_queue_idle(struct policy *policy, struct queue *queue)
{
	list_del(&queue->policy_link);
}

static void gang_begin(struct policy *policy, uint64_t now_ns)
{
	to_gang(policy)->pass++;
	to_gang(policy)->now_ns = now_ns;
}

/* The response ratio less 1. */
static double slowdown(const struct queue *queue, uint64_t now_ns)
{
	return (double)(now_ns - queue->key_ns) / (double)queue->head_ns;
}

static bool is_before(const struct queue *a, const struct queue *b, uint64_t now_ns)
{
	double ratio_a, ratio_b;

	if (a->params.priority != b->params.priority)
		return a->params.priority > b->params.priority;
	if (a->params.kind != b->params.kind)
		return a->params.kind < b->params.kind;
	ratio_a = slowdown(a, now_ns);
	ratio_b = slowdown(b, now_ns);
	if (ratio_a != ratio_b)
		return ratio_a > ratio_b;
	if (a->key_ns != b->key_ns)
		return a->key_ns < b->key_ns;
	return a->id < b->id;
}

static struct queue *gang_next(struct policy *policy, struct queue *queue)
{
	struct gang *gang = to_gang(policy);
	struct queue *best = NULL;

	list_for_each (queue, &gang->ready, policy_link) {
		if (queue->pass != gang->pass && (!best || is_before(queue, best, gang->now_ns)))
			best = queue;
	}
	if (best)
		best->pass = gang->pass;
	return best;
}

static uint32_t gang_cores(const struct policy *policy, const struct queue *queue)
{
	const struct gang *gang = container_of(policy, const struct gang, base);

	return queue->params.core_mask & gang->scheduler->all_cores;
}

static void gang_ignore_job(struct policy *policy, struct queue *queue, struct sched_job *job)
{
}

const struct policy_ops policy_gang = {
	.name = "gang",
	.create = gang_create,
	.destroy = gang_destroy,
	.queue_added = gang_ignore,
	.queue_removed = gang_ignore,
	.queue_updated = gang_ignore,
	.queue_ready = gang_queue_ready,
	.queue_idle = gang_queue_idle,
	.head_changed = gang_head_changed,
	.begin = gang_begin,
	.next = gang_next,
	.cores = gang_cores,
	.started = gang_ignore_job,
	.finished = gang_ignore_job,
	.distrusts_unknown = true,
};
