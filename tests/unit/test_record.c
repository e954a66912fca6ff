/* SPDX-License-Identifier: MIT */
/* Strikes: what they lead to, how they go away, and that a table of them has an end. */
#include "sessions/record.h"

#include "base/clock.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define NOW (100 * NS_PER_S)

static struct records records;
static struct quarantine rules;

static void set_up(void)
{
	records_init(&records);
	rules = quarantine_default();
}

static void tear_down(void)
{
	records_deinit(&records);
	ck_assert_uint_eq(records.n, 0);
}

static struct identity identity_of(uid_t uid, const char *cgroup)
{
	struct identity identity = {.uid = uid};

	snprintf(identity.cgroup, sizeof(identity.cgroup), "%s", cgroup);
	return identity;
}

static struct record *strike(uid_t uid, const char *cgroup, uint64_t now_ns)
{
	struct identity identity = identity_of(uid, cgroup);
	struct record *record = NULL;

	ck_assert_int_eq(records_strike(&records, &identity, &rules, now_ns, &record), 0);
	return record;
}

START_TEST(strikes_lead_from_slow_to_closed)
{
	static const struct {
		enum standing standing;
		uint64_t for_ns;
	} steps[] = {
		{STANDING_SLOW, RECORD_DECAY_NS},   {STANDING_SUSPENDED, NS_PER_S},
		{STANDING_SUSPENDED, 2 * NS_PER_S}, {STANDING_SUSPENDED, 4 * NS_PER_S},
		{STANDING_CLOSED, 8 * NS_PER_S},    {STANDING_CLOSED, 16 * NS_PER_S},
		{STANDING_CLOSED, 32 * NS_PER_S},   {STANDING_CLOSED, 64 * NS_PER_S},
		{STANDING_CLOSED, 64 * NS_PER_S},
	};
	uint64_t now_ns = NOW;

	ck_assert_int_eq(record_standing(NULL, &rules, NOW), STANDING_GOOD);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct record *record = strike(1, "/a", now_ns);

		ck_assert_int_eq(record_standing(record, &rules, now_ns), steps[i].standing);
		ck_assert_uint_eq(record_until_ns(record, &rules, now_ns),
				  now_ns + steps[i].for_ns);
		now_ns = record->held_until_ns ? record->held_until_ns : now_ns;
		ck_assert_int_eq(record_standing(record, &rules, now_ns), STANDING_SLOW);
	}
}
END_TEST

START_TEST(identities_are_kept_apart)
{
	ck_assert_ptr_ne(strike(1, "/a", NOW), strike(1, "/b", NOW));
	ck_assert_uint_eq(strike(1, "/a", NOW)->strikes, 2);
	ck_assert_uint_eq(records_find(&records, 1, "/b")->strikes, 1);
	ck_assert_ptr_null(records_find(&records, 2, "/a"));
	records_pardon(&records, records_find(&records, 1, "/a"));
	ck_assert_ptr_null(records_find(&records, 1, "/a"));
	ck_assert_ptr_nonnull(records_find(&records, 1, "/b"));
}
END_TEST

START_TEST(a_clean_minute_takes_a_strike_away)
{
	struct record *record;

	ck_assert_uint_eq(records_decay(&records, NOW), CLOCK_NEVER);
	strike(1, "", NOW);
	record = strike(1, "", NOW);
	/* The pause is no good conduct: the minute begins when it is over. */
	ck_assert_uint_eq(records_decay(&records, NOW), NOW + NS_PER_S);
	ck_assert_uint_eq(records_decay(&records, NOW + NS_PER_S),
			  NOW + NS_PER_S + RECORD_DECAY_NS);
	records_decay(&records, NOW + NS_PER_S + RECORD_DECAY_NS - 1);
	ck_assert_uint_eq(record->strikes, 2);
	records_decay(&records, NOW + NS_PER_S + RECORD_DECAY_NS);
	ck_assert_uint_eq(record->strikes, 1);
	ck_assert_uint_eq(records_decay(&records, NOW + NS_PER_S + 2 * RECORD_DECAY_NS),
			  CLOCK_NEVER);
	ck_assert_uint_eq(records.n, 0);
}
END_TEST

START_TEST(slow_until_strikes_are_few)
{
	struct record *record;

	rules.slow_after = 2;
	rules.suspend_after = rules.close_after = 10;
	for (int i = 0; i < 4; i++)
		record = strike(1, "", NOW);
	ck_assert_int_eq(record_standing(record, &rules, NOW), STANDING_SLOW);
	ck_assert_uint_eq(record_until_ns(record, &rules, NOW), NOW + 3 * RECORD_DECAY_NS);
	records_decay(&records, NOW + 3 * RECORD_DECAY_NS);
	ck_assert_int_eq(record_standing(record, &rules, NOW + 3 * RECORD_DECAY_NS), STANDING_GOOD);
}
END_TEST

/* Who makes up identities pushes out others like itself first. */
START_TEST(table_is_bounded)
{
	char cgroup[32];

	strike(1, "/first", NOW);
	strike(1, "/first", NOW);
	for (unsigned i = 0; i < 2 * RECORDS_MAX; i++) {
		snprintf(cgroup, sizeof(cgroup), "/%u", i);
		strike(2, cgroup, NOW + i);
		ck_assert_uint_le(records.n, RECORDS_MAX);
	}
	ck_assert_uint_eq(records_find(&records, 1, "/first")->strikes, 2);
	ck_assert_ptr_nonnull(records_find(&records, 2, cgroup));
	ck_assert_ptr_null(records_find(&records, 2, "/0"));
}
END_TEST

START_TEST(never_and_very_many)
{
	struct record *record;

	rules = (struct quarantine){UINT32_MAX, UINT32_MAX, UINT32_MAX, NS_PER_S, NS_PER_S};
	for (unsigned i = 0; i < STRIKES_MAX + 10; i++)
		record = strike(1, "", NOW);
	ck_assert_uint_eq(record->strikes, STRIKES_MAX);
	ck_assert_int_eq(record_standing(record, &rules, NOW), STANDING_GOOD);
	ck_assert_uint_eq(record_until_ns(record, &rules, NOW), 0);
	ck_assert_str_eq(standing_name(STANDING_CLOSED), "closed");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("record");
	TCase *tcase = tcase_create("record");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, strikes_lead_from_slow_to_closed);
	tcase_add_test(tcase, identities_are_kept_apart);
	tcase_add_test(tcase, a_clean_minute_takes_a_strike_away);
	tcase_add_test(tcase, slow_until_strikes_are_few);
	tcase_add_test(tcase, table_is_bounded);
	tcase_add_test(tcase, never_and_very_many);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
