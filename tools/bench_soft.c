/* SPDX-License-Identifier: MIT */
/*
 * Speed of the soft device: convolutions against oneDNN on one thread. Blocks of both alternate on
 * one CPU, each pair of blocks yields one ratio, and all times are CPU time of the one thread that
 * computes, so that whatever else the machine does hits both alike.
 */
#include "bench.h"
#include "bench_daemon.h"
#include "bench_dnnl.h"

#include <errno.h>
#include <string.h>

#define PAIRS_DEFAULT 25u
#define BLOCK_JOBS    3u
#define BLOCK_RUNS    (BLOCK_JOBS * BENCH_TASK_RUNS)
#define INT8_TARGET   (1.0 / 3)
#define FP16_TARGET   (1.0 / 4)

/* One line of the table. */
struct line {
	const struct bench_layer *layer;
	bool is_half;
	char implementation[64];	       /* oneDNN's */
	struct bench_samples soft_ns, dnnl_ns; /* medians of blocks */
	struct bench_samples ratios;	       /* speed of soft, oneDNN being 1 */
};

static double target_of(const struct line *line)
{
	return line->is_half ? FP16_TARGET : INT8_TARGET;
}

static bool is_met(struct line *line)
{
	return bench_samples_quantile(&line->ratios, 0.5) >= target_of(line);
}

static void line_deinit(struct line *line)
{
	bench_samples_deinit(&line->soft_ns);
	bench_samples_deinit(&line->dnnl_ns);
	bench_samples_deinit(&line->ratios);
}

static int line_init(struct line *line, const struct bench_layer *layer, bool is_half,
		     size_t n_pairs)
{
	*line = (struct line){.layer = layer, .is_half = is_half};
	if (bench_samples_init(&line->soft_ns, n_pairs) == 0 &&
	    bench_samples_init(&line->dnnl_ns, n_pairs) == 0 &&
	    bench_samples_init(&line->ratios, n_pairs) == 0)
		return 0;
	line_deinit(line);
	return -ENOMEM;
}

static enum cli_status run_soft_block(struct bench_task *task, struct bench_samples *block)
{
	for (unsigned i = 0; i < BLOCK_JOBS; i++) {
		struct npu_result result = {0};
		int r = bench_task_run(task, &result);
		if (r < 0)
			return result.detail[0] ? cli_error(CLI_FAILED, "soft: %s", result.detail)
						: cli_error_npu(r, "soft");
		bench_samples_add(block, (double)result.device_ns / BENCH_TASK_RUNS);
	}
	return CLI_OK;
}

static enum cli_status run_pair(struct line *line, struct bench_task *task, struct bench_dnnl *dnnl)
{
	double values[2][BLOCK_RUNS];
	struct bench_samples soft = {values[0], 0, BLOCK_RUNS}, other = {values[1], 0, BLOCK_RUNS};
	enum cli_status status = run_soft_block(task, &soft);
	for (unsigned i = 0; i < BLOCK_RUNS; i++)
		bench_samples_add(&other, (double)bench_dnnl_run_ns(dnnl));
	double soft_ns = bench_samples_quantile(&soft, 0.5);
	double dnnl_ns = bench_samples_quantile(&other, 0.5);
	bench_samples_add(&line->soft_ns, soft_ns);
	bench_samples_add(&line->dnnl_ns, dnnl_ns);
	bench_samples_add(&line->ratios, soft_ns > 0 ? dnnl_ns / soft_ns : 0);
	return status;
}

/* The first pair warms both up and does not count. */
static enum cli_status run_pairs(struct line *line, struct bench_task *task,
				 struct bench_dnnl *dnnl, uint64_t n_pairs)
{
	enum cli_status status = run_pair(line, task, dnnl);
	line->soft_ns.n = line->dnnl_ns.n = line->ratios.n = 0;
	for (uint64_t i = 0; i < n_pairs && status == CLI_OK; i++)
		status = run_pair(line, task, dnnl);
	return status;
}

static enum cli_status measure(struct line *line, struct npu_session *session, uint64_t n_pairs)
{
	struct bench_task task;
	struct bench_dnnl *dnnl = bench_dnnl_new(line->layer, !line->is_half);
	if (!dnnl)
		return CLI_FAILED;
	snprintf(line->implementation, sizeof(line->implementation), "%s", bench_dnnl_name(dnnl));
	int r = bench_task_init(&task, session, line->layer, line->is_half);
	enum cli_status status = r < 0 ? cli_error_npu(r, "soft") : CLI_OK;
	if (status == CLI_OK)
		status = run_pairs(line, &task, dnnl, n_pairs);
	bench_task_deinit(&task);
	bench_dnnl_free(dnnl);
	return status;
}

