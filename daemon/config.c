/* SPDX-License-Identifier: MIT */
/*
 * Three steps: text to JSON, JSON to a checked document with every default (json_reader over the
 * tables of config_keys), document to structs. Only checks that look at two keys at once are here.
 */
#include "daemon/config.h"

#include "daemon/config_classes.h"
#include "daemon/config_keys.h"
#include "scheduler/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is learnt of durations takes half a MiB, whatever the window. */
#define PREDICT_SAMPLES_MAX 32768
#define PREDICT_KINDS_MAX   1024
#define FILE_MAX_BYTES	    (1u << 20)
#define UNKNOWN_MS	    2000 /* as in config_keys.c */

int config_device_parse(const char *name, enum config_device *ret_device)
{
	for (unsigned i = 0; config_devices[i]; i++) {
		if (strcmp(config_devices[i], name) != 0)
			continue;
		*ret_device = i;
		return 0;
	}
	return -EINVAL;
}

/* ---- document -> structs ---- */

static int read_device(struct json_reader *reader, const json_t *device, struct config *config)
{
	const char *name = json_string_value(json_object_get(device, "name"));
	struct soft_options *soft = &config->soft;

	/* The reader has let no other name through. */
	(void)config_device_parse(name, &config->device);
	soft->clock = config_key_choice(device, "soft_clock", config_soft_clocks);
	soft->is_incoherent =
		strcmp(json_string_value(json_object_get(device, "soft_cache")), "incoherent") == 0;
	config->timing_has_one_domain =
		strcmp(json_string_value(json_object_get(device, "timing_domains")), "device") == 0;
	config->timing_switch_ns = config_key_ns(device, "timing_switch_ms");
	soft->core_bandwidth = json_number_value(json_object_get(device, "core_bandwidth"));
	soft->total_bandwidth = json_number_value(json_object_get(device, "total_bandwidth"));
	if (soft->total_bandwidth < soft->core_bandwidth)
		return json_reader_fail(reader, "device.total_bandwidth",
					"%.15g is out of range (allowed: core_bandwidth, %.15g, "
					"and above)",
					soft->total_bandwidth, soft->core_bandwidth);
	return 0;
}

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static void read_scheduler(const json_t *scheduler, struct config *config)
{
	struct scheduler_config *result = &config->scheduler;

	*result = scheduler_config_default();
	result->policy = policy_find(json_string_value(json_object_get(scheduler, "policy")));
	config->fallback = policy_find(json_string_value(json_object_get(scheduler, "fallback")));
	result->rr_quantum_ns = config_key_ns(scheduler, "rr_quantum_ms");
	result->min_charge_ns = config_key_ns(scheduler, "min_charge_ms");
	result->quantum_ns = config_key_ns(scheduler, "quantum_ms");
	result->gang_quantum_ns = config_key_ns(scheduler, "gang_quantum_ms");
	result->np_cap_ns = config_key_ns(scheduler, "np_cap_ms"); /* "auto": 0 */
	result->lag_ns = config_key_ns(scheduler, "lag_ms");
	result->ageing_ns = config_key_ns(scheduler, "ageing_ms");
	result->patience_ns = config_key_ns(scheduler, "patience_ms");
	result->shed_margin_ns = config_key_ns(scheduler, "shed_margin_ms");
	result->hold_factor = number(scheduler, "hold_factor");
	result->long_factor = number(scheduler, "long_factor");
	result->short_umax = number(scheduler, "short_umax");
	result->backfill_margin = number(scheduler, "backfill_margin");
	result->rt_cap = number(scheduler, "rt_cap");
	result->admit_margin = number(scheduler, "admit_margin");
	result->probe_every = (unsigned)number(scheduler, "probe_every");
	result->has_admission = json_is_true(json_object_get(scheduler, "admission"));
	result->is_moldable = json_is_true(json_object_get(scheduler, "moldable"));
	result->has_bandwidth_guard = json_is_true(json_object_get(scheduler, "bandwidth_guard"));
}

static void read_domains(const json_t *domains, struct config *config)
{
	struct scheduler_config *result = &config->scheduler;

	config->sessions.domain_scope = config_key_choice(domains, "scope", config_domain_scopes);
	config->sessions.refuses_to_share =
		strcmp(json_string_value(json_object_get(domains, "when_taken")), "refuse") == 0;
	/* "auto" is no number, so 0. */
	result->epoch_ns = config_key_ns(domains, "epoch_ms");
	result->affinity_ns = config_key_ns(domains, "affinity_ms");
	result->affinity_max_ns = config_key_ns(domains, "affinity_max_ms");
}

static void read_predict(const json_t *predict, struct config *config)
{
	struct predict_config *result = &config->scheduler.predict;

	result->window = (unsigned)number(predict, "window");
	result->known_after = (unsigned)number(predict, "known_after");
	result->default_ns = config_key_ns(predict, "default_ms");
	result->n_kinds = PREDICT_SAMPLES_MAX / result->window;
	if (result->n_kinds > PREDICT_KINDS_MAX)
		result->n_kinds = PREDICT_KINDS_MAX;
}

