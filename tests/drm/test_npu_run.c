/* SPDX-License-Identifier: MIT */
/*
 * Programs under npu-run against a real daemon. The clients' own cases are run one by one, each in
 * a process of its own as programs are; both widths of them where the compiler has both.
 */
#include "tests/system/daemon.h"
#include "tests/system/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASES_MAX 64

/* Without a policy of its own: one that lets clients hang as often as they like. */
static struct daemon start(const char *config)
{
	struct daemon daemon;

	if (!config)
		config = "{\"version\": 1, " DAEMON_LENIENT "}";
	daemon_start(&(struct daemon_options){.config = config}, &daemon);
	return daemon;
}

/* Runs `npu-run ARGUMENT...` */
static struct command_result run(const char *const *arguments)
{
	static struct command_result result;

	command_run("NPU_RUN", arguments, &result);
	return result;
}

static void require_case(const struct daemon *daemon, const char *client, const char *name)
{
	const char *const arguments[] = {"npu-run", "--socket", daemon->socket, client, name, NULL};
	static struct command_result result;

	command_run("NPU_RUN", arguments, &result);
	if (result.status != 0)
		harness_fail(__FILE__, __LINE__, "%s %s: status %d: %s", client, name,
			     result.status, result.output);
}

/* In that $NPU_TRACE, before each ioctl that failed is one line that says why. */
static void require_explained(const char *path, const char *name)
{
	FILE *trace = fopen(path, "re");
	unsigned n_lines = 0;
	char *line = NULL;
	size_t size = 0;

	REQUIRE(trace);
	while (getline(&line, &size, trace) > 0) {
		const char *call = strchr(line, ' ');

		REQUIRE(call);
		if (call[1] == '#') {
			n_lines++;
			continue;
		}
		if (strncmp(call + 1, "ioctl(", 6) == 0 && strstr(call, ") = -") && n_lines != 1)
			harness_fail(__FILE__, __LINE__, "%s: %u lines explain: %s", name, n_lines,
				     line);
		n_lines = 0;
	}
	free(line);
	fclose(trace);
	unlink(path);
}

/* All cases of the client that the variable names. */
static void run_client(const char *variable, const char *config)
{
	const char *client = getenv(variable);
	struct daemon daemon = start(config);
	static struct command_result list;
	const char *const arguments[] = {client, NULL};
	char *name, *rest;

	if (!client || !*client)
		harness_skip("%s is not built here", variable);
	command_run(NULL, arguments, &list);
	REQUIRE_EQ(list.status, 0);
	for (name = strtok_r(list.output, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest))
		require_case(&daemon, client, name);
	REQUIRE(daemon_is_alive(&daemon));
	daemon_stop(&daemon);
}

/* A job that hangs does so for a time that clients can do something in. */
static const char slow_watchdog[] =
	"{\"version\": 1, \"watchdog\": {\"floor_ms\": 2000, \"slow_after\": 1000,"
	" \"suspend_after\": 1000, \"strikes\": 1000}}";

/* A test for each client, with the policy that it wants. */
#define CLIENT_TEST(function, variable, config)                                                    \
	static void function(void)                                                                 \
	{                                                                                          \
		run_client(variable, config);                                                      \
	}

CLIENT_TEST(vendor_abi, "DRM_CLIENT_RKNPU", NULL)
CLIENT_TEST(vendor_abi_32_bit, "DRM_CLIENT_RKNPU_32", NULL)
CLIENT_TEST(vendor_submits, "DRM_CLIENT_SUBMIT", NULL)
CLIENT_TEST(vendor_submits_32_bit, "DRM_CLIENT_SUBMIT_32", NULL)
CLIENT_TEST(rocket_abi, "DRM_CLIENT_ROCKET", slow_watchdog)
CLIENT_TEST(rocket_abi_32_bit, "DRM_CLIENT_ROCKET_32", slow_watchdog)
CLIENT_TEST(shared_memory, "DRM_CLIENT_SHARING", slow_watchdog)
CLIENT_TEST(shared_memory_32_bit, "DRM_CLIENT_SHARING_32", slow_watchdog)
CLIENT_TEST(nodes, "DRM_CLIENT_NODES", NULL)
CLIENT_TEST(nodes_32_bit, "DRM_CLIENT_NODES_32", NULL)
/* The same program with a time_t of 64 bits. */
CLIENT_TEST(nodes_64_bit_times, "DRM_CLIENT_NODES_TIME64", NULL)
CLIENT_TEST(libdrm, "DRM_CLIENT_LIBDRM", NULL)

