/* SPDX-License-Identifier: MIT */
/*
 * What a neighbour that hangs all the time costs: small matrix products on the soft device with and
 * without one, in blocks that alternate, so that whatever else the machine does hits both alike.
 * Quarantine is off in that daemon: the watchdog and the resets are all that protects.
 */
#include "bench.h"
#include "bench_daemon.h"
#include "npu_ops.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define BLOCKS_DEFAULT	100u
#define BLOCK_JOBS	200u
#define HANG_BUDGET_NS	20000000u
#define HANG_CORE	1u
#define HANG_REGCMDS	8u
#define HANGS_MAX	1000000u
#define TARGET_RATIO	1.1
#define TARGET_NS	0.2e6
#define TARGET_DETECT	1.5
#define TARGET_RESET_NS 5e6

/* Whoever hangs, on a thread and in a session of its own. */
struct neighbour {
	struct npu_session *session;
	struct npu_bo bo;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_wanted, is_hanging, must_end; /* under `lock` */
	int error;
	/* Device time at which it was shot, in budgets; from then to the start of the next. */
	struct bench_samples detect, restart_ns;
};

/* Eight commands that do nothing: no block starts, no interrupt comes. */
static int submit_hang(struct neighbour *neighbour, uint64_t *ret_seqno)
{
	const struct npu_task task = {
		.regcmd_iova = neighbour->bo.iova, .regcmd_count = HANG_REGCMDS, .int_mask = 0x300};
	const struct npu_job job = {.tasks = &task,
				    .n_tasks = 1,
				    .bos = &neighbour->bo.handle,
				    .n_bos = 1,
				    .core_mask = HANG_CORE,
				    .timeout_ns = HANG_BUDGET_NS};
	return npu_submit(neighbour->session, &job, ret_seqno, NULL);
}

static int wait_hang(struct neighbour *neighbour, uint64_t seqno, uint64_t *last_ns)
{
	struct npu_result result;
	int r = npu_wait(neighbour->session, seqno, -1, &result);
	if (r < 0)
		return r;
	if (result.outcome != NPU_OUTCOME_HANG)
		return -EPROTO;
	bench_samples_add(&neighbour->detect, (double)result.device_ns / HANG_BUDGET_NS);
	uint64_t now_ns = bench_now_ns();
	/* What is not the job's own time on the core went into the reset and the start. */
	if (*last_ns)
		bench_samples_add(&neighbour->restart_ns,
				  (double)(now_ns - *last_ns) - (double)result.device_ns);
	*last_ns = now_ns;
	return 0;
}

static bool is_wanted(struct neighbour *neighbour)
{
	pthread_mutex_lock(&neighbour->lock);
	bool wanted = neighbour->is_wanted && !neighbour->must_end;
	pthread_mutex_unlock(&neighbour->lock);
	return wanted;
}

/* One that hangs and one behind it, until it is told to stop. */
static int hang_on(struct neighbour *neighbour)
{
	uint64_t running, waiting, last_ns = 0;
	int result = submit_hang(neighbour, &running);
	while (result == 0 && is_wanted(neighbour)) {
		result = submit_hang(neighbour, &waiting);
		if (result == 0)
			result = wait_hang(neighbour, running, &last_ns);
		running = waiting;
	}
	return result == 0 ? wait_hang(neighbour, running, &last_ns) : result;
}

static void set_hanging(struct neighbour *neighbour, bool is_hanging)
{
	neighbour->is_hanging = is_hanging;
	pthread_cond_broadcast(&neighbour->changed);
}

static void *run_neighbour(void *context)
{
	struct neighbour *neighbour = context;
	pthread_mutex_lock(&neighbour->lock);
	while (!neighbour->must_end) {
		if (!neighbour->is_wanted) {
			pthread_cond_wait(&neighbour->changed, &neighbour->lock);
			continue;
		}
		set_hanging(neighbour, true);
		pthread_mutex_unlock(&neighbour->lock);
		int result = hang_on(neighbour);
		pthread_mutex_lock(&neighbour->lock);
		neighbour->error = neighbour->error ? neighbour->error : result;
		neighbour->is_wanted = neighbour->is_wanted && !neighbour->error;
		set_hanging(neighbour, false);
	}
	pthread_mutex_unlock(&neighbour->lock);
	return NULL;
}

/* Returns when it has begun, or ended. */
static int want(struct neighbour *neighbour, bool is_wanted_now)
{
	pthread_mutex_lock(&neighbour->lock);
	neighbour->is_wanted = is_wanted_now;
	pthread_cond_broadcast(&neighbour->changed);
	while (neighbour->is_hanging != is_wanted_now && !neighbour->error)
		pthread_cond_wait(&neighbour->changed, &neighbour->lock);
	int result = neighbour->error;
	pthread_mutex_unlock(&neighbour->lock);
	return result;
}

