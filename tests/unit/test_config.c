/* SPDX-License-Identifier: MIT */
/* The policy file: what is accepted, what it becomes, and what is said about what is wrong. */
#include "daemon/config.h"
#include "daemon/config_device.h"
#include "scheduler/policy.h"
#include "tests/unit/config_text.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what is wrong ---- */

static const struct {
	const char *text, *message;
} bad_cases[] = {
	/* not JSON: the line */
	{"", "p.json:1: "},
	{"{\n\"version\": 1,\n}", "p.json:3: "},
	{"{\"version\": 1} x", "p.json:1: "},
	{"{\"version\": 1, \"version\": 1}", "p.json:1: duplicate object key"},
	{"{\"version\": NaN}", "p.json:1: "},
	{"{\"watchdog\": {\"cap_ms\": 1e999}}", "p.json:1: "},
	{"{\"quota\": {\"jobs_total\": 99999999999999999999}}", "p.json:1: "},
	{"{\"description\": \"\xff\"}", "p.json:1: "},
	{"{\"description\": \"\\u0000\"}", "p.json:1: \\u0000 is in a text or a name (allowed"},
	{"{\"a\\u0000b\": 1}", "p.json:1: \\u0000 is in a text or a name (allowed"},
	/* not the document */
	{"[]", "p.json: the whole document: [] has the wrong type (allowed: an object)"},
	{"{\"version\": 2}", "p.json: version: 2 is out of range (allowed: 1)"},
	{"{\"version\": 1.0}", "p.json: version: 1 has the wrong type (allowed: 1)"},
	{"{\"verison\": 1}", "p.json: verison: unknown key (allowed: version, description, "},
	{"{\"scheduler\": {\"quantum\": 1}}",
	 "p.json: scheduler.quantum: unknown key (allowed: policy, fallback, quantum_ms, "},
	{"{\"scheduler\": []}", "p.json: scheduler: [] has the wrong type"},
	{"{\"\\n\\u001b[2J\": 1}", "p.json: \\x0a\\x1b[2J: unknown key"},
	/* wrong types */
	{"{\"description\": 1}", "p.json: description: 1 has the wrong type (allowed: text, 0 to"},
	{"{\"scheduler\": {\"admission\": 1}}",
	 "p.json: scheduler.admission: 1 has the wrong type (allowed: true or false)"},
	{"{\"scheduler\": {\"rr_quantum_ms\": \"8\"}}",
	 "p.json: scheduler.rr_quantum_ms: '8' has the wrong type (allowed: a number, 0.1 to"},
	{"{\"scheduler\": {\"rr_quantum_ms\": true}}", "true has the wrong type"},
	{"{\"scheduler\": {\"rr_quantum_ms\": null}}", "null has the wrong type"},
	{"{\"scheduler\": {\"np_cap_ms\": \"none\"}}", "'none' has the wrong type"},
	{"{\"quota\": {\"jobs_total\": 1.5}}", "p.json: quota.jobs_total: 1.5 has the wrong type"},
	{"{\"scheduler\": {\"policy\": 1}}", "p.json: scheduler.policy: 1 has the wrong type"},
	{"{\"match\": {}}", "p.json: match: an object of 0 has the wrong type"},
	{"{\"match\": [1]}", "p.json: match[0]: 1 has the wrong type (allowed: an object)"},
	{"{\"classes\": []}", "p.json: classes: [] has the wrong type"},
	{"{\"classes\": {\"a\": 1}}", "p.json: classes.a: 1 has the wrong type"},
	/* out of range */
	{"{\"classes\": {\"a\": {\"weight\": 0}}}",
	 "p.json: classes.a.weight: 0 is out of range (allowed: a number, 0.001 to 1000)"},
	{"{\"classes\": {\"a\": {\"weight\": -1}}}",
	 "p.json: classes.a.weight: -1 is out of range"},
	{"{\"classes\": {\"a\": {\"cores\": []}}}", "p.json: classes.a.cores: [] is out"},
	{"{\"classes\": {\"a\": {\"cores\": [3]}}}",
	 "p.json: classes.a.cores: [3] is out of range (allowed: a list of different whole "},
	{"{\"classes\": {\"a\": {\"cores\": [-1]}}}", "p.json: classes.a.cores: [-1] is out"},
	{"{\"classes\": {\"a\": {\"cores\": [1, 1]}}}", "different whole numbers, 0 to 2)"},
	{"{\"classes\": {\"a\": {\"cores\": [0.5]}}}", "p.json: classes.a.cores: [0.5] has"},
	{"{\"classes\": {\"a\": {\"max_cores\": 4}}}", "p.json: classes.a.max_cores: 4 is out"},
	{"{\"classes\": {\"a\": {\"core_mask\": \"maybe\"}}}",
	 "'maybe' is not known (allowed: demand, wish, ignore)"},
	{"{\"scheduler\": {\"policy\": \"lottery\"}}",
	 "p.json: scheduler.policy: 'lottery' is not known (allowed: round-robin, pinned, gang, "},
	{"{\"quota\": {\"bytes_per_session\": 0}}", "p.json: quota.bytes_per_session: 0 is out"},
	{"{\"classes\": {\"default\": {\"quota\": {\"jobs_total\": 1}}}}",
	 "classes.default.quota.jobs_total"},
	{"{\"quota\": {\"tasks_per_job\": 65536}}", "(allowed: a whole number, 1 to 65535)"},
	{"{\"classes\": {\"two words\": {}}}",
	 "p.json: classes.two words: bad name (allowed: 1 to"},
	{"{\"classes\": {\"\": {}}}", "bad name"},
	{"{\"classes\": {\"a23456789012345678901234567890123\": {}}}", "bad name"},
	{"{\"match\": []}", "p.json: match: [] is out of range (allowed: a list of 1 to"},
	{"{\"classes\": {}, \"match\": [{\"class\": \"a\"}]}",
	 "p.json: classes: an object of 0 is"},
	/* keys that come later are checked all the same */
	{"{\"domains\": {\"scope\": \"planet\"}}", "p.json: domains.scope: 'planet' is not known"},
	{"{\"watchdog\": {\"strikes\": 0}}", "p.json: watchdog.strikes: 0 is out of range"},
	{"{\"watchdog\": {\"slow_after\": 3}}",
	 "p.json: watchdog.slow_after: 3 is out of range (allowed: up to suspend_after, 2)"},
	{"{\"watchdog\": {\"suspend_after\": 0}}",
	 "p.json: watchdog.suspend_after: 0, never, is out of range (allowed: up to "
	 "close_after, 5)"},
	{"{\"incidents\": {\"directory\": \"x\"}}",
	 "p.json: incidents.directory: 'x' is not allowed (allowed: an absolute path"},
	{"{\"classes\": {\"a\": {\"late\": \"weep\"}}}", "(allowed: drop, demote, run)"},
	{"{\"classes\": {\"a\": {\"priority\": 1001}}}",
	 "p.json: classes.a.priority: 1001 is out of range (allowed: a whole number, 0 to 1000)"},
	{"{\"classes\": {\"a\": {\"policy\": \"pinned\"}}}",
	 "p.json: classes.a.policy: 'pinned' inside 'fair' needs cores to keep to (allowed: with "},
	/* two keys at once */
	{"{\"watchdog\": {\"floor_ms\": 30, \"cap_ms\": 20}}",
	 "p.json: watchdog.floor_ms: 30 is out of range (allowed: up to cap_ms, 20)"},
	{"{\"device\": {\"total_bandwidth\": 5}}",
	 "p.json: device.total_bandwidth: 5 is out of range (allowed: core_bandwidth, 10, and"},
	{"{\"device\": {\"name\": \"tpu\"}}", "p.json: device.name: 'tpu' is not known"},
	/* masks that leave nothing */
	{"{\"classes\": {\"a\": {\"cores\": [2], \"max_cores\": 2}}}",
	 "p.json: classes.a.max_cores: 2 is more than its cores, [2] (allowed: 1 to 1)"},
	{"{\"classes\": {\"a\": {\"max_cores\": 1, \"gang_widths\": [3, 2]}}}",
	 "p.json: classes.a.gang_widths: no width of it fits its cores and max_cores (allowed: at "
	 "least "
	 "one "},
	/* contracts */
	{"{\"classes\": {\"a\": {\"kind\": \"rt\", \"run_ms\": 4}}}",
	 "p.json: classes.a.run_ms: 4 is reserved in no period (allowed: with 'period_ms')"},
	{"{\"classes\": {\"a\": {\"period_ms\": 4}}}",
	 "p.json: classes.a.period_ms: the kind 'normal' has no contract (allowed: with 'kind' "
	 "rt)"},
	{"{\"classes\": {\"a\": {\"kind\": \"rt\", \"period_ms\": 20, \"run_ms\": 4}}}",
	 "p.json: classes.a.run_ms: 'fair' cannot keep a reservation (allowed: with scheduler."},
	{"{\"scheduler\": {\"policy\": \"deadline\"}, \"classes\": {\"a\": {\"kind\": \"rt\","
	 " \"period_ms\": 40, \"deadline_ms\": 20, \"run_ms\": 21, \"max_cores\": 1}}}",
	 "p.json: classes.a.run_ms: 21 does not fit before the deadline (allowed: up to 20, "},
	{"{\"scheduler\": {\"policy\": \"deadline\"}, \"classes\": {"
	 "\"a\": {\"kind\": \"rt\", \"period_ms\": 10, \"run_ms\": 14},"
	 " \"b\": {\"kind\": \"rt\", \"period_ms\": 33.3, \"run_ms\": 40}}}",
	 "p.json: classes.b.run_ms: 40 every 33.3 ms takes 1.201 cores, and the classes before it "
	 "leave 1 (allowed: up to 33.3; rt_cap, 0.8, of 3 cores are for one session of each "
	 "class)"},
	/* match */
	{"{\"match\": [{}]}", "p.json: match[0].class: missing (allowed: text, 1 to 31 bytes)"},
	{"{\"match\": [{\"class\": \"a\"}]}",
	 "p.json: match[0].class: no class 'a' (allowed: default)"},
	{"{\"match\": [{\"uid\": 0, \"class\": \"default\"}]}",
	 "p.json: match[0]: the last rule must fit everybody"},
	{"{\"match\": [{\"class\": \"default\"}, {\"class\": \"default\"}]}",
	 "p.json: match[0]: fits everybody, so the rules after it are never reached"},
	{"{\"match\": [{\"cgroup\": \"a\", \"class\": \"default\"}, {\"class\": \"default\"}]}",
	 "p.json: match[0].cgroup: 'a' does not start with /"},
	{"{\"match\": [{\"comm\": \"/bin/a\", \"class\": \"default\"}, {\"class\": \"default\"}]}",
	 "p.json: match[0].comm: '/bin/a' is a path"},
	{"{\"match\": [{\"uid\": -1, \"class\": \"default\"}, {\"class\": \"default\"}]}",
	 "p.json: match[0].uid: -1 is out of range"},
	{"{\"match\": [{\"uid\": 4294967295, \"class\": \"default\"}, {\"class\": \"default\"}]}",
	 "or a whole number, 0 to 4294967294)"},
	{"{\"match\": [{\"user\": 1, \"class\": \"default\"}]}",
	 "p.json: match[0].user: unknown key (allowed: uid, gid, cgroup, comm, socket, class)"},
	{"{\"admin_group\": true}", "p.json: admin_group: true has the wrong type"},
};

