/* SPDX-License-Identifier: MIT */
/*
 * A policy meets the device that is to carry it out.
 */
#ifndef NPUD_DAEMON_CONFIG_DEVICE_H
#define NPUD_DAEMON_CONFIG_DEVICE_H

#include "daemon/config.h"
#include "device/device.h"

/*
 * Checks what the file asks of the device, takes the fallback for a policy that it cannot honour,
 * adds a note for that and for what has no effect there, and completes config->effective. -EINVAL
 * with *ret_error ("FILE: PATH: …"), -ENOMEM; the config is to be thrown away then.
 */
int config_fit_device(const char *file, const struct device_caps *caps, struct config *config,
		      struct config_error *ret_error);

#endif
