/* SPDX-License-Identifier: MIT */
/*
 * The targets of the scheduler against the ways in which boards are shared today: every figure as a
 * median over seeds, of npud and of the best baseline under the same load.
 *
 *   sched_targets [--json] [--seeds N] WORKLOADS
 *
 * Exit status 0 only when all are met; 77 when there is no such file.
 */
#include "tools/cli.h"
#include "tools/sim/contender.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_SKIPPED  77
#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

enum figure { MISS, RATE, P99, JAIN, PROGRESS, MAKESPAN, MEAN, STARVED };

static const struct {
	const char *name, *unit;
	double scale;
	unsigned decimals;
} figures[] = {
	[MISS] = {"misses", " %", 100, 2},   [RATE] = {"rate", "/s", 1, 2},
	[P99] = {"p99", " ms", 1, 1},	     [JAIN] = {"Jain", "", 1, 3},
	[PROGRESS] = {"progress", "", 1, 3}, [MAKESPAN] = {"makespan", " s", 1, 1},
	[MEAN] = {"mean", " ms", 1, 2},	     [STARVED] = {"starvation", " ms", 1, 0},
};

/* A tenant: of that one alone. The bound is `limit`, and `factor` times the baseline; NAN: none. */
static const struct row {
	const char *scenario;
	enum figure figure;
	const char *tenant, *baseline, *policy;
	bool is_at_least;
	double limit, factor;
} rows[] = {
	{"nvr8", MISS, NULL, "rocket-rr", "deadline", false, 0.1, NAN},
	{"nvr8", RATE, "reindex", "rocket-rr", "deadline", true, 11, 1.5},
	{"llm_robot", MISS, NULL, "hailo", "deadline", false, 0.4, 0.5},
	{"llm_robot", RATE, "llm", "hailo", "deadline", true, 7.1, 1.09},
	{"llm_robot", MISS, NULL, "rknpu", "deadline-rigid", false, 1, NAN},
	{"llm_robot", RATE, "llm", "rknpu", "deadline-rigid", true, 4, NAN},
	{"kiosk", P99, "unlock", "rknpu-pinned", "fair", false, 62, 0.3},
	{"kiosk", JAIN, NULL, "hailo-t", "fair", true, 0.98, NAN},
	{"kiosk", PROGRESS, NULL, "hailo-t", "fair", true, 0.90, NAN},
	{"batch_farm", MAKESPAN, NULL, "rknpu", "fair-rigid", false, 17.7, 0.97},
	{"batch_farm", MAKESPAN, NULL, "hailo", "gang", false, NAN, 1.05},
	{"batch_farm", MEAN, NULL, "rknpu", "gang", false, NAN, 0.70},
	{"gang_mix", MISS, NULL, "rknpu", "deadline-rigid", false, 1.8, 0.1},
	{"gang_mix", MISS, NULL, "hailo", "gang", false, 0.3, 0.2},
	{"gang_flood", MISS, NULL, "hailo", "fair-rigid", false, 0, NAN},
	{"gang_flood", STARVED, NULL, "rknpu", "fair-rigid", false, 120, NAN},
	{"gang_flood", PROGRESS, NULL, "rknpu", "fair-rigid", true, 0.95, NAN},
	{"adv_hog", MISS, NULL, "hailo", "fair", false, 0.1, NAN},
	{"adv_hog", RATE, "hog", "rknpu-pinned", "fair", true, 0.33, 0.95},
	{"adv_hang", MISS, NULL, "hailo", "fair", false, 0.1, NAN},
	{"adv_hang", STARVED, NULL, "hailo", "fair", false, 40, 0.2},
	{"adv_hang", MISS, NULL, "hailo", "fair-device-reset", false, 2.5, NAN},
	{"adv_tiny", MISS, NULL, "hailo", "fair", false, 0.5, NAN},
	{"adv_tiny", RATE, "flood", "hailo", "fair", true, NAN, 0.95},
	{"sessions1000", MEAN, NULL, "rocket", "fair", false, NAN, 0.85},
	{"sessions1000", P99, NULL, "rocket", "fair", false, NAN, 1.1},
	{"vendor_domains", MISS, "cam", "lock", "deadline", false, 0.2, NAN},
	{"vendor_domains", STARVED, NULL, "lock", "deadline", false, 300, 0.45},
	{"overload16", MISS, NULL, "rknpu-pinned", "deadline", false, 20, NAN},
	{"overload16", MISS, "vip", "hailo", "deadline", false, 2, NAN},
	{"mlperf_server", P99, NULL, "rknpu", "gang", false, 49, 1.25},
};

