/* SPDX-License-Identifier: MIT */
/*
 * Deadline: earliest deadline first among the jobs of rt queues that have one; all else runs in the
 * fair order underneath. What cannot be on time is refused when it comes (admission.h) or dropped
 * when its turn comes; what runs beside it is cut short and kept from slowing it down.
 *
 * A gang of the best-effort side that waits longer than `patience` goes before the deadline jobs
 * that can afford it, or the gaps between them would never be wide enough.
 */
#include "scheduler/admission.h"
#include "scheduler/contract.h"
#include "scheduler/gang.h"
#include "scheduler/policy.h"
#include "scheduler/policy_fair.h"
#include "scheduler/scheduler_internal.h"
#include "scheduler/slice.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

#define LIMIT_MIN_NS	 (2 * NS_PER_MS)
#define LIMIT_REFRESH_NS (10 * NS_PER_MS)
#define COST_MARGIN	 1.2
#define URGENT_MARGIN	 1.1
/* A start is given up only when it is this surely too late. */
#define HOPELESS_SHARE 0.97
#define GANG_MARGIN_NS NS_PER_MS
/* A gang further down the fair order has no claim yet. */
#define GANG_LOOKS_MAX	  32
#define GUARD_SAMPLES_MIN 8
#define GUARD_SPREAD_MIN  1.05
#define GUARD_MARGIN_NS	  (0.5 * (double)NS_PER_MS)

enum phase { PHASE_URGENT, PHASE_GANG, PHASE_CALM, PHASE_REST };

struct deadline {
	struct policy base;
	struct scheduler *scheduler;
	struct fair_order order;
	struct tree urgent; /* queues with a deadline job at their head, by it */
	/* The walk. */
	enum phase phase;
	int priority;	    /* the walk's; negative: all */
	struct queue *gang; /* overtakes the deadline jobs that can afford it, or NULL */
	uint64_t now_ns, guard_ns;
	/* Cached: the longest batch beside deadline jobs. */
	uint64_t limit_ns, limit_until_ns;
};

static struct deadline *to_deadline(struct policy *policy)
{
	return container_of(policy, struct deadline, base);
}

static struct queue *queue_of(struct tree_node *node)
{
	return node ? container_of(node, struct queue, ready_node) : NULL;
}

static bool is_before(const struct tree_node *left, const struct tree_node *right)
{
	const struct queue *a = container_of(left, const struct queue, ready_node);
	const struct queue *b = container_of(right, const struct queue, ready_node);

	if (a->params.priority != b->params.priority)
		return a->params.priority > b->params.priority;
	if (a->key_ns != b->key_ns)
		return a->key_ns < b->key_ns;
	if (a->key_id != b->key_id)
		return a->key_id < b->key_id;
	return a->id < b->id;
}

static int deadline_create(struct scheduler *scheduler, const struct scheduler_config *config,
			   struct policy **ret_policy)
{
	struct deadline *deadline = calloc(1, sizeof(*deadline));

	if (!deadline)
		return -ENOMEM;
	deadline->base.ops = &policy_deadline;
	deadline->scheduler = scheduler;
	deadline->limit_ns = CLOCK_NEVER;
	fair_order_init(&deadline->order, scheduler, config);
	tree_init(&deadline->urgent, is_before);
	*ret_policy = &deadline->base;
	return 0;
}

static void deadline_destroy(struct policy *policy)
{
	free(to_deadline(policy));
}

static void deadline_ignore(struct policy *policy, struct queue *queue)
{
}

/* ---- the ready queues ---- */

static void insert(struct deadline *deadline, struct queue *queue)
{
	const struct sched_job *head = queue_head(queue);

	queue->has_deadline_head = slice_serves_deadline(deadline->scheduler, head);
	if (!queue->has_deadline_head) {
		fair_order_insert(&deadline->order, queue);
		return;
	}
	queue->key_ns = head->deadline_ns;
	queue->key_id = head->id;
	queue->tenant->n_urgent++;
	tree_insert(&deadline->urgent, &queue->ready_node);
}

static void deadline_queue_idle(struct policy *policy, struct queue *queue)
{
	struct deadline *deadline = to_deadline(policy);

	if (!queue->has_deadline_head) {
		fair_order_remove(&deadline->order, queue);
		return;
	}
	queue->tenant->n_urgent--;
	tree_remove(&deadline->urgent, &queue->ready_node);
}

