/* SPDX-License-Identifier: MIT */
/*
 * Pinned: a strict partition. A queue keeps to its class's cores, or to the one core it was bound
 * to when it joined. Queues with the same cores share a deficit ring, so what happens on other
 * cores has no part in their order; rings that overlap take turns.
 */
#include "scheduler/policy.h"
#include "scheduler/policy_round_robin.h"
#include "scheduler/scheduler_internal.h"

#include <errno.h>
#include <stdlib.h>

struct pinned_ring {
	struct deficit_ring ring;
	struct list link;   /* pinned::active */
	unsigned n_queues;  /* pinned to these cores */
	unsigned n_lenders; /* those of them that lend them */
	unsigned n_ready;   /* those of them in `ring` */
};

struct pinned {
	struct policy base;
	const struct scheduler *scheduler;
	uint32_t all_cores, live_cores;
	uint32_t lent_cores, kept_cores; /* by classes, whether they have queues or not */
	struct list active;		 /* struct pinned_ring with n_ready > 0, by turn */
	struct pinned_ring rings[];	 /* by core mask */
};

static struct pinned *to_pinned(struct policy *policy)
{
	return container_of(policy, struct pinned, base);
}

static struct pinned_ring *ring_of(struct policy *policy, const struct queue *queue)
{
	return &to_pinned(policy)->rings[queue->pinned_mask];
}

static int pinned_create(struct scheduler *scheduler, const struct scheduler_config *config,
			 struct policy **ret_policy)
{
	const uint32_t all_cores = scheduler->all_cores;
	struct pinned *pinned;

	pinned = calloc(1, sizeof(*pinned) + (all_cores + 1ul) * sizeof(pinned->rings[0]));
	if (!pinned)
		return -ENOMEM;
	pinned->base.ops = &policy_pinned;
	pinned->scheduler = scheduler;
	pinned->all_cores = pinned->live_cores = all_cores;
	pinned->lent_cores = config->lent_cores;
	pinned->kept_cores = config->kept_cores;
	list_init(&pinned->active);
	for (uint32_t mask = 0; mask <= all_cores; mask++) {
		deficit_ring_init(&pinned->rings[mask].ring, config);
		list_init(&pinned->rings[mask].link);
	}
	*ret_policy = &pinned->base;
	return 0;
}

static void pinned_destroy(struct policy *policy)
{
	free(to_pinned(policy));
}

static void pinned_core_lost(struct policy *policy, unsigned core)
{
	to_pinned(policy)->live_cores &= ~core_bit(core);
}

static unsigned n_queues_on(const struct pinned *pinned, uint32_t core_mask)
{
	unsigned n = 0;

	for (uint32_t mask = 0; mask <= pinned->all_cores; mask++) {
		if (mask & core_mask)
			n += pinned->rings[mask].n_queues;
	}
	return n;
}

/* The core in service with the fewest queues pinned to it; 0 when there is none. */
static uint32_t least_pinned_core(const struct pinned *pinned, uint32_t usable)
{
	uint32_t best = 0;
	unsigned n_best = 0;

	for (uint32_t bit = 1; bit <= pinned->all_cores; bit <<= 1) {
		unsigned n = n_queues_on(pinned, bit);

		if (usable & bit && (!best || n < n_best)) {
			best = bit;
			n_best = n;
		}
	}
	return best;
}

static uint32_t find_cores(const struct pinned *pinned, const struct queue *queue)
{
	uint32_t cores = queue->params.core_mask & pinned->all_cores;
	uint32_t bound = queue->pinned_mask & cores & pinned->live_cores;

	if (queue->params.has_own_cores)
		return cores;
	if (__builtin_popcount(queue->pinned_mask) == 1 && bound)
		return bound;
	return least_pinned_core(pinned, cores & pinned->live_cores);
}

