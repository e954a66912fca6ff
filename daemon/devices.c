/* SPDX-License-Identifier: MIT */
/*
 * A node that is there and cannot be opened is an error, also for `auto`: a model of the NPU in the
 * place of the NPU would be a surprise.
 */
#include "daemon/devices.h"

#include "base/log.h"
#include "device/drm_node.h"
#include "device/rk3588.h"
#include "device/rknpu.h"
#include "device/rocket.h"
#include "device/timing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TIMING_CORES 3

static int open_soft(const struct config *config, struct device **ret_device)
{
	struct bus *bus;
	int r = soft_bus_new(&config->soft, &bus);

	return r < 0 ? r : rk3588_device_new(bus, "soft", ret_device);
}

static int open_timing(const struct config *config, struct device **ret_device)
{
	int r = timing_device_new(TIMING_CORES, false, ret_device);

	if (r == 0)
		timing_device_set_domains(*ret_device, config->timing_has_one_domain,
					  config->timing_switch_ns);
	return r;
}

static int complain_of_node(const char *driver, const struct drm_node *node, int r)
{
	fprintf(stderr,
		"npud: device %s: %s: %s; run npud as root or in the group of that file, or "
		"with --device soft\n",
		driver, node->path, strerror(-r));
	return r;
}

/* Devices that are a kernel driver, by its name. */
static const struct kernel_driver {
	enum config_device device;
	const char *name, *nodes;
	int (*open_other)(struct drm_node *ret_node); /* where DRM has no node; may be NULL */
	int (*device_new)(const struct drm_node *node, struct device **ret_device);
} kernel_drivers[] = {
	{CONFIG_DEVICE_RKNPU, "rknpu", "/dev/dri, nor /dev/rknpu,", rknpu_misc_open,
	 rknpu_device_new},
	{CONFIG_DEVICE_ROCKET, "rocket", "/dev/accel", NULL, rocket_device_new},
};

#define N_KERNEL_DRIVERS (sizeof(kernel_drivers) / sizeof(kernel_drivers[0]))

/* -ENODEV, and nothing said: no node of that driver. */
static int open_kernel_driver(const struct kernel_driver *driver, struct device **ret_device)
{
	struct drm_node node;
	int r = drm_node_open(driver->name, &node);

	if (r == -ENODEV && driver->open_other)
		r = driver->open_other(&node);
	if (r == -ENODEV)
		return r;
	if (r < 0)
		return complain_of_node(driver->name, &node, r);
	r = driver->device_new(&node, ret_device);
	if (r == 0)
		return 0;
	fprintf(stderr, "npud: device %s: %s: the driver does not start up: %s\n", driver->name,
		node.path, strerror(-r));
	return r == -ENODEV ? -EIO : r;
}

static int open_named(enum config_device device, struct device **ret_device)
{
	const struct kernel_driver *driver = kernel_drivers;
	int r;

	while (driver->device != device)
		driver++;
	r = open_kernel_driver(driver, ret_device);
	if (r == -ENODEV)
		fprintf(stderr,
			"npud: device %s: no node below %s has that driver; use --device auto, or "
			"soft\n",
			driver->name, driver->nodes);
	return r;
}

static int open_auto(const struct config *config, struct device **ret_device)
{
	int r = -ENODEV;

	for (size_t i = 0; i < N_KERNEL_DRIVERS && r == -ENODEV; i++)
		r = open_kernel_driver(&kernel_drivers[i], ret_device);
	if (r != -ENODEV)
		return r;
	log_info("device_auto device=soft reason=\"no kernel driver of an NPU found\"");
	return open_soft(config, ret_device);
}

int devices_open(const struct config *config, struct device **ret_device)
{
	int r;

	switch (config->device) {
	case CONFIG_DEVICE_TIMING:
		r = open_timing(config, ret_device);
		break;
	case CONFIG_DEVICE_SOFT:
		r = open_soft(config, ret_device);
		break;
	case CONFIG_DEVICE_RKNPU:
	case CONFIG_DEVICE_ROCKET:
		return open_named(config->device, ret_device);
	default:
		return open_auto(config, ret_device);
	}
	if (r < 0)
		fprintf(stderr, "npud: device: %s\n", strerror(-r));
	return r;
}
