/* SPDX-License-Identifier: MIT */
/*
 * What npud says about itself, in every way one can ask.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY	  65534
#define REPLY_MAX 262144
/* npud looks at the clock again. */
#define CLOCK_STALE_NS (100 * MS_NS)

static struct command_result result;
static char reply[REPLY_MAX];

/* One HTTP request on a connected socket, which is closed; the status, the body in `reply`. */
static int http_get(int fd, const char *path)
{
	char request[256];
	size_t size = 0;
	ssize_t n;
	char *body;
	int status;

	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
	REQUIRE_EQ(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	while ((n = recv(fd, reply + size, sizeof(reply) - 1 - size, 0)) > 0)
		size += (size_t)n;
	reply[size] = '\0';
	close(fd);
	REQUIRE_EQ(sscanf(reply, "HTTP/1.1 %d", &status), 1);
	REQUIRE_HAS(reply, "\r\n\r\n");
	body = strstr(reply, "\r\n\r\n");
	memmove(reply, body + 4, strlen(body + 4) + 1);
	return status;
}

static int connect_path(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	REQUIRE_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* A port that was free a moment ago. */
static unsigned free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	REQUIRE_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	REQUIRE_EQ(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static int connect_port(unsigned port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	REQUIRE_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void npuctl(const struct daemon *daemon, const char *a, const char *b, const char *c)
{
	const char *argv[] = {"npuctl", "--socket", daemon->socket, a, b, c, NULL};

	command_run("NPUCTL", argv, &result);
}

static const char *const promised_keys[] = {
	"version",
	"uptime_s",
	"device",
	"device.name",
	"device.caps",
	"device.state",
	"cores.0.id",
	"cores.0.state",
	"cores.0.session",
	"cores.0.job",
	"cores.0.busy_ns",
	"cores.0.jobs",
	"cores.0.resets",
	"cores.0.utilization",
	"sessions.0.id",
	"sessions.0.pid",
	"sessions.0.uid",
	"sessions.0.comm",
	"sessions.0.class",
	"sessions.0.state",
	"sessions.0.bos",
	"sessions.0.bytes",
	"sessions.0.iova_bytes",
	"sessions.0.queued",
	"sessions.0.running",
	"sessions.0.submitted",
	"sessions.0.completed",
	"sessions.0.failed.hang",
	"sessions.0.npu_ns",
	"sessions.0.wait_ns",
	"sessions.0.latency_ns.p50",
	"sessions.0.latency_ns.p90",
	"sessions.0.latency_ns.p99",
	"sessions.0.latency_ns.max",
	"sessions.0.hangs",
	"sessions.0.faults",
	"scheduler.policy",
	"scheduler.ready",
	"scheduler.waiting",
	"scheduler.slices",
	"scheduler.gang_wait_ns",
	"scheduler.domain_switches",
	"scheduler.predictions",
	"scheduler.prediction_error",
	"watchdog.hangs",
	"watchdog.core_resets",
	"watchdog.device_resets",
	"watchdog.last",
	"memory.bytes",
	"memory.bos",
	"memory.pagetable_bytes",
	"io.requests",
	"io.errors",
	"io.cqe_overflows",
};

static void require_promised_keys(const json_t *stats)
{
	for (size_t i = 0; i < sizeof(promised_keys) / sizeof(promised_keys[0]); i++)
		if (!stats_has(stats, promised_keys[i]))
			harness_fail(__FILE__, __LINE__, "no %s", promised_keys[i]);
}

static void document_has_what_is_promised(void)
{
	struct daemon daemon;
	struct client client;
	struct matmul job;
	json_t *stats;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 1, 2, &job);
	for (int i = 0; i < 7; i++)
		matmul_check(&client, &job);
	client_wait_outcome(&client, hang_submit(&client, &job, 2, 50 * MS_NS, NULL),
			    NPU_OUTCOME_HANG);
	stats = client_stats(&client);
	require_promised_keys(stats);
	REQUIRE_EQ(stats_number(stats, "sessions.0.completed"), 7);
	REQUIRE_EQ(stats_number(stats, "sessions.0.submitted"), 8);
	REQUIRE_EQ(stats_number(stats, "sessions.0.failed.hang"), 1);
	REQUIRE_EQ(stats_number(stats, "sessions.0.bos"), 1);
	REQUIRE_EQ(stats_number(stats, "sessions.0.pid"), getpid());
	REQUIRE_EQ(stats_number(stats, "sessions.0.uid"), getuid());
	REQUIRE(stats_number(stats, "sessions.0.npu_ns") >= 50 * MS_NS);
	REQUIRE(stats_number(stats, "cores.1.busy_ns") >= 50 * MS_NS);
	REQUIRE_EQ(stats_number(stats, "watchdog.last.0.core"), 1);
	REQUIRE(strcmp(stats_text(stats, "device.name"), client.hello.device) == 0);
	REQUIRE(strcmp(stats_text(stats, "cores.0.state"), "idle") == 0);
	json_decref(stats);
	daemon_stop(&daemon);
}

/* The first runs of a kind of job teach, those after them are compared. */
static void prediction_error_is_shown(void)
{
	struct daemon daemon;
	struct client client;
	struct matmul job;
	json_t *stats;
	const json_t *error;

	daemon_start(&(struct daemon_options){.config = "{\"version\": 1,"
							" \"predict\": {\"known_after\": 4}}"},
		     &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 1, 2, &job);
	for (int i = 0; i < 4; i++)
		matmul_check(&client, &job);
	stats = client_stats(&client);
	REQUIRE_EQ(stats_number(stats, "scheduler.predictions"), 0);
	REQUIRE(json_is_null(
		json_object_get(json_object_get(stats, "scheduler"), "prediction_error")));
	json_decref(stats);
	npuctl(&daemon, "status", NULL, NULL);
	REQUIRE_HAS(result.output, "predicts  nothing yet");
	for (int i = 0; i < 6; i++)
		matmul_check(&client, &job);
	stats = client_stats(&client);
	REQUIRE_EQ(stats_number(stats, "scheduler.predictions"), 6);
	error = json_object_get(json_object_get(stats, "scheduler"), "prediction_error");
	REQUIRE(json_is_real(json_object_get(error, "p50")));
	REQUIRE(json_real_value(json_object_get(error, "p50")) >= 0);
	REQUIRE(json_real_value(json_object_get(error, "p90")) >=
		json_real_value(json_object_get(error, "p50")));
	json_decref(stats);
	npuctl(&daemon, "status", NULL, NULL);
	REQUIRE_HAS(result.output, "in 6 batches");
	daemon_stop(&daemon);
}

static void check_endpoint(int (*open_socket)(void))
{
	json_t *stats;

	REQUIRE_EQ(http_get(open_socket(), "/stats"), 200);
	stats = json_loads(reply, 0, NULL);
	REQUIRE(stats != NULL);
	require_promised_keys(stats);
	json_decref(stats);
	REQUIRE_EQ(http_get(open_socket(), "/metrics"), 200);
	REQUIRE_HAS(reply, "# TYPE npud_");
	REQUIRE_HAS(reply, "core=\"2\"");
	REQUIRE_EQ(http_get(open_socket(), "/healthz"), 200);
	REQUIRE_EQ(http_get(open_socket(), "/nothing"), 404);
}

static char stats_path[108];
static unsigned stats_port;

static int open_path(void)
{
	return connect_path(stats_path);
}

static int open_port(void)
{
	return connect_port(stats_port);
}

static void endpoint_on_a_local_socket(void)
{
	struct daemon daemon;
	struct client client;

	harness_path("stats.sock", stats_path);
	daemon_start(&(struct daemon_options){.arguments = {"--stats", stats_path}}, &daemon);
	client_open(&daemon, &client);
	check_endpoint(open_path);
	daemon_stop(&daemon);
}

static void endpoint_on_a_loopback_port(void)
{
	char address[32];
	struct daemon daemon;
	struct client client;

	stats_port = free_port();
	snprintf(address, sizeof(address), "127.0.0.1:%u", stats_port);
	daemon_start(&(struct daemon_options){.arguments = {"--stats", address}}, &daemon);
	client_open(&daemon, &client);
	check_endpoint(open_port);
	daemon_stop(&daemon);
}

static void endpoint_is_not_for_the_network(void)
{
	char path[108];
	const char *argv[] = {"npud", "--socket", path, "--stats", "0.0.0.0:9100", NULL};

	harness_path("npud.sock", path);
	command_run("NPUD", argv, &result);
	REQUIRE_EQ(result.status, 2);
	REQUIRE_HAS(result.output, "--stats");
}

/* A browser that never asks for anything does not keep npud from its work. */
static void silent_http_client_blocks_nobody(void)
{
	struct daemon daemon;
	struct client client;
	struct matmul job;
	int silent[8];

	harness_path("stats.sock", stats_path);
	daemon_start(&(struct daemon_options){.arguments = {"--stats", stats_path}}, &daemon);
	for (int i = 0; i < 8; i++)
		silent[i] = connect_path(stats_path);
	REQUIRE_EQ(send(silent[0], "GET /st", 7, MSG_NOSIGNAL), 7);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 1, 2, &job);
	matmul_check(&client, &job);
	REQUIRE_EQ(http_get(connect_path(stats_path), "/healthz"), 200);
	daemon_stop(&daemon);
}

static void counters_never_go_backwards(void)
{
	struct client observer, client;
	struct daemon daemon;
	struct matmul job;
	uint64_t completed = 0, requests = 0;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &observer);
	for (int i = 0; i < 10; i++) {
		json_t *stats;

		client_open(&daemon, &client);
		matmul_init(&client, 0, 1, 2, &job);
		matmul_check(&client, &job);
		client_close(&client);
		stats = client_stats(&observer);
		REQUIRE(stats_number(stats, "io.requests") > requests);
		REQUIRE(stats_number(stats, "totals.completed") > completed);
		requests = stats_number(stats, "io.requests");
		completed = stats_number(stats, "totals.completed");
		json_decref(stats);
	}
	REQUIRE_EQ(completed, 10);
	daemon_stop(&daemon);
}

/* ---- who sees what ---- */

static void look_as_nobody(const struct daemon *daemon, uint64_t foreign_session)
{
	struct client client;
	json_t *stats;

	REQUIRE(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	client_open(daemon, &client);
	stats = client_stats(&client);
	REQUIRE_EQ(json_array_size(json_object_get(stats, "sessions")), 1);
	REQUIRE_EQ(stats_number(stats, "sessions.0.uid"), NOBODY);
	REQUIRE_EQ(json_array_size(json_object_get(stats, "cores")), 3);
	json_decref(stats);
	client_refused(&client,
		       &(struct request){NPU_OP_KILL, &(struct npu_kill){foreign_session},
					 sizeof(struct npu_kill), NULL, 0},
		       EPERM, NULL);
	client_refused(&client,
		       &(struct request){NPU_OP_RESET, &(struct npu_reset){0, 0},
					 sizeof(struct npu_reset), NULL, 0},
		       EPERM, NULL);
	client_refused(&client, &(struct request){NPU_OP_POLICY_RELOAD, NULL, 0, NULL, 0}, EPERM,
		       NULL);
	client_refused(&client, &(struct request){NPU_OP_TRACE_START, NULL, 0, NULL, 0}, EPERM,
		       NULL);
	client_refused(&client, &(struct request){NPU_OP_TRACE_STOP, NULL, 0, NULL, 0}, EPERM,
		       NULL);
	_exit(0);
}

static void others_see_only_their_own(void)
{
	struct client client;
	struct daemon daemon;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		harness_skip("only root can become another user than the daemon's");
	daemon_start(NULL, &daemon);
	REQUIRE_EQ(chmod(daemon.socket, 0666), 0);
	client_open(&daemon, &client);
	pid = fork();
	if (pid == 0)
		look_as_nobody(&daemon, client.hello.session_id);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	REQUIRE_EQ(status, 0);
	daemon_stop(&daemon);
}

/* ---- clock and temperature ---- */

static void write_sysfs(const char *name, const char *text)
{
	char path[108];

	harness_path(name, path);
	harness_write(path, text);
}

static void make_sysfs(void)
{
	static const char *const directories[] = {"sys",
						  "sys/class",
						  "sys/class/devfreq",
						  "sys/class/thermal",
						  "sys/class/devfreq/fdab0000.npu",
						  "sys/class/thermal/thermal_zone6"};
	char path[108];

	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		harness_path(directories[i], path);
		REQUIRE_EQ(mkdir(path, 0755), 0);
	}
	write_sysfs("sys/class/devfreq/fdab0000.npu/cur_freq", "1000000000\n");
	write_sysfs("sys/class/devfreq/fdab0000.npu/max_freq", "1000000000\n");
	write_sysfs("sys/class/devfreq/fdab0000.npu/available_frequencies",
		    "300000000 1000000000\n");
	write_sysfs("sys/class/thermal/thermal_zone6/type", "npu-thermal\n");
	write_sysfs("sys/class/thermal/thermal_zone6/temp", "41500\n");
	harness_path("sys", path);
	REQUIRE_EQ(setenv("NPU_SYSFS", path, 1), 0);
}

static uint64_t hang_ns(struct client *client)
{
	uint64_t start_ns = harness_now_ns();

	client_wait_outcome(client, timed_submit(client, UINT64_MAX, 0, NULL), NPU_OUTCOME_HANG);
	return harness_now_ns() - start_ns;
}

/* The budget of what is not known is for the full clock, and stretched at a lower one. */
static void power_is_shown_and_budgets_follow(void)
{
	static const char config[] = "{\"version\": 1, \"watchdog\": {\"unknown_ms\": 100, "
				     "\"floor_ms\": 10, \"slow_after\": 0, \"suspend_after\": 0, "
				     "\"close_after\": 0}}";
	struct daemon daemon;
	const char *argv[] = {"npuctl", "--socket", daemon.socket, "status", NULL};
	const json_t *power;
	struct client client;
	json_t *stats;

	make_sysfs();
	daemon_start(&(struct daemon_options){.device = "timing", .config = config}, &daemon);
	client_open(&daemon, &client);
	stats = client_stats(&client);
	power = json_object_get(stats, "power");
	REQUIRE_EQ(stats_number(stats, "power.frequency_hz"), 1000000000);
	REQUIRE(json_is_false(json_object_get(power, "throttled")));
	REQUIRE(json_is_null(json_object_get(power, "load")));
	REQUIRE(json_real_value(json_object_get(power, "temperature_c")) == 41.5);
	json_decref(stats);
	write_sysfs("sys/class/devfreq/fdab0000.npu/cur_freq", "300000000\n");
	write_sysfs("sys/class/devfreq/fdab0000.npu/max_freq", "300000000\n");
	stats = client_stats(&client);
	REQUIRE_EQ(stats_number(stats, "power.limit_hz"), 300000000);
	REQUIRE(json_is_true(json_object_get(json_object_get(stats, "power"), "throttled")));
	json_decref(stats);
	/* The first job is what makes npud look at the clock. */
	REQUIRE(hang_ns(&client) >= 333 * MS_NS);
	command_run("NPUCTL", argv, &result);
	REQUIRE_HAS(result.output, "power     300 MHz, limited to 300 of 1000 MHz, 41.5 degrees C");
	daemon_stop(&daemon);
}

static uint64_t count_predictions(struct client *client)
{
	json_t *stats = client_stats(client);
	uint64_t n = (uint64_t)stats_number(stats, "scheduler.predictions");

	json_decref(stats);
	return n;
}

/* A batch is compared with what was learnt at its clock, and one of two clocks with nothing. */
static void times_are_learnt_at_their_clock(void)
{
	static const char config[] = "{\"version\": 1, \"predict\": {\"known_after\": 1}}";
	struct daemon daemon;
	struct client client;
	uint64_t seqno;

	make_sysfs();
	daemon_start(&(struct daemon_options){.device = "timing", .config = config}, &daemon);
	client_open(&daemon, &client);
	client_wait_outcome(&client, timed_submit(&client, CLOCK_STALE_NS, 0, NULL),
			    NPU_OUTCOME_OK);
	seqno = timed_submit(&client, CLOCK_STALE_NS, 0, NULL);
	client_wait_stats(&client, "scheduler.slices", 2);
	write_sysfs("sys/class/devfreq/fdab0000.npu/cur_freq", "300000000\n");
	client_wait_outcome(&client, seqno, NPU_OUTCOME_OK);
	REQUIRE_EQ(count_predictions(&client), 0);
	for (unsigned i = 0; i < 2; i++)
		client_wait_outcome(&client, timed_submit(&client, CLOCK_STALE_NS, 0, NULL),
				    NPU_OUTCOME_OK);
	REQUIRE_EQ(count_predictions(&client), 1);
	daemon_stop(&daemon);
}

/* Also where nothing has been running that would have made npud look at it. */
static void deadline_is_answered_by_the_present_clock(void)
{
	static const char config[] = "{\"version\": 1, \"predict\": {\"known_after\": 1}, "
				     "\"scheduler\": {\"policy\": \"deadline\"}, \"classes\": "
				     "{\"default\": {\"kind\": \"rt\", \"late\": \"drop\"}}}";
	struct job_request job = timed_request(CLOCK_STALE_NS, 1);
	struct message refusal;
	struct daemon daemon;
	struct client client;
	uint64_t now_ns;

	make_sysfs();
	daemon_start(&(struct daemon_options){.device = "timing", .config = config}, &daemon);
	client_open(&daemon, &client);
	client_wait_outcome(&client, client_submit(&client, &job, NULL), NPU_OUTCOME_OK);
	write_sysfs("sys/class/devfreq/fdab0000.npu/cur_freq", "300000000\n");
	/* Until npud thinks that its last look is too old. */
	for (now_ns = harness_now_ns(); harness_now_ns() - now_ns < CLOCK_STALE_NS;)
		count_predictions(&client);
	job.submit.deadline_ns = 2 * CLOCK_STALE_NS;
	REQUIRE_EQ(client_try_submit(&client, &job, NULL, &refusal), ETIME);
	daemon_stop(&daemon);
}

/* ---- npuctl ---- */

static void require_json(json_type type)
{
	json_error_t error;
	json_t *value = json_loads(result.output, 0, &error);

	REQUIRE_EQ(result.status, 0);
	if (!value)
		harness_fail(__FILE__, __LINE__, "not JSON: %s: %s", error.text, result.output);
	REQUIRE_EQ(json_typeof(value), type);
	json_decref(value);
}

static void npuctl_shows(void)
{
	struct client client;
	struct daemon daemon;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	npuctl(&daemon, "status", NULL, NULL);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, client.hello.device);
	npuctl(&daemon, "sessions", NULL, NULL);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "test_stats");
	npuctl(&daemon, "cores", NULL, NULL);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "idle");
	npuctl(&daemon, "--json", "status", NULL);
	require_json(JSON_OBJECT);
	npuctl(&daemon, "--json", "sessions", NULL);
	require_json(JSON_ARRAY);
	npuctl(&daemon, "--json", "cores", NULL);
	require_json(JSON_ARRAY);
	npuctl(&daemon, "--json", "stats", NULL);
	require_json(JSON_OBJECT);
	npuctl(&daemon, "policy", "show", NULL);
	require_json(JSON_OBJECT);
	daemon_stop(&daemon);
}

