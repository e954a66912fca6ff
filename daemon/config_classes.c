/* SPDX-License-Identifier: MIT */
/*
 * A rule whose user or group this machine does not have can never fit: it is left out and noted, so
 * that one policy file serves many machines.
 */
#include "daemon/config_classes.h"

#include "daemon/config_keys.h"
#include "daemon/principal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 96

static const char default_class[] = "default";

static int set_new(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

int config_classes_prepare(json_t *document)
{
	json_t *classes = json_object_get(document, "classes");
	bool has_match = json_object_get(document, "match") != NULL;
	int r = 0;

	if (!classes)
		return set_new(document, "classes", json_pack("{s:{}}", default_class)) < 0
			       ? -ENOMEM
			       : config_classes_prepare(document);
	if (has_match)
		return 0;
	if (json_is_object(classes) && !json_object_get(classes, default_class))
		r = set_new(classes, default_class, json_object());
	if (r == 0)
		r = set_new(document, "match", json_pack("[{s:s}]", "class", default_class));
	return r;
}

/* ---- classes ---- */

static uint32_t core_set(const json_t *cores)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < json_array_size(cores); i++)
		mask |= 1u << json_integer_value(json_array_get(cores, i));
	return mask;
}

static double class_weight(const json_t *object, enum class_kind kind)
{
	const json_t *weight = json_object_get(object, "weight");

	if (weight)
		return json_number_value(weight);
	return kind == CLASS_BACKGROUND ? 0.25 : 1;
}

static void read_class(const char *name, const json_t *object, struct class *class)
{
	const json_t *cores = json_object_get(object, "cores");
	const json_t *sliceable = json_object_get(object, "sliceable");
	struct queue_params *queue = &class->queue;

	snprintf(class->name, sizeof(class->name), "%s", name);
	class->kind = config_key_choice(object, "kind", config_class_kinds);
	class->is_requestable = json_is_true(json_object_get(object, "requestable"));
	if (sliceable)
		class->slice_rule = json_is_true(sliceable) ? SLICE_ALWAYS : SLICE_NEVER;
	class->is_validated = json_is_true(json_object_get(object, "validate"));
	queue->kind = (enum queue_kind) class->kind;
	queue->deadline_ns = config_key_ns(object, "deadline_ms");
	if (json_object_get(object, "late"))
		queue->late_rule = LATE_DROP + config_key_choice(object, "late", config_late_rules);
	class->depth = (unsigned)json_integer_value(json_object_get(object, "depth"));
	class->replaces_oldest =
		strcmp(json_string_value(json_object_get(object, "replace")), "oldest") == 0;
	queue->weight = class_weight(object, class->kind);
	queue->has_own_cores = cores != NULL;
	queue->core_mask = cores ? core_set(cores) : (1u << CONFIG_CORES_MAX) - 1;
	queue->max_cores = (unsigned)json_integer_value(json_object_get(object, "max_cores"));
	queue->core_mask_rule = config_key_choice(object, "core_mask", config_core_mask_rules);
	queue->watchdog_cap_ns = config_key_ns(object, "watchdog_cap_ms");
}

/* A class that names a policy gets the one that runs for all. */
static int note_class_policy(struct json_reader *reader, const char *name, const json_t *object,
			     const char *policy_name)
{
	const char *wanted = json_string_value(json_object_get(object, "policy"));
	char path[PATH_MAX_BYTES];

	if (!wanted || strcmp(wanted, policy_name) == 0)
		return 0;
	snprintf(path, sizeof(path), "classes.%s.policy", name);
	return json_reader_note(reader, path,
				"'%s' is not in effect yet, '%s' runs for every class", wanted,
				policy_name);
}

static int read_classes(struct json_reader *reader, json_t *classes, const char *policy_name,
			struct session_policy *policy)
{
	const char *name;
	json_t *object;
	int r;

	policy->classes = calloc(json_object_size(classes), sizeof(*policy->classes));
	if (!policy->classes)
		return -ENOMEM;
	json_object_foreach (classes, name, object) {
		struct class *class = &policy->classes[policy->n_classes++];

		read_class(name, object, class);
		r = 0;
		if (!json_object_get(object, "weight"))
			r = set_new(object, "weight", json_real(class->queue.weight));
		if (r == 0)
			r = note_class_policy(reader, name, object, policy_name);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- match ---- */

typedef int (*principal_function)(const char *name, uint32_t *ret_id);

/* A user or group by name or number. -ENOENT, with a note, when this machine has none of it. */
static int read_principal(struct json_reader *reader, const char *path, const json_t *value,
			  principal_function find, uint32_t *ret_id)
{
	const char *name = json_string_value(value);
	int r;

	if (!name) {
		*ret_id = (uint32_t)json_integer_value(value);
		return 0;
	}
	r = find(name, ret_id);
	if (r == -ENOENT) {
		const char *noun = find == principal_find_user ? "user" : "group";

		r = json_reader_note(reader, path, "no %s '%s' on this machine, so it fits nobody",
				     noun, name);
		return r < 0 ? r : -ENOENT;
	}
	if (r < 0 && r != -ENOMEM)
		return json_reader_fail(reader, path, "cannot look up '%s': %s", name,
					strerror(-r));
	return r;
}

static int read_rule_ids(struct json_reader *reader, const char *path, const json_t *object,
			 struct match_rule *rule)
{
	const json_t *uid = json_object_get(object, "uid"), *gid = json_object_get(object, "gid");
	char key[PATH_MAX_BYTES];
	int r = 0;

	rule->has_uid = uid != NULL;
	rule->has_gid = gid != NULL;
	snprintf(key, sizeof(key), "%s.uid", path);
	if (uid)
		r = read_principal(reader, key, uid, principal_find_user, &rule->uid);
	if (r < 0)
		return r;
	snprintf(key, sizeof(key), "%s.gid", path);
	if (gid)
		r = read_principal(reader, key, gid, principal_find_group, &rule->gid);
	return r;
}

static void copy_text(const json_t *object, const char *key, char *buffer)
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(buffer, MATCH_TEXT_MAX, "%s", text ? text : "");
}

static int read_rule_texts(struct json_reader *reader, const char *path, const json_t *object,
			   struct match_rule *rule)
{
	char key[PATH_MAX_BYTES];

