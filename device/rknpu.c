/* SPDX-License-Identifier: MIT */
/*
 * The daemon's side: what can be started, who has come back, and whose fault it was. The driver
 * says ETIMEDOUT to the job that hung, then resets all cores and says EINVAL to those that did
 * nothing wrong: these keep silent here until the reset that follows, or are started again where
 * none does.
 */
#include "device/rknpu.h"

#include "base/clock.h"
#include "device/rknpu_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HW_VERSION_RK3588  0x46495245u
#define TIMEOUT_DEFAULT_NS (2 * NS_PER_S)
/* Of a batch that is stopped again and again without anybody's fault. */
#define TRIES_MAX 3u
/* The driver waits three times, sleeps, resets: past this it is not coming back by itself. */
#define WAITS	 3u
#define GRACE_NS NS_PER_S

static struct rknpu *to_rknpu(struct device *device)
{
	return (struct rknpu *)device;
}

static int act(struct rknpu *rknpu, uint32_t number, uint32_t *value)
{
	struct rknpu_action action = {.flags = number, .value = *value};
	int r = drm_node_command(&rknpu->node, RKNPU_ACTION, &action, sizeof(action));

	if (r == 0)
		*value = action.value;
	return r;
}

static unsigned leader_of(uint32_t cores)
{
	return (unsigned)__builtin_ctz(cores);
}

static uint32_t running_leaders(const struct rknpu *rknpu)
{
	uint32_t leaders = 0;

	for (unsigned i = 0; i < RKNPU_CORES; i++) {
		if (rknpu->cores[i].state == RKNPU_CORE_RUNNING)
			leaders |= 1u << rknpu->cores[i].leader;
	}
	return leaders;
}

bool rknpu_is_domain_ready(struct device *device, unsigned domain)
{
	const struct rknpu *rknpu = to_rknpu(device);

	return domain == rknpu->active_domain || !running_leaders(rknpu);
}

static bool rknpu_wants_idle(struct device *device)
{
	return to_rknpu(device)->n_unused > 0;
}

void rknpu_enter_domain(struct rknpu *rknpu, unsigned domain)
{
	if (!rknpu_is_domain_ready(&rknpu->base, domain))
		drm_workers_wait(rknpu->workers);
	rknpu->active_domain = domain;
}

/* Any state may go back to idle: that is what a reset does. */
static void core_set_state(struct rknpu_core *core, enum rknpu_core_state state)
{
	static const uint8_t next[] = {
		[RKNPU_CORE_IDLE] = 1u << RKNPU_CORE_GATHERING,
		[RKNPU_CORE_GATHERING] = 1u << RKNPU_CORE_RUNNING,
		[RKNPU_CORE_RUNNING] = 1u << RKNPU_CORE_SILENT,
		[RKNPU_CORE_SILENT] = 1u << RKNPU_CORE_RUNNING,
	};

	assert(state == RKNPU_CORE_IDLE || next[core->state] >> state & 1);
	core->state = state;
}

/* ---- starting ---- */

static void launch(struct rknpu *rknpu, unsigned leader)
{
	struct rknpu_run *run = &rknpu->runs[leader];

	run->start_ns = clock_now_ns();
	rknpu_enter_domain(rknpu, run->domain);
	drm_workers_start(rknpu->workers, leader);
}

static uint32_t timeout_ms_of(const struct device_batch *batch)
{
	uint64_t timeout_ns = batch->timeout_ns ? batch->timeout_ns : TIMEOUT_DEFAULT_NS;
	uint64_t timeout_ms = (timeout_ns + NS_PER_MS - 1) / NS_PER_MS;

	return timeout_ms < INT32_MAX ? (uint32_t)timeout_ms : INT32_MAX;
}

static bool has_gathered(const struct rknpu *rknpu, uint32_t cores)
{
	for (unsigned i = 0; i < RKNPU_CORES; i++) {
		if (cores & 1u << i && rknpu->cores[i].state != RKNPU_CORE_GATHERING)
			return false;
	}
	return true;
}