static void deadline_queue_ready(struct policy *policy, struct queue *queue)
{
	fair_order_wake(&to_deadline(policy)->order, queue);
	insert(to_deadline(policy), queue);
}

static void deadline_head_changed(struct policy *policy, struct queue *queue)
{
	deadline_queue_idle(policy, queue);
	insert(to_deadline(policy), queue);
}

/* A queue's kind may have changed. */
static void deadline_queue_updated(struct policy *policy, struct queue *queue)
{
	if (queue->n_ready)
		deadline_head_changed(policy, queue);
}

/* ---- the limit of batches beside deadline jobs ---- */

/* Half the smallest slack: a deadline job may find a core taken when it comes, and when it starts.
 */
static uint64_t slack_ns(const struct deadline *deadline, const struct queue *queue)
{
	struct prediction prediction;
	double cost_ns, left_ns;

	predict_get(deadline->scheduler->predict, queue->deadline_signature, queue->deadline_width,
		    queue->deadline_pieces, &prediction);
	cost_ns = prediction.n_samples ? (double)prediction.p10_ns * queue->deadline_pieces : 0;
	left_ns = ((double)queue->relative_deadline_ns - COST_MARGIN * cost_ns) / 2;
	return left_ns > (double)LIMIT_MIN_NS ? (uint64_t)left_ns : LIMIT_MIN_NS;
}

static void refresh_limit(struct deadline *deadline, uint64_t now_ns)
{
	const struct scheduler_config *config = &deadline->scheduler->config;
	struct queue *queue;

	deadline->limit_until_ns = now_ns + LIMIT_REFRESH_NS;
	deadline->limit_ns = CLOCK_NEVER;
	list_for_each (queue, &deadline->scheduler->queues, link) {
		uint64_t limit_ns;

		if (queue->params.kind != QUEUE_RT || !queue->relative_deadline_ns)
			continue;
		limit_ns = config->np_cap_ns ? config->np_cap_ns : slack_ns(deadline, queue);
		if (limit_ns > config->quantum_ns)
			limit_ns = config->quantum_ns;
		if (limit_ns < deadline->limit_ns)
			deadline->limit_ns = limit_ns;
	}
}

static uint64_t deadline_batch_limit_ns(struct policy *policy)
{
	return to_deadline(policy)->limit_ns;
}

/* ---- the walk ---- */

static uint64_t whole_ns(const struct deadline *deadline, const struct sched_job *job)
{
	struct prediction prediction;

	scheduler_predict(deadline->scheduler, job, job->n_cores, &prediction);
	return prediction.p90_ns * sched_job_pieces_left(job);
}

/* Time to drain the cores and run a slice of the gang. */
static uint64_t gang_turn_ns(const struct deadline *deadline, const struct sched_job *gang)
{
	struct scheduler *scheduler = deadline->scheduler;
	struct prediction prediction;
	uint64_t drained_ns = deadline->now_ns;

	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		uint64_t release_ns = scheduler_release_ns(scheduler, i, deadline->now_ns);

		if (release_ns > drained_ns)
			drained_ns = release_ns;
	}
	scheduler_predict(scheduler, gang, gang->n_cores, &prediction);
	return drained_ns - deadline->now_ns + 2 * scheduler->params.gap_ns + GANG_MARGIN_NS +
	       prediction.p90_ns * slice_pieces(scheduler, gang, gang->n_cores, &prediction);
}

static struct queue *find_impatient_gang(const struct deadline *deadline)
{
	uint64_t patience_ns = deadline->scheduler->config.patience_ns;
	struct queue *queue = NULL;

	for (unsigned i = 0; i < GANG_LOOKS_MAX; i++) {
		const struct sched_job *head;

		queue = fair_order_next(&deadline->order, queue);
		if (!queue)
			break;
		head = queue_head(queue);
		if (head->n_cores > 1 && deadline->now_ns - head->ready_ns >= patience_ns)
			return queue;
	}
	return NULL;
}

