/* SPDX-License-Identifier: MIT */
/*
 * A job that was recorded says when it came, what it asked for, and how long its cores were at it;
 * when it started is for the policy to say anew. One that never ended well takes what others of its
 * kind took, or what others took at all.
 */
#include "tools/sim/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define US_PER_MS 1e3
/* Of empty jobs, which take no time. */
#define MIN_MS	  0.001
#define WIDTH_MAX 3

struct conversion {
	const json_t **jobs; /* by their numbers: in the order in which they came */
	size_t n_jobs;
	json_t *models, *tenants; /* by name */
	double first_us, last_us; /* of the submits */
};

bool sim_recording_is_one(const json_t *document)
{
	return json_is_array(json_object_get(document, "traceEvents"));
}

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static json_int_t whole(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

/* ---- the jobs ---- */

static int compare_jobs(const void *left, const void *right)
{
	json_int_t a = whole(*(const json_t *const *)left, "job");
	json_int_t b = whole(*(const json_t *const *)right, "job");

	return (a > b) - (a < b);
}

static void note_times(struct conversion *conversion, const json_t *event)
{
	double submitted_us = number(json_object_get(event, "args"), "submitted_us");
	double end_us = number(event, "ts") + number(event, "dur");

	if (!conversion->last_us || submitted_us < conversion->first_us)
		conversion->first_us = submitted_us;
	if (end_us > conversion->last_us)
		conversion->last_us = end_us;
}

/* Each once, though a gang has a bar per core. False without memory. */
static bool take_jobs(struct conversion *conversion, const json_t *events)
{
	const json_t *event, **jobs = calloc(json_array_size(events) + 1, sizeof(const json_t *));
	size_t i, n = 0, n_unique = 0;

	if (!jobs)
		return false;
	json_array_foreach (events, i, event) {
		if (strcmp(text(event, "cat"), "job") != 0 ||
		    !json_is_object(json_object_get(event, "args")))
			continue;
		jobs[n++] = json_object_get(event, "args");
		note_times(conversion, event);
	}
	qsort(jobs, n, sizeof(json_t *), compare_jobs);
	for (i = 0; i < n; i++) {
		if (i == 0 || whole(jobs[i], "job") != whole(jobs[i - 1], "job"))
			jobs[n_unique++] = jobs[i];
	}
	conversion->jobs = jobs;
	conversion->n_jobs = n_unique;
	return true;
}

static unsigned clamp_width(json_int_t width)
{
	return width >= 1 && width <= WIDTH_MAX ? (unsigned)width : 1;
}

/* What it asked for. */
static unsigned width_of(const json_t *job)
{
	return clamp_width(whole(job, "cores"));
}

/* What it got, where it may be less. */
static unsigned width_had(const json_t *job)
{
	json_int_t width = whole(job, "width");

	return width ? clamp_width(width) : width_of(job);
}

/* 0: it never ended well. */
static double run_ms_of(const json_t *job)
{
	double run_ms = number(job, "core_us") / width_had(job) / US_PER_MS;

	return strcmp(text(job, "outcome"), "ok") != 0 ? 0 : run_ms > MIN_MS ? run_ms : MIN_MS;
}

/* ---- models: what takes equal time ---- */

static void name_model(const json_t *job, char *name, size_t size)
{
	snprintf(name, size, "%.40s/%u/%u", text(job, "kind"), width_of(job),
		 (unsigned)whole(job, "widths") & 0xf);
}

/* The widths that a mask has beside the job's own, as a list. */
static json_t *list_widths(const json_t *job)
{
	json_t *widths = json_array();

	for (unsigned width = 1; width < width_of(job); width++) {
		if (whole(job, "widths") >> width & 1)
			json_array_append_new(widths, json_integer(width));
	}
	return widths;
}

static json_t *find_model(struct conversion *conversion, const json_t *job)
{
	json_int_t pieces = whole(job, "pieces");
	json_t *model;
	char name[64];

	name_model(job, name, sizeof(name));
	model = json_object_get(conversion->models, name);
	if (model)
		return model;
	pieces = pieces > 1 ? pieces : 1;
	model = json_pack("{s:s, s:I, s:I, s:o, s:{}, s:{}}", "kind", text(job, "kind"), "segments",
			  pieces, "tasks", whole(job, "tasks"), "widths", list_widths(job), "sums",
			  "counts");
	json_object_set_new(conversion->models, name, model);
	return model;
}

static void add_to(json_t *object, const char *key, double value)
{
	json_object_set_new(object, key, json_real(number(object, key) + value));
}

/* Sums of the run times by width, for now. */
static void note_model(struct conversion *conversion, const json_t *job)
{
	json_t *model = find_model(conversion, job);
	char width[2] = {(char)('0' + width_had(job)), '\0'};

	if (run_ms_of(job) <= 0)
		return;
	add_to(json_object_get(model, "sums"), width, run_ms_of(job));
	add_to(json_object_get(model, "counts"), width, 1);
}

/* Core-time of the jobs that were measured, and how many they are. */
static void add_up(const json_t *model, double *core_ms, double *n)
{
	for (char width[2] = "1"; width[0] <= '0' + WIDTH_MAX; width[0]++) {
		*core_ms += number(json_object_get(model, "sums"), width) * (width[0] - '0');
		*n += number(json_object_get(model, "counts"), width);
	}
}

/* On widths that it never had it takes the same core-time. */
static void end_model(json_t *model, double all_ms)
{
	json_t *times = json_object();
	double core_ms = 0, n = 0;

	add_up(model, &core_ms, &n);
	core_ms = n > 0 ? core_ms / n : all_ms;
	for (char width[2] = "1"; width[0] <= '0' + WIDTH_MAX; width[0]++) {
		double count = number(json_object_get(model, "counts"), width);
		double sum_ms = number(json_object_get(model, "sums"), width);

		json_object_set_new(
			times, width,
			json_real(count > 0 ? sum_ms / count : core_ms / (width[0] - '0')));
	}
	json_object_set_new(model, "ms", times);
}

/* A kind that never ended well takes what the others take; false where none did. */
static bool end_models(json_t *models)
{
	double core_ms = 0, n = 0;
	const char *name;
	json_t *model;

	json_object_foreach (models, name, model)
		add_up(model, &core_ms, &n);
	json_object_foreach (models, name, model)
		end_model(model, core_ms / n);
	return n > 0;
}

/* ---- tenants ---- */

/* The tenant of a job, made where it is new. */
static json_t *find_tenant(struct conversion *conversion, const json_t *job)
{
	json_t *tenant;
	char name[64], uid[32];

	snprintf(uid, sizeof(uid), "%lld", (long long)whole(job, "uid"));
	snprintf(name, sizeof(name), "%.31s:%s", text(job, "class"), uid);
	tenant = json_object_get(conversion->tenants, name);
	if (tenant)
		return tenant;
	tenant =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:[], s:{s:s, s:[]}, s:[]}", "id", name, "uid",
			  uid, "policy_class", text(job, "class"), "comm", text(job, "comm"),
			  "class", number(job, "deadline_us") > 0 ? "rt" : "normal",
			  "session_numbers", "arrival", "kind", "recorded", "jobs", "request");
	json_object_set_new(conversion->tenants, name, tenant);
	return tenant;
}

