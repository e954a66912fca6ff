/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's five callbacks, played by the simulated machine. A batch that was already waiting
 * when its core fell idle, and is short, starts without the daemon's gap: the device would have
 * taken it while the one before it ran.
 */
#include "tools/sim/driver_npud.h"

#include "scheduler/scheduler.h"
#include "sessions/record.h"
#include "tools/sim/npud_tenancy.h"
#include "tools/sim/policy_file.h"

#include <errno.h>
#include <stdlib.h>

#define AHEAD_NS (3 * NS_PER_MS)
/* Virtual time begins here, as 0 means "none" to the scheduler. */
#define EPOCH_NS NS_PER_S

struct npud {
	struct sim_driver base;
	struct sim_engine *engine;
	const struct sim_policy *policy;
	struct scheduler *scheduler;
	struct queue *queues; /* by session */
	struct records records;
	uint64_t tick_ns; /* the one that is armed; others have no effect */
	bool must_pass;	  /* at the end of this instant */
};

static struct npud *to_npud(struct sim_driver *driver)
{
	return container_of(driver, struct npud, base);
}

static struct sim_job *job_of(struct sched_job *job)
{
	return container_of(job, struct sim_job, base);
}

/* ---- the scheduler's world ---- */

/* The space is another one than that of any of the cores, or of the device. */
static bool switches_domain(const struct npud *npud, const struct sim_job *job)
{
	const struct sim_engine *engine = npud->engine;
	uint32_t cores = engine->scenario->has_one_domain ? 7 : job->base.running_mask;

	for (unsigned i = 0; i < engine->hardware->n_cores; i++) {
		if (cores & 1u << i && engine->core_domains[i] != job->session->domain)
			return true;
	}
	return false;
}

static double overhead_ns(struct npud *npud, const struct sim_job *job)
{
	struct sim_engine *engine = npud->engine;
	const struct sim_hardware *hardware = engine->hardware;
	double waited_ns = (double)(engine->now_ns - job->wait_since_ns);
	double needed_ns = hardware->gap_daemon_ns + hardware->ipc_ns, ns;

	ns = job->base.predicted_ns <= AHEAD_NS && waited_ns >= needed_ns ? hardware->gap_kernel_ns
									  : hardware->gap_daemon_ns;
	if (!engine->scenario->has_one_domain)
		ns += hardware->task_irq_ns * job->base.batch_pieces;
	if (switches_domain(npud, job)) {
		engine->n_switches++;
		ns += engine->scenario->has_one_domain ? hardware->switch_device_ns
						       : hardware->switch_core_ns;
	}
	return ns;
}

static int npud_run(void *context, struct sched_job *sched_job, unsigned share, unsigned core)
{
	struct npud *npud = context;
	struct sim_engine *engine = npud->engine;
	struct sim_job *job = job_of(sched_job);
	double reset_ns = 0;
	struct sim_start start = {
		.width = sched_job->batch_width,
		.n_pieces =
			sched_job->n_pieces > 1 ? sched_job->batch_pieces : job->model->n_pieces,
		.cores = sched_job->running_mask,
	};

	(void)core;
	if (share)
		return 0;
	for (unsigned i = 0; i < engine->hardware->n_cores; i++) {
		if (!(start.cores & 1u << i) || engine->reset_until_ns[i] <= engine->now_ns)
			continue;
		/* Still coming back: the batch waits for that. */
		reset_ns = (double)(engine->reset_until_ns[i] - engine->now_ns);
		engine->reset_until_ns[i] = engine->now_ns;
	}
	start.overhead_ns = reset_ns + overhead_ns(npud, job);
	if (engine->scenario->has_one_domain) {
		for (unsigned i = 0; i < engine->hardware->n_cores; i++)
			engine->core_domains[i] = job->session->domain;
	}
	sim_start(engine, job, &start);
	return 0;
}

