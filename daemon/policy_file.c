/* SPDX-License-Identifier: MIT */
/*
 * A file is in force as a whole or not at all: what is wrong with it, or more than the device can
 * do, is found before anything has changed.
 */
#include "daemon/policy_file.h"

#include "api/incidents.h"
#include "base/log.h"
#include "daemon/config_device.h"
#include "daemon/config_effective.h"
#include "daemon/config_keys.h"
#include "daemon/npud.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_note(const json_t *notes, const json_t *note)
{
	const json_t *other;
	size_t i;

	json_array_foreach (notes, i, other) {
		if (json_equal(other, note))
			return true;
	}
	return false;
}

/* Those that the log does not have yet. */
static void log_not_in_effect(const struct config *config, const json_t *known)
{
	const json_t *item;
	char text[512];
	size_t i;

	json_array_foreach (config->not_in_effect, i, item) {
		if (!has_note(known, item))
			log_warning("policy_not_in_effect what=\"%s\"",
				    log_quote(json_string_value(item), text, sizeof(text)));
	}
}

/* What the command line says goes before the file. */
static void apply_options(const struct options *options, struct config *config)
{
	if (options->has_device) {
		config->device = options->device;
		config_set_effective(config, "device", "name", config_devices[options->device]);
	}
	if (options->has_soft_clock) {
		config->soft.clock = options->soft_clock;
		config_set_effective(config, "device", "soft_clock",
				     config_soft_clocks[options->soft_clock]);
	}
	if (options->has_soft_cache) {
		config->soft.is_incoherent = options->is_soft_incoherent;
		config_set_effective(config, "device", "soft_cache",
				     options->is_soft_incoherent ? "incoherent" : "coherent");
	}
}

/* ---- at the start ---- */

int policy_file_load(struct npud *npud)
{
	const struct options *options = &npud->options;
	struct config_error error = {0};
	int r;

	r = options->config_path ? config_load(options->config_path, &npud->config, &error)
				 : config_init_default(&npud->config);
	if (r < 0) {
		fprintf(stderr, "npud: policy: %s\n", *error.text ? error.text : strerror(-r));
		return r;
	}
	apply_options(options, &npud->config);
	return 0;
}

int policy_file_fit(struct npud *npud)
{
	const char *path = npud->options.config_path;
	struct config_error error = {""};
	int r = config_fit_device(path ? path : "built-in policy", &npud->device->caps,
				  &npud->config, &error);

	if (r < 0)
		fprintf(stderr, "npud: policy: %s\n", *error.text ? error.text : strerror(-r));
	/* Nobody asked for the defaults; `npuctl policy show` has what they lack. */
	else if (path)
		log_not_in_effect(&npud->config, NULL);
	return r;
}

void policy_file_open_incidents(struct npud *npud)
{
	const struct incident_config *wanted = &npud->config.incidents;
	const char *state = getenv("STATE_DIRECTORY");
	char path[INCIDENT_PATH_MAX + sizeof("/incidents")] = "", text[512];
	int r;

	if (wanted->has_directory)
		snprintf(path, sizeof(path), "%s", wanted->directory);
	else if (state && *state && !strchr(state, ':'))
		snprintf(path, sizeof(path), "%.*s/incidents", INCIDENT_PATH_MAX - 1, state);
	else if (npud->n_listeners)
		snprintf(path, sizeof(path), "%.*s.incidents", INCIDENT_PATH_MAX - 1,
			 npud->listeners[0]->path);
	r = incidents_set_directory(npud->incidents, path, wanted->count_max, wanted->bytes_max);
	config_set_effective(&npud->config, "incidents", "directory", path);
	if (r < 0)
		log_warning("incidents_not_kept directory=\"%s\" error=\"%s\"",
			    log_quote(path, text, sizeof(text)), strerror(-r));
}

/* ---- while npud runs ---- */

/* A file that the device can honour. */
static int read_config(const struct npud *npud, const char *path, struct config *ret_config,
		       struct config_error *error)
{
	int r = config_load(path, ret_config, error);

	if (r < 0)
		return r;
	r = config_fit_device(path, &npud->device->caps, ret_config, error);
	if (r < 0)
		config_deinit(ret_config);
	return r;
}

int policy_file_reload(struct npud *npud, char *ret_text, size_t size)
{
	const enum config_device old_device = npud->config.device;
	struct config fresh, old = npud->config;
	struct npu_error refusal;
	struct config_error error;
	int r;

	if (!npud->options.config_path) {
		snprintf(ret_text, size, "npud was started without --config");
		return -EINVAL;
	}
	r = read_config(npud, npud->options.config_path, &fresh, &error);
	if (r < 0) {
		snprintf(ret_text, size, "%s", error.text);
		log_error("policy_kept error=\"%s\"", error.text);
		return r;
	}
	apply_options(&npud->options, &fresh);
	/* Sessions point into the policy: they get the new one before the old one goes. */
	npud->config = fresh;
	r = sessions_apply_policy(npud->sessions, &npud->config.sessions, &npud->config.scheduler,
				  &refusal);
	if (r < 0) {
		npud->config = old;
		config_deinit(&fresh);
		snprintf(ret_text, size, "%.160s: scheduler.%s", npud->options.config_path,
			 refusal.message);
		log_error("policy_kept error=\"%s\"", ret_text);
		return r;
	}
	policy_file_open_incidents(npud);
	if (npud->config.device != old_device)
		log_warning("policy_not_in_effect what=\"device.name: needs a restart\"");
	log_info("policy_reloaded file=\"%s\"", npud->options.config_path);
	log_not_in_effect(&npud->config, old.not_in_effect);
	config_deinit(&old);
	return 0;
}
