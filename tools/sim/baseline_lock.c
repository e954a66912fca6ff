/* SPDX-License-Identifier: MIT */
/* One lock around every inference, handed over in order: one core's worth of work out of three. */
#include "tools/sim/baselines.h"

#include <errno.h>
#include <stdlib.h>

struct lock {
	struct sim_driver base;
	struct sim_engine *engine;
	struct list waiting; /* struct sim_job::link */
};

static struct lock *to_lock(struct sim_driver *driver)
{
	return container_of(driver, struct lock, base);
}

static void lock_wake(struct sim_driver *driver)
{
	struct lock *lock = to_lock(driver);
	struct sim_engine *engine = lock->engine;
	const struct sim_hardware *hardware = engine->hardware;
	struct sim_start start = {.overhead_ns = hardware->gap_lock_ns};
	struct sim_job *job;

	if (list_is_empty(&lock->waiting) || !sim_is_idle(engine))
		return;
	job = list_first(&lock->waiting, struct sim_job, link);
	list_del(&job->link);
	start.width = job->width;
	start.n_pieces = job->model->n_pieces;
	start.cores = (1u << job->width) - 1;
	start.kill_after_ns = hardware->timeout_vendor_ns;
	if (engine->scenario->has_one_domain && engine->core_domains[0] &&
	    engine->core_domains[0] != job->session->domain)
		start.overhead_ns += hardware->switch_device_ns;
	for (unsigned i = 0; engine->scenario->has_one_domain && i < hardware->n_cores; i++)
		engine->core_domains[i] = job->session->domain;
	sim_start(engine, job, &start);
}

static void lock_arrive(struct sim_driver *driver, struct sim_job *job)
{
	list_add_tail(&to_lock(driver)->waiting, &job->link);
	lock_wake(driver);
}

static void lock_batch_done(struct sim_driver *driver, const struct sim_batch *batch, bool is_over)
{
	(void)batch;
	(void)is_over;
	lock_wake(driver);
}

static void lock_killed(struct sim_driver *driver, const struct sim_batch *batch)
{
	(void)driver;
	(void)batch;
}

static int lock_create(struct sim_engine *engine, struct sim_driver **ret_driver)
{
	struct lock *lock = calloc(1, sizeof(*lock));

	if (!lock)
		return -ENOMEM;
	lock->base.ops = &sim_driver_lock;
	lock->engine = engine;
	list_init(&lock->waiting);
	*ret_driver = &lock->base;
	return 0;
}

static void lock_destroy(struct sim_driver *driver)
{
	free(to_lock(driver));
}

const struct sim_driver_ops sim_driver_lock = {
	.name = "lock",
	.create = lock_create,
	.destroy = lock_destroy,
	.arrive = lock_arrive,
	.batch_done = lock_batch_done,
	.killed = lock_killed,
	.wake = lock_wake,
	.resets_device = true,
};
