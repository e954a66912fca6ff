/* SPDX-License-Identifier: MIT */
/*
 * Jobs that never end, and what they cost everybody else.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <string.h>

static const struct daemon_options lenient = {.config = "{\"version\": 1, " DAEMON_LENIENT "}"};

#define BUDGET_NS (1000 * MS_NS)
/* Scheduling of the machine that the tests run on; a core reset of `soft` takes microseconds. */
#define SLACK_NS (500 * MS_NS)

static void inv5_hang_costs_bounded(void)
{
	struct client hanging, behind, beside;
	struct matmul memory, behind_job, beside_job;
	struct npu_completion completion;
	struct job_request request;
	struct daemon daemon;
	uint64_t hang, waiting, start_ns, n_beside = 0;
	json_t *stats;

	harness_skip_on("rknpu",
			"nobody runs beside another session in the driver's one address space");
	daemon_start(NULL, &daemon);
	client_open(&daemon, &hanging);
	client_open(&daemon, &behind);
	client_open(&daemon, &beside);
	matmul_init(&hanging, 0, 1, 1, &memory);
	matmul_init(&behind, 0, 2, 2, &behind_job);
	matmul_init(&beside, 0, 3, 3, &beside_job);
	start_ns = harness_now_ns();
	hang = hang_submit(&hanging, &memory, 1, BUDGET_NS, NULL);
	request = matmul_request(&behind_job);
	request.submit.core_mask = 1;
	waiting = client_submit(&behind, &request, NULL);
	/* The other cores work on as if nothing was. */
	while (!fence_is_signalled(behind.completions)) {
		matmul_check(&beside, &beside_job);
		n_beside++;
	}
	REQUIRE(harness_is_sanitized() ||
		harness_now_ns() - start_ns < BUDGET_NS * 3 / 2 + SLACK_NS);
	client_wait(&behind, waiting, &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	REQUIRE(matmul_output_is(&behind_job, matmul_expected(&behind_job)));
	client_wait_outcome(&hanging, hang, NPU_OUTCOME_HANG);
	REQUIRE(n_beside > 10);
	stats = client_stats(&beside);
	REQUIRE_EQ(stats_number(stats, "cores.0.resets"), 1);
	REQUIRE_EQ(stats_number(stats, "cores.1.resets"), 0);
	REQUIRE_EQ(stats_number(stats, "cores.2.resets"), 0);
	REQUIRE_EQ(stats_number(stats, "watchdog.hangs"), 1);
	REQUIRE_EQ(stats_number(stats, "watchdog.core_resets"), 1);
	json_decref(stats);
	daemon_stop(&daemon);
}

/* All three cores hang at once, and all three come back. */
static void inv5_every_core_comes_back(void)
{
	struct client hanging, honest;
	struct matmul memory, job;
	struct daemon daemon;
	uint64_t hangs[3];

	daemon_start(&lenient, &daemon);
	client_open(&daemon, &hanging);
	client_open(&daemon, &honest);
	matmul_init(&hanging, 0, 1, 1, &memory);
	matmul_init(&honest, 0, 2, 7, &job);
	for (int i = 0; i < 3; i++)
		hangs[i] = hang_submit(&hanging, &memory, 1u << i, 200 * MS_NS, NULL);
	matmul_check(&honest, &job);
	for (int i = 0; i < 3; i++) {
		struct npu_completion completion;

		client_completion(&hanging, &completion);
		REQUIRE(completion.seqno >= hangs[0] && completion.seqno <= hangs[2]);
		REQUIRE_EQ(completion.outcome, NPU_OUTCOME_HANG);
	}
	for (unsigned core = 0; core < 3; core++) {
		struct job_request request = matmul_request(&job);

		request.submit.core_mask = 1u << core;
		matmul_clear_output(&job);
		client_wait_outcome(&honest, client_submit(&honest, &request, NULL),
				    NPU_OUTCOME_OK);
		REQUIRE(matmul_output_is(&job, matmul_expected(&job)));
	}
	daemon_stop(&daemon);
}

static void inv6_repeated_hangs_do_not_disturb_others(void)
{
	struct client hanging, honest;
	struct matmul memory, job;
	struct npu_completion completion;
	struct daemon daemon;
	json_t *stats;

	daemon_start(&lenient, &daemon);
	client_open(&daemon, &hanging);
	client_open(&daemon, &honest);
	matmul_init(&hanging, 0, 1, 1, &memory);
	matmul_init(&honest, 0, 2, 7, &job);
	for (int i = 0; i < 12; i++)
		hang_submit(&hanging, &memory, 0, 30 * MS_NS, NULL);
	for (int i = 0; i < 12; i++) {
		matmul_check(&honest, &job);
		client_completion(&hanging, &completion);
		REQUIRE_EQ(completion.outcome, NPU_OUTCOME_HANG);
	}
	stats = client_stats(&honest);
	REQUIRE_EQ(stats_number(stats, "watchdog.hangs"), 12);
	REQUIRE_EQ(stats_number(stats, "sessions.0.hangs"), 12);
	REQUIRE_EQ(stats_number(stats, "sessions.1.hangs"), 0);
	REQUIRE_EQ(stats_number(stats, "sessions.1.completed"), 12);
	json_decref(stats);
	daemon_stop(&daemon);
}

/* The budget is the client's own, capped by the class. */
static void budget_is_capped_by_the_class(void)
{
	static const struct daemon_options options = {
		.config = "{\"version\": 1, \"classes\": {\"short\": {\"watchdog_cap_ms\": 100}},"
			  " \"match\": [{\"class\": \"short\"}]}"};
	struct npu_completion completion;
	struct daemon daemon;
	struct client client;
	struct matmul memory;

	daemon_start(&options, &daemon);
	client_open(&daemon, &client);
	REQUIRE(strcmp(client.hello.class_name, "short") == 0);
	matmul_init(&client, 0, 1, 1, &memory);
	client_wait(&client, hang_submit(&client, &memory, 0, 3600 * SECOND_NS, NULL), &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_HANG);
	REQUIRE(completion.device_ns >= 100 * MS_NS);
	REQUIRE(harness_is_sanitized() || completion.device_ns < 150 * MS_NS + SLACK_NS);
	REQUIRE(completion.detail[0] != '\0');
	daemon_stop(&daemon);
}

/* Many tasks that each take less than the budget are not a hang, however long they take together.
 */
static void job_that_goes_on_completing_is_not_shot(void)
{
	enum { N_TASKS = 3000 };
	static struct npu_task tasks[N_TASKS];
	struct job_request request;
	struct daemon daemon;
	struct client client;
	struct matmul job;

	harness_needs_soft("kernel drivers show no task counter");
	daemon_start(&(struct daemon_options){.config = "{\"version\": 1, \"watchdog\":"
							" {\"unknown_ms\": 30, \"cap_ms\": 30}}"},
		     &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 1, 4, &job);
	for (int i = 0; i < N_TASKS; i++)
		tasks[i] = job.task;
	request = matmul_request(&job);
	request.tasks = tasks;
	request.n_tasks = N_TASKS;
	client_wait_outcome(&client, client_submit(&client, &request, NULL), NPU_OUTCOME_OK);
	REQUIRE(matmul_output_is(&job, matmul_expected(&job)));
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(inv5_hang_costs_bounded),
	HARNESS_CASE(inv5_every_core_comes_back),
	HARNESS_CASE(inv6_repeated_hangs_do_not_disturb_others),
	HARNESS_CASE(budget_is_capped_by_the_class),
	HARNESS_CASE(job_that_goes_on_completing_is_not_shot),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