/* Memory is cached or not as MEM_CREATE said, where that makes a difference. */
static void incoherent_device(void)
{
	static const char *const names[] = {"blocking_submit", "every_core_mask", "fences",
					    "cached_memory_is_synced",
					    "shared_memory_keeps_its_kind"};
	struct daemon daemon;

	daemon_start(&(struct daemon_options){.arguments = {"--soft-cache", "incoherent"}},
		     &daemon);
	setenv("NPU_TEST_INCOHERENT", "1", 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		require_case(&daemon, getenv("DRM_CLIENT_SUBMIT"), names[i]);
	daemon_stop(&daemon);
}

/* Each trait by itself; those that come at random, every time. */
static void vendor_misbehaviour(void)
{
	static const struct {
		const char *name, *personality;
	} traits[] = {
		{"whole_device_reset", "1:"},
		{"dead_masks", "1:dead-masks"},
		{"no_fences", "1:no-fences"},
		{"one_domain", "1:one-domain"},
		{"switch_fails", "1/1:one-domain,switch-fails"},
		{"uninterruptible", "1:uninterruptible"},
		{"never_start", "1/1:never-start"},
		{"threefold_wait", "1/1:threefold-wait"},
		{"foreign_reset", "1/1:foreign-reset"},
		{"slow_reset", "1/1:slow-reset"},
		{"no_memory", "1/1:no-memory"},
		{"fragments", "1/1:fragments"},
	};
	const char *program = getenv("DRM_CLIENT_MISBEHAVE");
	struct daemon daemon = start(slow_watchdog);

	for (size_t i = 0; i < sizeof(traits) / sizeof(traits[0]); i++) {
		setenv("NPU_PERSONALITY", traits[i].personality, 1);
		require_case(&daemon, program, traits[i].name);
	}
	daemon_stop(&daemon);
}

/* ---- npu-run itself ---- */

static const char *client(const char *variable)
{
	const char *path = getenv(variable);

	REQUIRE(path && *path);
	return path;
}

static void require_private(const char *variable, const char *name)
{
	const char *const arguments[] = {"npu-run", "--spawn", "--", client(variable), name, NULL};
	struct command_result result = run(arguments);

	if (result.status != 0)
		harness_fail(__FILE__, __LINE__, "%s: %s", name, result.output);
	REQUIRE_HAS(result.output, "ok");
}

static void private_daemon(void)
{
	/* It finds another place for its files. */
	setenv("TMPDIR", "/no/such/folder", 1);
	setenv("XDG_RUNTIME_DIR", "/no/such/folder", 1);
	require_private("DRM_CLIENT_SUBMIT", "blocking_submit");
	require_private("DRM_CLIENT_SUBMIT", "many_hangs");
	/* Programs that close nothing. */
	setenv("NPU_TEST_OBJECTS", "3000", 1);
	require_private("DRM_CLIENT_RKNPU", "many_objects");
	setenv("NPU_TEST_NODES", "300", 1);
	require_private("DRM_CLIENT_RKNPU", "many_nodes");
}

static void no_daemon_is_said(void)
{
	char socket[108];
	const char *const arguments[] = {"npu-run", "--socket", socket, "true", NULL};
	struct command_result result;

	harness_path("nowhere.sock", socket);
	result = run(arguments);
	REQUIRE_EQ(result.status, 3);
	REQUIRE_HAS(result.output, "npu-run: cannot reach npud");
	REQUIRE_HAS(result.output, socket);
}

static void exit_status_is_the_programs(void)
{
	struct daemon daemon = start(NULL);
	const char *const fails[] = {"npu-run", "--socket", daemon.socket, "sh",
				     "-c",	"exit 42",  NULL};
	const char *const dies[] = {"npu-run", "--socket",   daemon.socket, "sh",
				    "-c",      "kill -9 $$", NULL};
	const char *const missing[] = {"npu-run", "--socket", daemon.socket, "/no/such/program",
				       NULL};
	const char *const usage[] = {"npu-run", "--uapi", "other", "true", NULL};
	static const char *const bad_nodes[] = {"foo=rknpu",	   "dri/card64=rknpu",
						"dri/card1=other", "dri/renderD1=rknpu",
						"dri/card1",	   "rknpu=rocket"};

	REQUIRE_EQ(run(fails).status, 42);
	REQUIRE_EQ(run(dies).status, 128 + 9);
	REQUIRE_EQ(run(missing).status, 127);
	REQUIRE_EQ(run(usage).status, 2);
	for (size_t i = 0; i < sizeof(bad_nodes) / sizeof(bad_nodes[0]); i++) {
		const char *const nodes[] = {"npu-run", "--nodes", bad_nodes[i], "true", NULL};

		REQUIRE_EQ(run(nodes).status, 2);
	}
	daemon_stop(&daemon);
}

/* A class that has core 2 alone refuses a mask that names others: so one can see it is in force. */
static void classes(void)
{
	struct daemon daemon = start("{\"version\": 1, "
				     " \"classes\": {\"vip\": {}, \"batch\": {\"cores\": [2],"
				     " \"requestable\": true}, \"rest\": {}},"
				     " \"match\": [{\"class\": \"rest\"}]}");
	const char *const refused[] = {"npu-run", "--socket", daemon.socket, "--class",
				       "vip",	  "true",     NULL};
	const char *const unknown[] = {"npu-run", "--socket", daemon.socket, "--class",
				       "nope",	  "true",     NULL};
	const char *const granted[] = {"npu-run",
				       "--socket",
				       daemon.socket,
				       "--class",
				       "batch",
				       "--",
				       client("DRM_CLIENT_SUBMIT"),
				       "every_core_mask",
				       NULL};
	const char *const plain[] = {"npu-run",		"--socket",
				     daemon.socket,	client("DRM_CLIENT_SUBMIT"),
				     "every_core_mask", NULL};
	struct command_result result = run(refused);

	REQUIRE_EQ(result.status, 4);
	REQUIRE_HAS(result.output, "vip");
	result = run(unknown);
	REQUIRE_EQ(result.status, 4);
	REQUIRE_HAS(result.output, "the policy has no class \"nope\"");
	REQUIRE_EQ(run(granted).status, 1);
	REQUIRE_EQ(run(plain).status, 0);
	daemon_stop(&daemon);
}

/* Jobs that core 0 and the other two have run. */
static void count_jobs(const struct daemon *daemon, long long *ret_first, long long *ret_others)
{
	const char *const arguments[] = {"npuctl", "--socket", daemon->socket, "stats", NULL};
	static struct command_result result;
	const char *jobs = result.output;

	command_run("NPUCTL", arguments, &result);
	*ret_others = 0;
	for (int core = 0; core < 3; core++) {
		jobs = strstr(jobs, "\"jobs\": ");
		REQUIRE(jobs);
		jobs += strlen("\"jobs\": ");
		if (core == 0)
			*ret_first = strtoll(jobs, NULL, 10);
		else
			*ret_others += strtoll(jobs, NULL, 10);
	}
}

/* Programs that all ask for core 0; the policy tells them by the name of their executable. */
static void one_core_for_all(void)
{
	static const struct {
		const char *core_mask;
		bool is_spread;
	} policies[] = {{"demand", false}, {"wish", true}, {"ignore", true}};

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		char config[300], script[400];
		long long first, others;

		snprintf(config, sizeof(config),
			 "{\"version\": 1, \"classes\": {\"programs\": {\"core_mask\": \"%s\"},"
			 " \"rest\": {\"cores\": [2]}}, \"match\": [{\"comm\": \"client_submit\","
			 " \"class\": \"programs\"}, {\"class\": \"rest\"}]}",
			 policies[i].core_mask);
		snprintf(script, sizeof(script),
			 "for i in $(seq 30); do %s asks_for_core_0 & p=\"$p $!\"; done; "
			 "for i in $p; do wait $i || exit 1; done",
			 client("DRM_CLIENT_SUBMIT"));

		struct daemon daemon = start(config);
		const char *const arguments[] = {"npu-run", "--socket", daemon.socket, "sh",
						 "-c",	    script,	NULL};
		struct command_result result = run(arguments);

		if (result.status != 0)
			harness_fail(__FILE__, __LINE__, "%s", result.output);
		count_jobs(&daemon, &first, &others);
		REQUIRE_EQ(first + others, 30 * 20);
		REQUIRE_EQ(others > 0, policies[i].is_spread);
		daemon_stop(&daemon);
	}
}

