/* SPDX-License-Identifier: MIT */
/*
 * The statistics document as Prometheus text: a table that says which number of the document is
 * which metric. Times become seconds, as Prometheus wants them; what is missing in the document is
 * left out.
 */
#include "api/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS 1e-9

enum metric_shape {
	METRIC_VALUE,	 /* a number */
	METRIC_STATE,	 /* a string; the sample is 1 and the string a label */
	METRIC_REASONS,	 /* an object: one sample per key, label "reason" */
	METRIC_QUANTILES /* the same, label "quantile" */
};

/* `group`.`key` of the document; of every member where the group is an array. */
struct metric {
	const char *name, *type, *help;
	const char *group; /* NULL: the document itself */
	const char *key;
	double scale;
	enum metric_shape shape;
};

static const struct metric metrics[] = {
	{"npud_uptime_seconds", "gauge", "Time since the start", NULL, "uptime_s", 1, METRIC_VALUE},
	{"npud_device_state", "gauge", "State of the device", "device", "state", 1, METRIC_STATE},

	{"npud_core_state", "gauge", "State of a core", "cores", "state", 1, METRIC_STATE},
	{"npud_core_busy_seconds_total", "counter", "Time a core has run jobs", "cores", "busy_ns",
	 SECONDS, METRIC_VALUE},
	{"npud_core_jobs_total", "counter", "Batches a core has run", "cores", "jobs", 1,
	 METRIC_VALUE},
	{"npud_core_resets_total", "counter", "Resets of a core", "cores", "resets", 1,
	 METRIC_VALUE},
	{"npud_core_utilization_ratio", "gauge", "Busy share of the uptime", "cores", "utilization",
	 1, METRIC_VALUE},

	{"npud_session_state", "gauge", "State of a session", "sessions", "state", 1, METRIC_STATE},
	{"npud_session_bos", "gauge", "Buffer objects", "sessions", "bos", 1, METRIC_VALUE},
	{"npud_session_bytes", "gauge", "Memory of its buffer objects", "sessions", "bytes", 1,
	 METRIC_VALUE},
	{"npud_session_iova_bytes", "gauge", "Address space in use", "sessions", "iova_bytes", 1,
	 METRIC_VALUE},
	{"npud_session_queued_jobs", "gauge", "Jobs that wait", "sessions", "queued", 1,
	 METRIC_VALUE},
	{"npud_session_running_jobs", "gauge", "Jobs that run", "sessions", "running", 1,
	 METRIC_VALUE},
	{"npud_session_submitted_total", "counter", "Jobs submitted", "sessions", "submitted", 1,
	 METRIC_VALUE},
	{"npud_session_completed_total", "counter", "Jobs that ended well", "sessions", "completed",
	 1, METRIC_VALUE},
	{"npud_session_failed_total", "counter", "Jobs that failed, by reason", "sessions",
	 "failed", 1, METRIC_REASONS},
	{"npud_session_npu_seconds_total", "counter", "Core time used", "sessions", "npu_ns",
	 SECONDS, METRIC_VALUE},
	{"npud_session_wait_seconds_total", "counter", "Time its jobs waited for a core",
	 "sessions", "wait_ns", SECONDS, METRIC_VALUE},
	{"npud_session_latency_seconds", "gauge", "Submit to end", "sessions", "latency_ns",
	 SECONDS, METRIC_QUANTILES},
	{"npud_session_hangs_total", "counter", "Jobs that hung a core", "sessions", "hangs", 1,
	 METRIC_VALUE},
	{"npud_session_faults_total", "counter", "Jobs that ended in a page fault", "sessions",
	 "faults", 1, METRIC_VALUE},

	{"npud_session_strikes", "gauge", "Hangs and page faults its identity has on record",
	 "sessions", "strikes", 1, METRIC_VALUE},

	{"npud_submitted_total", "counter", "Jobs submitted", "totals", "submitted", 1,
	 METRIC_VALUE},
	{"npud_completed_total", "counter", "Jobs that ended well", "totals", "completed", 1,
	 METRIC_VALUE},
	{"npud_failed_total", "counter", "Jobs that failed, by reason", "totals", "failed", 1,
	 METRIC_REASONS},

	{"npud_scheduler_ready_jobs", "gauge", "Jobs that could start", "scheduler", "ready", 1,
	 METRIC_VALUE},
	{"npud_scheduler_waiting_jobs", "gauge", "Jobs that wait for fences", "scheduler",
	 "waiting", 1, METRIC_VALUE},
	{"npud_scheduler_slices_total", "counter", "Batches started", "scheduler", "slices", 1,
	 METRIC_VALUE},
	{"npud_scheduler_gang_wait_seconds_total", "counter", "Time gangs waited for their cores",
	 "scheduler", "gang_wait_ns", SECONDS, METRIC_VALUE},
	{"npud_scheduler_domain_switches_total", "counter", "Starts in another address space",
	 "scheduler", "domain_switches", 1, METRIC_VALUE},
	{"npud_scheduler_predictions_total", "counter", "Batches whose time was predicted",
	 "scheduler", "predictions", 1, METRIC_VALUE},
	{"npud_scheduler_prediction_error_ratio", "gauge", "Error, as a part of the predicted time",
	 "scheduler", "prediction_error", 1, METRIC_QUANTILES},
	{"npud_scheduler_late_jobs_total", "counter", "Jobs refused or dropped for their deadline",
	 "scheduler", "late", 1, METRIC_VALUE},
	{"npud_scheduler_demoted_jobs_total", "counter", "Jobs that went on without their deadline",
	 "scheduler", "demoted", 1, METRIC_VALUE},
	{"npud_scheduler_switch_seconds", "gauge", "What changing the address space costs",
	 "scheduler", "switch_ns", SECONDS, METRIC_VALUE},

	{"npud_watchdog_hangs_total", "counter", "Hangs detected", "watchdog", "hangs", 1,
	 METRIC_VALUE},
	{"npud_watchdog_core_resets_total", "counter", "Cores reset", "watchdog", "core_resets", 1,
	 METRIC_VALUE},
	{"npud_watchdog_device_resets_total", "counter", "Resets of the whole device", "watchdog",
	 "device_resets", 1, METRIC_VALUE},
	{"npud_watchdog_device_losses_total", "counter", "Times no core was left", "watchdog",
	 "device_losses", 1, METRIC_VALUE},
	{"npud_watchdog_repeats_total", "counter", "Innocent batches that were run again",
	 "watchdog", "repeats", 1, METRIC_VALUE},
	{"npud_incidents_recorded_total", "counter", "Incidents written down", "incidents",
	 "recorded", 1, METRIC_VALUE},
	{"npud_incidents_lost_total", "counter", "Incidents that could not be written down",
	 "incidents", "lost", 1, METRIC_VALUE},

	{"npud_memory_bytes", "gauge", "Memory of all buffer objects", "memory", "bytes", 1,
	 METRIC_VALUE},
	{"npud_memory_bos", "gauge", "All buffer objects", "memory", "bos", 1, METRIC_VALUE},
	{"npud_memory_pagetable_bytes", "gauge", "All page tables", "memory", "pagetable_bytes", 1,
	 METRIC_VALUE},

	{"npud_power_frequency_hertz", "gauge", "Clock of the NPU", "power", "frequency_hz", 1,
	 METRIC_VALUE},
	{"npud_power_limit_hertz", "gauge", "What its clock may be at most", "power", "limit_hz", 1,
	 METRIC_VALUE},
	{"npud_power_full_hertz", "gauge", "What its clock could be", "power", "full_hz", 1,
	 METRIC_VALUE},
	{"npud_power_throttled", "gauge", "Whether the limit is below that", "power", "throttled",
	 1, METRIC_VALUE},
	{"npud_power_load_ratio", "gauge", "Load as the kernel sees it", "power", "load", 1,
	 METRIC_VALUE},
	{"npud_power_temperature_celsius", "gauge", "Temperature of the NPU", "power",
	 "temperature_c", 1, METRIC_VALUE},

	{"npud_io_requests_total", "counter", "Requests of all clients", "io", "requests", 1,
	 METRIC_VALUE},
	{"npud_io_errors_total", "counter", "Requests answered with an error", "io", "errors", 1,
	 METRIC_VALUE},
	{"npud_io_cqe_overflows_total", "counter", "Turns with a full completion queue", "io",
	 "cqe_overflows", 1, METRIC_VALUE},
};

