/* SPDX-License-Identifier: MIT */
/*
 * The physical address space, and an MMU bank over tables in it: walk, permissions, faults, zap.
 */
#include "device/regs_rk3588.h"
#include "device/soft/mmu.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
#define IOVA 0x12345000u

struct bench {
	struct soft_memory *memory;
	struct soft_mmu mmu;
	atomic_bool abort;
	unsigned n_raised;
	char *pages; /* directory, table, then data */
	uint64_t pa;
};

static void count_raise(void *context)
{
	unsigned *n = context;

	++*n;
}

static uint32_t *bench_entry(struct bench *bench, unsigned page, uint32_t index)
{
	return (uint32_t *)(bench->pages + page * PAGE) + index;
}

static void bench_init(struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	ck_assert_int_eq(soft_memory_new(&bench->memory), 0);
	bench->pages = aligned_alloc(PAGE, 4 * PAGE);
	ck_assert_ptr_nonnull(bench->pages);
	memset(bench->pages, 0, 4 * PAGE);
	ck_assert_int_eq(soft_memory_map(bench->memory, bench->pages, 4 * PAGE, &bench->pa), 0);
	ck_assert_int_eq(soft_mmu_init(&bench->mmu, bench->memory, &bench->abort), 0);
	soft_mmu_set_listener(&bench->mmu, count_raise, &bench->n_raised);
	*bench_entry(bench, 0, IOVA >> 22) = mmu_entry_encode(bench->pa + PAGE) | MMU_ENTRY_VALID;
	*bench_entry(bench, 1, IOVA >> 12 & 0x3ff) = mmu_entry_encode(bench->pa + 2 * PAGE) |
						     MMU_ENTRY_VALID | MMU_PAGE_READABLE |
						     MMU_PAGE_WRITABLE;
	soft_mmu_write32(&bench->mmu, MMU_DTE_ADDR, mmu_entry_encode(bench->pa));
	soft_mmu_write32(&bench->mmu, MMU_INT_MASK, MMU_INT_PAGE_FAULT | MMU_INT_BUS_ERROR);
	soft_mmu_write32(&bench->mmu, MMU_COMMAND, MMU_ENABLE_PAGING);
}

static void bench_deinit(struct bench *bench)
{
	soft_mmu_deinit(&bench->mmu);
	soft_memory_free(bench->memory);
	free(bench->pages);
}

START_TEST(test_addresses)
{
	struct soft_memory *memory;
	char *host = aligned_alloc(PAGE, 8 * PAGE);
	uint64_t a, b, c, d;

	ck_assert_int_eq(soft_memory_new(&memory), 0);
	ck_assert_int_eq(soft_memory_map(memory, host, 2 * PAGE, &a), 0);
	ck_assert_int_eq(soft_memory_map(memory, host + 2 * PAGE, PAGE, &b), 0);
	ck_assert_int_eq(soft_memory_map(memory, host + 3 * PAGE, 2 * PAGE, &c), 0);
	ck_assert_uint_gt(a >> 32 & 0xf, 0);
	ck_assert_uint_gt(a >> 36, 0);
	ck_assert_ptr_eq(soft_memory_find(memory, a + PAGE + 5), host + PAGE + 5);
	soft_memory_unmap(memory, a, 2 * PAGE);
	ck_assert_ptr_null(soft_memory_find(memory, a));
	soft_memory_unmap(memory, b, PAGE);
	/* The two holes have become one, and are used again. */
	ck_assert_int_eq(soft_memory_map(memory, host, 3 * PAGE, &d), 0);
	ck_assert_uint_eq(d, a);
	soft_memory_unmap(memory, c, 2 * PAGE);
	ck_assert_ptr_eq(soft_memory_find(memory, d), host);
	ck_assert_ptr_null(soft_memory_find(memory, 0));
	ck_assert_ptr_null(soft_memory_find(memory, UINT64_MAX));
	ck_assert_ptr_null(soft_memory_find(memory, SOFT_MEMORY_FIRST_PA + SOFT_MEMORY_BYTES));
	soft_memory_free(memory);
	free(host);
}
END_TEST