static void check_lists_what_was_used(void)
{
	struct daemon daemon = start(NULL);
	const char *const sizes[] = {"npu-run",
				     "--socket",
				     daemon.socket,
				     "--check",
				     client("DRM_CLIENT_RKNPU"),
				     "every_struct_size",
				     NULL};
	const char *const flags[] = {"npu-run",
				     "--socket",
				     daemon.socket,
				     "--check",
				     client("DRM_CLIENT_RKNPU"),
				     "all_memory_flags",
				     NULL};
	const char *const unknown[] = {
		"npu-run",	  "--socket", daemon.socket, "--check", client("DRM_CLIENT_RKNPU"),
		"generic_ioctls", NULL};
	struct command_result result = run(sizes);

	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "RKNPU_MEM_CREATE               40 bytes        1 calls");
	REQUIRE_HAS(result.output, "80 bytes are more than any known version has, 1 calls");
	result = run(flags);
	REQUIRE_HAS(result.output, "unknown bits 0x800 in flags, 1 calls");
	result = run(unknown);
	REQUIRE_HAS(result.output, "unknown ioctl 0xc008643f");
	daemon_stop(&daemon);
}

static void trace_has_every_call(void)
{
	struct daemon daemon = start(NULL);
	const char *const arguments[] = {"npu-run",	"--socket",
					 daemon.socket, client("DRM_CLIENT_SUBMIT"),
					 "bad_submits", NULL};
	char path[108], text[16384] = "";
	int fd;

	harness_path("trace", path);
	setenv("NPU_TRACE", path, 1);
	setenv("NPU_DEBUG", "1", 1);
	REQUIRE_HAS(run(arguments).output, "npu-run: SUBMIT: task_number is 0");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	REQUIRE_HAS(text, "open(/dev/dri/card1, 0x80002) = ");
	REQUIRE_HAS(text, "ioctl(RKNPU_MEM_CREATE/48, {handle=0, flags=0x8, size=0x1000");
	REQUIRE_HAS(text, "mmap(");
	REQUIRE_HAS(text, "= -22 EINVAL");
	REQUIRE_HAS(text, "# SUBMIT: task_number is 0");
	REQUIRE_HAS(text, "# RKNPU_SUBMIT: there are no 104 bytes at 0x8");
	close(fd);
	daemon_stop(&daemon);
}

