/* SPDX-License-Identifier: MIT */
/*
 * What a job may say about when and where it wants to run, and what it is told when there is no
 * room for it. On the `timing` device, whose jobs take exactly as long as they say.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <string.h>

#define ONE_CORE "\"classes\": {\"default\": {\"cores\": [0]}}"
#define RT_ONE_CORE                                                                                \
	"{\"scheduler\": {\"policy\": \"deadline\"}, \"classes\": {\"default\": "                  \
	"{\"kind\": \"rt\", \"cores\": [0]}}}"

static void start(const char *config, struct daemon *ret_daemon, struct client *ret_client)
{
	const struct daemon_options options = {.device = "timing", .config = config};

	daemon_start(&options, ret_daemon);
	client_open(ret_daemon, ret_client);
}

/* Submits and requires the completions in the given order of submits. */
static uint64_t submit(struct client *client, uint64_t duration_ns, int32_t priority)
{
	struct job_request request = timed_request(duration_ns, 0);

	request.submit.priority = priority;
	return client_submit(client, &request, NULL);
}

static void priorities_order_a_session(void)
{
	uint64_t running, low, normal, high, urgent;
	struct daemon daemon;
	struct client client;

	start("{" ONE_CORE "}", &daemon, &client);
	running = submit(&client, 50 * MS_NS, 0);
	low = submit(&client, MS_NS, -5);
	normal = submit(&client, MS_NS, 0);
	high = submit(&client, MS_NS, 1);
	urgent = submit(&client, MS_NS, NPU_PRIORITY_MAX);
	client_wait_outcome(&client, running, NPU_OUTCOME_OK);
	client_wait_outcome(&client, urgent, NPU_OUTCOME_OK);
	client_wait_outcome(&client, high, NPU_OUTCOME_OK);
	client_wait_outcome(&client, normal, NPU_OUTCOME_OK);
	client_wait_outcome(&client, low, NPU_OUTCOME_OK);
	daemon_stop(&daemon);
}

/* Jobs that end in another order than they are told: the first goes on until it is shot. */
static void results_come_in_order(void)
{
	static const uint64_t durations_ms[] = {5, 30, 1, 1, 1};
	const struct npu_reset reset = {2, 0};
	struct job_request forever = timed_request(UINT64_MAX, 1 << 2);
	uint64_t first, seqnos[5], lone;
	struct daemon daemon;
	struct client client;

	start("{\"scheduler\": {\"policy\": \"round-robin\"}}", &daemon, &client);
	forever.submit.flags = NPU_SUBMIT_IN_ORDER;
	first = client_submit(&client, &forever, NULL);
	for (unsigned i = 0; i < 5; i++) {
		struct job_request request = timed_request(durations_ms[i] * MS_NS, 0);

		request.submit.flags = NPU_SUBMIT_IN_ORDER;
		seqnos[i] = client_submit(&client, &request, NULL);
	}
	/* Others don't wait for them. */
	lone = submit(&client, MS_NS, 1);
	client_wait_outcome(&client, lone, NPU_OUTCOME_OK);
	client_wait_stats(&client, "totals.completed", 6);
	REQUIRE(!fence_is_signalled(client.completions));
	client_call(&client, &(struct request){NPU_OP_RESET, &reset, sizeof(reset), NULL, 0}, NULL);
	client_wait_outcome(&client, first, NPU_OUTCOME_CANCELLED);
	for (unsigned i = 0; i < 5; i++)
		client_wait_outcome(&client, seqnos[i], NPU_OUTCOME_OK);
	daemon_stop(&daemon);
}

/* A job that is over, but for being told, is neither cancelled nor lost, however it goes on. */
static void in_order_to_the_end(void)
{
	struct job_request first = timed_request(UINT64_MAX, 1), second = timed_request(MS_NS, 2);
	struct npu_cancel cancel;
	const struct request request = {NPU_OP_CANCEL, &cancel, sizeof(cancel), NULL, 0};
	struct client client, other;
	struct daemon daemon;
	uint64_t hanging;

	start(NULL, &daemon, &client);
	client_open(&daemon, &other);
	first.submit.flags = second.submit.flags = NPU_SUBMIT_IN_ORDER;
	first.submit.timeout_ns = 300 * MS_NS;
	hanging = client_submit(&client, &first, NULL);
	cancel.seqno = client_submit(&client, &second, NULL);
	client_wait_stats(&other, "totals.completed", 1);
	client_refused(&client, &request, ENOENT, "seqno");
	REQUIRE(!fence_is_signalled(client.completions));
	client_wait_outcome(&client, hanging, NPU_OUTCOME_HANG);
	client_wait_outcome(&client, cancel.seqno, NPU_OUTCOME_OK);
	/* Its owner dies meanwhile. */
	client_submit(&client, &first, NULL);
	client_submit(&client, &second, NULL);
	client_submit(&client, &second, NULL);
	client_wait_stats(&other, "totals.completed", 3);
	client_close(&client);
	client_wait_stats(&other, "totals.failed.hang", 2);
	client_wait_outcome(&other, submit(&other, MS_NS, 0), NPU_OUTCOME_OK);
	daemon_stop(&daemon);
}