static int read_watchdog(struct json_reader *reader, const json_t *watchdog, struct config *config)
{
	struct watchdog_config *result = &config->scheduler.watchdog;

	result->floor_ns = config_key_ns(watchdog, "floor_ms");
	result->cap_ns = config_key_ns(watchdog, "cap_ms");
	result->unknown_ns = config_key_ns(watchdog, "unknown_ms");
	result->slack_ns = config_key_ns(watchdog, "slack_ms");
	result->factor = number(watchdog, "factor");
	if (result->floor_ns > result->cap_ns)
		return json_reader_fail(reader, "watchdog.floor_ms",
					"%.15g is out of range (allowed: up to cap_ms, %.15g)",
					(double)result->floor_ns / 1e6,
					(double)result->cap_ns / 1e6);
	if (result->unknown_ns > result->cap_ns)
		return json_reader_note(
			reader, "watchdog.unknown_ms", "%.15g is above cap_ms, %.15g, which holds",
			(double)result->unknown_ns / 1e6, (double)result->cap_ns / 1e6);
	return 0;
}

/* A threshold, 0 is never; what the file leaves out is no higher than the one after it. */
static unsigned threshold(const json_t *watchdog, const char *key, unsigned fallback, unsigned most)
{
	const json_t *value = json_object_get(watchdog, key);

	if (json_is_integer(value))
		return json_integer_value(value) ? (unsigned)json_integer_value(value) : UINT_MAX;
	return fallback < most ? fallback : most;
}

static const char *strikes_text(const json_t *watchdog, const char *key, char *buffer, size_t size)
{
	json_int_t strikes = json_integer_value(json_object_get(watchdog, key));

	if (!strikes)
		return "0, never,";
	snprintf(buffer, size, "%" JSON_INTEGER_FORMAT, strikes);
	return buffer;
}

static int read_quarantine(struct json_reader *reader, const json_t *watchdog,
			   struct quarantine *result)
{
	char text[32];

	*result = quarantine_default();
	result->close_after =
		threshold(watchdog, "close_after", (unsigned)number(watchdog, "strikes"), UINT_MAX);
	result->suspend_after =
		threshold(watchdog, "suspend_after", result->suspend_after, result->close_after);
	result->slow_after =
		threshold(watchdog, "slow_after", result->slow_after, result->suspend_after);
	result->pause_ns = config_key_ns(watchdog, "quarantine_ms");
	result->pause_max_ns = config_key_ns(watchdog, "quarantine_max_ms");
	if (result->slow_after > result->suspend_after)
		return json_reader_fail(reader, "watchdog.slow_after",
					"%s is out of range (allowed: up to suspend_after, %u)",
					strikes_text(watchdog, "slow_after", text, sizeof(text)),
					result->suspend_after);
	if (result->suspend_after > result->close_after)
		return json_reader_fail(reader, "watchdog.suspend_after",
					"%s is out of range (allowed: up to close_after, %u)",
					strikes_text(watchdog, "suspend_after", text, sizeof(text)),
					result->close_after);
	return 0;
}

static int read_incidents(struct json_reader *reader, const json_t *incidents,
			  struct incident_config *result)
{
	const char *directory = json_string_value(json_object_get(incidents, "directory"));

	result->count_max = (unsigned)number(incidents, "count_max");
	result->bytes_max = (uint64_t)json_integer_value(json_object_get(incidents, "bytes_max"));
	result->has_directory = directory != NULL;
	if (!directory)
		return 0;
	if (*directory && *directory != '/')
		return json_reader_fail(reader, "incidents.directory",
					"'%.100s' is not allowed (allowed: an absolute path, or "
					"\"\" for none)",
					directory);
	snprintf(result->directory, sizeof(result->directory), "%s", directory);
	return 0;
}

static void read_quota(const json_t *object, struct quota *quota)
{
	const struct {
		const char *key;
		uint64_t *value;
	} rows[] = {
		{"bytes_per_session", &quota->bytes_per_session},
		{"iova_bytes_per_session", &quota->iova_bytes_per_session},
		{"bos_per_session", &quota->bos_per_session},
		{"fences_per_session", &quota->fences_per_session},
		{"jobs_per_session", &quota->jobs_per_session},
		{"jobs_per_tenant", &quota->jobs_per_tenant},
		{"sessions_per_uid", &quota->sessions_per_uid},
		{"jobs_total", &quota->jobs_total},
		{"tasks_per_job", &quota->tasks_per_job},
		{"requests_per_s", &quota->requests_per_s},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const json_t *value = json_object_get(object, rows[i].key);

		if (value)
			*rows[i].value = (uint64_t)json_integer_value(value);
	}
	if (json_object_get(object, "queued_ms_per_tenant"))
		quota->queued_ns_per_tenant = config_key_ns(object, "queued_ms_per_tenant");
}

/* What a class does not say is as for everybody. */
static void read_class_quotas(const json_t *classes, struct session_policy *policy)
{
	for (unsigned i = 0; i < policy->n_classes; i++) {
		struct class *class = &policy->classes[i];
		const json_t *quota =
			json_object_get(json_object_get(classes, class->name), "quota");

		class->has_quota = json_object_size(quota) > 0;
		class->quota = policy->quota;
		read_quota(quota, &class->quota);
	}
}

