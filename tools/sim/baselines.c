/* SPDX-License-Identifier: MIT */
/* Their names. */
#include "tools/sim/baselines.h"

#include <string.h>

const struct sim_driver_ops *sim_baseline_find(const char *name)
{
	static const struct sim_driver_ops *const all[] = {
		&sim_driver_lock,	  &sim_driver_rknpu,  &sim_driver_rknpu_pinned,
		&sim_driver_rknpu_shared, &sim_driver_rocket, &sim_driver_rocket_rr,
		&sim_driver_rocket_fair,  &sim_driver_hailo,  &sim_driver_hailo_threshold,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!strcmp(all[i]->name, name))
			return all[i];
	}
	return NULL;
}
