/* SPDX-License-Identifier: MIT */
/*
 * Linux' own kernel driver `rocket` as a device (ABI reference 2; Linux 6.18 and later).
 *
 *   session -- domain -- a file of the node: address space, BOs, and one more BO, the "mark"
 *   start() -> a worker thread submits one job that says it writes the mark
 *           -> and waits until the kernel says that the mark is written -> dispatch() -> event
 *
 * The driver chooses the core, one for all that a file has in the queue, so a core here is no more
 * than a place for one job in the kernel. It stops whatever runs for longer than 500 ms by itself,
 * and nothing else stops a job: resets here wait for that.
 */
#ifndef NPUD_DEVICE_ROCKET_H
#define NPUD_DEVICE_ROCKET_H

#include "device/device.h"

struct drm_node;

/*
 * Takes over the node (also on failure) and tries out what its kernel can do. -errno of the memory
 * that takes, or what the threads of the start-up said.
 */
int rocket_device_new(const struct drm_node *node, struct device **ret_device);

#endif
