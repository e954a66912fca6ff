/* SPDX-License-Identifier: MIT */
/*
 * The hardware's own two-level page tables, built in memory that the device walks (hardware
 * reference 3.6, registers IOMMU_V2): a directory of 1024 32-bit entries, tables of 1024 entries,
 * 4 KiB pages, 40-bit physical addresses.
 *
 * The directory exists from the start; tables come with the first page they hold and go with the
 * last. Entries are written atomically: the device may walk at any moment.
 */
#ifndef NPUD_IOMMU_RK_PAGETABLE_H
#define NPUD_IOMMU_RK_PAGETABLE_H

#include "device/device.h"

#include <stdbool.h>
#include <stdint.h>

struct rk_pagetable;

/*
 * `device` is borrowed: its memory_map makes the tables reachable. -ENOMEM, or what
 * device_memory_map() said.
 */
int rk_pagetable_new(struct device *device, struct rk_pagetable **ret_table);
/* Asserts that nothing is mapped any more. Takes NULL, returns NULL. */
struct rk_pagetable *rk_pagetable_free(struct rk_pagetable *table);

/*
 * Maps [iova, iova + size) to [pa, pa + size), readable and perhaps writable; all or nothing.
 * -EEXIST, -ENOMEM, or what device_memory_map() said of a table. Page-aligned, up to the end of the
 * space, and not between an unmap and its reap.
 */
int rk_pagetable_map(struct rk_pagetable *table, uint32_t iova, uint64_t pa, uint64_t size_bytes,
		     bool is_writable);
/*
 * Clears a range that is mapped. Tables that became empty are kept until rk_pagetable_reap(), since
 * the device may still hold a translation: zap between the two.
 */
void rk_pagetable_unmap(struct rk_pagetable *table, uint32_t iova, uint64_t size_bytes);
/* Frees the tables that rk_pagetable_unmap() emptied. */
void rk_pagetable_reap(struct rk_pagetable *table);

/* Physical address of the directory, for MMU_DTE_ADDR. */
uint64_t rk_pagetable_pa(const struct rk_pagetable *table);
/* Directory and tables together. */
uint64_t rk_pagetable_bytes(const struct rk_pagetable *table);

#endif
