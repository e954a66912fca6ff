/* SPDX-License-Identifier: MIT */
/*
 * Every key of the policy file: type, range, default, and whether anything reads it yet.
 * docs/policy-file.md explains them; deploy/policy.schema.json says the same to editors, and
 * tests/unit/test_config.c keeps both in step with this table.
 */
#ifndef NPUD_DAEMON_CONFIG_KEYS_H
#define NPUD_DAEMON_CONFIG_KEYS_H

#include "daemon/json_reader.h"

#include <stdint.h>

#define CONFIG_CORES_MAX   3 /* no device has more; a job has no more ranges either */
#define CONFIG_CLASSES_MAX 64
#define CONFIG_RULES_MAX   256

/* The document's top level. */
extern const struct key_spec config_keys[];
/* Those of `classes.*.quota`. */
extern const struct key_spec config_class_quota_keys[];

/* Choices in the order of their enums, NULL at the end. */
extern const char *const config_devices[];	   /* enum config_device, then those not built */
extern const char *const config_soft_clocks[];	   /* enum soft_clock */
extern const char *const config_class_kinds[];	   /* enum class_kind */
extern const char *const config_core_mask_rules[]; /* enum core_mask_rule */
extern const char *const config_domain_scopes[];   /* enum domain_scope */
extern const char *const config_late_rules[];	   /* enum late_rule, from LATE_DROP on */

/* Values of a checked document: the key's time as ns, its place among the choices. */
uint64_t config_key_ns(const json_t *object, const char *key_ms);
unsigned config_key_choice(const json_t *object, const char *key, const char *const *choices);

#endif
