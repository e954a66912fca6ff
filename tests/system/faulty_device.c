/* SPDX-License-Identifier: MIT */
/*
 * Devices that fail when they are told to, between npud and the real ones. The file named by
 * NPU_TEST_FAULTS is read before each reset:
 *
 *   core=1     resets of a single core do not bring it back
 *   dead=MASK  these cores do not come back from a reset of the device
 *   whole=1    (as npud starts) the device can only be reset whole
 *   late=1     (as npud starts) the daemon hears of the end of a batch only after it has looked at
 *              the core once more, and found its budget used up
 */
#include "device/device.h"
#include "device/rk3588.h"
#include "device/timing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

int __real_timing_device_new(unsigned n_cores, bool is_virtual, struct device **ret_device);
int __wrap_timing_device_new(unsigned n_cores, bool is_virtual, struct device **ret_device);
int __real_rk3588_device_new(struct bus *bus, const char *name, struct device **ret_device);
int __wrap_rk3588_device_new(struct bus *bus, const char *name, struct device **ret_device);

/* Of the one device that this process has. */
static const struct device_ops *real_ops;
static struct device_ops faulty_ops;
static int silent_fd;
static bool has_looked; /* late=1: at what has ended */

static unsigned read_fault(const char *name)
{
	const char *path = getenv("NPU_TEST_FAULTS");
	FILE *file = path ? fopen(path, "re") : NULL;
	char text[256] = "", *found;

	if (!file)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	found = strstr(text, name);
	return found ? (unsigned)strtoul(found + strlen(name), NULL, 0) : 0;
}

static int faulty_reset_core(struct device *device, unsigned core)
{
	int r = real_ops->reset_core(device, core);

	return read_fault("core=") ? -EIO : r;
}

static uint32_t faulty_reset_all(struct device *device)
{
	uint32_t cores = 0;

	for (unsigned i = 0; i < device->caps.n_cores; i++)
		cores |= real_ops->reset_core(device, i) == 0 ? 1u << i : 0;
	if (real_ops->reset_all)
		cores = real_ops->reset_all(device);
	return cores & ~read_fault("dead=");
}

/* ---- late=1 ---- */

static int late_event_fd(struct device *device)
{
	(void)device;
	return silent_fd;
}

static void late_progress(struct device *device, unsigned core,
			  struct device_progress *ret_progress)
{
	real_ops->progress(device, core, ret_progress);
	if (!real_ops->has_event(device, core))
		return;
	ret_progress->device_ns = UINT64_MAX / 2;
	has_looked = true;
}

static void late_dispatch(struct device *device)
{
	for (unsigned i = 0; i < device->caps.n_cores; i++) {
		if (real_ops->has_event(device, i) && !has_looked)
			return;
	}
	has_looked = false;
	real_ops->dispatch(device);
}

static void make_late(void)
{
	silent_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	faulty_ops.event_fd = late_event_fd;
	faulty_ops.progress = late_progress;
	faulty_ops.dispatch = late_dispatch;
}

static void make_faulty(struct device *device)
{
	real_ops = device->ops;
	faulty_ops = *device->ops;
	faulty_ops.reset_core = faulty_reset_core;
	faulty_ops.reset_all = faulty_reset_all;
	if (read_fault("late="))
		make_late();
	device->ops = &faulty_ops;
	device->caps.has_core_reset = !read_fault("whole=");
}

int __wrap_timing_device_new(unsigned n_cores, bool is_virtual, struct device **ret_device)
{
	int r = __real_timing_device_new(n_cores, is_virtual, ret_device);

	if (r == 0)
		make_faulty(*ret_device);
	return r;
}

int __wrap_rk3588_device_new(struct bus *bus, const char *name, struct device **ret_device)
{
	int r = __real_rk3588_device_new(bus, name, ret_device);

	if (r == 0)
		make_faulty(*ret_device);
	return r;
}
