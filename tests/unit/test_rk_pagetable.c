/* SPDX-License-Identifier: MIT */
/*
 * Page tables as a walker finds them: entry bits, ranges over several tables, all or nothing, and
 * tables that come and go.
 */
#include "iommu/rk_pagetable.h"
#include "mock_device.h"

#include <check.h>
#include <errno.h>

#define PAGE   4096ull
#define TABLE  (1024 * PAGE)
#define TOP_PA ((1ull << 40) - PAGE)

static struct mock_device mock;
static struct rk_pagetable *table;
static uint64_t table_pa;

static void setup(void)
{
	mock_device_init(&mock, true);
	ck_assert_int_eq(rk_pagetable_new(&mock.device, &table), 0);
	table_pa = rk_pagetable_pa(table);
	ck_assert_uint_eq(rk_pagetable_bytes(table), PAGE);
}

static void teardown(void)
{
	ck_assert_uint_eq(rk_pagetable_bytes(table), PAGE);
	ck_assert_uint_eq(mock_count_tables(&mock, table_pa), 0);
	table = rk_pagetable_free(table);
	ck_assert_ptr_null(table);
	mock_device_deinit(&mock);
}

static void unmap_and_reap(uint32_t iova, uint64_t size_bytes)
{
	rk_pagetable_unmap(table, iova, size_bytes);
	rk_pagetable_reap(table);
}

/* Entry formats written out by hand from hardware reference 3.6. */
static const struct {
	const char *what;
	uint64_t pa;
	bool is_writable;
	uint32_t entry;
} entry_cases[] = {
	{"low address", 0x12345000, true, 0x12345007},
	{"read-only", 0x12345000, false, 0x12345003},
	{"bits 35:32 go to 11:8", 0x512345000, true, 0x12345507},
	{"bits 39:36 go to 7:4", 0xa012345000, true, 0x123450a7},
	{"both", 0xa512345000, false, 0x123455a3},
	{"the last page of 40 bits", TOP_PA, true, 0xfffffff7},
};

START_TEST(test_entry)
{
	uint32_t entry;

	ck_assert_int_eq(rk_pagetable_map(table, 0x40000000, entry_cases[_i].pa, PAGE,
					  entry_cases[_i].is_writable),
			 0);
	entry = mock_walk(&mock, table_pa, 0x40000000);
	ck_assert_msg(entry == entry_cases[_i].entry, "%s: %#x", entry_cases[_i].what, entry);
	unmap_and_reap(0x40000000, PAGE);
}
END_TEST

START_TEST(test_directory_entry)
{
	const uint32_t *directory = mock_host(&mock, table_pa);
	uint64_t next_pa = mock.next_pa; /* of the table that comes */

	ck_assert_int_eq(rk_pagetable_map(table, 0xffc00000, 0x1000, PAGE, true), 0);
	ck_assert_uint_eq(directory[1023] & 0xf, 1);
	ck_assert_uint_eq(mock_entry_pa(directory[1023]), next_pa);
	unmap_and_reap(0xffc00000, PAGE);
	ck_assert_uint_eq(directory[1023], 0);
}
END_TEST

static const struct {
	const char *what;
	uint64_t iova;
	uint64_t n_pages;
	unsigned n_tables;
} range_cases[] = {
	{"one page", 0x1000, 1, 1},
	{"the last page", 0xfffff000, 1, 1},
	{"exactly one table", 0x00400000, 1024, 1},
	{"two pages in two tables", 0x003ff000, 2, 2},
	{"one page into the third table", 0x003ff000, 1026, 3},
	{"up to the very end", 0xff7ff000, 2049, 3},
	{"64 MiB, unaligned", 0x10001000, 16384, 17},
};

START_TEST(test_range)
{
	uint32_t iova = (uint32_t)range_cases[_i].iova;
	uint64_t n_pages = range_cases[_i].n_pages, pa = 0xf2fff80000;

	ck_assert_int_eq(rk_pagetable_map(table, iova, pa, n_pages * PAGE, true), 0);
	ck_assert_msg(mock_count_tables(&mock, table_pa) == range_cases[_i].n_tables, "%s",
		      range_cases[_i].what);
	ck_assert_uint_eq(rk_pagetable_bytes(table), (1 + range_cases[_i].n_tables) * PAGE);
	ck_assert_uint_eq(mock_count_pages(&mock, table_pa, 0, UINT64_MAX), n_pages);
	for (uint64_t i = 0; i < n_pages; i++) {
		uint32_t entry = mock_walk(&mock, table_pa, (uint32_t)(iova + i * PAGE));

		ck_assert_uint_eq(mock_entry_pa(entry), pa + i * PAGE);
		ck_assert_uint_eq(entry & 7, 7);
	}

	rk_pagetable_unmap(table, iova, n_pages * PAGE);
	ck_assert_uint_eq(mock_count_tables(&mock, table_pa), 0);
	/* Out of reach, but there until the TLBs are zapped. */
	ck_assert_uint_eq(rk_pagetable_bytes(table), (1 + range_cases[_i].n_tables) * PAGE);
	rk_pagetable_reap(table);
	ck_assert_uint_eq(rk_pagetable_bytes(table), PAGE);
}
END_TEST

