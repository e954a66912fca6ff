/* SPDX-License-Identifier: MIT */
/*
 * A rule whose user or group this machine does not have can never fit: it is left out and noted, so
 * that one policy file serves many machines.
 */
#include "daemon/config_classes.h"

#include "base/clock.h"
#include "daemon/config_keys.h"
#include "daemon/principal.h"
#include "scheduler/contract.h"
#include "scheduler/policy.h"

#include <errno.h>
#include <math.h>
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

/* A list of small numbers as bits. */
static uint32_t number_set(const json_t *numbers)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < json_array_size(numbers); i++)
		mask |= 1u << json_integer_value(json_array_get(numbers, i));
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
	queue->lends_cores =
		strcmp(json_string_value(json_object_get(object, "steal")), "idle") == 0;
	queue->period_ns = config_key_ns(object, "period_ms");
	queue->run_ns = config_key_ns(object, "run_ms");
	queue->gang_widths = number_set(json_object_get(object, "gang_widths"));
	queue->late_rule = LATE_DROP + config_key_choice(object, "late", config_late_rules);
	class->depth = (unsigned)json_integer_value(json_object_get(object, "depth"));
	class->replaces_oldest =
		strcmp(json_string_value(json_object_get(object, "replace")), "oldest") == 0;
	queue->weight = class_weight(object, class->kind);
	queue->priority = (unsigned)json_integer_value(json_object_get(object, "priority"));
	queue->has_own_cores = cores != NULL;
	queue->core_mask = cores ? number_set(cores) : (1u << CONFIG_CORES_MAX) - 1;
	queue->max_cores = (unsigned)json_integer_value(json_object_get(object, "max_cores"));
	queue->core_mask_rule = config_key_choice(object, "core_mask", config_core_mask_rules);
	queue->watchdog_cap_ns = config_key_ns(object, "watchdog_cap_ms");
}

/* The class's own policy, where it is another one than the scheduler's. */
static int read_class_policy(struct json_reader *reader, json_t *object, const char *name,
			     const struct policy_ops *policy, struct queue_params *queue)
{
	const char *wanted = json_string_value(json_object_get(object, "policy"));
	const struct policy_ops *order = wanted ? policy_find(wanted) : policy;
	char path[PATH_MAX_BYTES];

	if (!wanted && set_new(object, "policy", json_string(policy->name)) < 0)
		return -ENOMEM;
	if (order == policy)
		return 0;
	snprintf(path, sizeof(path), "classes.%s.policy", name);
	if (order == &policy_pinned && !queue->has_own_cores)
		return json_reader_fail(reader, path,
					"'pinned' inside '%s' needs cores to keep to (allowed: "
					"with 'cores' in the class, or as scheduler.policy)",
					policy->name);
	queue->order = order;
	return 0;
}

static double milliseconds(uint64_t ns)
{
	return (double)ns / NS_PER_MS;
}

static int fail_contract(struct json_reader *reader, const char *path,
			 const struct queue_params *queue, double left_cores,
			 const struct scheduler_config *scheduler)
{
	double run_ms = floor(left_cores * milliseconds(queue->period_ns) * 1000) / 1000;

	return json_reader_fail(reader, path,
				"%.15g every %.15g ms takes %.4g cores, and the classes before it "
				"leave %.4g (allowed: up to %.15g; rt_cap, %.15g, of %d cores are "
				"for one session of each class)",
				milliseconds(queue->run_ns), milliseconds(queue->period_ns),
				contract_cores(queue), left_cores, run_ms, scheduler->rt_cap,
				CONFIG_CORES_MAX);
}

/* A class with a contract: period_ms, and run_ms where core-time is reserved. */
static int check_contract(struct json_reader *reader, const char *name, const struct class *class,
			  const struct scheduler_config *scheduler, double *left_cores)
{
	const struct queue_params *queue = &class->queue;
	uint64_t most_ns = queue->deadline_ns * queue->max_cores;
	char path[PATH_MAX_BYTES];

	snprintf(path, sizeof(path), "classes.%s.%s", name, queue->run_ns ? "run_ms" : "period_ms");
	if (queue->run_ns && !queue->period_ns)
		return json_reader_fail(reader, path,
					"%.15g is reserved in no period (allowed: "
					"with 'period_ms')",
					milliseconds(queue->run_ns));
	if (class->kind != CLASS_RT)
		return json_reader_fail(reader, path,
					"the kind '%s' has no contract (allowed: "
					"with 'kind' rt)",
					config_class_kinds[class->kind]);
	if (!queue->run_ns)
		return 0;
	if (scheduler->policy != &policy_deadline)
		return json_reader_fail(reader, path,
					"'%s' cannot keep a reservation (allowed: "
					"with scheduler.policy deadline)",
					scheduler->policy->name);
	if (queue->run_ns > most_ns)
		return json_reader_fail(reader, path,
					"%.15g does not fit before the deadline "
					"(allowed: up to %.15g, deadline_ms on max_cores)",
					milliseconds(queue->run_ns), milliseconds(most_ns));
	if (contract_cores(queue) > *left_cores + 1e-9)
		return fail_contract(reader, path, queue, *left_cores, scheduler);
	*left_cores -= contract_cores(queue);
	return 0;
}

