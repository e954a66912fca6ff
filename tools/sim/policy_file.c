/* SPDX-License-Identifier: MIT */
/* A table says which key is which member of the configuration. */
#include "tools/sim/policy_file.h"

#include "base/clock.h"
#include "scheduler/policy.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum value_kind { VALUE_MS, VALUE_NUMBER, VALUE_COUNT, VALUE_FLAG };

static const struct row {
	const char *section, *key;
	enum value_kind kind;
	size_t offset;
	double min, max;
} rows[] = {
#define ROW(section, key, kind, member, min, max)                                                  \
	{                                                                                          \
		section, key, VALUE_##kind, offsetof(struct scheduler_config, member), min, max    \
	}
	ROW("scheduler", "quantum_ms", MS, quantum_ns, 0.1, 10000),
	ROW("scheduler", "gang_quantum_ms", MS, gang_quantum_ns, 0.1, 10000),
	ROW("scheduler", "rr_quantum_ms", MS, rr_quantum_ns, 0.1, 10000),
	ROW("scheduler", "patience_ms", MS, patience_ns, 0, 1e7),
	ROW("scheduler", "lag_ms", MS, lag_ns, 0, 1e7),
	ROW("scheduler", "min_charge_ms", MS, min_charge_ns, 0.001, 1000),
	ROW("scheduler", "shed_margin_ms", MS, shed_margin_ns, 0, 1e7),
	ROW("scheduler", "hold_factor", NUMBER, hold_factor, 1, 100),
	ROW("scheduler", "long_factor", NUMBER, long_factor, 1, 100),
	ROW("scheduler", "short_umax", NUMBER, short_umax, 0, 1),
	ROW("scheduler", "backfill_margin", NUMBER, backfill_margin, 1, 10),
	ROW("scheduler", "admit_margin", NUMBER, admit_margin, 0, 1),
	ROW("scheduler", "probe_every", COUNT, probe_every, 1, 1048576),
	ROW("scheduler", "admission", FLAG, has_admission, 0, 0),
	ROW("scheduler", "bandwidth_guard", FLAG, has_bandwidth_guard, 0, 0),
	ROW("scheduler", "moldable", FLAG, is_moldable, 0, 0),
	ROW("watchdog", "floor_ms", MS, watchdog.floor_ns, 0.1, 1e7),
	ROW("watchdog", "cap_ms", MS, watchdog.cap_ns, 1, 1e7),
	ROW("watchdog", "unknown_ms", MS, watchdog.unknown_ns, 1, 1e7),
	ROW("watchdog", "slack_ms", MS, watchdog.slack_ns, 0, 1e7),
	ROW("watchdog", "factor", NUMBER, watchdog.factor, 1, 1000),
#undef ROW
};

bool sim_policy_is_file(const char *name)
{
	size_t length = strlen(name);

	return strchr(name, '/') || (length > 5 && strcmp(name + length - 5, ".json") == 0);
}

static void store(const struct row *row, double value, struct scheduler_config *config)
{
	void *member = (char *)config + row->offset;

	switch (row->kind) {
	case VALUE_MS:
		*(uint64_t *)member = (uint64_t)(value * (double)NS_PER_MS);
		break;
	case VALUE_NUMBER:
		*(double *)member = value;
		break;
	case VALUE_COUNT:
		*(unsigned *)member = (unsigned)value;
		break;
	case VALUE_FLAG:
		*(bool *)member = value != 0;
		break;
	}
}

static int fail(struct sim_policy_error *error, const char *path, const struct row *row)
{
	if (row->kind == VALUE_FLAG)
		snprintf(error->text, sizeof(error->text), "%.100s: %s.%s: allowed: true, false",
			 path, row->section, row->key);
	else
		snprintf(error->text, sizeof(error->text), "%.100s: %s.%s: allowed: %s, %g to %g",
			 path, row->section, row->key,
			 row->kind == VALUE_COUNT ? "a whole number" : "a number", row->min,
			 row->max);
	return -EINVAL;
}

static int read_row(const char *path, const json_t *document, const struct row *row,
		    struct scheduler_config *config, struct sim_policy_error *error)
{
	const json_t *value = json_object_get(json_object_get(document, row->section), row->key);
	double number = json_number_value(value);

	if (!value)
		return 0;
	if (row->kind == VALUE_FLAG) {
		if (!json_is_boolean(value))
			return fail(error, path, row);
		number = json_is_true(value);
	} else if (!json_is_number(value) || !(number >= row->min && number <= row->max) ||
		   (row->kind == VALUE_COUNT && !json_is_integer(value))) {
		return fail(error, path, row);
	}
	store(row, number, config);
	return 0;
}

/* Without a name it is what npud takes then. */
static int read_policy(const char *path, const json_t *document, struct scheduler_config *config,
		       struct sim_policy_error *error)
{
	const json_t *name = json_object_get(json_object_get(document, "scheduler"), "policy");

	config->policy = name ? NULL : &policy_fair;
	if (json_is_string(name))
		config->policy = policy_find(json_string_value(name));
	if (config->policy)
		return 0;
	snprintf(error->text, sizeof(error->text), "%.100s: scheduler.policy: no such policy",
		 path);
	return -EINVAL;
}

int sim_policy_load(const char *path, struct scheduler_config *config,
		    struct sim_policy_error *ret_error)
{
	struct scheduler_config result = scheduler_config_default();
	json_error_t json_error;
	json_t *document = json_load_file(path, JSON_REJECT_DUPLICATES, &json_error);
	int r;

	if (!document && json_error.line < 0)
		snprintf(ret_error->text, sizeof(ret_error->text), "%.120s", json_error.text);
	else if (!document)
		snprintf(ret_error->text, sizeof(ret_error->text), "%.100s:%d: %.120s", path,
			 json_error.line, json_error.text);
	else if (!json_is_object(document))
		snprintf(ret_error->text, sizeof(ret_error->text), "%.100s: not an object", path);
	if (!json_is_object(document)) {
		json_decref(document);
		return -EINVAL;
	}
	r = read_policy(path, document, &result, ret_error);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && r == 0; i++)
		r = read_row(path, document, &rows[i], &result, ret_error);
	json_decref(document);
	if (r == 0)
		*config = result;
	return r;
}
