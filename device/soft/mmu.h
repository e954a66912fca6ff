/* SPDX-License-Identifier: MIT */
/*
 * One bank of the Rockchip MMU (hardware reference 3.6): a TLB before two-level tables in memory.
 *
 * An access is made page by page, each page under the bank's lock: look up, copy. Commands and
 * zaps take the same lock, so when the register write of a zap or stall has returned, no access
 * through the old translation is under way. A fault stops translation; what was accessed is
 * reported in the registers and by `raise`.
 */
#ifndef NPUD_DEVICE_SOFT_MMU_H
#define NPUD_DEVICE_SOFT_MMU_H

#include "device/soft/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOFT_MMU_TLB_ENTRIES 64u

struct soft_mmu_line {
	bool is_valid;
	uint32_t page; /* IOVA >> 12 */
	uint32_t pte;
};

struct soft_mmu {
	struct soft_memory *memory; /* borrowed */
	const atomic_bool *abort;   /* borrowed; when set, accesses give up */
	void (*raise)(void *context);
	void *context;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t resumed;
	bool is_paging, is_stalled, is_faulted;
	uint32_t status; /* direction of the last fault */
	uint32_t dte_addr, fault_iova, raw_status, int_mask, auto_gating;
	struct soft_mmu_line tlb[SOFT_MMU_TLB_ENTRIES];
};

int soft_mmu_init(struct soft_mmu *mmu, struct soft_memory *memory, const atomic_bool *abort);
void soft_mmu_deinit(struct soft_mmu *mmu);
/* Called with the lock held when an unmasked interrupt comes up; must not call back. */
void soft_mmu_set_listener(struct soft_mmu *mmu, void (*raise)(void *), void *context);

/* Registers, by offset in the bank. Any thread. */
uint32_t soft_mmu_read32(struct soft_mmu *mmu, uint32_t offset);
void soft_mmu_write32(struct soft_mmu *mmu, uint32_t offset, uint32_t value);
/* Which page tables it uses, as an entry of a table. Any thread. */
uint32_t soft_mmu_tables(struct soft_mmu *mmu);
/* As after power-up; wakes an access that waits. */
void soft_mmu_reset(struct soft_mmu *mmu);
/* Lets an access that waits see the abort flag. Also a barrier: none is under way on return. */
void soft_mmu_kick(struct soft_mmu *mmu);

/*
 * An access of the core. Addresses wrap at 4 GiB, as on the bus. Waits while stalled. -EFAULT: not
 * mapped, no permission, or no memory there; -ECANCELED: aborted. What comes before the page that
 * failed has been copied.
 */
int soft_mmu_read(struct soft_mmu *mmu, uint32_t iova, void *ret_bytes, size_t size_bytes);
/* The same without a copy: shows each piece in the host's memory, in order, under the lock. */
typedef void soft_mmu_visitor(void *context, const uint8_t *bytes, size_t n_bytes);
int soft_mmu_visit(struct soft_mmu *mmu, uint32_t iova, size_t size_bytes, soft_mmu_visitor *visit,
		   void *context);
int soft_mmu_write(struct soft_mmu *mmu, uint32_t iova, const void *bytes, size_t size_bytes);

#endif