START_TEST(quarantine_thresholds)
{
	static const struct {
		const char *keys;
		unsigned slow, suspend, close;
	} rows[] = {
		{"", 1, 2, 5},
		{"\"strikes\": 3", 1, 2, 3},
		{"\"strikes\": 1", 1, 1, 1},
		{"\"strikes\": 3, \"close_after\": 9", 1, 2, 9},
		{"\"slow_after\": 4, \"suspend_after\": 4", 4, 4, 5},
		{"\"close_after\": 0", 1, 2, UINT_MAX},
		{"\"slow_after\": 0, \"suspend_after\": 0, \"close_after\": 0", UINT_MAX, UINT_MAX,
		 UINT_MAX},
	};
	char text[256];

	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		snprintf(text, sizeof(text), "{\"watchdog\": {%s}}", rows[i].keys);
		parse_good(text);
		ck_assert_uint_eq(config.sessions.quarantine.slow_after, rows[i].slow);
		ck_assert_uint_eq(config.sessions.quarantine.suspend_after, rows[i].suspend);
		ck_assert_uint_eq(config.sessions.quarantine.close_after, rows[i].close);
		config_deinit(&config);
	}
	parse_good("{\"watchdog\": {\"quarantine_ms\": 0, \"quarantine_max_ms\": 5}}");
	ck_assert_uint_eq(config.sessions.quarantine.pause_ns, 0);
	ck_assert_uint_eq(config.sessions.quarantine.pause_max_ns, 5000000);
}
END_TEST

