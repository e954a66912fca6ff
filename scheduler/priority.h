/* SPDX-License-Identifier: MIT */
/*
 * Strict order between classes: while a queue of a higher priority has a job that fits, those below
 * wait, whatever the policy's order. It orders within a priority.
 *
 * Nobody starves: a tenant that had a job ready for `ageing` without a core has one turn before all
 * others. So of N such tenants each starts a batch within ageing and N batches.
 */
#ifndef NPUD_SCHEDULER_PRIORITY_H
#define NPUD_SCHEDULER_PRIORITY_H

#include <stdbool.h>
#include <stdint.h>

struct queue;
struct scheduler;
struct tree;

#define PRIORITY_MAX  1000 /* of queue_params::priority */
#define PRIORITY_AGED (PRIORITY_MAX + 1)

/* Which priorities ready queues have. */
struct priorities {
	unsigned n_queues; /* with a priority, ready or not */
	unsigned n_ready[PRIORITY_MAX + 1];
	uint64_t ready[PRIORITY_MAX / 64 + 1]; /* bit p: n_ready[p] is not 0 */
	uint64_t due_ns;		       /* nobody has aged before */
};

/* A queue got its first ready job, or lost its last. */
void priority_queue_ready(struct scheduler *scheduler, const struct queue *queue, uint64_t now_ns);
void priority_queue_idle(struct scheduler *scheduler, const struct queue *queue);

/* The queue has a ready job. */
unsigned priority_of(const struct scheduler *scheduler, const struct queue *queue, uint64_t now_ns);
/*
 * The highest priority below `below` that a ready queue has; -1: none. O(1), save when somebody may
 * have aged, then O(queues).
 */
int priority_find(struct scheduler *scheduler, int below, uint64_t now_ns);

/*
 * Walks of one priority, or of all where `walk` is negative or PRIORITY_AGED, through queues in a
 * tree by ready_node, those of the highest priority first. Where such a walk begins; NULL: nowhere.
 */
struct tree_node *priority_seek(const struct tree *queues, int walk);
/* Whether it has ended before this queue, which comes at its beginning or behind it. */
bool priority_is_past(int walk, const struct queue *queue);

#endif
