/* SPDX-License-Identifier: MIT */
/*
 * The GEM table: when a handle is known, and when its number is free again.
 */
#include "device/timing.h"
#include "sessions/handle.h"

#include <check.h>
#include <stdlib.h>

static struct device *device;
static struct domain domain;
static struct handle_table table;

static void setup(void)
{
	ck_assert_int_eq(timing_device_new(3, true, &device), 0);
	ck_assert_int_eq(domain_init(&domain, device), 0);
	handle_table_init(&table, 4);
}

static void teardown(void)
{
	handle_table_deinit(&table);
	domain_deinit(&domain);
	device_free(device);
}

static uint32_t open_one(void)
{
	struct bo *bo;
	uint32_t id = 0;

	ck_assert_int_eq(bo_new(&domain, 4096, false, 0, &bo), 0);
	ck_assert_int_eq(handle_open(&table, bo, &id), 0);
	return id;
}

START_TEST(numbers_start_at_one_and_are_reused)
{
	ck_assert_uint_eq(open_one(), 1);
	ck_assert_uint_eq(open_one(), 2);
	ck_assert_int_eq(handle_close(&table, 1), 0);
	ck_assert_ptr_null(handle_get(&table, 1));
	ck_assert_uint_eq(open_one(), 1);
	ck_assert_ptr_null(handle_get(&table, 0));
	ck_assert_ptr_null(handle_get(&table, 3));
	ck_assert_ptr_null(handle_get(&table, UINT32_MAX));
	ck_assert_int_lt(handle_close(&table, 3), 0);
}
END_TEST

START_TEST(a_pinned_number_is_not_reused)
{
	struct handle *pinned;

	open_one();
	pinned = handle_get(&table, 1);
	handle_pin(pinned);
	handle_pin(pinned);
	ck_assert_int_eq(handle_close(&table, 1), 0);
	/* Unknown from now on, but its number and memory stay. */
	ck_assert_ptr_null(handle_get(&table, 1));
	ck_assert_int_lt(handle_close(&table, 1), 0);
	ck_assert_uint_eq(open_one(), 2);
	handle_unpin(&table, pinned);
	ck_assert_uint_eq(open_one(), 3);
	handle_unpin(&table, pinned);
	ck_assert_uint_eq(open_one(), 1);
	ck_assert_uint_eq(table.n_open, 3);
}
END_TEST

START_TEST(a_full_table_refuses)
{
	struct bo *bo;
	uint32_t id = 77;

	for (int i = 0; i < 4; i++)
		open_one();
	ck_assert_int_eq(bo_new(&domain, 4096, false, 0, &bo), 0);
	ck_assert_int_lt(handle_open(&table, bo, &id), 0);
	ck_assert_uint_eq(id, 77);
	bo_unref(bo);
}
END_TEST

START_TEST(close_all_leaves_the_pinned)
{
	struct handle *pinned;

	open_one();
	open_one();
	pinned = handle_get(&table, 2);
	handle_pin(pinned);
	handle_close_all(&table);
	ck_assert_uint_eq(table.n_open, 0);
	ck_assert_uint_eq(table.handles.used, 1);
	handle_unpin(&table, pinned);
	ck_assert_uint_eq(table.handles.used, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handle");
	TCase *tcase = tcase_create("handle");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, numbers_start_at_one_and_are_reused);
	tcase_add_test(tcase, a_pinned_number_is_not_reused);
	tcase_add_test(tcase, a_full_table_refuses);
	tcase_add_test(tcase, close_all_leaves_the_pinned);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
