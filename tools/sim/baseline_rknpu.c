/* SPDX-License-Identifier: MIT */
/*
 * The vendor's driver: a job is bound at submit to the core with the fewest queued tasks; each core
 * serves its own in order; a gang takes each of its cores as it reaches their heads, and holds them
 * idle until it has all. With one domain for the device, another one enters only when nothing of
 * the active one is queued or running, and gives up after 6 s.
 */
#include "tools/sim/baselines.h"

#include <errno.h>
#include <stdlib.h>

#define GATE_LIMIT_NS (6 * NS_PER_S)

struct place {
	struct sim_job *job;
	struct list link;
};

struct rknpu {
	struct sim_driver base;
	struct sim_engine *engine;
	struct list queued[SIM_CORES_MAX];	/* struct place */
	struct sim_job *current[SIM_CORES_MAX]; /* has reached the core's head */
	uint64_t n_tasks[SIM_CORES_MAX];
	struct list gate; /* struct sim_job::link: other domains */
	uint64_t domain;
	unsigned n_inside;
	bool has_gate, is_pinned;
};

static struct rknpu *to_rknpu(struct sim_driver *driver)
{
	return container_of(driver, struct rknpu, base);
}

static uint32_t bind_cores(const struct rknpu *rknpu, const struct sim_job *job)
{
	const struct sim_tenant_spec *spec = job->session->tenant->spec;
	unsigned best = 0;

	if (job->width > 1)
		return (1u << job->width) - 1;
	if (rknpu->is_pinned && spec->n_replicas > 1)
		return 1u << job->session->tenant->replica % rknpu->engine->hardware->n_cores;
	if (rknpu->is_pinned && spec->pin_mask) {
		unsigned turn = job->session->index % (unsigned)__builtin_popcount(spec->pin_mask);
		uint32_t mask = spec->pin_mask;

		for (; turn > 0; turn--)
			mask &= mask - 1;
		return mask & -mask;
	}
	for (unsigned i = 1; i < rknpu->engine->hardware->n_cores; i++) {
		if (rknpu->n_tasks[i] < rknpu->n_tasks[best])
			best = i;
	}
	return 1u << best;
}

static void start_next(struct rknpu *rknpu, unsigned core)
{
	const struct sim_hardware *hardware = rknpu->engine->hardware;
	struct place *place;
	struct sim_job *job;
	struct sim_start start;

	if (rknpu->current[core] || list_is_empty(&rknpu->queued[core]) ||
	    rknpu->engine->reset_until_ns[core] > rknpu->engine->now_ns)
		return;
	place = list_first(&rknpu->queued[core], struct place, link);
	job = place->job;
	list_del(&place->link);
	free(place);
	rknpu->current[core] = job;
	if (--job->n_missing)
		return;
	start = (struct sim_start){
		.width = job->width,
		.n_pieces = job->model->n_pieces,
		.cores = job->core_mask,
		.overhead_ns = hardware->gap_kernel_ns + job->extra_ns,
		.kill_after_ns = hardware->timeout_vendor_ns,
	};
	sim_start(rknpu->engine, job, &start);
}

static void start_all(struct rknpu *rknpu)
{
	for (unsigned i = 0; i < rknpu->engine->hardware->n_cores; i++)
		start_next(rknpu, i);
}

static void enter(struct rknpu *rknpu, struct sim_job *job)
{
	if (rknpu->has_gate && !rknpu->n_inside && rknpu->domain != job->session->domain) {
		rknpu->engine->n_switches += rknpu->domain != 0;
		rknpu->domain = job->session->domain;
		job->extra_ns = rknpu->engine->hardware->switch_device_ns;
	}
	rknpu->n_inside++;
	job->core_mask = bind_cores(rknpu, job);
	job->n_missing = (unsigned)__builtin_popcount(job->core_mask);
	for (unsigned i = 0; i < SIM_CORES_MAX; i++) {
		struct place *place = job->core_mask & 1u << i ? calloc(1, sizeof(*place)) : NULL;

		if (!place) {
			rknpu->engine->is_out_of_memory |= job->core_mask >> i & 1;
			continue;
		}
		place->job = job;
		list_add_tail(&rknpu->queued[i], &place->link);
		rknpu->n_tasks[i] += job->model->n_tasks;
	}
	start_all(rknpu);
}

