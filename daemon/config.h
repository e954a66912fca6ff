/* SPDX-License-Identifier: MIT */
/*
 * The policy file: JSON text -> struct config. Every limit of the file is checked here; whoever
 * reads a struct config need not check again.
 *
 * Unknown keys, wrong types, values out of range are errors that name the file, the line or the
 * path inside the document, what was found and what is allowed. Keys of parts that are not built
 * yet are checked and accepted, and listed in `not_in_effect`.
 */
#ifndef NPUD_DAEMON_CONFIG_H
#define NPUD_DAEMON_CONFIG_H

#include "device/soft/soft.h"
#include "scheduler/scheduler.h"
#include "sessions/class.h"

#include <jansson.h>

enum config_device {
	CONFIG_DEVICE_AUTO,
	CONFIG_DEVICE_SOFT,
	CONFIG_DEVICE_TIMING,
	CONFIG_DEVICE_RKNPU,
	CONFIG_DEVICE_ROCKET,
};

#define INCIDENT_PATH_MAX 1024

struct incident_config {
	bool has_directory;		   /* else the daemon chooses one */
	char directory[INCIDENT_PATH_MAX]; /* "": keep none */
	unsigned count_max;
	uint64_t bytes_max;
};

struct config {
	enum config_device device;
	struct soft_options soft;
	bool timing_has_one_domain;
	uint64_t timing_switch_ns;
	struct scheduler_config scheduler;
	const struct policy_ops *fallback; /* where the device cannot honour the policy */
	struct session_policy sessions;
	struct incident_config incidents;
	json_t *effective;     /* the whole policy with every default, for `npuctl policy show` */
	json_t *not_in_effect; /* array of strings: "scheduler.quantum_ms: …" */
};

struct config_error {
	char text[512]; /* "FILE:LINE: …" or "FILE: PATH: …", one line */
};

/* What npud runs with without a policy file. -ENOMEM. */
int config_init_default(struct config *config);
/* Reads a file. `config` is untouched on failure: -EINVAL with *ret_error, -ENOENT, -EACCES, … */
int config_load(const char *path, struct config *config, struct config_error *ret_error);
/* The same from text; `name` stands for the file in messages. Never crashes on any bytes. */
int config_parse(const char *name, const char *text, size_t length, struct config *config,
		 struct config_error *ret_error);
/* Safe on a zeroed struct. */
void config_deinit(struct config *config);

/* "auto", "soft", "timing", "rknpu", "rocket"; -EINVAL otherwise. */
int config_device_parse(const char *name, enum config_device *ret_device);

#endif
