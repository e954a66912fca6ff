/* SPDX-License-Identifier: MIT */
/*
 * The address space of one domain: which IOVAs are taken. Pure: no hardware, no system calls.
 *
 * 32 bits, 4 KiB pages, page 0 never given out. A range that npud places has an unmapped guard page
 * on either side: when it is placed both pages are free, and no range placed later takes them. Two
 * neighbours may share one. Fixed ranges are granted wherever the range itself is free, a guard
 * page included, back to back if wanted. Small ranges grow from the top of the space and large ones
 * from the bottom, so that a churn of small ones does not leave holes where a model's weights have
 * to go.
 */
#ifndef NPUD_IOMMU_IOVA_H
#define NPUD_IOMMU_IOVA_H

#include <stdint.h>

#define IOVA_PAGE_BYTES	 4096u
#define IOVA_SPACE_BYTES (1ull << 32)

struct iova_extent {
	uint64_t start, end; /* [start, end), page-aligned */
};

/*
 * The free extents, sorted, never touching. There is room for one more of them than ranges are
 * given out, so a release always finds its place; the array shrinks with their number.
 */
struct iova_space {
	struct iova_extent *free;
	uint32_t n_free, capacity;
	uint32_t n_used;     /* ranges given out */
	uint64_t used_bytes; /* their sum, guards not counted */
};

/* -ENOMEM. */
int iova_space_init(struct iova_space *space);
/* Takes a space in any state, a zeroed one too. */
void iova_space_deinit(struct iova_space *space);

/*
 * Places size_bytes between guard pages. -EINVAL (0, or not a multiple of the page size), -ENOSPC
 * (no hole takes it and its guards), -ENOMEM.
 */
int iova_alloc(struct iova_space *space, uint64_t size_bytes, uint32_t *ret_iova);
/*
 * Takes exactly this range, up to the last page of the space. -EEXIST (a part is taken), -EINVAL
 * (page 0, misaligned, empty, beyond the end), -ENOMEM.
 */
int iova_alloc_fixed(struct iova_space *space, uint32_t iova, uint64_t size_bytes);
/* Gives back exactly what one of the two gave out (the guards with it). Never fails. */
void iova_release(struct iova_space *space, uint32_t iova, uint64_t size_bytes);

#endif
