/* SPDX-License-Identifier: MIT */
/*
 * What cutting a job costs: the same job whole and in slices, in turns, on one core that has
 * nothing else to do. On `timing` that is the daemon's way from the end of a slice to the start of
 * the next; on `soft` also finding the cuts, the prologues, and the reset of the core between two
 * batches.
 */
#include "bench.h"
#include "bench_daemon.h"
#include "bench_stream.h"

#include <errno.h>
#include <string.h>

#define ROUNDS_DEFAULT 200u
#define N_TASKS	       64u
#define TASK_NS	       100000u /* on `timing` */

/* What is never known runs piece by piece: every task is a slice. */
#define POLICY                                                                                     \
	"{\"version\": 1, \"predict\": {\"known_after\": 4096},"                                   \
	" \"classes\": {\"default\": {\"cores\": [0]}}}"

struct figures {
	struct bench_samples whole, sliced; /* us a job */
	struct bench_samples whole_submit, sliced_submit;
	double per_cut; /* us */
};

static int run_once(struct npu_session *session, struct npu_job *job, bool is_sliced,
		    struct figures *figures)
{
	uint64_t start_ns = bench_now_ns(), submitted_ns, seqno;
	struct npu_result result;
	job->flags = is_sliced ? NPU_SUBMIT_SLICEABLE : 0;
	int error = npu_submit(session, job, &seqno, NULL);
	submitted_ns = bench_now_ns();
	if (error == 0)
		error = npu_wait(session, seqno, -1, &result);
	if (error < 0)
		return error;
	if (result.outcome != NPU_OUTCOME_OK)
		return -EIO;
	bench_samples_add(is_sliced ? &figures->sliced : &figures->whole,
			  (double)(bench_now_ns() - start_ns) / 1e3);
	bench_samples_add(is_sliced ? &figures->sliced_submit : &figures->whole_submit,
			  (double)(submitted_ns - start_ns) / 1e3);
	return 0;
}

static enum cli_status run_rounds(struct npu_session *session, struct npu_job *job, uint64_t rounds,
				  struct figures *figures)
{
	for (uint64_t i = 0; i < 2 * rounds; i++) {
		int error = run_once(session, job, i % 2, figures);
		if (error < 0)
			return cli_error_npu(error, "slices");
	}
	figures->per_cut = (bench_samples_quantile(&figures->sliced, 0.5) -
			    bench_samples_quantile(&figures->whole, 0.5)) /
			   (N_TASKS - 1);
	return CLI_OK;
}

static int figures_init(struct figures *figures, size_t n)
{
	memset(figures, 0, sizeof(*figures));
	int error = bench_samples_init(&figures->whole, n);
	if (error == 0)
		error = bench_samples_init(&figures->sliced, n);
	if (error == 0)
		error = bench_samples_init(&figures->whole_submit, n);
	if (error == 0)
		error = bench_samples_init(&figures->sliced_submit, n);
	return error;
}

static void figures_deinit(struct figures *figures)
{
	bench_samples_deinit(&figures->whole);
	bench_samples_deinit(&figures->sliced);
	bench_samples_deinit(&figures->whole_submit);
	bench_samples_deinit(&figures->sliced_submit);
}

/* The same task over and over: a whole stream each, so every place between two is a cut. */
static enum cli_status run_tasks(struct npu_session *session, uint64_t rounds,
				 struct figures *figures)
{
	struct npu_task tasks[N_TASKS];
	struct npu_job job = {.tasks = tasks, .n_tasks = N_TASKS};
	struct npu_task task = {.regcmd_iova = 0x1000, .regcmd_count = 1, .int_mask = 0x300};
	struct npu_bo bo;
	if (npu_query(session)->runs_streams) {
		int error = npu_bo_create(session, 0x1000, 0, &bo);
		if (error < 0)
			return cli_error_npu(error, "slices");
		task.regcmd_iova = bo.iova;
		task.regcmd_count = bench_stream_write(&bo);
		job.bos = &bo.handle;
		job.n_bos = 1;
	} else {
		job.duration_ns = (uint64_t)N_TASKS * TASK_NS;
	}
	for (unsigned i = 0; i < N_TASKS; i++)
		tasks[i] = task;
	return run_rounds(session, &job, rounds, figures);
}

static enum cli_status connect_and_run(const char *socket, uint64_t rounds, struct figures *figures)
{
	struct npu_session *session;
	enum cli_status status = cli_connect(socket, &session);
	if (status == CLI_OK)
		status = run_tasks(session, rounds, figures);
	npu_close(session);
	return status;
}

static enum cli_status run_device(const char *device, const struct bench_options *options,
				  struct figures *figures)
{
	const struct bench_daemon_args args = {
		.device = device, .loop = options->loop, .policy = POLICY};
	uint64_t rounds = options->count ? options->count : ROUNDS_DEFAULT;
	struct bench_daemon daemon;
	if (figures_init(figures, rounds) < 0)
		return cli_error(CLI_FAILED, "slices: out of memory");
	enum cli_status status = bench_daemon_start(&args, &daemon);
	if (status != CLI_OK)
		return status;
	status = connect_and_run(daemon.socket, rounds, figures);
	enum cli_status stopped = bench_daemon_stop(&daemon);
	return status == CLI_OK ? stopped : status;
}

static json_t *figures_document(const char *device, struct figures *figures)
{
	return json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:f}", "device", device, "tasks",
			 (int)N_TASKS, "whole_us", bench_samples_quantile(&figures->whole, 0.5),
			 "sliced_us", bench_samples_quantile(&figures->sliced, 0.5), "per_cut_us",
			 figures->per_cut, "whole_submit_us",
			 bench_samples_quantile(&figures->whole_submit, 0.5), "sliced_submit_us",
			 bench_samples_quantile(&figures->sliced_submit, 0.5));
}

static void print_figures(const char *device, struct figures *figures)
{
	printf("%s: %u tasks, whole %.0f us, in as many slices %.0f us: %.1f us a cut\n", device,
	       N_TASKS, bench_samples_quantile(&figures->whole, 0.5),
	       bench_samples_quantile(&figures->sliced, 0.5), figures->per_cut);
	printf("%s: submit %.1f us, with its cuts %.1f us\n", device,
	       bench_samples_quantile(&figures->whole_submit, 0.5),
	       bench_samples_quantile(&figures->sliced_submit, 0.5));
}

enum cli_status bench_slices(const struct bench_options *options)
{
	static const char *const devices[] = {"timing", "soft"};
	json_t *results = json_array();
	enum cli_status status = CLI_OK;
	for (unsigned i = 0; i < 2 && status == CLI_OK; i++) {
		struct figures figures;
		status = run_device(devices[i], options, &figures);
		if (status == CLI_OK && options->is_json)
			json_array_append_new(results, figures_document(devices[i], &figures));
		else if (status == CLI_OK)
			print_figures(devices[i], &figures);
		figures_deinit(&figures);
	}
	if (status == CLI_OK && options->is_json)
		return bench_print_json(
			json_pack("{s:s, s:o}", "bench", "slices", "results", results));
	json_decref(results);
	return status;
}
