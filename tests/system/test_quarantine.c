/* SPDX-License-Identifier: MIT */
/* What repeated hangs and faults cost whoever causes them, and what is written down of each. */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
/* Pauses long enough to be seen on a slow machine, short enough to be waited for. */
#define PAUSE_NS    (500 * MS_NS)
#define QUICK_RULES "\"watchdog\": {\"quarantine_ms\": 500, \"quarantine_max_ms\": 60000}"

static struct command_result result;

static void start(const char *config, struct daemon *ret_daemon)
{
	daemon_start(&(struct daemon_options){.device = "timing", .config = config}, ret_daemon);
}

static void hang_once(struct client *client, struct npu_completion *ret_completion)
{
	struct job_request job = timed_request(UINT64_MAX, 0);

	job.submit.timeout_ns = 10 * MS_NS;
	client_wait(client, client_submit(client, &job, NULL), ret_completion);
	REQUIRE_EQ(ret_completion->outcome, NPU_OUTCOME_HANG);
}

/* Submits until the pause is over; how long that took. */
static uint64_t wait_pause(struct client *client)
{
	const struct job_request job = timed_request(MS_NS, 0);
	uint64_t start_ns = harness_now_ns();
	struct message message;

	while (client_try_submit(client, &job, NULL, &message) == EAGAIN) {
		REQUIRE(strcmp(message.body.error.field, "quarantine") == 0);
		REQUIRE(message.body.error.retry_after_ns > 0);
		usleep((useconds_t)(message.body.error.retry_after_ns / 1000 + 1));
	}
	client_wait_outcome(client, client->seqno, NPU_OUTCOME_OK);
	return harness_now_ns() - start_ns;
}

static void run_npuctl(const struct daemon *daemon, const char *command, const char *argument,
		       int status)
{
	const char *argv[] = {"npuctl", "--socket", daemon->socket, command, argument, NULL};

	command_run("NPUCTL", argv, &result);
	if (result.status != status)
		harness_fail(__FILE__, __LINE__, "npuctl %s: %s", command, result.output);
}

static const char *session_standing(const json_t *stats)
{
	return stats_text(stats, "sessions.0.standing");
}

/* ---- consequences ---- */

static void inv6_hangs_slow_then_suspend_then_close(void)
{
	struct job_request gang = timed_request(MS_NS, 3);
	struct npu_completion completion;
	struct client client, other;
	struct message message;
	struct daemon daemon;
	json_t *stats;

	start("{\"version\": 1, " QUICK_RULES "}", &daemon);
	client_open(&daemon, &client);
	hang_once(&client, &completion);
	REQUIRE_HAS(completion.detail, "strike 1: slowed for 60 s");
	stats = client_stats(&client);
	REQUIRE(strcmp(session_standing(stats), "slow") == 0);
	REQUIRE_EQ(stats_number(stats, "sessions.0.strikes"), 1);
	json_decref(stats);
	gang.submit.n_ranges = 2;
	REQUIRE_EQ(client_try_submit(&client, &gang, NULL, &message), EAGAIN);
	REQUIRE_HAS(message.body.error.message, "no gangs for another");
	hang_once(&client, &completion);
	REQUIRE_HAS(completion.detail, "strike 2: suspended for 0.5 s");
	REQUIRE(wait_pause(&client) > PAUSE_NS / 2);
	hang_once(&client, &completion);
	REQUIRE_HAS(completion.detail, "strike 3: suspended for 1 s");
	wait_pause(&client);
	hang_once(&client, &completion);
	REQUIRE_HAS(completion.detail, "strike 4: suspended for 2 s");
	wait_pause(&client);
	hang_once(&client, &completion);
	REQUIRE_HAS(completion.detail, "strike 5: closed for 4 s");
	REQUIRE(!client_receive(&client, &message));
	/* The record outlives the session. */
	client_open(&daemon, &other);
	REQUIRE_EQ(client_try_submit(&other, &gang, NULL, &message), EAGAIN);
	REQUIRE_HAS(message.body.error.message, "after 5 strikes");
	run_npuctl(&daemon, "sessions", NULL, 0);
	REQUIRE_HAS(result.output, "closed");
	daemon_stop(&daemon);
}