static int start_neighbour(struct neighbour *neighbour)
{
	pthread_mutex_init(&neighbour->lock, NULL);
	pthread_cond_init(&neighbour->changed, NULL);
	if (bench_samples_init(&neighbour->detect, HANGS_MAX) < 0 ||
	    bench_samples_init(&neighbour->restart_ns, HANGS_MAX) < 0)
		return -ENOMEM;
	int result = npu_bo_create(neighbour->session, HANG_REGCMDS * 8, 0, &neighbour->bo);
	if (result == 0)
		result = -pthread_create(&neighbour->thread, NULL, run_neighbour, neighbour);
	return result;
}

static void stop_neighbour(struct neighbour *neighbour)
{
	pthread_mutex_lock(&neighbour->lock);
	neighbour->must_end = true;
	pthread_cond_broadcast(&neighbour->changed);
	pthread_mutex_unlock(&neighbour->lock);
	pthread_join(neighbour->thread, NULL);
}

/* ---- measuring ---- */

struct comparison {
	struct neighbour neighbour;
	struct npu_matmul *matmul;
	struct bench_samples alone_ns, beside_ns; /* all jobs */
	struct bench_samples ratios;		  /* of the 99th percentiles of pairs of blocks */
};

static int measure_block(struct comparison *comparison, struct bench_samples *all,
			 double *ret_p99_ns)
{
	struct bench_samples block;
	int result = bench_samples_init(&block, BLOCK_JOBS);
	for (unsigned i = 0; i < BLOCK_JOBS && result == 0; i++) {
		uint64_t start_ns = bench_now_ns();
		result = npu_matmul_run(comparison->matmul, -1);
		double time_ns = (double)(bench_now_ns() - start_ns);
		bench_samples_add(&block, time_ns);
		bench_samples_add(all, time_ns);
	}
	*ret_p99_ns = bench_samples_quantile(&block, 0.99);
	bench_samples_deinit(&block);
	return result;
}

/* Every other pair begins with the neighbour, as what comes second may profit from the first. */
static int measure_pair(struct comparison *comparison, bool is_beside_first)
{
	double p99_ns[2] = {0, 0};
	for (unsigned i = 0; i < 2; i++) {
		bool is_beside = (i == 0) == is_beside_first;
		int result = want(&comparison->neighbour, is_beside);
		if (result == 0)
			result = measure_block(comparison,
					       is_beside ? &comparison->beside_ns
							 : &comparison->alone_ns,
					       &p99_ns[is_beside]);
		if (result < 0)
			return result;
	}
	bench_samples_add(&comparison->ratios, p99_ns[1] / p99_ns[0]);
	return 0;
}

static enum cli_status measure(struct comparison *comparison, uint64_t n_blocks)
{
	size_t n = n_blocks * BLOCK_JOBS;
	if (bench_samples_init(&comparison->alone_ns, n) < 0 ||
	    bench_samples_init(&comparison->beside_ns, n) < 0 ||
	    bench_samples_init(&comparison->ratios, n_blocks) < 0)
		return cli_error(CLI_FAILED, "neighbour: out of memory");
	/* The first pair warms up and does not count. */
	for (uint64_t i = 0; i <= n_blocks; i++) {
		int result = measure_pair(comparison, i % 2);
		if (result < 0)
			return cli_error_npu(result, "neighbour");
		if (i == 0)
			comparison->alone_ns.n = comparison->beside_ns.n = comparison->ratios.n = 0;
	}
	return CLI_OK;
}

/* ---- the result ---- */

static json_t *quantiles_document(struct bench_samples *samples)
{
	return json_pack("{s:f, s:f, s:f}", "p50", bench_samples_quantile(samples, 0.5), "p99",
			 bench_samples_quantile(samples, 0.99), "max",
			 bench_samples_quantile(samples, 1));
}

static const char *verdict(bool is_met)
{
	return is_met ? "met" : "MISSED";
}

