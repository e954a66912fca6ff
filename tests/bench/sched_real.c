/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of a workload file in real time: a process per session, an npud of its own on the
 * `timing` device, and the same scenario simulated beside it.
 *
 *   sched_real [--seconds N] [--seed N] WORKLOADS [SCENARIO...]
 *
 * Arrivals, run times and hangs are those of the simulation, drawn from the same seed. The device
 * knows no contention for memory, nor what a change of address space costs, so the simulation
 * beside it is told the same. Exit status 0 only when misses are within 1 point and latencies
 * within 15 %; 77 without the file.
 */
#include "tests/bench/sched_player.h"
#include "tools/bench_daemon.h"
#include "tools/sim/contender.h"

#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_SKIPPED	77
#define MISS_POINTS	1.
#define LATENCY_PERCENT 15.
#define PAUSE_NS	500000000ull /* until all are connected */

static const char *const scenarios[] = {"nvr8", "kiosk", "adv_hang", "adv_tiny"};

struct options {
	unsigned seconds, seed;
};

/* What one tenant came to, or all sessions of it. */
struct outcome {
	double miss, p50_ms, p99_ms;
};

/* ---- the simulation's world as npud's ---- */

static void simplify(struct sim_workload *workload)
{
	for (unsigned i = 0; i < workload->n_models; i++)
		workload->models[i].bandwidth = 0;
	workload->hardware.task_irq_ns = workload->hardware.switch_core_ns = 0;
	workload->hardware.reset_core_ns = 0;
}

/* A class per tenant, so that npud tells them apart though all run as one user. */
static json_t *classes_of(const struct sim_scenario *scenario)
{
	static const char *const kinds[] = {"rt", "normal", "background"};
	json_t *classes = json_object();

	for (unsigned i = 0; i < scenario->n_tenants; i++) {
		const struct sim_tenant_spec *spec = &scenario->tenants[i];
		json_t *class = json_pack("{s:s, s:f, s:b, s:b}", "kind", kinds[spec->class],
					  "weight", spec->weight, "requestable", 1, "sliceable", 1);

		if (spec->stages[0].deadline_ns)
			json_object_set_new(class, "deadline_ms",
					    json_real((double)spec->stages[0].deadline_ns / 1e6));
		json_object_set_new(classes, spec->id, class);
	}
	return classes;
}

static char *policy_of(const struct sim_scenario *scenario)
{
	json_t *policy = json_pack(
		"{s:i, s:{s:s}, s:{s:i, s:i, s:i}, s:{s:i, s:i, s:i, s:i}, s:o, s:[{s:s}]}",
		"version", 1, "scheduler", "policy", scenario->recommended_policy, "watchdog",
		"slow_after", 0, "suspend_after", 0, "close_after", 0, "quota", "jobs_per_session",
		1024, "jobs_per_tenant", 4096, "jobs_total", 16384, "requests_per_s", 1000000,
		"classes", classes_of(scenario), "match", "class", scenario->tenants[0].id);
	char *text = json_dumps(policy, JSON_COMPACT);

	json_decref(policy);
	return text;
}

/* ---- the processes ---- */

static unsigned start_players(const struct sim_engine *engine, const char *socket_path,
			      uint64_t start_ns, struct player_result *results)
{
	for (unsigned i = 0; i < engine->n_sessions; i++) {
		struct player_args args = {
			.engine = engine,
			.session = &engine->sessions[i],
			.socket_path = socket_path,
			.start_ns = start_ns,
		};
		pid_t pid = fork();

		if (pid < 0)
			return i;
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(player_run(&args, &results[i]));
		}
	}
	return engine->n_sessions;
}

static bool wait_players(unsigned n)
{
	bool is_well = true;
	int status;

	for (; n > 0; n--)
		is_well &= wait(&status) >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return is_well;
}