static void launch_gathered(struct rknpu *rknpu, uint32_t cores)
{
	const unsigned leader = leader_of(cores);
	const struct device_batch *batch = &rknpu->cores[leader].batch;
	struct rknpu_run *run = &rknpu->runs[leader];

	run->cores = cores;
	run->domain = batch->device_domain;
	run->timeout_ms = timeout_ms_of(batch);
	run->n_tries = 1;
	for (unsigned i = 0; i < RKNPU_CORES; i++) {
		if (!(cores & 1u << i))
			continue;
		run->batches[i] = rknpu->cores[i].batch;
		rknpu->cores[i].leader = leader;
		core_set_state(&rknpu->cores[i], RKNPU_CORE_RUNNING);
	}
	launch(rknpu, leader);
}

/* Cores that run already are in this address space; the driver would wait for them. */
static bool is_other_domain_running(const struct rknpu *rknpu, unsigned domain)
{
	const uint32_t leaders = running_leaders(rknpu);

	for (unsigned i = 0; i < RKNPU_CORES; i++) {
		if (leaders & 1u << i && rknpu->runs[i].domain != domain)
			return true;
	}
	return false;
}

static int rknpu_start(struct device *device, unsigned core, const struct device_batch *batch)
{
	const uint32_t cores = batch->cores ? batch->cores : 1u << core;
	struct rknpu *rknpu = to_rknpu(device);
	struct rknpu_core *self;
	int r;

	if (core >= RKNPU_CORES || !(cores & 1u << core))
		return -EINVAL;
	if (cores & (cores - 1) && !(device->caps.gang_masks >> cores & 1))
		return -EINVAL;
	self = &rknpu->cores[core];
	if (self->state != RKNPU_CORE_IDLE || is_other_domain_running(rknpu, batch->device_domain))
		return -EBUSY;
	r = rknpu_check_batch(batch);
	if (r < 0)
		return r;
	self->batch = *batch;
	core_set_state(self, RKNPU_CORE_GATHERING);
	if (has_gathered(rknpu, cores))
		launch_gathered(rknpu, cores);
	return 0;
}

/* The driver's clock is the judge: it starts with the job, this one on the way there. */
static uint64_t judged_ns(const struct rknpu_run *run, uint64_t now_ns)
{
	const uint64_t timeout_ns = run->timeout_ms * NS_PER_MS;
	const uint64_t elapsed_ns = now_ns - run->start_ns;

	if (elapsed_ns < timeout_ns || elapsed_ns > WAITS * timeout_ns + GRACE_NS)
		return elapsed_ns;
	return timeout_ns - 1;
}

static void rknpu_progress(struct device *device, unsigned core,
			   struct device_progress *ret_progress)
{
	struct rknpu *rknpu = to_rknpu(device);
	const struct rknpu_core *self = &rknpu->cores[core];
	const struct rknpu_run *run = &rknpu->runs[self->leader];

	*ret_progress = (struct device_progress){0};
	if (self->state != RKNPU_CORE_RUNNING)
		return;
	ret_progress->tasks_done = run->tasks_done[core];
	ret_progress->device_ns = judged_ns(run, clock_now_ns());
}

/* ---- ending ---- */

static void end_core(struct rknpu *rknpu, unsigned core, const struct rknpu_run *run,
		     enum device_event_kind kind)
{
	struct device_event event = {
		.kind = kind,
		.core = core,
		.tasks_done = run->tasks_done[core],
		.device_ns = run->device_ns,
	};

	if (kind == DEVICE_REFUSED)
		snprintf(event.detail, sizeof(event.detail), "the driver refused the job: %s",
			 strerror(-run->error));
	else if (kind == DEVICE_TIMEOUT)
		snprintf(event.detail, sizeof(event.detail), "the driver gave up after %u ms",
			 run->timeout_ms);
	device_deliver(&rknpu->base, &event);
}

static void end_run(struct rknpu *rknpu, unsigned leader, enum device_event_kind kind)
{
	/* The listener may start the next one, which takes its place. */
	const uint32_t cores = rknpu->runs[leader].cores;
	struct rknpu_run run = rknpu->runs[leader];

	for (unsigned i = 0; i < RKNPU_CORES; i++) {
		if (cores & 1u << i)
			core_set_state(&rknpu->cores[i], RKNPU_CORE_IDLE);
	}
	for (unsigned i = 0; i < RKNPU_CORES; i++) {
		/* One core's failure is the job's: its others are reset without a word of theirs.
		 */
		if (cores & 1u << i && (kind == DEVICE_DONE || i == leader))
			end_core(rknpu, i, &run, kind);
	}
}

