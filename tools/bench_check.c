/* SPDX-License-Identifier: MIT */
/*
 * What checking streams costs: the same job by two sessions in turns, one of a class that has its
 * streams copied and checked (validate), one of a class that has not.
 */
#include "bench.h"
#include "bench_daemon.h"
#include "bench_stream.h"

#include <errno.h>
#include <string.h>

#define ROUNDS_DEFAULT 1000u
#define TASKS_MAX      64u

#define POLICY                                                                                     \
	"{\"version\": 1, \"classes\": {\"plain\": {}, "                                           \
	"\"checked\": {\"validate\": true, \"requestable\": true}}, "                              \
	"\"match\": [{\"class\": \"plain\"}]}"

struct side {
	struct npu_session *session;
	struct npu_bo bo;
	struct npu_task tasks[TASKS_MAX];
	struct bench_samples submit, whole; /* us */
};

struct check {
	unsigned n_tasks;
	struct side plain, checked;
};

static enum cli_status side_open(const char *socket, const char *class_name, struct side *side)
{
	const struct npu_open_args args = {.socket_path = socket, .class_name = class_name};
	int error = npu_open(&args, &side->session);
	if (error == 0)
		error = npu_bo_create(side->session, 0x1000, 0, &side->bo);
	if (error < 0)
		return cli_error_npu(error, "check");
	const struct npu_task task = {.regcmd_iova = side->bo.iova,
				      .regcmd_count = bench_stream_write(&side->bo),
				      .int_mask = 0x300};
	for (unsigned i = 0; i < TASKS_MAX; i++)
		side->tasks[i] = task;
	return CLI_OK;
}

static int run_once(struct side *side, unsigned n_tasks)
{
	struct npu_job job = {
		.tasks = side->tasks, .n_tasks = n_tasks, .bos = &side->bo.handle, .n_bos = 1};
	uint64_t start_ns = bench_now_ns(), submitted_ns, seqno;
	struct npu_result result;
	int error = npu_submit(side->session, &job, &seqno, NULL);
	submitted_ns = bench_now_ns();
	if (error == 0)
		error = npu_wait(side->session, seqno, -1, &result);
	if (error < 0)
		return error;
	if (result.outcome != NPU_OUTCOME_OK)
		return -EIO;
	bench_samples_add(&side->submit, (double)(submitted_ns - start_ns) / 1e3);
	bench_samples_add(&side->whole, (double)(bench_now_ns() - start_ns) / 1e3);
	return 0;
}

static enum cli_status run_rounds(struct check *check, uint64_t rounds)
{
	for (uint64_t i = 0; i < 2 * rounds; i++) {
		int error = run_once(i % 2 ? &check->checked : &check->plain, check->n_tasks);
		if (error < 0)
			return cli_error_npu(error, "check");
	}
	return CLI_OK;
}

static enum cli_status measure(const char *socket, struct check *check, uint64_t rounds)
{
	enum cli_status status = side_open(socket, "plain", &check->plain);
	if (status == CLI_OK)
		status = side_open(socket, "checked", &check->checked);
	if (status == CLI_OK)
		status = run_rounds(check, rounds);
	npu_close(check->plain.session);
	npu_close(check->checked.session);
	return status;
}

static int check_init(struct check *check, unsigned n_tasks, size_t n)
{
	*check = (struct check){.n_tasks = n_tasks};
	int error = bench_samples_init(&check->plain.submit, n);
	if (error == 0)
		error = bench_samples_init(&check->plain.whole, n);
	if (error == 0)
		error = bench_samples_init(&check->checked.submit, n);
	if (error == 0)
		error = bench_samples_init(&check->checked.whole, n);
	return error;
}

static void check_deinit(struct check *check)
{
	bench_samples_deinit(&check->plain.submit);
	bench_samples_deinit(&check->plain.whole);
	bench_samples_deinit(&check->checked.submit);
	bench_samples_deinit(&check->checked.whole);
}

static json_t *side_document(struct side *side)
{
	return json_pack("{s:f, s:f, s:f}", "submit_us", bench_samples_quantile(&side->submit, 0.5),
			 "submit_p90_us", bench_samples_quantile(&side->submit, 0.9), "whole_us",
			 bench_samples_quantile(&side->whole, 0.5));
}

static json_t *check_document(struct check *check)
{
	return json_pack("{s:i, s:o, s:o}", "tasks", (int)check->n_tasks, "plain",
			 side_document(&check->plain), "checked", side_document(&check->checked));
}

static void check_print(struct check *check)
{
	double plain = bench_samples_quantile(&check->plain.submit, 0.5);
	double checked = bench_samples_quantile(&check->checked.submit, 0.5);
	printf("%2u tasks: submit %6.1f us, checked %6.1f us (%.1f us a job, %.2f us a task); "
	       "submit to result %.0f us, checked %.0f us\n",
	       check->n_tasks, plain, checked, checked - plain, (checked - plain) / check->n_tasks,
	       bench_samples_quantile(&check->plain.whole, 0.5),
	       bench_samples_quantile(&check->checked.whole, 0.5));
}

enum cli_status bench_check(const struct bench_options *options)
{
	static const unsigned sizes[] = {1, 8, TASKS_MAX};
	const struct bench_daemon_args args = {
		.device = "soft", .loop = options->loop, .policy = POLICY};
	uint64_t rounds = options->count ? options->count : ROUNDS_DEFAULT;
	struct bench_daemon daemon;
	enum cli_status status = bench_daemon_start(&args, &daemon);
	if (status != CLI_OK)
		return status;
	json_t *results = json_array();
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && status == CLI_OK; i++) {
		struct check check;
		if (check_init(&check, sizes[i], rounds) < 0)
			status = cli_error(CLI_FAILED, "check: out of memory");
		else
			status = measure(daemon.socket, &check, rounds);
		if (status == CLI_OK && options->is_json)
			json_array_append_new(results, check_document(&check));
		else if (status == CLI_OK)
			check_print(&check);
		check_deinit(&check);
	}
	enum cli_status stopped = bench_daemon_stop(&daemon);
	status = status == CLI_OK ? stopped : status;
	if (status == CLI_OK && options->is_json)
		return bench_print_json(
			json_pack("{s:s, s:o}", "bench", "check", "results", results));
	json_decref(results);
	return status;
}