static int compare_u32(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static double quantile_ms(const uint32_t *sorted_us, size_t n, double share)
{
	size_t rank = (size_t)ceil(share * (double)n);

	return n ? sorted_us[rank ? rank - 1 : 0] / 1e3 : NAN;
}

static struct outcome measure(const struct sim_tenant *tenant, const struct player_result *results)
{
	unsigned first = tenant->sessions->index;
	uint64_t n_deadlines = 0, n_missed = 0;
	size_t n = 0;
	uint32_t *all;
	struct outcome outcome;

	for (unsigned i = 0; i < tenant->n_sessions; i++)
		n += results[first + i].n_latencies;
	all = calloc(n + 1, sizeof(*all));
	n = 0;
	for (unsigned i = 0; all && i < tenant->n_sessions; i++) {
		const struct player_result *result = &results[first + i];

		memcpy(all + n, result->latencies_us, result->n_latencies * sizeof(*all));
		n += result->n_latencies;
		n_deadlines += result->n_deadlines;
		n_missed += result->n_missed;
	}
	if (all)
		qsort(all, n, sizeof(*all), compare_u32);
	outcome = (struct outcome){
		.miss = n_deadlines ? 100. * (double)n_missed / (double)n_deadlines : NAN,
		.p50_ms = quantile_ms(all, n, .5),
		.p99_ms = quantile_ms(all, n, .99),
	};
	free(all);
	return outcome;
}

/* ---- the comparison ---- */

static bool is_close(const struct outcome *real, const struct outcome *sim)
{
	bool misses = isnan(sim->miss) || fabs(real->miss - sim->miss) <= MISS_POINTS;

	return misses && fabs(real->p50_ms - sim->p50_ms) <= sim->p50_ms * LATENCY_PERCENT / 100 &&
	       fabs(real->p99_ms - sim->p99_ms) <= sim->p99_ms * LATENCY_PERCENT / 100;
}

static bool print_tenant(const struct sim_scenario *scenario, const struct sim_tenant *tenant,
			 const struct outcome *real, const struct outcome *sim)
{
	bool closeness = is_close(real, sim);

	printf("%-10s %-12s %7.2f %7.2f  %9.1f %9.1f  %9.1f %9.1f  %s\n", scenario->id,
	       tenant->name, isnan(real->miss) ? 0 : real->miss, isnan(sim->miss) ? 0 : sim->miss,
	       real->p50_ms, sim->p50_ms, real->p99_ms, sim->p99_ms, closeness ? "yes" : "NO");
	return closeness;
}

static bool compare(const struct sim_scenario *scenario, const struct sim_engine *engine,
		    const struct player_result *results, const struct sim_metrics *metrics)
{
	bool is_met = true;

	for (unsigned i = 0; i < engine->n_tenants; i++) {
		struct outcome real = measure(&engine->tenants[i], results);
		struct outcome sim = {metrics->tenants[i].miss * 100, metrics->tenants[i].p50_ms,
				      metrics->tenants[i].p99_ms};

		is_met &= print_tenant(scenario, &engine->tenants[i], &real, &sim);
	}
	return is_met;
}

static int play(const struct sim_scenario *scenario, const struct sim_engine *engine,
		struct player_result *results)
{
	char *policy = policy_of(scenario);
	struct bench_daemon_args args = {.device = "timing", .policy = policy};
	struct bench_daemon daemon;
	enum cli_status status = bench_daemon_start(&args, &daemon), end;
	unsigned n;

	free(policy);
	if (status != CLI_OK)
		return status;
	n = start_players(engine, daemon.socket, player_now_ns() + PAUSE_NS, results);
	if (!wait_players(n) || n < engine->n_sessions)
		status = cli_error(CLI_FAILED, "%s: a client failed", scenario->id);
	end = bench_daemon_stop(&daemon);
	return status == CLI_OK ? end : status;
}

static int run_scenario(const struct options *options, const struct sim_workload *workload,
			const char *id, bool *is_met)
{
	const struct sim_scenario *found = sim_workload_find(workload, id);
	struct sim_seeds seeds = {options->seed, 1};
	struct sim_policy_error error;
	struct sim_contender contender;
	struct player_result *results;
	struct sim_scenario scenario;
	struct sim_metrics metrics;
	struct sim_engine engine, simulated;
	int status = CLI_FAILED, r;
	size_t size;

	if (!found)
		return cli_error(CLI_FAILED, "%s: no such scenario", id);
	scenario = *found;
	scenario.horizon_ns = options->seconds * 1000000000ull;
	if (sim_contender_find(scenario.recommended_policy, &contender, &error) < 0)
		return cli_error(CLI_FAILED, "%s: %s", id, error.text);
	/* All run as one user, whose strikes would be everybody's. */
	contender.policy.classes.quarantine =
		(struct quarantine){UINT_MAX, UINT_MAX, UINT_MAX, 0, 0};
	r = sim_contender_run(&contender, workload, &scenario, &seeds, &simulated, &metrics);
	sim_contender_deinit(&contender);
	if (r < 0 || sim_engine_init(&engine, workload, &scenario, options->seed) < 0)
		return cli_error(CLI_FAILED, "%s: cannot be simulated", id);
	size = engine.n_sessions * sizeof(*results);
	results = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results != MAP_FAILED) {
		status = play(&scenario, &engine, results);
		if (status == CLI_OK)
			*is_met &= compare(&scenario, &engine, results, &metrics);
		munmap(results, size);
	}
	sim_engine_deinit(&engine);
	sim_engine_deinit(&simulated);
	sim_metrics_deinit(&metrics);
	return status;
}

