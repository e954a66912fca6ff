/* SPDX-License-Identifier: MIT */
/*
 * A world for the scheduler: cores that take the time their jobs say, on a clock that only
 * mock_advance() moves, and a trace of what was started where.
 */
#ifndef NPUD_TESTS_SCHED_MOCK_H
#define NPUD_TESTS_SCHED_MOCK_H

#include "base/clock.h"
#include "scheduler/policy.h"
#include "scheduler/scheduler.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MOCK_HEALTHY UINT32_MAX

struct mock_job {
	struct sched_job base;
	uint64_t share_ns[NPU_JOB_RANGES]; /* device time of each share */
	uint32_t hangs_after;		   /* tasks; MOCK_HEALTHY: never */
	unsigned n_retired;
	uint64_t ended_device_ns;
};

struct mock {
	struct scheduler *scheduler;
	uint64_t now_ns;
	unsigned device_percent; /* device time per wall time */
	uint64_t switch_ns;	 /* to change an address space, before a batch */
	struct {
		struct mock_job *job;
		unsigned share, n_resets, n_resets_to_fail, n_runs_to_fail;
		uint64_t start_ns;
		bool has_event; /* that the scheduler has not been told of */
	} cores[SCHEDULER_CORES_MAX];
	char trace[8192]; /* "JOB@CORE " per share started */
	unsigned n_retired;
	enum npu_outcome outcome_at_reset;
	uint32_t cores_back; /* what a reset of the device brings back */
	unsigned n_device_resets, n_repeats;
	char accused[256]; /* "JOB@CORE " */
	void (*retired)(struct mock *mock, struct mock_job *job);
	void *user;
};

static inline struct mock_job *mock_job_of(struct sched_job *job)
{
	return container_of(job, struct mock_job, base);
}

static inline uint64_t mock_device_ns(const struct mock *mock, unsigned core)
{
	uint64_t start_ns = mock->cores[core].start_ns;
	uint64_t wall_ns = mock->now_ns > start_ns ? mock->now_ns - start_ns : 0;
	const struct mock_job *job = mock->cores[core].job;
	uint64_t device_ns = wall_ns * mock->device_percent / 100;
	uint64_t share_ns = job->share_ns[mock->cores[core].share];

	return job->hangs_after == MOCK_HEALTHY && device_ns > share_ns ? share_ns : device_ns;
}

static inline int mock_run(void *context, struct sched_job *job, unsigned share, unsigned core)
{
	struct mock *mock = context;
	size_t used = strlen(mock->trace);

	ck_assert_ptr_null(mock->cores[core].job);
	ck_assert_int_eq(job->state, JOB_RUNNING);
	if (mock->cores[core].n_runs_to_fail) {
		mock->cores[core].n_runs_to_fail--;
		return -EIO;
	}
	mock->cores[core].job = mock_job_of(job);
	mock->cores[core].share = share;
	mock->cores[core].start_ns = mock->now_ns + (job->has_switched ? mock->switch_ns : 0);
	snprintf(mock->trace + used, sizeof(mock->trace) - used, "%llu@%u ",
		 (unsigned long long)job->id, core);
	return 0;
}

static inline void mock_progress(void *context, unsigned core, struct sched_progress *ret_progress)
{
	struct mock *mock = context;
	const struct mock_job *job = mock->cores[core].job;
	unsigned share = mock->cores[core].share;
	uint64_t n_tasks, done;

	*ret_progress = (struct sched_progress){0};
	if (!job)
		return;
	ret_progress->device_ns = mock_device_ns(mock, core);
	n_tasks = job->base.n_tasks[share];
	done = job->share_ns[share] ? n_tasks * ret_progress->device_ns / job->share_ns[share] : 0;
	if (done > n_tasks)
		done = n_tasks;
	ret_progress->tasks_done = (uint32_t)(done < job->hangs_after ? done : job->hangs_after);
}

static inline bool mock_has_event(void *context, unsigned core)
{
	return ((struct mock *)context)->cores[core].has_event;
}

static inline int mock_reset(void *context, unsigned core)
{
	struct mock *mock = context;

	if (mock->cores[core].job)
		mock->outcome_at_reset = mock->cores[core].job->base.outcome;
	mock->cores[core].job = NULL;
	mock->cores[core].n_resets++;
	if (!mock->cores[core].n_resets_to_fail)
		return 0;
	mock->cores[core].n_resets_to_fail--;
	return -EIO;
}

