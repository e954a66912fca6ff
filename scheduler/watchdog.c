/* SPDX-License-Identifier: MIT */
/*
 * Samples are as rare as a bound on detection allows: device time never runs faster than the clock,
 * so a core need not be looked at before its budget could be used up. Only where the task counter
 * may move unseen in between is it looked at four times per budget, because a task is known to have
 * begun only at the sample that sees it: a hang is found within 1.25 budgets.
 */
#include "scheduler/watchdog.h"

#include "base/clock.h"
#include "scheduler/scheduler_internal.h"
#include "scheduler/steal.h"

#define N_ELEMENTS(array)  (sizeof(array) / sizeof((array)[0]))

#define SAMPLES_PER_BUDGET 4
/* A core whose device time lags is asked again after this part of its budget, or this long. */
#define RETRIES_PER_BUDGET 8
#define SAMPLE_MIN_NS	   (50 * NS_PER_US)
/* A stream may make its core say things that are no end. */
#define REPRIEVES_MAX 4

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct watchdog_budget watchdog_get_budget(const struct watchdog_config *config,
					   const struct sched_clock *clock, const struct core *core)
{
	const struct sched_job *job = core->job;
	uint64_t class_cap_ns = job->queue->params.watchdog_cap_ns;
	uint64_t cap_ns = config->cap_ns;
	uint64_t guess_ns = job->budget_ns ? job->budget_ns : config->unknown_ns;
	struct watchdog_budget budget = {
		.is_per_task = !job->timeout_ns,
		.n_tasks = job->n_tasks[core->share],
	};

	if (job->n_pieces > 1)
		budget.n_tasks =
			(uint32_t)((uint64_t)budget.n_tasks * job->batch_pieces / job->n_pieces);

	if (class_cap_ns)
		cap_ns = min_u64(cap_ns, class_cap_ns);
	/* The floor is there for bad guesses; a client's short timeout is no guess. */
	budget.device_ns =
		predict_stretch(max_u64(guess_ns, config->floor_ns),
				job->budget_ns ? job->clock_hz : clock->full_hz, clock->now_hz);
	/* It is for all batches of the job. */
	if (job->timeout_ns)
		budget.device_ns = max_u64(job->timeout_ns, job->elapsed_ns) - job->elapsed_ns;
	budget.device_ns = min_u64(budget.device_ns, cap_ns);
	return budget;
}

static void schedule_sample(struct core *core, const struct watchdog_budget *budget,
			    uint64_t left_ns, uint64_t now_ns)
{
	uint64_t wait_ns = max_u64(left_ns, budget->device_ns / RETRIES_PER_BUDGET);

	/* On its last task a core can only end, and says so itself. */
	if (budget->is_per_task && core->tasks_seen + 1ull < budget->n_tasks)
		wait_ns = min_u64(wait_ns, budget->device_ns / SAMPLES_PER_BUDGET);
	wait_ns = max_u64(wait_ns, SAMPLE_MIN_NS);
	core->next_sample_ns = wait_ns > CLOCK_NEVER - now_ns ? CLOCK_NEVER : now_ns + wait_ns;
}

void watchdog_start(struct core *core, const struct watchdog_budget *budget, uint64_t now_ns)
{
	core->tasks_seen = 0;
	core->task_start_device_ns = 0;
	core->n_reprieves = 0;
	schedule_sample(core, budget, budget->device_ns, now_ns);
}

bool watchdog_sample(struct core *core, const struct watchdog_budget *budget,
		     const struct sched_progress *progress, uint64_t now_ns)
{
	uint64_t used_ns = progress->device_ns;

	if (progress->tasks_done != core->tasks_seen) {
		core->tasks_seen = progress->tasks_done;
		core->task_start_device_ns = progress->device_ns;
		core->n_reprieves = 0;
	}
	if (budget->is_per_task)
		used_ns -= min_u64(used_ns, core->task_start_device_ns);
	if (used_ns >= budget->device_ns)
		return true;
	schedule_sample(core, budget, budget->device_ns - used_ns, now_ns);
	return false;
}

/* ---- looking and shooting ---- */

uint64_t scheduler_next_tick_ns(const struct scheduler *scheduler)
{
	uint64_t next_ns = min_u64(scheduler->hold_end_ns, scheduler->revival_ns);

	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		const struct core *core = &scheduler->cores[i];

		if (core->job && core->job->active_mask & core_bit(i) &&
		    core->next_sample_ns < next_ns)
			next_ns = core->next_sample_ns;
	}
	return min_u64(next_ns, steal_next_ns(scheduler));
}

