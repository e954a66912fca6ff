/* SPDX-License-Identifier: MIT */
/* Policies meet a device whose driver chooses the core of each job. */
#include "config_text.h"

#include "daemon/config_device.h"
#include "scheduler/policy.h"

#include <errno.h>
#include <stdlib.h>

static const struct device_caps blind = {.name = "blind",
					 .n_cores = 3,
					 .n_domains = DEVICE_DOMAINS_UNBOUNDED,
					 .domain_cores = 1,
					 .is_core_blind = true};

static const struct {
	const char *text, *message;
} unfit_blind_cases[] = {
	{"{\"scheduler\": {\"policy\": \"pinned\", \"fallback\": \"gang\"}}",
	 "p.json: scheduler.fallback: 'gang' needs cores that start together, and the device "
	 "'blind' has none (allowed: round-robin, fair, deadline)"},
	{"{\"scheduler\": {\"policy\": \"gang\", \"fallback\": \"pinned\"}}",
	 "p.json: scheduler.fallback: 'pinned' needs cores that npud chooses, and the device "
	 "'blind' has none"},
	{"{\"classes\": {\"a\": {\"cores\": [1]}}}",
	 "p.json: classes.a.cores: on the device 'blind' the driver chooses the core of each job"},
	{"{\"scheduler\": {\"policy\": \"deadline\"}, \"classes\": {\"a\": {\"kind\": \"rt\","
	 " \"period_ms\": 10, \"run_ms\": 11}}}",
	 "p.json: classes.a.run_ms: 11 ms take 1.100 cores, and a session of the device 'blind' "
	 "runs on 1 at a time"},
};

START_TEST(unfit_where_the_driver_chooses_cores)
{
	parse_good(unfit_blind_cases[_i].text);
	ck_assert_int_eq(config_fit_device("p.json", &blind, &config, &error), -EINVAL);
	ck_assert_msg(strstr(error.text, unfit_blind_cases[_i].message), "%s", error.text);
}
END_TEST

START_TEST(fallback_where_the_driver_chooses_cores)
{
	char *printed;

	parse_good("{\"scheduler\": {\"policy\": \"pinned\", \"fallback\": \"fair\"}, \"domains\":"
		   " {\"scope\": \"uid\"}}");
	ck_assert_int_eq(config_fit_device("p.json", &blind, &config, &error), 0);
	ck_assert_ptr_eq(config.scheduler.policy, &policy_fair);
	ck_assert(is_noted("scheduler.policy: 'pinned' needs cores that npud chooses, and the"));
	ck_assert(is_noted("domains.scope: on 'blind' each session keeps its own address space"));
	/* All cores of it are spelled out, and may be. */
	printed = json_dumps(config.effective, 0);
	config_deinit(&config);
	parse_good(printed);
	ck_assert_int_eq(config_fit_device("p.json", &blind, &config, &error), 0);
	free(printed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_device");
	TCase *cases = tcase_create("cases");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_loop_test(cases, unfit_where_the_driver_chooses_cores, 0,
			    sizeof(unfit_blind_cases) / sizeof(unfit_blind_cases[0]));
	tcase_add_test(cases, fallback_where_the_driver_chooses_cores);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
