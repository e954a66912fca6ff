/* SPDX-License-Identifier: MIT */
/*
 * Whether the daemon keeps what it should give back: sessions, buffers and small jobs come and go
 * for a while on the soft device, and what it holds must not grow.
 */
#include "bench.h"
#include "bench_daemon.h"
#include "npu_ops.h"

#include <errno.h>
#include <string.h>

#define SECONDS_DEFAULT	 10u
#define JOBS_PER_SESSION 64u
#define WARM_UP_SHARE	 5u /* a fifth of the time does not count */

struct usage {
	uint64_t bytes, fds;
};

static enum cli_status measure_usage(const struct bench_daemon *daemon, struct usage *ret_usage)
{
	int result = bench_daemon_memory(daemon, &ret_usage->bytes);
	if (result == 0)
		result = bench_daemon_fds(daemon, &ret_usage->fds);
	return result < 0 ? cli_error(CLI_FAILED, "memory of npud: %s", strerror(-result)) : CLI_OK;
}

/* A product with new buffers each time. */
static int run_job(struct npu_session *session)
{
	const struct npu_matmul_args args = {.shape = {.m = 4, .k = 32, .n = 32}};
	struct npu_matmul *matmul;
	int result = npu_matmul_new(session, &args, &matmul);
	if (result < 0)
		return result;
	result = npu_matmul_run(matmul, -1);
	npu_matmul_free(matmul);
	return result;
}

static enum cli_status run_session(const char *socket, uint64_t *n_jobs)
{
	struct npu_session *session;
	enum cli_status status = cli_connect(socket, &session);
	if (status != CLI_OK)
		return status;
	for (unsigned i = 0; i < JOBS_PER_SESSION && status == CLI_OK; i++) {
		int result = run_job(session);
		if (result < 0)
			status = cli_error_npu(result, "job");
		*n_jobs += 1;
	}
	npu_close(session);
	return status;
}

static enum cli_status run_until(const char *socket, uint64_t until_ns, uint64_t *n_jobs)
{
	enum cli_status status = CLI_OK;
	while (status == CLI_OK && bench_now_ns() < until_ns)
		status = run_session(socket, n_jobs);
	return status;
}

/*
 * The observer's session is open at both looks; its request and reply come after the close of
 * whatever ran before, so the daemon has seen that.
 */
static enum cli_status measure(const struct bench_daemon *daemon, uint64_t seconds,
			       struct usage usage[2], uint64_t *n_jobs)
{
	uint64_t start_ns = bench_now_ns(), time_ns = seconds * 1000000000u;
	enum cli_status status =
		run_until(daemon->socket, start_ns + time_ns / WARM_UP_SHARE, n_jobs);
	*n_jobs = 0;
	for (unsigned i = 0; i < 2 && status == CLI_OK; i++) {
		struct npu_session *observer;
		status = cli_connect(daemon->socket, &observer);
		if (status != CLI_OK)
			return status;
		status = measure_usage(daemon, &usage[i]);
		npu_close(observer);
		if (i == 0 && status == CLI_OK)
			status = run_until(daemon->socket, start_ns + time_ns, n_jobs);
	}
	return status;
}

static enum cli_status print_result(const struct usage usage[2], uint64_t n_jobs, bool is_json)
{
	long long bytes = (long long)usage[1].bytes - (long long)usage[0].bytes;
	long long fds = (long long)usage[1].fds - (long long)usage[0].fds;
	if (is_json)
		return bench_print_json(
			json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "bench", "memory", "jobs",
				  (json_int_t)n_jobs, "bytes", (json_int_t)usage[1].bytes,
				  "growth_bytes", (json_int_t)bytes, "fds",
				  (json_int_t)usage[1].fds, "growth_fds", (json_int_t)fds));
	printf("%llu small jobs, a new session every %u (soft device)\n",
	       (unsigned long long)n_jobs, JOBS_PER_SESSION);
	printf("  memory       %.1f MiB, grown by %.1f KiB\n", (double)usage[1].bytes / (1 << 20),
	       (double)bytes / 1024);
	printf("  descriptors  %llu, grown by %lld\n", (unsigned long long)usage[1].fds, fds);
	return CLI_OK;
}

enum cli_status bench_memory(const struct bench_options *options)
{
	const struct bench_daemon_args args = {
		.device = "soft", .loop = options->loop, .policy = "{\"version\": 1}"};
	struct bench_daemon daemon;
	struct usage usage[2];
	uint64_t n_jobs = 0;
	if (options->socket_path)
		return cli_error(CLI_USAGE, "memory: measures a daemon of its own; no --socket");
	enum cli_status status = bench_daemon_start(&args, &daemon);
	if (status != CLI_OK)
		return status;
	status = measure(&daemon, options->seconds ? options->seconds : SECONDS_DEFAULT, usage,
			 &n_jobs);
	if (status == CLI_OK)
		status = print_result(usage, n_jobs, options->is_json);
	enum cli_status stopped = bench_daemon_stop(&daemon);
	return status == CLI_OK ? stopped : status;
}