START_TEST(test_map_refusals)
{
	struct soft_memory *memory;
	char *host = aligned_alloc(PAGE, PAGE);
	uint64_t pa = 1;

	ck_assert_int_eq(soft_memory_new(&memory), 0);
	ck_assert_int_eq(soft_memory_map(memory, host, 0, &pa), -EINVAL);
	ck_assert_int_eq(soft_memory_map(memory, host, PAGE + 1, &pa), -EINVAL);
	ck_assert_int_eq(soft_memory_map(memory, host + 1, PAGE, &pa), -EINVAL);
	ck_assert_int_eq(soft_memory_map(memory, host, SOFT_MEMORY_BYTES + PAGE, &pa), -ENOSPC);
	ck_assert_uint_eq(pa, 1);
	soft_memory_unmap(memory, 0, PAGE);
	soft_memory_unmap(memory, SOFT_MEMORY_FIRST_PA, UINT64_MAX & ~0xfffull);
	soft_memory_free(memory);
	free(host);
}
END_TEST

/* Random mapping and unmapping against a plain model: no two ranges overlap, none gets lost. */
START_TEST(test_churn)
{
	enum { N = 64 };
	struct soft_memory *memory;
	char *host = aligned_alloc(PAGE, 16 * PAGE);
	struct {
		uint64_t pa;
		size_t pages;
	} ranges[N] = {0};
	uint32_t random = 1;

	ck_assert_int_eq(soft_memory_new(&memory), 0);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned i = (random = random * 1664525 + 1013904223) >> 8 & (N - 1);

		if (ranges[i].pages) {
			ck_assert_ptr_eq(soft_memory_find(memory, ranges[i].pa), host);
			soft_memory_unmap(memory, ranges[i].pa, ranges[i].pages * PAGE);
			ranges[i].pages = 0;
			continue;
		}
		ranges[i].pages = 1 + (random >> 20) % 16;
		ck_assert_int_eq(
			soft_memory_map(memory, host, ranges[i].pages * PAGE, &ranges[i].pa), 0);
		for (unsigned j = 0; j < N; j++)
			ck_assert(j == i || !ranges[j].pages ||
				  ranges[j].pa >= ranges[i].pa + ranges[i].pages * PAGE ||
				  ranges[i].pa >= ranges[j].pa + ranges[j].pages * PAGE);
	}
	for (unsigned i = 0; i < N; i++)
		soft_memory_unmap(memory, ranges[i].pa, ranges[i].pages * PAGE);
	ck_assert_int_eq(soft_memory_map(memory, host, 16 * PAGE, &ranges[0].pa), 0);
	ck_assert_uint_eq(ranges[0].pa, SOFT_MEMORY_FIRST_PA);
	soft_memory_free(memory);
	free(host);
}
END_TEST

START_TEST(test_access)
{
	struct bench bench;
	char word[8] = "";

	bench_init(&bench);
	ck_assert_int_eq(soft_mmu_write(&bench.mmu, IOVA + 100, "npu core", 8), 0);
	ck_assert_mem_eq(bench.pages + 2 * PAGE + 100, "npu core", 8);
	ck_assert_int_eq(soft_mmu_read(&bench.mmu, IOVA + 104, word, 4), 0);
	ck_assert_mem_eq(word, "core", 4);
	ck_assert_uint_eq(bench.n_raised, 0);
	bench_deinit(&bench);
}
END_TEST

/* An access that runs past its page needs the next page's own translation. */
START_TEST(test_page_crossing)
{
	struct bench bench;
	char bytes[32];

	bench_init(&bench);
	memset(bytes, 7, sizeof(bytes));
	ck_assert_int_eq(soft_mmu_write(&bench.mmu, IOVA + PAGE - 16, bytes, 32), -EFAULT);
	ck_assert_uint_eq(soft_mmu_read32(&bench.mmu, MMU_PAGE_FAULT_ADDR), IOVA + PAGE);
	ck_assert_int_eq(bench.pages[3 * PAGE - 1], 7);
	ck_assert_int_eq(bench.pages[3 * PAGE], 0);
	/* Neighbours in IOVA, in the other order in memory. */
	*bench_entry(&bench, 1, (IOVA + PAGE) >> 12 & 0x3ff) =
		mmu_entry_encode(bench.pa + 3 * PAGE) | 7;
	soft_mmu_write32(&bench.mmu, MMU_COMMAND, MMU_PAGE_FAULT_DONE);
	ck_assert_int_eq(soft_mmu_write(&bench.mmu, IOVA + PAGE - 16, bytes, 32), 0);
	ck_assert_int_eq(bench.pages[3 * PAGE + 15], 7);
	ck_assert_int_eq(bench.pages[3 * PAGE + 16], 0);
	bench_deinit(&bench);
}
END_TEST

