/* SPDX-License-Identifier: MIT */
/*
 * Register streams before the checker, and those that pass on a core that has exactly the memory
 * which the checker was told of. What must hold whatever the bytes: nothing that passes faults.
 *
 * The first byte says how many tasks share the rest; registers keep their values between them.
 */
#include "device/regcmd.h"
#include "device/stream_check.h"
#include "tests/fuzz/lone_core.h"

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM	     0x10000000u
#define STREAM_BYTES 0x4000u
#define BUFFER_BYTES 0x10000u
#define N_BUFFERS    3u /* only the last may be written */
#define TASKS_MAX    4u
#define READABLE     (MMU_ENTRY_VALID | MMU_PAGE_READABLE)

static const uint32_t buffers[N_BUFFERS] = {0x20000000, 0x30000000, 0x40000000};

struct task {
	uint64_t
		*entries; /* of exactly that size, so that the sanitizers see what is read behind */
	size_t n;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *stream;
static uint32_t *directory;
static uint64_t directory_pa;

static void *map(uint32_t iova, size_t size_bytes, uint32_t bits)
{
	uint64_t pages_pa, table_pa;
	void *pages = lone_core_new_pages(size_bytes, &pages_pa);
	uint32_t *table = lone_core_new_pages(MMU_PAGE_BYTES, &table_pa);

	for (uint32_t i = 0; i < size_bytes / MMU_PAGE_BYTES; i++)
		table[i] = mmu_entry_encode(pages_pa + i * MMU_PAGE_BYTES) | bits;
	directory[iova >> 22] = mmu_entry_encode(table_pa) | MMU_ENTRY_VALID;
	return pages;
}

static void make_memory(void)
{
	directory = lone_core_new_pages(MMU_PAGE_BYTES, &directory_pa);
	stream = map(STREAM, STREAM_BYTES, READABLE);
	for (unsigned i = 0; i < N_BUFFERS; i++)
		map(buffers[i], BUFFER_BYTES,
		    READABLE | (i == N_BUFFERS - 1 ? MMU_PAGE_WRITABLE : 0));
}

static bool allows(void *context, uint32_t iova, uint64_t size_bytes, bool is_write)
{
	(void)context;
	for (unsigned i = is_write ? N_BUFFERS - 1 : 0; i < N_BUFFERS; i++)
		if (iova >= buffers[i] && size_bytes <= BUFFER_BYTES &&
		    iova - buffers[i] <= BUFFER_BYTES - size_bytes)
			return true;
	return false;
}

static bool all_pass(const struct task *tasks, unsigned n)
{
	static struct stream_check check;
	char text[STREAM_CHECK_TEXT_BYTES] = "";
	struct stream_next next;

	stream_check_init(&check, (struct stream_reach){allows, NULL});
	for (unsigned i = 0; i < n; i++) {
		stream_check_start(&check);
		if (stream_check_task(&check, tasks[i].entries, tasks[i].n, &next, text) == 0)
			continue;
		assert(text[0] != '\0');
		return false;
	}
	return true;
}

static void run(const struct task *task)
{
	const struct lone_start start = {directory_pa, STREAM, task->n, 1};
	uint32_t iova;

	memset(stream, 0, STREAM_BYTES);
	memcpy(stream, task->entries, task->n * REGCMD_ENTRY_BYTES);
	lone_core_run(&start);
	if (!lone_core_has_faulted(&iova))
		return;
	fprintf(stderr, "passed, and reached for 0x%x\n", iova);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct task tasks[TASKS_MAX];
	unsigned n_tasks;
	size_t n_entries;

	if (size < 1 + REGCMD_ENTRY_BYTES || size > 1 + STREAM_BYTES)
		return -1;
	if (lone_core_is_new())
		make_memory();
	n_tasks = data[0] % TASKS_MAX + 1;
	n_entries = (size - 1) / REGCMD_ENTRY_BYTES / n_tasks;
	if (n_entries == 0)
		return -1;
	for (unsigned i = 0; i < n_tasks; i++) {
		size_t bytes = n_entries * REGCMD_ENTRY_BYTES;

		tasks[i] = (struct task){malloc(bytes), n_entries};
		assert(tasks[i].entries);
		lone_core_take_stream(tasks[i].entries, data + 1 + i * bytes, bytes);
	}
	if (all_pass(tasks, n_tasks))
		for (unsigned i = 0; i < n_tasks; i++)
			run(&tasks[i]);
	lone_core_reset();
	for (unsigned i = 0; i < n_tasks; i++)
		free(tasks[i].entries);
	return 0;
}
