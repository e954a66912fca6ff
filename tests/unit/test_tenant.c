/* SPDX-License-Identifier: MIT */
/*
 * Who pays for what, and that the books balance when everybody has gone.
 */
#include "sessions/tenant.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

static struct tenants tenants;
static struct quota quota;
static struct machine_limits machine = {ACCOUNT_UNLIMITED, ACCOUNT_UNLIMITED};

static void setup(void)
{
	quota = quota_default();
	tenants_init(&tenants, &machine);
	tenants_set_quota(&tenants, &quota);
}

static void teardown(void)
{
	tenants_deinit(&tenants);
}

START_TEST(sessions_of_one_user_in_one_class_are_one_tenant)
{
	struct tenant *a, *b, *other_class;
	struct user *user, *again;

	ck_assert_int_eq(tenants_get_user(&tenants, 1000, &quota, &user), 0);
	ck_assert_int_eq(tenants_get_user(&tenants, 1000, &quota, &again), 0);
	ck_assert_ptr_eq(user, again);
	ck_assert_int_eq(tenants_get_tenant(&tenants, user, "camera", &quota, &a), 0);
	ck_assert_int_eq(tenants_get_tenant(&tenants, user, "camera", &quota, &b), 0);
	ck_assert_int_eq(tenants_get_tenant(&tenants, user, "other", &quota, &other_class), 0);
	ck_assert_ptr_eq(a, b);
	ck_assert_ptr_ne(a, other_class);
	tenant_unref(a);
	tenant_unref(b);
	tenant_unref(other_class);
	user_unref(user);
	user_unref(again);
}
END_TEST

START_TEST(each_level_has_its_own_quota)
{
	struct account session;
	struct account_refusal refusal;
	struct charge charges[3] = {CHARGE_INIT, CHARGE_INIT, CHARGE_INIT};
	struct tenant *tenant;
	struct user *user;

	quota.jobs_per_session = 2;
	quota.jobs_per_tenant = 2;
	quota.jobs_total = 1;
	tenants_set_quota(&tenants, &quota);
	ck_assert_int_eq(tenants_get_user(&tenants, 1, &quota, &user), 0);
	ck_assert_int_eq(tenants_get_tenant(&tenants, user, "c", &quota, &tenant), 0);
	session_account_init(&session, &tenant->account, &quota);
	ck_assert_int_eq(account_charge(&session, SLOT_JOBS, 1, &charges[0], &refusal), 0);
	ck_assert_int_eq(account_charge(&session, SLOT_JOBS, 1, &charges[1], &refusal), -EDQUOT);
	ck_assert_str_eq(refusal.quota, "jobs_total");
	quota.jobs_total = 9;
	tenants_set_quota(&tenants, &quota);
	ck_assert_int_eq(account_charge(&session, SLOT_JOBS, 1, &charges[1], &refusal), 0);
	ck_assert_int_eq(account_charge(&session, SLOT_JOBS, 1, &charges[2], &refusal), -EDQUOT);
	ck_assert_str_eq(refusal.quota, "jobs_per_session");
	ck_assert_int_eq(account_charge(&session, SLOT_BYTES, UINT64_MAX, &charges[2], &refusal),
			 -EDQUOT);
	ck_assert_str_eq(refusal.quota, "bytes_per_session");
	charge_release(&charges[0]);
	charge_release(&charges[1]);
	account_deinit(&session);
	tenant_unref(tenant);
	user_unref(user);
}
END_TEST

START_TEST(page_tables_are_a_small_part_of_memory)
{
	struct machine_limits small = {.bytes = 64 * 4096, .descriptors = ACCOUNT_UNLIMITED};
	struct charge one = CHARGE_INIT, two = CHARGE_INIT;
	struct account_refusal refusal;
	struct user *user, *other;

	tenants_deinit(&tenants);
	tenants_init(&tenants, &small);
	ck_assert_int_eq(tenants_get_user(&tenants, 1, &quota, &user), 0);
	ck_assert_int_eq(tenants_get_user(&tenants, 2, &quota, &other), 0);
	ck_assert_int_eq(account_charge(&user->account, SLOT_TABLES, 4096, &one, &refusal), 0);
	ck_assert_int_eq(account_charge(&user->account, SLOT_TABLES, 1, &two, &refusal), -EDQUOT);
	ck_assert_str_eq(refusal.quota, "pagetable_bytes_per_uid");
	ck_assert_int_eq(account_charge(&other->account, SLOT_TABLES, 4096, &two, &refusal), 0);
	charge_release(&one);
	charge_release(&two);
	user_unref(user);
	user_unref(other);
}
END_TEST

START_TEST(one_user_gets_half_of_the_machine)
{
	struct machine_limits small = {.bytes = 1000, .descriptors = 80};
	struct account_refusal refusal;
	struct charge charge = CHARGE_INIT, other_charge = CHARGE_INIT;
	struct user *user, *other;

	tenants_deinit(&tenants);
	tenants_init(&tenants, &small);
	tenants_set_quota(&tenants, &quota);
	ck_assert_int_eq(tenants_get_user(&tenants, 1, &quota, &user), 0);
	ck_assert_int_eq(tenants_get_user(&tenants, 2, &quota, &other), 0);
	ck_assert_int_eq(account_charge(&user->account, SLOT_BYTES, 501, &charge, &refusal),
			 -EDQUOT);
	ck_assert_str_eq(refusal.quota, "bytes_per_uid");
	ck_assert_int_eq(account_charge(&user->account, SLOT_BOS, 20, &charge, &refusal), 0);
	ck_assert_int_eq(account_charge(&other->account, SLOT_BOS, 21, &other_charge, &refusal),
			 -EDQUOT);
	ck_assert_str_eq(refusal.quota, "bos_per_uid");
	ck_assert_int_eq(account_charge(&other->account, SLOT_BOS, 20, &other_charge, &refusal), 0);
	ck_assert_uint_eq(user->account.limit[SLOT_CONNECTIONS], 5);
	ck_assert_uint_eq(user->account.limit[SLOT_SESSIONS], 5);
	charge_release(&charge);
	charge_release(&other_charge);
	user_unref(user);
	user_unref(other);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tenant");
	TCase *tcase = tcase_create("tenant");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, sessions_of_one_user_in_one_class_are_one_tenant);
	tcase_add_test(tcase, each_level_has_its_own_quota);
	tcase_add_test(tcase, one_user_gets_half_of_the_machine);
	tcase_add_test(tcase, page_tables_are_a_small_part_of_memory);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
