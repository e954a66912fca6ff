/* SPDX-License-Identifier: MIT */
/*
 * The round trip of an empty job against the floor. Blocks of both alternate, and each pair of
 * blocks yields one ratio, so that whatever else the machine does hits both alike.
 */
#include "bench.h"
#include "bench_daemon.h"
#include "bench_floor.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS_DEFAULT 100u
#define BLOCK_ROUNDS   200u
#define TARGET_RATIO   3.0

struct latency {
	struct npu_session *session;
	struct bench_floor floor;
	struct bench_samples floor_ns, npud_ns; /* all round trips */
	struct bench_samples ratios;		/* of the medians of each pair of blocks */
};

static int measure_floor(struct latency *latency, struct bench_samples *block)
{
	for (unsigned i = 0; i < BLOCK_ROUNDS; i++) {
		uint64_t start_ns = bench_now_ns();
		int result = bench_floor_call(&latency->floor);
		if (result < 0)
			return result;
		double time_ns = (double)(bench_now_ns() - start_ns);
		bench_samples_add(block, time_ns);
		bench_samples_add(&latency->floor_ns, time_ns);
	}
	return 0;
}

static int measure_pair(struct latency *latency)
{
	struct bench_samples floor, npud;
	if (bench_samples_init(&floor, BLOCK_ROUNDS) < 0)
		return -ENOMEM;
	int result = bench_samples_init(&npud, BLOCK_ROUNDS);
	if (result == 0)
		result = measure_floor(latency, &floor);
	if (result == 0)
		result =
			bench_round_trips(latency->session, BLOCK_ROUNDS, &npud, &latency->npud_ns);
	if (result == 0)
		bench_samples_add(&latency->ratios, bench_samples_quantile(&npud, 0.5) /
							    bench_samples_quantile(&floor, 0.5));
	bench_samples_deinit(&floor);
	bench_samples_deinit(&npud);
	return result;
}

static enum cli_status measure(struct latency *latency, uint64_t n_blocks)
{
	size_t n = n_blocks * BLOCK_ROUNDS;
	if (bench_samples_init(&latency->floor_ns, n) < 0 ||
	    bench_samples_init(&latency->npud_ns, n) < 0 ||
	    bench_samples_init(&latency->ratios, n_blocks) < 0)
		return cli_error(CLI_FAILED, "latency: out of memory");
	/* The first pair warms both up and does not count. */
	for (uint64_t i = 0; i <= n_blocks; i++) {
		int result = measure_pair(latency);
		if (result < 0)
			return cli_error(CLI_FAILED, "latency: %s", strerror(-result));
		if (i == 0)
			latency->floor_ns.n = latency->npud_ns.n = latency->ratios.n = 0;
	}
	return CLI_OK;
}

static json_t *quantiles_document(struct bench_samples *samples)
{
	return json_pack("{s:f, s:f}", "p50", bench_samples_quantile(samples, 0.5), "p99",
			 bench_samples_quantile(samples, 0.99));
}

static enum cli_status print_result(struct latency *latency, const char *loop, bool is_json)
{
	double ratio = bench_samples_quantile(&latency->ratios, 0.5);
	double low = bench_samples_quantile(&latency->ratios, 0.1);
	double high = bench_samples_quantile(&latency->ratios, 0.9);
	if (is_json)
		return bench_print_json(json_pack(
			"{s:s, s:s, s:I, s:o, s:o, s:f, s:{s:f, s:f, s:f, s:f}, s:f}", "bench",
			"latency", "loop", loop, "rounds", (json_int_t)latency->npud_ns.n,
			"floor_ns", quantiles_document(&latency->floor_ns), "npud_ns",
			quantiles_document(&latency->npud_ns), "ratio_p50", ratio, "ratio_spread",
			"min", bench_samples_quantile(&latency->ratios, 0), "p10", low, "p90", high,
			"max", bench_samples_quantile(&latency->ratios, 1), "target",
			TARGET_RATIO));
	printf("latency of an empty job (timing device, %s, %zu rounds)\n", loop,
	       latency->npud_ns.n);
	printf("  floor  p50 %7.1f us  p99 %7.1f us   request and reply with a descriptor\n",
	       bench_samples_quantile(&latency->floor_ns, 0.5) / 1e3,
	       bench_samples_quantile(&latency->floor_ns, 0.99) / 1e3);
	printf("  npud   p50 %7.1f us  p99 %7.1f us   submit to fence\n",
	       bench_samples_quantile(&latency->npud_ns, 0.5) / 1e3,
	       bench_samples_quantile(&latency->npud_ns, 0.99) / 1e3);
	printf("  ratio  %.2f (of blocks: 10 %% below %.2f, 90 %% below %.2f); target %.0f: %s\n",
	       ratio, low, high, TARGET_RATIO, ratio <= TARGET_RATIO ? "met" : "MISSED");
	return CLI_OK;
}

static const char *loop_name(json_t *stats)
{
	const char *name = json_string_value(json_object_get(stats, "loop"));
	return name ? name : "?";
}

static enum cli_status run(struct latency *latency, const struct bench_options *options)
{
	char *text;
	if (npu_query(latency->session)->runs_streams)
		return cli_error(CLI_FAILED, "latency: that daemon's device is %s, not timing",
				 npu_query(latency->session)->device);
	enum cli_status status = measure(latency, options->count ? options->count : BLOCKS_DEFAULT);
	if (status != CLI_OK)
		return status;
	int result = npu_stats(latency->session, &text);
	if (result < 0)
		return cli_error_npu(result, "statistics");
	json_t *stats = json_loads(text, 0, NULL);
	free(text);
	status = print_result(latency, loop_name(stats), options->is_json);
	json_decref(stats);
	return status;
}

enum cli_status bench_latency(const struct bench_options *options)
{
	const struct bench_daemon_args args = {.socket_path = options->socket_path,
					       .device = "timing",
					       .loop = options->loop,
					       .policy = "{\"version\": 1}"};
	struct latency latency = {0};
	struct bench_daemon daemon;
	cpu_set_t cpus;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return cli_error(CLI_FAILED, "latency: %s", strerror(errno));
	bench_pin(&cpus, true);
	/* Before anything is open that the floor's process would inherit. */
	int result = bench_floor_start(&latency.floor);
	if (result < 0)
		return cli_error(CLI_FAILED, "latency: %s", strerror(-result));
	enum cli_status status = bench_daemon_start(&args, &daemon);
	if (status == CLI_OK) {
		bench_pin(&cpus, false);
		status = cli_connect(daemon.socket, &latency.session);
		if (status == CLI_OK)
			status = run(&latency, options);
		npu_close(latency.session);
		enum cli_status stopped = bench_daemon_stop(&daemon);
		status = status == CLI_OK ? stopped : status;
	}
	bench_floor_stop(&latency.floor);
	bench_samples_deinit(&latency.floor_ns);
	bench_samples_deinit(&latency.npud_ns);
	bench_samples_deinit(&latency.ratios);
	return status;
}
