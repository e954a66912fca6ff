/* SPDX-License-Identifier: MIT */
/*
 * Charges are booked along the whole chain of accounts or not at all.
 */
#include "base/account.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#define SLOT 2

static const char *const session_quotas[ACCOUNT_SLOTS] = {[SLOT] = "bytes_per_session"};
static const char *const uid_quotas[ACCOUNT_SLOTS] = {[SLOT] = "bytes_per_uid"};

static struct account daemon_account, uid_account, session_account;

static void setup(void)
{
	account_init(&daemon_account, NULL, NULL);
	account_init(&uid_account, &daemon_account, uid_quotas);
	account_init(&session_account, &uid_account, session_quotas);
}

static void set_limits(uint64_t session, uint64_t uid, uint64_t daemon_limit)
{
	session_account.limit[SLOT] = session;
	uid_account.limit[SLOT] = uid;
	daemon_account.limit[SLOT] = daemon_limit;
}

static void assert_used(uint64_t used)
{
	ck_assert_uint_eq(session_account.used[SLOT], used);
	ck_assert_uint_eq(uid_account.used[SLOT], used);
	ck_assert_uint_eq(daemon_account.used[SLOT], used);
}

static const struct {
	const char *what;
	uint64_t session_limit, uid_limit, daemon_limit, used, wanted;
	int result;
	const char *quota;
	uint64_t limit;
} cases[] = {
	{"no limits", UINT64_MAX, UINT64_MAX, UINT64_MAX, 5, 100, 0, NULL, 0},
	{"just fits", 15, 15, 15, 5, 10, 0, NULL, 0},
	{"one too many", 15, 100, 100, 5, 11, -EDQUOT, "bytes_per_session", 15},
	{"the parent is full", 100, 15, 100, 5, 11, -EDQUOT, "bytes_per_uid", 15},
	{"a full grandparent without names", 100, 100, 15, 5, 11, -EDQUOT, NULL, 15},
	{"the nearest one answers", 9, 8, 7, 5, 11, -EDQUOT, "bytes_per_session", 9},
	{"lowered below the use", 3, 100, 100, 5, 1, -EDQUOT, "bytes_per_session", 3},
	{"nothing, lowered below the use", 3, 100, 100, 5, 0, 0, NULL, 0},
	{"limit 0", 0, 100, 100, 0, 1, -EDQUOT, "bytes_per_session", 0},
	{"the sum overflows", UINT64_MAX, UINT64_MAX, UINT64_MAX, 5, UINT64_MAX - 4, -EDQUOT,
	 "bytes_per_session", UINT64_MAX},
	{"the largest sum", UINT64_MAX, UINT64_MAX, UINT64_MAX, 5, UINT64_MAX - 5, 0, NULL, 0},
};

START_TEST(test_charge)
{
	struct account_refusal refusal = {.used = 77};
	struct charge before = CHARGE_INIT, charge = CHARGE_INIT;
	int r;

	ck_assert_int_eq(account_charge(&session_account, SLOT, cases[_i].used, &before, NULL), 0);
	set_limits(cases[_i].session_limit, cases[_i].uid_limit, cases[_i].daemon_limit);
	r = account_charge(&session_account, SLOT, cases[_i].wanted, &charge, &refusal);
	ck_assert_msg(r == cases[_i].result, "%s: %d", cases[_i].what, r);

	if (r < 0) {
		ck_assert_ptr_null(charge.account);
		ck_assert_pstr_eq(refusal.quota, cases[_i].quota);
		ck_assert_uint_eq(refusal.used, cases[_i].used);
		ck_assert_uint_eq(refusal.wanted, cases[_i].wanted);
		ck_assert_uint_eq(refusal.limit, cases[_i].limit);
		assert_used(cases[_i].used);
	} else {
		ck_assert_uint_eq(refusal.used, 77);
		assert_used(cases[_i].used + cases[_i].wanted);
	}
	charge_release(&charge);
	assert_used(cases[_i].used);
	charge_release(&before);
	account_deinit(&session_account);
	account_deinit(&uid_account);
	account_deinit(&daemon_account);
}
END_TEST

START_TEST(test_slots_are_apart)
{
	struct charge charge;

	set_limits(1, 1, 1);
	ck_assert_int_eq(account_charge(&session_account, SLOT + 1, 10, &charge, NULL), 0);
	assert_used(0);
	ck_assert_uint_eq(daemon_account.used[SLOT + 1], 10);
	charge_release(&charge);
	ck_assert_uint_eq(daemon_account.used[SLOT + 1], 0);
}
END_TEST

START_TEST(test_siblings_share_the_parent)
{
	struct charge mine = CHARGE_INIT, theirs = CHARGE_INIT;
	struct account sibling;

	account_init(&sibling, &uid_account, session_quotas);
	uid_account.limit[SLOT] = 10;
	ck_assert_int_eq(account_charge(&session_account, SLOT, 8, &mine, NULL), 0);
	ck_assert_int_eq(account_charge(&sibling, SLOT, 3, &theirs, NULL), -EDQUOT);
	charge_release(&mine);
	ck_assert_int_eq(account_charge(&sibling, SLOT, 3, &theirs, NULL), 0);
	ck_assert_uint_eq(session_account.used[SLOT], 0);
	ck_assert_uint_eq(uid_account.used[SLOT], 3);
	charge_release(&theirs);
}
END_TEST

START_TEST(test_release_twice)
{
	struct charge kept, charge;

	ck_assert_int_eq(account_charge(&session_account, SLOT, 4, &kept, NULL), 0);
	ck_assert_int_eq(account_charge(&session_account, SLOT, 4, &charge, NULL), 0);
	charge_release(&charge);
	charge_release(&charge);
	assert_used(4);
	charge_release(&kept);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("account");
	TCase *tcase = tcase_create("account");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, test_charge, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, test_slots_are_apart);
	tcase_add_test(tcase, test_siblings_share_the_parent);
	tcase_add_test(tcase, test_release_twice);
	suite_add_tcase(suite, tcase);

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
