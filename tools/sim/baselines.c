/* SPDX-License-Identifier: MIT */
/* Their names. */
#include "tools/sim/baselines.h"

#include <string.h>

const struct sim_driver_ops *sim_baseline_find(const char *name)
{
	static const struct sim_driver_ops *const all[] = {
		&sim_driver_lock,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!strcmp(all[i]->name, name))
			return all[i];
	}
	return NULL;
}
