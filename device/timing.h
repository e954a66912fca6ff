/* SPDX-License-Identifier: MIT */
/*
 * Cores that only take time: a batch ends when the duration it brings has passed. For scheduler
 * experiments, and for measuring npud itself (a batch of no duration is the empty job).
 */
#ifndef NPUD_DEVICE_TIMING_H
#define NPUD_DEVICE_TIMING_H

#include "device/device.h"

/*
 * Real time: the event descriptor is a timerfd. Virtual time: nothing happens until
 * timing_device_advance(), so a test decides when things end; the clock starts at 0. -EINVAL for a
 * number of cores outside 1 ... DEVICE_MAX_CORES, -ENOMEM, -EMFILE.
 *
 * The tasks of a batch count as equally long. A batch without duration is due at once, and reported
 * by the next device_dispatch(); one of DEVICE_FOREVER ends only by device_reset_core().
 */
int timing_device_new(unsigned n_cores, bool is_virtual, struct device **ret_device);

/*
 * From now on a batch in another address space than the core's last, or the device's where all
 * cores have one, takes switch_ns longer; that is no device time.
 */
void timing_device_set_domains(struct device *device, bool has_one_domain, uint64_t switch_ns);

/* Virtual time only: moves the clock; the batches that end by then are due for device_dispatch().
 */
void timing_device_advance(struct device *device, uint64_t duration_ns);

/* When the first batch ends of those that run; CLOCK_NEVER: none will. */
uint64_t timing_device_next_end_ns(struct device *device);

#endif
