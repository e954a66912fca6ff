/* SPDX-License-Identifier: MIT */
/* The policy file's classes: what they become. */
#include "daemon/config.h"
#include "scheduler/policy.h"
#include "tests/unit/config_text.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A class has the policy's quotas but for those that it names itself. */
START_TEST(class_quotas)
{
	const struct class *classes;

	parse_good("{\"quota\": {\"bos_per_session\": 9, \"jobs_per_session\": 5}, \"classes\":"
		   " {\"a\": {\"quota\": {\"bos_per_session\": 2, \"requests_per_s\": 100}},"
		   " \"b\": {}}, \"match\": [{\"class\": \"b\"}]}");
	classes = config.sessions.classes;
	ck_assert_str_eq(classes[0].name, "a");
	ck_assert(classes[0].has_quota && !classes[1].has_quota);
	ck_assert_uint_eq(classes[0].quota.bos_per_session, 2);
	ck_assert_uint_eq(classes[0].quota.jobs_per_session, 5);
	ck_assert_uint_eq(classes[0].quota.requests_per_s, 100);
	ck_assert_uint_eq(config.sessions.quota.bos_per_session, 9);
	ck_assert_uint_eq(config.sessions.quota.requests_per_s, 0);
}
END_TEST

START_TEST(class_params)
{
	const struct class *class;

	parse_good("{\"classes\": {\"a\": {\"kind\": \"rt\", \"weight\": 8, \"cores\": [0, 2],"
		   " \"max_cores\": 2, \"core_mask\": \"wish\", \"requestable\": true,"
		   " \"watchdog_cap_ms\": 70},"
		   " \"b\": {\"kind\": \"background\", \"core_mask\": \"ignore\"},"
		   " \"c\": {\"kind\": \"background\", \"weight\": 3}}}");
	ck_assert_uint_eq(config.sessions.n_classes, 4);
	class = &config.sessions.classes[0];
	ck_assert_str_eq(class->name, "a");
	ck_assert_int_eq(class->kind, CLASS_RT);
	ck_assert(class->is_requestable && class->queue.has_own_cores);
	ck_assert(class->queue.weight == 8);
	ck_assert_uint_eq(class->queue.core_mask, 5);
	ck_assert_uint_eq(class->queue.max_cores, 2);
	ck_assert_int_eq(class->queue.core_mask_rule, CORE_MASK_WISH);
	ck_assert_uint_eq(class->queue.watchdog_cap_ns, 70000000);
	class = &config.sessions.classes[1];
	ck_assert_int_eq(class->kind, CLASS_BACKGROUND);
	ck_assert_int_eq(class->queue.core_mask_rule, CORE_MASK_IGNORE);
	ck_assert(class->queue.weight == 0.25);
	ck_assert(config.sessions.classes[2].queue.weight == 3);
	/* without rules everybody is "default", which was added */
	ck_assert_str_eq(config.sessions.classes[3].name, "default");
	ck_assert_uint_eq(config.sessions.n_rules, 1);
	ck_assert_uint_eq(config.sessions.rules[0].class_index, 3);
}
END_TEST

START_TEST(class_scheduling)
{
	const struct queue_params *a, *b;

	parse_good("{\"scheduler\": {\"policy\": \"fair\", \"ageing_ms\": 250}, \"classes\": {"
		   "\"a\": {\"priority\": 7, \"late\": \"demote\", \"policy\": \"gang\"},"
		   "\"b\": {\"policy\": \"fair\"},"
		   "\"c\": {\"policy\": \"pinned\", \"cores\": [1]}}}");
	a = &config.sessions.classes[0].queue;
	b = &config.sessions.classes[1].queue;
	ck_assert_uint_eq(config.scheduler.ageing_ns, 250000000);
	ck_assert_uint_eq(a->priority, 7);
	ck_assert_int_eq(a->late_rule, LATE_DEMOTE);
	ck_assert_ptr_eq(a->order, &policy_gang);
	ck_assert_uint_eq(b->priority, 0);
	ck_assert_int_eq(b->late_rule, LATE_DROP);
	ck_assert_ptr_null(b->order);
	ck_assert_uint_eq(b->gang_widths, 1 << 1 | 1 << 2 | 1 << 3);
	ck_assert_ptr_eq(config.sessions.classes[2].queue.order, &policy_pinned);
	ck_assert_uint_eq(json_array_size(config.not_in_effect), 0);
}
END_TEST

START_TEST(contract)
{
	const struct queue_params *queue;

	parse_good("{\"scheduler\": {\"policy\": \"deadline\", \"rt_cap\": 0.5}, \"classes\": {"
		   "\"a\": {\"kind\": \"rt\", \"period_ms\": 33.3, \"run_ms\": 12.5,"
		   " \"gang_widths\": [1, 3]}}}");
	queue = &config.sessions.classes[0].queue;
	ck_assert(config.scheduler.rt_cap == 0.5);
	ck_assert_uint_eq(queue->period_ns, 33300000);
	ck_assert_uint_eq(queue->deadline_ns, 33300000);
	ck_assert_uint_eq(queue->run_ns, 12500000);
	ck_assert_uint_eq(queue->gang_widths, 1 << 1 | 1 << 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_classes");
	TCase *cases = tcase_create("config_classes");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, class_quotas);
	tcase_add_test(cases, class_params);
	tcase_add_test(cases, class_scheduling);
	tcase_add_test(cases, contract);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
