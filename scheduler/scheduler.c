/* SPDX-License-Identifier: MIT */
/*
 * Jobs come in through queues, the dispatch pass picks them, and one function ends them.
 *
 * retire() may call back and change anything but the objects it was not told about: so it is the
 * last thing that happens to a job, and whoever called down to it looks at everything anew.
 */
#include "scheduler/scheduler.h"

#include "base/clock.h"
#include "scheduler/class_order.h"
#include "scheduler/dispatch.h"
#include "scheduler/gang.h"
#include "scheduler/scheduler_internal.h"
#include "scheduler/slice.h"
#include "scheduler/watchdog.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* ---- demand: which cores a waiting job may use ---- */

bool scheduler_can_run(const struct scheduler *scheduler, const struct sched_job *job)
{
	return (!job->is_narrow && gang_fits(job, job->allowed_mask, scheduler->live_cores)) ||
	       gang_narrow_widths(scheduler, job);
}

uint32_t scheduler_queue_cores(const struct scheduler *scheduler, const struct queue *queue)
{
	return scheduler->policy->ops->cores(scheduler->policy, queue);
}

/* The rules of an accepted job's queue have changed: where it no longer fits it keeps its cores. */
static void refit_job(struct scheduler *scheduler, struct queue *queue, struct sched_job *job)
{
	uint32_t allowed = gang_allowed_cores(job, queue->params.core_mask_rule,
					      scheduler_queue_cores(scheduler, queue));

	if (job->is_narrow && gang_narrow_widths(scheduler, job))
		job->allowed_mask = scheduler_queue_cores(scheduler, queue);
	else if (!job->is_narrow && gang_fits(job, allowed, scheduler->live_cores))
		job->allowed_mask = allowed;
	if (job->state == JOB_READY)
		queue->ready_cores |= job->allowed_mask;
}

void scheduler_refit_queue(struct scheduler *scheduler, struct queue *queue)
{
	struct sched_job *job;

	list_for_each (job, &queue->ready, link)
		refit_job(scheduler, queue, job);
	list_for_each (job, &queue->blocked, link)
		refit_job(scheduler, queue, job);
}

/* ---- ends ---- */

void scheduler_end_alone(struct scheduler *scheduler, struct sched_job *job)
{
	scheduler->n_alone -= job->needs_alone;
	job->needs_alone = false;
}

void scheduler_retire_job(struct scheduler *scheduler, struct sched_job *job,
			  enum npu_outcome outcome)
{
	job->outcome = outcome;
	scheduler_end_alone(scheduler, job);
	scheduler->stats.n_late += outcome == NPU_OUTCOME_LATE;
	radius_remove_job(&scheduler->radius, job->queue->tenant);
	sched_job_set_state(job, JOB_DONE, scheduler_now_ns(scheduler));
	scheduler->params.ops->retire(scheduler->params.context, job);
}

void scheduler_take_ready(struct scheduler *scheduler, struct sched_job *job, uint64_t now_ns)
{
	const struct policy_ops *ops = scheduler->policy->ops;
	struct queue *queue = job->queue;
	bool was_head = queue_head(queue) == job;

	queue_remove_ready(queue, job, now_ns);
	scheduler->n_ready--;
	if (!queue->n_ready) {
		priority_queue_idle(scheduler, queue);
		class_order_queue_idle(queue);
		ops->queue_idle(scheduler->policy, queue);
	} else if (was_head && ops->head_changed) {
		ops->head_changed(scheduler->policy, queue);
	}
}

void scheduler_end_waiting(struct scheduler *scheduler, struct sched_job *job,
			   enum npu_outcome outcome)
{
	if (job->is_shed) {
		list_del(&job->link);
	} else if (job->state == JOB_READY) {
		scheduler_take_ready(scheduler, job, scheduler_now_ns(scheduler));
	} else {
		list_del(&job->link);
		job->queue->n_blocked--;
		scheduler->n_blocked--;
	}
	scheduler_retire_job(scheduler, job, outcome);
}

void scheduler_demote(struct scheduler *scheduler, struct sched_job *job)
{
	job->deadline_ns = 0;
	scheduler->stats.n_demoted++;
}

void scheduler_shed(struct scheduler *scheduler, struct sched_job *job)
{
	scheduler_take_ready(scheduler, job, scheduler_now_ns(scheduler));
	job->is_shed = true;
	list_add_tail(&scheduler->shed, &job->link);
}

