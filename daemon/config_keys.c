/* SPDX-License-Identifier: MIT */
/*
 * The policy file as data. A key that is built later has `is_later`; the day something reads it,
 * that word goes away.
 */
#include "daemon/config_keys.h"

#include "daemon/config.h"
#include "scheduler/priority.h"

#include <string.h>

#define MS_MAX	       1e7 /* times in ms: under three hours */
#define COUNT_MAX      1048576
#define BYTES_MAX      1099511627776.0 /* 1 TiB */
#define IOVA_BYTES_MAX 4294967296.0
#define STRIKE_MAX     1000

_Static_assert(CONFIG_CORES_MAX == NPU_JOB_RANGES, "one core per range");
_Static_assert(NPU_JOB_TASKS_MAX == 65535, "the default of tasks_per_job below");
_Static_assert(JSON_NAME_MAX < NPU_NAME_MAX, "class names fit the protocol");

const char *const config_devices[] = {
	[CONFIG_DEVICE_AUTO] = "auto",	   [CONFIG_DEVICE_SOFT] = "soft",
	[CONFIG_DEVICE_TIMING] = "timing", [CONFIG_DEVICE_RKNPU] = "rknpu",
	[CONFIG_DEVICE_ROCKET] = "rocket", NULL,
};

const char *const config_soft_clocks[] = {
	[SOFT_CLOCK_HOST] = "host", [SOFT_CLOCK_RK3588] = "rk3588", NULL};

const char *const config_class_kinds[] = {
	[CLASS_RT] = "rt", [CLASS_NORMAL] = "normal", [CLASS_BACKGROUND] = "background", NULL};

const char *const config_core_mask_rules[] = {
	[CORE_MASK_DEMAND] = "demand",
	[CORE_MASK_WISH] = "wish",
	[CORE_MASK_IGNORE] = "ignore",
	NULL,
};

const char *const config_domain_scopes[] = {
	[DOMAIN_SESSION] = "session",
	[DOMAIN_UID] = "uid",
	[DOMAIN_CLASS] = "class",
	[DOMAIN_SHARED] = "shared",
	NULL,
};

const char *const config_late_rules[] = {"drop", "demote", "run", NULL};

static const char *const soft_caches[] = {"coherent", "incoherent", NULL};
static const char *const timing_domains[] = {"core", "device", NULL};
static const char *const domain_shortages[] = {"share", "refuse", NULL};
static const char *const policies[] = {"round-robin", "pinned", "gang", "fair", "deadline", NULL};
static const char *const steals[] = {"off", "idle", NULL};
static const char *const replacements[] = {"off", "oldest", NULL};

/* Each row: name, type, then what the type needs, the default, and whether it comes later. */
#define LATER		 .is_later = true
#define RANGE(low, high) .min = (low), .max = (high)

static const struct key_spec device_keys[] = {
	{"name", KEY_CHOICE, .choices = config_devices, .fallback = "\"auto\""},
	{"soft_clock", KEY_CHOICE, .choices = config_soft_clocks, .fallback = "\"host\""},
	{"soft_cache", KEY_CHOICE, .choices = soft_caches, .fallback = "\"coherent\""},
	{"timing_domains", KEY_CHOICE, .choices = timing_domains, .fallback = "\"core\""},
	{"timing_switch_ms", KEY_NUMBER, RANGE(0, 1000), .fallback = "0"},
	{"core_bandwidth", KEY_NUMBER, RANGE(0.001, 1000), .fallback = "10"},
	{"total_bandwidth", KEY_NUMBER, RANGE(0.001, 1000), .fallback = "20"},
	{NULL},
};

static const struct key_spec scheduler_keys[] = {
	{"policy", KEY_CHOICE, .choices = policies, .fallback = "\"fair\""},
	{"fallback", KEY_CHOICE, .choices = policies, .fallback = "\"round-robin\""},
	{"quantum_ms", KEY_NUMBER, RANGE(0.1, 10000), .fallback = "8"},
	{"gang_quantum_ms", KEY_NUMBER, RANGE(0.1, 10000), .fallback = "24"},
	{"rr_quantum_ms", KEY_NUMBER, RANGE(0.1, 10000), .fallback = "10"},
	{"hold_factor", KEY_NUMBER, RANGE(1, 100), .fallback = "2"},
	{"long_factor", KEY_NUMBER, RANGE(1, 100), .fallback = "4"},
	{"short_umax", KEY_NUMBER, RANGE(0, 1), .fallback = "0.70"},
	{"ageing_ms", KEY_NUMBER, RANGE(1, MS_MAX), .fallback = "1000"},
	{"patience_ms", KEY_NUMBER, RANGE(0, MS_MAX), .fallback = "10"},
	{"backfill_margin", KEY_NUMBER, RANGE(1, 10), .fallback = "1.1"},
	{"lag_ms", KEY_NUMBER, RANGE(0, MS_MAX), .fallback = "100"},
	{"min_charge_ms", KEY_NUMBER, RANGE(0.001, 1000), .fallback = "0.15"},
	{"commit_ahead_ms", KEY_NUMBER, RANGE(0, 1000), .fallback = "3", LATER},
	{"rt_cap", KEY_NUMBER, RANGE(0, 1), .fallback = "0.8"},
	{"admission", KEY_FLAG, .fallback = "true"},
	{"admit_margin", KEY_NUMBER, RANGE(0, 1), .fallback = "0.1"},
	{"shed_margin_ms", KEY_NUMBER, RANGE(0, MS_MAX), .fallback = "15"},
	{"probe_every", KEY_INTEGER, RANGE(1, COUNT_MAX), .fallback = "5"},
	{"bandwidth_guard", KEY_FLAG, .fallback = "true"},
	{"moldable", KEY_FLAG, .fallback = "true"},
	{"np_cap_ms", KEY_NUMBER_OR_AUTO, RANGE(0.1, MS_MAX), .fallback = "\"auto\""},
	{NULL},
};

