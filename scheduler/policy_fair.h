/* SPDX-License-Identifier: MIT */
/*
 * The fair order: ready queues by the virtual time of their tenant, then by their own within it
 * (SFQ(D) with as many servers as cores). Virtual time is core-time used, by weight: the predicted
 * time is charged at the start and corrected by the measured one at the end, so a wrong prediction
 * gains nobody anything. Shared by the policies that serve best-effort jobs by it.
 */
#ifndef NPUD_SCHEDULER_POLICY_FAIR_H
#define NPUD_SCHEDULER_POLICY_FAIR_H

#include "base/tree.h"

#include <stdbool.h>
#include <stdint.h>

struct queue;
struct scheduler;
struct scheduler_config;
struct sched_job;

struct fair_order {
	struct scheduler *scheduler;
	struct tree tenants;	 /* struct sched_tenant::node, those with a queue in `ready` */
	unsigned n_without_lead; /* of those, tenants without a deadline job */
	double lag_ns;
	uint64_t min_charge_ns;
};

void fair_order_init(struct fair_order *order, struct scheduler *scheduler,
		     const struct scheduler_config *config);
/* A queue that was idle starts no earlier than those that were not: nothing is saved up. */
void fair_order_wake(struct fair_order *order, struct queue *queue);
/* A queue with a ready job comes in; one that is in goes, harmless when it is not. */
void fair_order_insert(struct fair_order *order, struct queue *queue);
void fair_order_remove(struct fair_order *order, struct queue *queue);
/* As policy_ops::next. */
struct queue *fair_order_next(const struct fair_order *order, const struct queue *queue);
/* As policy_ops::is_close, for two queues in the order. */
bool fair_order_is_close(const struct fair_order *order, const struct queue *first,
			 const struct queue *second);
/* As policy_ops::started and policy_ops::finished; the queue may be in the order or not. */
void fair_order_charge(struct fair_order *order, struct queue *queue, struct sched_job *job);
void fair_order_correct(struct fair_order *order, struct queue *queue, const struct sched_job *job);

#endif