static void give_up(struct sim_engine *engine, void *object, uint64_t id)
{
	struct rknpu *rknpu = object;
	struct sim_job *job;

	list_for_each (job, &rknpu->gate, link) {
		if (job->id != id)
			continue;
		list_del(&job->link);
		sim_finish(engine, job, SIM_FAILED);
		return;
	}
}

static void rknpu_arrive(struct sim_driver *driver, struct sim_job *job)
{
	struct rknpu *rknpu = to_rknpu(driver);

	if (!rknpu->has_gate || !rknpu->n_inside || rknpu->domain == job->session->domain) {
		enter(rknpu, job);
		return;
	}
	list_add_tail(&rknpu->gate, &job->link);
	sim_at(rknpu->engine, rknpu->engine->now_ns + GATE_LIMIT_NS, give_up, rknpu, job->id);
}

/* All that wait with the domain of the first. */
static void open_gate(struct rknpu *rknpu)
{
	struct sim_job *job, *next;
	uint64_t domain;

	if (list_is_empty(&rknpu->gate))
		return;
	domain = list_first(&rknpu->gate, struct sim_job, link)->session->domain;
	list_for_each_safe (job, next, &rknpu->gate, link) {
		if (job->session->domain != domain)
			continue;
		list_del(&job->link);
		enter(rknpu, job);
	}
}

static void leave(struct rknpu *rknpu, struct sim_job *job)
{
	for (unsigned i = 0; i < SIM_CORES_MAX; i++) {
		if (rknpu->current[i] == job)
			rknpu->current[i] = NULL;
		if (job->core_mask & 1u << i)
			rknpu->n_tasks[i] -= job->model->n_tasks;
	}
	if (!--rknpu->n_inside && rknpu->has_gate)
		open_gate(rknpu);
}

static void rknpu_batch_done(struct sim_driver *driver, const struct sim_batch *batch, bool is_over)
{
	(void)is_over;
	leave(to_rknpu(driver), batch->job);
	start_all(to_rknpu(driver));
}

static void rknpu_killed(struct sim_driver *driver, const struct sim_batch *batch)
{
	leave(to_rknpu(driver), batch->job);
}

static void rknpu_wake(struct sim_driver *driver)
{
	start_all(to_rknpu(driver));
}

static int create(struct sim_engine *engine, const struct sim_driver_ops *ops,
		  struct sim_driver **ret_driver)
{
	struct rknpu *rknpu = calloc(1, sizeof(*rknpu));

	if (!rknpu)
		return -ENOMEM;
	rknpu->base.ops = ops;
	rknpu->engine = engine;
	rknpu->has_gate = engine->scenario->has_one_domain && ops != &sim_driver_rknpu_shared;
	rknpu->is_pinned = ops == &sim_driver_rknpu_pinned;
	list_init(&rknpu->gate);
	for (unsigned i = 0; i < SIM_CORES_MAX; i++)
		list_init(&rknpu->queued[i]);
	*ret_driver = &rknpu->base;
	return 0;
}

static int rknpu_create(struct sim_engine *engine, struct sim_driver **ret_driver)
{
	return create(engine, &sim_driver_rknpu, ret_driver);
}

static int rknpu_create_pinned(struct sim_engine *engine, struct sim_driver **ret_driver)
{
	return create(engine, &sim_driver_rknpu_pinned, ret_driver);
}

static int rknpu_create_shared(struct sim_engine *engine, struct sim_driver **ret_driver)
{
	return create(engine, &sim_driver_rknpu_shared, ret_driver);
}

static void rknpu_destroy(struct sim_driver *driver)
{
	struct rknpu *rknpu = to_rknpu(driver);
	struct place *place, *next;

	for (unsigned i = 0; i < SIM_CORES_MAX; i++) {
		list_for_each_safe (place, next, &rknpu->queued[i], link)
			free(place);
	}
	free(rknpu);
}

#define RKNPU(driver_name, driver_create)                                                          \
	{                                                                                          \
		.name = driver_name, .create = driver_create, .destroy = rknpu_destroy,            \
		.arrive = rknpu_arrive, .batch_done = rknpu_batch_done, .killed = rknpu_killed,    \
		.wake = rknpu_wake, .resets_device = true                                          \
	}

const struct sim_driver_ops sim_driver_rknpu = RKNPU("rknpu", rknpu_create);
const struct sim_driver_ops sim_driver_rknpu_pinned = RKNPU("rknpu-pinned", rknpu_create_pinned);
const struct sim_driver_ops sim_driver_rknpu_shared = RKNPU("rknpu-shared", rknpu_create_shared);
