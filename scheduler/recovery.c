/* SPDX-License-Identifier: MIT */
/*
 * Putting cores back on their feet, a step further each time that does not help: the core, the
 * whole device, the rest of the device without the core, and where none is left the device again
 * and again. What a reset of the device takes from jobs that did nothing wrong is run again.
 */
#include "base/clock.h"
#include "scheduler/gang.h"
#include "scheduler/scheduler_internal.h"

#include <errno.h>

/* ---- cores that are lost ---- */

static void refit_after_loss(struct scheduler *scheduler)
{
	struct queue *queue;

	list_for_each (queue, &scheduler->queues, link) {
		uint32_t cores = scheduler_queue_cores(scheduler, queue);

		scheduler->policy->ops->queue_updated(scheduler->policy, queue);
		/* A queue that keeps its cores keeps its jobs on them: they may be lost with one.
		 */
		if (scheduler_queue_cores(scheduler, queue) != cores)
			scheduler_refit_queue(scheduler, queue);
	}
}

static struct sched_job *find_lost_in(struct scheduler *scheduler, struct list *jobs)
{
	struct sched_job *job;

	list_for_each (job, jobs, link) {
		if (!scheduler_can_run(scheduler, job))
			return job;
	}
	return NULL;
}

static struct sched_job *find_lost(struct scheduler *scheduler)
{
	struct queue *queue;
	struct sched_job *job;

	list_for_each (queue, &scheduler->queues, link) {
		job = find_lost_in(scheduler, &queue->ready);
		if (!job)
			job = find_lost_in(scheduler, &queue->blocked);
		if (job)
			return job;
	}
	return NULL;
}

/* Searched from the start after each, as retire() may have changed any list. Losses are rare. */
static void end_lost(struct scheduler *scheduler)
{
	struct sched_job *job;

	while ((job = find_lost(scheduler)))
		scheduler_end_waiting(scheduler, job, NPU_OUTCOME_DEVICE_LOST);
}

static void schedule_revival(struct scheduler *scheduler, uint64_t pause_ns)
{
	if (!scheduler->params.ops->reset_device)
		return;
	scheduler->revival_pause_ns = pause_ns;
	scheduler->revival_ns = scheduler_now_ns(scheduler) + pause_ns;
}

static void lose_core(struct scheduler *scheduler, struct core *core)
{
	core_set_state(core, CORE_FAULTED, scheduler_now_ns(scheduler));
	scheduler->live_cores &= ~core_bit(core->index);
	if (scheduler->policy->ops->core_lost)
		scheduler->policy->ops->core_lost(scheduler->policy, core->index);
	if (scheduler->live_cores)
		return;
	scheduler->stats.device_losses++;
	schedule_revival(scheduler, REVIVAL_PAUSE_NS);
}

/* ---- resets ---- */

/* False when it does not come back by itself; it is in CORE_RESETTING then. */
static bool reset_core(struct scheduler *scheduler, struct core *core)
{
	const struct scheduler_params *params = &scheduler->params;

	core_set_state(core, CORE_RESETTING, scheduler_now_ns(scheduler));
	for (unsigned i = 0; i < CORE_RESETS_MAX && params->has_core_reset; i++) {
		core->resets++;
		scheduler->stats.core_resets++;
		if (params->ops->reset(params->context, core->index))
			continue;
		core_set_state(core, CORE_IDLE, scheduler_now_ns(scheduler));
		return true;
	}
	return false;
}

/* Returns the cores of `cores` that did not come back. */
static uint32_t reset_cores(struct scheduler *scheduler, uint32_t cores)
{
	uint32_t stuck = 0;

	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		if (cores & core_bit(i) && !reset_core(scheduler, &scheduler->cores[i]))
			stuck |= core_bit(i);
	}
	return stuck;
}

/* Resets all cores in service, or what is to become so. Returns those that came back. */
static uint32_t reset_device(struct scheduler *scheduler, uint32_t cores)
{
	const struct scheduler_params *params = &scheduler->params;
	uint64_t now = scheduler_now_ns(scheduler);
	uint32_t alive;

	scheduler->stats.device_resets++;
	for (unsigned i = 0; i < params->n_cores; i++) {
		struct core *core = &scheduler->cores[i];

		if (!(cores & core_bit(i)))
			continue;
		core->resets++;
		if (core->state != CORE_RESETTING)
			core_set_state(core, CORE_RESETTING, now);
	}
	alive = params->ops->reset_device(params->context) & cores;
	for (unsigned i = 0; i < params->n_cores; i++) {
		if (alive & core_bit(i))
			core_set_state(&scheduler->cores[i], CORE_IDLE,
				       scheduler_now_ns(scheduler));
	}
	return alive;
}

/* ---- what a reset of the device hits ---- */

static void end_later(struct sched_job *job, enum npu_outcome outcome, struct list *ended)
{
	job->outcome = outcome;
	job->is_ending = true;
	list_add_tail(ended, &job->link);
}

/* What the core ran was cut short for another's sake. */
static void repeat_job(struct scheduler *scheduler, struct sched_job *job, struct list *ended)
{
	const struct sched_backend_ops *ops = scheduler->params.ops;
	bool may_repeat = !job->is_unrepeatable && !job->needs_alone;

	job->share_ns = 0;
	scheduler_release_cores(scheduler, job);
	if (!may_repeat) {
		end_later(job, NPU_OUTCOME_DEVICE_RESET, ended);
		return;
	}
	scheduler->stats.repeats++;
	if (++job->n_repeats >= REPEATS_MAX) {
		job->needs_alone = true;
		scheduler->n_alone++;
	}
	scheduler_make_ready(scheduler, job);
	if (ops->repeat)
		ops->repeat(scheduler->params.context, job);
}