static const struct key_spec domain_keys[] = {
	{"scope", KEY_CHOICE, .choices = config_domain_scopes, .fallback = "\"session\""},
	{"when_taken", KEY_CHOICE, .choices = domain_shortages, .fallback = "\"share\""},
	{"epoch_ms", KEY_NUMBER_OR_AUTO, RANGE(0.1, MS_MAX), .fallback = "\"auto\""},
	{"affinity_ms", KEY_NUMBER, RANGE(0, MS_MAX), .fallback = "2"},
	{"affinity_max_ms", KEY_NUMBER, RANGE(0, MS_MAX), .fallback = "10"},
	{NULL},
};

static const struct key_spec watchdog_keys[] = {
	{"floor_ms", KEY_NUMBER, RANGE(0.1, MS_MAX), .fallback = "20"},
	{"cap_ms", KEY_NUMBER, RANGE(1, MS_MAX), .fallback = "8000"},
	{"unknown_ms", KEY_NUMBER, RANGE(1, MS_MAX), .fallback = "2000"},
	{"factor", KEY_NUMBER, RANGE(1, 1000), .fallback = "3"},
	{"slack_ms", KEY_NUMBER, RANGE(0, MS_MAX), .fallback = "10"},
	{"strikes", KEY_INTEGER, RANGE(1, STRIKE_MAX), .fallback = "5"},
	{"quarantine_ms", KEY_NUMBER, RANGE(0, MS_MAX), .fallback = "1000"},
	{"quarantine_max_ms", KEY_NUMBER, RANGE(0, MS_MAX), .fallback = "64000"},
	{"slow_after", KEY_INTEGER, RANGE(0, STRIKE_MAX)},
	{"suspend_after", KEY_INTEGER, RANGE(0, STRIKE_MAX)},
	{"close_after", KEY_INTEGER, RANGE(0, STRIKE_MAX)},
	{NULL},
};

static const struct key_spec predict_keys[] = {
	{"window", KEY_INTEGER, RANGE(1, 4096), .fallback = "32"},
	{"known_after", KEY_INTEGER, RANGE(1, 4096), .fallback = "3"},
	{"default_ms", KEY_NUMBER, RANGE(0.001, MS_MAX), .fallback = "20"},
	{NULL},
};

static const struct key_spec quota_keys[] = {
	{"bytes_per_session", KEY_INTEGER, RANGE(4096, BYTES_MAX), .fallback = "1073741824"},
	{"iova_bytes_per_session", KEY_INTEGER, RANGE(4096, IOVA_BYTES_MAX),
	 .fallback = "4294967296"},
	{"bos_per_session", KEY_INTEGER, RANGE(1, COUNT_MAX), .fallback = "1024"},
	{"fences_per_session", KEY_INTEGER, RANGE(0, COUNT_MAX), .fallback = "256"},
	{"jobs_per_session", KEY_INTEGER, RANGE(1, COUNT_MAX), .fallback = "64"},
	{"jobs_per_tenant", KEY_INTEGER, RANGE(1, COUNT_MAX), .fallback = "256"},
	{"jobs_total", KEY_INTEGER, RANGE(1, COUNT_MAX), .fallback = "4096"},
	{"tasks_per_job", KEY_INTEGER, RANGE(1, NPU_JOB_TASKS_MAX), .fallback = "65535"},
	{"sessions_per_uid", KEY_INTEGER, RANGE(1, COUNT_MAX), .fallback = "256"},
	{"requests_per_s", KEY_INTEGER, RANGE(0, 1e9), .fallback = "0"},
	{"queued_ms_per_tenant", KEY_NUMBER, RANGE(1, 1e9), .fallback = "10000"},
	{NULL},
};

/* No defaults: what is missing is taken from `quota`. */
const struct key_spec config_class_quota_keys[] = {
	{"bytes_per_session", KEY_INTEGER, RANGE(4096, BYTES_MAX)},
	{"iova_bytes_per_session", KEY_INTEGER, RANGE(4096, IOVA_BYTES_MAX)},
	{"bos_per_session", KEY_INTEGER, RANGE(1, COUNT_MAX)},
	{"fences_per_session", KEY_INTEGER, RANGE(0, COUNT_MAX)},
	{"jobs_per_session", KEY_INTEGER, RANGE(1, COUNT_MAX)},
	{"jobs_per_tenant", KEY_INTEGER, RANGE(1, COUNT_MAX)},
	{"tasks_per_job", KEY_INTEGER, RANGE(1, NPU_JOB_TASKS_MAX)},
	{"requests_per_s", KEY_INTEGER, RANGE(0, 1e9)},
	{NULL},
};

