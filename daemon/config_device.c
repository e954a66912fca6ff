/* SPDX-License-Identifier: MIT */
/*
 * What a policy asks of a device is refused by name where the device has not got it, save for what
 * the file itself gives a substitute for (fallback), or what changes nothing but speed (scope).
 */
#include "daemon/config_device.h"

#include "base/clock.h"
#include "daemon/config_effective.h"
#include "daemon/config_keys.h"
#include "scheduler/contract.h"
#include "scheduler/policy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct fit {
	struct config *config;
	const struct device_caps *caps;
	const char *file;
	struct config_error *error;
};

__attribute__((format(printf, 2, 3))) static int fit_fail(struct fit *fit, const char *format, ...)
{
	int n = snprintf(fit->error->text, sizeof(fit->error->text), "%.200s: ", fit->file);
	va_list args;

	va_start(args, format);
	vsnprintf(fit->error->text + n, sizeof(fit->error->text) - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

__attribute__((format(printf, 2, 3))) static int fit_note(struct fit *fit, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return json_array_append_new(fit->config->not_in_effect, json_string(text)) < 0 ? -ENOMEM
											: 0;
}

/* ---- the policy ---- */

/* Classes that have the scheduler's policy have its substitute. */
static int replace_policy(struct fit *fit, const struct policy_ops *policy)
{
	json_t *classes = json_object_get(fit->config->effective, "classes"), *class;
	const struct session_policy *sessions = &fit->config->sessions;
	int r;

	r = json_object_set_new(json_object_get(fit->config->effective, "scheduler"), "policy",
				json_string(policy->name));
	for (unsigned i = 0; r == 0 && i < sessions->n_classes; i++) {
		class = json_object_get(classes, sessions->classes[i].name);
		if (!sessions->classes[i].queue.order)
			r = json_object_set_new(class, "policy", json_string(policy->name));
		else if (sessions->classes[i].queue.order == policy)
			sessions->classes[i].queue.order = NULL;
	}
	fit->config->scheduler.policy = policy;
	return r < 0 ? -ENOMEM : 0;
}

/* What the policy wants of the device's cores and does not find; NULL: nothing. */
static const char *find_lack(const struct device_caps *caps, const struct policy_ops *policy)
{
	if (policy == &policy_gang && !caps->gang_masks)
		return "cores that start together";
	if (policy == &policy_pinned && caps->is_core_blind)
		return "cores that npud chooses";
	return NULL;
}

static int fit_policy(struct fit *fit)
{
	const struct policy_ops *policy = fit->config->scheduler.policy;
	const struct policy_ops *fallback = fit->config->fallback;
	const char *lack = find_lack(fit->caps, policy);
	const char *fallback_lack = find_lack(fit->caps, fallback);
	int r;

	if (!lack)
		return 0;
	if (fallback_lack)
		return fit_fail(fit,
				"scheduler.fallback: '%s' needs %s, and the device '%s' has none "
				"(allowed: round-robin, %sfair, deadline)",
				fallback->name, fallback_lack, fit->caps->name,
				fit->caps->is_core_blind ? "" : "pinned, ");
	r = fit_note(fit,
		     "scheduler.policy: '%s' needs %s, and the device '%s' has none: the fallback "
		     "'%s' runs",
		     policy->name, lack, fit->caps->name, fallback->name);
	return r < 0 ? r : replace_policy(fit, fallback);
}

/* ---- classes ---- */

static bool has_gang_of(const struct device_caps *caps, unsigned width)
{
	for (uint32_t mask = 3; mask < 64; mask++) {
		if (caps->gang_masks >> mask & 1 && (unsigned)__builtin_popcount(mask) == width)
			return true;
	}
	return width == 1;
}

static int fit_widths(struct fit *fit, const struct class *class)
{
	for (unsigned width = 1; width <= CONFIG_CORES_MAX; width++) {
		if (class->queue.gang_widths >> width & 1 && has_gang_of(fit->caps, width))
			return 0;
	}
	return fit_fail(fit,
			"classes.%s.gang_widths: the device '%s' starts no cores together on any "
			"width of it (allowed: with 1)",
			class->name, fit->caps->name);
}

static int fit_class(struct fit *fit, const struct class *class, double *left_cores)
{
	const struct queue_params *queue = &class->queue;
	uint32_t device_cores = (1u << fit->caps->n_cores) - 1;
	double cores = contract_cores(queue);

	if (queue->has_own_cores && fit->caps->is_core_blind && device_cores & ~queue->core_mask)
		return fit_fail(fit,
				"classes.%s.cores: on the device '%s' the driver chooses the core "
				"of each job (allowed: all %u, or none named)",
				class->name, fit->caps->name, fit->caps->n_cores);
	if (queue->has_own_cores && queue->core_mask & ~device_cores)
		return fit_fail(fit,
				"classes.%s.cores: the device '%s' has no core %d (allowed: 0 to "
				"%u)",
				class->name, fit->caps->name,
				31 - __builtin_clz(queue->core_mask & ~device_cores),
				fit->caps->n_cores - 1);
	if (fit->caps->domain_cores && cores > fit->caps->domain_cores)
		return fit_fail(fit,
				"classes.%s.run_ms: %.15g ms take %.3f cores, and a session of the "
				"device '%s' runs on %u at a time",
				class->name, (double)queue->run_ns / NS_PER_MS, cores,
				fit->caps->name, fit->caps->domain_cores);
	if (cores > *left_cores + 1e-9)
		return fit_fail(fit,
				"classes.%s.run_ms: %.15g ms take %.3f cores, and of the %u of the "
				"device '%s' rt_cap leaves %.3f (allowed: up to %.3f)",
				class->name, (double)queue->run_ns / NS_PER_MS, cores,
				fit->caps->n_cores, fit->caps->name, *left_cores,
				*left_cores * (double)queue->period_ns / NS_PER_MS);
	*left_cores -= cores;
	return fit_widths(fit, class);
}

static int fit_scope(struct fit *fit)
{
	enum domain_scope scope = fit->config->sessions.domain_scope;

	if (scope == DOMAIN_SESSION || !(fit->caps->has_page_tables || fit->caps->n_domains))
		return 0;
	return fit_note(fit, "domains.scope: on '%s' each session keeps its own address space",
			fit->caps->name);
}

/* Nobody could be let in. */
static int fit_shortage(struct fit *fit)
{
	if (!fit->config->sessions.refuses_to_share || !fit->caps->has_own_memory ||
	    fit->caps->n_domains)
		return 0;
	return fit_fail(fit,
			"domains.when_taken: \"refuse\" leaves no session an address space: the "
			"device '%s' (%s) has one for all; use \"share\"",
			fit->caps->name, fit->caps->driver);
}

int config_fit_device(const char *file, const struct device_caps *caps, struct config *config,
		      struct config_error *ret_error)
{
	struct fit fit = {.config = config, .caps = caps, .file = file, .error = ret_error};
	double left_cores = config->scheduler.rt_cap * caps->n_cores;
	int r;

	r = fit_policy(&fit);
	for (unsigned i = 0; r == 0 && i < config->sessions.n_classes; i++)
		r = fit_class(&fit, &config->sessions.classes[i], &left_cores);
	if (r == 0)
		r = fit_scope(&fit);
	if (r == 0)
		r = fit_shortage(&fit);
	if (r == 0)
		r = config_spell_out(config, caps->n_cores);
	if (r == -ENOMEM)
		fit_fail(&fit, "out of memory");
	return r;
}
