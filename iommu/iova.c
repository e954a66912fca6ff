/* SPDX-License-Identifier: MIT */
/*
 * The free extents in one sorted array: found by bisection, changed by memmove.
 *
 * Guards need no books. A range is placed strictly inside a free extent, one page away from either
 * end of it. What borders a free extent is in use (or the end of the space), so a placed range
 * never touches another range; giving the range back gives the guards back.
 *
 * Placement is first fit in address order, small ranges from the top, large ones from the bottom.
 * Each kind packs against its own end, keeps using the holes near that end, and the middle stays
 * whole. Best fit needs the same scan and leaves slivers, which the guards make useless. More than
 * page alignment buys nothing: the MMU has one page size, and a table shared by two buffers costs
 * less than two tables.
 */
#include "iommu/iova.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_BYTES	 (1ull << 20) /* below this a range is placed from the top */
#define INITIAL_CAPACITY 4u

int iova_space_init(struct iova_space *space)
{
	struct iova_extent *extents = malloc(INITIAL_CAPACITY * sizeof(*extents));

	if (!extents)
		return -ENOMEM;
	/* Page 0 is in no one's reach: for placed ranges it is a guard, fixed ones are refused. */
	extents[0] = (struct iova_extent){.start = 0, .end = IOVA_SPACE_BYTES};
	*space = (struct iova_space){
		.free = extents,
		.n_free = 1,
		.capacity = INITIAL_CAPACITY,
	};
	return 0;
}

void iova_space_deinit(struct iova_space *space)
{
	free(space->free);
	*space = (struct iova_space){0};
}

static int space_resize(struct iova_space *space, uint32_t capacity)
{
	struct iova_extent *extents = realloc(space->free, capacity * sizeof(*extents));

	if (!extents)
		return -ENOMEM;
	space->free = extents;
	space->capacity = capacity;
	return 0;
}

/* Room for the extents that one more range can cause, now or when neighbours are released. */
static int space_reserve(struct iova_space *space)
{
	if (space->n_used + 2 <= space->capacity)
		return 0;
	return space_resize(space, 2 * space->capacity);
}

static void space_shrink(struct iova_space *space)
{
	uint32_t capacity = space->capacity / 2;

	if (capacity >= INITIAL_CAPACITY && space->n_used + 1 <= capacity / 2)
		(void)space_resize(space, capacity); /* without memory it stays as large as it is */
}

/* Index of the first free extent that ends beyond the address; n_free if none does. */
static uint32_t space_find(const struct iova_space *space, uint64_t address)
{
	uint32_t low = 0, high = space->n_free;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (space->free[middle].end > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void extent_insert(struct iova_space *space, uint32_t i, struct iova_extent extent)
{
	struct iova_extent *at = space->free + i;

	assert(space->n_free < space->capacity);
	memmove(at + 1, at, (space->n_free - i) * sizeof(*at));
	*at = extent;
	space->n_free++;
}

static void extent_remove(struct iova_space *space, uint32_t i)
{
	struct iova_extent *at = space->free + i;

	space->n_free--;
	memmove(at, at + 1, (space->n_free - i) * sizeof(*at));
}

/* Cuts [start, end) out of extent i, which holds all of it. */
static void extent_cut(struct iova_space *space, uint32_t i, uint64_t start, uint64_t end)
{
	struct iova_extent *extent = space->free + i;
	struct iova_extent rest = {.start = end, .end = extent->end};

	if (extent->start < start) {
		extent->end = start;
		if (rest.start < rest.end)
			extent_insert(space, i + 1, rest);
	} else if (rest.start < rest.end) {
		*extent = rest;
	} else {
		extent_remove(space, i);
	}
	space->n_used++;
	space->used_bytes += end - start;
}

static bool extent_fits(const struct iova_extent *extent, uint64_t size_bytes)
{
	return extent->end - extent->start >= size_bytes + 2 * IOVA_PAGE_BYTES;
}

/* n_free if nothing fits. */
static uint32_t space_find_highest(const struct iova_space *space, uint64_t size_bytes)
{
	for (uint32_t i = space->n_free; i > 0; i--)
		if (extent_fits(space->free + i - 1, size_bytes))
			return i - 1;
	return space->n_free;
}

static uint32_t space_find_lowest(const struct iova_space *space, uint64_t size_bytes)
{
	uint32_t i = 0;

	while (i < space->n_free && !extent_fits(space->free + i, size_bytes))
		i++;
	return i;
}

int iova_alloc(struct iova_space *space, uint64_t size_bytes, uint32_t *ret_iova)
{
	bool is_small = size_bytes < SMALL_BYTES;
	uint64_t start;
	uint32_t i;
	int r;

	if (!size_bytes || size_bytes % IOVA_PAGE_BYTES)
		return -EINVAL;
	if (size_bytes > IOVA_SPACE_BYTES)
		return -ENOSPC;

	i = is_small ? space_find_highest(space, size_bytes) : space_find_lowest(space, size_bytes);
	if (i == space->n_free)
		return -ENOSPC;
	r = space_reserve(space);
	if (r < 0)
		return r;

	if (is_small)
		start = space->free[i].end - IOVA_PAGE_BYTES - size_bytes;
	else
		start = space->free[i].start + IOVA_PAGE_BYTES;
	extent_cut(space, i, start, start + size_bytes);
	*ret_iova = (uint32_t)start;
	return 0;
}

int iova_alloc_fixed(struct iova_space *space, uint32_t iova, uint64_t size_bytes)
{
	uint64_t start = iova;
	uint32_t i;
	int r;

	if (!size_bytes || size_bytes % IOVA_PAGE_BYTES || size_bytes > IOVA_SPACE_BYTES - start)
		return -EINVAL;
	if (!start || start % IOVA_PAGE_BYTES)
		return -EINVAL;

	i = space_find(space, start);
	if (i == space->n_free || space->free[i].start > start ||
	    space->free[i].end < start + size_bytes)
		return -EEXIST;
	r = space_reserve(space);
	if (r < 0)
		return r;

	extent_cut(space, i, start, start + size_bytes);
	return 0;
}

void iova_release(struct iova_space *space, uint32_t iova, uint64_t size_bytes)
{
	struct iova_extent range = {.start = iova, .end = iova + size_bytes};
	uint32_t i = space_find(space, range.start);
	bool joins_left = space->free[i - 1].end == range.start; /* page 0 is free: i > 0 */
	bool joins_right = i < space->n_free && space->free[i].start == range.end;

	assert(space->n_used > 0 && space->used_bytes >= size_bytes);
	assert(i == space->n_free || space->free[i].start >= range.end);

	if (joins_left && joins_right) {
		space->free[i - 1].end = space->free[i].end;
		extent_remove(space, i);
	} else if (joins_left) {
		space->free[i - 1].end = range.end;
	} else if (joins_right) {
		space->free[i].start = range.start;
	} else {
		extent_insert(space, i, range);
	}
	space->n_used--;
	space->used_bytes -= size_bytes;
	space_shrink(space);
}