/* Those of clients that are not made of threads. */
static void every_refusal_has_one_line(void)
{
	static const char rknpu[] = "actions domains_are_virtual version_in_both_widths "
				    "generic_ioctls all_memory_flags handles_and_maps syncs "
				    "sharing_by_prime global_names misc_node";
	static const char submit[] = "bad_submits hang_times_out fences sync_file_information "
				     "fences_are_merged reset_is_private";
	static const char rocket[] = "ioctl_sizes bad_arguments";
	static const char objects[] = "sync_objects prime accelerators";
	static const char *const clients[][2] = {{"DRM_CLIENT_RKNPU", rknpu},
						 {"DRM_CLIENT_SUBMIT", submit},
						 {"DRM_CLIENT_ROCKET", rocket},
						 {"DRM_CLIENT_LIBDRM", objects}};
	struct daemon daemon = start(NULL);
	char path[108];

	harness_path("trace", path);
	setenv("NPU_TRACE", path, 1);
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		const char *program = getenv(clients[i][0]);
		char names[256], *name, *rest;

		snprintf(names, sizeof(names), "%s", clients[i][1]);
		for (name = strtok_r(names, " ", &rest); program && name;
		     name = strtok_r(NULL, " ", &rest)) {
			require_case(&daemon, program, name);
			require_explained(path, name);
		}
	}
	daemon_stop(&daemon);
}

