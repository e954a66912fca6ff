/* SPDX-License-Identifier: MIT */
/* Ageing is by tenant, so that many sessions of one user get no more of it than one. */
#include "scheduler/priority.h"

#include "scheduler/scheduler_internal.h"

static bool is_aged(const struct scheduler *scheduler, const struct queue *queue, uint64_t now_ns)
{
	const struct sched_tenant *tenant = queue->tenant;
	uint64_t since_ns = queue_head(queue)->ready_ns;

	if (tenant->n_cores)
		return false;
	if (tenant->last_end_ns > since_ns)
		since_ns = tenant->last_end_ns;
	return now_ns - since_ns >= scheduler->config.ageing_ns;
}

unsigned priority_of(const struct scheduler *scheduler, const struct queue *queue, uint64_t now_ns)
{
	return is_aged(scheduler, queue, now_ns) ? PRIORITY_AGED : queue->params.priority;
}

int priority_find(const struct scheduler *scheduler, int below, uint64_t now_ns)
{
	struct queue *queue;
	int highest = -1;

	list_for_each (queue, &scheduler->queues, link) {
		int priority;

		if (!queue->n_ready)
			continue;
		priority = (int)priority_of(scheduler, queue, now_ns);
		if (priority < below && priority > highest)
			highest = priority;
	}
	return highest;
}