/* A job joins its queue's ready ones, for the first time or again. */
static void enter_queue(struct scheduler *scheduler, struct sched_job *job)
{
	const struct policy_ops *ops = scheduler->policy->ops;
	struct queue *queue = job->queue;
	uint64_t now = scheduler_now_ns(scheduler);

	if (job->started_ns)
		queue_return_ready(queue, job, now);
	else
		queue_add_ready(queue, job, now);
	scheduler->n_ready++;
	if (queue->n_ready == 1) {
		priority_queue_ready(scheduler, queue, now);
		class_order_queue_ready(queue);
		ops->queue_ready(scheduler->policy, queue);
	} else if (queue_head(queue) == job && ops->head_changed) {
		ops->head_changed(scheduler->policy, queue);
	}
}

/* A waiting job cannot be on time. */
static void end_late(struct scheduler *scheduler, struct sched_job *job)
{
	if (sched_job_late_rule(job) != LATE_DEMOTE) {
		scheduler_end_waiting(scheduler, job, NPU_OUTCOME_LATE);
		return;
	}
	if (job->is_shed)
		list_del(&job->link);
	else
		scheduler_take_ready(scheduler, job, scheduler_now_ns(scheduler));
	job->is_shed = false;
	scheduler_demote(scheduler, job);
	enter_queue(scheduler, job);
}

static void end_shed(struct scheduler *scheduler)
{
	while (!list_is_empty(&scheduler->shed))
		end_late(scheduler, list_first(&scheduler->shed, struct sched_job, link));
}

/* ---- dispatch ---- */

void scheduler_run(struct scheduler *scheduler)
{
	struct dispatch dispatch;

	scheduler->must_dispatch = true;
	if (scheduler->is_dispatching)
		return;
	scheduler->is_dispatching = true;
	while (scheduler->must_dispatch) {
		scheduler->must_dispatch = false;
		scheduler->last_pass_ns = scheduler_now_ns(scheduler);
		end_shed(scheduler);
		while (dispatch_next(scheduler, &dispatch)) {
			if (dispatch.cores)
				scheduler_start_batch(scheduler, &dispatch);
			else
				end_late(scheduler, dispatch.job);
		}
	}
	scheduler->is_dispatching = false;
}

/* ---- jobs ---- */

void scheduler_make_ready(struct scheduler *scheduler, struct sched_job *job)
{
	sched_job_set_state(job, JOB_READY, scheduler_now_ns(scheduler));
	enter_queue(scheduler, job);
}

/* 0, or -ETIME when the policy will not have it. */
static int admit_job(struct scheduler *scheduler, struct queue *queue, struct sched_job *job)
{
	const struct policy_ops *ops = scheduler->policy->ops;

	if (!ops->admit)
		return 0;
	return ops->admit(scheduler->policy, queue, job, scheduler_now_ns(scheduler));
}

static bool demand_is_met(struct scheduler *scheduler, const struct queue *queue,
			  struct sched_job *job)
{
	const struct scheduler_params *params = &scheduler->params;
	uint32_t cores = scheduler_queue_cores(scheduler, queue);

	if (!gang_demand_is_valid(job, scheduler->all_cores))
		return false;
	job->allowed_mask = gang_allowed_cores(job, queue->params.core_mask_rule, cores);
	if (gang_may_start(job, params->gang_masks) && job->n_cores <= queue->params.max_cores &&
	    gang_width_is_allowed(&queue->params, job->n_cores) &&
	    gang_fits(job, job->allowed_mask, scheduler->live_cores))
		return true;
	job->widths = gang_narrow_widths(scheduler, job);
	job->allowed_mask = cores;
	job->is_narrow = job->widths;
	return job->is_narrow;
}

int scheduler_submit(struct scheduler *scheduler, struct queue *queue, struct sched_job *job)
{
	int r;

	if (!scheduler->live_cores)
		return -ENODEV;
	job->queue = queue;
	if (!demand_is_met(scheduler, queue, job))
		return -EINVAL;
	if (!slice_fits_limit(scheduler, job))
		return -EFBIG;
	if (!job->deadline_ns && queue->params.deadline_ns)
		job->deadline_ns = scheduler_now_ns(scheduler) + queue->params.deadline_ns;
	r = job->n_deps ? 0 : admit_job(scheduler, queue, job);
	if (r) {
		scheduler->stats.n_late++;
		return r;
	}
	radius_add_job(&scheduler->radius, queue->tenant, scheduler_now_ns(scheduler));
	if (!job->n_deps) {
		scheduler_make_ready(scheduler, job);
		return 0;
	}
	sched_job_set_state(job, JOB_BLOCKED, scheduler_now_ns(scheduler));
	list_add_tail(&queue->blocked, &job->link);
	queue->n_blocked++;
	scheduler->n_blocked++;
	return 0;
}

