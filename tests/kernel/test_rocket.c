/* SPDX-License-Identifier: MIT */
/*
 * npud over Linux' rocket driver, as npu-run serves it: what the driver cannot do is said, by name,
 * and what it does to jobs is told as it was.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POOL_MASK 0xc00u
#define LIMIT_NS  (500 * MS_NS)

static struct command_result result;

static const struct daemon_options lenient = {.config = "{\"version\": 1, " DAEMON_LENIENT "}"};

static void run_npuctl(const struct daemon *daemon, const char *command)
{
	const char *argv[] = {"npuctl", "--socket", daemon->socket, command, NULL};

	command_run("NPUCTL", argv, &result);
	REQUIRE_EQ(result.status, 0);
}

/* Also without being told to look for it. */
static void status_says_what_was_found(void)
{
	static const char *const said[] = {
		"device    rocket, ok",
		"driver    rocket 0.0.0 at /dev/accel/accel0",
		"cores chosen by the driver; no gangs",
		"a session's jobs on 1 core at a time; nothing longer than 500 ms",
		"translation per core, an address space per session; isolation by translation",
		"reset of one core",
		"quirks    blind-cores, ",
	};
	static const char *const devices[] = {"rocket", "auto"};
	struct daemon daemon;

	setenv("NPU_KERNEL_DRIVER", "rocket", 1);
	for (unsigned i = 0; i < 2; i++) {
		daemon_start(&(struct daemon_options){.device = devices[i]}, &daemon);
		run_npuctl(&daemon, "status");
		for (unsigned j = 0; j < sizeof(said) / sizeof(said[0]); j++)
			REQUIRE_HAS(result.output, said[j]);
		REQUIRE(!strstr(result.output, "no-fences"));
		daemon_stop(&daemon);
	}
}

static void doctor_finds_no_failure(void)
{
	struct daemon daemon;

	daemon_start(&lenient, &daemon);
	run_npuctl(&daemon, "doctor");
	REQUIRE_HAS(result.output, "rocket with 3 cores");
	REQUIRE_HAS(result.output, "a core of the driver's choice");
	REQUIRE_HAS(result.output, "core 0 was stuck on purpose and came back");
	REQUIRE_HAS(result.output, " 0 failures");
	daemon_stop(&daemon);
}

/* ---- what the driver cannot do ---- */

static void gangs_are_refused_unless_one_core_will_do(void)
{
	const struct npu_range all = {0, 1};
	struct npu_completion completion;
	struct message message;
	struct job_request job;
	struct daemon daemon;
	struct client client;
	struct matmul matmul;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 2, 3, &matmul);
	job = matmul_request(&matmul);
	job.submit.core_mask = 3;
	job.submit.n_ranges = 2;
	job.submit.ranges[0] = job.submit.ranges[1] = all;
	REQUIRE_EQ(client_try_submit(&client, &job, NULL, &message), EINVAL);
	REQUIRE(strcmp(message.body.error.field, "core_mask") == 0);
	REQUIRE_HAS(message.body.error.message, "the device 'rocket' starts none together");
	job.submit.widths = 1u << 1;
	job.width_ranges = &all;
	job.n_width_ranges = 1;
	client_wait(&client, client_submit(&client, &job, NULL), &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	REQUIRE_EQ(__builtin_popcount(completion.core_mask), 1);
	REQUIRE(matmul_output_is(&matmul, matmul_expected(&matmul)));
	daemon_stop(&daemon);
}

static void tasks_that_only_pool_are_refused(void)
{
	struct npu_task tasks[2];
	struct message message;
	struct job_request job;
	struct daemon daemon;
	struct client client;
	struct matmul matmul;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 2, 3, &matmul);
	tasks[0] = tasks[1] = matmul.task;
	tasks[1].int_mask = POOL_MASK;
	job = matmul_request(&matmul);
	job.tasks = tasks;
	job.n_tasks = 2;
	REQUIRE_EQ(client_try_submit(&client, &job, NULL, &message), EOPNOTSUPP);
	REQUIRE(strcmp(message.body.error.field, "tasks[1]") == 0);
	REQUIRE_HAS(message.body.error.message,
		    "int_mask 0xc00: the driver of the device 'rocket'");
	matmul_check(&client, &matmul);
	daemon_stop(&daemon);
}

static void bos_of_others_are_refused(void)
{
	struct npu_bo_import body = {0};
	struct daemon daemon;
	struct client maker, other;
	struct client_bo bo, own;
	int fd;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &maker);
	client_open(&daemon, &other);
	client_bo_new(&maker, 8192, &bo);
	REQUIRE(bo.iova != 0);
	fd = client_bo_export(&maker, &bo, 0);
	client_refused(&other, &(struct request){NPU_OP_BO_IMPORT, &body, sizeof(body), &fd, 1},
		       EXDEV, "descriptor");
	client_bo_import(&maker, fd, 0, &own);
	REQUIRE_EQ(own.iova, bo.iova);
	REQUIRE_EQ(own.size, bo.size);
	close(fd);
	daemon_stop(&daemon);
}

