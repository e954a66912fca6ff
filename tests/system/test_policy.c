/* SPDX-License-Identifier: MIT */
/*
 * The policy file in a running daemon: who goes first, who gets in, and what a reload changes. Jobs
 * are durations on the `timing` device.
 */
#include "client.h"
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CLASS(name, keys) "\"" name "\": {\"requestable\": true, " keys "}"
#define POLICY(scheduler, classes)                                                                 \
	"{\"scheduler\": {" scheduler "}, \"classes\": {" classes ", \"other\": {}},"              \
	" \"match\": [{\"class\": \"other\"}]}"

static const struct request reload = {NPU_OP_POLICY_RELOAD, NULL, 0, NULL, 0};
static struct command_result result;

static void start(const char *config, struct daemon *ret_daemon)
{
	daemon_start(&(struct daemon_options){.device = "timing", .config = config}, ret_daemon);
}

static void open_as(const struct daemon *daemon, const char *class_name, struct client *ret_client)
{
	client_connect(daemon, ret_client);
	client_hello(ret_client, class_name);
}

/* Connects and is refused; the reply is in ret_message. */
static void refused_as(const struct daemon *daemon, const char *class_name, int error,
		       struct message *ret_message)
{
	struct npu_hello hello = {.version_min = 1, .version_max = 1};
	struct client client;

	client_connect(daemon, &client);
	snprintf(hello.class_name, sizeof(hello.class_name), "%s", class_name);
	REQUIRE(client_exchange(&client,
				&(struct request){NPU_OP_HELLO, &hello, sizeof(hello), NULL, 0},
				ret_message));
	REQUIRE_EQ(ret_message->header.kind, NPU_KIND_ERROR);
	REQUIRE_EQ(ret_message->body.error.error, error);
	client_close(&client);
}

/* On core 0, so that they run one after the other. */
static struct job_request job_of(uint64_t duration_ns)
{
	return (struct job_request){
		.submit = {.core_mask = 1, .duration_ns = duration_ns},
	};
}

static uint64_t submit(struct client *client, uint64_t duration_ns)
{
	const struct job_request request = job_of(duration_ns);

	return client_submit(client, &request, NULL);
}

/* ---- priority ---- */

static void priority_goes_first(void)
{
	struct npu_completion low_end, high_end;
	struct client low, high;
	struct daemon daemon;
	uint64_t low_job, high_job = 0;

	start(POLICY("\"policy\": \"fair\"", CLASS("high", "\"priority\": 5")), &daemon);
	open_as(&daemon, "other", &low);
	open_as(&daemon, "high", &high);
	submit(&low, 100 * MS_NS);
	low_job = submit(&low, 20 * MS_NS);
	for (int i = 0; i < 10; i++)
		high_job = submit(&high, 10 * MS_NS);
	for (int i = 0; i < 10; i++)
		client_completion(&high, &high_end);
	REQUIRE_EQ(high_end.seqno, high_job);
	client_completion(&low, &low_end);
	client_completion(&low, &low_end);
	REQUIRE_EQ(low_end.seqno, low_job);
	/* It waited for the ten behind its own first one. */
	REQUIRE(low_end.queued_ns >= 190 * MS_NS);
	daemon_stop(&daemon);
}

