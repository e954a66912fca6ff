/* SPDX-License-Identifier: MIT */
/*
 * From the name of a device to the device: where its hardware is, and what to say where it is not.
 */
#ifndef NPUD_DAEMON_DEVICES_H
#define NPUD_DAEMON_DEVICES_H

#include "daemon/config.h"
#include "device/device.h"

/*
 * Makes the device that the configuration asks for. `auto`: that of the kernel driver that is
 * found, else `soft`, which the log says. On failure one line on stderr says what and why.
 */
int devices_open(const struct config *config, struct device **ret_device);

#endif
