/* SPDX-License-Identifier: MIT */
/*
 * Jobs that lose their cores between two tasks: others get their turn, results stay the same.
 */
#include "client.h"
#include "harness.h"
#include "network.h"
#include "streams.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define SLICEABLE                                                                                  \
	"{\"scheduler\": {\"quantum_ms\": 4},"                                                     \
	" \"classes\": {\"default\": {\"cores\": [0], \"sliceable\": true}}}"

/* ---- jobs that only take time ---- */

static struct npu_task timed_tasks[1000];

static struct job_request timed_tasks_request(unsigned n_tasks, uint64_t duration_ns)
{
	struct job_request request = timed_request(duration_ns, 0);

	for (unsigned i = 0; i < n_tasks; i++)
		timed_tasks[i] = (struct npu_task){
			.regcmd_iova = 0x1000, .regcmd_count = 1, .int_mask = 0x300};
	request.tasks = timed_tasks;
	request.n_tasks = n_tasks;
	return request;
}

static void start_timing(const char *config, struct daemon *ret_daemon)
{
	const struct daemon_options options = {.device = "timing", .config = config};

	daemon_start(&options, ret_daemon);
}

/* A camera beside a batch of 10 s on the only core. */
static void others_get_their_turn(void)
{
	struct job_request batch = timed_tasks_request(1000, 10000 * MS_NS);
	struct job_request frame = timed_request(MS_NS, 0);
	struct client long_one, camera;
	struct daemon daemon;
	json_t *stats;

	start_timing(SLICEABLE, &daemon);
	client_open(&daemon, &long_one);
	client_open(&daemon, &camera);
	client_submit(&long_one, &batch, NULL);
	client_wait_stats(&long_one, "sessions.0.running", 1);
	for (int i = 0; i < 5; i++)
		client_wait_outcome(&camera, client_submit(&camera, &frame, NULL), NPU_OUTCOME_OK);
	REQUIRE(!fence_is_signalled(long_one.completions));
	stats = client_stats(&camera);
	REQUIRE_EQ(stats_number(stats, "sessions.1.slices"), 5);
	json_decref(stats);
	daemon_signal(&daemon, SIGKILL);
}

