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

/* -ENODEV, and nothing said: no node of that driver. */
static int open_rknpu(struct device **ret_device)
{
	struct drm_node node;
	int r = drm_node_open("rknpu", &node);

	if (r == -ENODEV)
		r = rknpu_misc_open(&node);
	if (r == -ENODEV)
		return r;
	if (r < 0)
		return complain_of_node("rknpu", &node, r);
	r = rknpu_device_new(&node, ret_device);
	if (r == 0)
		return 0;
	fprintf(stderr, "npud: device rknpu: %s: the driver does not start up: %s\n", node.path,
		strerror(-r));
	return r == -ENODEV ? -EIO : r;
}

static int open_auto(const struct config *config, struct device **ret_device)
{
	int r = open_rknpu(ret_device);

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
		r = open_rknpu(ret_device);
		if (r == -ENODEV)
			fprintf(stderr,
				"npud: device rknpu: no node below /dev/dri has that driver, and "
				"there is no /dev/rknpu; use --device auto, or soft\n");
		return r;
	default:
		return open_auto(config, ret_device);
	}
	if (r < 0)
		fprintf(stderr, "npud: device: %s\n", strerror(-r));
	return r;
}
