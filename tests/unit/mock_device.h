/* SPDX-License-Identifier: MIT */
/*
 * A device of nothing but memory: physical addresses, a walker for the hardware's page tables with
 * a TLB that forgets only what is zapped, and checks that npud keeps the order of things. Starting
 * batches is not part of it.
 */
#ifndef NPUD_TESTS_MOCK_DEVICE_H
#define NPUD_TESTS_MOCK_DEVICE_H

#include "device/device.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#define MOCK_MAX_REGIONS 2048
#define MOCK_MAX_TLB	 64
/* Uses bits 35:32 and 39:36 of a 40-bit address, and carries into them after 1 MiB. */
#define MOCK_FIRST_PA 0xa5fff00000ull

struct mock_region {
	uint64_t pa;
	size_t size_bytes;
	char *host;
};

struct mock_translation {
	uint64_t table_pa;
	uint32_t page;
	uint64_t pa;
	uint64_t leaf_pa; /* the table it was read from */
	bool is_writable;
};

struct mock_device {
	struct device device;
	struct mock_region regions[MOCK_MAX_REGIONS];
	unsigned n_regions;
	struct mock_translation tlb[MOCK_MAX_TLB];
	unsigned n_tlb;
	uint64_t next_pa;
	uint64_t table_pa; /* watched: nothing that it still leads to may be unmapped */
	unsigned n_maps, n_zaps;
	unsigned fail_map; /* the n-th memory_map from now on fails; 0: none */
};

/* Where a physical address lies in host memory; NULL if it is not mapped. */
static inline void *mock_host(const struct mock_device *mock, uint64_t pa)
{
	for (unsigned i = 0; i < mock->n_regions; i++) {
		const struct mock_region *region = mock->regions + i;

		if (pa >= region->pa && pa - region->pa < region->size_bytes)
			return region->host + (pa - region->pa);
	}
	return NULL;
}

static inline uint64_t mock_entry_pa(uint32_t entry)
{
	return (entry & 0xfffff000u) | (uint64_t)(entry >> 8 & 0xf) << 32 |
	       (uint64_t)(entry >> 4 & 0xf) << 36;
}

static inline const uint32_t *mock_table(const struct mock_device *mock, uint64_t table_pa)
{
	const uint32_t *table = mock_host(mock, table_pa);

	ck_assert_msg(table != NULL, "the walk leads to memory that isn't mapped");
	return table;
}

/* The table that holds an address's entry; 0 if there is none. */
static inline uint64_t mock_leaf_pa(const struct mock_device *mock, uint64_t table_pa,
				    uint32_t iova)
{
	uint32_t entry = mock_table(mock, table_pa)[iova >> 22];

	return entry & 1 ? mock_entry_pa(entry) : 0;
}

/* The page-table entry of an address; 0 if there is none. */
static inline uint32_t mock_walk(const struct mock_device *mock, uint64_t table_pa, uint32_t iova)
{
	uint64_t leaf_pa = mock_leaf_pa(mock, table_pa, iova);

	return leaf_pa ? mock_table(mock, leaf_pa)[iova >> 12 & 1023] : 0;
}

/* Counts pages that a directory maps to [pa, pa + size). */
static inline unsigned mock_count_pages(const struct mock_device *mock, uint64_t table_pa,
					uint64_t pa, uint64_t size_bytes)
{
	const uint32_t *directory = mock_table(mock, table_pa);
	unsigned n = 0;

	for (unsigned i = 0; i < 1024; i++) {
		const uint32_t *table;

		if (!(directory[i] & 1))
			continue;
		table = mock_table(mock, mock_entry_pa(directory[i]));
		for (unsigned j = 0; j < 1024; j++)
			n += (table[j] & 1) && mock_entry_pa(table[j]) - pa < size_bytes;
	}
	return n;
}

/* Counts tables in a directory. */
static inline unsigned mock_count_tables(const struct mock_device *mock, uint64_t table_pa)
{
	const uint32_t *directory = mock_table(mock, table_pa);
	unsigned n = 0;

	for (unsigned i = 0; i < 1024; i++)
		n += directory[i] & 1;
	return n;
}

static inline void mock_fill_tlb(struct mock_device *mock, struct mock_translation translation)
{
	ck_assert_uint_lt(mock->n_tlb, MOCK_MAX_TLB);
	mock->tlb[mock->n_tlb++] = translation;
}

/*
 * An access as the NPU would make it: host memory, or NULL for a page fault. Like hardware it
 * remembers the translation until somebody zaps it.
 */
