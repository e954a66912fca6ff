/* SPDX-License-Identifier: MIT */
/*
 * The mainline driver on drm_sched: one entity per client, bound to the core with the lowest score
 * while it has work; operations are jobs, each with its own attach and a timeout of 500 ms; resets
 * are per core; no gangs. In order of submits (`rocket`), in turn, or by virtual time.
 */
#include "tools/sim/baselines.h"

#include <errno.h>
#include <stdlib.h>

struct rocket {
	struct sim_driver base;
	struct sim_engine *engine;
	unsigned scores[SIM_CORES_MAX];
	struct list active[SIM_CORES_MAX]; /* struct sim_session::link: those with jobs */
};

static struct rocket *to_rocket(struct sim_driver *driver)
{
	return container_of(driver, struct rocket, base);
}

static struct sim_job *head_of(const struct sim_session *session)
{
	return list_first(&session->jobs, struct sim_job, link);
}

static bool is_before(const struct rocket *rocket, const struct sim_session *a,
		      const struct sim_session *b)
{
	if (rocket->base.ops == &sim_driver_rocket_fair && a->virtual_ns != b->virtual_ns)
		return a->virtual_ns < b->virtual_ns;
	return head_of(a)->id < head_of(b)->id;
}

static struct sim_session *pick(struct rocket *rocket, unsigned core)
{
	struct sim_session *session, *best = NULL;

	if (list_is_empty(&rocket->active[core]))
		return NULL;
	if (rocket->base.ops == &sim_driver_rocket_rr) {
		best = list_first(&rocket->active[core], struct sim_session, link);
		list_del(&best->link);
		list_add_tail(&rocket->active[core], &best->link);
		return best;
	}
	list_for_each (session, &rocket->active[core], link) {
		if (!best || is_before(rocket, session, best))
			best = session;
	}
	return best;
}

/* An operation that takes longer than the timeout is killed; those before it have run. */
static double kill_after_ns(const struct rocket *rocket, const struct sim_job *job)
{
	double timeout_ns = rocket->engine->hardware->timeout_mainline_ns;
	unsigned half = job->model->n_pieces / 2;

	if (sim_work_ns(job, 1, 1) > timeout_ns)
		return timeout_ns;
	if (!job->hangs)
		return 0;
	return timeout_ns +
	       (half > job->pieces_done ? sim_work_ns(job, 1, half - job->pieces_done) : 0);
}

static void start_next(struct rocket *rocket, unsigned core)
{
	const struct sim_hardware *hardware = rocket->engine->hardware;
	struct sim_session *session;
	struct sim_start start;
	struct sim_job *job;

	if (!sim_core_is_free(rocket->engine, core))
		return;
	session = pick(rocket, core);
	if (!session)
		return;
	job = head_of(session);
	session->n_running++;
	start = (struct sim_start){
		.width = 1,
		.n_pieces = rocket->base.ops == &sim_driver_rocket ? job->model->n_pieces : 1,
		.cores = 1u << core,
		.kill_after_ns = kill_after_ns(rocket, job),
	};
	start.overhead_ns = (hardware->gap_kernel_ns + hardware->switch_core_ns) * start.n_pieces;
	sim_start(rocket->engine, job, &start);
}

static void bind_session(struct rocket *rocket, struct sim_session *session)
{
	struct sim_session *other;
	double least_ns = -1;
	unsigned best = 0;

	for (unsigned i = 1; i < rocket->engine->hardware->n_cores; i++) {
		if (rocket->scores[i] < rocket->scores[best])
			best = i;
	}
	if (session->core != (int)best) {
		if (session->core >= 0)
			rocket->scores[session->core]--;
		rocket->scores[best]++;
		session->core = (int)best;
	}
	list_for_each (other, &rocket->active[best], link) {
		if (least_ns < 0 || other->virtual_ns < least_ns)
			least_ns = other->virtual_ns;
	}
	if (session->virtual_ns < least_ns)
		session->virtual_ns = least_ns;
}

static void rocket_arrive(struct sim_driver *driver, struct sim_job *job)
{
	struct rocket *rocket = to_rocket(driver);
	struct sim_session *session = job->session;

	if (list_is_empty(&session->jobs) && !session->n_running)
		bind_session(rocket, session);
	if (list_is_empty(&session->jobs))
		list_add_tail(&rocket->active[session->core], &session->link);
	list_add_tail(&session->jobs, &job->link);
	rocket->scores[session->core]++;
	start_next(rocket, (unsigned)session->core);
}

static void retire(struct rocket *rocket, struct sim_job *job)
{
	struct sim_session *session = job->session;

	list_del(&job->link);
	rocket->scores[session->core]--;
	if (list_is_empty(&session->jobs))
		list_del(&session->link);
}

static void rocket_batch_done(struct sim_driver *driver, const struct sim_batch *batch,
			      bool is_over)
{
	struct rocket *rocket = to_rocket(driver);
	struct sim_session *session = batch->job->session;

	session->n_running--;
	session->virtual_ns += (double)(rocket->engine->now_ns - batch->start_ns);
	if (is_over)
		retire(rocket, batch->job);
	start_next(rocket, (unsigned)session->core);
}

static void rocket_killed(struct sim_driver *driver, const struct sim_batch *batch)
{
	batch->job->session->n_running--;
	retire(to_rocket(driver), batch->job);
}

static void rocket_wake(struct sim_driver *driver)
{
	for (unsigned i = 0; i < to_rocket(driver)->engine->hardware->n_cores; i++)
		start_next(to_rocket(driver), i);
}

static int create(struct sim_engine *engine, const struct sim_driver_ops *ops,
		  struct sim_driver **ret_driver)
{
	struct rocket *rocket = calloc(1, sizeof(*rocket));

	if (!rocket)
		return -ENOMEM;
	rocket->base.ops = ops;
	rocket->engine = engine;
	for (unsigned i = 0; i < SIM_CORES_MAX; i++)
		list_init(&rocket->active[i]);
	*ret_driver = &rocket->base;
	return 0;
}

static int rocket_create(struct sim_engine *engine, struct sim_driver **ret_driver)
{
	return create(engine, &sim_driver_rocket, ret_driver);
}

static int rocket_create_rr(struct sim_engine *engine, struct sim_driver **ret_driver)
{
	return create(engine, &sim_driver_rocket_rr, ret_driver);
}

static int rocket_create_fair(struct sim_engine *engine, struct sim_driver **ret_driver)
{
	return create(engine, &sim_driver_rocket_fair, ret_driver);
}

static void rocket_destroy(struct sim_driver *driver)
{
	free(to_rocket(driver));
}

#define ROCKET(driver_name, driver_create)                                                         \
	{                                                                                          \
		.name = driver_name, .create = driver_create, .destroy = rocket_destroy,           \
		.arrive = rocket_arrive, .batch_done = rocket_batch_done, .killed = rocket_killed, \
		.wake = rocket_wake                                                                \
	}

const struct sim_driver_ops sim_driver_rocket = ROCKET("rocket", rocket_create);
const struct sim_driver_ops sim_driver_rocket_rr = ROCKET("rocket-rr", rocket_create_rr);
const struct sim_driver_ops sim_driver_rocket_fair = ROCKET("rocket-fair", rocket_create_fair);
