/* SPDX-License-Identifier: MIT */
/*
 * Register streams, mutated entry by entry, on a core of the software NPU that runs on the fuzzer's
 * own thread: thousands of tasks a second instead of hundreds. Every address leads somewhere in a
 * small memory, or with a flag to holes in it, so that streams get far. What must hold: no access
 * outside of that memory and of the core's own (the sanitizers watch), and an end.
 *
 * The first byte has flags; the rest is the stream.
 */
#include "device/soft/npu_core.h"

#include "device/regcmd.h"
#include "device/soft/pc.h"

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#define STREAM	     0x10000000u
#define STREAM_BYTES 0x4000u
#define DATA_BYTES   0x8000u /* repeated all over the address space */
#define N_SPACES     3u	     /* dense; with holes; read-only in parts */
#define FLAG_SPACE   0x03u
#define FLAG_TASKS   0x0cu /* number of tasks - 1 */
#define FLAG_DATA    0xf0u /* which data */
#define HOLE_PAGES   5u
#define BUDGET_NS    500000 /* then the core is reset, as by a watchdog */
#define MAX_CHANGES  4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
/* Of libFuzzer; not there when a corpus is replayed. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

struct space {
	uint32_t *directory, *table;
	uint64_t directory_pa;
};

struct bench {
	struct soft_shared shared;
	struct soft_core core;
	timer_t timer;
	uint8_t *stream, *data, *random;
	uint32_t *stream_table;
	struct space spaces[N_SPACES];
};

static struct bench bench;

/* The watchdog: as a reset would, it only asks. */
static void abort_core(int signal)
{
	(void)signal;
	atomic_store(&bench.core.abort, true);
}

static void *new_pages(size_t size_bytes, uint64_t *ret_pa)
{
	void *pages = aligned_alloc(MMU_PAGE_BYTES, size_bytes);

	assert(pages);
	memset(pages, 0, size_bytes);
	assert(soft_memory_map(bench.shared.memory, pages, size_bytes, ret_pa) == 0);
	return pages;
}

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

	space->directory = new_pages(MMU_PAGE_BYTES, &space->directory_pa);
	space->table = new_pages(MMU_PAGE_BYTES, &table_pa);
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

	assert(soft_memory_new(&bench.shared.memory) == 0);
	bench.stream = new_pages(STREAM_BYTES, &stream_pa);
	bench.stream_table = new_pages(MMU_PAGE_BYTES, &stream_table_pa);
	for (uint32_t i = 0; i < STREAM_BYTES / MMU_PAGE_BYTES; i++)
		bench.stream_table[i] = mmu_entry_encode(stream_pa + i * MMU_PAGE_BYTES) |
					MMU_ENTRY_VALID | MMU_PAGE_READABLE;
	bench.data = new_pages(DATA_BYTES, &data_pa);
	bench.random = malloc(DATA_BYTES + FLAG_DATA);
	assert(bench.random);
	for (size_t i = 0; i < DATA_BYTES + FLAG_DATA; i++) {
		state = state * 1664525u + 1013904223u;
		bench.random[i] = (uint8_t)(state >> 24);
	}
	for (unsigned i = 0; i < N_SPACES; i++)
		make_space(i, data_pa, stream_table_pa);
}

static void make_bench(void)
{
	const struct sigaction action = {.sa_handler = abort_core, .sa_flags = SA_RESTART};
	/* SIGALRM is the fuzzer's. */
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGVTALRM};

	bench.shared.options = soft_options_default();
	bench.shared.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert(bench.shared.event_fd >= 0);
	assert(soft_rendezvous_init(&bench.shared.rendezvous) == 0);
	make_memory();
	assert(soft_core_init(&bench.core, &bench.shared, 1) == 0);
	soft_core_set_power(&bench.core, true);
	assert(sigaction(SIGVTALRM, &action, NULL) == 0);
	assert(timer_create(CLOCK_MONOTONIC, &event, &bench.timer) == 0);
}

