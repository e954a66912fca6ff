/* SPDX-License-Identifier: MIT */
/*
 * Jobs come in through queues, the dispatch pass starts them, and one function ends them.
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

/* The job need not run alone any more: its batch is over, one way or the other. */
static void end_alone(struct scheduler *scheduler, struct sched_job *job)
{
	scheduler->n_alone -= job->needs_alone;
	job->needs_alone = false;
}

void scheduler_retire_job(struct scheduler *scheduler, struct sched_job *job,
			  enum npu_outcome outcome)
{
	job->outcome = outcome;
	end_alone(scheduler, job);
	scheduler->stats.n_late += outcome == NPU_OUTCOME_LATE;
	radius_remove_job(&scheduler->radius, job->queue->tenant);
	sched_job_set_state(job, JOB_DONE, scheduler_now_ns(scheduler));
	scheduler->params.ops->retire(scheduler->params.context, job);
}

static void take_ready(struct scheduler *scheduler, struct sched_job *job, uint64_t now)
{
	const struct policy_ops *ops = scheduler->policy->ops;
	struct queue *queue = job->queue;
	bool was_head = queue_head(queue) == job;

	queue_remove_ready(queue, job, now);
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
		take_ready(scheduler, job, scheduler_now_ns(scheduler));
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
	take_ready(scheduler, job, scheduler_now_ns(scheduler));
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
		take_ready(scheduler, job, scheduler_now_ns(scheduler));
	job->is_shed = false;
	scheduler_demote(scheduler, job);
	enter_queue(scheduler, job);
}

static void end_shed(struct scheduler *scheduler)
{
	while (!list_is_empty(&scheduler->shed))
		end_late(scheduler, list_first(&scheduler->shed, struct sched_job, link));
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void note_share(struct sched_job *job, uint64_t device_ns)
{
	job->share_ns = max_u64(job->share_ns, device_ns);
}

void scheduler_note_progress(struct scheduler *scheduler, struct sched_job *job, uint32_t cores)
{
	struct sched_progress progress;

	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		if (!(cores & core_bit(i)))
			continue;
		progress = (struct sched_progress){0};
		scheduler->params.ops->progress(scheduler->params.context, i, &progress);
		note_share(job, progress.device_ns);
	}
}

uint64_t scheduler_batch_cost_ns(const struct scheduler *scheduler, const struct sched_job *job)
{
	uint64_t held_ns = scheduler_now_ns(scheduler) - job->batch_start_ns;

	if (job->outcome != NPU_OUTCOME_HANG)
		return job->batch_ns;
	return HANG_FACTOR * held_ns * job->batch_width;
}

void scheduler_release_cores(struct scheduler *scheduler, struct sched_job *job)
{
	struct queue *queue = job->queue;
	uint64_t now = scheduler_now_ns(scheduler);

	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		struct core *core = &scheduler->cores[i];

		if (!(job->running_mask & core_bit(i)))
			continue;
		core->job = NULL;
		if (core->state == CORE_BUSY)
			core_set_state(core, CORE_IDLE, now);
	}
	queue->running_mask &= ~job->running_mask;
	queue->n_running--;
	queue->n_unknown -= job->is_unknown;
	queue->tenant->n_cores -= job->batch_width;
	queue->tenant->last_end_ns = now;
	job->running_mask = job->active_mask = 0;
	job->batch_ns = job->share_ns * job->batch_width;
	job->device_ns += job->batch_ns;
	job->elapsed_ns += job->share_ns;
	queue->device_ns += job->batch_ns;
	if (!job->is_long)
		radius_add_short(&scheduler->radius, (now - job->batch_start_ns) * job->batch_width,
				 now);
	class_order_finished(scheduler, job);
	scheduler->policy->ops->finished(scheduler->policy, queue, job);
}

/* ---- dispatch ---- */

static void occupy_cores(struct scheduler *scheduler, struct sched_job *job, uint32_t cores,
			 uint64_t now)
{
	unsigned share = 0;

	job->running_mask = cores;
	job->used_mask |= cores;
	job->share_ns = 0;
	job->queue->running_mask |= cores;
	job->queue->n_running++;
	job->queue->n_unknown += job->is_unknown;
	job->queue->tenant->n_cores += job->batch_width;
	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		struct core *core = &scheduler->cores[i];

		if (!(cores & core_bit(i)))
			continue;
		core_set_state(core, CORE_BUSY, now);
		core->job = job;
		core->share = share++;
		core->domain = job->queue->params.domain;
	}
}

/* The address space of the cores changes with what they run. */
static void switch_domain(struct scheduler *scheduler, const struct sched_job *job, uint64_t now)
{
	scheduler->stats.domain_switches++;
	if (!scheduler->params.has_one_domain)
		return;
	scheduler->epoch_start_ns = now;
	for (unsigned i = 0; i < scheduler->params.n_cores; i++)
		scheduler->cores[i].domain = job->queue->params.domain;
}

static uint64_t predicted_budget_ns(const struct scheduler *scheduler, const struct sched_job *job)
{
	const struct watchdog_config *watchdog = &scheduler->config.watchdog;
	double budget_ns = watchdog->factor * (double)job->predicted_ns;

	if (budget_ns > (double)watchdog->cap_ns)
		return watchdog->cap_ns;
	return max_u64((uint64_t)budget_ns + watchdog->slack_ns, watchdog->floor_ns);
}