/* What the suspended session has queued waits and then runs; those beside it notice nothing. */
static void suspended_jobs_wait_and_others_go_on(void)
{
	struct job_request hang = timed_request(UINT64_MAX, 1), behind = timed_request(MS_NS, 1);
	struct client bad, beside, after;
	struct message message;
	struct daemon daemon;
	uint64_t waiting, start_ns;

	start("{\"version\": 1, \"watchdog\": {\"suspend_after\": 1, \"quarantine_ms\": 500}}",
	      &daemon);
	client_open(&daemon, &bad);
	client_open(&daemon, &beside);
	hang.submit.timeout_ns = 50 * MS_NS;
	client_submit(&bad, &hang, NULL);
	waiting = client_submit(&bad, &behind, NULL);
	client_wait_outcome(&bad, waiting - 1, NPU_OUTCOME_HANG);
	start_ns = harness_now_ns();
	client_open(&daemon, &after);
	REQUIRE_EQ(client_try_submit(&after, &behind, NULL, &message), EAGAIN);
	while (!fence_is_signalled(bad.completions))
		client_wait_outcome(&beside, client_submit(&beside, &behind, NULL), NPU_OUTCOME_OK);
	REQUIRE(harness_now_ns() - start_ns > PAUSE_NS / 2);
	client_wait_outcome(&bad, waiting, NPU_OUTCOME_OK);
	daemon_stop(&daemon);
}

/* A drain does not wait for pauses. */
static void drain_does_not_wait_for_the_suspended(void)
{
	struct npu_completion completion;
	struct job_request hang = timed_request(UINT64_MAX, 1), behind = timed_request(MS_NS, 1);
	struct client client;
	struct daemon daemon;
	int fence;

	start("{\"version\": 1, \"watchdog\": {\"suspend_after\": 1, \"quarantine_ms\": 60000}}",
	      &daemon);
	client_open(&daemon, &client);
	hang.submit.timeout_ns = 10 * MS_NS;
	client_submit(&client, &hang, NULL);
	client_submit(&client, &behind, &fence);
	client_completion(&client, &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_HANG);
	daemon_stop(&daemon);
	REQUIRE_EQ(fence_wait(fence), NPU_OUTCOME_CANCELLED);
}

static void pardon_undoes_it(void)
{
	struct npu_completion completion;
	struct job_request job = timed_request(MS_NS, 0);
	struct client client;
	struct daemon daemon;
	char text[64], identity[300];
	json_t *stats;

	start("{\"version\": 1, \"watchdog\": {\"suspend_after\": 1, \"quarantine_ms\": 60000}}",
	      &daemon);
	client_open(&daemon, &client);
	hang_once(&client, &completion);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)client.hello.session_id);
	run_npuctl(&daemon, "pardon", text, 0);
	client_wait_outcome(&client, client_submit(&client, &job, NULL), NPU_OUTCOME_OK);
	stats = client_stats(&client);
	REQUIRE(strcmp(session_standing(stats), "good") == 0);
	json_decref(stats);
	run_npuctl(&daemon, "pardon", text, 1);
	REQUIRE_HAS(result.output, "has no strikes");
	/* Once more, by identity, with the session gone. */
	hang_once(&client, &completion);
	stats = client_stats(&client);
	snprintf(identity, sizeof(identity), "%llu:%s",
		 (unsigned long long)stats_number(stats, "identities.0.uid"),
		 stats_text(stats, "identities.0.cgroup"));
	json_decref(stats);
	client_close(&client);
	run_npuctl(&daemon, "pardon", identity, 0);
	client_open(&daemon, &client);
	client_wait_outcome(&client, client_submit(&client, &job, NULL), NPU_OUTCOME_OK);
	run_npuctl(&daemon, "pardon", "x", 2);
	run_npuctl(&daemon, "pardon", "77", 1);
	daemon_stop(&daemon);
}

