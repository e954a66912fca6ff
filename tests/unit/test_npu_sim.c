/* SPDX-License-Identifier: MIT */
/* The simulator: a small workload of its own, and the reference workloads where they are at hand.
 */
#include "scheduler/policy.h"
#include "tools/sim/baselines.h"
#include "tools/sim/driver_npud.h"
#include "tools/sim/metrics.h"
#include "tools/sim/policy_file.h"
#include "tools/sim/timeline.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEEDS 5

static const char small[] =
	"{\"hardware\": {\"cores\": 3, \"gang2_masks\": [[0, 1]], \"gang3_masks\": [[0, 1, 2]]},"
	" \"models\": {\"m\": {\"ms\": {\"1\": 10, \"3\": 5}, \"segments\": 5, \"tasks\": 50}},"
	" \"scenarios\": [{\"id\": \"s\", \"horizon_ms\": 1000, \"tenants\": ["
	"  {\"id\": \"a\", \"uid\": \"a\", \"weight\": 1, \"class\": \"normal\", \"sessions\": 1,"
	"   \"arrival\": {\"kind\": \"closed\", \"depth\": 4},"
	"   \"request\": [{\"model\": \"m\", \"width\": 1}]},"
	"  {\"id\": \"b\", \"uid\": \"b\", \"weight\": 1, \"class\": \"rt\", \"sessions\": 1,"
	"   \"arrival\": {\"kind\": \"periodic\", \"period_ms\": 50},"
	"   \"request\": [{\"model\": \"m\", \"width\": 3, \"deadline_ms\": 50}]}]}]}";

static struct sim_workload workload;
static struct sim_error error;

static int load_text(const char *text)
{
	char path[] = "/tmp/npu-sim-test-XXXXXX";
	int fd = mkstemp(path), r;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	r = sim_workload_load(path, &workload, &error);
	unlink(path);
	return r;
}

static void run(const struct sim_scenario *scenario, const struct sim_driver_ops *driver,
		const struct sim_policy *policy, unsigned seed, struct sim_metrics *metrics)
{
	struct sim_engine engine;

	ck_assert_int_eq(sim_engine_init(&engine, &workload, scenario, seed), 0);
	engine.driver_options = policy;
	ck_assert_int_eq(sim_engine_run(&engine, driver), 0);
	ck_assert_int_eq(sim_metrics_init(metrics, &engine), 0);
	for (unsigned i = 0; i < engine.n_tenants; i++) {
		const struct sim_tenant *tenant = &engine.tenants[i];
		uint64_t n_ended = 0;

		for (unsigned end = SIM_DONE; end <= SIM_REJECTED; end++)
			n_ended += tenant->n_ended[end];
		ck_assert_uint_le(n_ended, tenant->n_submitted);
	}
	sim_engine_deinit(&engine);
}

static const char *const policies[] = {"round-robin", "pinned", "gang", "fair", "deadline"};
static const char *const baselines[] = {"lock",		"rknpu",  "rknpu-pinned",
					"rknpu-shared", "rocket", "rocket-rr",
					"rocket-fair",	"hailo",  "hailo-t"};

START_TEST(test_every_policy_is_repeatable)
{
	struct sim_policy policy = sim_policy_default();
	struct sim_metrics runs[2];

	ck_assert_int_eq(load_text(small), 0);
	policy.scheduler.policy = policy_find(policies[_i]);
	for (unsigned i = 0; i < 2; i++)
		run(&workload.scenarios[0], &sim_driver_npud, &policy, 3, &runs[i]);
	ck_assert_double_ge(runs[0].done, 100);
	/* Also under `pinned`, where a session has one core: its gangs run on one, too. */
	ck_assert_double_ge(runs[0].tenants[1].done, 18);
	ck_assert_double_eq(runs[0].tenants[1].failed, 0);
	ck_assert_double_eq(runs[0].mean_ms, runs[1].mean_ms);
	ck_assert_double_eq(runs[0].batches, runs[1].batches);
	for (unsigned i = 0; i < 2; i++)
		sim_metrics_deinit(&runs[i]);
	sim_workload_deinit(&workload);
}
END_TEST

