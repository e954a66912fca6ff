/* SPDX-License-Identifier: MIT */
/* The table of objects by handle: who holds what, and numbers that no driver should say. */
#include "device/drm_objects.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

static struct drm_objects objects;
static const struct drm_object facts = {.domain = 3, .token = 77, .size_bytes = 8192};

START_TEST(holders_are_counted)
{
	struct device_bo bo;

	ck_assert_ptr_null(drm_objects_find(&objects, 5));
	ck_assert_int_eq(drm_objects_hold(&objects, 5, 0x1000, &facts), 0);
	/* What is said of it later does not count. */
	ck_assert_int_eq(drm_objects_hold(&objects, 5, 0x9000, &(struct drm_object){0}), 0);
	ck_assert_uint_eq(objects.n, 1);
	bo = drm_objects_describe(&objects, 5);
	ck_assert_uint_eq(bo.handle, 5);
	ck_assert_uint_eq(bo.iova, 0x1000);
	ck_assert_uint_eq(bo.domain, 3);
	ck_assert_uint_eq(bo.token, 77);
	ck_assert_uint_eq(bo.size_bytes, 8192);
	ck_assert(!drm_objects_let_go(&objects, 5));
	ck_assert(drm_objects_let_go(&objects, 5));
	ck_assert_ptr_null(drm_objects_find(&objects, 5));
	drm_objects_deinit(&objects);
}
END_TEST

START_TEST(the_table_grows)
{
	static const uint32_t handles[] = {0, 63, 64, 100000, 1};
	const unsigned n = sizeof(handles) / sizeof(handles[0]);

	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(drm_objects_hold(&objects, handles[i], i << 20, &facts), 0);
	ck_assert_uint_eq(objects.n, n);
	for (unsigned i = 0; i < n; i++) {
		ck_assert_uint_eq(drm_objects_find(&objects, handles[i])->iova, i << 20);
		ck_assert(drm_objects_let_go(&objects, handles[i]));
	}
	ck_assert_ptr_null(drm_objects_find(&objects, 2));
	drm_objects_deinit(&objects);
}
END_TEST

START_TEST(large_handles_are_refused)
{
	static const uint32_t handles[] = {1u << 24, 1u << 31, UINT32_MAX - 1, UINT32_MAX};

	ck_assert_int_eq(drm_objects_hold(&objects, handles[_i], 0, &facts), -ENOMEM);
	ck_assert_ptr_null(drm_objects_find(&objects, handles[_i]));
	ck_assert_uint_eq(objects.n, 0);
	drm_objects_deinit(&objects);
}
END_TEST

START_TEST(addresses_lie_within_4_gib)
{
	static const struct {
		uint64_t iova, size_bytes;
		int result;
	} cases[] = {
		{0, 1ull << 32, 0},
		{UINT32_MAX, 1, 0},
		{UINT32_MAX, 2, -ERANGE},
		{1ull << 32, 0, -ERANGE},
		{0x1000, UINT64_MAX, -ERANGE},
		{UINT64_MAX, 1, -ERANGE},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct drm_object object = {.size_bytes = cases[i].size_bytes};

		ck_assert_int_eq(drm_objects_hold(&objects, i, cases[i].iova, &object),
				 cases[i].result);
		ck_assert_int_eq(drm_objects_find(&objects, i) != NULL, cases[i].result == 0);
		if (cases[i].result == 0)
			ck_assert(drm_objects_let_go(&objects, i));
	}
	drm_objects_deinit(&objects);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drm_objects");
	TCase *tcase = tcase_create("drm_objects");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, holders_are_counted);
	tcase_add_test(tcase, the_table_grows);
	tcase_add_loop_test(tcase, large_handles_are_refused, 0, 4);
	tcase_add_test(tcase, addresses_lie_within_4_gib);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
