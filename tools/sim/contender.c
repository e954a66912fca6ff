/* SPDX-License-Identifier: MIT */
/* Equal seeds give equal jobs to whoever runs them, so medians can be compared. */
#include "tools/sim/contender.h"

#include "scheduler/policy.h"
#include "tools/sim/baselines.h"
#include "tools/sim/driver_npud.h"
#include "tools/sim/timeline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Cuts the suffix off, if it is there. */
static bool take_suffix(char *name, const char *suffix)
{
	size_t length = strlen(name), n = strlen(suffix);

	if (length <= n || strcmp(name + length - n, suffix) != 0)
		return false;
	name[length - n] = '\0';
	return true;
}

static int find_name(const char *name, struct sim_contender *contender,
		     struct sim_policy_error *error)
{
	struct sim_policy *policy = &contender->policy;
	char base[sizeof(contender->name)];
	bool is_rigid = false;

	contender->driver = sim_baseline_find(name);
	if (contender->driver)
		return 0;
	snprintf(base, sizeof(base), "%.60s", name);
	contender->driver = &sim_driver_npud;
	for (bool found = true; found;) {
		found = take_suffix(base, "-device-reset");
		policy->resets_device |= found;
		if (!found && take_suffix(base, "-rigid"))
			found = is_rigid = true;
	}
	policy->scheduler.is_moldable = !is_rigid;
	policy->scheduler.policy = policy_find(base);
	if (policy->scheduler.policy)
		return 0;
	snprintf(error->text, sizeof(error->text), "%.100s: no such policy or baseline", name);
	return -ENXIO;
}

int sim_contender_find(const char *name, struct sim_contender *ret_contender,
		       struct sim_policy_error *ret_error)
{
	struct sim_contender contender = {.driver = &sim_driver_npud,
					  .policy = sim_policy_default()};
	int r = sim_policy_is_file(name) ? sim_policy_load(name, &contender.policy, ret_error)
					 : find_name(name, &contender, ret_error);

	if (r < 0)
		return r;
	snprintf(contender.name, sizeof(contender.name), "%.60s", name);
	*ret_contender = contender;
	return 0;
}

void sim_contender_deinit(struct sim_contender *contender)
{
	sim_policy_deinit(&contender->policy);
}

static int run_seed(const struct sim_contender *contender, const struct sim_workload *workload,
		    const struct sim_scenario *scenario, unsigned seed, struct sim_engine *engine)
{
	int r = sim_engine_init(engine, workload, scenario, seed);

	if (r < 0)
		return r;
	engine->driver_options = &contender->policy;
	r = sim_engine_run(engine, contender->driver);
	if (r < 0)
		sim_engine_deinit(engine);
	return r;
}

int sim_contender_run(const struct sim_contender *contender, const struct sim_workload *workload,
		      const struct sim_scenario *scenario, const struct sim_seeds *seeds,
		      struct sim_engine *engine, struct sim_metrics *ret_metrics)
{
	struct sim_metrics runs[SIM_SEEDS_MAX] = {0};
	bool has_engine = false;
	int r = 0;

	for (unsigned i = 0; i < seeds->n && r == 0; i++) {
		if (has_engine)
			sim_engine_deinit(engine);
		r = run_seed(contender, workload, scenario, seeds->first + i, engine);
		has_engine = r == 0;
		if (r == 0)
			r = sim_metrics_init(&runs[i], engine);
	}
	if (r == 0)
		r = sim_metrics_init_median(ret_metrics, runs, seeds->n);
	for (unsigned i = 0; i < seeds->n; i++)
		sim_metrics_deinit(&runs[i]);
	if (r < 0 && has_engine)
		sim_engine_deinit(engine);
	return r;
}

int sim_contender_draw(const struct sim_contender *contender, const struct sim_workload *workload,
		       const struct sim_scenario *scenario, unsigned seed, const char *path)
{
	struct sim_timeline timeline;
	struct sim_engine engine;
	int r = sim_engine_init(&engine, workload, scenario, seed), r_end;

	if (r < 0)
		return r;
	engine.driver_options = &contender->policy;
	r = sim_timeline_begin(&timeline, path, &engine);
	if (r == 0) {
		r = sim_engine_run(&engine, contender->driver);
		r_end = sim_timeline_end(&timeline, &engine);
		r = r < 0 ? r : r_end;
	}
	sim_engine_deinit(&engine);
	return r;
}
