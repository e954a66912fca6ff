/* SPDX-License-Identifier: MIT */
/*
 * Who has used how much: tenants, which own queues and share the NPU by weight.
 *
 * A tenant's virtual time outlives its queues while it is ahead of the system's: a client that
 * reconnects keeps its debt. One that is not ahead is forgotten with its last queue, which loses
 * nothing, as whoever comes back starts at the system's virtual time at least.
 */
#ifndef NPUD_SCHEDULER_SHARES_H
#define NPUD_SCHEDULER_SHARES_H

#include "base/list.h"
#include "base/tree.h"

#include <stdbool.h>
#include <stdint.h>

/* Tenants without a queue that are remembered; past that the one with the least debt goes. */
#define SHARES_IDLE_MAX 1024

/* How many of a tenant's queues a walk looks for at once (class_order.h). */
#define TENANT_BEST_MAX 32

struct queue;

struct sched_tenant {
	uint64_t id;
	double weight;		 /* of the queue that joined or changed last */
	double virtual_ns;	 /* core-time used, by weight */
	unsigned n_queues;	 /* those that joined */
	unsigned n_jobs;	 /* that have been submitted and are not over */
	unsigned n_cores;	 /* that its jobs occupy */
	uint64_t ready_since_ns; /* age of the job that made it ready */
	uint64_t last_end_ns;	 /* when a batch of it ended last; 0: never */
	struct list ordered;	 /* its ready queues with params.order (class_order.h) */
	uint64_t n_turns;	 /* given to them by round-robin */
	/* Those that a walk comes to next, in order; valid within it. */
	struct queue *best[TENANT_BEST_MAX];
	unsigned n_best, n_taken, n_wanted;
	uint64_t best_walk;
	struct list link; /* shares::tenants */
	/* ---- the policy's ---- */
	struct tree ready;     /* struct queue::ready_node */
	struct tree_node node; /* in the policy's order while `ready` has members */
	double rank_ns;	       /* its place there */
	bool has_lead;	       /* in that place */
	unsigned n_deadlines;  /* queues in `ready` whose head has a deadline */
	unsigned n_urgent;     /* ready queues that are not in `ready` but served by deadline */
};

struct shares {
	struct list tenants;
	unsigned n_idle;   /* tenants without a queue */
	double virtual_ns; /* the system's */
};

void shares_init(struct shares *shares);
/* Frees all tenants; none has a queue any more. */
void shares_deinit(struct shares *shares);
/* Finds or makes the tenant; it counts one more queue. -ENOMEM. */
int shares_join(struct shares *shares, uint64_t id, struct sched_tenant **ret_tenant);
void shares_leave(struct shares *shares, struct sched_tenant *tenant);

#endif