static void recording_can_be_replayed(void)
{
	struct daemon daemon = start(NULL);
	char folder[108], second[128];
	const char *const records[] = {"npu-run",	  "--socket", daemon.socket,
				       "--record",	  folder,     client("DRM_CLIENT_SUBMIT"),
				       "every_core_mask", NULL};
	const char *const replays[] = {"npu-replay", "--socket", daemon.socket, folder, NULL};
	const char *const many[] = {"npu-run",		"--socket", daemon.socket,
				    "--record",		folder,	    client("DRM_CLIENT_SUBMIT"),
				    "reset_is_private", NULL};
	static struct command_result result;

	harness_path("recorded", folder);
	REQUIRE_EQ(run(records).status, 0);
	command_run("NPU_REPLAY", replays, &result);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "8 checks, 8 passed, 0 failed");
	result = run(many);
	REQUIRE_EQ(result.status, 1);
	REQUIRE_HAS(result.output, "holds a recording already");
	/* Each session of a run has a folder. */
	harness_path("sessions", folder);
	REQUIRE_EQ(run(many).status, 0);
	snprintf(second, sizeof(second), "%s-2/fixture.json", folder);
	REQUIRE_EQ(access(second, R_OK), 0);
	daemon_stop(&daemon);
}

/* The sanitizer takes a place behind the interposer, and its options reach it. */
static void sanitized_program(void)
{
	const char *variable = "DRM_CLIENT_ASAN";

	if (!getenv(variable))
		harness_skip("%s is not built here", variable);
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	require_private(variable, "handles_and_maps");
}

/* Another preloaded library stays in the chain. */
static void other_preloads_are_kept(void)
{
	struct daemon daemon = start(NULL);
	const char *const arguments[] = {"npu-run", "--socket",		daemon.socket, "sh",
					 "-c",	    "echo $LD_PRELOAD", NULL};
	const char *other = getenv("DRM_PRELOAD");
	const char *const runs[] = {"npu-run",
				    "--socket",
				    daemon.socket,
				    getenv("DRM_CLIENT_NODES"),
				    "duplicates_live_on",
				    NULL};

	struct command_result result;

	if (harness_is_sanitized())
		harness_skip("a sanitized npu-run refuses other libraries in front");
	REQUIRE(other && *other);
	setenv("LD_PRELOAD", other, 1);
	result = run(arguments);
	REQUIRE_HAS(result.output, other);
	result = run(runs);
	REQUIRE_HAS(result.output, "preloaded: an ioctl");
	REQUIRE_EQ(result.status, 0);
	unsetenv("LD_PRELOAD");
	daemon_stop(&daemon);
}

static void rocket_can_be_recorded(void)
{
	struct daemon daemon = start(NULL);
	char folder[108];
	const char *const records[] = {
		"npu-run",	"--socket", daemon.socket, "--uapi",
		"rocket",	"--record", folder,	   client("DRM_CLIENT_ROCKET"),
		"pooling_ends", NULL};
	const char *const replays[] = {"npu-replay", "--socket", daemon.socket, folder, NULL};
	static struct command_result result;

	harness_path("recorded", folder);
	REQUIRE_EQ(run(records).status, 0);
	command_run("NPU_REPLAY", replays, &result);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "1 checks, 1 passed, 0 failed");
	daemon_stop(&daemon);
}