/* ---- deadlines ---- */

static struct job_request deadline_request(uint64_t duration_ns, int64_t deadline_ns, uint32_t late)
{
	struct job_request request = timed_request(duration_ns, 0);

	request.submit.deadline_ns = deadline_ns;
	request.submit.late = late;
	return request;
}

static void learn(struct client *client, uint64_t duration_ns)
{
	for (unsigned i = 0; i < 3; i++)
		client_wait_outcome(client, submit(client, duration_ns, 0), NPU_OUTCOME_OK);
}

/* Yes, or by how much it misses; and with that much more it is a yes. */
static void deadline_is_answered_at_submit(void)
{
	struct job_request job = deadline_request(20 * MS_NS, 60 * MS_NS, 0);
	struct job_request tight = deadline_request(20 * MS_NS, 15 * MS_NS, 0);
	struct message reply;
	struct daemon daemon;
	struct client client;

	start(RT_ONE_CORE, &daemon, &client);
	learn(&client, 20 * MS_NS);
	client_wait_outcome(&client, client_submit(&client, &job, NULL), NPU_OUTCOME_OK);
	REQUIRE_EQ(client_try_submit(&client, &tight, NULL, &reply), ETIME);
	REQUIRE(strcmp(reply.body.error.field, "deadline") == 0);
	REQUIRE_EQ(reply.body.error.value, 15 * MS_NS);
	REQUIRE(reply.body.error.min > 20 * MS_NS && reply.body.error.min < 40 * MS_NS);
	tight.submit.deadline_ns = (int64_t)(reply.body.error.min + 10 * MS_NS);
	client_wait_outcome(&client, client_submit(&client, &tight, NULL), NPU_OUTCOME_OK);
	/* One that was no matter of luck is in the past. */
	tight.submit.deadline_ns = -1;
	REQUIRE_EQ(client_try_submit(&client, &tight, NULL, &reply), EINVAL);
	REQUIRE(strcmp(reply.body.error.field, "deadline_ns") == 0);
	REQUIRE_HAS(reply.body.error.message, "lies in the past (allowed: 1 ...");
	daemon_stop(&daemon);
}

static void late_jobs_do_as_they_say(void)
{
	struct job_request drop = deadline_request(20 * MS_NS, 5 * MS_NS, NPU_LATE_DROP);
	struct job_request demote = deadline_request(20 * MS_NS, 5 * MS_NS, NPU_LATE_DEMOTE);
	struct job_request run = deadline_request(20 * MS_NS, 5 * MS_NS, NPU_LATE_RUN);
	struct message reply;
	struct daemon daemon;
	struct client client;

	start(RT_ONE_CORE, &daemon, &client);
	learn(&client, 20 * MS_NS);
	REQUIRE_EQ(client_try_submit(&client, &drop, NULL, &reply), ETIME);
	client_wait_outcome(&client, client_submit(&client, &demote, NULL), NPU_OUTCOME_OK);
	client_wait_outcome(&client, client_submit(&client, &run, NULL), NPU_OUTCOME_OK);
	daemon_stop(&daemon);
}

/* The class speaks for jobs that say nothing, and a job has the last word. */
static void class_says_what_late_means(void)
{
	struct job_request unsaid = deadline_request(20 * MS_NS, 5 * MS_NS, 0);
	struct job_request drop = deadline_request(20 * MS_NS, 5 * MS_NS, NPU_LATE_DROP);
	struct message reply;
	struct daemon daemon;
	struct client client;

	start("{\"scheduler\": {\"policy\": \"deadline\"}, \"classes\": {\"default\": "
	      "{\"kind\": \"rt\", \"cores\": [0], \"late\": \"run\"}}}",
	      &daemon, &client);
	learn(&client, 20 * MS_NS);
	client_wait_outcome(&client, client_submit(&client, &unsaid, NULL), NPU_OUTCOME_OK);
	REQUIRE_EQ(client_try_submit(&client, &drop, NULL, &reply), ETIME);
	daemon_stop(&daemon);
}

