/* SPDX-License-Identifier: MIT */
/* The policies that are built, and the names of all that the design knows. */
#include "scheduler/policy.h"

#include <stddef.h>
#include <string.h>

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

const struct policy_ops *policy_find(const char *name)
{
	static const struct policy_ops *const built[] = {
		&policy_round_robin, &policy_pinned, &policy_gang, &policy_fair, &policy_deadline};

	for (size_t i = 0; i < N_ELEMENTS(built); i++) {
		if (!strcmp(built[i]->name, name))
			return built[i];
	}
	return NULL;
}

bool policy_name_is_known(const char *name)
{
	static const char *const known[] = {"pinned", "round-robin", "gang", "fair", "deadline"};

	for (size_t i = 0; i < N_ELEMENTS(known); i++) {
		if (!strcmp(known[i], name))
			return true;
	}
	return false;
}