static void hang_as_nobody(const struct daemon *daemon)
{
	struct job_request job = timed_request(UINT64_MAX, 0);
	struct npu_hello hello = {.version_min = 1, .version_max = 1};
	const struct request request = {NPU_OP_HELLO, &hello, sizeof(hello), NULL, 0};
	struct npu_completion completion;
	struct message message;
	struct client client;

	REQUIRE(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	client_open(daemon, &client);
	job.submit.timeout_ns = 10 * MS_NS;
	client_wait(&client, client_submit(&client, &job, NULL), &completion);
	REQUIRE(!client_receive(&client, &message));
	client_connect(daemon, &client);
	REQUIRE(client_exchange(&client, &request, &message));
	REQUIRE_EQ(message.header.kind, NPU_KIND_ERROR);
	REQUIRE_EQ(message.body.error.error, EACCES);
	REQUIRE(message.body.error.retry_after_ns > 0);
	client_refused(&client,
		       &(struct request){NPU_OP_INCIDENTS, &(struct npu_incidents){0},
					 sizeof(struct npu_incidents), NULL, 0},
		       EPROTO, NULL);
	_exit(0);
}

/* Another user than the daemon's is not even let in, and its record is not ours. */
static void closed_identity_is_refused_at_the_door(void)
{
	struct client client;
	struct daemon daemon;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		harness_skip("only root can become another user than the daemon's");
	start("{\"version\": 1, \"watchdog\": {\"strikes\": 1, \"quarantine_ms\": 60000}}",
	      &daemon);
	REQUIRE_EQ(chmod(daemon.socket, 0666), 0);
	pid = fork();
	if (pid == 0)
		hang_as_nobody(&daemon);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	REQUIRE_EQ(status, 0);
	client_open(&daemon, &client);
	client_wait_outcome(&client, timed_submit(&client, MS_NS, 0, NULL), NPU_OUTCOME_OK);
	daemon_stop(&daemon);
}

/* ---- what is written down ---- */

static void stray_once(struct client *client)
{
	struct stream_addresses nowhere = {0x7f000000, 0x7f000000, 0x7f000000};
	struct stream stream;
	struct matmul memory;

	matmul_init(client, 0, 1, 1, &memory);
	stream_matmul(&nowhere, &stream);
	matmul_set_stream(&memory, &stream);
	client_wait_outcome(client, matmul_submit(client, &memory, NULL), NPU_OUTCOME_PAGE_FAULT);
}

static json_t *load_incident(const struct daemon *daemon, const char *id)
{
	const char *argv[] = {"npuctl",	   "--json", "--socket", daemon->socket,
			      "incidents", id,	     NULL};
	json_t *document;

	command_run("NPUCTL", argv, &result);
	REQUIRE_EQ(result.status, 0);
	document = json_loads(result.output, JSON_DISABLE_EOF_CHECK, NULL);
	REQUIRE(document != NULL);
	return document;
}

static void incidents_say_who_what_and_why(void)
{
	struct client client, beside;
	struct matmul memory, job;
	struct daemon daemon;
	json_t *incident;

	harness_needs_soft("kernel drivers show no registers");
	daemon_start(&(struct daemon_options){.config = "{\"version\": 1, " DAEMON_LENIENT "}"},
		     &daemon);
	client_open(&daemon, &client);
	client_open(&daemon, &beside);
	matmul_init(&client, 0, 1, 1, &memory);
	matmul_init(&beside, 0, 2, 2, &job);
	client_wait_outcome(&client, hang_submit(&client, &memory, 2, 50 * MS_NS, NULL),
			    NPU_OUTCOME_HANG);
	stray_once(&client);
	incident = load_incident(&daemon, "1");
	REQUIRE(strcmp(stats_text(incident, "outcome"), "hang") == 0);
	REQUIRE_EQ(stats_number(incident, "core"), 1);
	REQUIRE_EQ(stats_number(incident, "session.id"), client.hello.session_id);
	REQUIRE_EQ(stats_number(incident, "session.uid"), getuid());
	REQUIRE_EQ(stats_number(incident, "job.task"), 0);
	REQUIRE(stats_number(incident, "evidence.stood_still_ns") >= 50 * MS_NS);
	REQUIRE_EQ(stats_number(incident, "evidence.budget_ns"), 50 * MS_NS);
	REQUIRE_EQ(stats_number(incident, "cores.1.session"), client.hello.session_id);
	REQUIRE_EQ(stats_number(incident, "queues.0.running"), 1);
	REQUIRE(stats_has(incident, "registers.PC TASK_STATUS"));
	REQUIRE(stats_has(incident, "mmu.MMU_STATUS"));
	REQUIRE(json_array_size(json_object_get(incident, "commands")) > 0);
	REQUIRE(strcmp(stats_text(incident, "actions.0.what"), "core_reset") == 0);
	REQUIRE(strcmp(stats_text(incident, "actions.1.what"), "job_failed") == 0);
	REQUIRE_EQ(stats_number(incident, "actions.1.strikes"), 1);
	json_decref(incident);
	incident = load_incident(&daemon, "2");
	REQUIRE(strcmp(stats_text(incident, "outcome"), "page_fault") == 0);
	REQUIRE_EQ(stats_number(incident, "evidence.iova"), 0x7f000000);
	json_decref(incident);
	run_npuctl(&daemon, "incidents", NULL, 0);
	REQUIRE_HAS(result.output, "page_fault");
	run_npuctl(&daemon, "incidents", "2", 0);
	REQUIRE_HAS(result.output, "evidence");
	run_npuctl(&daemon, "incidents", "3", 1);
	run_npuctl(&daemon, "incidents", "x", 2);
	daemon_stop(&daemon);
}

static void incidents_are_bounded_and_outlive_the_daemon(void)
{
	static const struct daemon_options options = {
		.config =
			"{\"version\": 1, \"incidents\": {\"count_max\": 3}, " DAEMON_LENIENT "}"};
	struct client client;
	struct daemon daemon;
	json_t *list;

	daemon_start(&options, &daemon);
	client_open(&daemon, &client);
	for (int i = 0; i < 5; i++)
		stray_once(&client);
	daemon_stop(&daemon);
	daemon_start(&options, &daemon);
	client_open(&daemon, &client);
	stray_once(&client);
	list = load_incident(&daemon, NULL);
	REQUIRE_EQ(json_array_size(list), 3);
	REQUIRE_EQ(json_integer_value(json_object_get(json_array_get(list, 0), "id")), 6);
	REQUIRE_EQ(json_integer_value(json_object_get(json_array_get(list, 2), "id")), 4);
	json_decref(list);
	daemon_stop(&daemon);
}

static void unwritable_directory_is_said(void)
{
	struct client client;
	struct daemon daemon;
	json_t *stats;

	daemon_start(&(struct daemon_options){.config = "{\"version\": 1, \"incidents\": "
							"{\"directory\": \"/proc/incidents\"}}"},
		     &daemon);
	daemon_wait_log(&daemon, "incidents_not_kept directory=\"/proc/incidents\"");
	client_open(&daemon, &client);
	stray_once(&client);
	stats = client_stats(&client);
	REQUIRE(*stats_text(stats, "incidents.error") != '\0');
	REQUIRE_EQ(stats_number(stats, "incidents.lost"), 1);
	json_decref(stats);
	run_npuctl(&daemon, "status", NULL, 0);
	REQUIRE_HAS(result.output, "incidents not kept: /proc/incidents");
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(inv6_hangs_slow_then_suspend_then_close),
	HARNESS_CASE(suspended_jobs_wait_and_others_go_on),
	HARNESS_CASE(drain_does_not_wait_for_the_suspended),
	HARNESS_CASE(pardon_undoes_it),
	HARNESS_CASE(closed_identity_is_refused_at_the_door),
	HARNESS_CASE(incidents_say_who_what_and_why),
	HARNESS_CASE(incidents_are_bounded_and_outlive_the_daemon),
	HARNESS_CASE(unwritable_directory_is_said),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
