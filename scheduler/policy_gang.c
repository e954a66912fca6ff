/* SPDX-License-Identifier: MIT */
/*
 * Gang: throughput with wide jobs, for tenants that trust each other. By class, then by the highest
 * response ratio (wait + p) / p: it grows without limit while a job waits and starts at 1, so
 * slowdowns are levelled and a gang's turn comes, when it reserves its cores.
 *
 * Ratios change with time, so there is no order to keep. But among jobs of equal length the oldest
 * has the highest ratio at any time: queues are kept by the length of their head, to an eighth of a
 * doubling, and within that by age, so that a walk finds the best by looking at the oldest of
 * each length. When it has been to those it looks for more of the rest.
 */
#include "scheduler/policy.h"
#include "scheduler/priority.h"
#include "scheduler/scheduler_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

/* Below that a job's length says nothing about what waiting costs it. */
#define PREDICTED_MIN_NS (200 * NS_PER_US)

/* How many a walk looks for at first, and when it goes on. */
#define FIRST_BEST 1
#define BEST_MAX   64

struct ranked {
	struct queue *queue;
	double slowdown; /* the response ratio less 1 */
};

struct gang {
	struct policy base;
	struct scheduler *scheduler;
	struct tree ready; /* struct queue::ready_node, by group, then age */
	uint64_t pass, now_ns;
	int priority;		      /* the walk's; negative: all */
	struct ranked best[BEST_MAX]; /* in order; valid within one walk */
	unsigned n_best, n_taken, n_wanted;
};

static struct gang *to_gang(struct policy *policy)
{
	return container_of(policy, struct gang, base);
}

/* ---- groups: queues whose heads are about as long ---- */

/* Queues that are alike in all but their age. */
struct group {
	unsigned priority;
	enum queue_kind kind;
	unsigned length; /* three bits below the highest one, and its place above them */
};

static unsigned length_of(uint64_t head_ns)
{
	unsigned top = 63 - (unsigned)__builtin_clzll(head_ns);

	return top << 3 | (unsigned)(head_ns >> (top - 3) & 7);
}

/* No head of the group is shorter. */
static uint64_t least_ns(const struct group *group)
{
	return (8ull + (group->length & 7)) << ((group->length >> 3) - 3);
}

static struct queue *queue_of(const struct tree_node *node)
{
	return container_of(node, struct queue, ready_node);
}

static struct group group_of(const struct tree_node *node)
{
	const struct queue *queue = queue_of(node);

	return (struct group){queue->params.priority, queue->params.kind,
			      length_of(queue->head_ns)};
}

/* < 0: the first one comes first. */
static int compare_groups(const struct group *a, const struct group *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->length != b->length ? (a->length < b->length ? -1 : 1) : 0;
}

static bool node_is_before(const struct tree_node *a, const struct tree_node *b)
{
	const struct group group_a = group_of(a), group_b = group_of(b);
	int order = compare_groups(&group_a, &group_b);

	if (order)
		return order < 0;
	if (queue_of(a)->key_ns != queue_of(b)->key_ns)
		return queue_of(a)->key_ns < queue_of(b)->key_ns;
	return queue_of(a)->id < queue_of(b)->id;
}

static bool is_past_group(const struct tree_node *node, const void *context)
{
	const struct group group = group_of(node);

	return compare_groups(&group, context) > 0;
}

/* ---- the policy ---- */

static int gang_create(struct scheduler *scheduler, const struct scheduler_config *config,
		       struct policy **ret_policy)
{
	struct gang *gang = calloc(1, sizeof(*gang));

	if (!gang)
		return -ENOMEM;
	gang->base.ops = &policy_gang;
	gang->scheduler = scheduler;
	tree_init(&gang->ready, node_is_before);
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

static void gang_queue_ready(struct policy *policy, struct queue *queue)
{
	struct gang *gang = to_gang(policy);
	const struct sched_job *head = queue_head(queue);
	struct prediction prediction;

	scheduler_predict(gang->scheduler, head, head->n_cores, &prediction);
	queue->head_ns = prediction.p90_ns * (head->n_pieces ? head->n_pieces : 1);
	if (queue->head_ns < PREDICTED_MIN_NS)
		queue->head_ns = PREDICTED_MIN_NS;
	queue->key_ns = head->submitted_ns;
	queue->pass = 0;
	tree_insert(&gang->ready, &queue->ready_node);
}

static void gang_queue_idle(struct policy *policy, struct queue *queue)
{
	tree_remove(&to_gang(policy)->ready, &queue->ready_node);
}

static void gang_head_changed(struct policy *policy, struct queue *queue)
{
	gang_queue_idle(policy, queue);
	gang_queue_ready(policy, queue);
}

/* Its kind may have changed. */
static void gang_queue_updated(struct policy *policy, struct queue *queue)
{
	if (queue->n_ready)
		gang_head_changed(policy, queue);
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

/*
 * Whether nobody of that age and at least that length can be among the best any more. The kind goes
 * before both.
 */
static bool is_too_young(const struct gang *gang, const struct queue *queue, uint64_t length_ns)
{
	const struct ranked *last;

	if (gang->n_best < gang->n_wanted)
		return false;
	last = &gang->best[gang->n_best - 1];
	return last->queue->params.kind <= queue->params.kind &&
	       (double)(gang->now_ns - queue->key_ns) / (double)length_ns < last->slowdown;
}

/* From the oldest on; returns the first node of the next group. */
static struct tree_node *rank_group(struct gang *gang, struct tree_node *node)
{
	const struct group group = group_of(node);
	const uint64_t length_ns = least_ns(&group);

	for (; node && !is_past_group(node, &group); node = tree_next(node)) {
		struct ranked ranked = {.queue = queue_of(node)};

		if (is_too_young(gang, ranked.queue, length_ns))
			return tree_seek(&gang->ready, is_past_group, &group);
		if (!is_left(gang, ranked.queue))
			continue;
		ranked.slowdown = (double)(gang->now_ns - ranked.queue->key_ns) /
				  (double)ranked.queue->head_ns;
		note_best(gang, &ranked);
	}
	return node;
}

/* Whether those from the node on have a place behind the best that were found. */
static bool is_behind(const struct gang *gang, const struct tree_node *node)
{
	const struct queue *queue = queue_of(node);

	if (priority_is_past(gang->priority, queue))
		return true;
	return gang->priority <= PRIORITY_MAX && gang->n_best == gang->n_wanted &&
	       gang->best[gang->n_best - 1].queue->params.kind < queue->params.kind;
}

/* The best of those that are left. */
static void rank_more(struct gang *gang)
{
	struct tree_node *node = priority_seek(&gang->ready, gang->priority);

	gang->n_best = gang->n_taken = 0;
	while (node && !is_behind(gang, node))
		node = rank_group(gang, node);
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
	.queue_updated = gang_queue_updated,
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
