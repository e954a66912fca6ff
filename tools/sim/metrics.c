/* SPDX-License-Identifier: MIT */
/* Sums over tenants; the only algorithm is the water-filling of the ideal shares. */
#include "tools/sim/metrics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile_ms(const uint64_t *sorted, size_t n, double share)
{
	size_t rank = (size_t)ceil(share * (double)n);

	if (!n)
		return NAN;
	return (double)sorted[rank ? rank - 1 : 0] / NS_PER_MS;
}

static double mean_ms(const uint64_t *values, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)values[i];
	return n ? sum / (double)n / NS_PER_MS : NAN;
}

/* ---- ideal shares ---- */

/* Core-time a closed loop would use, were it alone. */
static double closed_demand_ns(const struct sim_tenant *tenant, const struct sim_engine *engine)
{
	const struct sim_tenant_spec *spec = tenant->spec;
	double depth = (spec->arrival == SIM_OFFLINE ? 1. : spec->depth) * tenant->n_sessions;
	double serial_ns = 0, work_ns = 0, widest = 1, cores;

	for (unsigned i = 0; i < spec->n_stages; i++) {
		const struct sim_stage *stage = &spec->stages[i];
		double run_ns = stage->model->run_ns[stage->width] * stage->n_repeats;

		serial_ns += run_ns;
		work_ns += run_ns * stage->width * stage->n_parallel;
		if (stage->width > widest)
			widest = stage->width;
	}
	if (spec->think_ns > 0)
		return work_ns / (serial_ns + spec->think_ns) * (double)engine->horizon_ns * depth;
	cores = depth * widest;
	if (cores > engine->hardware->n_cores)
		cores = engine->hardware->n_cores;
	return cores * (double)engine->horizon_ns;
}

static double demand_ns(const struct sim_tenant *tenant, const struct sim_engine *engine)
{
	enum sim_arrival arrival = tenant->spec->arrival;

	if (engine->scenario->is_finite || (arrival != SIM_CLOSED && arrival != SIM_OFFLINE))
		return tenant->offered_ns;
	return closed_demand_ns(tenant, engine);
}

/* Weighted max-min: who needs less than its share gives the rest to the others. */
static void fill_water(const struct sim_engine *engine, double *ideal_ns, double left_ns)
{
	unsigned n = engine->n_tenants;
	bool has_filled = true;

	for (unsigned i = 0; i < n; i++)
		ideal_ns[i] = -1;
	while (has_filled) {
		double weights = 0, taken_ns = 0;

		has_filled = false;
		for (unsigned i = 0; i < n; i++)
			weights += ideal_ns[i] < 0 ? engine->tenants[i].spec->weight : 0;
		for (unsigned i = 0; i < n; i++) {
			double wanted_ns = demand_ns(&engine->tenants[i], engine);
			double weight = engine->tenants[i].spec->weight;

			if (ideal_ns[i] >= 0 || wanted_ns > left_ns * weight / weights)
				continue;
			ideal_ns[i] = wanted_ns;
			taken_ns += wanted_ns;
			has_filled = true;
		}
		left_ns -= taken_ns;
		for (unsigned i = 0; !has_filled && i < n; i++) {
			if (ideal_ns[i] < 0)
				ideal_ns[i] = left_ns * engine->tenants[i].spec->weight / weights;
		}
	}
}

/* ---- one run ---- */

