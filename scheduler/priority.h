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

#include <stdint.h>

struct queue;
struct scheduler;

#define PRIORITY_MAX  1000 /* of queue_params::priority */
#define PRIORITY_AGED (PRIORITY_MAX + 1)

/* The queue has a ready job. */
unsigned priority_of(const struct scheduler *scheduler, const struct queue *queue, uint64_t now_ns);
/*
 * The highest priority below `below` that a ready queue has; -1: none. O(queues), so ask only while
 * some queue has one (scheduler::n_prioritized).
 */
int priority_find(const struct scheduler *scheduler, int below, uint64_t now_ns);

#endif