static const struct {
	const char *what;
	bool change_directory;
	uint32_t entry; /* what stands in the tables; address bits of the data page are added */
	bool keep_address;
	bool is_write;
	uint32_t cause; /* 0: no fault */
} faults[] = {
	{"directory entry not valid", true, 0, true, false, MMU_INT_PAGE_FAULT},
	{"page table where there is no memory", true, 0xfffffff1, false, false, MMU_INT_BUS_ERROR},
	{"page not valid", false, 6, true, true, MMU_INT_PAGE_FAULT},
	{"write to a readable page", false, 3, true, true, MMU_INT_PAGE_FAULT},
	{"read from a readable page", false, 3, true, false, 0},
	{"read from a writable page", false, 5, true, false, MMU_INT_PAGE_FAULT},
	{"write to a writable page", false, 5, true, true, 0},
};

START_TEST(test_faults)
{
	struct bench bench;
	uint64_t pa;
	uint32_t status;
	char byte = 0;
	int r;

	bench_init(&bench);
	pa = bench.pa + (faults[_i].change_directory ? 1 : 2) * PAGE;
	*(faults[_i].change_directory ? bench_entry(&bench, 0, IOVA >> 22)
				      : bench_entry(&bench, 1, IOVA >> 12 & 0x3ff)) =
		faults[_i].entry | (faults[_i].keep_address ? mmu_entry_encode(pa) : 0);
	r = faults[_i].is_write ? soft_mmu_write(&bench.mmu, IOVA + 77, &byte, 1)
				: soft_mmu_read(&bench.mmu, IOVA + 77, &byte, 1);
	status = soft_mmu_read32(&bench.mmu, MMU_STATUS);
	ck_assert_msg(r == (faults[_i].cause ? -EFAULT : 0), "%s: %d", faults[_i].what, r);
	ck_assert_uint_eq(soft_mmu_read32(&bench.mmu, MMU_INT_STATUS), faults[_i].cause);
	ck_assert_uint_eq(bench.n_raised, faults[_i].cause ? 1 : 0);
	ck_assert_int_eq(!!(status & MMU_FAULT_ACTIVE), faults[_i].cause != 0);
	if (faults[_i].cause) {
		ck_assert_uint_eq(soft_mmu_read32(&bench.mmu, MMU_PAGE_FAULT_ADDR), IOVA + 77);
		ck_assert_int_eq(!!(status & MMU_FAULT_IS_WRITE), faults[_i].is_write);
	}
	bench_deinit(&bench);
}
END_TEST

/* A changed table is not seen before the zap, and is after it, be it of the line or of all. */
START_TEST(test_zap)
{
	struct bench bench;
	char byte;

	bench_init(&bench);
	bench.pages[2 * PAGE] = 'a';
	bench.pages[3 * PAGE] = 'b';
	ck_assert_int_eq(soft_mmu_read(&bench.mmu, IOVA, &byte, 1), 0);
	*bench_entry(&bench, 1, IOVA >> 12 & 0x3ff) = mmu_entry_encode(bench.pa + 3 * PAGE) | 7;
	ck_assert_int_eq(soft_mmu_read(&bench.mmu, IOVA, &byte, 1), 0);
	ck_assert_int_eq(byte, 'a');
	soft_mmu_write32(&bench.mmu, MMU_ZAP_ONE_LINE, IOVA + PAGE);
	ck_assert_int_eq(soft_mmu_read(&bench.mmu, IOVA, &byte, 1), 0);
	ck_assert_int_eq(byte, 'a');
	if (_i == 0)
		soft_mmu_write32(&bench.mmu, MMU_ZAP_ONE_LINE, IOVA);
	else
		soft_mmu_write32(&bench.mmu, MMU_COMMAND, MMU_ZAP_CACHE);
	ck_assert_int_eq(soft_mmu_read(&bench.mmu, IOVA, &byte, 1), 0);
	ck_assert_int_eq(byte, 'b');
	bench_deinit(&bench);
}
END_TEST