static void measure_tenant(struct sim_tenant *tenant, const struct sim_engine *engine,
			   double ideal_ns, struct sim_tenant_metrics *metrics)
{
	double horizon_ns = (double)engine->horizon_ns;
	const uint64_t *values = tenant->latencies.values;
	size_t n = tenant->latencies.n;

	if (n)
		qsort(tenant->latencies.values, n, sizeof(*values), compare_u64);
	*metrics = (struct sim_tenant_metrics){
		.p50_ms = percentile_ms(values, n, .5),
		.p90_ms = percentile_ms(values, n, .9),
		.p99_ms = percentile_ms(values, n, .99),
		.max_ms = percentile_ms(values, n, 1),
		.mean_ms = mean_ms(values, n),
		.miss = tenant->n_deadlines ? (double)tenant->n_late / (double)tenant->n_deadlines
					    : NAN,
		.jobs_per_s = (double)tenant->n_in_time / (horizon_ns / NS_PER_S),
		.share = tenant->service_ns / (horizon_ns * engine->hardware->n_cores),
		.progress = ideal_ns > 0 ? tenant->service_ns / ideal_ns : NAN,
		.starved_ms = (double)tenant->starved_max_ns / NS_PER_MS,
		.done = (double)tenant->n_ended[SIM_DONE],
		.failed = (double)tenant->n_ended[SIM_FAILED],
		.dropped = (double)tenant->n_ended[SIM_DROPPED],
		.rejected = (double)tenant->n_ended[SIM_REJECTED],
		.late = (double)tenant->n_late,
	};
}

static void sum_honest(struct sim_metrics *metrics, const struct sim_engine *engine)
{
	double late = 0, deadlines = 0, sum = 0, squares = 0, n = 0;

	metrics->worst_progress = NAN;
	for (unsigned i = 0; i < engine->n_tenants; i++) {
		const struct sim_tenant_metrics *tenant = &metrics->tenants[i];

		if (engine->tenants[i].spec->is_adversary)
			continue;
		late += tenant->late;
		deadlines += (double)engine->tenants[i].n_deadlines;
		metrics->failed += tenant->failed;
		metrics->starved_ms = fmax(metrics->starved_ms, tenant->starved_ms);
		if (isnan(tenant->progress))
			continue;
		metrics->worst_progress = fmin(metrics->worst_progress, tenant->progress);
		sum += tenant->progress;
		squares += tenant->progress * tenant->progress;
		n++;
	}
	metrics->miss = deadlines > 0 ? late / deadlines : NAN;
	metrics->jain = squares > 0 ? sum * sum / (n * squares) : NAN;
}

static int measure_all_latencies(struct sim_metrics *metrics, const struct sim_engine *engine)
{
	size_t n = 0, at = 0;
	uint64_t *values;

	for (unsigned i = 0; i < engine->n_tenants; i++)
		n += engine->tenants[i].latencies.n;
	values = calloc(n + 1, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (unsigned i = 0; i < engine->n_tenants; i++) {
		const struct sim_samples *samples = &engine->tenants[i].latencies;

		if (samples->n)
			memcpy(values + at, samples->values, samples->n * sizeof(*values));
		at += samples->n;
	}
	qsort(values, n, sizeof(*values), compare_u64);
	metrics->mean_ms = mean_ms(values, n);
	metrics->p99_ms = percentile_ms(values, n, .99);
	free(values);
	return 0;
}

int sim_metrics_init(struct sim_metrics *metrics, struct sim_engine *engine)
{
	double all_ns = (double)engine->horizon_ns * engine->hardware->n_cores;
	double *ideal_ns = calloc(engine->n_tenants + 1, sizeof(*ideal_ns));
	int r = -ENOMEM;

	*metrics = (struct sim_metrics){
		.tenants = calloc(engine->n_tenants + 1, sizeof(*metrics->tenants)),
		.n_tenants = engine->n_tenants,
		.makespan_s = (double)engine->makespan_ns / NS_PER_S,
		.switches = (double)engine->n_switches,
		.kills = (double)engine->n_kills,
		.batches = (double)engine->n_batches,
	};
	if (ideal_ns && metrics->tenants)
		r = measure_all_latencies(metrics, engine);
	if (r == 0) {
		fill_water(engine, ideal_ns, all_ns);
		for (unsigned i = 0; i < engine->n_tenants; i++) {
			measure_tenant(&engine->tenants[i], engine, ideal_ns[i],
				       &metrics->tenants[i]);
			metrics->utilisation += metrics->tenants[i].share;
			metrics->done += metrics->tenants[i].done;
		}
		sum_honest(metrics, engine);
	} else {
		sim_metrics_deinit(metrics);
	}
	free(ideal_ns);
	return r;
}

void sim_metrics_deinit(struct sim_metrics *metrics)
{
	free(metrics->tenants);
	*metrics = (struct sim_metrics){0};
}

/* ---- medians ---- */

static double median(double *values, unsigned n)
{
	unsigned n_numbers = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!isnan(values[i]))
			values[n_numbers++] = values[i];
	}
	qsort(values, n_numbers, sizeof(*values), compare_double);
	return n_numbers ? values[n_numbers / 2] : NAN;
}

