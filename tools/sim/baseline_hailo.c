/* SPDX-License-Identifier: MIT */
/*
 * Like HailoRT: strict priority between classes, in turn within one; a client is ready when it has
 * `threshold` frames or its timeout has passed, and an idle core takes a burst of its frames. Each
 * core is a device of its own; no gangs; the vendor's driver underneath, with its timeout and
 * reset.
 */
#include "tools/sim/baselines.h"

#include <errno.h>
#include <stdlib.h>

#define BURST		  4
#define THRESHOLD	  4
#define THRESHOLD_WAIT_NS (50 * NS_PER_MS)

struct hailo {
	struct sim_driver base;
	struct sim_engine *engine;
	unsigned threshold;
	uint64_t wait_ns;
	unsigned next[SIM_BACKGROUND + 1];  /* session whose turn it is, by class */
	struct list granted[SIM_CORES_MAX]; /* struct sim_job::link */
	const struct sim_session *current[SIM_CORES_MAX];
};

static struct hailo *to_hailo(struct sim_driver *driver)
{
	return container_of(driver, struct hailo, base);
}

static bool is_ready(const struct hailo *hailo, const struct sim_session *session)
{
	uint64_t since_ns = session->last_run_ns > session->head_since_ns ? session->last_run_ns
									  : session->head_since_ns;

	return session->n_jobs && (session->n_jobs >= hailo->threshold ||
				   hailo->engine->now_ns - since_ns >= hailo->wait_ns);
}

static struct sim_session *pick(struct hailo *hailo)
{
	struct sim_engine *engine = hailo->engine;

	for (unsigned class = SIM_RT; class <= SIM_BACKGROUND; class ++) {
		for (unsigned i = 0; i < engine->n_sessions; i++) {
			unsigned index = (hailo->next[class] + i) % engine->n_sessions;
			struct sim_session *session = &engine->sessions[index];

			if (session->tenant->spec->class != class || !is_ready(hailo, session))
				continue;
			hailo->next[class] = index + 1;
			return session;
		}
	}
	return NULL;
}

static void grant(struct hailo *hailo, unsigned core)
{
	struct sim_session *session = pick(hailo);

	if (!session)
		return;
	for (unsigned i = 0; i < BURST && session->n_jobs; i++) {
		struct sim_job *job = list_first(&session->jobs, struct sim_job, link);

		list_del(&job->link);
		session->n_jobs--;
		list_add_tail(&hailo->granted[core], &job->link);
	}
	session->last_run_ns = session->head_since_ns = hailo->engine->now_ns;
}

static void start_next(struct hailo *hailo, unsigned core)
{
	const struct sim_hardware *hardware = hailo->engine->hardware;
	struct sim_start start = {.width = 1, .cores = 1u << core};
	struct sim_job *job;

	if (list_is_empty(&hailo->granted[core]))
		grant(hailo, core);
	if (list_is_empty(&hailo->granted[core]))
		return;
	job = list_first(&hailo->granted[core], struct sim_job, link);
	list_del(&job->link);
	start.n_pieces = job->model->n_pieces;
	start.overhead_ns = hardware->gap_kernel_ns;
	start.kill_after_ns = hardware->timeout_vendor_ns;
	if (hailo->current[core] != job->session) {
		start.overhead_ns += hardware->gap_daemon_ns;
		hailo->current[core] = job->session;
		hailo->engine->n_switches++;
	}
	sim_start(hailo->engine, job, &start);
}

static void hailo_wake(struct sim_driver *driver)
{
	struct hailo *hailo = to_hailo(driver);

	for (unsigned i = 0; i < hailo->engine->hardware->n_cores; i++) {
		if (sim_core_is_free(hailo->engine, i))
			start_next(hailo, i);
	}
}

static void wake_later(struct sim_engine *engine, void *object, uint64_t value)
{
	(void)object;
	(void)value;
	hailo_wake(engine->driver);
}

static void hailo_arrive(struct sim_driver *driver, struct sim_job *job)
{
	struct hailo *hailo = to_hailo(driver);
	struct sim_session *session = job->session;

	if (!session->n_jobs++)
		session->head_since_ns = hailo->engine->now_ns;
	list_add_tail(&session->jobs, &job->link);
	if (hailo->wait_ns)
		sim_at(hailo->engine, hailo->engine->now_ns + hailo->wait_ns, wake_later, NULL, 0);
	hailo_wake(driver);
}

static void hailo_batch_done(struct sim_driver *driver, const struct sim_batch *batch, bool is_over)
{
	(void)batch;
	(void)is_over;
	hailo_wake(driver);
}

static void hailo_killed(struct sim_driver *driver, const struct sim_batch *batch)
{
	(void)driver;
	(void)batch;
}

static int create(struct sim_engine *engine, const struct sim_driver_ops *ops,
		  struct sim_driver **ret_driver)
{
	struct hailo *hailo = calloc(1, sizeof(*hailo));
	bool has_threshold = ops == &sim_driver_hailo_threshold;

	if (!hailo)
		return -ENOMEM;
	hailo->base.ops = ops;
	hailo->engine = engine;
	hailo->threshold = has_threshold ? THRESHOLD : 1;
	hailo->wait_ns = has_threshold ? THRESHOLD_WAIT_NS : 0;
	for (unsigned i = 0; i < SIM_CORES_MAX; i++)
		list_init(&hailo->granted[i]);
	*ret_driver = &hailo->base;
	return 0;
}

static int hailo_create(struct sim_engine *engine, struct sim_driver **ret_driver)
{
	return create(engine, &sim_driver_hailo, ret_driver);
}

static int hailo_create_threshold(struct sim_engine *engine, struct sim_driver **ret_driver)
{
	return create(engine, &sim_driver_hailo_threshold, ret_driver);
}

static void hailo_destroy(struct sim_driver *driver)
{
	free(to_hailo(driver));
}

#define HAILO(driver_name, driver_create)                                                          \
	{                                                                                          \
		.name = driver_name, .create = driver_create, .destroy = hailo_destroy,            \
		.arrive = hailo_arrive, .batch_done = hailo_batch_done, .killed = hailo_killed,    \
		.wake = hailo_wake, .resets_device = true                                          \
	}

const struct sim_driver_ops sim_driver_hailo = HAILO("hailo", hailo_create);
const struct sim_driver_ops sim_driver_hailo_threshold = HAILO("hailo-t", hailo_create_threshold);