/* Not even a stale translation reaches memory that is no longer mapped. */
START_TEST(test_unmapped_memory)
{
	struct bench bench;
	char byte;

	bench_init(&bench);
	ck_assert_int_eq(soft_mmu_read(&bench.mmu, IOVA, &byte, 1), 0);
	soft_memory_unmap(bench.memory, bench.pa, 4 * PAGE);
	ck_assert_int_eq(soft_mmu_read(&bench.mmu, IOVA, &byte, 1), -EFAULT);
	bench_deinit(&bench);
}
END_TEST

START_TEST(test_without_paging)
{
	struct bench bench;
	char byte;

	bench_init(&bench);
	soft_mmu_write32(&bench.mmu, MMU_COMMAND, MMU_DISABLE_PAGING);
	ck_assert_int_eq(soft_mmu_read(&bench.mmu, IOVA, &byte, 1), -EFAULT);
	ck_assert_uint_eq(bench.n_raised, 0);
	bench_deinit(&bench);
}
END_TEST

START_TEST(test_commands)
{
	struct bench bench;

	bench_init(&bench);
	soft_mmu_write32(&bench.mmu, MMU_COMMAND, MMU_ENABLE_STALL);
	ck_assert(soft_mmu_read32(&bench.mmu, MMU_STATUS) & MMU_STALL_ACTIVE);
	soft_mmu_write32(&bench.mmu, MMU_COMMAND, MMU_DISABLE_STALL);
	ck_assert(soft_mmu_read32(&bench.mmu, MMU_STATUS) & MMU_STALL_NOT_ACTIVE);
	soft_mmu_write32(&bench.mmu, MMU_DTE_ADDR, 0xcafebabe);
	ck_assert_uint_eq(soft_mmu_read32(&bench.mmu, MMU_DTE_ADDR), 0xcafeb000);
	soft_mmu_write32(&bench.mmu, MMU_COMMAND, MMU_FORCE_RESET);
	ck_assert_uint_eq(soft_mmu_read32(&bench.mmu, MMU_DTE_ADDR), 0);
	ck_assert(!(soft_mmu_read32(&bench.mmu, MMU_STATUS) & MMU_PAGING_ENABLED));
	soft_mmu_write32(&bench.mmu, MMU_COMMAND, MMU_ENABLE_STALL);
	ck_assert(!(soft_mmu_read32(&bench.mmu, MMU_STATUS) & MMU_STALL_ACTIVE));
	bench_deinit(&bench);
}
END_TEST

static void *read_stalled(void *context)
{
	struct bench *bench = context;
	char byte;

	return (void *)(intptr_t)soft_mmu_read(&bench->mmu, IOVA, &byte, 1);
}

/* A stalled access goes on when the stall ends, and gives up when the core is aborted. */
START_TEST(test_stall)
{
	struct bench bench;
	pthread_t thread;
	void *result;

	bench_init(&bench);
	soft_mmu_write32(&bench.mmu, MMU_COMMAND, MMU_ENABLE_STALL);
	ck_assert_int_eq(pthread_create(&thread, NULL, read_stalled, &bench), 0);
	if (_i == 0) {
		soft_mmu_write32(&bench.mmu, MMU_COMMAND, MMU_DISABLE_STALL);
	} else {
		atomic_store(&bench.abort, true);
		soft_mmu_kick(&bench.mmu);
	}
	pthread_join(thread, &result);
	ck_assert_int_eq((int)(intptr_t)result, _i == 0 ? 0 : -ECANCELED);
	bench_deinit(&bench);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_memory");
	TCase *tcase = tcase_create("memory"), *mmu = tcase_create("mmu");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_addresses);
	tcase_add_test(tcase, test_map_refusals);
	tcase_add_test(tcase, test_churn);
	tcase_add_test(mmu, test_access);
	tcase_add_test(mmu, test_page_crossing);
	tcase_add_loop_test(mmu, test_faults, 0, sizeof(faults) / sizeof(*faults));
	tcase_add_loop_test(mmu, test_zap, 0, 2);
	tcase_add_test(mmu, test_unmapped_memory);
	tcase_add_test(mmu, test_without_paging);
	tcase_add_test(mmu, test_commands);
	tcase_add_loop_test(mmu, test_stall, 0, 2);
	suite_add_tcase(suite, tcase);
	suite_add_tcase(suite, mmu);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