	copy_text(object, "cgroup", rule->cgroup);
	copy_text(object, "comm", rule->comm);
	copy_text(object, "socket", rule->socket);
	if (rule->cgroup[0] && rule->cgroup[0] != '/') {
		snprintf(key, sizeof(key), "%s.cgroup", path);
		return json_reader_fail(reader, key, "'%.60s' does not start with /", rule->cgroup);
	}
	if (strchr(rule->comm, '/')) {
		snprintf(key, sizeof(key), "%s.comm", path);
		return json_reader_fail(reader, key,
					"'%s' is a path (allowed: the executable's name alone)",
					rule->comm);
	}
	return 0;
}

static int fail_class(struct json_reader *reader, const char *path, const char *name,
		      const struct session_policy *policy)
{
	char key[PATH_MAX_BYTES], names[256] = "";

	snprintf(key, sizeof(key), "%s.class", path);
	for (unsigned i = 0; i < policy->n_classes; i++) {
		size_t used = strlen(names);

		snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
			 policy->classes[i].name);
	}
	return json_reader_fail(reader, key, "no class '%s' (allowed: %s)", name, names);
}

static int read_rule_class(struct json_reader *reader, const char *path, const json_t *object,
			   const struct session_policy *policy, struct match_rule *rule)
{
	const char *name = json_string_value(json_object_get(object, "class"));

	for (unsigned i = 0; i < policy->n_classes; i++) {
		if (strcmp(policy->classes[i].name, name) == 0) {
			rule->class_index = i;
			return 0;
		}
	}
	return fail_class(reader, path, name, policy);
}

/* The last rule, and only that, fits everybody: a rule behind it would never be reached. */
static int check_conditions(struct json_reader *reader, const char *path, const json_t *object,
			    bool is_last)
{
	bool has_conditions = json_object_size(object) > 1;

	if (is_last && has_conditions)
		return json_reader_fail(reader, path,
					"the last rule must fit everybody (allowed: only 'class')");
	if (!is_last && !has_conditions)
		return json_reader_fail(reader, path,
					"fits everybody, so the rules after it are never reached "
					"(allowed: only as the last rule)");
	return 0;
}

static int read_rule(struct json_reader *reader, const json_t *rules, size_t index,
		     struct session_policy *policy)
{
	struct match_rule *rule = &policy->rules[policy->n_rules];
	const json_t *object = json_array_get(rules, index);
	char path[PATH_MAX_BYTES / 2];
	int r;

	snprintf(path, sizeof(path), "match[%zu]", index);
	r = check_conditions(reader, path, object, index + 1 == json_array_size(rules));
	if (r == 0)
		r = read_rule_class(reader, path, object, policy, rule);
	if (r == 0)
		r = read_rule_texts(reader, path, object, rule);
	if (r == 0)
		r = read_rule_ids(reader, path, object, rule);
	if (r == 0)
		policy->n_rules++;
	else if (r == -ENOENT)
		*rule = (struct match_rule){0};
	return r == -ENOENT ? 0 : r;
}

static int read_rules(struct json_reader *reader, const json_t *rules,
		      struct session_policy *policy)
{
	size_t n = json_array_size(rules);
	int r = 0;

	policy->rules = calloc(n, sizeof(*policy->rules));
	if (!policy->rules)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = read_rule(reader, rules, i, policy);
	return r;
}

static int read_admin_group(struct json_reader *reader, const json_t *document,
			    struct session_policy *policy)
{
	const json_t *group = json_object_get(document, "admin_group");
	int r;

	if (!group)
		return 0;
	r = read_principal(reader, "admin_group", group, principal_find_group, &policy->admin_gid);
	policy->has_admin_gid = r == 0;
	return r == -ENOENT ? 0 : r;
}

int config_classes_read(struct json_reader *reader, json_t *document, const char *policy_name,
			struct session_policy *ret_policy)
{
	struct session_policy policy = {0};
	int r;

	r = read_classes(reader, json_object_get(document, "classes"), policy_name, &policy);
	if (r == 0)
		r = read_rules(reader, json_object_get(document, "match"), &policy);
	if (r == 0)
		r = read_admin_group(reader, document, &policy);
	if (r < 0) {
		session_policy_deinit(&policy);
		return r;
	}
	*ret_policy = policy;
	return 0;
}