void scheduler_count_hang(struct scheduler *scheduler, const struct core *core, uint64_t budget_ns)
{
	struct scheduler_stats *stats = &scheduler->stats;
	unsigned slot = (unsigned)(stats->hangs % N_ELEMENTS(stats->last_hangs));

	stats->last_hangs[slot].job_id = core->job->id;
	stats->last_hangs[slot].queue_id = core->job->queue->id;
	stats->last_hangs[slot].core = core->index;
	stats->last_hangs[slot].budget_ns = budget_ns;
	stats->last_hangs[slot].time_ns = scheduler_now_ns(scheduler);
	stats->hangs++;
}

/*
 * A daemon that comes late finds both: what a core says goes before what it looks like, and so does
 * what another core of the job says, which this one may wait for.
 */
static bool take_reprieve(struct scheduler *scheduler, struct core *core)
{
	const struct scheduler_params *params = &scheduler->params;
	bool has_event = false;

	for (unsigned i = 0; i < params->n_cores && params->ops->has_event && !has_event; i++)
		has_event = core->job->active_mask & core_bit(i) &&
			    params->ops->has_event(params->context, i);
	if (!has_event || core->n_reprieves == REPRIEVES_MAX)
		return false;
	core->n_reprieves++;
	core->next_sample_ns = scheduler_now_ns(scheduler) + SAMPLE_MIN_NS;
	return true;
}

bool scheduler_is_hung(struct scheduler *scheduler, struct core *core,
		       struct sched_evidence *ret_evidence)
{
	const struct scheduler_params *params = &scheduler->params;
	struct watchdog_budget budget =
		watchdog_get_budget(&scheduler->config.watchdog, &scheduler->clock, core);
	struct sched_progress progress = {0};

	params->ops->progress(params->context, core->index, &progress);
	/* In this order: who has said nothing even then was silent for all of that time. */
	if (!watchdog_sample(core, &budget, &progress, scheduler_now_ns(scheduler)) ||
	    take_reprieve(scheduler, core))
		return false;
	scheduler_count_hang(scheduler, core, budget.device_ns);
	*ret_evidence = (struct sched_evidence){
		.outcome = NPU_OUTCOME_HANG,
		.core = core->index,
		.progress = progress,
		.budget_ns = budget.device_ns,
		.stood_still_ns = progress.device_ns -
				  min_u64(progress.device_ns, core->task_start_device_ns),
	};
	return true;
}

/* True when what the core ran was shot. */
static bool sample_core(struct scheduler *scheduler, struct core *core)
{
	struct sched_job *job = core->job;
	struct sched_evidence evidence;

	if (!scheduler_is_hung(scheduler, core, &evidence))
		return false;
	scheduler_note_progress(scheduler, job, job->active_mask);
	scheduler_end_running(scheduler, job, NPU_OUTCOME_HANG, &evidence);
	return true;
}

/* ---- quarantine ---- */

void scheduler_hold_queue(struct scheduler *scheduler, struct queue *queue, uint64_t until_ns,
			  bool is_slow)
{
	queue->held_until_ns = until_ns;
	queue->is_slow = is_slow;
	if (until_ns)
		scheduler->hold_end_ns = min_u64(scheduler->hold_end_ns, until_ns);
}

/* Lets go of the queues whose time has come. True when there may be something to start. */
static bool release_queues(struct scheduler *scheduler)
{
	uint64_t now_ns = scheduler_now_ns(scheduler);
	struct queue *queue;

	if (scheduler->hold_end_ns > now_ns)
		return false;
	scheduler->hold_end_ns = CLOCK_NEVER;
	list_for_each (queue, &scheduler->queues, link) {
		if (queue->held_until_ns <= now_ns)
			queue->held_until_ns = 0;
		else
			scheduler->hold_end_ns =
				min_u64(scheduler->hold_end_ns, queue->held_until_ns);
	}
	return true;
}

void scheduler_tick(struct scheduler *scheduler)
{
	bool must_run = release_queues(scheduler) ||
			steal_next_ns(scheduler) <= scheduler_now_ns(scheduler);

	scheduler_revive(scheduler);
	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		struct core *core = &scheduler->cores[i];

		if (scheduler_active_job(scheduler, i) &&
		    core->next_sample_ns <= scheduler_now_ns(scheduler))
			must_run |= sample_core(scheduler, core);
	}
	if (must_run)
		scheduler_run(scheduler);
}
