/* SPDX-License-Identifier: MIT */
/*
 * Register streams, mutated entry by entry, on a core of the software NPU that runs on the fuzzer's
 * own thread: thousands of tasks a second instead of hundreds. Every address leads somewhere in a
 * small memory, or with a flag to holes in it, so that streams get far. What must hold: no access
 * outside of that memory and of the core's own (the sanitizers watch), and an end.
 *
 * The first byte has flags; the rest is the stream.
 */
#include "device/regcmd.h"
#include "tests/fuzz/lone_core.h"

#undef NDEBUG
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define STREAM	     0x10000000u
#define STREAM_BYTES 0x4000u
#define DATA_BYTES   0x8000u /* repeated all over the address space */
#define N_SPACES     3u	     /* dense; with holes; read-only in parts */
#define FLAG_SPACE   0x03u
#define FLAG_TASKS   0x0cu /* number of tasks - 1 */
#define FLAG_DATA    0xf0u /* which data */
#define HOLE_PAGES   5u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct space {
	uint32_t *directory, *table;
	uint64_t directory_pa;
};

struct bench {
	uint8_t *stream, *data, *random;
	uint32_t *stream_table;
	struct space spaces[N_SPACES];
};

static struct bench bench;

/* Permissions of a page of data in a space; 0: a hole. */
static uint32_t page_bits(unsigned space, uint32_t page)
{
	uint32_t bits = MMU_ENTRY_VALID | MMU_PAGE_READABLE | MMU_PAGE_WRITABLE;

	if (space == 0 || page % HOLE_PAGES != 0)
		return bits;
	return space == 1 ? 0 : bits & ~MMU_PAGE_WRITABLE;
}

static void make_space(unsigned index, uint64_t data_pa, uint64_t stream_table_pa)
{
	struct space *space = &bench.spaces[index];
	uint64_t table_pa;

	space->directory = lone_core_new_pages(MMU_PAGE_BYTES, &space->directory_pa);
	space->table = lone_core_new_pages(MMU_PAGE_BYTES, &table_pa);
	for (uint32_t i = 0; i < MMU_TABLE_ENTRIES; i++) {
		uint64_t pa = data_pa + i * MMU_PAGE_BYTES % DATA_BYTES;
		uint32_t bits = page_bits(index, i);

		space->table[i] = bits ? mmu_entry_encode(pa) | bits : 0;
		space->directory[i] = mmu_entry_encode(table_pa) | MMU_ENTRY_VALID;
	}
	space->directory[STREAM >> 22] = mmu_entry_encode(stream_table_pa) | MMU_ENTRY_VALID;
}

static void make_memory(void)
{
	uint64_t stream_pa, stream_table_pa, data_pa;
	uint32_t state = 1;

	bench.stream = lone_core_new_pages(STREAM_BYTES, &stream_pa);
	bench.stream_table = lone_core_new_pages(MMU_PAGE_BYTES, &stream_table_pa);
	for (uint32_t i = 0; i < STREAM_BYTES / MMU_PAGE_BYTES; i++)
		bench.stream_table[i] = mmu_entry_encode(stream_pa + i * MMU_PAGE_BYTES) |
					MMU_ENTRY_VALID | MMU_PAGE_READABLE;
	bench.data = lone_core_new_pages(DATA_BYTES, &data_pa);
	bench.random = malloc(DATA_BYTES + FLAG_DATA);
	assert(bench.random);
	for (size_t i = 0; i < DATA_BYTES + FLAG_DATA; i++) {
		state = state * 1664525u + 1013904223u;
		bench.random[i] = (uint8_t)(state >> 24);
	}
	for (unsigned i = 0; i < N_SPACES; i++)
		make_space(i, data_pa, stream_table_pa);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lone_start start = {.iova = STREAM, .n_entries = (size - 1) / REGCMD_ENTRY_BYTES};

	if (size < 1 + REGCMD_ENTRY_BYTES || size > 1 + STREAM_BYTES)
		return -1;
	if (lone_core_is_new())
		make_memory();
	start.n_tasks = field_get(FLAG_TASKS, data[0]) + 1;
	start.directory_pa = bench.spaces[field_get(FLAG_SPACE, data[0]) % N_SPACES].directory_pa;
	memset(bench.stream, 0, STREAM_BYTES);
	lone_core_take_stream(bench.stream, data + 1, size - 1);
	memcpy(bench.data, bench.random + (data[0] & FLAG_DATA), DATA_BYTES);
	lone_core_run(&start);
	lone_core_reset();
	return 0;
}
