/* SPDX-License-Identifier: MIT */
/* Who gets which class: rules in order, one condition at a time, and what a client may ask for. */
#include "sessions/class.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* The rule under test gives "hit", everybody else is "default"; "open" may be asked for. */
static struct class test_classes[] = {
	{.name = "default"}, {.name = "hit"}, {.name = "open", .is_requestable = true}};

static const char *class_of(const struct match_rule *rule, const struct identity *identity,
			    const char *wanted, int *ret_error)
{
	struct match_rule rules[] = {*rule, {.class_index = 0}};
	struct session_policy policy = {.classes = test_classes,
					.n_classes = N_ELEMENTS(test_classes),
					.rules = rules,
					.n_rules = N_ELEMENTS(rules)};
	const struct class *class = NULL;

	*ret_error = session_policy_match(&policy, identity, wanted, &class);
	return class ? class->name : NULL;
}

static struct identity somebody(void)
{
	return (struct identity){
		.uid = 1000,
		.gid = 100,
		.pid = 4711,
		.n_groups = 2,
		.groups = {100, 44},
		.comm = "detector",
		.cgroup = "/system.slice/nvr.service",
		.socket = "/run/npud/npud.sock",
	};
}

static const struct {
	const char *description;
	struct match_rule rule;
	bool fits;
} rule_cases[] = {
	{"uid", {.has_uid = true, .uid = 1000}, true},
	{"another uid", {.has_uid = true, .uid = 1001}, false},
	{"uid 0 is a uid like others", {.has_uid = true, .uid = 0}, false},
	{"primary group", {.has_gid = true, .gid = 100}, true},
	{"supplementary group", {.has_gid = true, .gid = 44}, true},
	{"foreign group", {.has_gid = true, .gid = 45}, false},
	{"an unused slot of the groups is no group", {.has_gid = true, .gid = 0}, false},
	{"the cgroup itself", {.cgroup = "/system.slice/nvr.service"}, true},
	{"a cgroup above", {.cgroup = "/system.slice"}, true},
	{"a cgroup above, with a slash", {.cgroup = "/system.slice/"}, true},
	{"the root cgroup", {.cgroup = "/"}, true},
	{"a cgroup whose name only starts alike", {.cgroup = "/system.slice/nvr"}, false},
	{"a cgroup below", {.cgroup = "/system.slice/nvr.service/worker"}, false},
	{"comm", {.comm = "detector"}, true},
	{"comm is no prefix", {.comm = "detect"}, false},
	{"socket", {.socket = "/run/npud/npud.sock"}, true},
	{"another socket", {.socket = "/run/npud/guest.sock"}, false},
	{"two conditions that fit", {.has_uid = true, .uid = 1000, .comm = "detector"}, true},
	{"one of two does not fit", {.has_uid = true, .uid = 1000, .comm = "events"}, false},
};

START_TEST(rule_conditions)
{
	struct match_rule rule = rule_cases[_i].rule;
	struct identity identity = somebody();
	int error;
	const char *name;

	rule.class_index = 1;
	name = class_of(&rule, &identity, "", &error);
	ck_assert_int_eq(error, 0);
	ck_assert_msg(strcmp(name, rule_cases[_i].fits ? "hit" : "default") == 0, "%s: got %s",
		      rule_cases[_i].description, name);
}
END_TEST

START_TEST(unknown_cgroup_is_in_none)
{
	struct match_rule rule = {.cgroup = "/", .class_index = 1};
	struct identity identity = somebody();
	int error;

	identity.cgroup[0] = '\0';
	ck_assert_str_eq(class_of(&rule, &identity, "", &error), "default");
}
END_TEST

static const struct {
	const char *description, *wanted, *name;
	int error;
} wanted_cases[] = {
	{"nothing asked for", "", "hit", 0},
	{"a class that is open", "open", "open", 0},
	{"a class that is not", "default", NULL, -EPERM},
	{"what the rules give anyway", "hit", "hit", 0},
	{"no such class", "nonsense", NULL, -ENOENT},
};

START_TEST(wanted_classes)
{
	struct match_rule rule = {.has_uid = true, .uid = 1000, .class_index = 1};
	struct identity identity = somebody();
	int error;
	const char *name = class_of(&rule, &identity, wanted_cases[_i].wanted, &error);

	ck_assert_int_eq(error, wanted_cases[_i].error);
	ck_assert_pstr_eq(name, wanted_cases[_i].name);
}
END_TEST

START_TEST(first_rule_wins)
{
	struct match_rule rules[] = {{.comm = "detector", .class_index = 2},
				     {.has_uid = true, .uid = 1000, .class_index = 1},
				     {.class_index = 0}};
	struct session_policy policy = {.classes = test_classes,
					.n_classes = N_ELEMENTS(test_classes),
					.rules = rules,
					.n_rules = N_ELEMENTS(rules)};
	struct identity identity = somebody();
	const struct class *class;

	ck_assert_int_eq(session_policy_match(&policy, &identity, "", &class), 0);
	ck_assert_str_eq(class->name, "open");
}
END_TEST

START_TEST(default_policy)
{
	struct session_policy policy;
	struct identity identity = somebody();
	const struct class *class;

	ck_assert_int_eq(session_policy_init_default(&policy, 3), 0);
	ck_assert_int_eq(session_policy_match(&policy, &identity, "", &class), 0);
	ck_assert_str_eq(class->name, "default");
	ck_assert_uint_eq(class->queue.core_mask, 7);
	ck_assert_uint_eq(class->queue.max_cores, 3);
	ck_assert(class->queue.weight == 1);
	ck_assert(!class->is_requestable && !class->queue.has_own_cores);
	ck_assert_uint_eq(policy.quota.bytes_per_session, 1ull << 30);
	ck_assert(!policy.has_admin_gid);
	session_policy_deinit(&policy);
	ck_assert_ptr_null(policy.classes);
	session_policy_deinit(&policy);
}
END_TEST

START_TEST(groups)
{
	struct identity identity = somebody();

	ck_assert(identity_in_group(&identity, 100));
	ck_assert(identity_in_group(&identity, 44));
	ck_assert(!identity_in_group(&identity, 0));
	identity.n_groups = 0;
	ck_assert(identity_in_group(&identity, 100));
	ck_assert(!identity_in_group(&identity, 44));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("class");
	TCase *cases = tcase_create("class");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_loop_test(cases, rule_conditions, 0, N_ELEMENTS(rule_cases));
	tcase_add_loop_test(cases, wanted_classes, 0, N_ELEMENTS(wanted_cases));
	tcase_add_test(cases, unknown_cgroup_is_in_none);
	tcase_add_test(cases, first_rule_wins);
	tcase_add_test(cases, default_policy);
	tcase_add_test(cases, groups);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