static void pinned_queue_added(struct policy *policy, struct queue *queue)
{
	struct pinned_ring *own;

	queue->pinned_mask = find_cores(to_pinned(policy), queue);
	own = ring_of(policy, queue);
	own->n_queues++;
	queue->lends_pinned = queue->params.lends_cores;
	own->n_lenders += queue->lends_pinned;
	deficit_ring_join(&own->ring, queue);
}

static void pinned_queue_ready(struct policy *policy, struct queue *queue)
{
	struct pinned_ring *own = ring_of(policy, queue);

	deficit_ring_insert(&own->ring, queue);
	if (!own->n_ready++)
		list_add_tail(&to_pinned(policy)->active, &own->link);
}

static void pinned_queue_idle(struct policy *policy, struct queue *queue)
{
	struct pinned_ring *own = ring_of(policy, queue);

	deficit_ring_remove(queue);
	if (!--own->n_ready)
		list_del(&own->link);
}

static void pinned_queue_removed(struct policy *policy, struct queue *queue)
{
	struct pinned_ring *own = ring_of(policy, queue);

	own->n_queues--;
	own->n_lenders -= queue->lends_pinned;
}

static void pinned_queue_updated(struct policy *policy, struct queue *queue)
{
	bool is_ready = !list_is_empty(&queue->policy_link);

	if (is_ready)
		pinned_queue_idle(policy, queue);
	deficit_ring_balance_ns(&ring_of(policy, queue)->ring, queue);
	pinned_queue_removed(policy, queue);
	pinned_queue_added(policy, queue);
	if (is_ready)
		pinned_queue_ready(policy, queue);
}

static void pinned_begin(struct policy *policy, uint64_t now_ns, int priority)
{
}

static struct queue *pinned_next(struct policy *policy, struct queue *queue)
{
	struct pinned *pinned = to_pinned(policy);
	struct list *link = pinned->active.next;
	struct queue *next;

	if (queue) {
		next = deficit_ring_next(&ring_of(policy, queue)->ring, queue);
		if (next)
			return next;
		link = ring_of(policy, queue)->link.next;
	}
	if (link == &pinned->active)
		return NULL;
	return deficit_ring_next(&container_of(link, struct pinned_ring, link)->ring, NULL);
}

static uint32_t pinned_cores(const struct policy *policy, const struct queue *queue)
{
	return queue->pinned_mask;
}

static uint32_t pinned_lent_cores(const struct policy *policy)
{
	const struct pinned *pinned = container_of(policy, const struct pinned, base);
	uint32_t lent = pinned->lent_cores, kept = pinned->kept_cores;

	for (uint32_t mask = 0; mask <= pinned->all_cores; mask++) {
		const struct pinned_ring *own = &pinned->rings[mask];

		if (own->n_lenders)
			lent |= mask;
		if (own->n_lenders < own->n_queues)
			kept |= mask;
	}
	return lent & ~kept & pinned->live_cores;
}

static void pinned_started(struct policy *policy, struct queue *queue, struct sched_job *job)
{
	struct pinned_ring *own = ring_of(policy, queue);

	deficit_ring_charge(&own->ring, queue, job);
	list_del(&own->link);
	list_add_tail(&to_pinned(policy)->active, &own->link);
}

static void pinned_finished(struct policy *policy, struct queue *queue, struct sched_job *job)
{
	struct pinned *pinned = to_pinned(policy);

	deficit_ring_correct(&ring_of(policy, queue)->ring, queue,
			     scheduler_batch_cost_ns(pinned->scheduler, job), job);
}

const struct policy_ops policy_pinned = {
	.name = "pinned",
	.create = pinned_create,
	.destroy = pinned_destroy,
	.core_lost = pinned_core_lost,
	.queue_added = pinned_queue_added,
	.queue_removed = pinned_queue_removed,
	.queue_updated = pinned_queue_updated,
	.queue_ready = pinned_queue_ready,
	.queue_idle = pinned_queue_idle,
	.begin = pinned_begin,
	.next = pinned_next,
	.cores = pinned_cores,
	.lent_cores = pinned_lent_cores,
	.started = pinned_started,
	.finished = pinned_finished,
};
