/* SPDX-License-Identifier: MIT */
/*
 * A job that was recorded says when it came and how long its cores were at it; when it started is
 * for the policy to say anew. One that never ended well takes what others of its kind took.
 */
#include "tools/sim/recording.h"

#include <stdio.h>
#include <string.h>

#define US_PER_MS 1e3
/* Of empty jobs, which take no time. */
#define MIN_MS 0.001

struct conversion {
	json_t *models, *tenants; /* by name */
	double first_us, last_us; /* of the submits */
	json_int_t last_job;	  /* a gang has a bar per core */
};

bool sim_recording_is_one(const json_t *document)
{
	return json_is_array(json_object_get(document, "traceEvents"));
}

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

/* The job of an event, once; NULL for other events. */
static const json_t *take_job(struct conversion *conversion, const json_t *event)
{
	const json_t *job = json_object_get(event, "args");
	json_int_t id = json_integer_value(json_object_get(job, "job"));

	if (strcmp(text(event, "cat"), "job") != 0 || id == conversion->last_job)
		return NULL;
	conversion->last_job = id;
	return job;
}

static unsigned width_of(const json_t *job)
{
	double width = number(job, "cores");

	return width >= 1 && width <= 3 ? (unsigned)width : 1;
}

static void name_model(const json_t *job, char *name, size_t size)
{
	snprintf(name, size, "%.40s/%u", text(job, "kind"), width_of(job));
}

/* 0: it never ended well. */
static double run_ms_of(const json_t *job)
{
	double run_ms = number(job, "core_us") / width_of(job) / US_PER_MS;

	return strcmp(text(job, "outcome"), "ok") != 0 ? 0 : run_ms > MIN_MS ? run_ms : MIN_MS;
}

/* Sums of the run times for now. */
static void note_model(struct conversion *conversion, const json_t *job)
{
	double run_ms = run_ms_of(job);
	json_t *model;
	char name[64];

	name_model(job, name, sizeof(name));
	model = json_object_get(conversion->models, name);
	if (!model) {
		model = json_pack("{s:f, s:f}", "sum_ms", 0., "count", 0.);
		json_object_set_new(conversion->models, name, model);
	}
	if (run_ms <= 0)
		return;
	json_object_set_new(model, "sum_ms", json_real(number(model, "sum_ms") + run_ms));
	json_object_set_new(model, "count", json_real(number(model, "count") + 1));
}

static void end_models(json_t *models)
{
	const char *name;
	json_t *model;
	void *next;

	json_object_foreach_safe(models, next, name, model)
	{
		double count = number(model, "count"), mean_ms = number(model, "sum_ms") / count;
		const char *width = strrchr(name, '/') + 1;
		json_t *times;

		if (!(count > 0)) {
			json_object_del(models, name);
			continue;
		}
		times = json_pack("{s:f}", "1", mean_ms);
		json_object_set_new(times, width, json_real(mean_ms));
		json_object_set_new(model, "ms", times);
		json_object_set_new(model, "segments", json_integer(1));
	}
}

/* The tenant of a job, made where it is new. */
static json_t *find_tenant(struct conversion *conversion, const json_t *job)
{
	json_int_t uid = json_integer_value(json_object_get(job, "uid"));
	json_t *tenant;
	char name[64];

	snprintf(name, sizeof(name), "%.31s:%lld", text(job, "class"), (long long)uid);
	tenant = json_object_get(conversion->tenants, name);
	if (tenant)
		return tenant;
	tenant = json_pack("{s:s, s:s, s:s, s:{}, s:{s:s, s:[]}, s:[]}", "id", name, "uid", name,
			   "class", number(job, "deadline_us") > 0 ? "rt" : "normal", "indices",
			   "arrival", "kind", "recorded", "jobs", "request");
	json_object_set_new(conversion->tenants, name, tenant);
	return tenant;
}

/* Its place among the tenant's sessions. */
static json_int_t session_index(json_t *tenant, const json_t *job)
{
	json_t *indices = json_object_get(tenant, "indices"), *index;
	char id[32];

	snprintf(id, sizeof(id), "%lld",
		 (long long)json_integer_value(json_object_get(job, "session")));
	index = json_object_get(indices, id);
	if (!index) {
		index = json_integer((json_int_t)json_object_size(indices));
		json_object_set_new(indices, id, index);
		json_object_set_new(tenant, "sessions",
				    json_integer((json_int_t)json_object_size(indices)));
	}
	return json_integer_value(index);
}

static void add_job(struct conversion *conversion, const json_t *job)
{
	double submitted_us = number(job, "submitted_us"), deadline_us = number(job, "deadline_us");
	json_t *tenant, *jobs;
	char model[64];

	name_model(job, model, sizeof(model));
	if (!json_object_get(conversion->models, model))
		return;
	tenant = find_tenant(conversion, job);
	jobs = json_object_get(json_object_get(tenant, "arrival"), "jobs");
	json_array_append_new(
		jobs, json_pack("{s:s, s:i, s:I, s:f, s:f, s:f}", "model", model, "width",
				(int)width_of(job), "session", session_index(tenant, job), "at_ms",
				(submitted_us - conversion->first_us) / US_PER_MS, "run_ms",
				run_ms_of(job), "deadline_ms",
				deadline_us > 0 ? (deadline_us - submitted_us) / US_PER_MS : 0.));
}

static void note_times(struct conversion *conversion, const json_t *event, const json_t *job)
{
	double submitted_us = number(job, "submitted_us");
	double end_us = number(event, "ts") + number(event, "dur");

	if (!conversion->last_us || submitted_us < conversion->first_us)
		conversion->first_us = submitted_us;
	if (end_us > conversion->last_us)
		conversion->last_us = end_us;
}

static json_t *make_workload(struct conversion *conversion)
{
	double horizon_ms = (conversion->last_us - conversion->first_us) / US_PER_MS;
	json_t *tenants = json_array(), *tenant;
	const char *name;

	json_object_foreach (conversion->tenants, name, tenant)
		json_array_append(tenants, tenant);
	return json_pack("{s:{s:[[i,i]], s:[[i,i,i]]}, s:O, s:[{s:s, s:s, s:f, s:s, s:o}]}",
			 "hardware", "gang2_masks", 0, 1, "gang3_masks", 0, 1, 2, "models",
			 conversion->models, "scenarios", "id", "recording", "title", "as recorded",
			 "horizon_ms", horizon_ms, "recommended_policy", "fair", "tenants",
			 tenants);
}

json_t *sim_recording_convert(const json_t *document)
{
	struct conversion conversion = {json_object(), json_object(), 0, 0, -1};
	const json_t *events = json_object_get(document, "traceEvents"), *event, *job;
	json_t *workload = NULL;
	size_t i;

	json_array_foreach (events, i, event) {
		job = take_job(&conversion, event);
		if (!job)
			continue;
		note_model(&conversion, job);
		note_times(&conversion, event, job);
	}
	end_models(conversion.models);
	conversion.last_job = -1;
	json_array_foreach (events, i, event) {
		job = take_job(&conversion, event);
		if (job)
			add_job(&conversion, job);
	}
	if (json_object_size(conversion.tenants))
		workload = make_workload(&conversion);
	json_decref(conversion.models);
	json_decref(conversion.tenants);
	return workload;
}
