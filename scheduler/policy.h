/* SPDX-License-Identifier: MIT */
/*
 * A policy orders the queues that have ready jobs; the dispatch pass does the rest (which cores,
 * gangs, reservations). One file per policy; state lives in the policy object and in the fields of
 * struct queue that are the policy's.
 *
 * To write one: fill a `struct policy_ops`, add it to the table in policy.c and the file to
 * meson.build. rank order must not depend on anything but what the policy was told (no clock, ties
 * broken by queue id), so that equal inputs give equal schedules.
 */
#ifndef NPUD_SCHEDULER_POLICY_H
#define NPUD_SCHEDULER_POLICY_H

#include <stdbool.h>
#include <stdint.h>

struct queue;
struct sched_job;
struct scheduler;
struct scheduler_config;
struct policy;

struct policy_ops {
	const char *name;
	/* The policy lives no longer than the scheduler, of which it may read anything. */
	int (*create)(struct scheduler *scheduler, const struct scheduler_config *config,
		      struct policy **ret_policy);
	void (*destroy)(struct policy *policy);
	/* That core is out of service for good; queue_updated() of every queue follows. May be
	 * NULL. */
	void (*core_lost)(struct policy *policy, unsigned core);
	/* A queue joined, left, or changed its params (or the cores changed). */
	void (*queue_added)(struct policy *policy, struct queue *queue);
	void (*queue_removed)(struct policy *policy, struct queue *queue);
	void (*queue_updated)(struct policy *policy, struct queue *queue);
	/* A queue got its first ready job, or lost its last. */
	void (*queue_ready)(struct policy *policy, struct queue *queue);
	void (*queue_idle)(struct policy *policy, struct queue *queue);
	/* The first ready job of a ready queue is another one now. May be NULL. */
	void (*head_changed)(struct policy *policy, struct queue *queue);
	/*
	 * The ready queues in order of preference: the first with NULL, then the one after `queue`;
	 * NULL at the end. begin() is called before each walk and may reorder. A walk that has a
	 * priority (else negative) only wants the queues of it; others may be left out.
	 */
	void (*begin)(struct policy *policy, uint64_t now_ns, int priority);
	struct queue *(*next)(struct policy *policy, struct queue *queue);
	/* Cores this queue may use, within its params; lost ones may be among them. */
	uint32_t (*cores)(const struct policy *policy, const struct queue *queue);
	/*
	 * One of its ready jobs, most often the head, starts now (batch_width, batch_pieces and the
	 * predictions are set); its batch ended, having used batch_ns core-time. started() may keep
	 * in job->charged_ns what it charges; it is called before queue_idle() when that was the
	 * last ready job.
	 */
	void (*started)(struct policy *policy, struct queue *queue, struct sched_job *job);
	void (*finished)(struct policy *policy, struct queue *queue, struct sched_job *job);
	/* ---- those below may be NULL ---- */
	/* Whether a job that is about to wait in the queue may: -ETIME when it would be late. */
	int (*admit)(struct policy *policy, struct queue *queue, struct sched_job *job,
		     uint64_t now_ns);
	/* Whether a waiting job can no longer be on time, and is to end as late. */
	bool (*is_hopeless)(struct policy *policy, const struct sched_job *job, uint64_t now_ns);
	/* Whether this batch may run beside what runs now. */
	bool (*may_start)(struct policy *policy, const struct sched_job *job, uint64_t batch_ns,
			  uint64_t now_ns);
	/* Longest batch beside deadline jobs; CLOCK_NEVER where there are none. */
	uint64_t (*batch_limit_ns)(struct policy *policy);
	/* Cores whose owners let others use them while they are idle (steal.h). NULL: none. */
	uint32_t (*lent_cores)(const struct policy *policy);
	/*
	 * Whether the order between two queues, of which the first goes first, is so close that
	 * the one whose address space is warm may have the turn. NULL: never.
	 */
	bool (*is_close)(const struct policy *policy, const struct queue *first,
			 const struct queue *second);
	/* Jobs of unknown duration are held back until they are known (slice.h). */
	bool distrusts_unknown;
};

struct policy {
	const struct policy_ops *ops;
};

/* NULL for a name that is not built. */
const struct policy_ops *policy_find(const char *name);
/* Whether the design knows the name at all ("pinned", "round-robin", "gang", "fair", "deadline").
 */
bool policy_name_is_known(const char *name);

extern const struct policy_ops policy_round_robin;
extern const struct policy_ops policy_pinned;
extern const struct policy_ops policy_fair;
extern const struct policy_ops policy_gang;
extern const struct policy_ops policy_deadline;

#endif