void scheduler_resolve(struct scheduler *scheduler, struct sched_job *job)
{
	assert(job->state == JOB_BLOCKED && job->n_deps);
	if (--job->n_deps)
		return;
	list_del(&job->link);
	job->queue->n_blocked--;
	scheduler->n_blocked--;
	if (!admit_job(scheduler, job->queue, job)) {
		scheduler_make_ready(scheduler, job);
		return;
	}
	scheduler_make_ready(scheduler, job);
	scheduler_shed(scheduler, job);
}

int scheduler_cancel(struct scheduler *scheduler, struct sched_job *job, enum npu_outcome outcome)
{
	if (job->state == JOB_RUNNING)
		return -EBUSY;
	if (job->state != JOB_BLOCKED && job->state != JOB_READY)
		return -EINVAL;
	scheduler_end_waiting(scheduler, job, outcome);
	return 0;
}

void scheduler_abort(struct scheduler *scheduler, struct sched_job *job, enum npu_outcome outcome)
{
	if (job->state != JOB_RUNNING) {
		scheduler_cancel(scheduler, job, outcome);
		return;
	}
	if (job->is_ending)
		return;
	scheduler_note_progress(scheduler, job, job->active_mask);
	scheduler_end_running(scheduler, job, outcome, NULL);
}

/* ---- questions ---- */

const struct scheduler_stats *scheduler_get_stats(const struct scheduler *scheduler)
{
	return &scheduler->stats;
}

const struct predict_stats *scheduler_predict_stats(const struct scheduler *scheduler)
{
	return predict_get_stats(scheduler->predict);
}

uint64_t scheduler_predict_ns(const struct scheduler *scheduler, const struct sched_job *job)
{
	struct prediction prediction;

	scheduler_predict(scheduler, job, job->n_cores, &prediction);
	return prediction.mean_ns * (job->n_pieces ? job->n_pieces : 1) * job->n_cores;
}

uint64_t scheduler_next_end_ns(const struct scheduler *scheduler, uint32_t cores)
{
	uint64_t end_ns = CLOCK_NEVER;

	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		const struct sched_job *job = scheduler->cores[i].job;

		if (job && cores & core_bit(i) && job->predicted_end_ns < end_ns)
			end_ns = job->predicted_end_ns;
	}
	return end_ns;
}

void scheduler_set_clock(struct scheduler *scheduler, const struct sched_clock *clock)
{
	scheduler->clock = *clock;
	predict_set_clock(scheduler->predict, clock->now_hz);
}

const struct core *scheduler_core(const struct scheduler *scheduler, unsigned index)
{
	assert(index < scheduler->params.n_cores);
	return &scheduler->cores[index];
}

unsigned scheduler_n_cores(const struct scheduler *scheduler)
{
	return scheduler->params.n_cores;
}

uint64_t scheduler_budget_ns(const struct scheduler *scheduler, unsigned core)
{
	if (!scheduler_core(scheduler, core)->job)
		return 0;
	return watchdog_get_budget(&scheduler->config.watchdog, &scheduler->clock,
				   &scheduler->cores[core])
		.device_ns;
}

bool scheduler_is_lost(const struct scheduler *scheduler, uint64_t *ret_retry_ns)
{
	if (scheduler->live_cores)
		return false;
	*ret_retry_ns = scheduler->revival_ns;
	return true;
}

uint64_t scheduler_switch_ns(const struct scheduler *scheduler)
{
	return switches_cost_ns(scheduler);
}

unsigned scheduler_n_cores_live(const struct scheduler *scheduler)
{
	return (unsigned)__builtin_popcount(scheduler->live_cores);
}

unsigned scheduler_n_ready(const struct scheduler *scheduler)
{
	return scheduler->n_ready;
}

unsigned scheduler_n_blocked(const struct scheduler *scheduler)
{
	return scheduler->n_blocked;
}

const char *scheduler_policy_name(const struct scheduler *scheduler)
{
	return scheduler->policy->ops->name;
}