/* `config` may be half filled when this fails; config_deinit() has to be called in any case. */
static int read_document(struct json_reader *reader, json_t *document, struct config *config)
{
	int r;

	r = read_device(reader, json_object_get(document, "device"), config);
	if (r == 0) {
		read_scheduler(json_object_get(document, "scheduler"), config);
		read_predict(json_object_get(document, "predict"), config);
		r = read_watchdog(reader, json_object_get(document, "watchdog"), config);
	}
	if (r == 0)
		r = config_classes_read(reader, document, &config->scheduler, &config->sessions);
	if (r == 0)
		r = read_quarantine(reader, json_object_get(document, "watchdog"),
				    &config->sessions.quarantine);
	if (r == 0)
		r = read_incidents(reader, json_object_get(document, "incidents"),
				   &config->incidents);
	if (r == 0) {
		read_quota(json_object_get(document, "quota"), &config->sessions.quota);
		read_domains(json_object_get(document, "domains"), config);
		read_class_quotas(json_object_get(document, "classes"), &config->sessions);
	}
	return r;
}

/* ---- text -> document ---- */

/* A cap that is lower than the default for tasks of unknown duration lowers that too. */
static int prepare_watchdog(json_t *watchdog)
{
	json_t *cap = json_object_get(watchdog, "cap_ms");

	if (!json_is_number(cap) || json_number_value(cap) >= UNKNOWN_MS ||
	    json_object_get(watchdog, "unknown_ms"))
		return 0;
	return json_object_set(watchdog, "unknown_ms", cap) < 0 ? -ENOMEM : 0;
}

static int check_text(struct json_reader *reader, const char *text, size_t length,
		      json_t **ret_document)
{
	json_t *document;
	int r;

	if (length > FILE_MAX_BYTES)
		return json_reader_fail(reader, "", "is longer than %u bytes", FILE_MAX_BYTES);
	r = json_reader_parse(reader, text, length, &document);
	if (r < 0)
		return r;
	if (json_is_object(document)) {
		r = config_classes_prepare(document);
		if (r == 0)
			r = prepare_watchdog(json_object_get(document, "watchdog"));
	}
	if (r == 0)
		r = json_reader_complete(reader, config_keys, document, ret_document);
	json_decref(document);
	return r;
}

static int parse(struct json_reader *reader, const char *text, size_t length, struct config *config)
{
	struct config result = {0};
	json_t *document = NULL;
	int r;

	r = check_text(reader, text, length, &document);
	if (r < 0)
		return r;
	result.effective = document;
	r = read_document(reader, document, &result);
	if (r < 0) {
		config_deinit(&result);
		return r;
	}
	result.not_in_effect = json_incref(reader->notes);
	*config = result;
	return 0;
}

int config_parse(const char *name, const char *text, size_t length, struct config *config,
		 struct config_error *ret_error)
{
	struct json_reader reader;
	int r;

	r = json_reader_init(&reader, name);
	if (r == 0)
		r = parse(&reader, text, length, config);
	if (r == -ENOMEM)
		json_reader_fail(&reader, "", "%s", strerror(ENOMEM));
	if (r < 0)
		snprintf(ret_error->text, sizeof(ret_error->text), "%s", reader.error);
	json_reader_deinit(&reader);
	return r;
}

int config_init_default(struct config *config)
{
	struct config_error error;

	return config_parse("built-in policy", "{}", 2, config, &error);
}

void config_deinit(struct config *config)
{
	session_policy_deinit(&config->sessions);
	json_decref(config->effective);
	json_decref(config->not_in_effect);
	*config = (struct config){0};
}

/* ---- file -> text ---- */

/* Reads up to FILE_MAX_BYTES + 1, so that a longer file is seen to be one. */
static int read_all(int fd, char *buffer, size_t *ret_length)
{
	size_t length = 0;

	while (length <= FILE_MAX_BYTES) {
		ssize_t n = read(fd, buffer + length, FILE_MAX_BYTES + 1 - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	*ret_length = length;
	return 0;
}

/* A pipe or a device could make the daemon wait, so it must be a regular file. */
static int open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		r = -ENODEV;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int read_file(const char *path, char *buffer, size_t *ret_length)
{
	int fd = open_regular(path), r;

	if (fd < 0)
		return fd;
	r = read_all(fd, buffer, ret_length);
	close(fd);
	return r;
}

int config_load(const char *path, struct config *config, struct config_error *ret_error)
{
	char *text = malloc(FILE_MAX_BYTES + 1);
	size_t length = 0;
	int r;

	r = text ? read_file(path, text, &length) : -ENOMEM;
	if (r < 0)
		snprintf(ret_error->text, sizeof(ret_error->text), "%.200s: %s", path,
			 r == -ENODEV ? "not a regular file" : strerror(-r));
	else
		r = config_parse(path, text, length, config, ret_error);
	free(text);
	return r;
}
