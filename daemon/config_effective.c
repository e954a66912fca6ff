/* SPDX-License-Identifier: MIT */
/*
 * Keys whose default is another key, or the device's: written out where they are left out. What is
 * still missing then means "none" or "as each job says", which no value of the key says.
 */
#include "daemon/config_effective.h"

#include "daemon/config_keys.h"
#include "scheduler/policy.h"

#include <errno.h>
#include <limits.h>

/* Drops `value`; keeps what is there. */
static int set_missing(json_t *object, const char *key, json_t *value)
{
	if (json_object_get(object, key)) {
		json_decref(value);
		return 0;
	}
	return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

static int spell_out_quota(json_t *quota, const json_t *everybodys)
{
	const struct key_spec *spec = config_class_quota_keys;
	int r = 0;

	for (; r == 0 && spec->name; spec++)
		r = set_missing(quota, spec->name,
				json_copy(json_object_get(everybodys, spec->name)));
	return r;
}

/* Under `pinned` every core is not what a class without `cores` gets. */
static bool has_all_cores(const struct config *config, const struct queue_params *queue)
{
	return config->scheduler.policy != &policy_pinned && queue->order != &policy_pinned;
}

static json_t *all_cores(unsigned n_cores)
{
	json_t *cores = json_array();

	for (unsigned i = 0; i < n_cores; i++) {
		if (json_array_append_new(cores, json_integer(i)) < 0) {
			json_decref(cores);
			return NULL;
		}
	}
	return cores;
}

static int spell_out_class(const struct config *config, const struct class *class, unsigned n_cores)
{
	json_t *document = config->effective;
	json_t *object = json_object_get(json_object_get(document, "classes"), class->name);
	const json_t *cap = json_object_get(json_object_get(document, "watchdog"), "cap_ms");
	int r;

	r = set_missing(object, "watchdog_cap_ms", json_copy((json_t *)cap));
	if (r == 0 && has_all_cores(config, &class->queue))
		r = set_missing(object, "cores", all_cores(n_cores));
	if (r == 0)
		r = spell_out_quota(json_object_get(object, "quota"),
				    json_object_get(document, "quota"));
	return r;
}

static json_t *threshold(unsigned strikes)
{
	return json_integer(strikes == UINT_MAX ? 0 : strikes);
}

static int spell_out_quarantine(json_t *watchdog, const struct quarantine *quarantine)
{
	int r;

	r = set_missing(watchdog, "slow_after", threshold(quarantine->slow_after));
	if (r == 0)
		r = set_missing(watchdog, "suspend_after", threshold(quarantine->suspend_after));
	if (r == 0)
		r = set_missing(watchdog, "close_after", threshold(quarantine->close_after));
	return r;
}

int config_spell_out(struct config *config, unsigned n_cores)
{
	const struct session_policy *sessions = &config->sessions;
	int r;

	r = spell_out_quarantine(json_object_get(config->effective, "watchdog"),
				 &sessions->quarantine);
	for (unsigned i = 0; r == 0 && i < sessions->n_classes; i++)
		r = spell_out_class(config, &sessions->classes[i], n_cores);
	return r;
}

void config_set_effective(struct config *config, const char *section, const char *key,
			  const char *text)
{
	json_object_set_new(json_object_get(config->effective, section), key, json_string(text));
}
