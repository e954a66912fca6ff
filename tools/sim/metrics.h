/* SPDX-License-Identifier: MIT */
/*
 * What a run comes to: latencies, misses, shares against the ideal (weighted max-min of the cores'
 * time over the tenants' demands), starvation. Medians over several seeds.
 */
#ifndef NPU_SIM_METRICS_H
#define NPU_SIM_METRICS_H

#include "tools/sim/engine.h"

#define SIM_SEEDS_MAX 64

/* NAN where there is nothing to measure. */
struct sim_tenant_metrics {
	double p50_ms, p90_ms, p99_ms, max_ms, mean_ms;
	double miss, jobs_per_s, share, progress, starved_ms;
	double done, failed, dropped, rejected, late;
};

struct sim_metrics {
	double utilisation, makespan_s, mean_ms, p99_ms;
	double miss, jain, worst_progress, starved_ms; /* of honest tenants */
	double done, failed, switches, kills, batches;
	struct sim_tenant_metrics *tenants; /* as in the engine */
	unsigned n_tenants;
};

/* After sim_engine_run(); sorts the engine's samples. -ENOMEM. */
int sim_metrics_init(struct sim_metrics *metrics, struct sim_engine *engine);
void sim_metrics_deinit(struct sim_metrics *metrics);
/* The median of every number of n runs, at most SIM_SEEDS_MAX, of the same scenario. -ENOMEM. */
int sim_metrics_init_median(struct sim_metrics *metrics, const struct sim_metrics *runs,
			    unsigned n);

#endif