static bool is_urgent(const struct deadline *deadline, const struct queue *queue)
{
	const struct sched_job *head = queue_head(queue);
	double cost_ns = URGENT_MARGIN * (double)whole_ns(deadline, head);

	return (double)head->deadline_ns - (double)deadline->now_ns - cost_ns <
	       (double)deadline->guard_ns;
}

static void deadline_begin(struct policy *policy, uint64_t now_ns, int priority)
{
	struct deadline *deadline = to_deadline(policy);

	deadline->now_ns = now_ns;
	deadline->priority = priority;
	deadline->gang = NULL;
	deadline->phase = PHASE_CALM;
	if (now_ns >= deadline->limit_until_ns)
		refresh_limit(deadline, now_ns);
	if (tree_is_empty(&deadline->urgent))
		return;
	deadline->gang = find_impatient_gang(deadline);
	if (!deadline->gang)
		return;
	deadline->guard_ns = gang_turn_ns(deadline, queue_head(deadline->gang));
	deadline->phase = PHASE_URGENT;
}

/* The next deadline queue of the phase; `queue` NULL: the first. */
static struct queue *next_deadline(const struct deadline *deadline, struct queue *queue)
{
	struct tree_node *node = queue ? tree_next(&queue->ready_node)
				       : priority_seek(&deadline->urgent, deadline->priority);

	for (; node && !priority_is_past(deadline->priority, queue_of(node));
	     node = tree_next(node)) {
		if (!deadline->gang ||
		    is_urgent(deadline, queue_of(node)) == (deadline->phase == PHASE_URGENT))
			return queue_of(node);
	}
	return NULL;
}

static struct queue *next_best_effort(const struct deadline *deadline, struct queue *queue)
{
	queue = fair_order_next(&deadline->order, queue);
	if (queue && queue == deadline->gang)
		queue = fair_order_next(&deadline->order, queue);
	return queue;
}

static struct queue *deadline_next(struct policy *policy, struct queue *queue)
{
	struct deadline *deadline = to_deadline(policy);

	if (deadline->phase == PHASE_URGENT) {
		queue = next_deadline(deadline, queue);
		if (queue)
			return queue;
		deadline->phase = PHASE_GANG;
		return deadline->gang;
	}
	if (deadline->phase == PHASE_GANG) {
		deadline->phase = PHASE_CALM;
		queue = NULL;
	}
	if (deadline->phase == PHASE_CALM) {
		queue = next_deadline(deadline, queue);
		if (queue)
			return queue;
		deadline->phase = PHASE_REST;
	}
	return next_best_effort(deadline, queue);
}

static uint32_t deadline_cores(const struct policy *policy, const struct queue *queue)
{
	const struct deadline *deadline = container_of(policy, const struct deadline, base);

	return queue->params.core_mask & deadline->scheduler->all_cores;
}

static void deadline_started(struct policy *policy, struct queue *queue, struct sched_job *job)
{
	fair_order_charge(&to_deadline(policy)->order, queue, job);
}

static void deadline_finished(struct policy *policy, struct queue *queue, struct sched_job *job)
{
	fair_order_correct(&to_deadline(policy)->order, queue, job);
}

/* ---- jobs that come, and those whose time is over ---- */

static bool is_known(const struct deadline *deadline, const struct sched_job *job)
{
	struct prediction prediction;

	scheduler_predict(deadline->scheduler, job, gang_widest(job), &prediction);
	return prediction.is_known;
}

static int deadline_admit(struct policy *policy, struct queue *queue, struct sched_job *job,
			  uint64_t now_ns)
{
	struct deadline *deadline = to_deadline(policy);
	const struct scheduler_config *config = &deadline->scheduler->config;

	if (!slice_serves_deadline(deadline->scheduler, job))
		return 0;
	queue->relative_deadline_ns = job->deadline_ns > now_ns ? job->deadline_ns - now_ns : 1;
	queue->deadline_signature = job->signature;
	queue->deadline_width = gang_widest(job);
	queue->deadline_pieces = job->n_pieces ? job->n_pieces : 1;
	if (!contract_take(deadline->scheduler, queue, job, now_ns)) {
		scheduler_demote(deadline->scheduler, job);
		return 0;
	}
	if (sched_job_late_rule(job) == LATE_RUN)
		return 0;
	if (config->has_admission && is_known(deadline, job) &&
	    !admission_allows(deadline->scheduler, &deadline->urgent, job, now_ns)) {
		/* Others have made room for it as far as they could. */
		if (job->is_reserved)
			return 0;
		/* What is always refused is never measured again: one in some is let in as a probe.
		 */
		if (sched_job_late_rule(job) == LATE_DEMOTE)
			scheduler_demote(deadline->scheduler, job);
		else if (++queue->n_rejected < config->probe_every)
			return -ETIME;
		else
			job->is_probe = true;
	}
	queue->n_rejected = 0;
	return 0;
}

