/* SPDX-License-Identifier: MIT */
/* The ways in which boards are shared today, for comparison. */
#ifndef NPU_SIM_BASELINES_H
#define NPU_SIM_BASELINES_H

#include "tools/sim/engine.h"

extern const struct sim_driver_ops sim_driver_lock;
extern const struct sim_driver_ops sim_driver_rknpu, sim_driver_rknpu_pinned,
	sim_driver_rknpu_shared;
extern const struct sim_driver_ops sim_driver_rocket, sim_driver_rocket_rr, sim_driver_rocket_fair;
extern const struct sim_driver_ops sim_driver_hailo, sim_driver_hailo_threshold;

/* NULL when there is none of that name. */
const struct sim_driver_ops *sim_baseline_find(const char *name);

#endif