/* What is known of the batch beforehand, for the policy, the watchdog and the next walk. */
static void plan_batch(struct scheduler *scheduler, const struct dispatch *dispatch, uint64_t now)
{
	const struct prediction *prediction = &dispatch->prediction;
	struct sched_job *job = dispatch->job;
	bool is_unknown = !prediction->is_known && job->n_pieces <= 1;

	job->batch_pieces = dispatch->n_pieces;
	job->batch_width = (unsigned)__builtin_popcount(dispatch->cores);
	job->batch_start_ns = job->predicted_end_ns = now;
	job->predicted_ns = job->budget_ns = 0;
	job->clock_hz = scheduler->clock.now_hz;
	job->is_long = job->is_unknown = false;
	job->has_switched = dispatch->needs_switch;
	if (!job->signature)
		return;
	job->predicted_ns = prediction->p90_ns * dispatch->n_pieces;
	job->predicted_end_ns = now + scheduler->params.gap_ns + job->predicted_ns;
	if (dispatch->needs_switch)
		job->predicted_end_ns += switches_cost_ns(scheduler);
	job->is_unknown = !prediction->is_known && !job->timeout_ns;
	job->is_long = radius_is_long(scheduler, is_unknown ? UINT64_MAX : job->predicted_ns);
	if (prediction->is_known)
		job->budget_ns = predicted_budget_ns(scheduler, job);
}

uint64_t scheduler_release_ns(const struct scheduler *scheduler, unsigned core, uint64_t now_ns)
{
	const struct sched_job *job = scheduler->cores[core].job;

	return job ? max_u64(job->predicted_end_ns, now_ns) : now_ns;
}

static int start_share(struct scheduler *scheduler, struct core *core)
{
	const struct scheduler_params *params = &scheduler->params;
	struct watchdog_budget budget =
		watchdog_get_budget(&scheduler->config.watchdog, &scheduler->clock, core);

	core->job->active_mask |= core_bit(core->index);
	watchdog_start(core, &budget, scheduler_now_ns(scheduler));
	return params->ops->run(params->context, core->job, core->share, core->index);
}

static void count_start(struct scheduler *scheduler, const struct sched_job *job, uint64_t now)
{
	struct queue *queue = job->queue;

	scheduler->stats.slices++;
	queue->n_batches++;
	if (job != queue_head(queue))
		queue->n_overtakes++;
	else if (job->n_cores > 1)
		scheduler->stats.gang_wait_ns += now - max_u64(job->ready_ns, queue->head_since_ns);
}

static void start_job(struct scheduler *scheduler, const struct dispatch *dispatch)
{
	struct policy *policy = scheduler->policy;
	struct sched_job *job = dispatch->job;
	uint64_t now = scheduler_now_ns(scheduler);
	uint32_t cores = dispatch->cores;

	count_start(scheduler, job, now);
	plan_batch(scheduler, dispatch, now);
	if (dispatch->needs_switch)
		switch_domain(scheduler, job, now);
	class_order_started(scheduler, job);
	policy->ops->started(policy, job->queue, job);
	take_ready(scheduler, job, now);
	sched_job_set_state(job, JOB_RUNNING, now);
	occupy_cores(scheduler, job, cores, now);
	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		if (!(cores & core_bit(i)) || !start_share(scheduler, &scheduler->cores[i]))
			continue;
		scheduler_end_running(scheduler, job, NPU_OUTCOME_DEVICE_LOST, NULL);
		return;
	}
}

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
				start_job(scheduler, &dispatch);
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

/* ---- what the device says ---- */

struct sched_job *scheduler_active_job(struct scheduler *scheduler, unsigned core)
{
	struct sched_job *job;

	assert(core < scheduler->params.n_cores);
	job = scheduler->cores[core].job;
	return job && job->active_mask & core_bit(core) ? job : NULL;
}

void scheduler_core_done(struct scheduler *scheduler, unsigned core, uint64_t device_ns)
{
	struct sched_job *job = scheduler_active_job(scheduler, core);

	if (!job)
		return;
	note_share(job, device_ns);
	job->active_mask &= ~core_bit(core);
	/* A gang's cores stay its own until all have ended: they start and end together. */
	if (job->active_mask)
		return;
	switches_observe(&scheduler->switches, job, scheduler_now_ns(scheduler));
	/* What ran at two clocks says nothing about either. */
	if (job->clock_hz == scheduler->clock.now_hz)
		predict_observe(scheduler->predict, job->signature, job->batch_width,
				job->batch_pieces, job->share_ns);
	job->pieces_done += job->batch_pieces;
	job->n_repeats = 0;
	end_alone(scheduler, job);
	scheduler_release_cores(scheduler, job);
	if (sched_job_pieces_left(job))
		scheduler_make_ready(scheduler, job);
	else
		scheduler_retire_job(scheduler, job, NPU_OUTCOME_OK);
}

void scheduler_core_failed(struct scheduler *scheduler, unsigned core, enum npu_outcome outcome,
			   uint64_t device_ns)
{
	struct sched_evidence evidence = {
		.outcome = outcome, .core = core, .progress.device_ns = device_ns};
	struct sched_job *job = scheduler_active_job(scheduler, core);

	if (!job)
		return;
	/* The device has kept the time itself. */
	if (outcome == NPU_OUTCOME_HANG) {
		evidence.budget_ns = scheduler_budget_ns(scheduler, core);
		evidence.stood_still_ns = device_ns;
		scheduler_count_hang(scheduler, &scheduler->cores[core], evidence.budget_ns);
	}
	note_share(job, device_ns);
	scheduler_note_progress(scheduler, job, job->active_mask & ~core_bit(core));
	scheduler_end_running(scheduler, job, outcome, &evidence);
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
