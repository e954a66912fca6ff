/* SPDX-License-Identifier: MIT */
/*
 * Two-level table from page number to host page, read without locks; free ranges are a sorted list
 * whose room is reserved when mapping, so that unmapping cannot fail. Leaves of the table stay for
 * reuse: 8 KiB per 4 MiB of the highest use there ever was.
 */
#include "device/soft/memory.h"

#include "device/regs_rk3588.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE_BYTES MMU_PAGE_BYTES
#define LEAF_PAGES 1024u
#define N_PAGES	   (SOFT_MEMORY_BYTES / PAGE_BYTES)
#define N_LEAVES   (N_PAGES / LEAF_PAGES)

struct memory_leaf {
	_Atomic(char *) pages[LEAF_PAGES];
};

/* Free pages [first, first + n). */
struct memory_gap {
	uint64_t first, n;
};

/* What the device has of an object that the CPU caches, however often that is mapped. */
struct memory_behind {
	unsigned refs;
	dev_t dev; /* the object; 0, 0: mapped once and not known */
	ino_t ino;
	size_t size_bytes;
	char *bytes;
};

/* A range that the CPU caches. */
struct memory_copy {
	struct memory_copy *next;
	uint64_t pa;
	char *host;
	struct memory_behind *behind;
	bool is_unmapped;
};

struct soft_memory {
	struct memory_copy *copies;
	_Atomic(struct memory_leaf *) leaves[N_LEAVES];
	struct memory_gap *gaps; /* ascending, never touching */
	size_t n_gaps, capacity;
	size_t n_ranges; /* mapped; n ranges leave at most n + 1 gaps */
};

int soft_memory_new(struct soft_memory **ret_memory)
{
	struct soft_memory *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return -ENOMEM;
	memory->gaps = calloc(1, sizeof(*memory->gaps));
	if (!memory->gaps) {
		free(memory);
		return -ENOMEM;
	}
	memory->gaps[0] = (struct memory_gap){0, N_PAGES};
	memory->n_gaps = memory->capacity = 1;
	*ret_memory = memory;
	return 0;
}

struct soft_memory *soft_memory_free(struct soft_memory *memory)
{
	if (!memory)
		return NULL;
	for (struct memory_copy *copy = memory->copies; copy; copy = copy->next)
		copy->is_unmapped = true;
	soft_memory_reap(memory);
	for (size_t i = 0; i < N_LEAVES; i++)
		free(atomic_load(&memory->leaves[i]));
	free(memory->gaps);
	free(memory);
	return NULL;
}

static int reserve_gaps(struct soft_memory *memory, size_t needed)
{
	struct memory_gap *gaps;
	size_t capacity = memory->capacity;

	if (needed <= capacity)
		return 0;
	while (capacity < needed)
		capacity *= 2;
	gaps = realloc(memory->gaps, capacity * sizeof(*gaps));
	if (!gaps)
		return -ENOMEM;
	memory->gaps = gaps;
	memory->capacity = capacity;
	return 0;
}

static int reserve_leaves(struct soft_memory *memory, uint64_t first, uint64_t n)
{
	for (uint64_t i = first / LEAF_PAGES; i <= (first + n - 1) / LEAF_PAGES; i++) {
		struct memory_leaf *leaf;

		if (atomic_load_explicit(&memory->leaves[i], memory_order_relaxed))
			continue;
		leaf = calloc(1, sizeof(*leaf));
		if (!leaf)
			return -ENOMEM;
		atomic_store_explicit(&memory->leaves[i], leaf, memory_order_release);
	}
	return 0;
}

/* Index of the first gap of `n` pages or more, or n_gaps. */
static size_t find_gap(const struct soft_memory *memory, uint64_t n)
{
	size_t i = 0;

	while (i < memory->n_gaps && memory->gaps[i].n < n)
		i++;
	return i;
}

