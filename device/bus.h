/* SPDX-License-Identifier: MIT */
/*
 * What lies between a register-level driver and the NPU: registers, reset lines, power domains,
 * interrupt lines and the memory that DMA reaches. `soft` implements it with a model; real
 * registers would implement it with mmap and an interrupt descriptor. rk3588.c can't tell.
 *
 * Offsets are inside a core's 64 KiB window (hardware reference 1.1). All functions are called from
 * one thread.
 */
#ifndef NPUD_DEVICE_BUS_H
#define NPUD_DEVICE_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bus;

struct bus_ops {
	void (*free)(struct bus *bus);
	/* Registers of a powered-down core read 0 and swallow writes here; on silicon they hang. */
	uint32_t (*read32)(struct bus *bus, unsigned core, uint32_t offset);
	void (*write32)(struct bus *bus, unsigned core, uint32_t offset, uint32_t value);
	/* Both reset lines of a core, AXI and AHB (hardware reference 1.4). */
	void (*set_reset)(struct bus *bus, unsigned core, bool asserted);
	/* The core's power domain (1.5): core 0's must be on whenever another is. */
	int (*set_power)(struct bus *bus, unsigned core, bool on);
	/* Waits, as a driver does between steps of a reset. */
	void (*delay_us)(struct bus *bus, unsigned microseconds);
	/* Readable when an interrupt line rose; reading it is irq_pending()'s business. */
	int (*irq_fd)(struct bus *bus);
	/* Bit per core whose line has risen since the last call. */
	uint32_t (*irq_pending)(struct bus *bus);
	int (*dma_map)(struct bus *bus, void *host, size_t size_bytes, uint64_t *ret_pa);
	void (*dma_unmap)(struct bus *bus, uint64_t pa, size_t size_bytes);
	/* As device_memory_set_cached() and device_memory_sync(). */
	int (*dma_set_cached)(struct bus *bus, uint64_t pa, size_t size_bytes, int fd);
	void (*dma_sync)(struct bus *bus, uint64_t pa, size_t size_bytes, bool to_device);
	/* Device time since the core was last started (see struct device_progress). */
	uint64_t (*device_time_ns)(struct bus *bus, unsigned core);
	/*
	 * What only a model can say: why it stopped on something it cannot compute, as
	 * "BLOCK REGISTER: value, reason". Returns false when it did not. NULL on silicon.
	 */
	bool (*complaint)(struct bus *bus, unsigned core, char *ret_text, size_t size);
	/*
	 * Likewise: which register led to the fault of the MMU bank at window offset `bank`, as
	 * "BLOCK REGISTER: value, reason". Returns false when that is not known. NULL on silicon.
	 */
	bool (*blame)(struct bus *bus, unsigned core, uint32_t bank, char *ret_text, size_t size);
	/*
	 * Likewise: what it left out of account since the last reset, as "BLOCK REGISTER=bits;
	 * ...". Returns false when nothing. NULL on silicon.
	 */
	bool (*ignored)(struct bus *bus, unsigned core, char *ret_text, size_t size);
};

struct bus {
	const struct bus_ops *ops;
	unsigned n_cores;
};

#endif
