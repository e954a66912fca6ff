/* SPDX-License-Identifier: MIT */
/*
 * A domain: the addresses that one session's jobs can reach. It joins an IOVA space with page
 * tables (where the device lets npud build them). Every BO is mapped in exactly one.
 */
#ifndef NPUD_IOMMU_DOMAIN_H
#define NPUD_IOMMU_DOMAIN_H

#include "device/device.h"
#include "iommu/iova.h"

#include <stdbool.h>
#include <stdint.h>

struct rk_pagetable;

struct domain {
	struct device *device; /* borrowed */
	struct iova_space space;
	struct rk_pagetable *table; /* NULL where the device has no page tables */
	bool is_placed;		    /* with one of the driver's, where that has some */
	unsigned device_domain;	    /* which; 0: none of its own, or none that is its alone */
};

/* -ENOMEM, or what device_memory_map() said. */
int domain_init(struct domain *domain, struct device *device);
/* Every BO must have left. Safe on a zeroed struct. */
void domain_deinit(struct domain *domain);

/*
 * To be called before the first BO, and harmless later: takes one of the driver's address spaces,
 * or the one that is shared when all are taken; -EBUSY then without `may_share`. -EINPROGRESS: one
 * will be free when no batch runs.
 */
int domain_place(struct domain *domain, bool may_share);
/* Undoes that; no BO is in it. */
void domain_unplace(struct domain *domain);

/* Where a job's batch finds the tables; 0 without page tables. */
uint64_t domain_table_pa(const struct domain *domain);
uint64_t domain_pagetable_bytes(const struct domain *domain);

/*
 * Gives [pa, pa + size) an address: at `fixed_iova` if that is not 0, else where it fits. -ENOSPC
 * (no room), -EEXIST (fixed range taken), -EINVAL (size or fixed address bad), -ENOMEM. `pa` is
 * ignored without page tables.
 *
 * TLBs are not zapped: a core sees the range in batches that are started afterwards.
 */
int domain_map(struct domain *domain, uint32_t fixed_iova, uint64_t pa, uint64_t size_bytes,
	       bool is_writable, uint32_t *ret_iova);
/* Takes it out of the tables, zaps the TLBs, frees tables that became empty, and the address. */
void domain_unmap(struct domain *domain, uint32_t iova, uint64_t size_bytes);

#endif