static void accuse(struct scheduler *scheduler, struct sched_job *job,
		   const struct sched_evidence *evidence)
{
	job->outcome = evidence->outcome;
	if (scheduler->params.ops->accuse)
		scheduler->params.ops->accuse(scheduler->params.context, job, evidence);
}

/* Before the cores forget: whose counter stands still as well? Returns the cores of those jobs. */
static uint32_t accuse_others(struct scheduler *scheduler, const struct sched_job *first)
{
	struct sched_evidence evidence;
	uint32_t guilty = 0;

	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		struct sched_job *job = scheduler_active_job(scheduler, i);

		if (!job || job == first || guilty & core_bit(i) ||
		    !scheduler_is_hung(scheduler, &scheduler->cores[i], &evidence))
			continue;
		guilty |= job->running_mask;
		scheduler_note_progress(scheduler, job, job->active_mask);
		accuse(scheduler, job, &evidence);
	}
	return guilty;
}

/* The jobs beside `first` leave their cores, which have been reset: repeated or over. */
static void clear_others(struct scheduler *scheduler, const struct sched_job *first,
			 uint32_t guilty, struct list *ended)
{
	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		struct sched_job *job = scheduler->cores[i].job;

		if (!job || job == first)
			continue;
		if (!(guilty & core_bit(i))) {
			repeat_job(scheduler, job, ended);
			continue;
		}
		scheduler_release_cores(scheduler, job);
		end_later(job, job->outcome, ended);
	}
}

/* Cores that did not come back by themselves; `job` is what ran there, or NULL. */
static void recover(struct scheduler *scheduler, struct sched_job *job, uint32_t stuck,
		    struct list *ended)
{
	if (scheduler->params.ops->reset_device) {
		uint32_t guilty = accuse_others(scheduler, job);

		stuck = scheduler->live_cores & ~reset_device(scheduler, scheduler->live_cores);
		clear_others(scheduler, job, guilty, ended);
	}
	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		if (stuck & core_bit(i))
			lose_core(scheduler, &scheduler->cores[i]);
	}
	if (stuck)
		refit_after_loss(scheduler);
}

static void retire_ended(struct scheduler *scheduler, struct list *ended)
{
	while (!list_is_empty(ended)) {
		struct sched_job *job = list_first(ended, struct sched_job, link);

		list_del(&job->link);
		job->is_ending = false;
		scheduler_retire_job(scheduler, job, job->outcome);
	}
	end_lost(scheduler);
}

void scheduler_end_running(struct scheduler *scheduler, struct sched_job *job,
			   enum npu_outcome outcome, const struct sched_evidence *evidence)
{
	struct list ended;
	uint32_t stuck;

	list_init(&ended);
	job->outcome = outcome;
	if (evidence)
		accuse(scheduler, job, evidence);
	stuck = reset_cores(scheduler, job->active_mask);
	if (stuck)
		recover(scheduler, job, stuck, &ended);
	scheduler_release_cores(scheduler, job);
	if (!stuck) {
		scheduler_retire_job(scheduler, job, outcome);
		return;
	}
	end_later(job, outcome, &ended);
	retire_ended(scheduler, &ended);
}

int scheduler_reset_core(struct scheduler *scheduler, unsigned index)
{
	struct core *core;

	if (index >= scheduler->params.n_cores)
		return -EINVAL;
	core = &scheduler->cores[index];
	if (core->state == CORE_FAULTED)
		return -EIO;
	if (core->job) {
		/* Asked for, so it is reset even where its share of a gang has ended. */
		core->job->active_mask |= core_bit(index);
		scheduler_abort(scheduler, core->job, NPU_OUTCOME_CANCELLED);
	} else if (!reset_core(scheduler, core)) {
		struct list ended;

		list_init(&ended);
		recover(scheduler, NULL, core_bit(index), &ended);
		retire_ended(scheduler, &ended);
	}
	return core->state == CORE_FAULTED ? -EIO : 0;
}

/* ---- a lost device ---- */

void scheduler_revive(struct scheduler *scheduler)
{
	const struct scheduler_config config = scheduler->config;
	uint64_t pause_ns = 2 * scheduler->revival_pause_ns;

	if (scheduler->live_cores || scheduler->revival_ns > scheduler_now_ns(scheduler))
		return;
	scheduler->live_cores = reset_device(scheduler, scheduler->all_cores);
	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		if (!(scheduler->live_cores & core_bit(i)))
			core_set_state(&scheduler->cores[i], CORE_FAULTED,
				       scheduler_now_ns(scheduler));
	}
	scheduler->revival_ns = CLOCK_NEVER;
	/* The policy begins anew with the cores that there are; without memory it stays lost. */
	if (scheduler->live_cores && scheduler_configure(scheduler, &config) == 0)
		return;
	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		if (!(scheduler->live_cores & core_bit(i)))
			continue;
		core_set_state(&scheduler->cores[i], CORE_RESETTING, scheduler_now_ns(scheduler));
		core_set_state(&scheduler->cores[i], CORE_FAULTED, scheduler_now_ns(scheduler));
	}
	scheduler->live_cores = 0;
	schedule_revival(scheduler,
			 pause_ns < REVIVAL_PAUSE_MAX_NS ? pause_ns : REVIVAL_PAUSE_MAX_NS);
}
