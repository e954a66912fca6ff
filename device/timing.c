/* SPDX-License-Identifier: MIT */
/*
 * A core is a start time and a duration; what it has done follows from the clock alone. In real
 * time a timerfd stands at the next end, in virtual time an eventfd is raised when the clock passes
 * it.
 */
#include "device/timing.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define GANG_MASKS_END 64u /* device_caps::gang_masks has no bit for larger ones */

struct timing_core {
	bool is_busy;
	uint64_t start_ns, end_ns; /* CLOCK_NEVER: hangs */
	uint32_t n_tasks;
	uint64_t domain; /* of what it ran last */
};

struct timing_device {
	struct device base;
	bool is_virtual;
	uint64_t virtual_now_ns;
	int event_fd;	   /* timerfd, or eventfd in virtual time */
	uint64_t armed_ns; /* where the timerfd stands; CLOCK_NEVER: nowhere */
	struct timing_core cores[DEVICE_MAX_CORES];
};

static struct timing_device *to_timing(struct device *device)
{
	return (struct timing_device *)device;
}

static uint64_t timing_now_ns(const struct timing_device *timing)
{
	return timing->is_virtual ? timing->virtual_now_ns : clock_now_ns();
}

static uint64_t next_end_ns(const struct timing_device *timing)
{
	uint64_t end_ns = CLOCK_NEVER;

	for (unsigned i = 0; i < timing->base.caps.n_cores; i++) {
		if (timing->cores[i].is_busy && timing->cores[i].end_ns < end_ns)
			end_ns = timing->cores[i].end_ns;
	}
	return end_ns;
}

static void arm_virtual(struct timing_device *timing, uint64_t end_ns)
{
	eventfd_t drained;

	if (end_ns <= timing->virtual_now_ns)
		eventfd_write(timing->event_fd, 1);
	else
		eventfd_read(timing->event_fd, &drained);
}

