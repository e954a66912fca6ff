/* SPDX-License-Identifier: MIT */
/*
 * A policy of its own inside a class. The scheduler's policy decides when the class has a turn, the
 * class's decides which of its sessions takes it: wherever the walk comes to a queue of such a
 * class, the best of the class's queues that the walk has not been to stands in for it.
 *
 * | policy      | order of the sessions                                            |
 * |-------------|------------------------------------------------------------------|
 * | fair        | least core-time used                                             |
 * | pinned      | the same (the class names its cores, which hold in any case)     |
 * | round-robin | a ring; each keeps its turn for rr_quantum of core-time          |
 * | gang        | the largest waiting time of the oldest job for its length        |
 * | deadline    | the earliest deadline of the oldest job; those without come last |
 *
 * Jobs that the scheduler's policy serves by deadline have their turn by that alone.
 */
#ifndef NPUD_SCHEDULER_CLASS_ORDER_H
#define NPUD_SCHEDULER_CLASS_ORDER_H

#include <stdint.h>

struct queue;
struct sched_job;
struct scheduler;

/* A walk over all ready queues begins. */
void class_order_begin(struct scheduler *scheduler);
/*
 * Who takes the turn that the walk has come to: the queue itself, or one of its class. O(class) for
 * each TENANT_BEST_MAX turns of a class in one walk.
 */
struct queue *class_order_take(struct scheduler *scheduler, struct queue *turn, uint64_t now_ns);

/* As the operations of a policy; harmless for a queue without an order. */
void class_order_queue_ready(struct queue *queue);
void class_order_queue_idle(struct queue *queue);
void class_order_started(const struct scheduler *scheduler, struct sched_job *job);
void class_order_finished(const struct scheduler *scheduler, struct sched_job *job);

#endif
