/* SPDX-License-Identifier: MIT */
/*
 * A queue: the jobs of one session that wait, and what the policy keeps about that session.
 */
#ifndef NPUD_SCHEDULER_QUEUE_H
#define NPUD_SCHEDULER_QUEUE_H

#include "base/list.h"
#include "base/tree.h"

#include <stdbool.h>
#include <stdint.h>

struct policy_ops;
struct sched_job;
struct sched_tenant;

/* What a core mask of one core means. A gang's mask is always kept to. */
enum core_mask_rule {
	CORE_MASK_DEMAND, /* a job's core mask is kept to */
	CORE_MASK_WISH,	  /* kept to where those cores are idle, else any that fit */
	CORE_MASK_IGNORE, /* any cores that fit */
};

/* What a policy that knows classes puts first: lower goes first. */
enum queue_kind { QUEUE_RT, QUEUE_NORMAL, QUEUE_BACKGROUND };

/* What becomes of a job whose deadline can no longer be met. */
enum late_rule {
	LATE_UNSAID, /* of a job: as its queue says; of a queue: LATE_DROP */
	LATE_DROP,   /* it ends as late, without running; or is refused when it comes */
	LATE_DEMOTE, /* it loses its deadline, and is served as a job without one */
	LATE_RUN,    /* it keeps its place */
};

/* As in policy files and recordings; "" for LATE_UNSAID. */
const char *late_rule_name(enum late_rule rule);

/* From the session's class. */
struct queue_params {
	uint64_t tenant_id; /* queues with the same one share by weight as one */
	uint64_t domain;    /* its address space; changing a core's costs time */
	enum queue_kind kind;
	enum late_rule late_rule;
	double weight;	   /* > 0 */
	unsigned priority; /* strict order: the higher goes first (priority.h) */
	/* The class's own policy, where it is not the scheduler's (class_order.h); NULL: none. */
	const struct policy_ops *order;
	uint32_t core_mask;   /* cores it may use */
	bool lends_cores;     /* `pinned`: others may use its cores while they are idle (steal.h) */
	bool has_own_cores;   /* the class names its cores; else `pinned` binds the queue to one */
	unsigned max_cores;   /* at once */
	uint64_t deadline_ns; /* of a job that brings none, from its submit; 0: none */
	uint64_t period_ns;   /* contract.h: one job per period; 0: no contract */
	uint64_t run_ns;      /* core-time reserved in each; 0: nothing is reserved */
	uint32_t gang_widths; /* bit w: its jobs may run on w cores; 0: on any number */
	enum core_mask_rule core_mask_rule;
	uint64_t watchdog_cap_ns; /* 0: the watchdog's cap */
};

/*
 * A younger job may start before the head while the head waits for cores that others hold; so many
 * times, then the queue waits for its head, which its rank brings forward meanwhile.
 */
#define QUEUE_OVERTAKES_MAX 16

struct queue {
	uint64_t id; /* the session's id; set by the owner */
	struct queue_params params;
	struct list ready;   /* struct sched_job, highest priority first, then oldest */
	struct list blocked; /* oldest first */
	unsigned n_ready, n_blocked, n_running;
	unsigned n_unknown;	     /* batches of unknown length that run */
	uint32_t running_mask;	     /* cores its jobs occupy */
	uint32_t ready_cores;	     /* no ready job may use any other core */
	uint64_t head_since_ns;	     /* when the first ready job became the first */
	uint64_t held_until_ns;	     /* nothing of it starts before; 0: not held */
	bool is_slow;		     /* one job at a time, on one core where the job allows that */
	unsigned n_overtakes;	     /* of that one, by younger jobs */
	struct list link;	     /* scheduler::queues */
	struct sched_tenant *tenant; /* the scheduler's */
	/* ---- the policy's ---- */
	struct list policy_link;
	struct tree_node ready_node; /* in its policy's order of ready queues */
	struct {
		struct list link;  /* sched_tenant::ordered */
		uint64_t walk;	   /* the last one that has found it among the best */
		uint64_t turn;	   /* round-robin: its place in the ring */
		uint64_t turn_ns;  /* and the core-time it has used of its turn */
		double virtual_ns; /* core-time used, within its tenant */
		double slowdown;   /* gang: as of the last walk that ranked it */
	} order;		   /* class_order.h */
	double virtual_ns;	   /* core-time used, within its tenant */
	uint64_t key_ns, key_id;   /* of the head job, while in the order */
	uint64_t head_ns;	   /* the head's predicted time */
	uint64_t pass;		   /* the last walk that has been here */
	uint64_t relative_deadline_ns, deadline_signature; /* of its last deadline job */
	unsigned deadline_width, deadline_pieces;
	uint64_t next_period_ns; /* contract.h: when the next job would be on time */
	unsigned n_rejected;	 /* deadline jobs in a row */
	bool has_deadline_head;
	bool has_lead;	    /* counted in its tenant's n_deadlines */
	int64_t deficit_ns; /* as of `round`; negative: has used more than its share */
	uint64_t round;
	uint64_t due_round; /* the round in which deficit_ns becomes positive */
	uint32_t pinned_mask;
	bool lends_pinned; /* params.lends_cores when it was pinned */
	/* ---- statistics ---- */
	uint64_t device_ns, wait_ns; /* device time used; time its jobs spent ready */
	uint64_t n_batches;	     /* started */
};

/* Sets up an empty queue that belongs to no scheduler yet. `id` is its owner's, and unique. */
void queue_init(struct queue *queue, uint64_t id);

#endif
