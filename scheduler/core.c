/* SPDX-License-Identifier: MIT */
/* The states of a core, and the time it was busy. */
#include "scheduler/core.h"

#include <assert.h>
#include <stdbool.h>

#define BIT(state) (1u << (state))

static const unsigned transitions[] = {
	[CORE_IDLE] = BIT(CORE_BUSY) | BIT(CORE_RESETTING),
	[CORE_BUSY] = BIT(CORE_IDLE) | BIT(CORE_RESETTING),
	[CORE_RESETTING] = BIT(CORE_IDLE) | BIT(CORE_FAULTED),
	[CORE_FAULTED] = BIT(CORE_RESETTING),
};

const char *core_state_name(enum core_state state)
{
	static const char *const names[] = {
		[CORE_IDLE] = "idle",
		[CORE_BUSY] = "busy",
		[CORE_RESETTING] = "resetting",
		[CORE_FAULTED] = "faulted",
	};

	return names[state];
}

void core_set_state(struct core *core, enum core_state next, uint64_t now_ns)
{
	bool is_allowed = transitions[core->state] & BIT(next);

	assert(is_allowed);
	(void)is_allowed; /* without assertions */
	if (core->state == CORE_BUSY) {
		core->busy_ns += now_ns - core->since_ns;
		core->jobs++;
	}
	core->state = next;
	core->since_ns = now_ns;
}
