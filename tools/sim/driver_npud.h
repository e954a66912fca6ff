/* SPDX-License-Identifier: MIT */
/* npud's scheduler as the driver of the simulated machine: the daemon's objects, unchanged. */
#ifndef NPU_SIM_DRIVER_NPUD_H
#define NPU_SIM_DRIVER_NPUD_H

#include "scheduler/scheduler.h"
#include "tools/sim/engine.h"

/* The engine's driver_options point to a struct scheduler_config. */
extern const struct sim_driver_ops sim_driver_npud;

#endif
