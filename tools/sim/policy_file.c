/* SPDX-License-Identifier: MIT */
/*
 * npud reads the file. Users and groups are names of the workload, not of this machine: in the
 * rules a number stands for each before npud looks them up.
 */
#include "tools/sim/policy_file.h"

#include "daemon/config.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Clear of those that a rule may give as a number. */
#define PRINCIPALS_BASE 0xf0000000u
#define PRINCIPAL_NONE	UINT32_MAX

bool sim_policy_is_file(const char *name)
{
	size_t length = strlen(name);

	return strchr(name, '/') || (length > 5 && strcmp(name + length - 5, ".json") == 0);
}

struct sim_policy sim_policy_default(void)
{
	return (struct sim_policy){.scheduler = scheduler_config_default(),
				   .classes.quarantine = quarantine_default()};
}

void sim_policy_deinit(struct sim_policy *policy)
{
	session_policy_deinit(&policy->classes);
	json_decref(policy->principals);
	*policy = (struct sim_policy){0};
}

static int number_principal(json_t *rule, const char *key, json_t *principals)
{
	const json_t *name = json_object_get(rule, key);
	json_int_t next = PRINCIPALS_BASE + (json_int_t)json_object_size(principals);

	if (!json_is_string(name))
		return 0;
	if (!json_object_get(principals, json_string_value(name)) &&
	    json_object_set_new(principals, json_string_value(name), json_integer(next)) < 0)
		return -ENOMEM;
	return json_object_set(rule, key, json_object_get(principals, json_string_value(name)));
}

/* The file again, with numbers for names. */
static int parse_numbered(const char *path, json_t *principals, struct config *config,
			  struct config_error *error)
{
	json_t *document = json_load_file(path, 0, NULL), *rule;
	char *text = NULL;
	int r = document && principals ? 0 : -ENOMEM;
	size_t i;

	json_array_foreach (json_object_get(document, "match"), i, rule) {
		if (r == 0)
			r = number_principal(rule, "uid", principals);
		if (r == 0)
			r = number_principal(rule, "gid", principals);
	}
	if (r == 0)
		text = json_dumps(document, JSON_COMPACT);
	if (text)
		r = config_parse(path, text, strlen(text), config, error);
	json_decref(document);
	free(text);
	return r;
}

int sim_policy_load(const char *path, struct sim_policy *ret_policy,
		    struct sim_policy_error *ret_error)
{
	struct sim_policy policy = {.has_classes = true};
	struct config_error error = {""};
	struct config config = {0};
	/* First as it is, so that errors name the file's own lines and names. */
	int r = config_load(path, &config, &error);

	config_deinit(&config);
	if (r == 0) {
		policy.principals = json_object();
		r = parse_numbered(path, policy.principals, &config, &error);
	}
	if (r < 0) {
		if (error.text[0])
			snprintf(ret_error->text, sizeof(ret_error->text), "%s", error.text);
		else
			snprintf(ret_error->text, sizeof(ret_error->text), "%.200s: %s", path,
				 strerror(-r));
		sim_policy_deinit(&policy);
		return r;
	}
	policy.scheduler = config.scheduler;
	policy.classes = config.sessions;
	config.sessions = (struct session_policy){0};
	config_deinit(&config);
	*ret_policy = policy;
	return 0;
}

/* ---- who is in which class ---- */

static uint32_t find_principal(const struct sim_policy *policy, const char *name)
{
	const json_t *number = json_object_get(policy->principals, name);
	char *end;
	unsigned long value;

	if (number)
		return (uint32_t)json_integer_value(number);
	value = strtoul(name, &end, 10);
	return *name && !*end && value < PRINCIPALS_BASE ? (uint32_t)value : PRINCIPAL_NONE;
}

static struct identity identity_of(const struct sim_policy *policy,
				   const struct sim_tenant_spec *tenant)
{
	struct identity identity = {.uid = find_principal(policy, tenant->uid),
				    .gid = PRINCIPAL_NONE};
	const json_t *group;
	size_t i;

	snprintf(identity.comm, sizeof(identity.comm), "%.60s", tenant->comm);
	snprintf(identity.cgroup, sizeof(identity.cgroup), "%.250s", tenant->cgroup);
	json_array_foreach (tenant->groups, i, group) {
		if (json_is_string(group) &&
		    i < sizeof(identity.groups) / sizeof(identity.groups[0]))
			identity.groups[identity.n_groups++] =
				find_principal(policy, json_string_value(group));
	}
	return identity;
}

static const struct class *find_class(const struct session_policy *classes, const char *name)
{
	for (unsigned i = 0; i < classes->n_classes; i++) {
		if (strcmp(classes->classes[i].name, name) == 0)
			return &classes->classes[i];
	}
	return NULL;
}

const struct class *sim_policy_class(const struct sim_policy *policy,
				     const struct sim_tenant_spec *tenant)
{
	const struct session_policy *classes = &policy->classes;
	struct identity identity = identity_of(policy, tenant);
	bool is_somebody = identity.comm[0] || identity.cgroup[0] || identity.n_groups;
	const struct class *class;

	if (!policy->has_classes)
		return NULL;
	class = find_class(classes, tenant->policy_class);
	for (unsigned i = 0; !class && i + !is_somebody < classes->n_rules; i++) {
		if (match_rule_fits(&classes->rules[i], &identity))
			class = &classes->classes[classes->rules[i].class_index];
	}
	return class;
}
