/* SPDX-License-Identifier: MIT */
/*
 * What an idle session costs the daemon, and how long connecting takes. On the soft device, where a
 * session has everything it can have; its page tables are counted apart.
 */
#include "bench.h"
#include "bench_daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define SESSIONS_DEFAULT 200u
#define TARGET_BYTES	 65536.0
#define FDS_PER_SESSION	 2u

struct usage {
	uint64_t bytes, pagetable_bytes;
};

struct measurement {
	const struct bench_daemon *daemon;
	struct npu_session **sessions;
	uint64_t n;
	struct bench_samples connect_ns;
	struct usage before, after;
};

static enum cli_status measure_usage(const struct measurement *m, struct npu_session *session,
				     struct usage *ret_usage)
{
	char *text;
	int result = npu_stats(session, &text);
	if (result < 0)
		return cli_error_npu(result, "statistics");
	json_t *stats = json_loads(text, 0, NULL);
	free(text);
	ret_usage->pagetable_bytes = (uint64_t)json_integer_value(
		json_object_get(json_object_get(stats, "memory"), "pagetable_bytes"));
	json_decref(stats);
	result = bench_daemon_memory(m->daemon, &ret_usage->bytes);
	if (result < 0)
		return cli_error(CLI_FAILED, "memory of npud: %s", strerror(-result));
	return CLI_OK;
}

static enum cli_status open_sessions(struct measurement *m)
{
	for (uint64_t i = 0; i < m->n; i++) {
		uint64_t start_ns = bench_now_ns();
		enum cli_status status = cli_connect(m->daemon->socket, &m->sessions[i]);
		if (status != CLI_OK)
			return status;
		bench_samples_add(&m->connect_ns, (double)(bench_now_ns() - start_ns));
	}
	return CLI_OK;
}

static void close_sessions(struct measurement *m)
{
	for (uint64_t i = 0; i < m->n; i++)
		m->sessions[i] = npu_close(m->sessions[i]);
}

static enum cli_status measure(struct measurement *m)
{
	struct npu_session *observer;
	enum cli_status status = cli_connect(m->daemon->socket, &observer);
	if (status != CLI_OK)
		return status;
	/* Twice, so that what asking for statistics takes is part of the first figure already. */
	status = measure_usage(m, observer, &m->before);
	if (status == CLI_OK)
		status = measure_usage(m, observer, &m->before);
	if (status == CLI_OK)
		status = open_sessions(m);
	if (status == CLI_OK)
		status = measure_usage(m, observer, &m->after);
	close_sessions(m);
	npu_close(observer);
	return status;
}

static enum cli_status print_result(struct measurement *m, bool is_json)
{
	double tables = (double)(m->after.pagetable_bytes - m->before.pagetable_bytes);
	double per_session =
		((double)m->after.bytes - (double)m->before.bytes - tables) / (double)m->n;
	double p50 = bench_samples_quantile(&m->connect_ns, 0.5);
	double p99 = bench_samples_quantile(&m->connect_ns, 0.99);
	if (is_json)
		return bench_print_json(
			json_pack("{s:s, s:I, s:f, s:f, s:{s:f, s:f}, s:f}", "bench", "sessions",
				  "sessions", (json_int_t)m->n, "bytes_per_session", per_session,
				  "pagetable_bytes_per_session", tables / (double)m->n,
				  "connect_ns", "p50", p50, "p99", p99, "target", TARGET_BYTES));
	printf("%llu idle sessions (soft device)\n", (unsigned long long)m->n);
	printf("  memory   %.1f KiB each, and %.1f KiB of page tables; target %.0f KiB: %s\n",
	       per_session / 1024, tables / (double)m->n / 1024, TARGET_BYTES / 1024,
	       per_session < TARGET_BYTES ? "met" : "MISSED");
	printf("  connect  p50 %.1f us  p99 %.1f us\n", p50 / 1e3, p99 / 1e3);
	return CLI_OK;
}

static enum cli_status run(struct measurement *m, bool is_json)
{
	m->sessions = calloc(m->n, sizeof(struct npu_session *));
	enum cli_status status = CLI_OK;
	if (!m->sessions || bench_samples_init(&m->connect_ns, m->n) < 0)
		status = cli_error(CLI_FAILED, "sessions: out of memory");
	if (status == CLI_OK)
		status = measure(m);
	if (status == CLI_OK)
		status = print_result(m, is_json);
	free(m->sessions);
	bench_samples_deinit(&m->connect_ns);
	return status;
}

/* Clients and daemon alike inherit the limit. */
static enum cli_status raise_fd_limit(uint64_t n_sessions)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (n_sessions > (limit.rlim_max - 64) / FDS_PER_SESSION)
		return cli_error(
			CLI_USAGE, "--count %llu: needs more descriptors than the limit of %llu",
			(unsigned long long)n_sessions, (unsigned long long)limit.rlim_max);
	return CLI_OK;
}

enum cli_status bench_sessions(const struct bench_options *options)
{
	char policy[160];
	struct bench_daemon daemon;
	struct measurement m = {.daemon = &daemon,
				.n = options->count ? options->count : SESSIONS_DEFAULT};
	const struct bench_daemon_args args = {
		.device = "soft", .loop = options->loop, .policy = policy};
	if (options->socket_path)
		return cli_error(CLI_USAGE, "sessions: measures a daemon of its own; no --socket");
	enum cli_status status = raise_fd_limit(m.n);
	if (status != CLI_OK)
		return status;
	snprintf(policy, sizeof(policy),
		 "{\"version\": 1, \"quota\": {\"sessions_per_uid\": %llu}}",
		 (unsigned long long)m.n + 8);
	status = bench_daemon_start(&args, &daemon);
	if (status != CLI_OK)
		return status;
	status = run(&m, options->is_json);
	enum cli_status stopped = bench_daemon_stop(&daemon);
	return status == CLI_OK ? stopped : status;
}