static void print_line(struct line *line)
{
	double ratio = bench_samples_quantile(&line->ratios, 0.5);
	double soft_ns = bench_samples_quantile(&line->soft_ns, 0.5);
	double dnnl_ns = bench_samples_quantile(&line->dnnl_ns, 0.5);
	printf("  %-4s %-34s %8.0f %8.0f us %8.1f  %5.2f (%.2f ... %.2f)  %s\n",
	       line->is_half ? "fp16" : "int8", line->layer->name, soft_ns / 1e3, dnnl_ns / 1e3,
	       (double)bench_layer_macs(line->layer) / soft_ns, ratio,
	       bench_samples_quantile(&line->ratios, 0.1),
	       bench_samples_quantile(&line->ratios, 0.9), is_met(line) ? "met" : "MISSED");
	fflush(stdout);
}

static json_t *line_document(struct line *line)
{
	const struct bench_layer *layer = line->layer;
	return json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:{s:f, s:f}, s:f, s:b, s:s}", "layer",
			 layer->name, "precision", line->is_half ? "fp16" : "int8", "macs",
			 (json_int_t)bench_layer_macs(layer), "soft_ns",
			 bench_samples_quantile(&line->soft_ns, 0.5), "onednn_ns",
			 bench_samples_quantile(&line->dnnl_ns, 0.5), "ratio_p50",
			 bench_samples_quantile(&line->ratios, 0.5), "ratio_spread", "p10",
			 bench_samples_quantile(&line->ratios, 0.1), "p90",
			 bench_samples_quantile(&line->ratios, 0.9), "target", target_of(line),
			 "met", is_met(line), "onednn", line->implementation);
}

/* One line, measured and printed or added to `lines`. */
static enum cli_status run_line(struct npu_session *session, const struct bench_layer *layer,
				bool is_half, uint64_t n_pairs, json_t *lines, bool *all_met)
{
	struct line line;
	if (line_init(&line, layer, is_half, n_pairs) < 0)
		return cli_error(CLI_FAILED, "soft: out of memory");
	enum cli_status status = measure(&line, session, n_pairs);
	if (status == CLI_OK) {
		*all_met &= is_met(&line);
		if (lines)
			json_array_append_new(lines, line_document(&line));
		else
			print_line(&line);
	}
	line_deinit(&line);
	return status;
}

static enum cli_status run(struct npu_session *session, const struct bench_options *options)
{
	uint64_t n_pairs = options->count ? options->count : PAIRS_DEFAULT;
	json_t *lines = options->is_json ? json_array() : NULL;
	enum cli_status status = CLI_OK;
	bool all_met = true;
	if (!lines)
		printf("convolutions of the soft device and oneDNN, CPU time of one thread\n"
		       "  speed of soft, oneDNN being 1: int8 against its int8, target %.2f; fp16 "
		       "against its fp32, target %.2f\n"
		       "  %-39s %8s %8s    %8s  ratio (10 %% ... 90 %%)\n",
		       INT8_TARGET, FP16_TARGET, "", "soft", "oneDNN", "MAC/ns");
	for (unsigned i = 0; status == CLI_OK && i < 2 * bench_n_layers; i++)
		status = run_line(session, &bench_layers[i % bench_n_layers], i >= bench_n_layers,
				  n_pairs, lines, &all_met);
	if (status == CLI_OK && lines)
		status = bench_print_json(json_pack("{s:s, s:O, s:b}", "bench", "soft", "layers",
						    lines, "met", all_met));
	json_decref(lines);
	if (status == CLI_OK && !all_met)
		return cli_error(CLI_FAILED, "soft: a target is missed");
	return status;
}

enum cli_status bench_soft(const struct bench_options *options)
{
	const struct bench_daemon_args args = {
		.device = "soft", .loop = options->loop, .policy = "{\"version\": 1}"};
	struct npu_session *session = NULL;
	struct bench_daemon daemon;
	cpu_set_t cpus;
	if (options->socket_path)
		return cli_error(CLI_USAGE, "soft: measures a daemon of its own; no --socket");
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return cli_error(CLI_FAILED, "soft: %s", strerror(errno));
	/* One thread of the daemon and this one take turns on it. */
	bench_pin(&cpus, true);
	enum cli_status status = bench_daemon_start(&args, &daemon);
	if (status != CLI_OK)
		return status;
	status = cli_connect(daemon.socket, &session);
	if (status == CLI_OK)
		status = run(session, options);
	npu_close(session);
	enum cli_status stopped = bench_daemon_stop(&daemon);
	return status == CLI_OK ? stopped : status;
}