static void npuctl_changes(void)
{
	struct client client;
	struct message message;
	struct daemon daemon;
	char id[24];

	daemon_start(&(struct daemon_options){.config = "{\"version\": 1}"}, &daemon);
	client_open(&daemon, &client);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)client.hello.session_id);
	npuctl(&daemon, "reset", "0", NULL);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "core 0 reset");
	client_wait_stats(&client, "cores.0.resets", 1);
	npuctl(&daemon, "reset", "9", NULL);
	REQUIRE_EQ(result.status, 1);
	npuctl(&daemon, "policy", "reload", NULL);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "policy reloaded");
	harness_write(daemon.config, "{\"version\": 1, \"quota\": 7}");
	npuctl(&daemon, "policy", "reload", NULL);
	REQUIRE_EQ(result.status, 1);
	REQUIRE_HAS(result.output, "quota");
	npuctl(&daemon, "policy", "check", daemon.config);
	REQUIRE_EQ(result.status, 1);
	REQUIRE_HAS(result.output, "quota");
	npuctl(&daemon, "kill", "everybody", NULL);
	REQUIRE_EQ(result.status, 2);
	npuctl(&daemon, "kill", id, NULL);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "ended");
	REQUIRE(!client_receive(&client, &message));
	npuctl(&daemon, "kill", id, NULL);
	REQUIRE_EQ(result.status, 1);
	daemon_stop(&daemon);
}