START_TEST(test_every_baseline_runs)
{
	struct sim_metrics metrics;

	ck_assert_int_eq(load_text(small), 0);
	ck_assert_ptr_nonnull(sim_baseline_find(baselines[_i]));
	run(&workload.scenarios[0], sim_baseline_find(baselines[_i]), NULL, 1, &metrics);
	ck_assert_double_ge(metrics.tenants[1].done, 18);
	ck_assert_double_le(metrics.utilisation, 1);
	sim_metrics_deinit(&metrics);
	sim_workload_deinit(&workload);
}
END_TEST

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		n++;
	}
	return n;
}

START_TEST(test_timeline_draws_what_ran)
{
	struct sim_policy policy = sim_policy_default();
	char path[] = "/tmp/npu-sim-test-XXXXXX";
	static char text[1 << 18];
	struct sim_timeline timeline;
	struct sim_engine engine;
	unsigned n_gang_bars;
	size_t size;
	FILE *file;
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(load_text(small), 0);
	ck_assert_int_eq(sim_engine_init(&engine, &workload, &workload.scenarios[0], 1), 0);
	engine.driver_options = &policy;
	policy.scheduler.is_moldable = false;
	ck_assert_int_eq(sim_timeline_begin(&timeline, "/nonexistent/a.svg", &engine), -ENOENT);
	ck_assert_int_eq(sim_timeline_begin(&timeline, path, &engine), 0);
	ck_assert_int_eq(sim_engine_run(&engine, &sim_driver_npud), 0);
	ck_assert_int_eq(sim_timeline_end(&timeline, &engine), 0);
	file = fdopen(fd, "r");
	ck_assert_ptr_nonnull(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	text[size] = '\0';
	fclose(file);
	unlink(path);
	ck_assert_int_eq(strncmp(text, "<svg ", 5), 0);
	ck_assert_str_eq(text + size - 7, "</svg>\n");
	ck_assert_uint_eq(count(text, ">core "), 3);
	/* The gangs of tenant b stand on all three lanes; the legend has its colour once. */
	n_gang_bars = count(text, "fill=\"#f28e2b\"") - 1;
	ck_assert_uint_eq(n_gang_bars % 3, 0);
	ck_assert_uint_ge(n_gang_bars, 3 * 15);
	ck_assert_uint_ge(count(text, "fill=\"#4e79a7\"") - 1, 3 * 15);
	ck_assert_uint_eq(count(text, "fill=\"#e15759\""), 0);
	sim_engine_deinit(&engine);
	sim_workload_deinit(&workload);
}
END_TEST

START_TEST(test_bad_files_are_refused)
{
	static const char *const bad[] = {
		"{",
		"{}",
		"{\"models\": {\"m\": {\"ms\": {}}}}",
		"{\"scenarios\": [{\"id\": \"s\"}]}",
		"{\"hardware\": {\"cores\": 9}, \"scenarios\": [{\"id\": \"s\"}]}",
		/* Would never end. */
		"{\"models\": {\"m\": {\"ms\": {\"1\": 1}, \"segments\": 1}},"
		" \"scenarios\": [{\"id\": \"s\", \"finite\": true, \"tenants\": ["
		"  {\"id\": \"a\", \"weight\": 1, \"request\": [{\"model\": \"m\", \"width\": 1}],"
		"   \"arrival\": {\"kind\": \"closed\", \"depth\": 1}}]}]}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(load_text(bad[i]), -EINVAL);
		ck_assert_str_ne(error.text, "");
	}
}
END_TEST

/* What the policies were made for, as medians; 100 where misses do not count. */
static const struct target {
	const char *scenario, *policy;
	bool is_moldable;
	double miss_percent, starved_ms, worst_progress;
} targets[] = {
	{"nvr8", "deadline", true, 0.1, 1e9, 0},
	{"llm_robot", "deadline", true, 0.4, 1e9, 0},
	{"llm_robot", "deadline", false, 1, 1e9, 0},
	{"kiosk", "fair", true, 100, 1e9, 0.9},
	{"gang_mix", "deadline", false, 1.8, 1e9, 0},
	{"gang_mix", "gang", true, 0.3, 1e9, 0},
	{"gang_flood", "fair", false, 0, 120, 0.95},
	{"adv_hog", "fair", true, 0.1, 1e9, 0},
	{"adv_hang", "fair", true, 0.1, 40, 0},
	{"adv_tiny", "fair", true, 0.5, 1e9, 0},
	{"vendor_domains", "deadline", true, 0.2, 300, 0},
	{"overload16", "deadline", true, 20, 1e9, 0},
};

START_TEST(test_targets)
{
	const char *root = getenv("NPUD_SOURCE_ROOT");
	const struct target *target = &targets[_i];
	struct sim_policy policy = sim_policy_default();
	struct sim_metrics runs[SEEDS], median;
	char path[512];

	snprintf(path, sizeof(path), "%s/../shared/sched/workloads.json", root ? root : ".");
	if (access(path, R_OK) < 0) {
		printf("skipped: no %s\n", path);
		return;
	}
	ck_assert_int_eq(sim_workload_load(path, &workload, &error), 0);
	policy.scheduler.policy = policy_find(target->policy);
	policy.scheduler.is_moldable = target->is_moldable;
	for (unsigned i = 0; i < SEEDS; i++)
		run(sim_workload_find(&workload, target->scenario), &sim_driver_npud, &policy,
		    i + 1, &runs[i]);
	ck_assert_int_eq(sim_metrics_init_median(&median, runs, SEEDS), 0);
	ck_assert_double_le(median.miss * 100, target->miss_percent);
	ck_assert_double_le(median.starved_ms, target->starved_ms);
	ck_assert_double_ge(median.worst_progress, target->worst_progress);
	for (unsigned i = 0; i < SEEDS; i++)
		sim_metrics_deinit(&runs[i]);
	sim_metrics_deinit(&median);
	sim_workload_deinit(&workload);
}
END_TEST

/*
 * What is shipped, as npud reads it: the scheduler of each file under the load that the file is
 * for. Who is in which class is the workload's.
 */
static const struct deployment {
	const char *file, *policy, *scenario;
	double miss_percent, worst_progress, makespan_s;
} deployments[] = {
	{"nvr", "deadline", "nvr8", 0.1, 0, 1e9},
	{"robot", "deadline", "llm_robot", 0.4, 0, 1e9},
	{"kiosk", "fair", "kiosk", 0.1, 0.9, 1e9},
	{"batch", "gang", "batch_farm", 100, 0, 15.1},
};

static void load_deployment(const char *name, struct sim_policy *policy)
{
	const char *root = getenv("NPUD_SOURCE_ROOT");
	struct sim_policy_error policy_error;
	char path[512];

	snprintf(path, sizeof(path), "%s/deploy/policies/%s.json", root ? root : ".", name);
	ck_assert(sim_policy_is_file(path));
	ck_assert_msg(sim_policy_load(path, policy, &policy_error) == 0, "%s", policy_error.text);
}

/* ---- classes of a policy file ---- */

static void load_example(void)
{
	const char *root = getenv("NPUD_SOURCE_ROOT");
	char path[512];

	snprintf(path, sizeof(path), "%s/examples/workload.json", root ? root : ".");
	ck_assert_msg(sim_workload_load(path, &workload, &error) == 0, "%s", error.text);
}

static void load_policy_text(const char *text, struct sim_policy *policy)
{
	char path[] = "/tmp/npu-sim-test-XXXXXX";
	struct sim_policy_error policy_error;
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	ck_assert_msg(sim_policy_load(path, policy, &policy_error) == 0, "%s", policy_error.text);
	unlink(path);
}

/* What is shipped, under the load that is shipped with it: who gets which class, and what of it. */
static const struct example {
	const char *file, *scenario;
	const char *classes[8];
	double miss_percent, progress; /* progress: of those that need not wait, at least */
} examples[] = {
	{"nvr", "recorder", {"camera", "event", "search"}, 0.1, 0.75},
	{"robot", "robot", {"control", "perception", "speech", "llm", "other"}, 0.5, 0.5},
	{"kiosk", "kiosk", {"unlock", "interactive", "app", "guest"}, 0.1, 0.6},
	{"batch", "farm", {"batch", "batch", "urgent", "probe"}, 0.1, 0.65},
};

START_TEST(test_deployment_has_its_classes)
{
	const struct example *example = &examples[_i];
	const struct sim_scenario *scenario;
	struct sim_metrics metrics;
	struct sim_policy policy;

	load_example();
	load_deployment(example->file, &policy);
	scenario = sim_workload_find(&workload, example->scenario);
	ck_assert_ptr_nonnull(scenario);
	for (unsigned i = 0; i < scenario->n_tenants; i++)
		ck_assert_str_eq(sim_policy_class(&policy, &scenario->tenants[i])->name,
				 example->classes[i]);
	run(scenario, &sim_driver_npud, &policy, 1, &metrics);
	if (!scenario->is_finite)
		ck_assert_double_le(metrics.miss * 100, example->miss_percent);
	ck_assert_double_ge(metrics.worst_progress, example->progress);
	ck_assert_double_eq(metrics.failed, 0);
	sim_metrics_deinit(&metrics);
	sim_policy_deinit(&policy);
	sim_workload_deinit(&workload);
}
END_TEST

#define CLASS_A(keys)                                                                              \
	"{\"classes\": {\"a\": {" keys "}, \"rest\": {}},"                                         \
	" \"match\": [{\"uid\": \"a\", \"class\": \"a\"}, {\"class\": \"rest\"}]}"

/* Tenant a is in class "a" by its uid; b, of which only the uid is known, stays what it is. */
static void run_class(const char *text, struct sim_metrics *metrics)
{
	struct sim_policy policy;

	ck_assert_int_eq(load_text(small), 0);
	load_policy_text(text, &policy);
	ck_assert_str_eq(sim_policy_class(&policy, &workload.scenarios[0].tenants[0])->name, "a");
	ck_assert_ptr_null(sim_policy_class(&policy, &workload.scenarios[0].tenants[1]));
	run(&workload.scenarios[0], &sim_driver_npud, &policy, 1, metrics);
	sim_policy_deinit(&policy);
	sim_workload_deinit(&workload);
}

START_TEST(test_classes_count)
{
	struct sim_metrics plain, narrow, pinned, doomed, short_queue, strict;

	run_class(CLASS_A(""), &plain);
	run_class(CLASS_A("\"max_cores\": 1"), &narrow);
	ck_assert_double_lt(narrow.tenants[0].share, 0.34);
	ck_assert_double_gt(plain.tenants[0].share, 0.5);
	run_class(CLASS_A("\"cores\": [2]"), &pinned);
	ck_assert_double_lt(pinned.tenants[0].share, 0.34);
	/* A deadline of the class counts as a miss, too. */
	run_class(CLASS_A("\"deadline_ms\": 1, \"kind\": \"rt\""), &doomed);
	ck_assert_double_eq(doomed.tenants[0].miss, 1);
	/* One may wait, three run at most: the fourth of its loop is refused, and comes again. */
	run_class(CLASS_A("\"depth\": 1, \"max_cores\": 1"), &short_queue);
	ck_assert_double_gt(short_queue.tenants[0].rejected, 10);
	run_class(CLASS_A("\"priority\": 7"), &strict);
	ck_assert_double_gt(strict.tenants[0].share, plain.tenants[0].share);
	sim_metrics_deinit(&plain);
	sim_metrics_deinit(&narrow);
	sim_metrics_deinit(&pinned);
	sim_metrics_deinit(&doomed);
	sim_metrics_deinit(&short_queue);
	sim_metrics_deinit(&strict);
}
END_TEST

START_TEST(test_identity_decides_the_class)
{
	static const struct {
		struct sim_tenant_spec tenant;
		const char *class; /* NULL: none */
	} tenants[] = {
		{{.uid = "nvr", .comm = "detector"}, "camera"},
		{{.uid = "nvr", .comm = "other"}, "rest"},
		{{.uid = "nvr"}, NULL},
		{{.uid = "x", .cgroup = "/a/b/c"}, "group"},
		{{.uid = "1000"}, "number"},
		{{.uid = "x", .policy_class = "camera"}, "camera"},
		{{.uid = "1000", .policy_class = "nobody"}, "number"},
	};
	struct sim_policy policy;

	load_policy_text(
		"{\"classes\": {\"camera\": {}, \"group\": {}, \"number\": {}, \"rest\": {}},"
		" \"match\": [{\"uid\": \"nvr\", \"comm\": \"detector\", \"class\": \"camera\"},"
		"  {\"cgroup\": \"/a/b\", \"class\": \"group\"},"
		"  {\"uid\": 1000, \"class\": \"number\"}, {\"class\": \"rest\"}]}",
		&policy);
	for (size_t i = 0; i < sizeof(tenants) / sizeof(tenants[0]); i++) {
		struct sim_tenant_spec tenant = tenants[i].tenant;
		const struct class *class;

		tenant.comm = tenant.comm ? tenant.comm : "";
		tenant.cgroup = tenant.cgroup ? tenant.cgroup : "";
		tenant.policy_class = tenant.policy_class ? tenant.policy_class : "";
		class = sim_policy_class(&policy, &tenant);
		ck_assert_pstr_eq(class ? class->name : NULL, tenants[i].class);
	}
	sim_policy_deinit(&policy);
}
END_TEST

/* A reservation that does not fit: the session is refused, and so are its jobs. */
START_TEST(test_contract_is_refused)
{
	struct sim_metrics metrics;
	struct sim_policy policy;

	ck_assert_int_eq(load_text(small), 0);
	load_policy_text("{\"scheduler\": {\"policy\": \"deadline\", \"rt_cap\": 0.4},"
			 " \"classes\": {\"a\": {\"kind\": \"rt\", \"period_ms\": 50, \"run_ms\": "
			 "40}, \"rest\": {}},"
			 " \"match\": [{\"uid\": \"a\", \"class\": \"a\"}, {\"uid\": \"b\", "
			 "\"class\": \"a\"}, {\"class\": \"rest\"}]}",
			 &policy);
	run(&workload.scenarios[0], &sim_driver_npud, &policy, 1, &metrics);
	ck_assert_double_gt(metrics.tenants[0].done, 10);
	ck_assert_double_eq(metrics.tenants[1].done, 0);
	ck_assert_double_ge(metrics.tenants[1].rejected, 18);
	sim_metrics_deinit(&metrics);
	sim_policy_deinit(&policy);
	sim_workload_deinit(&workload);
}
END_TEST

/* ---- hangs ---- */

static const char hanging[] =
	"{\"hardware\": {\"cores\": 3, \"reset_vendor_ms\": 100},"
	" \"models\": {\"m\": {\"ms\": {\"1\": 10}, \"segments\": 1, \"tasks\": 50}},"
	" \"scenarios\": [{\"id\": \"s\", \"horizon_ms\": 20000, \"tenants\": ["
	"  {\"id\": \"good\", \"uid\": \"good\", \"arrival\": {\"kind\": \"periodic\", "
	"\"period_ms\": 20},"
	"   \"request\": [{\"model\": \"m\", \"deadline_ms\": 60}]},"
	"  {\"id\": \"bad\", \"uid\": \"bad\", \"adversary\": true, \"hang_prob\": 0.3,"
	"   \"arrival\": {\"kind\": \"closed\", \"think_ms\": 50},"
	"   \"request\": [{\"model\": \"m\"}]}]}]}";

static void run_hanging(bool resets_device, bool has_quarantine, struct sim_metrics *metrics)
{
	struct sim_policy policy = sim_policy_default();

	policy.scheduler.policy = &policy_fair;
	policy.resets_device = resets_device;
	if (!has_quarantine)
		policy.classes.quarantine = (struct quarantine){UINT_MAX, UINT_MAX, UINT_MAX, 0, 0};
	ck_assert_int_eq(load_text(hanging), 0);
	run(&workload.scenarios[0], &sim_driver_npud, &policy, 1, metrics);
	sim_workload_deinit(&workload);
}

START_TEST(test_hangs_cost_strikes_and_resets)
{
	struct sim_metrics core, device, unpunished;

	run_hanging(false, true, &core);
	run_hanging(true, true, &device);
	run_hanging(true, false, &unpunished);
	/* A core's reset is nobody else's business; a device's is, and strikes limit how often. */
	ck_assert_double_eq(core.tenants[0].miss, 0);
	ck_assert_double_gt(device.tenants[0].miss, 0);
	ck_assert_double_gt(unpunished.tenants[0].miss, 3 * device.tenants[0].miss);
	/* Innocent jobs are late, but none is lost. */
	ck_assert_double_eq(device.tenants[0].failed, 0);
	ck_assert_double_eq(unpunished.tenants[0].failed, 0);
	sim_metrics_deinit(&core);
	sim_metrics_deinit(&device);
	sim_metrics_deinit(&unpunished);
}
END_TEST

static const struct {
	const char *text, *complaint;
} bad_policies[] = {
	{"{", ":1: "},
	{"[]", "has the wrong type (allowed: an object)"},
	{"{\"scheduler\": {\"policy\": \"lottery\"}}",
	 "scheduler.policy: 'lottery' is not known (allowed: round-robin"},
	{"{\"scheduler\": {\"policy\": 7}}", "scheduler.policy: 7 has the wrong type"},
	{"{\"scheduler\": {\"quantum_ms\": 0}}",
	 "scheduler.quantum_ms: 0 is out of range (allowed: a number, 0.1 to 10000)"},
	{"{\"scheduler\": {\"quantam_ms\": 8}}",
	 "scheduler.quantam_ms: unknown key (allowed: policy, "},
	{"{\"scheduler\": {\"quantum_ms\": \"8\"}}",
	 "scheduler.quantum_ms: '8' has the wrong type"},
	{"{\"scheduler\": {\"probe_every\": 1.5}}",
	 "scheduler.probe_every: 1.5 has the wrong type (allowed: a whole number"},
	{"{\"scheduler\": {\"moldable\": 1}}",
	 "scheduler.moldable: 1 has the wrong type (allowed: true or false)"},
	{"{\"watchdog\": {\"cap_ms\": -1}}", "watchdog.cap_ms: -1 is out of range"},
};

START_TEST(test_bad_policy_file_is_refused)
{
	char path[] = "/tmp/npu-sim-test-XXXXXX";
	const char *text = bad_policies[_i].text;
	struct sim_policy_error sim_error;
	struct sim_policy policy = {.scheduler.probe_every = 12345};
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	ck_assert_int_eq(sim_policy_load(path, &policy, &sim_error), -EINVAL);
	unlink(path);
	ck_assert_ptr_nonnull(strstr(sim_error.text, path));
	ck_assert_msg(strstr(sim_error.text, bad_policies[_i].complaint), "%s", sim_error.text);
	ck_assert_uint_eq(policy.scheduler.probe_every, 12345);
}
END_TEST

START_TEST(test_deployment_under_small_load)
{
	const struct deployment *deployment = &deployments[_i];
	struct sim_metrics metrics;
	struct sim_policy policy;

	load_deployment(deployment->file, &policy);
	ck_assert_str_eq(policy.scheduler.policy->name, deployment->policy);
	ck_assert_int_eq(load_text(small), 0);
	run(&workload.scenarios[0], &sim_driver_npud, &policy, 1, &metrics);
	/* The cores are never short of work, and a gang every 50 ms leaves most of it to others. */
	ck_assert_double_ge(metrics.utilisation, 0.9);
	ck_assert_double_ge(metrics.tenants[0].done, 150);
	ck_assert_double_ge(metrics.tenants[1].done, 18);
	ck_assert_double_le(metrics.tenants[1].miss, 0.1);
	sim_metrics_deinit(&metrics);
	sim_workload_deinit(&workload);
	sim_policy_deinit(&policy);
}
END_TEST

START_TEST(test_deployment_under_its_load)
{
	const char *root = getenv("NPUD_SOURCE_ROOT");
	const struct deployment *deployment = &deployments[_i];
	struct sim_metrics runs[SEEDS], median;
	struct sim_policy policy;
	char path[512];

	snprintf(path, sizeof(path), "%s/../shared/sched/workloads.json", root ? root : ".");
	if (access(path, R_OK) < 0) {
		printf("skipped: no %s\n", path);
		return;
	}
	load_deployment(deployment->file, &policy);
	ck_assert_int_eq(sim_workload_load(path, &workload, &error), 0);
	for (unsigned i = 0; i < SEEDS; i++)
		run(sim_workload_find(&workload, deployment->scenario), &sim_driver_npud, &policy,
		    i + 1, &runs[i]);
	ck_assert_int_eq(sim_metrics_init_median(&median, runs, SEEDS), 0);
	ck_assert_double_le(median.makespan_s, deployment->makespan_s);
	ck_assert_double_ge(median.worst_progress, deployment->worst_progress);
	if (deployment->miss_percent < 100)
		ck_assert_double_le(median.miss * 100, deployment->miss_percent);
	for (unsigned i = 0; i < SEEDS; i++)
		sim_metrics_deinit(&runs[i]);
	sim_metrics_deinit(&median);
	sim_workload_deinit(&workload);
	sim_policy_deinit(&policy);
}
END_TEST

/* ---- random numbers ---- */

static void check_near(double value, double expected)
{
	ck_assert_double_eq_tol(value, expected, 1e-12);
}

/* Values of Python 3.11's random.Random. */
START_TEST(test_draws_are_pythons)
{
	struct sim_random random;

	sim_random_init_text(&random, "1/kiosk/unlock.0");
	check_near(sim_random_exponential(&random, 1 / 3.), 0.056534450560557004);
	check_near(sim_random_unit(&random), 0.5405245362093162);
	sim_random_init_number(&random, ((unsigned __int128)1 * 1000003 + 5) * 1000003 + 7);
	check_near(sim_random_normal(&random), 0.5606381949480699);
	check_near(sim_random_normal(&random), -0.6977887581021055);
	check_near(sim_random_unit(&random), 0.5244202225598877);
	/* Beyond the first words of a seed, and a text of two blocks. */
	sim_random_init_text(&random,
			     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	for (unsigned i = 0; i < 1000; i++)
		sim_random_unit(&random);
	check_near(sim_random_unit(&random), 0.7328630288170989);
}
END_TEST

#define N_ELEMENTS(array) (int)(sizeof(array) / sizeof((array)[0]))

int main(void)
{
	Suite *suite = suite_create("npu_sim");
	TCase *cases = tcase_create("npu_sim");
	SRunner *runner;
	int n_failed;

	tcase_add_loop_test(cases, test_every_policy_is_repeatable, 0, N_ELEMENTS(policies));
	tcase_add_loop_test(cases, test_every_baseline_runs, 0, N_ELEMENTS(baselines));
	tcase_add_test(cases, test_timeline_draws_what_ran);
	tcase_add_test(cases, test_bad_files_are_refused);
	tcase_add_test(cases, test_draws_are_pythons);
	tcase_add_loop_test(cases, test_targets, 0, N_ELEMENTS(targets));
	tcase_add_loop_test(cases, test_deployment_under_small_load, 0, N_ELEMENTS(deployments));
	tcase_add_loop_test(cases, test_deployment_under_its_load, 0, N_ELEMENTS(deployments));
	tcase_add_loop_test(cases, test_deployment_has_its_classes, 0, N_ELEMENTS(examples));
	tcase_add_test(cases, test_classes_count);
	tcase_add_test(cases, test_identity_decides_the_class);
	tcase_add_test(cases, test_contract_is_refused);
	tcase_add_test(cases, test_hangs_cost_strikes_and_resets);
	tcase_add_loop_test(cases, test_bad_policy_file_is_refused, 0, N_ELEMENTS(bad_policies));
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