static void set_silent(struct rknpu *rknpu, unsigned leader)
{
	for (unsigned i = 0; i < RKNPU_CORES; i++) {
		if (rknpu->runs[leader].cores & 1u << i)
			core_set_state(&rknpu->cores[i], RKNPU_CORE_SILENT);
	}
}

/* True when somebody has to be blamed, and all cores to be reset. */
static bool settle(struct rknpu *rknpu, unsigned leader)
{
	struct rknpu_run *run = &rknpu->runs[leader];

	switch (run->verdict) {
	case RKNPU_COMPLETED:
		end_run(rknpu, leader, DEVICE_DONE);
		return false;
	case RKNPU_TIMED_OUT:
		end_run(rknpu, leader, DEVICE_TIMEOUT);
		return true;
	case RKNPU_REFUSED:
		end_run(rknpu, leader, DEVICE_REFUSED);
		return true;
	default:
		set_silent(rknpu, leader);
		return false;
	}
}

/* Stopped, and nobody's fault: once more from the start, but not for ever. */
static void restart_silent(struct rknpu *rknpu)
{
	for (unsigned i = 0; i < RKNPU_CORES; i++) {
		struct rknpu_run *run = &rknpu->runs[i];

		if (rknpu->cores[i].state != RKNPU_CORE_SILENT || leader_of(run->cores) != i)
			continue;
		if (run->n_tries++ >= TRIES_MAX) {
			end_run(rknpu, i, DEVICE_REFUSED);
			continue;
		}
		for (unsigned core = 0; core < RKNPU_CORES; core++) {
			if (run->cores & 1u << core)
				core_set_state(&rknpu->cores[core], RKNPU_CORE_RUNNING);
		}
		launch(rknpu, i);
	}
}

static bool is_any_silent(const struct rknpu *rknpu)
{
	for (unsigned i = 0; i < RKNPU_CORES; i++) {
		if (rknpu->cores[i].state == RKNPU_CORE_SILENT)
			return true;
	}
	return false;
}

static void rknpu_dispatch(struct device *device)
{
	struct rknpu *rknpu = to_rknpu(device);
	const uint32_t finished = drm_workers_collect(rknpu->workers);
	bool is_blamed = false;

	for (unsigned i = 0; i < RKNPU_CORES; i++) {
		/* A listener that reset the device has ended them all. */
		if (finished & 1u << i && rknpu->cores[i].state == RKNPU_CORE_RUNNING)
			is_blamed |= settle(rknpu, i);
	}
	/* While others are still in the driver, the guilty one may be among them. */
	if (!is_blamed && is_any_silent(rknpu) && !running_leaders(rknpu))
		restart_silent(rknpu);
	if (!running_leaders(rknpu))
		rknpu_tidy(rknpu);
}

static uint32_t rknpu_reset_all(struct device *device)
{
	struct rknpu *rknpu = to_rknpu(device);
	uint32_t value = 0;
	int r;

	r = act(rknpu, RKNPU_ACT_RESET, &value);
	drm_workers_wait(rknpu->workers);
	(void)drm_workers_collect(rknpu->workers);
	for (unsigned i = 0; i < RKNPU_CORES; i++)
		core_set_state(&rknpu->cores[i], RKNPU_CORE_IDLE);
	return r < 0 ? 0 : (1u << RKNPU_CORES) - 1;
}

static void rknpu_capture(struct device *device, unsigned core, struct device_capture *ret_capture)
{
	memset(ret_capture, 0, sizeof(*ret_capture)); /* the driver shows none */
}

static int rknpu_event_fd(struct device *device)
{
	return drm_workers_event_fd(to_rknpu(device)->workers);
}

static void rknpu_free(struct device *device)
{
	struct rknpu *rknpu = to_rknpu(device);

	if (rknpu->workers && running_leaders(rknpu))
		rknpu_reset_all(device);
	drm_workers_free(rknpu->workers);
	for (unsigned i = 0; i < RKNPU_CORES; i++) {
		if (rknpu->descriptors[i].host)
			rknpu_bo_free(device, &rknpu->descriptors[i]);
	}
	rknpu_tidy(rknpu);
	drm_node_close(&rknpu->node);
	drm_objects_deinit(&rknpu->objects);
	free(rknpu);
}