START_TEST(bad)
{
	int r = parse(bad_cases[_i].text);

	ck_assert_msg(r == -EINVAL, "%s: %d", bad_cases[_i].text, r);
	ck_assert_msg(strstr(error.text, bad_cases[_i].message), "%s: '%s' is not in '%s'",
		      bad_cases[_i].text, bad_cases[_i].message, error.text);
	ck_assert_ptr_null(config.effective);
	for (const char *c = error.text; *c; c++)
		ck_assert_msg(*c >= 0x20 && *c < 0x7f, "%s", error.text);
}
END_TEST

START_TEST(bad_leaves_the_old_one)
{
	json_t *effective;

	parse_good("{\"watchdog\": {\"cap_ms\": 123}}");
	effective = config.effective;
	ck_assert_int_eq(parse("{\"watchdog\": {\"cap_ms\": 456}, \"x\": 1}"), -EINVAL);
	ck_assert_ptr_eq(config.effective, effective);
	ck_assert_uint_eq(config.scheduler.watchdog.cap_ns, 123000000);
}
END_TEST

START_TEST(deep_nesting)
{
	static char text[200000];

	memset(text, '[', sizeof(text) - 1);
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "p.json:1: maximum parsing depth reached"));
}
END_TEST

START_TEST(too_long)
{
	size_t size = (1 << 20) + 2;
	char *text = malloc(size);

	memset(text, ' ', size);
	ck_assert_int_eq(config_parse("p.json", text, size, &config, &error), -EINVAL);
	ck_assert_str_eq(error.text, "p.json: is longer than 1048576 bytes");
	free(text);
}
END_TEST