static inline char *mock_access(struct mock_device *mock, uint64_t table_pa, uint32_t iova,
				bool is_write)
{
	struct mock_translation found = {.table_pa = table_pa, .page = iova >> 12};
	uint32_t entry = 0;

	for (unsigned i = 0; i < mock->n_tlb; i++)
		if (mock->tlb[i].table_pa == table_pa && mock->tlb[i].page == iova >> 12)
			found = mock->tlb[i];
	if (!found.pa) {
		entry = mock_walk(mock, table_pa, iova);
		if ((entry & 3) != 3) /* valid, readable */
			return NULL;
		found.pa = mock_entry_pa(entry);
		found.leaf_pa = mock_leaf_pa(mock, table_pa, iova);
		found.is_writable = entry & 4;
		mock_fill_tlb(mock, found);
	}
	if (is_write && !found.is_writable)
		return NULL;
	return mock_host(mock, found.pa + (iova & 4095));
}

static inline int mock_memory_map(struct device *device, void *host, size_t size_bytes,
				  uint64_t *ret_pa)
{
	struct mock_device *mock = (struct mock_device *)device;

	ck_assert_uint_eq((uintptr_t)host % 4096, 0);
	ck_assert_uint_eq(size_bytes % 4096, 0);
	mock->n_maps++;
	if (mock->fail_map && --mock->fail_map == 0)
		return -ENOMEM;
	ck_assert_uint_lt(mock->n_regions, MOCK_MAX_REGIONS);
	mock->regions[mock->n_regions++] = (struct mock_region){
		.pa = mock->next_pa,
		.size_bytes = size_bytes,
		.host = host,
	};
	*ret_pa = mock->next_pa;
	mock->next_pa += size_bytes;
	return 0;
}

/* Memory that goes away must be out of the watched tables and out of every TLB. */
static inline void mock_memory_unmap(struct device *device, uint64_t pa, size_t size_bytes)
{
	struct mock_device *mock = (struct mock_device *)device;
	unsigned i = 0;

	for (unsigned j = 0; j < mock->n_tlb; j++) {
		ck_assert_msg(mock->tlb[j].pa - pa >= size_bytes, "unmapped before it was zapped");
		ck_assert_msg(mock->tlb[j].leaf_pa != pa, "table unmapped before a zap");
	}
	if (mock->table_pa && mock->table_pa != pa)
		ck_assert_msg(!mock_count_pages(mock, mock->table_pa, pa, size_bytes),
			      "unmapped while in a page table");
	while (i < mock->n_regions && mock->regions[i].pa != pa)
		i++;
	ck_assert_msg(i < mock->n_regions, "unmapped what was never mapped");
	ck_assert_uint_eq(mock->regions[i].size_bytes, size_bytes);
	mock->regions[i] = mock->regions[--mock->n_regions];
	if (mock->table_pa && mock->table_pa != pa) /* the walk asserts that no table is missing */
		(void)mock_count_pages(mock, mock->table_pa, 0, 0);
}

static inline void mock_zap(struct device *device, uint64_t table_pa, uint32_t iova,
			    uint32_t size_bytes)
{
	struct mock_device *mock = (struct mock_device *)device;
	unsigned n_kept = 0;

	mock->n_zaps++;
	for (unsigned i = 0; i < mock->n_tlb; i++) {
		struct mock_translation translation = mock->tlb[i];

		if (translation.table_pa == table_pa &&
		    ((uint64_t)translation.page << 12) - iova < size_bytes) {
			ck_assert_msg(!mock_walk(mock, table_pa, translation.page << 12),
				      "zapped before the entry was cleared");
			continue;
		}
		mock->tlb[n_kept++] = translation;
	}
	mock->n_tlb = n_kept;
}

static inline void mock_device_init(struct mock_device *mock, bool has_page_tables)
{
	static const struct device_ops ops_with_tables = {
		.memory_map = mock_memory_map,
		.memory_unmap = mock_memory_unmap,
		.zap = mock_zap,
	};
	static const struct device_ops ops_without_tables = {0};

	*mock = (struct mock_device){
		.device.ops = has_page_tables ? &ops_with_tables : &ops_without_tables,
		.device.caps = {.name = "mock", .n_cores = 1, .has_page_tables = has_page_tables},
		.next_pa = MOCK_FIRST_PA,
	};
}

/* Everything has been given back. */
static inline void mock_device_deinit(struct mock_device *mock)
{
	ck_assert_uint_eq(mock->n_regions, 0);
	ck_assert_uint_eq(mock->n_tlb, 0);
}

#endif
