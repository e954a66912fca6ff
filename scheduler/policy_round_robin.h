/* SPDX-License-Identifier: MIT */
/*
 * The deficit ring: fairness between queues on measured core-time, shared by the policies that use
 * it. Every queue earns its quantum (times its weight) per round and pays for what its jobs used,
 * when they have ended; a start costs the minimum charge at once. Queues with credit go first, in
 * turn; the others follow in the order of the rounds in which they will have credit again. When one
 * of those gets a core, because nobody with credit could use it, its round has come for all.
 *
 * Rounds are added up when a queue is next looked at, so a start costs O(1), save for finding the
 * place among the queues without credit.
 */
#ifndef NPUD_SCHEDULER_POLICY_ROUND_ROBIN_H
#define NPUD_SCHEDULER_POLICY_ROUND_ROBIN_H

#include "scheduler/queue.h"

#include <stdint.h>

struct scheduler_config;

struct deficit_ring {
	struct list credited;  /* struct queue with deficit_ns > 0, by turn */
	struct list exhausted; /* the others, by due_round */
	uint64_t round;
	double quantum_ns;
	uint64_t min_charge_ns;
};

void deficit_ring_init(struct deficit_ring *ring, const struct scheduler_config *config);
/* A queue that has no ready job comes from another ring or none; its deficit comes along. */
void deficit_ring_join(const struct deficit_ring *ring, struct queue *queue);
/* A queue got its first ready job. */
void deficit_ring_insert(struct deficit_ring *ring, struct queue *queue);
/* A queue lost its last ready job; harmless when it is not in the ring. */
void deficit_ring_remove(struct queue *queue);
/* As policy_ops::next. */
struct queue *deficit_ring_next(const struct deficit_ring *ring, const struct queue *queue);
/* As policy_ops::started and policy_ops::finished; used_ns is what the batch cost. */
void deficit_ring_charge(struct deficit_ring *ring, struct queue *queue, struct sched_job *job);
void deficit_ring_correct(struct deficit_ring *ring, struct queue *queue, uint64_t used_ns,
			  const struct sched_job *job);
/* What the queue may still use before others go first, as of now; negative: its debt. */
int64_t deficit_ring_balance_ns(const struct deficit_ring *ring, struct queue *queue);

#endif