/* Its place among the tenant's sessions. */
static size_t session_index(json_t *tenant, const json_t *job)
{
	json_t *numbers = json_object_get(tenant, "session_numbers"), *number;
	json_int_t session = whole(job, "session");
	size_t i;

	json_array_foreach (numbers, i, number) {
		if (json_integer_value(number) == session)
			return i;
	}
	json_array_append_new(numbers, json_integer(session));
	json_object_set_new(tenant, "sessions", json_integer((json_int_t)json_array_size(numbers)));
	return json_array_size(numbers) - 1;
}

static json_t *list_cores(json_int_t mask)
{
	json_t *cores = json_array();

	for (int core = 0; core < WIDTH_MAX; core++) {
		if (mask >> core & 1)
			json_array_append_new(cores, json_integer(core));
	}
	return cores;
}

static void add_job(struct conversion *conversion, const json_t *job)
{
	double submitted_us = number(job, "submitted_us"), deadline_us = number(job, "deadline_us");
	json_t *tenant, *jobs;
	char model[64];

	name_model(job, model, sizeof(model));
	tenant = find_tenant(conversion, job);
	jobs = json_object_get(json_object_get(tenant, "arrival"), "jobs");
	json_array_append_new(
		jobs,
		json_pack("{s:s, s:i, s:i, s:I, s:o, s:I, s:s, s:f, s:f, s:f, s:f}", "model", model,
			  "width", (int)width_of(job), "ran_width", (int)width_had(job), "session",
			  (json_int_t)session_index(tenant, job), "cores",
			  list_cores(whole(job, "core_mask")), "priority", whole(job, "priority"),
			  "late", text(job, "late"), "at_ms",
			  (submitted_us - conversion->first_us) / US_PER_MS, "run_ms",
			  run_ms_of(job), "timeout_ms", number(job, "timeout_us") / US_PER_MS,
			  "deadline_ms",
			  deadline_us > 0 ? (deadline_us - submitted_us) / US_PER_MS : 0.));
}

