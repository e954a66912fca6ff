/* SPDX-License-Identifier: MIT */
/*
 * The daemon's side: what can be started, who has come back, and how. The driver's clock is the
 * judge of who hangs: time does not pass for the watchdog past what it allows a batch.
 */
#include "device/rocket.h"

#include "device/rocket_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rocket *to_rocket(struct device *device)
{
	return (struct rocket *)device;
}

static void core_set_state(struct rocket_core *core, enum rocket_core_state state)
{
	static const uint8_t next[] = {
		[ROCKET_CORE_IDLE] = 1u << ROCKET_CORE_IDLE | 1u << ROCKET_CORE_RUNNING,
		[ROCKET_CORE_RUNNING] = 1u << ROCKET_CORE_IDLE | 1u << ROCKET_CORE_LOST,
		[ROCKET_CORE_LOST] = 1u << ROCKET_CORE_IDLE | 1u << ROCKET_CORE_LOST,
	};

	assert(next[core->state] >> state & 1);
	core->state = state;
}

/* ---- starting ---- */

/* A file's jobs would wait for each other in the kernel. */
static bool is_file_running(const struct rocket *rocket, const struct rocket_file *file)
{
	for (unsigned i = 0; i < ROCKET_CORES; i++) {
		if (rocket->cores[i].state != ROCKET_CORE_IDLE && rocket->cores[i].run.file == file)
			return true;
	}
	return false;
}

static int rocket_start(struct device *device, unsigned core, const struct device_batch *batch)
{
	struct rocket *rocket = to_rocket(device);
	struct rocket_file *file = rocket_find_file(rocket, batch->device_domain);
	struct rocket_core *self;
	int r;

	if (core >= ROCKET_CORES || !file || (batch->cores && batch->cores != 1u << core))
		return -EINVAL;
	self = &rocket->cores[core];
	if (self->state != ROCKET_CORE_IDLE || is_file_running(rocket, file))
		return -EBUSY;
	r = rocket_check_batch(batch);
	if (r == 0)
		r = rocket_run_prepare(&self->run, batch);
	if (r < 0)
		return r;
	self->run.file = file;
	self->started_ns = clock_now_ns();
	core_set_state(self, ROCKET_CORE_RUNNING);
	drm_workers_start(rocket->workers, core);
	return 0;
}

static void rocket_progress(struct device *device, unsigned core,
			    struct device_progress *ret_progress)
{
	const struct rocket_core *self = &to_rocket(device)->cores[core];
	const uint64_t timeout_ns = self->run.timeout_ns;
	uint64_t elapsed_ns;

	*ret_progress = (struct device_progress){0};
	if (self->state != ROCKET_CORE_RUNNING)
		return;
	elapsed_ns = clock_now_ns() - self->started_ns;
	ret_progress->device_ns =
		timeout_ns && elapsed_ns >= timeout_ns ? timeout_ns - 1 : elapsed_ns;
}

/* ---- ending ---- */

static enum device_event_kind kind_of(enum rocket_verdict verdict)
{
	switch (verdict) {
	case ROCKET_COMPLETED:
		return DEVICE_DONE;
	case ROCKET_REFUSED:
		return DEVICE_REFUSED;
	default:
		return DEVICE_TIMEOUT;
	}
}

static void describe_end(const struct rocket_run *run, char *text, size_t size)
{
	const double ms = (double)run->device_ns / NS_PER_MS;

	if (run->verdict == ROCKET_REFUSED)
		snprintf(text, size, "the driver failed the job: %s", strerror(-run->error));
	else if (run->verdict == ROCKET_STOPPED)
		snprintf(text, size,
			 "the driver stopped the job after %.0f ms, of at most %llu: %s", ms,
			 ROCKET_LIMIT_NS / NS_PER_MS, strerror(-run->error));
	else if (run->verdict == ROCKET_LOST)
		snprintf(text, size, "the driver has not ended the job after %.0f ms", ms);
}