static inline uint32_t mock_reset_device(void *context)
{
	struct mock *mock = context;

	mock->n_device_resets++;
	for (unsigned i = 0; i < SCHEDULER_CORES_MAX; i++)
		mock->cores[i].job = NULL;
	return mock->cores_back;
}

static inline void mock_accuse(void *context, struct sched_job *job,
			       const struct sched_evidence *evidence)
{
	struct mock *mock = context;
	size_t used = strlen(mock->accused);

	ck_assert_ptr_eq(mock->cores[evidence->core].job, mock_job_of(job));
	snprintf(mock->accused + used, sizeof(mock->accused) - used, "%llu@%u ",
		 (unsigned long long)job->id, evidence->core);
}

static inline void mock_repeat(void *context, struct sched_job *job)
{
	struct mock *mock = context;

	ck_assert_int_eq(job->state, JOB_READY);
	mock->n_repeats++;
}

static inline void mock_retire(void *context, struct sched_job *job)
{
	struct mock *mock = context;
	struct mock_job *self = mock_job_of(job);

	ck_assert_int_eq(job->state, JOB_DONE);
	ck_assert_int_ne(job->outcome, NPU_OUTCOME_PENDING);
	ck_assert_uint_eq(job->running_mask, 0);
	self->n_retired++;
	self->ended_device_ns = job->device_ns;
	mock->n_retired++;
	if (mock->retired)
		mock->retired(mock, self);
}

static inline uint64_t mock_now(void *context)
{
	return ((struct mock *)context)->now_ns;
}

static const struct sched_backend_ops mock_ops = {
	.run = mock_run,
	.progress = mock_progress,
	.has_event = mock_has_event,
	.reset = mock_reset,
	.retire = mock_retire,
	.now = mock_now,
};

/* A device that can be reset as a whole. */
static const struct sched_backend_ops mock_device_ops = {
	.run = mock_run,
	.progress = mock_progress,
	.has_event = mock_has_event,
	.reset = mock_reset,
	.reset_device = mock_reset_device,
	.accuse = mock_accuse,
	.repeat = mock_repeat,
	.retire = mock_retire,
	.now = mock_now,
};

/* For loops over all policies. */
#define MOCK_N_POLICIES 5

static inline const struct policy_ops *mock_policy(int index)
{
	static const char *const names[MOCK_N_POLICIES] = {"round-robin", "pinned", "gang", "fair",
							   "deadline"};

	return policy_find(names[index]);
}

/* `params` with ops and what else differs from three cores, any two or three of which are a gang.
 */
static inline void mock_init_params(struct mock *mock, const struct scheduler_config *config,
				    struct scheduler_params params)
{
	params.n_cores = 3;
	params.gang_masks = 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7;
	params.context = mock;
	memset(mock, 0, sizeof(*mock));
	mock->device_percent = 100;
	mock->cores_back = 7;
	mock->now_ns = NS_PER_S;
	ck_assert_int_eq(scheduler_new(&params, config, &mock->scheduler), 0);
}

/* Changing an address space takes switch_ns, of which the scheduler is told assumed_ns. */
static inline void mock_init_domains(struct mock *mock, const struct scheduler_config *config,
				     bool has_one_domain, uint64_t assumed_ns, uint64_t switch_ns)
{
	struct scheduler_params params = {
		.has_one_domain = has_one_domain,
		.switch_ns = assumed_ns,
		.has_core_reset = true,
		.ops = &mock_ops,
	};

	mock_init_params(mock, config, params);
	mock->switch_ns = switch_ns;
}

/* `ops` outlives the mock. */
static inline void mock_init_ops(struct mock *mock, const struct scheduler_config *config,
				 const struct sched_backend_ops *ops)
{
	struct scheduler_params params = {.has_core_reset = true, .ops = ops};

	mock_init_params(mock, config, params);
}

static inline void mock_init_kind(struct mock *mock, const struct scheduler_config *config,
				  const struct sched_backend_ops *ops, bool has_core_reset)
{
	struct scheduler_params params = {.has_core_reset = has_core_reset, .ops = ops};

	mock_init_params(mock, config, params);
}

static inline void mock_init_config(struct mock *mock, const struct scheduler_config *config)
{
	mock_init_ops(mock, config, &mock_ops);
}