static void npud_progress(void *context, unsigned core, struct sched_progress *ret_progress)
{
	const struct npud *npud = context;
	const struct sim_batch *batch = npud->engine->running[core];
	double ran_ns, work_ns;

	*ret_progress = (struct sched_progress){0};
	if (!batch)
		return;
	ran_ns = (double)(npud->engine->now_ns - batch->start_ns) - batch->overhead_ns;
	if (ran_ns <= 0)
		return;
	ret_progress->device_ns = (uint64_t)ran_ns;
	work_ns = sim_work_ns(batch->job, batch->width, batch->n_pieces);
	if (!batch->hangs && ran_ns < work_ns)
		ret_progress->tasks_done =
			(uint32_t)(batch->job->model->n_tasks * ran_ns / work_ns * batch->n_pieces /
				   batch->job->model->n_pieces);
}

static int npud_reset(void *context, unsigned core)
{
	struct npud *npud = context;

	if (npud->engine->running[core])
		sim_reset(npud->engine, npud->engine->running[core]->cores,
			  npud->engine->hardware->reset_core_ns);
	return 0;
}

static uint32_t npud_reset_device(void *context)
{
	struct npud *npud = context;
	uint32_t cores = (1u << npud->engine->hardware->n_cores) - 1;

	sim_reset(npud->engine, cores, npud->engine->hardware->reset_vendor_ns);
	return cores;
}

/* ---- strikes ---- */

static void npud_kick(struct npud *npud);

static void npud_quarantine(struct sim_engine *engine, void *object, uint64_t value);

static void npud_apply_quarantine(struct npud *npud)
{
	struct sim_engine *engine = npud->engine;
	uint64_t now_ns = EPOCH_NS + engine->now_ns, next_ns;

	next_ns = records_decay(&npud->records, now_ns);
	for (unsigned i = 0; i < engine->n_sessions; i++)
		npud_hold(npud->scheduler, &npud->queues[i], &npud->policy->classes.quarantine,
			  npud_find_record(&npud->records, &engine->sessions[i]), now_ns);
	if (next_ns != SIM_NEVER)
		sim_at(engine, next_ns - EPOCH_NS, npud_quarantine, npud, 0);
	npud_kick(npud);
}

static void npud_quarantine(struct sim_engine *engine, void *object, uint64_t value)
{
	(void)engine;
	(void)value;
	npud_apply_quarantine(object);
}

static void npud_strike(struct npud *npud, const struct sim_session *session)
{
	const struct identity identity = npud_identity(session);
	struct record *record;

	if (records_strike(&npud->records, &identity, &npud->policy->classes.quarantine,
			   EPOCH_NS + npud->engine->now_ns, &record) < 0)
		npud->engine->is_out_of_memory = true;
	npud_apply_quarantine(npud);
}

static enum sim_end end_of(const struct sched_job *job)
{
	switch (job->outcome) {
	case NPU_OUTCOME_LATE:
		return job->is_shed ? SIM_REJECTED : SIM_DROPPED;
	case NPU_OUTCOME_CANCELLED:
		return SIM_DROPPED;
	default:
		return SIM_FAILED;
	}
}

static void npud_retire(void *context, struct sched_job *job)
{
	struct npud *npud = context;

	list_del(&job_of(job)->link);
	if (job->outcome == NPU_OUTCOME_HANG && !npud->engine->is_over)
		npud_strike(npud, job_of(job)->session);
	/* The engine itself ends what has run to its end. */
	if (job->outcome == NPU_OUTCOME_OK)
		return;
	sim_finish(npud->engine, job_of(job), end_of(job));
}

static uint64_t npud_now(void *context)
{
	return EPOCH_NS + ((struct npud *)context)->engine->now_ns;
}

static const struct sched_backend_ops npud_ops = {
	.run = npud_run,
	.progress = npud_progress,
	.reset = npud_reset,
	.reset_device = npud_reset_device,
	.retire = npud_retire,
	.now = npud_now,
};

/* ---- the machine's driver ---- */

static void npud_tick(struct sim_engine *engine, void *object, uint64_t value);

static void npud_run_and_arm(struct npud *npud)
{
	uint64_t next_ns;

	scheduler_run(npud->scheduler);
	next_ns = scheduler_next_tick_ns(npud->scheduler);
	if (next_ns == npud->tick_ns)
		return;
	npud->tick_ns = next_ns;
	if (next_ns == SIM_NEVER)
		return;
	sim_at(npud->engine, next_ns - EPOCH_NS, npud_tick, npud, next_ns);
}

static bool is_resetting(const struct sim_engine *engine)
{
	for (unsigned i = 0; i < engine->hardware->n_cores; i++) {
		if (engine->reset_until_ns[i] > engine->now_ns)
			return true;
	}
	return false;
}