static void settle(struct rocket *rocket, unsigned core)
{
	struct rocket_core *self = &rocket->cores[core];
	const struct rocket_run *run = &self->run;
	struct device_event event = {
		.kind = kind_of(run->verdict),
		.core = core,
		.tasks_done = run->verdict == ROCKET_COMPLETED ? run->n_tasks : 0,
		.device_ns = run->device_ns,
	};

	describe_end(run, event.detail, sizeof(event.detail));
	core_set_state(self, run->verdict == ROCKET_LOST ? ROCKET_CORE_LOST : ROCKET_CORE_IDLE);
	device_deliver(&rocket->base, &event);
}

static void rocket_dispatch(struct device *device)
{
	struct rocket *rocket = to_rocket(device);

	rocket->finished |= drm_workers_collect(rocket->workers);
	for (unsigned i = 0; i < ROCKET_CORES; i++) {
		/* The listener may reset those behind, which ends them without a word. */
		if (!(rocket->finished & 1u << i))
			continue;
		rocket->finished &= ~(1u << i);
		settle(rocket, i);
	}
}

/* The driver has no call that stops a job; but none that runs for long. */
static int rocket_reset_core(struct device *device, unsigned core)
{
	struct rocket *rocket = to_rocket(device);
	struct rocket_core *self = &rocket->cores[core];
	bool is_lost;

	drm_workers_discard(rocket->workers, core);
	rocket->finished &= ~(1u << core);
	/* A file that has been closed since has taken its job along. */
	is_lost = self->state != ROCKET_CORE_IDLE && self->run.verdict == ROCKET_LOST &&
		  self->run.file && rocket_is_busy(self->run.file);
	core_set_state(self, is_lost ? ROCKET_CORE_LOST : ROCKET_CORE_IDLE);
	return is_lost ? -EIO : 0;
}

static void rocket_capture(struct device *device, unsigned core, struct device_capture *ret_capture)
{
	memset(ret_capture, 0, sizeof(*ret_capture)); /* the driver shows none */
}

static int rocket_event_fd(struct device *device)
{
	return drm_workers_event_fd(to_rocket(device)->workers);
}

/* ---- address spaces ---- */

static int find_slot(struct rocket *rocket, unsigned *ret_slot)
{
	struct rocket_file **grown;
	unsigned slot;

	for (slot = 0; slot < rocket->n_files && rocket->files[slot]; slot++)
		;
	if (slot == rocket->n_files) {
		grown = reallocarray(rocket->files, slot + 1, sizeof(struct rocket_file *));
		if (!grown)
			return -ENOMEM;
		grown[slot] = NULL;
		rocket->files = grown;
		rocket->n_files++;
	}
	*ret_slot = slot;
	return 0;
}

static int rocket_domain_open(struct device *device, unsigned *ret_domain)
{
	struct rocket *rocket = to_rocket(device);
	unsigned slot;
	int r;

	r = find_slot(rocket, &slot);
	if (r == 0)
		r = rocket_file_new(rocket, &rocket->files[slot]);
	if (r == 0)
		*ret_domain = slot + 1;
	return r;
}

static void rocket_domain_close(struct device *device, unsigned domain)
{
	struct rocket *rocket = to_rocket(device);
	struct rocket_file *file = rocket_find_file(rocket, domain);

	for (unsigned i = 0; i < ROCKET_CORES; i++) {
		assert(rocket->cores[i].state != ROCKET_CORE_RUNNING ||
		       rocket->cores[i].run.file != file);
		if (rocket->cores[i].run.file == file)
			rocket->cores[i].run.file = NULL;
	}
	rocket->files[domain - 1] = rocket_file_free(file);
}

/* ---- start and end ---- */

static void rocket_free(struct device *device)
{
	struct rocket *rocket = to_rocket(device);

	drm_workers_free(rocket->workers);
	for (unsigned i = 0; i < rocket->n_files; i++)
		rocket_file_free(rocket->files[i]);
	for (unsigned i = 0; i < ROCKET_CORES; i++)
		free(rocket->cores[i].run.tasks);
	free(rocket->files);
	drm_node_close(&rocket->node);
	free(rocket);
}

