/* SPDX-License-Identifier: MIT */
/*
 * Register-level driver of the RK3588's NPU. It knows registers, not whether they are emulated.
 */
#ifndef NPUD_DEVICE_RK3588_H
#define NPUD_DEVICE_RK3588_H

#include "device/bus.h"
#include "device/device.h"

/*
 * Powers the cores up in the documented order, checks their identity (hardware reference 1.6), sets
 * up the MMUs. Takes over `bus` (also on failure) and frees it with the device. `name` is static.
 * -ENODEV when a core does not identify as an RK3588's.
 */
int rk3588_device_new(struct bus *bus, const char *name, struct device **ret_device);

#endif