static int run_all(const struct options *options, char **names, int n_names,
		   const struct sim_workload *workload)
{
	int n = n_names ? n_names : (int)(sizeof(scenarios) / sizeof(scenarios[0]));
	int status = CLI_OK;
	bool is_met = true;

	printf("%u s, seed %u                misses, %%        p50, ms              p99, ms\n",
	       options->seconds, options->seed);
	printf("%-10s %-12s %7s %7s  %9s %9s  %9s %9s  %s\n", "scenario", "tenant", "real", "sim",
	       "real", "sim", "real", "sim", "close");
	for (int i = 0; i < n && status == CLI_OK; i++) {
		fflush(stdout);
		status =
			run_scenario(options, workload, n_names ? names[i] : scenarios[i], &is_met);
	}
	return status == CLI_OK && !is_met ? CLI_FAILED : status;
}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {{"seconds", required_argument, NULL, 's'},
					      {"seed", required_argument, NULL, 'r'},
					      {0}};
	uint64_t seconds = options->seconds, seed = options->seed;
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == '?' ||
		    cli_parse_u64(optarg, 1, 3600, option == 's' ? &seconds : &seed))
			return cli_error(CLI_USAGE, "--seconds, --seed: a number from 1 to 3600");
	}
	options->seconds = (unsigned)seconds;
	options->seed = (unsigned)seed;
	return optind < argc ? CLI_OK
			     : cli_error(CLI_USAGE, "usage: [--seconds N] [--seed N] WORKLOADS "
						    "[SCENARIO...]");
}

int main(int argc, char **argv)
{
	struct options options = {.seconds = 20, .seed = 1};
	struct sim_workload workload;
	struct sim_error error;
	int status = parse_options(argc, argv, &options);

	if (status != CLI_OK)
		return status;
	if (access(argv[optind], R_OK) < 0) {
		fprintf(stderr, "sched-real: skipped: no workload file %s; give its path\n",
			argv[optind]);
		return EXIT_SKIPPED;
	}
	if (sim_workload_load(argv[optind], &workload, &error) < 0)
		return cli_error(CLI_FAILED, "%s", error.text);
	simplify(&workload);
	status = run_all(&options, argv + optind + 1, argc - optind - 1, &workload);
	sim_workload_deinit(&workload);
	return status;
}
