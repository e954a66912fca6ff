/* SPDX-License-Identifier: MIT */
/* Round-robin across sessions on any core, by deficits: one ring of all queues. */
#include "scheduler/policy_round_robin.h"

#include "scheduler/policy.h"
#include "scheduler/scheduler.h"
#include "scheduler/scheduler_internal.h"

#include <errno.h>
#include <stdlib.h>

/* Bounds that keep sums of deficits inside 64 bits: 36 years. */
#define AMOUNT_MAX ((int64_t)1 << 60)

static int64_t amount(double ns)
{
	if (ns >= (double)AMOUNT_MAX)
		return AMOUNT_MAX;
	return ns >= 1 ? (int64_t)ns : 1;
}

static int64_t quantum(const struct deficit_ring *ring, const struct queue *queue)
{
	return amount(ring->quantum_ns * queue->params.weight);
}

/* Brings the deficit up to the present round. Credit is not saved up beyond one quantum. */
static void settle(const struct deficit_ring *ring, struct queue *queue)
{
	int64_t earned = quantum(ring, queue);
	uint64_t missed = ring->round - queue->round;

	queue->round = ring->round;
	if (queue->deficit_ns >= earned)
		queue->deficit_ns = earned;
	else if (missed > (uint64_t)((earned - queue->deficit_ns) / earned))
		queue->deficit_ns = earned;
	else
		queue->deficit_ns += (int64_t)missed * earned;
}

static void insert_exhausted(struct deficit_ring *ring, struct queue *queue)
{
	int64_t earned = quantum(ring, queue);
	struct list *after = ring->exhausted.prev;

	queue->due_round = ring->round + (uint64_t)((earned - queue->deficit_ns) / earned);
	while (after != &ring->exhausted &&
	       container_of(after, struct queue, policy_link)->due_round > queue->due_round)
		after = after->prev;
	list_add_head(after, &queue->policy_link);
}

void deficit_ring_init(struct deficit_ring *ring, const struct scheduler_config *config)
{
	list_init(&ring->credited);
	list_init(&ring->exhausted);
	ring->round = 0;
	ring->quantum_ns = (double)config->rr_quantum_ns;
	ring->min_charge_ns = config->min_charge_ns;
}

void deficit_ring_join(const struct deficit_ring *ring, struct queue *queue)
{
	queue->round = ring->round;
}

void deficit_ring_insert(struct deficit_ring *ring, struct queue *queue)
{
	settle(ring, queue);
	if (queue->deficit_ns > 0)
		list_add_tail(&ring->credited, &queue->policy_link);
	else
		insert_exhausted(ring, queue);
}

void deficit_ring_remove(struct queue *queue)
{
	list_del(&queue->policy_link);
}

struct queue *deficit_ring_next(const struct deficit_ring *ring, const struct queue *queue)
{
	const struct list *next = queue ? queue->policy_link.next : ring->credited.next;

	if (next == &ring->credited)
		next = ring->exhausted.next;
	return next == &ring->exhausted ? NULL : container_of(next, struct queue, policy_link);
}

/* Skips to the given round: whoever has credit by then joins those who have, in order. */
static void begin_round(struct deficit_ring *ring, uint64_t round)
{
	struct queue *queue, *tmp;

	ring->round = round;
	list_for_each_safe (queue, tmp, &ring->exhausted, policy_link) {
		if (queue->due_round > round)
			break;
		list_del(&queue->policy_link);
		deficit_ring_insert(ring, queue);
	}
}

static void pay(struct deficit_ring *ring, struct queue *queue, uint64_t charge_ns)
{
	int64_t charge = charge_ns < (uint64_t)AMOUNT_MAX ? (int64_t)charge_ns : AMOUNT_MAX;

	queue->deficit_ns -= charge;
	if (queue->deficit_ns < -AMOUNT_MAX)
		queue->deficit_ns = -AMOUNT_MAX;
}

void deficit_ring_charge(struct deficit_ring *ring, struct queue *queue, struct sched_job *job)
{
	settle(ring, queue);
	if (queue->deficit_ns <= 0)
		begin_round(ring, queue->due_round);
	job->charged_ns = ring->min_charge_ns * job->batch_width;
	pay(ring, queue, job->charged_ns);
	deficit_ring_remove(queue);
	deficit_ring_insert(ring, queue);
}