static void write_cores(uint32_t mask, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (unsigned i = 0; i < CONFIG_CORES_MAX && used < size; i++) {
		if (mask >> i & 1)
			used += (size_t)snprintf(buffer + used, size - used, "%s%u",
						 used ? ", " : "", i);
	}
}

/* How many cores at once, and which: they must leave a job that can run. */
static int check_masks(struct json_reader *reader, const char *name,
		       const struct queue_params *queue)
{
	unsigned n_cores = (unsigned)__builtin_popcount(queue->core_mask);
	char path[PATH_MAX_BYTES], text[32];

	snprintf(path, sizeof(path), "classes.%s.max_cores", name);
	write_cores(queue->core_mask, text, sizeof(text));
	/* The default stands for as many as there are. */
	if (queue->max_cores > n_cores && queue->max_cores < CONFIG_CORES_MAX)
		return json_reader_fail(reader, path,
					"%u is more than its cores, [%s] (allowed: 1 to %u)",
					queue->max_cores, text, n_cores);
	snprintf(path, sizeof(path), "classes.%s.gang_widths", name);
	if (queue->max_cores < n_cores)
		n_cores = queue->max_cores;
	if (!(queue->gang_widths & ((2u << n_cores) - 1)))
		return json_reader_fail(reader, path,
					"no width of it fits its cores and max_cores (allowed: at "
					"least one of 1 to %u)",
					n_cores);
	return 0;
}

static int complete_class(struct json_reader *reader, json_t *object, const char *name,
			  const struct policy_ops *policy, struct class *class)
{
	struct queue_params *queue = &class->queue;
	char path[PATH_MAX_BYTES];
	int r = 0;

	if (queue->period_ns && !queue->deadline_ns) {
		queue->deadline_ns = queue->period_ns;
		r = set_new(object, "deadline_ms",
			    json_incref(json_object_get(object, "period_ms")));
	}
	if (r == 0 && !json_object_get(object, "weight"))
		r = set_new(object, "weight", json_real(queue->weight));
	if (r == 0)
		r = check_masks(reader, name, queue);
	if (r == 0)
		r = read_class_policy(reader, object, name, policy, queue);
	if (r == 0 && queue->lends_cores && policy != &policy_pinned) {
		snprintf(path, sizeof(path), "classes.%s.steal", name);
		r = json_reader_note(reader, path,
				     "under '%s' no cores are anybody's own; 'pinned' has them",
				     policy->name);
	}
	return r;
}

static int read_classes(struct json_reader *reader, json_t *classes,
			const struct scheduler_config *scheduler, struct session_policy *ret_policy)
{
	double left_cores = scheduler->rt_cap * CONFIG_CORES_MAX;
	const char *name;
	json_t *object;
	int r;

	ret_policy->classes = calloc(json_object_size(classes), sizeof(*ret_policy->classes));
	if (!ret_policy->classes)
		return -ENOMEM;
	json_object_foreach (classes, name, object) {
		struct class *class = &ret_policy->classes[ret_policy->n_classes++];

		read_class(name, object, class);
		r = complete_class(reader, object, name, scheduler->policy, class);
		if (r == 0 && (class->queue.period_ns || class->queue.run_ns))
			r = check_contract(reader, name, class, scheduler, &left_cores);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A part belongs to its class whether somebody of it is connected or not. */
static void note_partition(const struct queue_params *queue, struct scheduler_config *scheduler)
{
	if (!queue->has_own_cores)
		return;
	if (queue->lends_cores)
		scheduler->lent_cores |= queue->core_mask;
	else
		scheduler->kept_cores |= queue->core_mask;
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

int config_classes_read(struct json_reader *reader, json_t *document,
			struct scheduler_config *scheduler, struct session_policy *ret_policy)
{
	struct session_policy result = {0};
	int r;

	r = read_classes(reader, json_object_get(document, "classes"), scheduler, &result);
	for (unsigned i = 0; i < result.n_classes; i++)
		note_partition(&result.classes[i].queue, scheduler);
	if (r == 0)
		r = read_rules(reader, json_object_get(document, "match"), &result);
	if (r == 0)
		r = read_admin_group(reader, document, &result);
	if (r < 0) {
		session_policy_deinit(&result);
		return r;
	}
	*ret_policy = result;
	return 0;
}