static void take_from_gap(struct soft_memory *memory, size_t i, uint64_t n)
{
	struct memory_gap *gap = &memory->gaps[i];

	gap->first += n;
	gap->n -= n;
	if (gap->n > 0)
		return;
	memory->n_gaps--;
	memmove(gap, gap + 1, (memory->n_gaps - i) * sizeof(*gap));
}

static _Atomic(char *) *page_slot(struct soft_memory *memory, uint64_t page)
{
	struct memory_leaf *leaf =
		atomic_load_explicit(&memory->leaves[page / LEAF_PAGES], memory_order_acquire);

	return leaf ? &leaf->pages[page % LEAF_PAGES] : NULL;
}

int soft_memory_map(struct soft_memory *memory, void *host, size_t size_bytes, uint64_t *ret_pa)
{
	uint64_t n = size_bytes / PAGE_BYTES, first;
	size_t gap;
	int r;

	if (size_bytes == 0 || size_bytes % PAGE_BYTES != 0 || (uintptr_t)host % PAGE_BYTES != 0)
		return -EINVAL;
	gap = find_gap(memory, n);
	if (gap == memory->n_gaps)
		return -ENOSPC;
	first = memory->gaps[gap].first;
	r = reserve_leaves(memory, first, n);
	if (r == 0)
		r = reserve_gaps(memory, memory->n_ranges + 2);
	if (r < 0)
		return r;
	take_from_gap(memory, gap, n);
	memory->n_ranges++;
	for (uint64_t i = 0; i < n; i++)
		atomic_store_explicit(page_slot(memory, first + i), (char *)host + i * PAGE_BYTES,
				      memory_order_release);
	*ret_pa = SOFT_MEMORY_FIRST_PA + first * PAGE_BYTES;
	return 0;
}

/* Puts [first, first + n) back, joined with the gaps it touches. */
static void give_back(struct soft_memory *memory, uint64_t first, uint64_t n)
{
	struct memory_gap *gaps = memory->gaps;
	size_t i = 0;
	bool joins_before, joins_after;

	while (i < memory->n_gaps && gaps[i].first < first)
		i++;
	joins_before = i > 0 && gaps[i - 1].first + gaps[i - 1].n == first;
	joins_after = i < memory->n_gaps && first + n == gaps[i].first;
	if (joins_before && joins_after) {
		gaps[i - 1].n += n + gaps[i].n;
		memory->n_gaps--;
		memmove(&gaps[i], &gaps[i + 1], (memory->n_gaps - i) * sizeof(*gaps));
	} else if (joins_before) {
		gaps[i - 1].n += n;
	} else if (joins_after) {
		gaps[i].first = first;
		gaps[i].n += n;
	} else if (memory->n_gaps < memory->capacity) {
		memmove(&gaps[i + 1], &gaps[i], (memory->n_gaps - i) * sizeof(*gaps));
		gaps[i] = (struct memory_gap){first, n};
		memory->n_gaps++;
	}
}

void soft_memory_unmap(struct soft_memory *memory, uint64_t pa, size_t size_bytes)
{
	uint64_t first = (pa - SOFT_MEMORY_FIRST_PA) / PAGE_BYTES, n = size_bytes / PAGE_BYTES;

	if (pa < SOFT_MEMORY_FIRST_PA || n == 0 || n > N_PAGES || first > N_PAGES - n)
		return;
	for (uint64_t i = 0; i < n; i++) {
		_Atomic(char *) *slot = page_slot(memory, first + i);

		if (slot)
			atomic_store_explicit(slot, NULL, memory_order_release);
	}
	for (struct memory_copy *copy = memory->copies; copy; copy = copy->next)
		copy->is_unmapped |= copy->pa == pa;
	give_back(memory, first, n);
	memory->n_ranges--;
}