static const struct device_ops rknpu_ops = {
	.free = rknpu_free,
	.start = rknpu_start,
	.progress = rknpu_progress,
	.reset_all = rknpu_reset_all,
	.capture = rknpu_capture,
	.event_fd = rknpu_event_fd,
	.dispatch = rknpu_dispatch,
	.bo_new = rknpu_bo_new,
	.bo_import = rknpu_bo_import,
	.bo_free = rknpu_bo_free,
	.bo_export = rknpu_bo_export,
	.bo_sync = rknpu_bo_sync,
	.domain_open = rknpu_domain_open,
	.domain_close = rknpu_domain_close,
	.is_domain_ready = rknpu_is_domain_ready,
	.wants_idle = rknpu_wants_idle,
	.spaces = rknpu_spaces,
};

/* ---- the start ---- */

/* What the driver says of itself and its hardware. */
static int read_facts(struct rknpu *rknpu)
{
	uint32_t hardware = 0, version = 0, iommu = 0, domain = 0;

	if (act(rknpu, RKNPU_GET_HW_VERSION, &hardware) < 0 || hardware != HW_VERSION_RK3588)
		return -ENODEV;
	if (act(rknpu, RKNPU_GET_DRV_VERSION, &version) < 0)
		return -ENODEV;
	rknpu->version = version;
	rknpu->has_iommu = act(rknpu, RKNPU_GET_IOMMU_EN, &iommu) == 0 && iommu;
	/* How the misc node chooses the address space of its memory is not known. */
	if (rknpu->has_iommu && !rknpu->node.is_misc &&
	    !rknpu_has_quirk(version, RKNPU_QUIRK_NO_DOMAINS) &&
	    act(rknpu, RKNPU_GET_IOMMU_DOMAIN_ID, &domain) == 0) {
		rknpu->base.caps.n_domains = RKNPU_DOMAINS - 1;
		rknpu->active_domain = domain;
	}
	return 0;
}

static void fill_caps(struct rknpu *rknpu)
{
	struct device_caps *caps = &rknpu->base.caps;

	caps->name = "rknpu";
	caps->n_cores = RKNPU_CORES;
	caps->gang_masks = 1u << 3 | 1u << 7;
	caps->runs_streams = true;
	caps->has_own_memory = true;
	caps->has_timeout = true;
	caps->has_one_domain = caps->n_domains > 0;
	caps->quirks = rknpu->quirk_names;
	caps->translation = rknpu->has_iommu ? DEVICE_TRANSLATION_DEVICE : DEVICE_TRANSLATION_NONE;
	rknpu_list_quirks(rknpu->version, rknpu->quirk_names);
	snprintf(caps->driver, sizeof(caps->driver), "rknpu %u.%u.%u at %s", rknpu->version / 10000,
		 rknpu->version / 100 % 100, rknpu->version % 100, rknpu->node.path);
}

static void run_worker(void *context, unsigned worker)
{
	rknpu_run_batches(context, worker);
}

static int make_descriptors(struct rknpu *rknpu)
{
	const uint64_t size_bytes = RKNPU_TASKS_MAX * sizeof(struct rknpu_task);
	int r = 0;

	/* Not cached: to sync it would change the address space (ABI reference 1.7). */
	for (unsigned i = 0; i < RKNPU_CORES && r == 0; i++)
		r = rknpu_memory_new(rknpu, RKNPU_DOMAIN_SHARED, size_bytes,
				     RKNPU_MEM_KERNEL_MAPPING, &rknpu->descriptors[i]);
	return r;
}

int rknpu_device_new(const struct drm_node *node, struct device **ret_device)
{
	struct rknpu *rknpu = calloc(1, sizeof(*rknpu));
	struct drm_node own = *node;
	int r;

	if (!rknpu) {
		drm_node_close(&own);
		return -ENOMEM;
	}
	rknpu->base.ops = &rknpu_ops;
	rknpu->node = own;
	r = drm_workers_new(RKNPU_CORES, run_worker, rknpu, &rknpu->workers);
	if (r == 0)
		r = read_facts(rknpu);
	if (r == 0)
		r = make_descriptors(rknpu);
	if (r < 0) {
		rknpu_free(&rknpu->base);
		return r;
	}
	fill_caps(rknpu);
	*ret_device = &rknpu->base;
	return 0;
}