/* ---- the workload ---- */

/* npud's overheads are in the recorded times. */
static json_t *make_hardware(const json_t *document)
{
	const json_t *device = json_object_get(json_object_get(document, "otherData"), "device"),
		     *mask;
	double switch_ms = number(device, "switch_us") / US_PER_MS;
	json_t *gangs = device ? json_array() : json_pack("[[i,i], [i,i,i]]", 0, 1, 0, 1, 2);
	size_t i;

	json_array_foreach (json_object_get(device, "gang_masks"), i, mask)
		json_array_append_new(gangs, list_cores(json_integer_value(mask)));
	return json_pack("{s:I, s:o, s:f, s:f, s:f, s:f, s:f, s:f}", "cores",
			 device ? whole(device, "cores") : WIDTH_MAX, "gang_masks", gangs,
			 "gap_kernel_ms", 0., "gap_daemon_ms", 0., "ipc_daemon_ms", 0.,
			 "task_irq_ms", 0., "switch_core_ms", switch_ms, "switch_device_ms",
			 switch_ms);
}

static json_t *make_workload(struct conversion *conversion, const json_t *document)
{
	const json_t *device = json_object_get(json_object_get(document, "otherData"), "device");
	double horizon_ms = (conversion->last_us - conversion->first_us) / US_PER_MS;
	json_t *tenants = json_array(), *tenant;
	const char *name;

	json_object_foreach (conversion->tenants, name, tenant)
		json_array_append(tenants, tenant);
	return json_pack("{s:o, s:O, s:[{s:s, s:s, s:f, s:s, s:s, s:o}]}", "hardware",
			 make_hardware(document), "models", conversion->models, "scenarios", "id",
			 "recording", "title", "as recorded", "horizon_ms", horizon_ms,
			 "domain_mode",
			 json_is_true(json_object_get(device, "one_domain")) ? "device" : "core",
			 "recommended_policy", "fair", "tenants", tenants);
}

json_t *sim_recording_convert(const json_t *document)
{
	struct conversion conversion = {.models = json_object(), .tenants = json_object()};
	json_t *workload = NULL;

	if (take_jobs(&conversion, json_object_get(document, "traceEvents"))) {
		for (size_t i = 0; i < conversion.n_jobs; i++)
			note_model(&conversion, conversion.jobs[i]);
		if (end_models(conversion.models)) {
			for (size_t i = 0; i < conversion.n_jobs; i++)
				add_job(&conversion, conversion.jobs[i]);
			workload = make_workload(&conversion, document);
		}
	}
	free(conversion.jobs);
	json_decref(conversion.models);
	json_decref(conversion.tenants);
	return workload;
}
