/* SPDX-License-Identifier: MIT */
/*
 * The directory and its tables are pages that the device walks; beside them stands a sorted array
 * with npud's own view of the tables: where they are, and how many pages each one maps.
 *
 * A table gets its directory entry after its first page entries and loses it after its last, so a
 * walk at any moment finds either a valid translation or a fault.
 */
#include "iommu/rk_pagetable.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_SHIFT  12u
#define PAGE_BYTES  (1u << PAGE_SHIFT)
#define N_ENTRIES   1024u
#define TABLE_SHIFT 22u
#define SPACE_BYTES (1ull << 32)
#define PA_LIMIT    (1ull << 40)

/*
 * Entry bits, hardware reference 3.6. READABLE and WRITABLE are mainline's names for them; the
 * vendor's driver has them the other way round.
 */
#define ENTRY_VALID    (1u << 0)
#define ENTRY_READABLE (1u << 1)
#define ENTRY_WRITABLE (1u << 2)

struct leaf {
	uint32_t *entries;
	uint64_t pa;
	uint16_t index;	   /* in the directory */
	uint16_t n_mapped; /* valid entries; the leaf is in the directory while there are any */
};

struct rk_pagetable {
	struct device *device; /* borrowed */
	uint32_t *directory;
	uint64_t directory_pa;
	struct leaf *leaves; /* sorted by index */
	uint32_t n_leaves, capacity;
	uint32_t n_emptied; /* by unmap, until reaped */
};

/* The part of a range that lies in one leaf. */
struct span {
	uint32_t index, first, n;
};

static struct span span_at(uint64_t address, uint64_t end)
{
	uint32_t first = address >> PAGE_SHIFT & (N_ENTRIES - 1);
	uint64_t n_left = (end - address) >> PAGE_SHIFT;

	return (struct span){
		.index = (uint32_t)(address >> TABLE_SHIFT),
		.first = first,
		.n = n_left < N_ENTRIES - first ? (uint32_t)n_left : N_ENTRIES - first,
	};
}

/* 40 bits of address in a 32-bit entry: PA 31:12 in place, 35:32 in bits 11:8, 39:36 in 7:4. */
static uint32_t entry_address(uint64_t pa)
{
	assert(pa < PA_LIMIT && pa % PAGE_BYTES == 0);
	return (uint32_t)pa | (uint32_t)(pa >> 32 & 0xf) << 8 | (uint32_t)(pa >> 36 & 0xf) << 4;
}