static inline void mock_init(struct mock *mock)
{
	struct scheduler_config config = scheduler_config_default();

	mock_init_config(mock, &config);
}

static inline struct queue_params mock_queue_params(void)
{
	return (struct queue_params){
		.weight = 1,
		.core_mask = 7,
		.max_cores = 3,
		.core_mask_rule = CORE_MASK_DEMAND,
	};
}

static inline void mock_put_queue(struct mock *mock, struct queue *queue, uint64_t id,
				  const struct queue_params *params)
{
	queue_init(queue, id);
	ck_assert_int_eq(scheduler_add_queue(mock->scheduler, queue, params), 0);
}

static inline void mock_add_queue(struct mock *mock, struct queue *queue, uint64_t id)
{
	const struct queue_params params = mock_queue_params();

	mock_put_queue(mock, queue, id, &params);
}

static inline struct mock_job mock_job(uint64_t id, uint64_t duration_ns)
{
	return (struct mock_job){
		.base = {.id = id, .n_cores = 1, .n_tasks = {1, 1, 1}},
		.share_ns = {duration_ns, duration_ns, duration_ns},
		.hangs_after = MOCK_HEALTHY,
	};
}

static inline struct mock_job mock_gang(uint64_t id, uint64_t duration_ns, uint32_t core_mask)
{
	struct mock_job job = mock_job(id, duration_ns);

	job.base.core_mask = core_mask;
	job.base.n_cores = (unsigned)__builtin_popcount(core_mask);
	return job;
}

static inline void mock_submit(struct mock *mock, struct queue *queue, struct mock_job *job)
{
	ck_assert_int_eq(scheduler_submit(mock->scheduler, queue, &job->base), 0);
}

/* When the core's batch ends; CLOCK_NEVER for an idle core or one that hangs. */
static inline uint64_t mock_end_ns(const struct mock *mock, unsigned core)
{
	const struct mock_job *job = mock->cores[core].job;

	if (!job || job->hangs_after != MOCK_HEALTHY || !mock->device_percent)
		return CLOCK_NEVER;
	return mock->cores[core].start_ns +
	       (job->share_ns[mock->cores[core].share] * 100 + mock->device_percent - 1) /
		       mock->device_percent;
}

static inline uint64_t mock_next_ns(const struct mock *mock)
{
	uint64_t next_ns = scheduler_next_tick_ns(mock->scheduler);

	for (unsigned i = 0; i < SCHEDULER_CORES_MAX; i++) {
		if (mock_end_ns(mock, i) < next_ns)
			next_ns = mock_end_ns(mock, i);
	}
	return next_ns;
}

/* One turn of the loop at the present time: what ended, the dispatch pass, the timer. */
static inline void mock_turn(struct mock *mock)
{
	for (unsigned i = 0; i < SCHEDULER_CORES_MAX; i++) {
		uint64_t device_ns;

		if (mock_end_ns(mock, i) > mock->now_ns)
			continue;
		device_ns = mock_device_ns(mock, i);
		mock->cores[i].job = NULL;
		scheduler_core_done(mock->scheduler, i, device_ns);
	}
	scheduler_run(mock->scheduler);
	if (scheduler_next_tick_ns(mock->scheduler) <= mock->now_ns)
		scheduler_tick(mock->scheduler);
}

static inline void mock_advance(struct mock *mock, uint64_t duration_ns)
{
	uint64_t until_ns = mock->now_ns + duration_ns;

	mock_turn(mock);
	while (mock_next_ns(mock) <= until_ns) {
		if (mock_next_ns(mock) > mock->now_ns)
			mock->now_ns = mock_next_ns(mock);
		mock_turn(mock);
	}
	mock->now_ns = until_ns;
}

/* Removes the queues, which must be empty, and frees the scheduler. */
static inline void mock_deinit(struct mock *mock, struct queue *queues, unsigned n_queues)
{
	ck_assert_uint_eq(scheduler_n_ready(mock->scheduler), 0);
	ck_assert_uint_eq(scheduler_n_blocked(mock->scheduler), 0);
	for (unsigned i = 0; i < n_queues; i++)
		scheduler_remove_queue(mock->scheduler, &queues[i]);
	ck_assert_ptr_null(scheduler_free(mock->scheduler));
}

#endif