static const struct device_ops rocket_ops = {
	.free = rocket_free,
	.start = rocket_start,
	.progress = rocket_progress,
	.reset_core = rocket_reset_core,
	.capture = rocket_capture,
	.event_fd = rocket_event_fd,
	.dispatch = rocket_dispatch,
	.bo_new = rocket_bo_new,
	.bo_import = rocket_bo_import,
	.bo_free = rocket_bo_free,
	.bo_export = rocket_bo_export,
	.bo_sync = rocket_bo_sync,
	.domain_open = rocket_domain_open,
	.domain_close = rocket_domain_close,
};

/* A fence of memory that nothing writes: does this kernel give any? */
static int try_fences(struct rocket *rocket)
{
	struct rocket_file *file;
	int fence_fd, r;

	rocket->has_fences = true;
	r = rocket_file_new(rocket, &file);
	if (r < 0)
		return r;
	r = drm_memory_fence(&file->node, file->mark_fd, &fence_fd);
	if (r == 0)
		close(fence_fd);
	rocket->has_fences = r == 0;
	rocket_file_free(file);
	return 0;
}

/* What the driver is like, by the names of `npuctl status` (docs/devices.md). */
static void list_quirks(struct rocket *rocket)
{
	static const char *const always[] = {"blind-cores",  "one-core-per-file", "no-gangs",
					     "dpu-only",     "500-ms-limit",	  "no-stop-call",
					     "dropped-jobs", "no-import",	  "no-priorities"};
	unsigned n = sizeof(always) / sizeof(always[0]);

	_Static_assert(sizeof(always) / sizeof(always[0]) + 1 == ROCKET_N_QUIRKS, "room for all");
	memcpy(rocket->quirk_names, always, sizeof(always));
	if (!rocket->has_fences)
		rocket->quirk_names[n++] = "no-fences";
	rocket->quirk_names[n] = NULL;
}

static void fill_caps(struct rocket *rocket)
{
	struct device_caps *caps = &rocket->base.caps;

	list_quirks(rocket);
	caps->name = "rocket";
	/* Without fences it is time that tells how a job ended, and it must not wait for others. */
	caps->n_cores = rocket->has_fences ? ROCKET_CORES : 1;
	caps->runs_streams = true;
	caps->has_core_reset = true;
	caps->has_own_memory = true;
	caps->n_domains = DEVICE_DOMAINS_UNBOUNDED;
	caps->domain_cores = 1;
	caps->is_core_blind = true;
	caps->has_timeout = true;
	caps->batch_limit_ns = ROCKET_LIMIT_NS;
	caps->int_mask = ROCKET_INT_MASK;
	caps->translation = DEVICE_TRANSLATION_CORE;
	caps->quirks = rocket->quirk_names;
	snprintf(caps->driver, sizeof(caps->driver), "rocket %u.%u.%u at %s",
		 rocket->node.version[0], rocket->node.version[1], rocket->node.version[2],
		 rocket->node.path);
}

static void run_worker(void *context, unsigned worker)
{
	rocket_run_job(&((struct rocket *)context)->cores[worker].run);
}

int rocket_device_new(const struct drm_node *node, struct device **ret_device)
{
	struct rocket *rocket = calloc(1, sizeof(*rocket));
	struct drm_node own = *node;
	int r;

	if (!rocket) {
		drm_node_close(&own);
		return -ENOMEM;
	}
	rocket->base.ops = &rocket_ops;
	rocket->node = own;
	r = drm_workers_new(ROCKET_CORES, run_worker, rocket, &rocket->workers);
	if (r == 0)
		r = try_fences(rocket);
	if (r < 0) {
		rocket_free(&rocket->base);
		return r;
	}
	fill_caps(rocket);
	*ret_device = &rocket->base;
	return 0;
}
