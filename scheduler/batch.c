/* SPDX-License-Identifier: MIT */
/*
 * A batch is what a job has on the cores at one time: some of its pieces, planned before, measured
 * while it runs and learnt from when the device says how it went.
 */
#include "scheduler/class_order.h"
#include "scheduler/dispatch.h"
#include "scheduler/scheduler_internal.h"
#include "scheduler/watchdog.h"

#include <assert.h>

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- its start ---- */

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

void scheduler_start_batch(struct scheduler *scheduler, const struct dispatch *dispatch)
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
	scheduler_take_ready(scheduler, job, now);
	sched_job_set_state(job, JOB_RUNNING, now);
	occupy_cores(scheduler, job, cores, now);
	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		if (!(cores & core_bit(i)) || !start_share(scheduler, &scheduler->cores[i]))
			continue;
		scheduler_end_running(scheduler, job, NPU_OUTCOME_DEVICE_LOST, NULL);
		return;
	}
}

/* ---- its time ---- */

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

/* ---- its end ---- */

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
	scheduler_end_alone(scheduler, job);
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
