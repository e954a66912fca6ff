/* SPDX-License-Identifier: MIT */
/* Ageing is by tenant, so that many sessions of one user get no more of it than one. */
#include "scheduler/priority.h"

#include "base/clock.h"
#include "scheduler/scheduler_internal.h"

void priority_queue_ready(struct scheduler *scheduler, const struct queue *queue, uint64_t now_ns)
{
	struct priorities *priorities = &scheduler->priorities;
	unsigned priority = queue->params.priority;
	uint64_t aged_ns = now_ns + scheduler->config.ageing_ns;

	if (!priorities->n_ready[priority]++)
		priorities->ready[priority / 64] |= 1ull << priority % 64;
	if (aged_ns < priorities->due_ns)
		priorities->due_ns = aged_ns;
}

void priority_queue_idle(struct scheduler *scheduler, const struct queue *queue)
{
	struct priorities *priorities = &scheduler->priorities;
	unsigned priority = queue->params.priority;

	if (!--priorities->n_ready[priority])
		priorities->ready[priority / 64] &= ~(1ull << priority % 64);
}

/* When the queue's tenant has waited for long enough; never while it has a core. */
static uint64_t aged_ns(const struct scheduler *scheduler, const struct queue *queue)
{
	const struct sched_tenant *tenant = queue->tenant;
	uint64_t since_ns = queue_head(queue)->ready_ns;

	if (tenant->n_cores)
		return CLOCK_NEVER;
	if (tenant->last_end_ns > since_ns)
		since_ns = tenant->last_end_ns;
	return since_ns + scheduler->config.ageing_ns;
}

unsigned priority_of(const struct scheduler *scheduler, const struct queue *queue, uint64_t now_ns)
{
	if (now_ns >= scheduler->priorities.due_ns && now_ns >= aged_ns(scheduler, queue))
		return PRIORITY_AGED;
	return queue->params.priority;
}

/* Whether somebody has aged; else it is noted when the next one may have. */
static bool has_aged(struct scheduler *scheduler, uint64_t now_ns)
{
	/* Who has a core now may have lost it by now + ageing. */
	uint64_t due_ns = now_ns + scheduler->config.ageing_ns;
	const struct queue *queue;

	if (now_ns < scheduler->priorities.due_ns)
		return false;
	list_for_each (queue, &scheduler->queues, link) {
		uint64_t queue_ns = queue->n_ready ? aged_ns(scheduler, queue) : CLOCK_NEVER;

		if (now_ns >= queue_ns)
			return true;
		if (queue_ns < due_ns)
			due_ns = queue_ns;
	}
	scheduler->priorities.due_ns = due_ns;
	return false;
}

int priority_find(struct scheduler *scheduler, int below, uint64_t now_ns)
{
	if (below > PRIORITY_AGED && has_aged(scheduler, now_ns))
		return PRIORITY_AGED;
	if (below > PRIORITY_MAX)
		below = PRIORITY_MAX + 1;
	for (int word = (below - 1) / 64; below > 0 && word >= 0; word--) {
		uint64_t bits = scheduler->priorities.ready[word];

		if (word == below / 64)
			bits &= (1ull << below % 64) - 1;
		if (bits)
			return word * 64 + 63 - __builtin_clzll(bits);
	}
	return -1;
}

static bool is_reached(const struct tree_node *node, const void *context)
{
	const struct queue *queue = container_of(node, struct queue, ready_node);

	return queue->params.priority <= *(const unsigned *)context;
}

struct tree_node *priority_seek(const struct tree *queues, int walk)
{
	const unsigned most = walk < 0 ? PRIORITY_AGED : (unsigned)walk;

	return tree_seek(queues, is_reached, &most);
}

bool priority_is_past(int walk, const struct queue *queue)
{
	return walk >= 0 && walk <= PRIORITY_MAX && queue->params.priority != (unsigned)walk;
}