static const struct key_spec class_keys[] = {
	{"kind", KEY_CHOICE, .choices = config_class_kinds, .fallback = "\"normal\""},
	{"policy", KEY_CHOICE, .choices = policies},
	{"weight", KEY_NUMBER, RANGE(0.001, 1000)}, /* its default depends on the kind */
	{"cores", KEY_SET, RANGE(0, CONFIG_CORES_MAX - 1)},
	{"max_cores", KEY_INTEGER, RANGE(1, CONFIG_CORES_MAX), .fallback = "3"},
	{"core_mask", KEY_CHOICE, .choices = config_core_mask_rules, .fallback = "\"demand\""},
	{"requestable", KEY_FLAG, .fallback = "false"},
	{"watchdog_cap_ms", KEY_NUMBER, RANGE(1, MS_MAX)},
	{"quota", KEY_OBJECT, .members = config_class_quota_keys},
	{"priority", KEY_INTEGER, RANGE(0, PRIORITY_MAX), .fallback = "0"},
	{"steal", KEY_CHOICE, .choices = steals, .fallback = "\"off\""},
	{"gang_widths", KEY_SET, RANGE(1, CONFIG_CORES_MAX), .fallback = "[1, 2, 3]"},
	{"deadline_ms", KEY_NUMBER, RANGE(0.1, MS_MAX)},
	{"period_ms", KEY_NUMBER, RANGE(0.1, MS_MAX)},
	{"run_ms", KEY_NUMBER, RANGE(0.01, MS_MAX)},
	{"late", KEY_CHOICE, .choices = config_late_rules, .fallback = "\"drop\""},
	{"depth", KEY_INTEGER, RANGE(1, COUNT_MAX)},
	{"replace", KEY_CHOICE, .choices = replacements, .fallback = "\"off\""},
	{"sliceable", KEY_FLAG},
	{"validate", KEY_FLAG, .fallback = "false"},
	{NULL},
};

static const struct key_spec rule_keys[] = {
	{"uid", KEY_TEXT_OR_INTEGER, RANGE(1, MATCH_TEXT_MAX - 1)},
	{"gid", KEY_TEXT_OR_INTEGER, RANGE(1, MATCH_TEXT_MAX - 1)},
	{"cgroup", KEY_TEXT, RANGE(1, MATCH_TEXT_MAX - 1)},
	{"comm", KEY_TEXT, RANGE(1, sizeof(((struct identity *)NULL)->comm) - 1)},
	{"socket", KEY_TEXT, RANGE(1, MATCH_TEXT_MAX - 1)},
	{"class", KEY_TEXT, RANGE(1, JSON_NAME_MAX), .is_required = true},
	{NULL},
};

static const struct key_spec incident_keys[] = {
	{"directory", KEY_TEXT, RANGE(0, INCIDENT_PATH_MAX - 1)},
	{"count_max", KEY_INTEGER, RANGE(1, 100000), .fallback = "64"},
	{"bytes_max", KEY_INTEGER, RANGE(65536, BYTES_MAX), .fallback = "4194304"},
	{NULL},
};

const struct key_spec config_keys[] = {
	{"version", KEY_INTEGER, RANGE(1, 1), .fallback = "1"},
	{"description", KEY_TEXT, RANGE(0, 1000), .fallback = "\"\""},
	{"admin_group", KEY_TEXT_OR_INTEGER, RANGE(1, MATCH_TEXT_MAX - 1)},
	{"device", KEY_OBJECT, .members = device_keys},
	{"scheduler", KEY_OBJECT, .members = scheduler_keys},
	{"domains", KEY_OBJECT, .members = domain_keys},
	{"watchdog", KEY_OBJECT, .members = watchdog_keys},
	{"incidents", KEY_OBJECT, .members = incident_keys},
	{"predict", KEY_OBJECT, .members = predict_keys},
	{"quota", KEY_OBJECT, .members = quota_keys},
	{"classes", KEY_MAP, RANGE(1, CONFIG_CLASSES_MAX), .members = class_keys},
	{"match", KEY_LIST, RANGE(1, CONFIG_RULES_MAX), .members = rule_keys},
	{NULL},
};

uint64_t config_key_ns(const json_t *object, const char *key_ms)
{
	return (uint64_t)(json_number_value(json_object_get(object, key_ms)) * 1e6 + 0.5);
}

unsigned config_key_choice(const json_t *object, const char *key, const char *const *choices)
{
	const char *text = json_string_value(json_object_get(object, key));
	unsigned i = 0;

	while (choices[i + 1] && strcmp(choices[i], text) != 0)
		i++;
	return i;
}
