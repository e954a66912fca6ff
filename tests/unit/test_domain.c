/* SPDX-License-Identifier: MIT */
/*
 * Address, tables and TLB keep step: what domain_map gives can be reached, what domain_unmap took
 * can't, and a failed map leaves nothing behind.
 */
#include "iommu/domain.h"
#include "mock_device.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#define PAGE	  4096ull
#define UNTOUCHED 0xdeadbeefu

static struct mock_device mock;
static struct domain domain;
static char *memory;
static uint64_t pa;

#define MEMORY_BYTES (16 * PAGE)

static void setup(void)
{
	mock_device_init(&mock, true);
	ck_assert_int_eq(domain_init(&domain, &mock.device), 0);
	mock.table_pa = domain_table_pa(&domain);
	memory = aligned_alloc(PAGE, MEMORY_BYTES);
	ck_assert_ptr_nonnull(memory);
	ck_assert_int_eq(device_memory_map(&mock.device, memory, MEMORY_BYTES, &pa), 0);
}

static void teardown(void)
{
	ck_assert_uint_eq(domain_pagetable_bytes(&domain), PAGE);
	ck_assert_uint_eq(domain.space.used_bytes, 0);
	device_memory_unmap(&mock.device, pa, MEMORY_BYTES);
	free(memory);
	domain_deinit(&domain);
	domain_deinit(&domain); /* zeroed now */
	mock_device_deinit(&mock);
}

START_TEST(test_map_and_unmap)
{
	uint64_t table_pa = domain_table_pa(&domain);
	uint32_t iova;

	ck_assert_int_eq(domain_map(&domain, 0, pa, MEMORY_BYTES, true, &iova), 0);
	for (uint32_t at = 0; at < MEMORY_BYTES; at += 1024)
		ck_assert_ptr_eq(mock_access(&mock, table_pa, iova + at, true), memory + at);
	ck_assert_ptr_null(mock_access(&mock, table_pa, iova - 1, false));
	ck_assert_ptr_null(mock_access(&mock, table_pa, iova + (uint32_t)MEMORY_BYTES, false));
	ck_assert_uint_eq(mock.n_zaps, 0);

	domain_unmap(&domain, iova, MEMORY_BYTES);
	ck_assert_uint_eq(mock.n_zaps, 1);
	for (uint32_t at = 0; at < MEMORY_BYTES; at += 1024)
		ck_assert_ptr_null(mock_access(&mock, table_pa, iova + at, false));
}
END_TEST

START_TEST(test_read_only)
{
	uint32_t iova;

	ck_assert_int_eq(domain_map(&domain, 0, pa, PAGE, false, &iova), 0);
	ck_assert_ptr_eq(mock_access(&mock, mock.table_pa, iova, false), memory);
	ck_assert_ptr_null(mock_access(&mock, mock.table_pa, iova, true));
	domain_unmap(&domain, iova, PAGE);
}
END_TEST

static const struct {
	const char *what;
	uint64_t fixed_iova;
	uint64_t size_bytes;
	int result;
} refused_cases[] = {
	{"taken", 0x10000000, PAGE, -EEXIST},
	{"partly taken", 0x0ffff000, 2 * PAGE, -EEXIST},
	{"misaligned", 0x20000800, PAGE, -EINVAL},
	{"over the end", 0xfffff000, 2 * PAGE, -EINVAL},
	{"nothing, fixed", 0x20000000, 0, -EINVAL},
	{"nothing, placed", 0, 0, -EINVAL},
	{"no room", 0, 1ull << 32, -ENOSPC},
	{"as much as can be said", 0, UINT64_MAX - PAGE + 1, -ENOSPC},
};

START_TEST(test_refused)
{
	uint32_t iova, refused = UNTOUCHED;
	int r;

	ck_assert_int_eq(domain_map(&domain, 0x10000000, pa, PAGE, true, &iova), 0);
	ck_assert_uint_eq(iova, 0x10000000);
	r = domain_map(&domain, (uint32_t)refused_cases[_i].fixed_iova, pa,
		       refused_cases[_i].size_bytes, true, &refused);
	ck_assert_msg(r == refused_cases[_i].result, "%s: %d", refused_cases[_i].what, r);
	ck_assert_uint_eq(refused, UNTOUCHED);
	ck_assert_uint_eq(domain.space.used_bytes, PAGE);
	ck_assert_uint_eq(mock_count_pages(&mock, mock.table_pa, 0, UINT64_MAX), 1);
	domain_unmap(&domain, iova, PAGE);
}
END_TEST