static void npud_pass(struct sim_engine *engine, void *object, uint64_t value)
{
	struct npud *npud = object;

	(void)value;
	npud->must_pass = false;
	/* The daemon stands still while the driver resets the device; then it is woken. */
	if (!npud->policy->resets_device || !is_resetting(engine))
		npud_run_and_arm(npud);
}

/* As in the daemon, one pass follows all that happens at one time. */
static void npud_kick(struct npud *npud)
{
	if (npud->must_pass)
		return;
	npud->must_pass = true;
	sim_at(npud->engine, npud->engine->now_ns, npud_pass, npud, 0);
}

static void npud_tick(struct sim_engine *engine, void *object, uint64_t value)
{
	struct npud *npud = object;

	(void)engine;
	if (value != npud->tick_ns)
		return;
	npud->tick_ns = SIM_NEVER;
	scheduler_tick(npud->scheduler);
	npud_kick(npud);
}

static uint32_t gang_mask(const struct sim_engine *engine, unsigned width)
{
	for (uint32_t mask = 1; mask < 1u << engine->hardware->n_cores; mask++) {
		if ((unsigned)__builtin_popcount(mask) == width &&
		    (width == 1 || engine->hardware->gang_masks >> mask & 1))
			return mask;
	}
	return 0;
}

/* Its reservation, if it has one, fitted. */
static bool has_joined(const struct queue *queue)
{
	return !list_is_empty(&queue->link);
}

static bool is_sliceable(const struct sim_tenant *tenant)
{
	if (!tenant->class || tenant->class->slice_rule == SLICE_ASKED)
		return tenant->spec->is_sliceable;
	return tenant->class->slice_rule == SLICE_ALWAYS;
}

static void describe(const struct sim_engine *engine, struct sim_job *job)
{
	struct sched_job *base = &job->base;

	base->id = job->id;
	base->n_cores = job->width;
	base->core_mask = job->stage->core_mask;
	if (!base->core_mask && job->width > 1)
		base->core_mask = gang_mask(engine, job->width);
	base->n_pieces = is_sliceable(job->session->tenant) ? job->model->n_pieces : 1;
	base->signature = job->model->signature;
	base->deadline_ns = job->deadline_ns ? EPOCH_NS + job->deadline_ns : 0;
	base->priority = job->stage->priority;
	base->late_rule = job->stage->late_rule;
	base->timeout_ns = job->stage->timeout_ns;
	base->widths = job->model->widths;
	for (unsigned width = 1; width <= SIM_CORES_MAX; width++)
		base->n_tasks[width - 1] = job->model->n_tasks;
}

static void npud_submit(struct sim_engine *engine, void *object, uint64_t value)
{
	struct npud *npud = to_npud(engine->driver);
	struct sim_job *job = object;
	struct queue *queue = &npud->queues[job->session->index];
	int r = -EAGAIN;

	(void)value;
	describe(engine, job);
	if (!has_joined(queue))
		r = -ENOSPC;
	else if (npud_has_room(job->session))
		r = scheduler_submit(npud->scheduler, queue, &job->base);
	if (r == 0) {
		list_add_tail(&job->session->jobs, &job->link);
		npud_make_room(npud->scheduler, job->session);
	} else {
		sim_finish(engine, job, r == -EINVAL || r == -ENODEV ? SIM_FAILED : SIM_REJECTED);
	}
	npud_kick(npud);
}

static void npud_arrive(struct sim_driver *driver, struct sim_job *job)
{
	struct npud *npud = to_npud(driver);

	sim_at(npud->engine, npud->engine->now_ns + (uint64_t)npud->engine->hardware->ipc_ns,
	       npud_submit, job, 0);
}

static void npud_batch_done(struct sim_driver *driver, const struct sim_batch *batch, bool is_over)
{
	struct npud *npud = to_npud(driver);
	double ran_ns = (double)(npud->engine->now_ns - batch->start_ns) - batch->overhead_ns;

	(void)is_over;
	for (unsigned i = 0; i < npud->engine->hardware->n_cores; i++) {
		if (batch->cores & 1u << i)
			scheduler_core_done(npud->scheduler, i,
					    (uint64_t)(ran_ns > 1 ? ran_ns : 1));
	}
	npud_kick(npud);
}

