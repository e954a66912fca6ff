/* SPDX-License-Identifier: MIT */
/*
 * Matching is a walk down the rules, once per session: who a session is does not change.
 */
#include "sessions/class.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct quota quota_default(void)
{
	return (struct quota){
		.bytes_per_session = 1ull << 30,
		.iova_bytes_per_session = 1ull << 32,
		.bos_per_session = 1024,
		.fences_per_session = 256,
		.jobs_per_session = 64,
		.jobs_per_tenant = 256,
		.queued_ns_per_tenant = 10000000000,
		.sessions_per_uid = 256,
		.jobs_total = 4096,
		.tasks_per_job = NPU_JOB_TASKS_MAX,
		.requests_per_s = 0,
	};
}

struct quarantine quarantine_default(void)
{
	return (struct quarantine){
		.slow_after = 1,
		.suspend_after = 2,
		.close_after = 5,
		.pause_ns = NS_PER_S,
		.pause_max_ns = 64 * NS_PER_S,
	};
}

static struct class class_default(unsigned n_cores)
{
	return (struct class){
		.name = "default",
		.kind = CLASS_NORMAL,
		.queue =
			{
				.weight = 1,
				.core_mask = n_cores < 32 ? (1u << n_cores) - 1 : UINT32_MAX,
				.max_cores = n_cores,
				.core_mask_rule = CORE_MASK_DEMAND,
			},
	};
}

int session_policy_init_default(struct session_policy *policy, unsigned n_cores)
{
	struct class *classes = calloc(1, sizeof(*classes));
	struct match_rule *rules = calloc(1, sizeof(*rules));

	if (!classes || !rules) {
		free(classes);
		free(rules);
		return -ENOMEM;
	}
	classes[0] = class_default(n_cores);
	*policy = (struct session_policy){
		.quota = quota_default(),
		.quarantine = quarantine_default(),
		.classes = classes,
		.n_classes = 1,
		.rules = rules,
		.n_rules = 1,
	};
	return 0;
}

void session_policy_deinit(struct session_policy *policy)
{
	free(policy->classes);
	free(policy->rules);
	*policy = (struct session_policy){0};
}

bool identity_in_group(const struct identity *identity, gid_t gid)
{
	if (identity->gid == gid)
		return true;
	for (unsigned i = 0; i < identity->n_groups; i++)
		if (identity->groups[i] == gid)
			return true;
	return false;
}

/* "/a" holds "/a" and "/a/b", not "/ab"; "/" holds every path, but not the unknown "". */
static bool cgroup_is_within(const char *cgroup, const char *parent)
{
	size_t length = strlen(parent);

	while (length > 0 && parent[length - 1] == '/')
		length--;
	return strncmp(cgroup, parent, length) == 0 &&
	       (cgroup[length] == '/' || (cgroup[length] == '\0' && length > 0));
}

bool match_rule_fits(const struct match_rule *rule, const struct identity *identity)
{
	if (rule->has_uid && rule->uid != identity->uid)
		return false;
	if (rule->has_gid && !identity_in_group(identity, rule->gid))
		return false;
	if (rule->cgroup[0] && !cgroup_is_within(identity->cgroup, rule->cgroup))
		return false;
	if (rule->comm[0] && strcmp(rule->comm, identity->comm) != 0)
		return false;
	return !rule->socket[0] || strcmp(rule->socket, identity->socket) == 0;
}

static const struct class *class_find(const struct session_policy *policy, const char *name)
{
	for (unsigned i = 0; i < policy->n_classes; i++)
		if (strcmp(policy->classes[i].name, name) == 0)
			return &policy->classes[i];
	return NULL;
}

/* The last rule fits everybody, so it needs no test. */
static const struct class *class_by_rules(const struct session_policy *policy,
					  const struct identity *identity)
{
	unsigned i = 0;

	while (i + 1 < policy->n_rules && !match_rule_fits(&policy->rules[i], identity))
		i++;
	return &policy->classes[policy->rules[i].class_index];
}

int session_policy_match(const struct session_policy *policy, const struct identity *identity,
			 const char *wanted, const struct class **ret_class)
{
	const struct class *class = class_by_rules(policy, identity);

	/* Asking for what the rules give anyway needs no permission. */
	if (wanted[0] && strcmp(wanted, class->name) != 0) {
		class = class_find(policy, wanted);
		if (!class)
			return -ENOENT;
		if (!class->is_requestable)
			return -EPERM;
	}
	*ret_class = class;
	return 0;
}
