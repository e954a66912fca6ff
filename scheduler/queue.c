/* SPDX-License-Identifier: MIT */
/* The lists of one session's waiting jobs, and their books. */
#include "scheduler/queue.h"

#include "scheduler/scheduler_internal.h"

#include <string.h>

void queue_init(struct queue *queue, uint64_t id)
{
	memset(queue, 0, sizeof(*queue));
	queue->id = id;
	list_init(&queue->ready);
	list_init(&queue->blocked);
	list_init(&queue->link);
	list_init(&queue->policy_link);
	tree_node_init(&queue->ready_node);
}

struct sched_job *queue_head(const struct queue *queue)
{
	if (list_is_empty(&queue->ready))
		return NULL;
	return list_first(&queue->ready, struct sched_job, link);
}

void queue_add_ready(struct queue *queue, struct sched_job *job, uint64_t now_ns)
{
	if (!queue->n_ready++)
		queue->head_since_ns = now_ns;
	queue->ready_cores |= job->allowed_mask;
	list_add_tail(&queue->ready, &job->link);
}

void queue_return_ready(struct queue *queue, struct sched_job *job, uint64_t now_ns)
{
	struct sched_job *after;

	queue->n_ready++;
	queue->ready_cores |= job->allowed_mask;
	list_for_each (after, &queue->ready, link) {
		if (after->submitted_ns > job->submitted_ns)
			break;
	}
	list_add_tail(&after->link, &job->link);
	if (queue->ready.next == &job->link) {
		queue->head_since_ns = now_ns;
		queue->n_overtakes = 0;
	}
}

void queue_remove_ready(struct queue *queue, struct sched_job *job, uint64_t now_ns)
{
	if (queue->ready.next == &job->link) {
		queue->head_since_ns = now_ns;
		queue->n_overtakes = 0;
	}
	queue->wait_ns += now_ns - job->ready_ns;
	queue->n_ready--;
	list_del(&job->link);
	if (!queue->n_ready)
		queue->ready_cores = 0;
}

bool queue_has_room(const struct queue *queue, uint32_t running_mask, unsigned n_cores)
{
	unsigned n_running = (unsigned)__builtin_popcount(running_mask);
	unsigned max_cores = queue->is_slow ? 1 : queue->params.max_cores;

	/* A job that was accepted before the limit was lowered below its width runs alone. */
	return !n_running || n_running + n_cores <= max_cores;
}