START_TEST(long_texts_are_cut)
{
	char letters[5000], text[6000];

	memset(letters, 'k', sizeof(letters) - 1);
	letters[sizeof(letters) - 1] = '\0';
	snprintf(text, sizeof(text), "{\"%s\": 1}", letters);
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "kkk: unknown key"));
	snprintf(text, sizeof(text), "{\"description\": \"%s\"}", letters);
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "kkk'... is out of range (allowed: text, 0 to"));
}
END_TEST

/* ---- what it becomes ---- */

START_TEST(defaults)
{
	struct scheduler_config scheduler = scheduler_config_default();
	struct soft_options soft = soft_options_default();
	struct quota quota = quota_default();
	const struct class *class;

	ck_assert_int_eq(config_init_default(&config), 0);
	ck_assert_int_eq(config.device, CONFIG_DEVICE_AUTO);
	ck_assert_int_eq(config.soft.clock, soft.clock);
	ck_assert(config.soft.core_bandwidth == soft.core_bandwidth);
	ck_assert(config.soft.total_bandwidth == soft.total_bandwidth);
	ck_assert_ptr_eq(config.scheduler.policy, &policy_fair);
	ck_assert_uint_eq(config.scheduler.rr_quantum_ns, scheduler.rr_quantum_ns);
	ck_assert_uint_eq(config.scheduler.min_charge_ns, scheduler.min_charge_ns);
	ck_assert_mem_eq(&config.scheduler.watchdog, &scheduler.watchdog,
			 sizeof(scheduler.watchdog));
	ck_assert_mem_eq(&config.sessions.quota, &quota, sizeof(quota));
	ck_assert_uint_eq(config.sessions.n_classes, 1);
	ck_assert_uint_eq(config.sessions.n_rules, 1);
	ck_assert(!config.sessions.has_admin_gid);
	class = &config.sessions.classes[0];
	ck_assert_str_eq(class->name, "default");
	ck_assert_uint_eq(class->queue.core_mask, 7);
	ck_assert_uint_eq(class->queue.max_cores, 3);
	ck_assert(class->queue.weight == 1 && !class->queue.has_own_cores);
	ck_assert_uint_eq(class->queue.watchdog_cap_ns, 0);
	ck_assert_ptr_eq(config.scheduler.policy, &policy_fair);
	ck_assert_uint_eq(json_array_size(config.not_in_effect), 0);
}
END_TEST

