/* SPDX-License-Identifier: MIT */
/* Who runs a scenario: a policy of npud's, a policy file, or a baseline. */
#ifndef NPU_SIM_CONTENDER_H
#define NPU_SIM_CONTENDER_H

#include "tools/sim/metrics.h"
#include "tools/sim/policy_file.h"

struct sim_contender {
	const struct sim_driver_ops *driver;
	struct sim_policy policy; /* npud's */
	char name[64];
};

struct sim_seeds {
	unsigned first, n; /* at most SIM_SEEDS_MAX */
};

/*
 * Understands a policy's name, the same with "-rigid" (gangs keep the width they ask for) or
 * "-device-reset" (a hang resets all cores) or both, a baseline's name, or a policy file's path.
 * -ENXIO: no such name, else a bad file; both with the error's text.
 */
int sim_contender_find(const char *name, struct sim_contender *ret_contender,
		       struct sim_policy_error *ret_error);
void sim_contender_deinit(struct sim_contender *contender);

/*
 * Runs the scenario once per seed and takes the medians. The engine is that of the last run, for
 * its tenants. On success the caller owns both, else neither. -ENOMEM.
 */
int sim_contender_run(const struct sim_contender *contender, const struct sim_workload *workload,
		      const struct sim_scenario *scenario, const struct sim_seeds *seeds,
		      struct sim_engine *engine, struct sim_metrics *ret_metrics);
/* Draws one run. As sim_engine_run(), or the error of the file. */
int sim_contender_draw(const struct sim_contender *contender, const struct sim_workload *workload,
		       const struct sim_scenario *scenario, unsigned seed, const char *path);

#endif