static void the_low_ones_do_not_starve(void)
{
	struct npu_completion completion;
	struct client low, high;
	struct daemon daemon;
	uint64_t low_job;

	start(POLICY("\"ageing_ms\": 100", CLASS("high", "\"priority\": 5")), &daemon);
	open_as(&daemon, "other", &low);
	open_as(&daemon, "high", &high);
	for (int i = 0; i < 60; i++)
		submit(&high, 20 * MS_NS);
	low_job = submit(&low, MS_NS);
	client_wait(&low, low_job, &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	/* Before the 60 had their 1.2 s. */
	REQUIRE(completion.queued_ns >= 95 * MS_NS && completion.queued_ns < 900 * MS_NS);
	daemon_stop(&daemon);
}

/* ---- late ---- */

/* Twenty short runs make it known; then it is too long for what is in front of it. */
static enum npu_outcome late_outcome(const char *config)
{
	struct npu_completion completion;
	struct client rt, other;
	struct job_request request = job_of(30 * MS_NS);
	struct message message;
	struct daemon daemon;
	int r;

	start(config, &daemon);
	open_as(&daemon, "rt", &rt);
	open_as(&daemon, "other", &other);
	for (int i = 0; i < 5; i++)
		client_wait(&rt, submit(&rt, 30 * MS_NS), &completion);
	submit(&other, 200 * MS_NS);
	r = client_try_submit(&rt, &request, NULL, &message);
	if (r == 0)
		client_completion(&rt, &completion);
	daemon_stop(&daemon);
	return r == ETIME ? NPU_OUTCOME_LATE : completion.outcome;
}

#define LATE(rule)                                                                                 \
	POLICY("\"policy\": \"deadline\"",                                                         \
	       CLASS("rt", "\"kind\": \"rt\", \"deadline_ms\": 100, \"late\": \"" rule "\""))

static void late_jobs_end_as_their_class_says(void)
{
	REQUIRE_EQ(late_outcome(LATE("drop")), NPU_OUTCOME_LATE);
	REQUIRE_EQ(late_outcome(LATE("demote")), NPU_OUTCOME_OK);
	REQUIRE_EQ(late_outcome(LATE("run")), NPU_OUTCOME_OK);
}

/* ---- contracts ---- */

#define CONTRACT(run, period)                                                                      \
	POLICY("\"policy\": \"deadline\"",                                                         \
	       CLASS("rt", "\"kind\": \"rt\", \"period_ms\": " #period ", \"run_ms\": " #run))

static void reservations_are_whole_or_refused(void)
{
	struct client clients[2];
	struct message message;
	struct daemon daemon;
	json_t *stats;

	start(CONTRACT(10, 10), &daemon);
	open_as(&daemon, "rt", &clients[0]);
	open_as(&daemon, "rt", &clients[1]);
	refused_as(&daemon, "rt", ENOSPC, &message);
	REQUIRE_HAS(message.body.error.message,
		    "class \"rt\" reserves 10 ms every 10 ms, 1.000 cores; 0.400 of 2.400 are "
		    "left, for up to 4.000 ms");
	stats = client_stats(&clients[0]);
	REQUIRE_EQ(stats_number(stats, "scheduler.contracts.n"), 2);
	json_decref(stats);
	/* Who leaves makes room. */
	client_close(&clients[1]);
	client_wait_stats(&clients[0], "scheduler.contracts.n", 1);
	open_as(&daemon, "rt", &clients[1]);
	daemon_stop(&daemon);
}

static void reload_that_promises_too_much_is_refused(void)
{
	struct client clients[2];
	struct message message;
	struct daemon daemon;

	start(CONTRACT(5, 10), &daemon);
	open_as(&daemon, "rt", &clients[0]);
	open_as(&daemon, "rt", &clients[1]);
	/* One of these would fit, two do not. */
	harness_write(daemon.config, CONTRACT(13, 10));
	REQUIRE(client_exchange(&clients[0], &reload, &message));
	REQUIRE_EQ(message.body.error.error, ENOSPC);
	REQUIRE_HAS(message.body.error.message,
		    "scheduler.rt_cap: the sessions that are connected would reserve 2.600 cores "
		    "(allowed: up to 2.400");
	harness_write(daemon.config, CONTRACT(12, 10));
	client_call(&clients[0], &reload, NULL);
	daemon_stop(&daemon);
}

static void widths_are_the_class_s(void)
{
	struct job_request request = job_of(MS_NS);
	struct client client;
	struct message message;
	struct daemon daemon;

	start(POLICY("\"policy\": \"gang\"", CLASS("narrow", "\"gang_widths\": [1]")), &daemon);
	open_as(&daemon, "narrow", &client);
	request.submit.core_mask = 3;
	request.submit.n_ranges = 2;
	REQUIRE_EQ(client_try_submit(&client, &request, NULL, &message), EINVAL);
	REQUIRE_HAS(message.body.error.message,
		    "class \"narrow\" does not let its jobs run on 2 cores (gang_widths)");
	client_wait_outcome(&client, submit(&client, MS_NS), NPU_OUTCOME_OK);
	daemon_stop(&daemon);
}

/* ---- address spaces ---- */

static uint64_t switches_of(const char *scope)
{
	struct client clients[2];
	struct npu_completion completion;
	struct daemon daemon;
	uint64_t n_switches;
	char config[256];
	json_t *stats;

	snprintf(config, sizeof(config),
		 "{\"device\": {\"timing_domains\": \"device\", \"timing_switch_ms\": 1},"
		 " \"domains\": {\"scope\": \"%s\", \"epoch_ms\": 50}}",
		 scope);
	start(config, &daemon);
	for (int i = 0; i < 2; i++) {
		client_open(&daemon, &clients[i]);
		for (int j = 0; j < 40; j++)
			submit(&clients[i], 2 * MS_NS);
	}
	for (int i = 0; i < 80; i++)
		client_completion(&clients[i % 2], &completion);
	stats = client_stats(&clients[0]);
	n_switches = stats_number(stats, "scheduler.domain_switches");
	json_decref(stats);
	daemon_stop(&daemon);
	return n_switches;
}

/* 160 ms of work in stays of 50 ms; whoever shares an address space never changes it. */
static void one_address_space_at_a_time_is_grouped(void)
{
	uint64_t n_switches = switches_of("session");

	REQUIRE(n_switches >= 2 && n_switches <= 8);
	REQUIRE_EQ(switches_of("uid"), 1);
}

/* ---- partitions ---- */

static void idle_core_is_lent(void)
{
	struct npu_completion completion;
	struct job_request job = {.submit = {.duration_ns = MS_NS}};
	struct client client;
	struct daemon daemon;
	uint32_t used = 0;

	start("{\"scheduler\": {\"policy\": \"pinned\"}, \"classes\": {"
	      "\"camera\": {\"cores\": [2], \"steal\": \"idle\"}, \"other\": {\"cores\": [0]}},"
	      " \"match\": [{\"class\": \"other\"}]}",
	      &daemon);
	client_open(&daemon, &client);
	for (int i = 0; i < 8; i++) {
		client_wait(&client, client_submit(&client, &job, NULL), &completion);
		REQUIRE_EQ(completion.core_mask, 1);
	}
	for (int i = 0; i < 60; i++)
		client_submit(&client, &job, NULL);
	for (int i = 0; i < 60; i++) {
		client_completion(&client, &completion);
		used |= completion.core_mask;
	}
	REQUIRE_EQ(used, 5);
	daemon_stop(&daemon);
}

/* ---- reload ---- */

/* Nothing in flight is lost or changes places within its session, whatever policies it lives. */
static void reload_keeps_what_is_in_flight(void)
{
	static const char *const policies[] = {"round-robin", "gang", "pinned", "deadline", "fair"};
	struct client clients[3];
	struct npu_completion completion;
	struct daemon daemon;
	uint64_t first[3];

	start(POLICY("\"policy\": \"fair\"", CLASS("a", "\"weight\": 2")), &daemon);
	for (int i = 0; i < 3; i++)
		open_as(&daemon, i ? "other" : "a", &clients[i]);
	for (int i = 0; i < 3; i++) {
		first[i] = submit(&clients[i], 5 * MS_NS);
		for (int j = 1; j < 20; j++)
			submit(&clients[i], 5 * MS_NS);
	}
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text),
			 "{\"scheduler\": {\"policy\": \"%s\"}, \"classes\": {\"a\": {\"policy\": "
			 "\"round-robin\"}, \"other\": {\"priority\": %zu}}, \"match\": "
			 "[{\"class\": "
			 "\"other\"}]}",
			 policies[i], i);
		harness_write(daemon.config, text);
		client_call(&clients[0], &reload, NULL);
		client_wait(&clients[0], first[0] + i, &completion);
	}
	for (int i = 0; i < 3; i++) {
		for (uint64_t j = i ? 0 : 5; j < 20; j++) {
			client_wait(&clients[i], first[i] + j, &completion);
			REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
		}
	}
	daemon_stop(&daemon);
}