static bool deadline_is_hopeless(struct policy *policy, const struct sched_job *job,
				 uint64_t now_ns)
{
	struct deadline *deadline = to_deadline(policy);

	if (!slice_serves_deadline(deadline->scheduler, job) || job->is_probe ||
	    sched_job_late_rule(job) == LATE_RUN || !is_known(deadline, job))
		return false;
	return (double)now_ns +
		       HOPELESS_SHARE * (double)admission_cost_ns(deadline->scheduler, job) >
	       (double)job->deadline_ns;
}

/* ---- the bandwidth guard ---- */

/*
 * Whether a deadline job that runs is on time all the same when something else runs beside it for
 * batch_ns: at the slow end of what it is known to take during that, undisturbed after it.
 */
static bool bears_neighbour(const struct deadline *deadline, const struct sched_job *job,
			    double batch_ns, double now)
{
	struct prediction prediction;
	double full_ns, slow_ns, done, rest;

	if (job->is_probe)
		return false;
	scheduler_predict(deadline->scheduler, job, job->batch_width, &prediction);
	if (prediction.n_samples < GUARD_SAMPLES_MIN ||
	    (double)prediction.p90_ns < GUARD_SPREAD_MIN * (double)prediction.p10_ns)
		return true;
	full_ns = (double)prediction.p10_ns * job->batch_pieces;
	slow_ns = (double)prediction.p90_ns * job->batch_pieces;
	done = (now - (double)job->batch_start_ns - (double)deadline->scheduler->params.gap_ns) /
	       slow_ns;
	done = done < 0 ? 0 : done > 1 ? 1 : done;
	rest = 1 - done - batch_ns / slow_ns;
	if (rest < 0)
		rest = 0;
	return now + batch_ns + rest * full_ns <= (double)job->deadline_ns - GUARD_MARGIN_NS ||
	       now + (1 - done) * full_ns >= (double)job->deadline_ns + full_ns;
}

static bool deadline_may_start(struct policy *policy, const struct sched_job *job,
			       uint64_t batch_ns, uint64_t now_ns)
{
	struct deadline *deadline = to_deadline(policy);
	struct scheduler *scheduler = deadline->scheduler;

	if (!scheduler->config.has_bandwidth_guard)
		return true;
	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		const struct sched_job *running = scheduler->cores[i].job;

		if (running && slice_serves_deadline(scheduler, running) &&
		    !bears_neighbour(deadline, running, (double)batch_ns, (double)now_ns))
			return false;
	}
	return true;
}

/* Deadlines are kept to; the rest is as in `fair`. */
static bool deadline_is_close(const struct policy *policy, const struct queue *first,
			      const struct queue *second)
{
	return !first->has_deadline_head && !second->has_deadline_head &&
	       fair_order_is_close(&container_of(policy, const struct deadline, base)->order, first,
				   second);
}

const struct policy_ops policy_deadline = {
	.name = "deadline",
	.create = deadline_create,
	.destroy = deadline_destroy,
	.queue_added = deadline_ignore,
	.queue_removed = deadline_ignore,
	.queue_updated = deadline_queue_updated,
	.queue_ready = deadline_queue_ready,
	.queue_idle = deadline_queue_idle,
	.head_changed = deadline_head_changed,
	.begin = deadline_begin,
	.next = deadline_next,
	.cores = deadline_cores,
	.started = deadline_started,
	.finished = deadline_finished,
	.admit = deadline_admit,
	.is_hopeless = deadline_is_hopeless,
	.may_start = deadline_may_start,
	.batch_limit_ns = deadline_batch_limit_ns,
	.is_close = deadline_is_close,
	.distrusts_unknown = true,
};
