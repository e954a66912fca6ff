/* SPDX-License-Identifier: MIT */
/* npuctl doctor through the front door: on what works, and on what is broken. */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static struct command_result result;

static void examine(const char *socket)
{
	const char *argv[] = {"npuctl", "--socket", socket, "--json", "doctor", NULL};

	command_run("NPUCTL", argv, &result);
}

/* The result of a check, in the document of the last examination; "" where there is no such. */
static const char *verdict(const char *name)
{
	static char verdict[16];
	json_t *document = json_loads(result.output, 0, NULL), *check;
	size_t i;

	if (!document)
		harness_fail(__FILE__, __LINE__, "not JSON: %s", result.output);
	*verdict = '\0';
	json_array_foreach (json_object_get(document, "checks"), i, check) {
		if (strcmp(json_string_value(json_object_get(check, "name")), name) == 0)
			snprintf(verdict, sizeof(verdict), "%s",
				 json_string_value(json_object_get(check, "result")));
	}
	json_decref(document);
	return verdict;
}

static void require_verdict(const char *name, const char *expected)
{
	if (strcmp(verdict(name), expected) != 0)
		harness_fail(__FILE__, __LINE__, "%s is not '%s': %s", name, expected,
			     result.output);
}

static void require_working_cores(void)
{
	static const char *const names[] = {"core 0",	 "core 1",     "core 2",      "cores 0+1",
					    "cores 0+2", "cores 1+2",  "cores 0+1+2", "reset",
					    "isolation", "afterwards", "statistics",  "daemon"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		require_verdict(names[i], "ok");
	REQUIRE_EQ(result.status, 0);
}

static void works_on_soft(void)
{
	struct daemon daemon;
	struct client client;
	json_t *stats;

	harness_needs_soft("what kernel drivers cannot do is a warning there");
	daemon_start(NULL, &daemon);
	/* The fault that it causes is forgiven, so it can be run again and again. */
	for (int i = 0; i < 4; i++) {
		examine(daemon.socket);
		require_working_cores();
	}
	client_open(&daemon, &client);
	stats = client_stats(&client);
	REQUIRE_EQ(stats_number(stats, "sessions.0.strikes"), 0);
	REQUIRE_EQ(stats_number(stats, "totals.failed.page_fault"), 4);
	REQUIRE_EQ(stats_number(stats, "totals.failed.hang"), 0);
	json_decref(stats);
	daemon_stop(&daemon);
}

static void works_where_streams_are_checked(void)
{
	struct daemon daemon;

	harness_needs_soft("what kernel drivers cannot do is a warning there");
	daemon_start(&(struct daemon_options){.config = "{\"version\": 1, \"classes\": {\"default\""
							": {\"validate\": true}}}"},
		     &daemon);
	examine(daemon.socket);
	require_working_cores();
	REQUIRE_HAS(result.output, "by checking");
	daemon_stop(&daemon);
}

/* With the driver's node and files in sight: every check is made. */
static void works_on_a_kernel_driver(void)
{
	static const char *const fine[] = {"kernel", "node",   "driver",     "iommu",
					   "daemon", "device", "core 0",     "core 1",
					   "core 2", "reset",  "afterwards", "statistics"};
	/* What Linux' driver has not got, or does not show. */
	static const char *const fine_on_rknpu[] = {"power", "cores 0+1", "cores 0+1+2"};
	const char *with = getenv("NPU_KERNEL_WITH"), *npuctl = getenv("NPUCTL");
	struct daemon daemon;

	if (harness_has_soft())
		harness_skip("there is no kernel driver below this npud");
	setenv("NPU_KERNEL_DIR", harness_dir(), 1);
	daemon_start(NULL, &daemon);
	for (int i = 0; i < 2; i++) {
		const char *argv[] = {with,	     harness_dir(), npuctl,   "--socket",
				      daemon.socket, "--json",	    "doctor", NULL};

		command_run(NULL, argv, &result);
		REQUIRE_EQ(result.status, 0);
		for (size_t j = 0; j < sizeof(fine) / sizeof(fine[0]); j++)
			require_verdict(fine[j], "ok");
		for (size_t j = 0; j < sizeof(fine_on_rknpu) / sizeof(fine_on_rknpu[0]); j++)
			require_verdict(fine_on_rknpu[j], harness_has_device("rknpu") ? "ok" : "");
		/* It was stopped, but the driver does not say that it strayed. */
		require_verdict("isolation", "warning");
	}
	daemon_stop(&daemon);
}

static void works_on_timing(void)
{
	struct daemon daemon;

	daemon_start(&(struct daemon_options){.device = "timing"}, &daemon);
	examine(daemon.socket);
	require_working_cores();
	REQUIRE_HAS(result.output, "only takes time");
	daemon_stop(&daemon);
}

static void says_it_in_lines(void)
{
	struct daemon daemon;
	const char *argv[] = {"npuctl", "--socket", daemon.socket, "doctor", NULL};

	daemon_start(NULL, &daemon);
	command_run("NPUCTL", argv, &result);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "\nok       core 1      right result in ");
	REQUIRE_HAS(result.output, " 0 failures\n");
	daemon_stop(&daemon);
}