START_TEST(device)
{
	parse_good("{\"device\": {\"name\": \"timing\", \"soft_clock\": \"rk3588\","
		   " \"core_bandwidth\": 7.5, \"total_bandwidth\": 15}}");
	ck_assert_int_eq(config.device, CONFIG_DEVICE_TIMING);
	ck_assert_int_eq(config.soft.clock, SOFT_CLOCK_RK3588);
	ck_assert(config.soft.core_bandwidth == 7.5 && config.soft.total_bandwidth == 15);
}
END_TEST

START_TEST(scheduler)
{
	parse_good("{\"scheduler\": {\"policy\": \"pinned\", \"rr_quantum_ms\": 2.5,"
		   " \"min_charge_ms\": 0.001}, \"watchdog\": {\"floor_ms\": 5, \"cap_ms\": 500,"
		   " \"unknown_ms\": 0.25e3}}");
	ck_assert_ptr_eq(config.scheduler.policy, &policy_pinned);
	ck_assert_uint_eq(config.scheduler.rr_quantum_ns, 2500000);
	ck_assert_uint_eq(config.scheduler.min_charge_ns, 1000);
	ck_assert_uint_eq(config.scheduler.watchdog.floor_ns, 5000000);
	ck_assert_uint_eq(config.scheduler.watchdog.cap_ns, 500000000);
	ck_assert_uint_eq(config.scheduler.watchdog.unknown_ns, 250000000);
	ck_assert_uint_eq(json_array_size(config.not_in_effect), 0);
}
END_TEST

START_TEST(quotas)
{
	const struct quota *quota = &config.sessions.quota;

	parse_good("{\"quota\": {\"bytes_per_session\": 1048576, \"bos_per_session\": 1,"
		   " \"iova_bytes_per_session\": 8192,"
		   " \"fences_per_session\": 0, \"jobs_per_session\": 2, \"jobs_per_tenant\": 3,"
		   " \"jobs_total\": 4, \"tasks_per_job\": 5, \"sessions_per_uid\": 6,"
		   " \"requests_per_s\": 7}}");
	ck_assert_uint_eq(quota->bytes_per_session, 1048576);
	ck_assert_uint_eq(quota->iova_bytes_per_session, 8192);
	ck_assert_uint_eq(quota->bos_per_session, 1);
	ck_assert_uint_eq(quota->fences_per_session, 0);
	ck_assert_uint_eq(quota->jobs_per_session, 2);
	ck_assert_uint_eq(quota->jobs_per_tenant, 3);
	ck_assert_uint_eq(quota->jobs_total, 4);
	ck_assert_uint_eq(quota->tasks_per_job, 5);
	ck_assert_uint_eq(quota->sessions_per_uid, 6);
	ck_assert_uint_eq(quota->requests_per_s, 7);
}
END_TEST

START_TEST(match)
{
	const struct match_rule *rule;

	parse_good("{\"classes\": {\"a\": {}, \"b\": {}}, \"match\": ["
		   "{\"uid\": 7, \"gid\": 8, \"cgroup\": \"/x\", \"comm\": \"y\","
		   " \"socket\": \"/z\", \"class\": \"b\"},"
		   "{\"uid\": \"root\", \"class\": \"a\"}, {\"class\": \"b\"}]}");
	ck_assert_uint_eq(config.sessions.n_rules, 3);
	rule = &config.sessions.rules[0];
	ck_assert(rule->has_uid && rule->uid == 7 && rule->has_gid && rule->gid == 8);
	ck_assert_str_eq(rule->cgroup, "/x");
	ck_assert_str_eq(rule->comm, "y");
	ck_assert_str_eq(rule->socket, "/z");
	ck_assert_uint_eq(rule->class_index, 1);
	rule = &config.sessions.rules[1];
	ck_assert(rule->has_uid && rule->uid == 0 && !rule->has_gid);
	ck_assert_uint_eq(rule->class_index, 0);
	ck_assert(!config.sessions.rules[2].has_uid);
}
END_TEST

