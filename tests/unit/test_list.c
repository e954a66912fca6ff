/* SPDX-License-Identifier: MIT */
/*
 * Lists keep their order, and links can be taken off at any time.
 */
#include "base/list.h"

#include <check.h>
#include <stdlib.h>

#define N_ITEMS 4

struct item {
	int value;
	struct list link;
};

static struct list head;
static struct item items[N_ITEMS];

static void setup(void)
{
	list_init(&head);
	for (int i = 0; i < N_ITEMS; i++) {
		items[i].value = i;
		list_add_tail(&head, &items[i].link);
	}
}

/* The values on a list as a decimal number: 0,1,2,3 after a leading 1 is 10123. */
static int digits_of(const struct list *list)
{
	const struct item *item;
	int digits = 1;

	list_for_each (item, list, link) {
		digits = digits * 10 + item->value;
	}
	return digits;
}

START_TEST(test_add)
{
	struct list other = LIST_INIT(other);
	struct item first = {.value = 7};

	ck_assert_int_eq(digits_of(&head), 10123);
	list_add_head(&head, &first.link);
	ck_assert_int_eq(digits_of(&head), 170123);
	ck_assert_ptr_eq(list_first(&head, struct item, link), &first);
	ck_assert(list_is_empty(&other));
	ck_assert(!list_is_empty(&head));
}
END_TEST

START_TEST(test_del_twice)
{
	list_del(&items[1].link);
	list_del(&items[1].link);
	ck_assert_int_eq(digits_of(&head), 1023);
	ck_assert(list_is_empty(&items[1].link));
}
END_TEST

START_TEST(test_for_each_safe)
{
	struct item *item, *next;

	list_for_each_safe (item, next, &head, link) {
		if (item->value % 2 == 0)
			list_del(&item->link);
	}
	ck_assert_int_eq(digits_of(&head), 113);
}
END_TEST

START_TEST(test_take_all)
{
	struct list taken;

	list_take_all(&taken, &head);
	ck_assert(list_is_empty(&head));
	ck_assert_int_eq(digits_of(&taken), 10123);
	list_take_all(&taken, &head);
	ck_assert(list_is_empty(&head));
	ck_assert(list_is_empty(&taken));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("list");
	TCase *tcase = tcase_create("list");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, test_add);
	tcase_add_test(tcase, test_del_twice);
	tcase_add_test(tcase, test_for_each_safe);
	tcase_add_test(tcase, test_take_all);
	suite_add_tcase(suite, tcase);

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