static void point_pages(struct soft_memory *memory, uint64_t pa, size_t size_bytes, char *to)
{
	uint64_t first = (pa - SOFT_MEMORY_FIRST_PA) / PAGE_BYTES;

	for (uint64_t i = 0; i < size_bytes / PAGE_BYTES; i++)
		atomic_store_explicit(page_slot(memory, first + i), to + i * PAGE_BYTES,
				      memory_order_release);
}

static struct memory_behind *behind_find(const struct soft_memory *memory,
					 const struct memory_behind *like)
{
	for (const struct memory_copy *copy = memory->copies; copy; copy = copy->next) {
		struct memory_behind *behind = copy->behind;

		if (like->ino != 0 && behind->dev == like->dev && behind->ino == like->ino &&
		    behind->size_bytes == like->size_bytes)
			return behind;
	}
	return NULL;
}

static struct memory_behind *behind_new(const struct memory_behind *like)
{
	struct memory_behind *behind = malloc(sizeof(*behind));

	if (!behind)
		return NULL;
	*behind = *like;
	behind->bytes = mmap(NULL, like->size_bytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (behind->bytes == MAP_FAILED) {
		free(behind);
		return NULL;
	}
	return behind;
}

static void behind_unref(struct memory_behind *behind)
{
	if (--behind->refs > 0)
		return;
	munmap(behind->bytes, behind->size_bytes);
	free(behind);
}

int soft_memory_set_cached(struct soft_memory *memory, uint64_t pa, size_t size_bytes, int fd)
{
	struct memory_behind like = {.size_bytes = size_bytes}, *behind;
	char *host = soft_memory_find(memory, pa);
	struct memory_copy *copy;
	struct stat status;

	if (!host || size_bytes == 0 || size_bytes % PAGE_BYTES != 0)
		return -EINVAL;
	if (fd >= 0 && fstat(fd, &status) == 0) {
		like.dev = status.st_dev;
		like.ino = status.st_ino;
	}
	copy = malloc(sizeof(*copy));
	behind = copy ? behind_find(memory, &like) : NULL;
	if (copy && !behind)
		behind = behind_new(&like);
	if (!behind) {
		free(copy);
		return -ENOMEM;
	}
	behind->refs++;
	*copy = (struct memory_copy){memory->copies, pa, host, behind, false};
	memory->copies = copy;
	point_pages(memory, pa, size_bytes, behind->bytes);
	return 0;
}

void soft_memory_sync(struct soft_memory *memory, uint64_t pa, size_t size_bytes, bool to_device)
{
	struct memory_copy *copy = memory->copies;
	size_t offset;

	while (copy &&
	       (copy->is_unmapped || pa < copy->pa || pa - copy->pa >= copy->behind->size_bytes))
		copy = copy->next;
	if (!copy)
		return;
	offset = (size_t)(pa - copy->pa);
	if (size_bytes > copy->behind->size_bytes - offset)
		size_bytes = copy->behind->size_bytes - offset;
	if (to_device)
		memcpy(copy->behind->bytes + offset, copy->host + offset, size_bytes);
	else
		memcpy(copy->host + offset, copy->behind->bytes + offset, size_bytes);
}

void soft_memory_reap(struct soft_memory *memory)
{
	struct memory_copy **link = &memory->copies;

	while (*link) {
		struct memory_copy *copy = *link;

		if (!copy->is_unmapped) {
			link = &copy->next;
			continue;
		}
		*link = copy->next;
		behind_unref(copy->behind);
		free(copy);
	}
}

void *soft_memory_find(struct soft_memory *memory, uint64_t pa)
{
	uint64_t page = (pa - SOFT_MEMORY_FIRST_PA) / PAGE_BYTES;
	_Atomic(char *) *slot;
	char *host;

	if (pa < SOFT_MEMORY_FIRST_PA || page >= N_PAGES)
		return NULL;
	slot = page_slot(memory, page);
	host = slot ? atomic_load_explicit(slot, memory_order_acquire) : NULL;
	return host ? host + pa % PAGE_BYTES : NULL;
}