static void npuctl_usage(void)
{
	struct daemon nowhere = {0};

	harness_path("nowhere.sock", nowhere.socket);
	npuctl(&nowhere, "status", NULL, NULL);
	REQUIRE_EQ(result.status, 3);
	REQUIRE_HAS(result.output, "npuctl: ");
	REQUIRE_HAS(result.output, nowhere.socket);
	npuctl(&nowhere, "dance", NULL, NULL);
	REQUIRE_EQ(result.status, 2);
	npuctl(&nowhere, NULL, NULL, NULL);
	REQUIRE_EQ(result.status, 2);
}

static const struct test_case cases[] = {
	HARNESS_CASE(document_has_what_is_promised),
	HARNESS_CASE(prediction_error_is_shown),
	HARNESS_CASE(endpoint_on_a_local_socket),
	HARNESS_CASE(endpoint_on_a_loopback_port),
	HARNESS_CASE(endpoint_is_not_for_the_network),
	HARNESS_CASE(silent_http_client_blocks_nobody),
	HARNESS_CASE(counters_never_go_backwards),
	HARNESS_CASE(others_see_only_their_own),
	HARNESS_CASE(npuctl_shows),
	HARNESS_CASE(npuctl_changes),
	HARNESS_CASE(npuctl_usage),
	HARNESS_CASE(power_is_shown_and_budgets_follow),
	HARNESS_CASE(times_are_learnt_at_their_clock),
	HARNESS_CASE(deadline_is_answered_by_the_present_clock),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
