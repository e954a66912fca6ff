/* SPDX-License-Identifier: MIT */
/*
 * Gang: throughput with wide jobs, for tenants that trust each other. By class, then by the highest
 * response ratio (wait + p) / p: it grows without limit while a job waits and starts at 1, so
 * slowdowns are levelled and a gang's turn comes, when it reserves its cores.
 *
 * Ratios change with time, so there is no order to keep: a walk looks for the best few queues, and
 * when it has been to those for more of the rest. Most walks take one step.
 */
#include "scheduler/policy.h"
#include "scheduler/priority.h"
#include "scheduler/scheduler_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

/* Below that a job's length says nothing about what waiting costs it. */
#define PREDICTED_MIN_NS (200 * NS_PER_US)

/* How many a walk looks for, at first and when it goes on. */
#define FIRST_BEST 2
#define BEST_MAX   64

struct ranked {
	struct queue *queue;
	double slowdown; /* the response ratio less 1 */
};

struct gang {
	struct policy base;
	struct scheduler *scheduler;
	struct list ready; /* struct queue::policy_link */
	uint64_t pass, now_ns;
	int priority;		      /* the walk's; negative: all */
	struct ranked best[BEST_MAX]; /* in order; valid within one walk */
	unsigned n_best, n_taken, n_wanted;
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

static void gang_begin(struct policy *policy, uint64_t now_ns, int priority)
{
	struct gang *gang = to_gang(policy);

	gang->pass++;
	gang->now_ns = now_ns;
	gang->priority = priority;
	gang->n_best = gang->n_taken = 0;
	gang->n_wanted = FIRST_BEST;
}

static bool is_before(const struct ranked *a, const struct ranked *b)
{
	if (a->queue->params.kind != b->queue->params.kind)
		return a->queue->params.kind < b->queue->params.kind;
	if (a->slowdown != b->slowdown)
		return a->slowdown > b->slowdown;
	if (a->queue->key_ns != b->queue->key_ns)
		return a->queue->key_ns < b->queue->key_ns;
	return a->queue->id < b->queue->id;
}

/* Keeps the n_wanted best in order. */
static void note_best(struct gang *gang, const struct ranked *ranked)
{
	unsigned i = gang->n_best;

	if (i == gang->n_wanted) {
		if (!is_before(ranked, &gang->best[i - 1]))
			return;
		i--;
	} else {
		gang->n_best++;
	}
	for (; i > 0 && is_before(ranked, &gang->best[i - 1]); i--)
		gang->best[i] = gang->best[i - 1];
	gang->best[i] = *ranked;
}

/* Whether the walk has not come to the queue, and has to. */
static bool is_left(const struct gang *gang, const struct queue *queue)
{
	return queue->pass != gang->pass &&
	       (gang->priority < 0 ||
		priority_of(gang->scheduler, queue, gang->now_ns) == (unsigned)gang->priority);
}

/* The best of those that are left. */
static void rank_more(struct gang *gang)
{
	struct queue *queue;

	gang->n_best = gang->n_taken = 0;
	list_for_each (queue, &gang->ready, policy_link) {
		struct ranked ranked = {.queue = queue};

		if (!is_left(gang, queue))
			continue;
		ranked.slowdown = (double)(gang->now_ns - queue->key_ns) / (double)queue->head_ns;
		note_best(gang, &ranked);
	}
	for (unsigned i = 0; i < gang->n_best; i++)
		gang->best[i].queue->pass = gang->pass;
	gang->n_wanted = BEST_MAX;
}

static struct queue *gang_next(struct policy *policy, struct queue *queue)
{
	struct gang *gang = to_gang(policy);

	if (gang->n_taken == gang->n_best)
		rank_more(gang);
	return gang->n_taken < gang->n_best ? gang->best[gang->n_taken++].queue : NULL;
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