static const struct {
	const char *policy, *said;
} refused_policies[] = {
	{"{\"version\": 1, \"scheduler\": {\"policy\": \"pinned\", \"fallback\": \"pinned\"}}",
	 "scheduler.fallback: 'pinned' needs cores that npud chooses, and the device 'rocket'"},
	{"{\"version\": 1, \"scheduler\": {\"policy\": \"gang\", \"fallback\": \"gang\"}}",
	 "scheduler.fallback: 'gang' needs cores that start together, and the device 'rocket'"},
	{"{\"version\": 1, \"classes\": {\"a\": {\"cores\": [0]}}, \"match\": [{\"class\": "
	 "\"a\"}]}",
	 "classes.a.cores: on the device 'rocket' the driver chooses the core of each job"},
};

static void policies_that_need_more_are_refused_at_the_start(void)
{
	for (size_t i = 0; i < sizeof(refused_policies) / sizeof(refused_policies[0]); i++) {
		struct daemon daemon;
		char *log;

		daemon_launch(&(struct daemon_options){.config = refused_policies[i].policy},
			      &daemon);
		REQUIRE(!daemon_try_ready(&daemon));
		log = daemon_read_log(&daemon);
		REQUIRE_HAS(log, refused_policies[i].said);
		free(log);
		REQUIRE(daemon_wait(&daemon) != 0);
	}
}

/* ---- what it does to jobs ---- */

/* How many places in the kernel a session's jobs have. */
static unsigned count_running(struct client *observer, const struct client *client)
{
	json_t *stats = client_stats(observer), *core;
	unsigned n = 0;
	size_t i;

	json_array_foreach (json_object_get(stats, "cores"), i, core) {
		const json_t *session = json_object_get(core, "session");

		n += (uint64_t)json_integer_value(session) == client->hello.session_id;
	}
	json_decref(stats);
	return n;
}

/* The driver says when it is over, however short or long the job's budget. */
static void hang_takes_as_long_as_the_driver_lets_it(void)
{
	static const uint64_t timeouts_ns[] = {20 * MS_NS, 5 * SECOND_NS};
	struct npu_completion completion;
	struct matmul hang, honest;
	struct client guilty, beside;
	struct daemon daemon;

	daemon_start(&lenient, &daemon);
	client_open(&daemon, &guilty);
	client_open(&daemon, &beside);
	matmul_init(&guilty, 0, 1, 1, &hang);
	matmul_init(&beside, 0, 3, 4, &honest);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t seqno = hang_submit(&guilty, &hang, 0, timeouts_ns[i], NULL);

		/* Nobody else notices. */
		while (!fence_is_signalled(guilty.completions))
			matmul_check(&beside, &honest);
		client_wait(&guilty, seqno, &completion);
		REQUIRE_EQ(completion.outcome, NPU_OUTCOME_HANG);
		REQUIRE_HAS(completion.detail, "the driver stopped the job after ");
		REQUIRE_HAS(completion.detail, ", of at most 500: ");
		REQUIRE(completion.device_ns >= LIMIT_NS * 9 / 10);
	}
	daemon_stop(&daemon);
}

static void session_has_one_core_at_a_time(void)
{
	struct client one, other, observer;
	struct matmul first, second, third;
	struct daemon daemon;
	uint64_t seqnos[3];

	daemon_start(&lenient, &daemon);
	client_open(&daemon, &observer);
	client_open(&daemon, &one);
	client_open(&daemon, &other);
	matmul_init(&one, 0, 1, 1, &first);
	matmul_init(&one, 0, 1, 1, &second);
	matmul_init(&other, 0, 1, 1, &third);
	seqnos[0] = hang_submit(&one, &first, 0, 0, NULL);
	seqnos[1] = hang_submit(&one, &second, 0, 0, NULL);
	seqnos[2] = hang_submit(&other, &third, 0, 0, NULL);
	while (count_running(&observer, &other) == 0)
		REQUIRE(count_running(&observer, &one) <= 1);
	REQUIRE_EQ(count_running(&observer, &one), 1);
	client_wait_outcome(&one, seqnos[0], NPU_OUTCOME_HANG);
	client_wait_outcome(&one, seqnos[1], NPU_OUTCOME_HANG);
	client_wait_outcome(&other, seqnos[2], NPU_OUTCOME_HANG);
	daemon_stop(&daemon);
}

/* Its own job is over when the reset is; there was no other way to get there. */
static void reset_waits_for_the_driver(void)
{
	struct npu_completion completion;
	struct client client;
	struct daemon daemon;
	struct matmul matmul;
	uint64_t seqno;

	daemon_start(&lenient, &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 5, 6, &matmul);
	seqno = hang_submit(&client, &matmul, 1, 0, NULL);
	while (count_running(&client, &client) == 0)
		;
	client_call(&client,
		    &(struct request){NPU_OP_RESET, &(struct npu_reset){.core = 0},
				      sizeof(struct npu_reset), NULL, 0},
		    NULL);
	client_wait(&client, seqno, &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_CANCELLED);
	matmul_init(&client, 0, 5, 6, &matmul);
	matmul_check(&client, &matmul);
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(status_says_what_was_found),
	HARNESS_CASE(doctor_finds_no_failure),
	HARNESS_CASE(gangs_are_refused_unless_one_core_will_do),
	HARNESS_CASE(tasks_that_only_pool_are_refused),
	HARNESS_CASE(bos_of_others_are_refused),
	HARNESS_CASE(policies_that_need_more_are_refused_at_the_start),
	HARNESS_CASE(hang_takes_as_long_as_the_driver_lets_it),
	HARNESS_CASE(session_has_one_core_at_a_time),
	HARNESS_CASE(reset_waits_for_the_driver),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