/* Release: whoever sees the entry also sees what it leads to. */
static void entry_store(uint32_t *entry, uint32_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* A zeroed page that the device reaches at *ret_pa. */
static int page_new(struct device *device, uint32_t **ret_page, uint64_t *ret_pa)
{
	void *page;
	int r;

	page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	r = device_memory_map(device, page, PAGE_BYTES, ret_pa);
	if (r < 0) {
		munmap(page, PAGE_BYTES);
		return r;
	}
	*ret_page = page;
	return 0;
}

static void page_free(struct device *device, uint32_t *page, uint64_t pa)
{
	device_memory_unmap(device, pa, PAGE_BYTES);
	munmap(page, PAGE_BYTES);
}

int rk_pagetable_new(struct device *device, struct rk_pagetable **ret_table)
{
	struct rk_pagetable *table = calloc(1, sizeof(*table));
	int r;

	if (!table)
		return -ENOMEM;
	table->device = device;
	r = page_new(device, &table->directory, &table->directory_pa);
	if (r < 0) {
		free(table);
		return r;
	}
	*ret_table = table;
	return 0;
}

struct rk_pagetable *rk_pagetable_free(struct rk_pagetable *table)
{
	if (!table)
		return NULL;
	assert(!table->n_leaves);
	page_free(table->device, table->directory, table->directory_pa);
	free(table->leaves);
	free(table);
	return NULL;
}

/* Position of the first leaf with this directory index or a higher one. */
static uint32_t leaf_position(const struct rk_pagetable *table, uint32_t index)
{
	uint32_t low = 0, high = table->n_leaves;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (table->leaves[middle].index >= index)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static struct leaf *leaf_find(struct rk_pagetable *table, uint32_t index)
{
	uint32_t i = leaf_position(table, index);

	if (i == table->n_leaves || table->leaves[i].index != index)
		return NULL;
	return table->leaves + i;
}

static int leaf_add(struct rk_pagetable *table, uint32_t index)
{
	uint32_t i = leaf_position(table, index);
	struct leaf leaf = {.index = (uint16_t)index};
	int r;

	if (table->n_leaves == table->capacity) {
		uint32_t capacity = table->capacity ? 2 * table->capacity : 4;
		struct leaf *leaves = realloc(table->leaves, capacity * sizeof(*leaves));

		if (!leaves)
			return -ENOMEM;
		table->leaves = leaves;
		table->capacity = capacity;
	}
	r = page_new(table->device, &leaf.entries, &leaf.pa);
	if (r < 0)
		return r;
	memmove(table->leaves + i + 1, table->leaves + i, (table->n_leaves - i) * sizeof(leaf));
	table->leaves[i] = leaf;
	table->n_leaves++;
	return 0;
}

static void leaves_free_empty(struct rk_pagetable *table)
{
	uint32_t n_kept = 0;

	for (uint32_t i = 0; i < table->n_leaves; i++) {
		struct leaf *leaf = table->leaves + i;

		if (leaf->n_mapped)
			table->leaves[n_kept++] = *leaf;
		else
			page_free(table->device, leaf->entries, leaf->pa);
	}
	table->n_leaves = n_kept;
	if (!n_kept) {
		free(table->leaves);
		table->leaves = NULL;
		table->capacity = 0;
	}
}

static bool leaf_has_any(const struct leaf *leaf, const struct span *span)
{
	for (uint32_t i = 0; i < span->n; i++)
		if (leaf->entries[span->first + i])
			return true;
	return false;
}

/* Everything that can fail: the range is free, and its leaves exist. */
static int table_prepare(struct rk_pagetable *table, uint64_t start, uint64_t end)
{
	struct span span;

	for (uint64_t address = start; address < end; address += (uint64_t)span.n * PAGE_BYTES) {
		const struct leaf *leaf;
		int r = 0;

		span = span_at(address, end);
		leaf = leaf_find(table, span.index);
		if (!leaf)
			r = leaf_add(table, span.index);
		else if (leaf_has_any(leaf, &span))
			r = -EEXIST;
		if (r < 0)
			return r;
	}
	return 0;
}

static void table_fill(struct rk_pagetable *table, const struct span *span, uint64_t pa,
		       uint32_t flags)
{
	struct leaf *leaf = leaf_find(table, span->index);

	for (uint32_t i = 0; i < span->n; i++)
		entry_store(leaf->entries + span->first + i,
			    entry_address(pa + (uint64_t)i * PAGE_BYTES) | flags);
	if (!leaf->n_mapped)
		entry_store(table->directory + span->index, entry_address(leaf->pa) | ENTRY_VALID);
	leaf->n_mapped = (uint16_t)(leaf->n_mapped + span->n);
}

int rk_pagetable_map(struct rk_pagetable *table, uint32_t iova, uint64_t pa, uint64_t size_bytes,
		     bool is_writable)
{
	uint32_t flags = ENTRY_VALID | ENTRY_READABLE | (is_writable ? ENTRY_WRITABLE : 0);
	uint64_t end = iova + size_bytes;
	struct span span;
	int r;

	assert((iova | size_bytes) % PAGE_BYTES == 0 && size_bytes <= SPACE_BYTES - iova);
	assert(!table->n_emptied);
	r = table_prepare(table, iova, end);
	if (r < 0) {
		leaves_free_empty(table); /* the device has never seen those */
		return r;
	}
	for (uint64_t address = iova; address < end; address += (uint64_t)span.n * PAGE_BYTES) {
		span = span_at(address, end);
		table_fill(table, &span, pa + (address - iova), flags);
	}
	return 0;
}

static void table_clear(struct rk_pagetable *table, const struct span *span)
{
	struct leaf *leaf = leaf_find(table, span->index);

	assert(leaf && leaf->n_mapped >= span->n);
	for (uint32_t i = 0; i < span->n; i++) {
		assert(leaf->entries[span->first + i]);
		entry_store(leaf->entries + span->first + i, 0);
	}
	leaf->n_mapped = (uint16_t)(leaf->n_mapped - span->n);
	if (!leaf->n_mapped) {
		entry_store(table->directory + span->index, 0);
		table->n_emptied++;
	}
}

void rk_pagetable_unmap(struct rk_pagetable *table, uint32_t iova, uint64_t size_bytes)
{
	uint64_t end = iova + size_bytes;
	struct span span;

	assert((iova | size_bytes) % PAGE_BYTES == 0 && size_bytes <= SPACE_BYTES - iova);
	for (uint64_t address = iova; address < end; address += (uint64_t)span.n * PAGE_BYTES) {
		span = span_at(address, end);
		table_clear(table, &span);
	}
}

void rk_pagetable_reap(struct rk_pagetable *table)
{
	if (!table->n_emptied)
		return;
	leaves_free_empty(table);
	table->n_emptied = 0;
}

uint64_t rk_pagetable_pa(const struct rk_pagetable *table)
{
	return table->directory_pa;
}

uint64_t rk_pagetable_bytes(const struct rk_pagetable *table)
{
	return (1ull + table->n_leaves) * PAGE_BYTES;
}