/* What has run so far: rows share runs. */
struct run {
	const char *scenario, *contender;
	struct sim_metrics metrics;
};

struct bench {
	struct sim_workload workload;
	struct sim_seeds seeds;
	struct run runs[2 * N_ELEMENTS(rows)];
	unsigned n_runs;
	bool is_json;
	json_t *results;
	unsigned n_met;
};

static const struct sim_metrics *run_contender(struct bench *bench, const char *scenario_id,
					       const char *name)
{
	const struct sim_scenario *scenario = sim_workload_find(&bench->workload, scenario_id);
	struct run *run = &bench->runs[bench->n_runs];
	struct sim_contender contender;
	struct sim_policy_error error;
	struct sim_engine engine;
	int r;

	for (unsigned i = 0; i < bench->n_runs; i++) {
		if (!strcmp(bench->runs[i].scenario, scenario_id) &&
		    !strcmp(bench->runs[i].contender, name))
			return &bench->runs[i].metrics;
	}
	if (!scenario || sim_contender_find(name, &contender, &error) < 0)
		return NULL;
	r = sim_contender_run(&contender, &bench->workload, scenario, &bench->seeds, &engine,
			      &run->metrics);
	sim_contender_deinit(&contender);
	if (r < 0)
		return NULL;
	sim_engine_deinit(&engine);
	run->scenario = scenario_id;
	run->contender = name;
	bench->n_runs++;
	return &run->metrics;
}

/* NULL when there is none. */
static const struct sim_tenant_metrics *
find_tenant(const struct sim_scenario *scenario, const struct sim_metrics *metrics, const char *id)
{
	unsigned at = 0;

	for (unsigned i = 0; i < scenario->n_tenants; i++) {
		if (!strcmp(scenario->tenants[i].id, id))
			return &metrics->tenants[at];
		at += scenario->tenants[i].n_replicas;
	}
	return NULL;
}

static double figure_of_tenant(enum figure figure, const struct sim_tenant_metrics *tenant)
{
	if (!tenant)
		return NAN;
	switch (figure) {
	case MISS:
		return tenant->miss;
	case RATE:
		return tenant->jobs_per_s;
	case P99:
		return tenant->p99_ms;
	default:
		return NAN;
	}
}

static double figure_of_all(enum figure figure, const struct sim_metrics *metrics)
{
	switch (figure) {
	case MISS:
		return metrics->miss;
	case P99:
		return metrics->p99_ms;
	case JAIN:
		return metrics->jain;
	case PROGRESS:
		return metrics->worst_progress;
	case MAKESPAN:
		return metrics->makespan_s;
	case MEAN:
		return metrics->mean_ms;
	case STARVED:
		return metrics->starved_ms;
	default:
		return NAN;
	}
}

/* In the figure's unit; NAN where it cannot be had. */
static double measure(struct bench *bench, const struct row *row, const char *contender)
{
	const struct sim_metrics *metrics = run_contender(bench, row->scenario, contender);
	const struct sim_scenario *scenario = sim_workload_find(&bench->workload, row->scenario);
	double value;

	if (!metrics)
		return NAN;
	value = row->tenant
			? figure_of_tenant(row->figure, find_tenant(scenario, metrics, row->tenant))
			: figure_of_all(row->figure, metrics);
	return value * figures[row->figure].scale;
}

/* The stricter of the two bounds. */
static double bound_of(const struct row *row, double baseline)
{
	double relative = row->factor * baseline;

	return row->is_at_least ? fmax(row->limit, relative) : fmin(row->limit, relative);
}

static const char *format(enum figure figure, double value, char *buffer, size_t size)
{
	snprintf(buffer, size, "%.*f%s", (int)figures[figure].decimals, value,
		 figures[figure].unit);
	return buffer;
}

static void print_row(const struct row *row, const double values[3], bool is_met)
{
	char label[64], texts[3][32];

	snprintf(label, sizeof(label), "%s%s%s", figures[row->figure].name,
		 row->tenant ? " of " : "", row->tenant ? row->tenant : "");
	for (unsigned i = 0; i < 3; i++)
		format(row->figure, values[i], texts[i], sizeof(texts[i]));
	printf("%-15s %-16s %-13s %10s  %-15s %10s  %s %-10s %s\n", row->scenario, label,
	       row->baseline, texts[0], row->policy, texts[1],
	       row->is_at_least ? ">=" : "<=", texts[2], is_met ? "yes" : "NO");
}