static void rocket_is_explained(void)
{
	struct daemon daemon = start(slow_watchdog);
	const char *const drops[] = {"npu-run",
				     "--socket",
				     daemon.socket,
				     "--check",
				     client("DRM_CLIENT_ROCKET"),
				     "bad_jobs_are_dropped",
				     NULL};
	const char *const pools[] = {"npu-run",	     "--socket",
				     daemon.socket,  client("DRM_CLIENT_ROCKET"),
				     "pooling_ends", NULL};
	const char *const hangs[] = {"npu-run",	    "--socket",
				     daemon.socket, client("DRM_CLIENT_ROCKET"),
				     "timeouts",    NULL};
	struct command_result result;

	setenv("NPU_DEBUG", "1", 1);
	result = run(drops);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "SUBMIT: in handle 99 is unknown; dropped");
	REQUIRE_HAS(result.output, "SUBMIT: task 0: regcmd_count is 0; dropped");
	REQUIRE_HAS(result.output, "ROCKET_SUBMIT                  24 bytes        9 calls");
	result = run(hangs);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "SUBMIT: a job ended with hang: ");
	/* The driver shoots tasks that only pool; one that could not run would say nothing, either.
	 */
	result = run(pools);
	REQUIRE_EQ(result.status, 0);
	REQUIRE(!strstr(result.output, "a job ended with"));
	daemon_stop(&daemon);
}

/* The daemon goes: calls fail, the program goes on. */
static void kill_daemon_of(const char *variable)
{
	struct daemon daemon = start(NULL);
	const char *const arguments[] = {
		"npu-run", "--socket", daemon.socket, client(variable), "survives_the_daemon",
		NULL};
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)daemon.pid);
	setenv("DAEMON_PID", pid, 1);
	REQUIRE_HAS(run(arguments).output, "ok");
	daemon_wait(&daemon);
}

static void killed_daemon_is_an_error(void)
{
	kill_daemon_of("DRM_CLIENT_SUBMIT");
	kill_daemon_of("DRM_CLIENT_ROCKET");
}

static const struct test_case cases[] = {
	{.name = "vendor_abi", .run = vendor_abi, .timeout_s = 240},
	{.name = "vendor_abi_32_bit", .run = vendor_abi_32_bit, .timeout_s = 240},
	{.name = "vendor_submits", .run = vendor_submits, .timeout_s = 240},
	{.name = "vendor_submits_32_bit", .run = vendor_submits_32_bit, .timeout_s = 240},
	{.name = "vendor_misbehaviour", .run = vendor_misbehaviour},
	HARNESS_CASE(incoherent_device),
	{.name = "rocket_abi", .run = rocket_abi, .timeout_s = 240},
	{.name = "rocket_abi_32_bit", .run = rocket_abi_32_bit, .timeout_s = 240},
	HARNESS_CASE(shared_memory),
	HARNESS_CASE(shared_memory_32_bit),
	{.name = "nodes", .run = nodes, .timeout_s = 120},
	{.name = "nodes_32_bit", .run = nodes_32_bit, .timeout_s = 120},
	{.name = "nodes_64_bit_times", .run = nodes_64_bit_times, .timeout_s = 120},
	HARNESS_CASE(libdrm),
	HARNESS_CASE(private_daemon),
	HARNESS_CASE(no_daemon_is_said),
	HARNESS_CASE(exit_status_is_the_programs),
	HARNESS_CASE(classes),
	{.name = "one_core_for_all", .run = one_core_for_all, .timeout_s = 240},
	HARNESS_CASE(check_lists_what_was_used),
	HARNESS_CASE(trace_has_every_call),
	HARNESS_CASE(every_refusal_has_one_line),
	HARNESS_CASE(recording_can_be_replayed),
	HARNESS_CASE(rocket_can_be_recorded),
	HARNESS_CASE(rocket_is_explained),
	HARNESS_CASE(other_preloads_are_kept),
	HARNESS_CASE(sanitized_program),
	HARNESS_CASE(killed_daemon_is_an_error),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