/* Which members of an array's element are its labels. */
static const struct {
	const char *group;
	const char *label, *key;
} identities[] = {{"cores", "core", "id"},	{"sessions", "session", "id"},
		  {"sessions", "pid", "pid"},	{"sessions", "uid", "uid"},
		  {"sessions", "comm", "comm"}, {"sessions", "class", "class"},
		  {"device", "device", "name"}};

/* The labels of one sample, being written: `{a="b",c="d"`. */
struct labels {
	FILE *out;
	unsigned n;
};

static void label_begin(struct labels *labels, const char *name)
{
	fprintf(labels->out, "%c%s=\"", labels->n++ ? ',' : '{', name);
}

static void label_write(struct labels *labels, const char *name, const char *value)
{
	label_begin(labels, name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", labels->out);
		else if (*value == '"' || *value == '\\')
			fprintf(labels->out, "\\%c", *value);
		else
			fputc(*value, labels->out);
	}
	fputc('"', labels->out);
}

static void label_write_json(struct labels *labels, const char *name, const json_t *value)
{
	if (json_is_string(value)) {
		label_write(labels, name, json_string_value(value));
	} else if (json_is_integer(value)) {
		label_begin(labels, name);
		fprintf(labels->out, "%" JSON_INTEGER_FORMAT "\"", json_integer_value(value));
	}
}