/* The pieces together take what the whole takes. */
static void pieces_make_the_whole(void)
{
	struct job_request batch = timed_tasks_request(50, 500 * MS_NS);
	struct npu_completion completion;
	struct daemon daemon;
	struct client client;
	json_t *stats;

	start_timing(SLICEABLE, &daemon);
	client_open(&daemon, &client);
	client_wait(&client, client_submit(&client, &batch, NULL), &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	REQUIRE_EQ(completion.tasks_done, 50);
	REQUIRE(completion.device_ns >= 500 * MS_NS);
	stats = client_stats(&client);
	REQUIRE(stats_number(stats, "sessions.0.slices") >= 6);
	json_decref(stats);
	daemon_stop(&daemon);
}

static uint64_t slices_of(struct client *client, const struct job_request *request)
{
	json_t *stats = client_stats(client);
	uint64_t before = stats_number(stats, "scheduler.slices"), after;

	json_decref(stats);
	client_wait_outcome(client, client_submit(client, request, NULL), NPU_OUTCOME_OK);
	stats = client_stats(client);
	after = stats_number(stats, "scheduler.slices");
	json_decref(stats);
	return after - before;
}

/* The class decides; where it does not, the job. */
static void class_and_job_decide(void)
{
	static const struct {
		const char *config;
		bool is_asked, is_sliced;
	} cases[] = {
		{"{}", false, false},
		{"{}", true, true},
		{"{\"classes\": {\"default\": {\"sliceable\": true}}}", false, true},
		{"{\"classes\": {\"default\": {\"sliceable\": false}}}", true, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct job_request request = timed_tasks_request(4, 4 * MS_NS);
		struct daemon daemon;
		struct client client;

		start_timing(cases[i].config, &daemon);
		client_open(&daemon, &client);
		request.submit.flags = cases[i].is_asked ? NPU_SUBMIT_SLICEABLE : 0;
		/* Nothing is known of it: piece by piece. */
		REQUIRE_EQ(slices_of(&client, &request) > 1, cases[i].is_sliced);
		daemon_stop(&daemon);
	}
}

static void gangs_are_sliced(void)
{
	struct job_request gang = timed_tasks_request(8, 8 * MS_NS);
	struct npu_completion completion;
	struct daemon daemon;
	struct client client;

	start_timing("{\"classes\": {\"default\": {\"sliceable\": true}}}", &daemon);
	client_open(&daemon, &client);
	job_request_split(&gang, 3);
	client_wait(&client, client_submit(&client, &gang, NULL), &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	REQUIRE_EQ(completion.tasks_done, 8);
	REQUIRE_EQ(completion.core_mask, 3);
	/* Unequal shares have no common cuts. */
	gang.submit.ranges[0].count = 5;
	gang.submit.ranges[1] = (struct npu_range){5, 3};
	REQUIRE_EQ(slices_of(&client, &gang), 1);
	daemon_stop(&daemon);
}

/* A timeout is for the whole job, however often it is interrupted. */
static void timeout_counts_all_slices(void)
{
	struct job_request batch = timed_tasks_request(20, 2000 * MS_NS);
	struct npu_completion completion;
	struct daemon daemon;
	struct client client;

	start_timing(SLICEABLE, &daemon);
	client_open(&daemon, &client);
	batch.submit.timeout_ns = 450 * MS_NS;
	client_wait(&client, client_submit(&client, &batch, NULL), &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_HANG);
	REQUIRE(completion.device_ns >= 450 * MS_NS);
	REQUIRE(harness_is_sanitized() || completion.tasks_done <= 5);
	daemon_stop(&daemon);
}

static void waiting_slices_can_be_cancelled(void)
{
	struct job_request batch = timed_tasks_request(64, 60000 * MS_NS);
	struct job_request other = timed_tasks_request(64, 640 * MS_NS);
	struct npu_cancel cancel;
	const struct request request = {NPU_OP_CANCEL, &cancel, sizeof(cancel), NULL, 0};
	struct client clients[2];
	struct message reply;
	struct daemon daemon;

	start_timing("{\"scheduler\": {\"policy\": \"round-robin\"},"
		     " \"classes\": {\"default\": {\"cores\": [0], \"sliceable\": true}}}",
		     &daemon);
	client_open(&daemon, &clients[0]);
	client_open(&daemon, &clients[1]);
	batch.submit.duration_ns = 640 * MS_NS;
	cancel.seqno = client_submit(&clients[0], &batch, NULL);
	client_submit(&clients[1], &other, NULL);
	/* It runs or waits, in turns; while it waits it can be taken back. */
	do {
		REQUIRE(client_exchange(&clients[0], &request, &reply));
	} while (reply.header.kind == NPU_KIND_ERROR && reply.body.error.error == EBUSY);
	REQUIRE_EQ(reply.header.kind, NPU_KIND_REPLY);
	client_wait_outcome(&clients[0], cancel.seqno, NPU_OUTCOME_CANCELLED);
	daemon_stop(&daemon);
}

/* ---- register streams ---- */

/*
 * Streams that rely on what the one before has set, without being chained to it, are submits of
 * their own to a kernel driver; an emulated one begins each with registers as after a reset.
 */
static const char unchained[] = "streams that build on each other unchained";

/* One by one and chained, on every core. */
static void streams_in_slices(void)
{
	/* Of what is never known, each piece is a slice. */
	const struct daemon_options options = {.config = "{\"predict\": {\"known_after\": 4096}}"};
	struct network network;
	struct daemon daemon;
	struct client client;
	json_t *stats;

	harness_skip_on("rknpu", unchained);
	daemon_start(&options, &daemon);
	client_open(&daemon, &client);
	network_init(&client, &network);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t chained = i ? NPU_SUBMIT_CHAINED : 0;
		struct job_request whole = network_request(&network, chained);
		struct job_request sliced =
			network_request(&network, chained | NPU_SUBMIT_SLICEABLE);

		REQUIRE_EQ(slices_of(&client, &whole), 1);
		network_check(&network);
		for (unsigned core = 0; core < 3; core++) {
			sliced.submit.core_mask = 1u << core;
			REQUIRE_EQ(slices_of(&client, &sliced), NETWORK_TASKS);
			network_check(&network);
		}
	}
	/* What npud made for it is gone again. */
	stats = client_stats(&client);
	REQUIRE_EQ(stats_number(stats, "memory.bos"), 1);
	REQUIRE_EQ(stats_number(stats, "memory.bytes"), NETWORK_BYTES);
	json_decref(stats);
	daemon_stop(&daemon);
}

/* What a slice starts with is npud's own copy; the report has it all the same. */
static void incident_in_a_later_slice(void)
{
	const struct daemon_options options = {.config = "{\"predict\": {\"known_after\": 4096}}"};
	const char *argv[] = {"npuctl", "--json", "--socket", NULL, "incidents", "1", NULL};
	static struct command_result result;
	struct network network;
	struct job_request request;
	struct daemon daemon;
	struct client client;
	json_t *incident;

	daemon_start(&options, &daemon);
	client_open(&daemon, &client);
	network_init(&client, &network);
	network_write_stream(&network, 4, 0x7f000000);
	request = network_request(&network, NPU_SUBMIT_SLICEABLE);
	client_wait_outcome(&client, client_submit(&client, &request, NULL),
			    NPU_OUTCOME_PAGE_FAULT);
	argv[3] = daemon.socket;
	command_run("NPUCTL", argv, &result);
	REQUIRE_EQ(result.status, 0);
	incident = json_loads(result.output, JSON_DISABLE_EOF_CHECK, NULL);
	REQUIRE_EQ(stats_number(incident, "job.task"), 4);
	REQUIRE(stats_has(incident, "commands.0.text"));
	json_decref(incident);
	daemon_stop(&daemon);
}

/* Each half on a core of its own, both cut at the same places. */
static void gangs_of_streams_in_slices(void)
{
	const struct daemon_options options = {.config = "{\"predict\": {\"known_after\": 4096}}"};
	struct network network;
	struct job_request gang;
	struct daemon daemon;
	struct client client;

	harness_skip_on("rocket", "no cores start together");
	harness_skip_on("rknpu", unchained);
	daemon_start(&options, &daemon);
	client_open(&daemon, &client);
	network_init(&client, &network);
	gang = network_request(&network, 0);
	job_request_split(&gang, 3);
	for (unsigned i = 0; i < 2; i++) {
		gang.submit.flags = i ? NPU_SUBMIT_CHAINED : 0;
		REQUIRE_EQ(slices_of(&client, &gang), 1);
		network_check(&network);
		gang.submit.flags |= NPU_SUBMIT_SLICEABLE;
		REQUIRE_EQ(slices_of(&client, &gang), 4);
		network_check(&network);
	}
	daemon_stop(&daemon);
}

/* A gang that may run on one core does so where it would have to wait for the other. */
static void streams_for_another_width(void)
{
	const struct daemon_options options = {
		.config = "{\"scheduler\": {\"policy\": \"round-robin\"}}"};
	const struct npu_range alone = {0, NETWORK_TASKS};
	struct npu_completion completion;
	struct client client, hanging;
	struct network network;
	struct job_request gang;
	struct matmul memory;
	struct daemon daemon;
	uint64_t hang;

	harness_skip_on("rocket", "no cores start together");
	harness_skip_on("rknpu", unchained);
	daemon_start(&options, &daemon);
	client_open(&daemon, &client);
	client_open(&daemon, &hanging);
	network_init(&client, &network);
	matmul_init(&hanging, 0, 1, 1, &memory);
	hang = hang_submit(&hanging, &memory, 1, 500 * MS_NS, NULL);
	gang = network_request(&network, NPU_SUBMIT_SLICEABLE);
	job_request_split(&gang, 3);
	gang.submit.widths = 1 << 1;
	gang.width_ranges = &alone;
	gang.n_width_ranges = 1;
	client_wait(&client, client_submit(&client, &gang, NULL), &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	REQUIRE_EQ(__builtin_popcount(completion.core_mask), 1);
	network_check(&network);
	client_wait_outcome(&hanging, hang, NPU_OUTCOME_HANG);
	client_wait(&client, client_submit(&client, &gang, NULL), &completion);
	REQUIRE_EQ(completion.core_mask, 3);
	network_check(&network);
	daemon_stop(&daemon);
}

/* Memory that npud needs for the cuts counts as the client's. */
static void prologues_are_charged(void)
{
	const struct daemon_options options = {.config = "{\"quota\": {\"bos_per_session\": 1}}"};
	struct job_request request;
	struct network network;
	struct message reply;
	struct daemon daemon;
	struct client client;

	harness_skip_on("rknpu", unchained);
	daemon_start(&options, &daemon);
	client_open(&daemon, &client);
	network_init(&client, &network);
	request = network_request(&network, NPU_SUBMIT_SLICEABLE);
	REQUIRE_EQ(client_try_submit(&client, &request, NULL, &reply), EDQUOT);
	REQUIRE(strcmp(reply.body.error.field, "bos_per_session") == 0);
	request.submit.flags = 0;
	client_wait_outcome(&client, client_submit(&client, &request, NULL), NPU_OUTCOME_OK);
	network_check(&network);
	daemon_stop(&daemon);
}

/* Streams that change while the job runs are the trouble of nobody but their owner. */
static void streams_that_change(void)
{
	const struct daemon_options options = {.config = "{\"version\": 1, " DAEMON_LENIENT "}"};
	struct client careless, honest;
	struct network changing, network;
	struct job_request request;
	struct daemon daemon;
	uint64_t state = 1;

	harness_skip_on("rknpu", unchained);
	daemon_start(&options, &daemon);
	client_open(&daemon, &careless);
	client_open(&daemon, &honest);
	network_init(&careless, &changing);
	network_init(&honest, &network);
	for (unsigned round = 0; round < 40; round++) {
		struct npu_completion completion;
		uint64_t seqno;

		network_write_streams(&changing);
		request = network_request(&changing, NPU_SUBMIT_SLICEABLE | NPU_SUBMIT_CHAINED);
		request.submit.timeout_ns = 100 * MS_NS;
		seqno = client_submit(&careless, &request, NULL);
		for (unsigned i = 0; i < NETWORK_INPUTS / 64; i++)
			changing.bo.map[harness_random(&state) % NETWORK_INPUTS] =
				(unsigned char)harness_random(&state);
		request = network_request(&network, NPU_SUBMIT_SLICEABLE | NPU_SUBMIT_CHAINED);
		client_wait_outcome(&honest, client_submit(&honest, &request, NULL),
				    NPU_OUTCOME_OK);
		network_check(&network);
		client_wait(&careless, seqno, &completion);
	}
	daemon_stop(&daemon);
}

/* A client that dies between two slices takes everything with it. */
static void owner_dies(void)
{
	struct client dying, other;
	struct network network;
	struct job_request request;
	struct daemon daemon;

	harness_skip_on("rknpu", unchained);
	daemon_start(NULL, &daemon);
	client_open(&daemon, &other);
	for (unsigned i = 0; i < 20; i++) {
		client_open(&daemon, &dying);
		network_init(&dying, &network);
		request = network_request(&network, NPU_SUBMIT_SLICEABLE);
		for (unsigned j = 0; j < 4; j++)
			client_submit(&dying, &request, NULL);
		client_close(&dying);
	}
	client_wait_stats(&other, "memory.bos", 0);
	client_wait_stats(&other, "memory.bytes", 0);
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(others_get_their_turn),
	HARNESS_CASE(pieces_make_the_whole),
	HARNESS_CASE(class_and_job_decide),
	HARNESS_CASE(gangs_are_sliced),
	HARNESS_CASE(timeout_counts_all_slices),
	HARNESS_CASE(waiting_slices_can_be_cancelled),
	HARNESS_CASE(streams_in_slices),
	HARNESS_CASE(incident_in_a_later_slice),
	HARNESS_CASE(gangs_of_streams_in_slices),
	HARNESS_CASE(streams_for_another_width),
	HARNESS_CASE(prologues_are_charged),
	HARNESS_CASE(streams_that_change),
	HARNESS_CASE(owner_dies),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
