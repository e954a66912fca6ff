/* SPDX-License-Identifier: MIT */
/* JSON to structs. Numbers that are missing have their defaults, names that are missing do not. */
#include "tools/sim/workload.h"
#include "base/clock.h"

#include "tools/sim/recording.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a time may be: thirty years, far from what uint64_t holds. */
#define TIME_MAX_NS 1e18
/* Of models: numbers from there on. */
#define SIGNATURES 0x6e7075ull

static double number(const json_t *object, const char *key, double fallback)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : fallback;
}

static double time_ns(const json_t *object, const char *key_ms, double fallback_ms)
{
	return number(object, key_ms, fallback_ms) * NS_PER_MS;
}

static unsigned whole(const json_t *object, const char *key, unsigned fallback)
{
	double value = number(object, key, fallback);

	return value < 0 || value > 1e9 ? fallback : (unsigned)value;
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static int fail(struct sim_error *error, const char *where, const char *what)
{
	snprintf(error->text, sizeof(error->text), "%.100s: %.140s", where, what);
	return -EINVAL;
}

static uint32_t mask_of(const json_t *cores)
{
	uint32_t mask = 0;
	const json_t *core;
	size_t i;

	json_array_foreach (cores, i, core) {
		json_int_t index = json_integer_value(core);

		if (index >= 0 && index < SIM_CORES_MAX)
			mask |= 1u << index;
	}
	return mask;
}

/* Whole ns, for what is read as one; false where it is none. */
static bool take_ns(double ns, uint64_t *ret_ns)
{
	if (!(ns >= 0 && ns <= TIME_MAX_NS))
		return false;
	*ret_ns = (uint64_t)(ns + 0.5);
	return true;
}

static void read_hardware(const json_t *object, struct sim_hardware *hardware)
{
	static const char *const gangs[] = {"gang_masks", "gang2_masks", "gang3_masks"};

	*hardware = (struct sim_hardware){
		.n_cores = whole(object, "cores", SIM_CORES_MAX),
		.gap_kernel_ns = time_ns(object, "gap_kernel_ms", 0.03),
		.gap_daemon_ns = time_ns(object, "gap_daemon_ms", 0.1),
		.gap_lock_ns = time_ns(object, "gap_mutex_ms", 0.2),
		.ipc_ns = time_ns(object, "ipc_daemon_ms", 0.05),
		.task_irq_ns = time_ns(object, "task_irq_ms", 0.03),
		.switch_core_ns = time_ns(object, "switch_core_ms", 0.05),
		.switch_device_ns = time_ns(object, "switch_device_ms", 0.2),
		.timeout_vendor_ns = time_ns(object, "timeout_vendor_ms", 6000),
		.reset_vendor_ns = time_ns(object, "reset_vendor_ms", 200),
		.timeout_mainline_ns = time_ns(object, "timeout_mainline_ms", 500),
		.reset_core_ns = time_ns(object, "reset_core_ms", 2),
		.noise_sigma = number(object, "noise_sigma", 0),
		.outlier_chance = number(object, "outlier_prob", 0),
		.outlier_factor = number(object, "outlier_factor", 1),
	};
	for (size_t i = 0; i < sizeof(gangs) / sizeof(gangs[0]); i++) {
		const json_t *mask;
		size_t j;

		json_array_foreach (json_object_get(object, gangs[i]), j, mask)
			hardware->gang_masks |= 1ull << mask_of(mask);
	}
}

/* Where the file lists none: all that it has a time for. */
static uint32_t narrow_widths(const json_t *object, const struct sim_model *model)
{
	const json_t *widths = json_object_get(object, "widths"), *width;
	uint32_t bits = 0;
	size_t i;

	for (unsigned w = 1; !widths && w <= SIM_CORES_MAX; w++)
		bits |= model->run_ns[w] > 0 ? 1u << w : 0;
	json_array_foreach (widths, i, width) {
		json_int_t w = json_integer_value(width);

		if (w >= 1 && w <= SIM_CORES_MAX && model->run_ns[w] > 0)
			bits |= 1u << w;
	}
	return bits;
}

/* Addresses of models differ from run to run, so it is their number where the file says none. */
static uint64_t signature_of(const json_t *object, unsigned index)
{
	const char *kind = text(object, "kind");
	uint64_t signature = strtoull(kind, NULL, 16);

	return signature ? signature : SIGNATURES + index;
}

static int read_models(struct sim_workload *workload, double bandwidth_scale,
		       struct sim_error *error)
{
	json_t *models = json_object_get(workload->document, "models"), *object;
	struct sim_model *model;
	const char *name;

	workload->models = calloc(json_object_size(models) + 1, sizeof(*workload->models));
	if (!workload->models)
		return -ENOMEM;
	json_object_foreach (models, name, object) {
		const json_t *times = json_object_get(object, "ms");

		model = &workload->models[workload->n_models++];
		model->name = name;
		model->run_ns[1] = time_ns(times, "1", 0);
		model->run_ns[2] = time_ns(times, "2", 0);
		model->run_ns[3] = time_ns(times, "3", 0);
		model->n_pieces = whole(object, "segments", 1);
		model->n_tasks = whole(object, "tasks", 1);
		model->bandwidth = number(object, "bw", 0) * bandwidth_scale;
		model->widths = narrow_widths(object, model);
		model->signature = signature_of(object, workload->n_models);
		if (!(model->run_ns[1] > 0) || !model->n_pieces)
			return fail(error, name, "needs a time on one core and segments above 0");
	}
	return 0;
}

static bool read_late(const char *name, enum late_rule *ret_rule)
{
	for (enum late_rule rule = LATE_UNSAID; rule <= LATE_RUN; rule++) {
		if (strcmp(late_rule_name(rule), name) == 0) {
			*ret_rule = rule;
			return true;
		}
	}
	return false;
}

static int read_stage(const struct sim_workload *workload, const json_t *object,
		      struct sim_stage *stage, struct sim_error *error)
{
	const char *name = text(object, "model");

	*stage = (struct sim_stage){
		.core_mask = mask_of(json_object_get(object, "cores")),
		.priority = (int)number(object, "priority", 0),
		.width = whole(object, "width", 1),
		.n_parallel = whole(object, "fanout", 1),
		.n_repeats = whole(object, "repeat", 1),
	};
	if (!name)
		return fail(error, "stage", "names no model");
	if (!take_ns(time_ns(object, "deadline_ms", 0), &stage->deadline_ns) ||
	    !take_ns(time_ns(object, "timeout_ms", 0), &stage->timeout_ns))
		return fail(error, name, "deadline_ms or timeout_ms is no time");
	if (!read_late(text(object, "late"), &stage->late_rule))
		return fail(error, name, "late: allowed: drop, demote, run");
	if (stage->core_mask && (unsigned)__builtin_popcount(stage->core_mask) != stage->width)
		return fail(error, name, "cores: as many as its width, or none");
	for (unsigned i = 0; i < workload->n_models; i++) {
		assert(workload->models[i].name);
		if (!strcmp(workload->models[i].name, name))
			stage->model = &workload->models[i];
	}
	if (!stage->model)
		return fail(error, name, "no such model");
	if (stage->width < 1 || stage->width > workload->hardware.n_cores ||
	    !(stage->model->run_ns[stage->width] > 0))
		return fail(error, name, "has no time for that width");
	return 0;
}

static int read_arrival(const json_t *object, struct sim_tenant_spec *tenant,
			struct sim_error *error)
{
	static const char *const kinds[] = {
		[SIM_PERIODIC] = "periodic", [SIM_POISSON] = "poisson",	  [SIM_CLOSED] = "closed",
		[SIM_OFFLINE] = "offline",   [SIM_RECORDED] = "recorded",
	};
	const char *kind = text(object, "kind");
	unsigned i = 0;

	while (i <= SIM_RECORDED && strcmp(kinds[i], kind) != 0)
		i++;
	if (i > SIM_RECORDED)
		return fail(error, kind, "no such kind of arrival");
	tenant->arrival = (enum sim_arrival)i;
	tenant->period_ns = time_ns(object, "period_ms", 0);
	tenant->jitter_ns = time_ns(object, "jitter_ms", 0);
	tenant->rate_per_s = number(object, "rate_hz", 0);
	tenant->think_ns = time_ns(object, "think_ms", 0);
	tenant->depth = whole(object, "depth", 1);
	tenant->count = whole(object, "count", 0);
	if ((i == SIM_PERIODIC && !(tenant->period_ns > 0)) ||
	    (i == SIM_POISSON && !(tenant->rate_per_s > 0)))
		return fail(error, kind, "needs a period or rate above 0");
	return 0;
}

static int read_recorded(const struct sim_workload *workload, const json_t *arrival,
			 struct sim_tenant_spec *tenant, struct sim_error *error)
{
	const json_t *jobs = json_object_get(arrival, "jobs"), *job;
	size_t i;

	tenant->recorded = calloc(json_array_size(jobs) + 1, sizeof(*tenant->recorded));
	if (!tenant->recorded)
		return -ENOMEM;
	json_array_foreach (jobs, i, job) {
		struct sim_recorded *recorded = &tenant->recorded[i];
		int r = read_stage(workload, job, &recorded->stage, error);
		double run_ns = time_ns(job, "run_ms", 0), at_ns = time_ns(job, "at_ms", 0);
		unsigned ran_width = whole(job, "ran_width", recorded->stage.width);

		if (r < 0)
			return r;
		if (ran_width < 1 || ran_width > SIM_CORES_MAX)
			return fail(error, tenant->id, "ran_width: allowed: 1 to 3");
		recorded->session = whole(job, "session", 0);
		if (recorded->session >= tenant->n_sessions || !take_ns(at_ns, &recorded->time_ns))
			return fail(error, tenant->id,
				    "a recorded job has no such session or time");
		recorded->noise = run_ns > 0 && recorded->stage.model->run_ns[ran_width] > 0
					  ? run_ns / recorded->stage.model->run_ns[ran_width]
					  : 1;
	}
	tenant->n_recorded = json_array_size(jobs);
	return 0;
}

static int read_tenant(const struct sim_workload *workload, const json_t *object,
		       struct sim_tenant_spec *tenant, struct sim_error *error)
{
	const char *class = text(object, "class");
	const json_t *stage;
	size_t i;
	int r;

	*tenant = (struct sim_tenant_spec){
		.id = text(object, "id"),
		.uid = text(object, "uid"),
		.policy_class = text(object, "policy_class"),
		.comm = text(object, "comm"),
		.cgroup = text(object, "cgroup"),
		.groups = json_object_get(object, "groups"),
		.session_numbers = json_object_get(object, "session_numbers"),
		.class = !strcmp(class, "rt")		? SIM_RT
			 : !strcmp(class, "background") ? SIM_BACKGROUND
							: SIM_NORMAL,
		.weight = number(object, "weight", 1),
		.is_adversary = json_is_true(json_object_get(object, "adversary")),
		.has_session_domains = json_is_true(json_object_get(object, "session_domains")),
		.is_sliceable = !json_is_false(json_object_get(object, "sliceable")),
		.n_sessions = whole(object, "sessions", 1),
		.n_replicas = whole(object, "replicate", 1),
		.pin_mask = mask_of(json_object_get(object, "pin")),
		.pin_width = whole(object, "pin_width", 0),
		.hang_chance = number(object, "hang_prob", 0),
		.max_in_flight = whole(object, "max_inflight", 0),
	};
	if (!tenant->id[0] || !(tenant->weight > 0))
		return fail(error, "tenant", "needs an id and a weight above 0");
	json_array_foreach (json_object_get(object, "request"), i, stage) {
		if (i == SIM_STAGES_MAX)
			return fail(error, tenant->id, "has too many stages");
		r = read_stage(workload, stage, &tenant->stages[tenant->n_stages++], error);
		if (r < 0)
			return r;
	}
	r = read_arrival(json_object_get(object, "arrival"), tenant, error);
	if (r == 0 && tenant->arrival == SIM_RECORDED)
		return read_recorded(workload, json_object_get(object, "arrival"), tenant, error);
	if (r == 0 && !tenant->n_stages)
		return fail(error, tenant->id, "needs a request of one stage or more");
	return r;
}

static int read_scenario(const struct sim_workload *workload, const json_t *object,
			 struct sim_scenario *scenario, struct sim_error *error)
{
	const json_t *tenants = json_object_get(object, "tenants"), *tenant;
	size_t i;
	int r;

	*scenario = (struct sim_scenario){
		.id = text(object, "id"),
		.title = text(object, "title"),
		.recommended_policy = text(object, "recommended_policy"),
		.is_finite = json_is_true(json_object_get(object, "finite")),
		.has_one_domain = !strcmp(text(object, "domain_mode"), "device"),
	};
	scenario->tenants = calloc(json_array_size(tenants) + 1, sizeof(*scenario->tenants));
	if (!scenario->tenants)
		return -ENOMEM;
	if (!take_ns(time_ns(object, "horizon_ms", 0), &scenario->horizon_ns) ||
	    (!scenario->is_finite && !scenario->horizon_ns))
		return fail(error, scenario->id, "needs a horizon_ms above 0, or \"finite\"");
	json_array_foreach (tenants, i, tenant) {
		r = read_tenant(workload, tenant, &scenario->tenants[scenario->n_tenants++], error);
		if (r < 0)
			return r;
		if (scenario->is_finite && scenario->tenants[i].arrival != SIM_OFFLINE)
			return fail(error, scenario->id,
				    "\"finite\" needs arrivals of kind \"offline\" alone");
	}
	return 0;
}

static int read_document(struct sim_workload *workload, struct sim_error *error)
{
	const json_t *hardware = json_object_get(workload->document, "hardware");
	const json_t *scenarios = json_object_get(workload->document, "scenarios"), *scenario;
	size_t i;
	int r;

	read_hardware(hardware, &workload->hardware);
	if (!workload->hardware.n_cores || workload->hardware.n_cores > SIM_CORES_MAX)
		return fail(error, "hardware.cores", "allowed: 1 to 3");
	r = read_models(workload, number(hardware, "bw_scale", 1), error);
	if (r < 0)
		return r;
	workload->scenarios = calloc(json_array_size(scenarios) + 1, sizeof(*workload->scenarios));
	if (!workload->scenarios)
		return -ENOMEM;
	json_array_foreach (scenarios, i, scenario) {
		r = read_scenario(workload, scenario, &workload->scenarios[workload->n_scenarios++],
				  error);
		if (r < 0)
			return r;
	}
	return workload->n_scenarios ? 0 : fail(error, "scenarios", "there are none");
}

int sim_workload_load(const char *path, struct sim_workload *workload, struct sim_error *ret_error)
{
	json_error_t json_error;
	int r;

	*workload = (struct sim_workload){0};
	workload->document = json_load_file(path, 0, &json_error);
	if (!workload->document)
		return fail(ret_error, path, json_error.text);
	if (sim_recording_is_one(workload->document)) {
		json_t *recording = workload->document;

		workload->document = sim_recording_convert(recording);
		json_decref(recording);
		if (!workload->document)
			return fail(ret_error, path, "a recording without a job that ran");
	}
	r = read_document(workload, ret_error);
	if (r < 0)
		sim_workload_deinit(workload);
	return r;
}

void sim_workload_deinit(struct sim_workload *workload)
{
	for (unsigned i = 0; i < workload->n_scenarios; i++) {
		struct sim_scenario *scenario = &workload->scenarios[i];

		for (unsigned j = 0; j < scenario->n_tenants; j++)
			free(scenario->tenants[j].recorded);
		free(scenario->tenants);
	}
	free(workload->scenarios);
	free(workload->models);
	json_decref(workload->document);
	*workload = (struct sim_workload){0};
}

const struct sim_scenario *sim_workload_find(const struct sim_workload *workload, const char *id)
{
	for (unsigned i = 0; i < workload->n_scenarios; i++) {
		if (!strcmp(workload->scenarios[i].id, id))
			return &workload->scenarios[i];
	}
	return NULL;
}

uint64_t sim_hash_text(const char *text)
{
	uint64_t hash = 14695981039346656037ull;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 1099511628211ull;
	return hash;
}