/* A time that has passed makes the descriptor readable at once; all zeros disarm it. */
static void arm_real(struct timing_device *timing, uint64_t end_ns)
{
	struct itimerspec when = {0};

	if (end_ns == timing->armed_ns)
		return;
	timing->armed_ns = end_ns;
	if (end_ns != CLOCK_NEVER) {
		when.it_value.tv_sec = (time_t)(end_ns / NS_PER_S);
		when.it_value.tv_nsec = (long)(end_ns % NS_PER_S);
	}
	timerfd_settime(timing->event_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Makes the descriptor readable if and only if a batch is due, now or when its time comes. */
static void timing_arm(struct timing_device *timing)
{
	if (timing->is_virtual)
		arm_virtual(timing, next_end_ns(timing));
	else
		arm_real(timing, next_end_ns(timing));
}

static void timing_free(struct device *device)
{
	struct timing_device *timing = to_timing(device);

	close(timing->event_fd);
	free(timing);
}

/* Makes the address space the core's, or the device's; what that takes. */
static uint64_t enter_domain(struct timing_device *timing, unsigned core, uint64_t domain)
{
	const struct device_caps *caps = &timing->base.caps;

	if (timing->cores[core].domain == domain)
		return 0;
	timing->cores[core].domain = domain;
	for (unsigned i = 0; caps->has_one_domain && i < caps->n_cores; i++)
		timing->cores[i].domain = domain;
	return caps->switch_ns;
}

static int timing_start(struct device *device, unsigned core, const struct device_batch *batch)
{
	struct timing_device *timing = to_timing(device);
	uint64_t now_ns = timing_now_ns(timing);
	struct timing_core *self;

	if (core >= device->caps.n_cores)
		return -EINVAL;
	self = &timing->cores[core];
	if (self->is_busy)
		return -EBUSY;
	self->is_busy = true;
	now_ns += enter_domain(timing, core, batch->domain);
	self->start_ns = now_ns;
	/* What would end after the end of time hangs, as DEVICE_FOREVER does. */
	self->end_ns = batch->duration_ns >= CLOCK_NEVER - now_ns ? CLOCK_NEVER
								  : now_ns + batch->duration_ns;
	self->n_tasks = batch->n_tasks;
	return 0;
}

/* Tasks of equal length. */
static uint32_t count_tasks(const struct timing_core *core, uint64_t elapsed_ns)
{
	uint64_t duration_ns = core->end_ns - core->start_ns;

	if (core->end_ns == CLOCK_NEVER)
		return 0;
	if (elapsed_ns >= duration_ns)
		return core->n_tasks;
	return (uint32_t)((double)core->n_tasks * (double)elapsed_ns / (double)duration_ns);
}

static void timing_progress(struct device *device, unsigned core,
			    struct device_progress *ret_progress)
{
	struct timing_device *timing = to_timing(device);
	const struct timing_core *self = &timing->cores[core];
	uint64_t now_ns = timing_now_ns(timing);

	*ret_progress = (struct device_progress){0};
	if (!self->is_busy || now_ns < self->start_ns)
		return;
	/* The core has stopped at its end, however late it is asked. */
	ret_progress->device_ns = (now_ns < self->end_ns ? now_ns : self->end_ns) - self->start_ns;
	ret_progress->tasks_done = count_tasks(self, ret_progress->device_ns);
}

static bool timing_has_event(struct device *device, unsigned core)
{
	struct timing_device *timing = to_timing(device);

	return timing->cores[core].is_busy && timing->cores[core].end_ns <= timing_now_ns(timing);
}

static int timing_reset_core(struct device *device, unsigned core)
{
	struct timing_device *timing = to_timing(device);

	timing->cores[core].is_busy = false;
	timing_arm(timing);
	return 0;
}

static void timing_capture(struct device *device, unsigned core, struct device_capture *ret_capture)
{
	memset(ret_capture, 0, sizeof(*ret_capture)); /* it has no registers */
}

static int timing_event_fd(struct device *device)
{
	return to_timing(device)->event_fd;
}

/* Of the cores not in `done_mask`, the busy one that ended first by `now_ns`; -1: none. */
static int find_due(const struct timing_device *timing, uint32_t done_mask, uint64_t now_ns)
{
	int due = -1;

	for (unsigned i = 0; i < timing->base.caps.n_cores; i++) {
		const struct timing_core *core = &timing->cores[i];

		if (!core->is_busy || core->end_ns > now_ns || done_mask & 1u << i)
			continue;
		if (due < 0 || core->end_ns < timing->cores[due].end_ns)
			due = (int)i;
	}
	return due;
}

/* The listener may start the next batches: each core has one event per call, so it comes to an end.
 */
static void timing_dispatch(struct device *device)
{
	struct timing_device *timing = to_timing(device);
	uint64_t now_ns = timing_now_ns(timing);
	uint32_t done_mask = 0;
	int core;

	while ((core = find_due(timing, done_mask, now_ns)) >= 0) {
		struct timing_core *self = &timing->cores[core];
		struct device_event event = {
			.kind = DEVICE_DONE,
			.core = (unsigned)core,
			.tasks_done = self->n_tasks,
			.device_ns = self->end_ns - self->start_ns,
		};

		self->is_busy = false;
		done_mask |= 1u << core;
		device->event(device->event_context, &event);
	}
	timing_arm(timing);
}

static const struct device_ops timing_ops = {
	.free = timing_free,
	.start = timing_start,
	.progress = timing_progress,
	.has_event = timing_has_event,
	.reset_core = timing_reset_core,
	.capture = timing_capture,
	.event_fd = timing_event_fd,
	.dispatch = timing_dispatch,
};

/* Any cores start together here. */
static uint64_t all_gang_masks(unsigned n_cores)
{
	uint64_t masks = 0;

	for (uint32_t mask = 3; mask < 1u << n_cores && mask < GANG_MASKS_END; mask++) {
		if (__builtin_popcount(mask) > 1)
			masks |= 1ull << mask;
	}
	return masks;
}

int timing_device_new(unsigned n_cores, bool is_virtual, struct device **ret_device)
{
	struct timing_device *timing;
	int r;

	if (!n_cores || n_cores > DEVICE_MAX_CORES)
		return -EINVAL;
	timing = calloc(1, sizeof(*timing));
	if (!timing)
		return -ENOMEM;
	timing->base.ops = &timing_ops;
	timing->base.caps = (struct device_caps){
		.name = "timing",
		.n_cores = n_cores,
		.gang_masks = all_gang_masks(n_cores),
		.has_core_reset = true,
		.has_task_counter = true,
	};
	timing->is_virtual = is_virtual;
	timing->armed_ns = CLOCK_NEVER;
	timing->event_fd = is_virtual ? eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
				      : timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (timing->event_fd < 0) {
		r = -errno;
		free(timing);
		return r;
	}
	*ret_device = &timing->base;
	return 0;
}

void timing_device_set_domains(struct device *device, bool has_one_domain, uint64_t switch_ns)
{
	device->caps.has_one_domain = has_one_domain;
	device->caps.switch_ns = switch_ns;
}

void timing_device_advance(struct device *device, uint64_t duration_ns)
{
	struct timing_device *timing = to_timing(device);

	timing->virtual_now_ns += duration_ns;
	timing_arm(timing);
}

uint64_t timing_device_next_end_ns(struct device *device)
{
	return next_end_ns(to_timing(device));
}