#define MEDIAN_OF(runs, n, member)                                                                 \
	({                                                                                         \
		double values[SIM_SEEDS_MAX];                                                      \
                                                                                                   \
		for (unsigned k = 0; k < (n); k++)                                                 \
			values[k] = (runs)[k].member;                                              \
		median(values, n);                                                                 \
	})

static void take_tenant_medians(struct sim_tenant_metrics *tenant, const struct sim_metrics *runs,
				unsigned n, unsigned i)
{
	*tenant = (struct sim_tenant_metrics){
		.p50_ms = MEDIAN_OF(runs, n, tenants[i].p50_ms),
		.p90_ms = MEDIAN_OF(runs, n, tenants[i].p90_ms),
		.p99_ms = MEDIAN_OF(runs, n, tenants[i].p99_ms),
		.max_ms = MEDIAN_OF(runs, n, tenants[i].max_ms),
		.mean_ms = MEDIAN_OF(runs, n, tenants[i].mean_ms),
		.miss = MEDIAN_OF(runs, n, tenants[i].miss),
		.jobs_per_s = MEDIAN_OF(runs, n, tenants[i].jobs_per_s),
		.share = MEDIAN_OF(runs, n, tenants[i].share),
		.progress = MEDIAN_OF(runs, n, tenants[i].progress),
		.starved_ms = MEDIAN_OF(runs, n, tenants[i].starved_ms),
		.done = MEDIAN_OF(runs, n, tenants[i].done),
		.failed = MEDIAN_OF(runs, n, tenants[i].failed),
		.dropped = MEDIAN_OF(runs, n, tenants[i].dropped),
		.rejected = MEDIAN_OF(runs, n, tenants[i].rejected),
		.late = MEDIAN_OF(runs, n, tenants[i].late),
	};
}

int sim_metrics_init_median(struct sim_metrics *metrics, const struct sim_metrics *runs, unsigned n)
{
	*metrics = (struct sim_metrics){
		.utilisation = MEDIAN_OF(runs, n, utilisation),
		.makespan_s = MEDIAN_OF(runs, n, makespan_s),
		.mean_ms = MEDIAN_OF(runs, n, mean_ms),
		.p99_ms = MEDIAN_OF(runs, n, p99_ms),
		.miss = MEDIAN_OF(runs, n, miss),
		.jain = MEDIAN_OF(runs, n, jain),
		.worst_progress = MEDIAN_OF(runs, n, worst_progress),
		.starved_ms = MEDIAN_OF(runs, n, starved_ms),
		.done = MEDIAN_OF(runs, n, done),
		.failed = MEDIAN_OF(runs, n, failed),
		.switches = MEDIAN_OF(runs, n, switches),
		.kills = MEDIAN_OF(runs, n, kills),
		.batches = MEDIAN_OF(runs, n, batches),
		.tenants = calloc(runs->n_tenants + 1, sizeof(*metrics->tenants)),
		.n_tenants = runs->n_tenants,
	};
	if (!metrics->tenants)
		return -ENOMEM;
	for (unsigned i = 0; i < runs->n_tenants; i++)
		take_tenant_medians(&metrics->tenants[i], runs, n, i);
	return 0;
}
