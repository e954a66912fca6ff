/* SPDX-License-Identifier: MIT */
/*
 * Ids are small, lowest first, and name what they were given for.
 */
#include "base/idtab.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#define LIMIT 100

static struct idtab tab;
static char objects[LIMIT + 1];

static void setup(void)
{
	idtab_init(&tab, LIMIT);
}

static void teardown(void)
{
	for (uint32_t id = 1; id <= LIMIT; id++)
		idtab_remove(&tab, id);
	idtab_deinit(&tab);
}

static uint32_t add(unsigned object)
{
	uint32_t id = 0;

	ck_assert_int_eq(idtab_add(&tab, &objects[object], &id), 0);
	return id;
}

START_TEST(test_lowest_first)
{
	for (uint32_t id = 1; id <= 40; id++)
		ck_assert_uint_eq(add(id), id);
	ck_assert_ptr_eq(idtab_remove(&tab, 30), &objects[30]);
	ck_assert_ptr_eq(idtab_remove(&tab, 7), &objects[7]);
	ck_assert_ptr_eq(idtab_remove(&tab, 20), &objects[20]);
	ck_assert_uint_eq(add(50), 7);
	ck_assert_uint_eq(add(51), 20);
	ck_assert_uint_eq(add(52), 30);
	ck_assert_uint_eq(add(53), 41);
	ck_assert_ptr_eq(idtab_get(&tab, 20), &objects[51]);
}
END_TEST

START_TEST(test_limit)
{
	uint32_t id = 77;

	for (uint32_t i = 1; i <= LIMIT; i++)
		add(i);
	ck_assert_int_eq(idtab_add(&tab, &objects[0], &id), -ENOSPC);
	ck_assert_uint_eq(id, 77);
	ck_assert_uint_le(tab.capacity, LIMIT);
	idtab_remove(&tab, LIMIT);
	ck_assert_uint_eq(add(LIMIT), LIMIT);
}
END_TEST

START_TEST(test_limit_zero)
{
	struct idtab none;
	uint32_t id;

	idtab_init(&none, 0);
	ck_assert_int_eq(idtab_add(&none, &objects[0], &id), -ENOSPC);
	idtab_deinit(&none);
}
END_TEST

static const uint32_t unknown[] = {0, 2, 3, 16, 17, LIMIT, LIMIT + 1, UINT32_MAX};

START_TEST(test_unknown)
{
	add(1);
	add(2);
	idtab_remove(&tab, 2);
	ck_assert_ptr_null(idtab_get(&tab, unknown[_i]));
	ck_assert_ptr_null(idtab_remove(&tab, unknown[_i]));
	ck_assert_uint_eq(tab.used, 1);
	ck_assert_ptr_eq(idtab_get(&tab, 1), &objects[1]);
}
END_TEST

START_TEST(test_for_each)
{
	uint32_t id, seen[3] = {0}, n = 0;
	char *object;

	for (uint32_t i = 1; i <= 60; i++)
		add(i);
	for (uint32_t i = 1; i <= 60; i++)
		if (i != 1 && i != 33 && i != 60)
			idtab_remove(&tab, i);
	idtab_for_each (&tab, object, id) {
		ck_assert_uint_lt(n, 3);
		ck_assert_ptr_eq(object, &objects[id]);
		seen[n++] = id;
		idtab_remove(&tab, id);
	}
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(seen[0], 1);
	ck_assert_uint_eq(seen[1], 33);
	ck_assert_uint_eq(seen[2], 60);
	ck_assert_uint_eq(tab.used, 0);
}
END_TEST

/* Against a plain array, over a fixed pseudo-random sequence. */
START_TEST(test_random)
{
	char *model[LIMIT + 1] = {0};
	uint32_t random = 12345;

	for (unsigned step = 0; step < 20000; step++) {
		uint32_t id;

		random = random * 1664525 + 1013904223;
		id = (random >> 16) % LIMIT + 1;
		if (random >> 31 && tab.used < LIMIT) {
			uint32_t lowest = 1;

			while (model[lowest])
				lowest++;
			ck_assert_uint_eq(add(id), lowest);
			model[lowest] = &objects[id];
		} else {
			ck_assert_ptr_eq(idtab_remove(&tab, id), model[id]);
			model[id] = NULL;
		}
		ck_assert_ptr_eq(idtab_get(&tab, id), model[id]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("idtab");
	TCase *tcase = tcase_create("idtab");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_lowest_first);
	tcase_add_test(tcase, test_limit);
	tcase_add_test(tcase, test_limit_zero);
	tcase_add_loop_test(tcase, test_unknown, 0, sizeof(unknown) / sizeof(unknown[0]));
	tcase_add_test(tcase, test_for_each);
	tcase_add_test(tcase, test_random);
	suite_add_tcase(suite, tcase);

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