static json_t *row_json(const struct row *row, const double values[3], bool is_met)
{
	return json_pack("{s:s, s:s, s:s*, s:s, s:f, s:s, s:f, s:s, s:f, s:b}", "scenario",
			 row->scenario, "figure", figures[row->figure].name, "tenant", row->tenant,
			 "baseline", row->baseline, "baseline_value", values[0], "policy",
			 row->policy, "value", values[1], "sense",
			 row->is_at_least ? "at least" : "at most", "target", values[2], "met",
			 is_met);
}

/* False when the workload has no such scenario or tenant. */
static bool run_row(struct bench *bench, const struct row *row)
{
	double values[3] = {measure(bench, row, row->baseline), measure(bench, row, row->policy)};
	bool is_met;

	values[2] = bound_of(row, values[0]);
	if (isnan(values[0]) || isnan(values[1])) {
		cli_error(CLI_FAILED, "%s: the workload has no %s of %s", row->scenario,
			  figures[row->figure].name, row->tenant ? row->tenant : "the scenario");
		return false;
	}
	is_met = row->is_at_least ? values[1] >= values[2] : values[1] <= values[2];
	bench->n_met += is_met;
	if (bench->is_json)
		json_array_append_new(bench->results, row_json(row, values, is_met));
	else
		print_row(row, values, is_met);
	return true;
}

static void print_head(const struct bench *bench)
{
	printf("medians over %u seeds, simulated\n", bench->seeds.n);
	printf("%-15s %-16s %-13s %10s  %-15s %10s  %-13s %s\n", "scenario", "figure",
	       "best baseline", "", "npud", "", "target", "met");
}

static void print_end(struct bench *bench)
{
	if (bench->is_json)
		json_dumpf(json_pack("{s:s, s:i, s:O, s:i, s:i}", "bench", "sched", "seeds",
				     bench->seeds.n, "rows", bench->results, "met", bench->n_met,
				     "targets", (int)N_ELEMENTS(rows)),
			   stdout, JSON_REAL_PRECISION(8));
	else
		printf("sched: %u of %zu targets are met", bench->n_met, N_ELEMENTS(rows));
	printf("\n");
}

static int run_all(struct bench *bench)
{
	bool is_complete = true;

	bench->results = json_array();
	if (!bench->is_json)
		print_head(bench);
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		is_complete &= run_row(bench, &rows[i]);
	print_end(bench);
	for (unsigned i = 0; i < bench->n_runs; i++)
		sim_metrics_deinit(&bench->runs[i].metrics);
	json_decref(bench->results);
	return is_complete && bench->n_met == N_ELEMENTS(rows) ? CLI_OK : CLI_FAILED;
}

static int parse_options(int argc, char **argv, struct bench *bench)
{
	static const struct option names[] = {
		{"json", no_argument, NULL, 'j'}, {"seeds", required_argument, NULL, 'n'}, {0}};
	uint64_t n_seeds = bench->seeds.n;
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == '?')
			return CLI_USAGE;
		bench->is_json |= option == 'j';
		if (option == 'n' && cli_parse_u64(optarg, 1, SIM_SEEDS_MAX, &n_seeds) < 0)
			return cli_error(CLI_USAGE, "--seeds %s: a number from 1 to %d", optarg,
					 SIM_SEEDS_MAX);
	}
	bench->seeds.n = (unsigned)n_seeds;
	return optind + 1 == argc ? CLI_OK
				  : cli_error(CLI_USAGE, "usage: [--json] [--seeds N] WORKLOADS");
}

int main(int argc, char **argv)
{
	static struct bench bench = {.seeds = {1, 5}};
	struct sim_error error;
	int status = parse_options(argc, argv, &bench);

	if (status != CLI_OK)
		return status;
	if (access(argv[optind], R_OK) < 0) {
		fprintf(stderr, "sched: skipped: no workload file %s; give its path\n",
			argv[optind]);
		return EXIT_SKIPPED;
	}
	if (sim_workload_load(argv[optind], &bench.workload, &error) < 0)
		return cli_error(CLI_FAILED, "%s", error.text);
	status = run_all(&bench);
	sim_workload_deinit(&bench.workload);
	return status;
}