START_TEST(test_no_memory_for_tables)
{
	uint32_t iova = UNTOUCHED;

	mock.fail_map = 2; /* the range lies in two tables */
	ck_assert_int_eq(domain_map(&domain, 0x003ff000, pa, 2 * PAGE, true, &iova), -ENOMEM);
	ck_assert_uint_eq(iova, UNTOUCHED);
	ck_assert_uint_eq(domain.space.used_bytes, 0);
	ck_assert_uint_eq(domain_pagetable_bytes(&domain), PAGE);

	ck_assert_int_eq(domain_map(&domain, 0x003ff000, pa, 2 * PAGE, true, &iova), 0);
	ck_assert_uint_eq(domain_pagetable_bytes(&domain), 3 * PAGE);
	domain_unmap(&domain, iova, 2 * PAGE);
}
END_TEST

START_TEST(test_no_memory_for_directory)
{
	struct domain other = {0};

	mock.fail_map = 1;
	ck_assert_int_eq(domain_init(&other, &mock.device), -ENOMEM);
	ck_assert_ptr_null(other.device);
	domain_deinit(&other);
}
END_TEST

/* The same address means different memory to different sessions, or none. */
START_TEST(test_two_domains)
{
	struct domain other;
	uint64_t other_pa;
	uint32_t iova;

	ck_assert_int_eq(domain_init(&other, &mock.device), 0);
	other_pa = domain_table_pa(&other);
	ck_assert_uint_ne(other_pa, mock.table_pa);
	ck_assert_int_eq(domain_map(&domain, 0x5000, pa, PAGE, true, &iova), 0);
	ck_assert_ptr_null(mock_access(&mock, other_pa, 0x5000, false));
	ck_assert_int_eq(domain_map(&other, 0x5000, pa + PAGE, PAGE, true, &iova), 0);
	ck_assert_ptr_eq(mock_access(&mock, mock.table_pa, 0x5000, false), memory);
	ck_assert_ptr_eq(mock_access(&mock, other_pa, 0x5000, false), memory + PAGE);

	/* Zapped for one, still cached and valid for the other. */
	domain_unmap(&domain, 0x5000, PAGE);
	ck_assert_ptr_null(mock_access(&mock, mock.table_pa, 0x5000, false));
	ck_assert_ptr_eq(mock_access(&mock, other_pa, 0x5000, false), memory + PAGE);
	domain_unmap(&other, 0x5000, PAGE);
	domain_deinit(&other);
}
END_TEST

START_TEST(test_without_page_tables)
{
	struct mock_device plain;
	struct domain flat;
	uint32_t iova;

	mock_device_init(&plain, false); /* calling any of its operations would crash */
	ck_assert_int_eq(domain_init(&flat, &plain.device), 0);
	ck_assert_uint_eq(domain_table_pa(&flat), 0);
	ck_assert_uint_eq(domain_pagetable_bytes(&flat), 0);
	ck_assert_int_eq(domain_map(&flat, 0, 0, 3 * PAGE, true, &iova), 0);
	ck_assert_uint_ne(iova, 0);
	ck_assert_int_eq(domain_map(&flat, iova, 0, PAGE, true, &iova), -EEXIST);
	ck_assert_uint_eq(flat.space.used_bytes, 3 * PAGE);
	domain_unmap(&flat, iova, 3 * PAGE);
	domain_deinit(&flat);
	mock_device_deinit(&plain);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("domain");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(tcase, 300);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_map_and_unmap);
	tcase_add_test(tcase, test_read_only);
	tcase_add_loop_test(tcase, test_refused, 0, sizeof(refused_cases) / sizeof(*refused_cases));
	tcase_add_test(tcase, test_no_memory_for_tables);
	tcase_add_test(tcase, test_no_memory_for_directory);
	tcase_add_test(tcase, test_two_domains);
	tcase_add_test(tcase, test_without_page_tables);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