START_TEST(unknown_users)
{
	parse_good("{\"admin_group\": \"no such\\ngroup\", \"match\": ["
		   "{\"uid\": \"no such user\", \"class\": \"default\"},"
		   "{\"gid\": \"no such group\", \"class\": \"default\"},"
		   "{\"uid\": 1, \"class\": \"default\"}, {\"class\": \"default\"}]}");
	ck_assert_uint_eq(config.sessions.n_rules, 2);
	ck_assert(config.sessions.rules[0].has_uid && !config.sessions.rules[0].has_gid);
	ck_assert_uint_eq(config.sessions.rules[0].uid, 1);
	ck_assert(!config.sessions.has_admin_gid);
	ck_assert(is_noted("match[0].uid: no user 'no such user' on this machine"));
	ck_assert(is_noted("match[1].gid: no group 'no such group' on this machine"));
	ck_assert(is_noted("admin_group: no group 'no such\\x0agroup' on this machine"));
}
END_TEST

START_TEST(admin_group)
{
	parse_good("{\"admin_group\": \"root\"}");
	ck_assert(config.sessions.has_admin_gid && config.sessions.admin_gid == 0);
	config_deinit(&config);
	parse_good("{\"admin_group\": 4294967294}");
	ck_assert(config.sessions.has_admin_gid && config.sessions.admin_gid == 4294967294);
}
END_TEST

/* Once, where it stands; the classes and keys beside it are in effect. */
START_TEST(later_keys_are_noted)
{
	parse_good("{\"scheduler\": {\"commit_ahead_ms\": 4, \"quantum_ms\": 8}}");
	ck_assert_uint_eq(json_array_size(config.not_in_effect), 1);
	ck_assert(is_noted("scheduler.commit_ahead_ms: "));
}
END_TEST

START_TEST(watchdog_cap_holds)
{
	parse_good("{\"watchdog\": {\"cap_ms\": 1000, \"unknown_ms\": 2000}}");
	ck_assert_uint_eq(json_array_size(config.not_in_effect), 1);
	ck_assert(is_noted("watchdog.unknown_ms: 2000 is above cap_ms, 1000, which holds"));
	config_deinit(&config);
	/* The default gives way without a word. */
	parse_good("{\"watchdog\": {\"cap_ms\": 1000}}");
	ck_assert_uint_eq(json_array_size(config.not_in_effect), 0);
	ck_assert_uint_eq(config.scheduler.watchdog.unknown_ns, 1000000000);
}
END_TEST

static const char *const all_policies[] = {"round-robin", "pinned", "gang", "fair", "deadline"};

START_TEST(policies)
{
	char text[100];

	snprintf(text, sizeof(text), "{\"scheduler\": {\"policy\": \"%s\"}}", all_policies[_i]);
	parse_good(text);
	ck_assert_str_eq(config.scheduler.policy->name, all_policies[_i]);
	ck_assert_uint_eq(json_array_size(config.not_in_effect), 0);
}
END_TEST

/* The effective policy is itself a policy file, and means the same. */
START_TEST(effective_round_trip)
{
	struct queue_params queue;
	json_t *first, *classes;
	char *text;

	parse_good("{\"classes\": {\"a\": {\"kind\": \"background\"}, \"b\": {\"cores\": [1]}},"
		   " \"match\": [{\"gid\": 5, \"class\": \"b\"}, {\"class\": \"a\"}]}");
	queue = config.sessions.classes[0].queue;
	first = json_incref(config.effective);
	text = json_dumps(first, 0);
	config_deinit(&config);
	parse_good(text);
	ck_assert(json_equal(first, config.effective));
	ck_assert_mem_eq(&queue, &config.sessions.classes[0].queue, sizeof(queue));
	classes = json_object_get(first, "classes");
	ck_assert(json_real_value(json_object_get(json_object_get(classes, "a"), "weight")) ==
		  0.25);
	ck_assert_ptr_nonnull(strstr(text, "\"bytes_per_session\": 1073741824"));
	free(text);
	json_decref(first);
}
END_TEST

/* ---- devices ---- */

static const struct device_caps two_cores = {.name = "two", .n_cores = 2, .has_page_tables = true};

static const struct {
	const char *text, *message;
} unfit_cases[] = {
	{"{\"scheduler\": {\"policy\": \"gang\", \"fallback\": \"gang\"}}",
	 "p.json: scheduler.fallback: 'gang' needs cores that start together, and the device "
	 "'two' "},
	{"{\"classes\": {\"a\": {\"cores\": [1, 2]}}}",
	 "p.json: classes.a.cores: the device 'two' has no core 2 (allowed: 0 to 1)"},
	{"{\"classes\": {\"a\": {\"gang_widths\": [2, 3]}}}",
	 "p.json: classes.a.gang_widths: the device 'two' starts no cores together on any width"},
	{"{\"scheduler\": {\"policy\": \"deadline\"}, \"classes\": {\"a\": {\"kind\": \"rt\","
	 " \"period_ms\": 10, \"run_ms\": 17}}}",
	 "p.json: classes.a.run_ms: 17 ms take 1.700 cores, and of the 2 of the device 'two' "
	 "rt_cap leaves 1.600 (allowed: up to 16.000)"},
};