static void print_text(struct comparison *comparison)
{
	struct bench_samples *alone = &comparison->alone_ns, *beside = &comparison->beside_ns;
	struct bench_samples *detect = &comparison->neighbour.detect;
	struct bench_samples *restart = &comparison->neighbour.restart_ns;
	double p99_alone = bench_samples_quantile(alone, 0.99);
	double p99_beside = bench_samples_quantile(beside, 0.99);
	bool is_met = p99_beside <= p99_alone * TARGET_RATIO || p99_beside - p99_alone <= TARGET_NS;
	printf("matrix products beside a neighbour that hangs (soft device, %zu jobs each)\n",
	       beside->n);
	printf("  without  p50 %7.1f us  p99 %7.1f us\n", bench_samples_quantile(alone, 0.5) / 1e3,
	       p99_alone / 1e3);
	printf("  with     p50 %7.1f us  p99 %7.1f us\n", bench_samples_quantile(beside, 0.5) / 1e3,
	       p99_beside / 1e3);
	printf("  p99      %.2f times, %+.1f us; target %.1f times or %.1f us: %s\n",
	       p99_beside / p99_alone, (p99_beside - p99_alone) / 1e3, TARGET_RATIO,
	       TARGET_NS / 1e3, verdict(is_met));
	printf("           of pairs of blocks: %.2f (10 %% below %.2f, 90 %% below %.2f)\n",
	       bench_samples_quantile(&comparison->ratios, 0.5),
	       bench_samples_quantile(&comparison->ratios, 0.1),
	       bench_samples_quantile(&comparison->ratios, 0.9));
	printf("  detected after %.2f budgets (p99 %.2f), %zu hangs; target %.1f: %s\n",
	       bench_samples_quantile(detect, 0.5), bench_samples_quantile(detect, 0.99), detect->n,
	       TARGET_DETECT, verdict(bench_samples_quantile(detect, 0.99) <= TARGET_DETECT));
	printf("  core reset and next job started after %.1f us (p99 %.1f us); target %.0f ms: "
	       "%s\n",
	       bench_samples_quantile(restart, 0.5) / 1e3,
	       bench_samples_quantile(restart, 0.99) / 1e3, TARGET_RESET_NS / 1e6,
	       verdict(bench_samples_quantile(restart, 0.99) <= TARGET_RESET_NS));
}

static enum cli_status print_result(struct comparison *comparison, bool is_json)
{
	if (!is_json) {
		print_text(comparison);
		return CLI_OK;
	}
	return bench_print_json(
		json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "bench", "neighbour", "jobs",
			  (json_int_t)comparison->beside_ns.n, "hangs",
			  (json_int_t)comparison->neighbour.detect.n, "without_ns",
			  quantiles_document(&comparison->alone_ns), "with_ns",
			  quantiles_document(&comparison->beside_ns), "p99_ratio_of_pairs",
			  quantiles_document(&comparison->ratios), "detected_budgets",
			  quantiles_document(&comparison->neighbour.detect), "restart_ns",
			  quantiles_document(&comparison->neighbour.restart_ns)));
}

static enum cli_status run(const char *socket, const struct bench_options *options)
{
	const struct npu_matmul_args args = {.shape = {.m = 4, .k = 32, .n = 32}};
	struct comparison comparison = {0};
	struct npu_session *session = NULL;
	enum cli_status status = cli_connect(socket, &session);
	if (status == CLI_OK)
		status = cli_connect(socket, &comparison.neighbour.session);
	if (status != CLI_OK) {
		npu_close(session);
		return status;
	}
	int result = npu_matmul_new(session, &args, &comparison.matmul);
	if (result == 0)
		result = start_neighbour(&comparison.neighbour);
	if (result == 0) {
		status = measure(&comparison, options->count ? options->count : BLOCKS_DEFAULT);
		stop_neighbour(&comparison.neighbour);
		if (status == CLI_OK)
			status = print_result(&comparison, options->is_json);
	} else {
		status = cli_error_npu(result, "neighbour");
	}
	npu_matmul_free(comparison.matmul);
	npu_close(comparison.neighbour.session);
	npu_close(session);
	bench_samples_deinit(&comparison.alone_ns);
	bench_samples_deinit(&comparison.beside_ns);
	bench_samples_deinit(&comparison.ratios);
	bench_samples_deinit(&comparison.neighbour.detect);
	bench_samples_deinit(&comparison.neighbour.restart_ns);
	return status;
}

enum cli_status bench_neighbour(const struct bench_options *options)
{
	const struct bench_daemon_args args = {
		.device = "soft",
		.loop = options->loop,
		.policy =
			"{\"version\": 1, \"watchdog\": {\"slow_after\": 0, \"suspend_after\": 0, "
			"\"close_after\": 0}, \"incidents\": {\"directory\": \"\"}}"};
	struct bench_daemon daemon;
	if (options->socket_path)
		return cli_error(CLI_USAGE, "neighbour: hangs a daemon of its own; no --socket");
	enum cli_status status = bench_daemon_start(&args, &daemon);
	if (status != CLI_OK)
		return status;
	status = run(daemon.socket, options);
	enum cli_status stopped = bench_daemon_stop(&daemon);
	return status == CLI_OK ? stopped : status;
}