static void set_budget(long ns)
{
	const struct itimerspec budget = {.it_value.tv_nsec = ns};

	assert(timer_settime(bench.timer, 0, &budget, NULL) == 0);
}

/* As the driver starts a core, but for the operation enable, which is soft_pc_run() here. */
static void run(const struct space *space, size_t n_entries, uint32_t n_tasks)
{
	struct soft_core *core = &bench.core;

	soft_core_write32(core, REG_MMU_BANK_1 + MMU_DTE_ADDR,
			  mmu_entry_encode(space->directory_pa));
	soft_core_write32(core, REG_MMU_BANK_1 + MMU_COMMAND, MMU_ENABLE_PAGING);
	soft_core_write32(core, REG_PC_BASE_ADDRESS, STREAM);
	soft_core_write32(core, REG_PC_REGISTER_AMOUNTS, regcmd_amount((uint32_t)n_entries));
	soft_core_write32(core, REG_PC_TASK_CON, field_put(PC_TASK_NUMBER, n_tasks));
	set_budget(BUDGET_NS);
	soft_pc_run(core);
	set_budget(0);
	soft_core_set_reset(core, true);
	soft_core_set_reset(core, false);
}

/* Nobody else would come to a rendezvous: no stream is to wait for one. */
static void take_stream(const uint8_t *data, size_t size)
{
	memset(bench.stream, 0, STREAM_BYTES);
	memcpy(bench.stream, data, size);
	for (size_t at = 0; at + REGCMD_ENTRY_BYTES <= size; at += REGCMD_ENTRY_BYTES) {
		uint64_t entry;

		memcpy(&entry, bench.stream + at, sizeof(entry));
		if ((entry & 0xffff) == REG_PC_REGISTER_AMOUNTS)
			entry &= ~((uint64_t)PC_COWORK_CORES << 16);
		memcpy(bench.stream + at, &entry, sizeof(entry));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t n_tasks;

	if (size < 1 + REGCMD_ENTRY_BYTES || size > 1 + STREAM_BYTES)
		return -1;
	if (!bench.core.is_powered)
		make_bench();
	n_tasks = field_get(FLAG_TASKS, data[0]) + 1;
	take_stream(data + 1, size - 1);
	memcpy(bench.data, bench.random + (data[0] & FLAG_DATA), DATA_BYTES);
	run(&bench.spaces[field_get(FLAG_SPACE, data[0]) % N_SPACES],
	    (size - 1) / REGCMD_ENTRY_BYTES, n_tasks);
	return 0;
}

/* Bits 16 to 47 of an entry are what it writes. */
static uint64_t mutate_entry(uint64_t entry, unsigned seed)
{
	const unsigned bit = seed >> 8 & 31;
	const uint64_t field = 0x1full << (16 + bit);

	switch (seed >> 16 & 7) {
	case 0:
	case 1:
		return entry ^ 1ull << (16 + bit);
	case 2:
		return entry + (1ull << (16 + bit));
	case 3:
		return entry - (1ull << (16 + bit));
	case 4:
		return (entry & ~field) | ((uint64_t)(seed >> 20) << (16 + bit) & field);
	case 5:
		return entry & ~(0xffffffffull << 16);
	case 6:
		return entry | 0xffull << (16 + bit % 25);
	default:
		/* Another register of the same block. */
		return (entry & ~0x1fcull) | (seed >> 20 << 2 & 0x1fc);
	}
}

/* One entry becomes another; every fourth time whatever libFuzzer thinks of. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t n_entries = size > 0 ? (size - 1) / REGCMD_ENTRY_BYTES : 0;
	uint64_t entry;
	uint8_t *at;

	if (n_entries == 0 || seed % 4 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	for (unsigned i = 0; i < 1 + seed % MAX_CHANGES; i++) {
		seed = seed * 1664525u + 1013904223u;
		at = data + 1 + (seed >> 4) % n_entries * REGCMD_ENTRY_BYTES;
		memcpy(&entry, at, sizeof(entry));
		entry = mutate_entry(entry, seed * 2654435761u);
		memcpy(at, &entry, sizeof(entry));
	}
	return size;
}