static void npud_wake(struct sim_driver *driver)
{
	npud_kick(to_npud(driver));
}

static void add_queue(struct npud *npud, const struct sim_session *session)
{
	const struct queue_params params = npud_queue_params(npud->engine, npud->policy, session);
	int r;

	queue_init(&npud->queues[session->index], session->order);
	r = scheduler_add_queue(npud->scheduler, &npud->queues[session->index], &params);
	npud->engine->is_out_of_memory |= r == -ENOMEM;
}

static int compare_order(const void *left, const void *right)
{
	const struct sim_session *a = *(const struct sim_session *const *)left;
	const struct sim_session *b = *(const struct sim_session *const *)right;

	return (a->order > b->order) - (a->order < b->order);
}

/* In the order in which they came. */
static int add_queues(struct npud *npud)
{
	struct sim_engine *engine = npud->engine;
	const struct sim_session **sessions =
		calloc(engine->n_sessions + 1, sizeof(struct sim_session *));

	if (!sessions)
		return -ENOMEM;
	for (unsigned i = 0; i < engine->n_sessions; i++)
		sessions[i] = &engine->sessions[i];
	qsort(sessions, engine->n_sessions, sizeof(struct sim_session *), compare_order);
	npud_assign_classes(engine, npud->policy);
	for (unsigned i = 0; i < engine->n_sessions; i++)
		add_queue(npud, sessions[i]);
	free(sessions);
	return 0;
}

static int npud_create(struct sim_engine *engine, struct sim_driver **ret_driver)
{
	const struct sim_policy *policy = engine->driver_options;
	struct npud *npud = calloc(1, sizeof(*npud));
	struct scheduler_params params = {
		.n_cores = engine->hardware->n_cores,
		.gang_masks = engine->hardware->gang_masks,
		.has_one_domain = engine->scenario->has_one_domain,
		.has_core_reset = !policy->resets_device,
		.gap_ns = (uint64_t)engine->hardware->gap_daemon_ns,
		.switch_ns = (uint64_t)(engine->scenario->has_one_domain
						? engine->hardware->switch_device_ns
						: engine->hardware->switch_core_ns),
		.ops = &npud_ops,
		.context = npud,
	};
	int r = -ENOMEM;

	if (npud) {
		*npud = (struct npud){
			.base.ops = &sim_driver_npud,
			.engine = engine,
			.policy = policy,
			.tick_ns = SIM_NEVER,
		};
		npud->queues = calloc(engine->n_sessions + 1, sizeof(*npud->queues));
	}
	if (npud)
		records_init(&npud->records);
	if (npud && npud->queues)
		r = scheduler_new(&params, &policy->scheduler, &npud->scheduler);
	if (r == 0)
		r = add_queues(npud);
	if (r < 0) {
		if (npud)
			scheduler_free(npud->scheduler);
		free(npud ? npud->queues : NULL);
		free(npud);
		return r;
	}
	*ret_driver = &npud->base;
	return 0;
}

static void end_queue(struct npud *npud, struct queue *queue)
{
	struct sched_job *job, *next;

	list_for_each_safe (job, next, &queue->ready, link)
		scheduler_abort(npud->scheduler, job, NPU_OUTCOME_CANCELLED);
}

static void npud_destroy(struct sim_driver *driver)
{
	struct npud *npud = to_npud(driver);

	for (unsigned i = 0; i < npud->engine->hardware->n_cores; i++)
		scheduler_reset_core(npud->scheduler, i);
	for (unsigned i = 0; i < npud->engine->n_sessions; i++)
		end_queue(npud, &npud->queues[i]);
	for (unsigned i = 0; i < npud->engine->n_sessions; i++) {
		if (has_joined(&npud->queues[i]))
			scheduler_remove_queue(npud->scheduler, &npud->queues[i]);
	}
	scheduler_free(npud->scheduler);
	records_deinit(&npud->records);
	free(npud->queues);
	free(npud);
}

const struct sim_driver_ops sim_driver_npud = {
	.name = "npud",
	.create = npud_create,
	.destroy = npud_destroy,
	.arrive = npud_arrive,
	.batch_done = npud_batch_done,
	.wake = npud_wake,
};