void deficit_ring_correct(struct deficit_ring *ring, struct queue *queue, uint64_t used_ns,
			  const struct sched_job *job)
{
	bool is_ready = !list_is_empty(&queue->policy_link);

	if (used_ns <= job->charged_ns)
		return;
	settle(ring, queue);
	pay(ring, queue, used_ns - job->charged_ns);
	/* One that keeps its credit keeps its turn too. */
	if (!is_ready || queue->deficit_ns > 0)
		return;
	deficit_ring_remove(queue);
	insert_exhausted(ring, queue);
}

int64_t deficit_ring_balance_ns(const struct deficit_ring *ring, struct queue *queue)
{
	settle(ring, queue);
	return queue->deficit_ns;
}

/* ---- the policy ---- */

struct round_robin {
	struct policy base;
	const struct scheduler *scheduler;
	uint32_t all_cores;
	struct deficit_ring ring;
};

static struct round_robin *to_round_robin(struct policy *policy)
{
	return container_of(policy, struct round_robin, base);
}

static int round_robin_create(struct scheduler *scheduler, const struct scheduler_config *config,
			      struct policy **ret_policy)
{
	struct round_robin *rr = calloc(1, sizeof(*rr));

	if (!rr)
		return -ENOMEM;
	rr->base.ops = &policy_round_robin;
	rr->scheduler = scheduler;
	rr->all_cores = scheduler->all_cores;
	deficit_ring_init(&rr->ring, config);
	*ret_policy = &rr->base;
	return 0;
}

static void round_robin_destroy(struct policy *policy)
{
	free(to_round_robin(policy));
}

static void round_robin_queue_added(struct policy *policy, struct queue *queue)
{
	deficit_ring_join(&to_round_robin(policy)->ring, queue);
}

static void round_robin_queue_removed(struct policy *policy, struct queue *queue)
{
	deficit_ring_remove(queue);
}

/* Its quantum may have changed, and with it the round that it waits for. */
static void round_robin_queue_updated(struct policy *policy, struct queue *queue)
{
	if (list_is_empty(&queue->policy_link))
		return;
	deficit_ring_remove(queue);
	deficit_ring_insert(&to_round_robin(policy)->ring, queue);
}

static void round_robin_queue_ready(struct policy *policy, struct queue *queue)
{
	deficit_ring_insert(&to_round_robin(policy)->ring, queue);
}

static void round_robin_queue_idle(struct policy *policy, struct queue *queue)
{
	deficit_ring_remove(queue);
}

static void round_robin_begin(struct policy *policy, uint64_t now_ns, int priority)
{
}

static struct queue *round_robin_next(struct policy *policy, struct queue *queue)
{
	return deficit_ring_next(&to_round_robin(policy)->ring, queue);
}

static uint32_t round_robin_cores(const struct policy *policy, const struct queue *queue)
{
	const struct round_robin *rr = container_of(policy, const struct round_robin, base);

	return queue->params.core_mask & rr->all_cores;
}

static void round_robin_started(struct policy *policy, struct queue *queue, struct sched_job *job)
{
	deficit_ring_charge(&to_round_robin(policy)->ring, queue, job);
}

static void round_robin_finished(struct policy *policy, struct queue *queue, struct sched_job *job)
{
	struct round_robin *own = to_round_robin(policy);

	deficit_ring_correct(&own->ring, queue, scheduler_batch_cost_ns(own->scheduler, job), job);
}

const struct policy_ops policy_round_robin = {
	.name = "round-robin",
	.create = round_robin_create,
	.destroy = round_robin_destroy,
	.queue_added = round_robin_queue_added,
	.queue_removed = round_robin_queue_removed,
	.queue_updated = round_robin_queue_updated,
	.queue_ready = round_robin_queue_ready,
	.queue_idle = round_robin_queue_idle,
	.begin = round_robin_begin,
	.next = round_robin_next,
	.cores = round_robin_cores,
	.started = round_robin_started,
	.finished = round_robin_finished,
};