static void without_daemon(void)
{
	char path[108];

	harness_path("nobody-listens", path);
	examine(path);
	REQUIRE_EQ(result.status, 1);
	require_verdict("daemon", "failure");
	REQUIRE_HAS(result.output, "start it with `npud`");
	/* The machine is looked at all the same. */
	require_verdict("kernel", "ok");
	REQUIRE(*verdict("io_uring") != '\0');
	require_verdict("core 0", "");
}

/* What others run is not put at risk. */
static void busy_cores_are_not_reset(void)
{
	struct daemon daemon;
	struct client client;

	daemon_start(&(struct daemon_options){.device = "timing",
					      .config = "{\"version\": 1, \"watchdog\":"
							" {\"cap_ms\": 3600000,"
							" \"unknown_ms\": 3600000}}"},
		     &daemon);
	client_open(&daemon, &client);
	timed_submit(&client, 3600 * SECOND_NS, 4, NULL);
	client_wait_stats(&client, "sessions.0.running", 1);
	examine(daemon.socket);
	require_verdict("core 0", "ok");
	require_verdict("core 2", "warning");
	require_verdict("reset", "warning");
	require_verdict("isolation", "warning");
	REQUIRE_HAS(result.output, "others use the NPU");
	daemon_signal(&daemon, 9);
	daemon_wait(&daemon);
}

static void examine_as_nobody(const struct daemon *daemon)
{
	REQUIRE(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	examine(daemon->socket);
	REQUIRE_EQ(result.status, 0);
	require_verdict("core 0", "ok");
	require_verdict("reset", "warning");
	require_verdict("isolation", "warning");
	REQUIRE_HAS(result.output, "needs an administrator");
	_exit(0);
}

static void knock_as_nobody(const struct daemon *daemon)
{
	REQUIRE(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	examine(daemon->socket);
	REQUIRE_EQ(result.status, 1);
	require_verdict("daemon", "failure");
	REQUIRE_HAS(result.output, "join the group of the socket");
	_exit(0);
}

static void run_as_nobody(const struct daemon *daemon, void (*run)(const struct daemon *daemon))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		run(daemon);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	REQUIRE_EQ(status, 0);
}

static void says_what_needs_rights(void)
{
	struct daemon daemon;

	if (geteuid() != 0)
		harness_skip("only root can become another user than the daemon's");
	daemon_start(NULL, &daemon);
	run_as_nobody(&daemon, knock_as_nobody);
	REQUIRE_EQ(chmod(daemon.socket, 0666), 0);
	run_as_nobody(&daemon, examine_as_nobody);
	daemon_stop(&daemon);
}

/* Core 1 does not come back from a reset, so it is out of service from its first hang on. */
static void finds_a_dead_core(void)
{
	static char faults[108];
	struct job_request job = timed_request(UINT64_MAX, 2);
	struct daemon daemon;
	struct client client;

	harness_path("faults", faults);
	harness_write(faults, "core=1 dead=2");
	REQUIRE_EQ(setenv("NPU_TEST_FAULTS", faults, 1), 0);
	daemon_start(&(struct daemon_options){.device = "timing",
					      .program = "NPUD_FAULTY",
					      .config = "{\"version\": 1, " DAEMON_LENIENT "}"},
		     &daemon);
	client_open(&daemon, &client);
	job.submit.timeout_ns = 10 * MS_NS;
	client_submit(&client, &job, NULL);
	client_wait_outcome(&client, client.seqno, NPU_OUTCOME_HANG);
	examine(daemon.socket);
	REQUIRE_EQ(result.status, 1);
	require_verdict("core 0", "ok");
	require_verdict("device", "failure");
	REQUIRE_HAS(result.output, "degraded: out of service: cores 1");
	require_verdict("core 1", "warning");
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(works_on_soft),
	HARNESS_CASE(works_where_streams_are_checked),
	HARNESS_CASE(works_on_a_kernel_driver),
	HARNESS_CASE(works_on_timing),
	HARNESS_CASE(says_it_in_lines),
	HARNESS_CASE(without_daemon),
	HARNESS_CASE(busy_cores_are_not_reset),
	HARNESS_CASE(says_what_needs_rights),
	HARNESS_CASE(finds_a_dead_core),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