START_TEST(unfit_for_the_device)
{
	parse_good(unfit_cases[_i].text);
	ck_assert_int_eq(config_fit_device("p.json", &two_cores, &config, &error), -EINVAL);
	ck_assert_msg(strstr(error.text, unfit_cases[_i].message), "%s", error.text);
}
END_TEST

/* With address spaces to give out it is a policy like any other. */
START_TEST(refusal_to_share)
{
	struct device_caps caps = two_cores;

	caps.has_own_memory = true;
	parse_good("{\"domains\": {\"when_taken\": \"refuse\"}}");
	ck_assert(config.sessions.refuses_to_share);
	ck_assert_int_eq(config_fit_device("p.json", &caps, &config, &error), -EINVAL);
	ck_assert_msg(strstr(error.text, "domains.when_taken: \"refuse\" leaves no session"), "%s",
		      error.text);
	caps.n_domains = 15;
	ck_assert_int_eq(config_fit_device("p.json", &caps, &config, &error), 0);
}
END_TEST

START_TEST(fallback)
{
	const char *shown;

	parse_good(
		"{\"scheduler\": {\"policy\": \"gang\", \"fallback\": \"fair\"}, \"domains\":"
		" {\"scope\": \"uid\"}, \"classes\": {\"a\": {}, \"b\": {\"policy\": \"fair\"}}}");
	ck_assert_uint_eq(json_array_size(config.not_in_effect), 0);
	ck_assert_int_eq(config_fit_device("p.json", &two_cores, &config, &error), 0);
	ck_assert_ptr_eq(config.scheduler.policy, &policy_fair);
	ck_assert_ptr_null(config.sessions.classes[0].queue.order);
	ck_assert_ptr_null(config.sessions.classes[1].queue.order);
	ck_assert_uint_eq(json_array_size(config.not_in_effect), 2);
	ck_assert(is_noted("scheduler.policy: 'gang' needs cores that start together"));
	ck_assert(is_noted("domains.scope: on 'two' each session keeps its own address space"));
	shown = json_string_value(
		json_object_get(json_object_get(config.effective, "scheduler"), "policy"));
	ck_assert_str_eq(shown, "fair");
}
END_TEST

/* What follows from other keys is shown too, and read back means the same. */
START_TEST(spelled_out)
{
	static const char text[] =
		"{\"watchdog\": {\"cap_ms\": 700, \"suspend_after\": 0, \"close_after\": 0},"
		" \"quota\": {\"bos_per_session\": 7},"
		" \"classes\": {\"a\": {\"quota\": {\"jobs_per_session\": 3}}, "
		"\"b\": {\"cores\": [1],"
		" \"watchdog_cap_ms\": 50}}, \"match\": [{\"class\": \"a\"}]}";
	const json_t *watchdog, *a, *b;
	json_t *shown;
	char *printed;

	parse_good(text);
	ck_assert_int_eq(config_fit_device("p.json", &two_cores, &config, &error), 0);
	shown = json_incref(config.effective);
	watchdog = json_object_get(shown, "watchdog");
	a = json_object_get(json_object_get(shown, "classes"), "a");
	b = json_object_get(json_object_get(shown, "classes"), "b");
	ck_assert_int_eq(json_integer_value(json_object_get(watchdog, "slow_after")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(watchdog, "suspend_after")), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(watchdog, "close_after")), 0);
	ck_assert_double_eq(json_number_value(json_object_get(a, "watchdog_cap_ms")), 700);
	ck_assert_double_eq(json_number_value(json_object_get(b, "watchdog_cap_ms")), 50);
	ck_assert_uint_eq(json_array_size(json_object_get(a, "cores")), 2);
	ck_assert_uint_eq(json_array_size(json_object_get(b, "cores")), 1);
	a = json_object_get(a, "quota");
	ck_assert_int_eq(json_integer_value(json_object_get(a, "bos_per_session")), 7);
	ck_assert_int_eq(json_integer_value(json_object_get(a, "jobs_per_session")), 3);
	printed = json_dumps(shown, 0);
	config_deinit(&config);
	parse_good(printed);
	ck_assert_int_eq(config_fit_device("p.json", &two_cores, &config, &error), 0);
	ck_assert(json_equal(shown, config.effective));
	free(printed);
	json_decref(shown);
}
END_TEST