START_TEST(test_neighbours_share_a_table)
{
	ck_assert_int_eq(rk_pagetable_map(table, 0x1000, 0x5000, PAGE, true), 0);
	ck_assert_int_eq(rk_pagetable_map(table, 0x3000, 0x9000, 2 * PAGE, false), 0);
	ck_assert_uint_eq(rk_pagetable_bytes(table), 2 * PAGE);
	ck_assert_uint_eq(mock_walk(&mock, table_pa, 0x2000), 0);

	unmap_and_reap(0x1000, PAGE);
	ck_assert_uint_eq(rk_pagetable_bytes(table), 2 * PAGE);
	ck_assert_uint_eq(mock_walk(&mock, table_pa, 0x1000), 0);
	ck_assert_uint_eq(mock_walk(&mock, table_pa, 0x3000), 0x9003);
	ck_assert_uint_eq(mock_walk(&mock, table_pa, 0x4000), 0xa003);
	unmap_and_reap(0x3000, 2 * PAGE);
}
END_TEST

/* Ranges over tables 0..2 where a page of table 2 is taken: neither entries nor tables stay. */
START_TEST(test_taken)
{
	ck_assert_int_eq(rk_pagetable_map(table, 2 * TABLE, 0x5000, PAGE, true), 0);
	ck_assert_int_eq(rk_pagetable_map(table, 0x1000, 0x100000, 2 * TABLE, true), -EEXIST);
	ck_assert_uint_eq(rk_pagetable_bytes(table), 2 * PAGE);
	ck_assert_uint_eq(mock_count_pages(&mock, table_pa, 0, UINT64_MAX), 1);
	ck_assert_uint_eq(mock_walk(&mock, table_pa, 2 * TABLE), 0x5007);
	unmap_and_reap(2 * TABLE, PAGE);
}
END_TEST

/* The n-th table can't be had: as if nothing had been asked. Then it works. */
START_TEST(test_no_memory)
{
	ck_assert_int_eq(rk_pagetable_map(table, 0x1000, 0x5000, PAGE, true), 0);
	for (unsigned n = 1; n <= 5; n++) {
		mock.fail_map = n;
		ck_assert_int_eq(rk_pagetable_map(table, 0x2000, 0x100000, 5 * TABLE, true),
				 -ENOMEM);
		ck_assert_uint_eq(rk_pagetable_bytes(table), 2 * PAGE);
		ck_assert_uint_eq(mock_count_pages(&mock, table_pa, 0, UINT64_MAX), 1);
		ck_assert_uint_eq(mock_count_tables(&mock, table_pa), 1);
	}
	ck_assert_int_eq(rk_pagetable_map(table, 0x2000, 0x100000, 5 * TABLE, true), 0);
	ck_assert_uint_eq(rk_pagetable_bytes(table), 7 * PAGE);
	unmap_and_reap(0x2000, 5 * TABLE);
	unmap_and_reap(0x1000, PAGE);
}
END_TEST

START_TEST(test_no_memory_for_directory)
{
	struct rk_pagetable *other = table;

	mock.fail_map = 1;
	ck_assert_int_eq(rk_pagetable_new(&mock.device, &other), -ENOMEM);
	ck_assert_ptr_eq(other, table);
	ck_assert_uint_eq(mock.n_regions, 1);
}
END_TEST

/* Every table at once, made in an order that inserts in the middle; freed in another. */
START_TEST(test_many_tables)
{
	for (uint32_t i = 0; i < 400; i++)
		ck_assert_int_eq(rk_pagetable_map(table, (i * 7 % 400) << 22, i * PAGE, PAGE, true),
				 0);
	ck_assert_uint_eq(rk_pagetable_bytes(table), 401 * PAGE);
	for (uint32_t i = 0; i < 400; i++)
		ck_assert_uint_eq(mock_entry_pa(mock_walk(&mock, table_pa, (i * 7 % 400) << 22)),
				  i * PAGE);
	for (uint32_t i = 0; i < 400; i++) {
		unmap_and_reap((i * 11 % 400) << 22, PAGE);
		ck_assert_uint_eq(rk_pagetable_bytes(table), (400 - i) * PAGE);
	}
}
END_TEST

/* Several ranges may be unmapped before one zap. */
START_TEST(test_reap_once)
{
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_int_eq(rk_pagetable_map(table, i << 22, i * PAGE, PAGE, true), 0);
	for (uint32_t i = 0; i < 3; i++)
		rk_pagetable_unmap(table, i << 22, PAGE);
	ck_assert_uint_eq(rk_pagetable_bytes(table), 5 * PAGE);
	rk_pagetable_reap(table);
	ck_assert_uint_eq(rk_pagetable_bytes(table), 2 * PAGE);
	ck_assert_uint_eq(mock_walk(&mock, table_pa, 3u << 22), 0x3007);
	unmap_and_reap(3u << 22, PAGE);
}
END_TEST

START_TEST(test_free_null)
{
	ck_assert_ptr_null(rk_pagetable_free(NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rk_pagetable");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(tcase, 300);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_entry, 0, sizeof(entry_cases) / sizeof(*entry_cases));
	tcase_add_test(tcase, test_directory_entry);
	tcase_add_loop_test(tcase, test_range, 0, sizeof(range_cases) / sizeof(*range_cases));
	tcase_add_test(tcase, test_neighbours_share_a_table);
	tcase_add_test(tcase, test_taken);
	tcase_add_test(tcase, test_no_memory);
	tcase_add_test(tcase, test_no_memory_for_directory);
	tcase_add_test(tcase, test_many_tables);
	tcase_add_test(tcase, test_reap_once);
	tcase_add_test(tcase, test_free_null);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