/* ---- widths ---- */

static struct npu_task tasks[6];

/* Six tasks in all for three cores, as many on one. */
static struct job_request moldable_request(const struct npu_range *width_ranges)
{
	struct job_request request = timed_request(10 * MS_NS, 7);

	for (unsigned i = 0; i < 6; i++)
		tasks[i] = (struct npu_task){
			.regcmd_iova = 0x1000, .regcmd_count = 1, .int_mask = 0x300};
	request.tasks = tasks;
	request.n_tasks = 6;
	request.submit.n_ranges = 3;
	for (uint32_t i = 0; i < 3; i++)
		request.submit.ranges[i] = (struct npu_range){2 * i, 2};
	request.submit.widths = 1 << 1;
	request.width_ranges = width_ranges;
	request.n_width_ranges = 1;
	return request;
}

static void narrow_where_cores_are_taken(void)
{
	const struct npu_range alone = {0, 6}, outside = {1, 6};
	struct job_request request = moldable_request(&alone);
	struct job_request forever = timed_request(UINT64_MAX, 4);
	struct npu_completion completion;
	struct message reply;
	struct daemon daemon;
	struct client client, other;

	start("{\"scheduler\": {\"policy\": \"round-robin\"}}", &daemon, &client);
	client_open(&daemon, &other);
	client_wait(&client, client_submit(&client, &request, NULL), &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	REQUIRE_EQ(completion.core_mask, 7);
	/* One core is gone for good: it does not wait for it. */
	client_submit(&other, &forever, NULL);
	client_wait(&client, client_submit(&client, &request, NULL), &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	REQUIRE_EQ(__builtin_popcount(completion.core_mask), 1);
	REQUIRE_EQ(completion.tasks_done, 6);
	REQUIRE(completion.device_ns >= 30 * MS_NS);
	/* What does not fit. */
	request.width_ranges = &outside;
	REQUIRE_EQ(client_try_submit(&client, &request, NULL, &reply), EINVAL);
	REQUIRE(strcmp(reply.body.error.field, "widths[1].ranges[0]") == 0);
	request.submit.core_mask = 1;
	request.submit.n_ranges = 1;
	REQUIRE_EQ(client_try_submit(&client, &request, NULL, &reply), EINVAL);
	REQUIRE(strcmp(reply.body.error.field, "widths") == 0);
	daemon_signal(&daemon, 9);
}

/* The class has fewer cores than the job asks for: one of the narrower widths it is. */
static void narrow_where_the_class_is(void)
{
	static const char *const configs[] = {
		"{\"classes\": {\"default\": {\"max_cores\": 2}}}",
		"{\"classes\": {\"default\": {\"gang_widths\": [1, 2]}}}",
		"{\"classes\": {\"default\": {\"cores\": [0, 2]}}}",
		"{\"scheduler\": {\"policy\": \"pinned\"}}",
	};
	static const char *const reasons[] = {"max_cores", "gang_widths", "may use", "may use"};
	const struct npu_range alone = {0, 6};

	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		struct job_request request = moldable_request(&alone);
		struct npu_completion completion;
		struct message reply;
		struct daemon daemon;
		struct client client;

		start(configs[i], &daemon, &client);
		client_wait(&client, client_submit(&client, &request, NULL), &completion);
		REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
		REQUIRE_EQ(__builtin_popcount(completion.core_mask), 1);
		REQUIRE_EQ(completion.tasks_done, 6);
		request.submit.widths = request.n_width_ranges = 0;
		REQUIRE_EQ(client_try_submit(&client, &request, NULL, &reply), EINVAL);
		REQUIRE(strcmp(reply.body.error.field, "core_mask") == 0);
		REQUIRE(strstr(reply.body.error.message, reasons[i]) != NULL);
		daemon_stop(&daemon);
	}
}

/* ---- room ---- */

static void depth_refuses_one_more(void)
{
	struct job_request request = timed_request(40 * MS_NS, 0);
	struct message reply;
	struct daemon daemon;
	struct client client, other;
	json_t *stats;

	start("{\"classes\": {\"default\": {\"cores\": [0], \"depth\": 2}}}", &daemon, &client);
	client_open(&daemon, &other);
	learn(&client, 40 * MS_NS);
	client_submit(&client, &request, NULL);
	client_submit(&client, &request, NULL);
	client_submit(&client, &request, NULL);
	REQUIRE_EQ(client_try_submit(&client, &request, NULL, &reply), EAGAIN);
	REQUIRE(strcmp(reply.body.error.field, "depth") == 0);
	REQUIRE_EQ(reply.body.error.max, 2);
	/* When the one that runs is predicted to end. */
	REQUIRE(reply.body.error.retry_after_ns <= 45 * MS_NS);
	REQUIRE(harness_is_sanitized() || reply.body.error.retry_after_ns > 5 * MS_NS);
	client_submit(&other, &request, NULL);
	stats = client_stats(&other);
	REQUIRE_EQ(stats_number(stats, "sessions.0.rejected"), 1);
	REQUIRE_EQ(stats_number(stats, "sessions.1.rejected"), 0);
	json_decref(stats);
	daemon_stop(&daemon);
}

static void newest_replaces_oldest(void)
{
	struct job_request forever = timed_request(UINT64_MAX, 0), frame = timed_request(MS_NS, 0);
	struct npu_completion completion;
	uint64_t running, frames[4];
	struct daemon daemon;
	struct client client;

	start("{\"classes\": {\"default\": {\"cores\": [0], \"depth\": 2, "
	      "\"replace\": \"oldest\"}}}",
	      &daemon, &client);
	forever.submit.timeout_ns = 200 * MS_NS;
	running = client_submit(&client, &forever, NULL);
	for (unsigned i = 0; i < 4; i++)
		frames[i] = client_submit(&client, &frame, NULL);
	for (unsigned i = 0; i < 2; i++) {
		client_wait(&client, frames[i], &completion);
		REQUIRE_EQ(completion.outcome, NPU_OUTCOME_CANCELLED);
		REQUIRE_HAS(completion.detail, "replaced by a newer job");
	}
	client_wait_outcome(&client, running, NPU_OUTCOME_HANG);
	client_wait_outcome(&client, frames[2], NPU_OUTCOME_OK);
	client_wait_outcome(&client, frames[3], NPU_OUTCOME_OK);
	daemon_stop(&daemon);
}

static void waiting_time_is_bounded(void)
{
	struct job_request request = timed_request(50 * MS_NS, 0);
	struct job_request longer = timed_request(200 * MS_NS, 0);
	struct message reply;
	struct daemon daemon;
	struct client client;
	json_t *stats;

	start("{\"quota\": {\"queued_ms_per_tenant\": 120}, " ONE_CORE "}", &daemon, &client);
	learn(&client, 50 * MS_NS);
	client_submit(&client, &request, NULL); /* runs */
	client_submit(&client, &request, NULL);
	client_submit(&client, &request, NULL);
	REQUIRE_EQ(client_try_submit(&client, &request, NULL, &reply), EAGAIN);
	REQUIRE(strcmp(reply.body.error.field, "queued_ms_per_tenant") == 0);
	REQUIRE_EQ(reply.body.error.max, 120);
	REQUIRE(reply.body.error.retry_after_ns > 0);
	for (unsigned i = 0; i < 3; i++) {
		struct npu_completion completion;

		client_completion(&client, &completion);
		REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	}
	/* Longer than the quota, but alone. */
	learn(&client, 200 * MS_NS);
	client_wait_outcome(&client, client_submit(&client, &longer, NULL), NPU_OUTCOME_OK);
	stats = client_stats(&client);
	REQUIRE_EQ(stats_number(stats, "scheduler.ready"), 0);
	json_decref(stats);
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(priorities_order_a_session),   HARNESS_CASE(results_come_in_order),
	HARNESS_CASE(in_order_to_the_end),	    HARNESS_CASE(deadline_is_answered_at_submit),
	HARNESS_CASE(late_jobs_do_as_they_say),	    HARNESS_CASE(class_says_what_late_means),
	HARNESS_CASE(narrow_where_cores_are_taken), HARNESS_CASE(narrow_where_the_class_is),
	HARNESS_CASE(depth_refuses_one_more),	    HARNESS_CASE(newest_replaces_oldest),
	HARNESS_CASE(waiting_time_is_bounded),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
