/* SPDX-License-Identifier: MIT */
/*
 * The software NPU: a register-level model of the RK3588's NPU behind the bus.
 *
 *   bus (registers, reset, power) -> soft core: a thread, its register file, its MMU
 *        pc      fetches register commands through the MMU, applies them, starts blocks, chains
 *        cna     features, weights, windows        core   multiply and accumulate
 *        dpu     post-processing, write-out
 *        mmu     TLB and two-level table walk for every access, faults
 *        memory  the physical address space: what dma_map() made reachable, and nothing else
 *
 * The model sees nothing of npud but the bus. It never reads or writes host memory that was not
 * mapped, whatever a stream says, and a core that waits for something that never comes stays busy
 * and silent, as silicon would.
 */
#ifndef NPUD_DEVICE_SOFT_SOFT_H
#define NPUD_DEVICE_SOFT_SOFT_H

#include "device/bus.h"

enum soft_clock {
	SOFT_CLOCK_HOST,   /* as fast as the CPU computes */
	SOFT_CLOCK_RK3588, /* a task ends no earlier than its modelled time at 1 GHz */
};

struct soft_options {
	enum soft_clock clock;
	/* The device sees memory that the CPU caches only as of its last sync, and the other way.
	 */
	bool is_incoherent;
	/* Memory bytes per ns for one core, and for all together (assumed 10 and 20). */
	double core_bandwidth, total_bandwidth;
};

/* The documented defaults. */
struct soft_options soft_options_default(void);

/* Starts three cores, powered down. The threads block all signals. */
int soft_bus_new(const struct soft_options *options, struct bus **ret_bus);

#endif