/* "cores" have the label core, "sessions" some more; other groups none. */
static struct labels sample_begin(FILE *out, const struct metric *metric, const json_t *object)
{
	struct labels labels = {.out = out};
	fputs(metric->name, out);
	for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++)
		if (metric->group && strcmp(metric->group, identities[i].group) == 0)
			label_write_json(&labels, identities[i].label,
					 json_object_get(object, identities[i].key));
	return labels;
}

static void sample_end(struct labels *labels, double value)
{
	if (labels->n)
		fputc('}', labels->out);
	/* Counts stay exact to 2^53; %.17g would show times as 0.10000000000000001. */
	if (value == floor(value) && fabs(value) < 9007199254740992.0)
		fprintf(labels->out, " %.0f\n", value);
	else
		fprintf(labels->out, " %.15g\n", value);
}

static const char *quantile_label(const char *key)
{
	static const struct {
		const char *key, *label;
	} quantiles[] = {{"p50", "0.5"}, {"p90", "0.9"}, {"p99", "0.99"}, {"max", "1"}};
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		if (strcmp(key, quantiles[i].key) == 0)
			return quantiles[i].label;
	return key;
}

static void write_map(FILE *out, const struct metric *metric, json_t *object)
{
	bool is_quantiles = metric->shape == METRIC_QUANTILES;
	const char *key;
	json_t *value;
	json_object_foreach (json_object_get(object, metric->key), key, value) {
		struct labels labels = sample_begin(out, metric, object);
		label_write(&labels, is_quantiles ? "quantile" : "reason",
			    is_quantiles ? quantile_label(key) : key);
		sample_end(&labels, json_number_value(value) * metric->scale);
	}
}

static void write_sample(FILE *out, const struct metric *metric, json_t *object)
{
	const json_t *value = json_object_get(object, metric->key);
	if (metric->shape == METRIC_VALUE && (json_is_number(value) || json_is_boolean(value))) {
		struct labels labels = sample_begin(out, metric, object);
		sample_end(&labels, json_is_boolean(value)
					    ? json_is_true(value)
					    : json_number_value(value) * metric->scale);
	} else if (metric->shape == METRIC_STATE && json_is_string(value)) {
		struct labels labels = sample_begin(out, metric, object);
		label_write_json(&labels, "state", value);
		sample_end(&labels, 1);
	} else if (json_is_object(value)) {
		write_map(out, metric, object);
	}
}

static void write_metric(FILE *out, const struct metric *metric, json_t *document)
{
	json_t *group = metric->group ? json_object_get(document, metric->group) : document;
	size_t i;
	json_t *member;
	if (!group)
		return;
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
		metric->type);
	if (!json_is_array(group))
		write_sample(out, metric, group);
	json_array_foreach (group, i, member) {
		write_sample(out, metric, member);
	}
}

static void write_info(FILE *out, const json_t *document)
{
	struct labels labels = {.out = out};
	fputs("# HELP npud_info What runs\n# TYPE npud_info gauge\nnpud_info", out);
	label_write_json(&labels, "version", json_object_get(document, "version"));
	label_write_json(&labels, "loop", json_object_get(document, "loop"));
	label_write_json(&labels, "device",
			 json_object_get(json_object_get(document, "device"), "name"));
	label_write_json(&labels, "policy",
			 json_object_get(json_object_get(document, "scheduler"), "policy"));
	sample_end(&labels, 1);
}

char *stats_prometheus(const json_t *document)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	write_info(out, document);
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		write_metric(out, &metrics[i], (json_t *)document);
	bool is_complete = !ferror(out);
	if (fclose(out) == 0 && is_complete)
		return text;
	free(text);
	return NULL;
}
