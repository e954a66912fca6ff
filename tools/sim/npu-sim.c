/* SPDX-License-Identifier: MIT */
/*
 * npu-sim: runs the workloads of a file in virtual time, under npud's own scheduler or under one of
 * the ways in which boards are shared today, and prints what came of it.
 */
#include "tools/cli.h"
#include "tools/sim/contender.h"
#include "tools/sim/report.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	const char *workload, *scenario, *timeline;
	const char *policies[2]; /* names as given; NULL: the scenario's own */
	unsigned n_policies;
	struct sim_seeds seeds;
	bool is_json;
};

static const char help_text[] =
	"usage: npu-sim --workload FILE [OPTION]...\n"
	"\n"
	"Runs the scenarios of a workload file, or a recording of npud (`npuctl trace`), in "
	"virtual\n"
	"time, under npud's scheduler or one of the ways in which boards are shared today.\n"
	"\n"
	"  --workload FILE      what to run\n"
	"  --scenario NAME      that one alone; else all\n"
	"  --policy NAME|FILE   round-robin, pinned, gang, fair or deadline (NAME-rigid: gangs "
	"keep\n"
	"                       their width), or a policy file; else what the scenario recommends\n"
	"  --baseline NAME      lock, rknpu, rknpu-pinned, rknpu-shared, rocket, rocket-rr,\n"
	"                       rocket-fair, hailo, hailo-t\n"
	"  --compare A B        two of these, one after the other\n"
	"  --seed N             the first seed (1); equal seeds give equal runs\n"
	"  --seeds N            how many: figures are medians over them (1)\n"
	"  --json               for programs\n"
	"  --timeline FILE.svg  draw the cores; with --scenario and one policy\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 usage.\n";

static void report(const struct options *options, json_t *results, const char *name,
		   const struct sim_engine *engine, const struct sim_metrics *metrics)
{
	if (options->is_json)
		json_array_append_new(results, sim_report_json(name, engine, metrics));
	else
		sim_report_print(name, engine, metrics);
}

static int run_and_report(const struct options *options, const struct sim_workload *workload,
			  const struct sim_scenario *scenario,
			  const struct sim_contender *contender, json_t *results)
{
	struct sim_metrics metrics;
	struct sim_engine engine;
	int r = 0;

	if (options->timeline)
		r = sim_contender_draw(contender, workload, scenario, options->seeds.first,
				       options->timeline);
	if (r < 0)
		return cli_error(CLI_FAILED, "%s: %s", options->timeline, strerror(-r));
	r = sim_contender_run(contender, workload, scenario, &options->seeds, &engine, &metrics);
	if (r < 0)
		return cli_error(CLI_FAILED, "%s: %s", contender->name, strerror(-r));
	report(options, results, contender->name, &engine, &metrics);
	sim_engine_deinit(&engine);
	sim_metrics_deinit(&metrics);
	return CLI_OK;
}

static int run_contender(const struct options *options, const struct sim_workload *workload,
			 const struct sim_scenario *scenario, const char *name, json_t *results)
{
	struct sim_contender contender;
	struct sim_policy_error error;
	int r = sim_contender_find(name, &contender, &error), status;

	if (r < 0)
		return cli_error(r == -ENXIO ? CLI_USAGE : CLI_FAILED, "%s", error.text);
	status = run_and_report(options, workload, scenario, &contender, results);
	sim_contender_deinit(&contender);
	return status;
}

static int run_scenario(const struct options *options, const struct sim_workload *workload,
			const struct sim_scenario *scenario, json_t *results)
{
	int status = CLI_OK;

	if (!options->n_policies)
		return run_contender(options, workload, scenario, scenario->recommended_policy,
				     results);
	for (unsigned i = 0; i < options->n_policies && status == CLI_OK; i++)
		status = run_contender(options, workload, scenario, options->policies[i], results);
	return status;
}

static int run_all(const struct options *options, const struct sim_workload *workload)
{
	json_t *results = json_array();
	int status = CLI_OK;
	bool has_run = false;

	for (unsigned i = 0; i < workload->n_scenarios && status == CLI_OK; i++) {
		const struct sim_scenario *scenario = &workload->scenarios[i];

		if (options->scenario && strcmp(options->scenario, scenario->id) != 0)
			continue;
		has_run = true;
		status = run_scenario(options, workload, scenario, results);
	}
	if (!has_run)
		status = cli_error(CLI_FAILED, "%s: no such scenario in %s", options->scenario,
				   options->workload);
	if (options->is_json && status == CLI_OK) {
		json_dumpf(results, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
		printf("\n");
	}
	json_decref(results);
	return status;
}

static int parse_number(const char *text, unsigned max, unsigned *ret_value)
{
	uint64_t value;

	if (cli_parse_u64(text, 1, max, &value) < 0)
		return cli_error(CLI_USAGE, "%s: a number from 1 to %u", text, max);
	*ret_value = (unsigned)value;
	return CLI_OK;
}

static int parse_option(int option, char **argv, int argc, struct options *options)
{
	switch (option) {
	case 'w':
		options->workload = optarg;
		return CLI_OK;
	case 's':
		options->scenario = optarg;
		return CLI_OK;
	case 'p':
		options->policies[0] = optarg;
		options->n_policies = 1;
		return CLI_OK;
	case 'c':
		if (optind >= argc)
			return cli_error(CLI_USAGE, "--compare: needs two names");
		options->policies[0] = optarg;
		options->policies[1] = argv[optind++];
		options->n_policies = 2;
		return CLI_OK;
	case 'r':
		return parse_number(optarg, UINT32_MAX, &options->seeds.first);
	case 'n':
		return parse_number(optarg, SIM_SEEDS_MAX, &options->seeds.n);
	case 't':
		options->timeline = optarg;
		return CLI_OK;
	case 'j':
		options->is_json = true;
		return CLI_OK;
	case 'h':
		fputs(help_text, stdout);
		exit(CLI_OK);
	default:
		return cli_error(CLI_USAGE, "see `npu-sim --help`");
	}
}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{"workload", required_argument, NULL, 'w'},
		{"scenario", required_argument, NULL, 's'},
		{"policy", required_argument, NULL, 'p'},
		{"baseline", required_argument, NULL, 'p'},
		{"compare", required_argument, NULL, 'c'},
		{"seed", required_argument, NULL, 'r'},
		{"seeds", required_argument, NULL, 'n'},
		{"json", no_argument, NULL, 'j'},
		{"timeline", required_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option, status = CLI_OK;

	while (status == CLI_OK && (option = getopt_long(argc, argv, "h", names, NULL)) != -1)
		status = parse_option(option, argv, argc, options);
	if (status == CLI_OK && optind < argc)
		return cli_error(CLI_USAGE, "%s: unexpected", argv[optind]);
	if (status == CLI_OK && !options->workload)
		return cli_error(CLI_USAGE, "--workload FILE is missing");
	if (status == CLI_OK && options->timeline &&
	    (!options->scenario || options->n_policies > 1))
		return cli_error(CLI_USAGE, "--timeline: needs --scenario, and one policy");
	return status;
}

int main(int argc, char **argv)
{
	struct options options = {.seeds = {1, 1}};
	struct sim_workload workload;
	struct sim_error error;
	int status = parse_options(argc, argv, &options);
	int r;

	if (status != CLI_OK)
		return status;
	r = sim_workload_load(options.workload, &workload, &error);
	if (r < 0)
		return cli_error(CLI_FAILED, "%s", r == -ENOMEM ? "out of memory" : error.text);
	status = run_all(&options, &workload);
	sim_workload_deinit(&workload);
	return status;
}