/* The effective policy has every key, and is itself a policy file that means the same. */
static void policy_show_is_a_policy_file(void)
{
	const char *show[] = {"npuctl", "--socket", NULL, "policy", "show", NULL};
	json_t *first, *second;
	struct daemon daemon;
	char *text;

	start(CONTRACT(2, 10), &daemon);
	show[2] = daemon.socket;
	command_run("NPUCTL", show, &result);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "\"ageing_ms\"");
	REQUIRE_HAS(result.output, "\"priority\"");
	REQUIRE_HAS(result.output, "\"watchdog_cap_ms\"");
	/* Also what the command line said, and where incidents go. */
	REQUIRE_HAS(result.output, "\"name\": \"timing\"");
	REQUIRE_HAS(result.output, ".incidents\"");
	text = strdup(result.output);
	harness_write(daemon.config, text);
	daemon_signal(&daemon, SIGHUP);
	daemon_wait_log(&daemon, "policy_reloaded");
	command_run("NPUCTL", show, &result);
	first = json_loads(text, 0, NULL);
	second = json_loads(result.output, 0, NULL);
	REQUIRE(first && json_equal(first, second));
	json_decref(first);
	json_decref(second);
	free(text);
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(priority_goes_first),
	HARNESS_CASE(the_low_ones_do_not_starve),
	HARNESS_CASE(late_jobs_end_as_their_class_says),
	HARNESS_CASE(reservations_are_whole_or_refused),
	HARNESS_CASE(reload_that_promises_too_much_is_refused),
	HARNESS_CASE(widths_are_the_class_s),
	HARNESS_CASE(one_address_space_at_a_time_is_grouped),
	HARNESS_CASE(idle_core_is_lent),
	HARNESS_CASE(reload_keeps_what_is_in_flight),
	HARNESS_CASE(policy_show_is_a_policy_file),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