/* Under `pinned` naming every core is not the same as naming none. */
START_TEST(pinned_keeps_its_silence)
{
	parse_good("{\"scheduler\": {\"policy\": \"pinned\"}}");
	ck_assert_int_eq(config_fit_device("p.json", &two_cores, &config, &error), 0);
	ck_assert_ptr_null(json_object_get(
		json_object_get(json_object_get(config.effective, "classes"), "default"), "cores"));
}
END_TEST

/* ---- files ---- */

START_TEST(files)
{
	static const char text[] = "{\n\"version\": 1,\n\"oops\n";
	char path[] = "/tmp/test_config.XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	ck_assert_int_eq(config_load(path, &config, &error), -EINVAL);
	ck_assert_int_eq(strncmp(error.text, path, strlen(path)), 0);
	ck_assert_int_eq(strncmp(error.text + strlen(path), ":3: ", 4), 0);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	ck_assert_int_eq(pwrite(fd, "{}", 2, 0), 2);
	ck_assert_int_eq(config_load(path, &config, &error), 0);
	ck_assert_uint_eq(config.sessions.n_classes, 1);
	close(fd);
	unlink(path);
	ck_assert_int_eq(config_load(path, &config, &error), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error.text, ": No such file or directory"));
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(config_load(path, &config, &error), -ENODEV);
	ck_assert_ptr_nonnull(strstr(error.text, ": not a regular file"));
	unlink(path);
	ck_assert_int_eq(config_load("/", &config, &error), -EISDIR);
}
END_TEST

static const struct {
	const char *name;
	int result;
	enum config_device device;
} device_names[] = {
	{"auto", 0, CONFIG_DEVICE_AUTO},
	{"soft", 0, CONFIG_DEVICE_SOFT},
	{"timing", 0, CONFIG_DEVICE_TIMING},
	{"rknpu", 0, CONFIG_DEVICE_RKNPU},
	{"rocket", 0, CONFIG_DEVICE_ROCKET},
	{"", -EINVAL, 99},
	{"softly", -EINVAL, 99},
};

START_TEST(device_parse)
{
	enum config_device result = 99;

	ck_assert_int_eq(config_device_parse(device_names[_i].name, &result),
			 device_names[_i].result);
	ck_assert_int_eq(result, device_names[_i].device);
}
END_TEST

START_TEST(deinit_of_nothing)
{
	struct config empty = {0};

	config_deinit(&empty);
	ck_assert_ptr_null(empty.effective);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *cases = tcase_create("config");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_loop_test(cases, bad, 0, N_ELEMENTS(bad_cases));
	tcase_add_loop_test(cases, policies, 0, N_ELEMENTS(all_policies));
	tcase_add_loop_test(cases, device_parse, 0, N_ELEMENTS(device_names));
	tcase_add_test(cases, quarantine_thresholds);
	tcase_add_test(cases, bad_leaves_the_old_one);
	tcase_add_test(cases, deep_nesting);
	tcase_add_test(cases, too_long);
	tcase_add_test(cases, long_texts_are_cut);
	tcase_add_test(cases, defaults);
	tcase_add_test(cases, device);
	tcase_add_test(cases, scheduler);
	tcase_add_test(cases, quotas);
	tcase_add_test(cases, match);
	tcase_add_test(cases, unknown_users);
	tcase_add_test(cases, admin_group);
	tcase_add_test(cases, later_keys_are_noted);
	tcase_add_test(cases, watchdog_cap_holds);
	tcase_add_loop_test(cases, unfit_for_the_device, 0, N_ELEMENTS(unfit_cases));
	tcase_add_test(cases, refusal_to_share);
	tcase_add_test(cases, fallback);
	tcase_add_test(cases, effective_round_trip);
	tcase_add_test(cases, spelled_out);
	tcase_add_test(cases, pinned_keeps_its_silence);
	tcase_add_test(cases, files);
	tcase_add_test(cases, deinit_of_nothing);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
