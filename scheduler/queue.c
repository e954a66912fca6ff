/* SPDX-License-Identifier: MIT */
/* The lists of one session's waiting jobs, and their books. */
#include "scheduler/queue.h"

#include "scheduler/scheduler_internal.h"

#include <string.h>

const char *late_rule_name(enum late_rule rule)
{
	static const char *const names[] = {[LATE_UNSAID] = "",
					    [LATE_DROP] = "drop",
					    [LATE_DEMOTE] = "demote",
					    [LATE_RUN] = "run"};

	return names[rule];
}

void queue_init(struct queue *queue, uint64_t id)
{
	memset(queue, 0, sizeof(*queue));
	queue->id = id;
	list_init(&queue->ready);
	list_init(&queue->blocked);
	list_init(&queue->link);
	list_init(&queue->policy_link);
	list_init(&queue->order.link);
	tree_node_init(&queue->ready_node);
}

struct sched_job *queue_head(const struct queue *queue)
{
	if (list_is_empty(&queue->ready))
		return NULL;
	return list_first(&queue->ready, struct sched_job, link);
}

static void add_before(struct queue *queue, struct sched_job *job, struct list *next,
		       uint64_t now_ns)
{
	queue->n_ready++;
	queue->ready_cores |= job->allowed_mask;
	list_add_tail(next, &job->link);
	if (queue->ready.next == &job->link) {
		queue->head_since_ns = now_ns;
		queue->n_overtakes = 0;
	}
}

void queue_add_ready(struct queue *queue, struct sched_job *job, uint64_t now_ns)
{
	struct list *next = &queue->ready;

	/* From the end, where nearly all belong. */
	while (next->prev != &queue->ready &&
	       container_of(next->prev, struct sched_job, link)->priority < job->priority)
		next = next->prev;
	add_before(queue, job, next, now_ns);
}

void queue_return_ready(struct queue *queue, struct sched_job *job, uint64_t now_ns)
{
	struct sched_job *after;

	list_for_each (after, &queue->ready, link) {
		if (after->priority < job->priority ||
		    (after->priority == job->priority && after->submitted_ns > job->submitted_ns))
			break;
	}
	add_before(queue, job, &after->link, now_ns);
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
