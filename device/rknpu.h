/* SPDX-License-Identifier: MIT */
/*
 * The vendor's kernel driver `rknpu` as a device (ABI reference 1; versions 0.8.x to 0.9.8).
 *
 *   start() -> cores that start together are gathered -> one blocking submit on a worker thread
 *           -> the worker returns -> dispatch() -> an event per core
 *
 * The driver is used so that what it does wrong (rknpu_quirks.h) cannot happen. At most one job is
 * in the kernel for each core. All calls of the node are made here: submits by workers, all others
 * by the daemon's thread, and those that would change the address space only while no core runs.
 */
#ifndef NPUD_DEVICE_RKNPU_H
#define NPUD_DEVICE_RKNPU_H

#include "device/device.h"

struct drm_node;

/* The driver's other node, which is none of DRM's. As drm_node_open(). */
int rknpu_misc_open(struct drm_node *ret_node);
/*
 * Takes over the node (also on failure) and reads what its driver can do. -ENODEV: it does not
 * answer as an RK3588's; or what the threads and memory of the start-up said.
 */
int rknpu_device_new(const struct drm_node *node, struct device **ret_device);

#endif
