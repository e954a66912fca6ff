/* SPDX-License-Identifier: MIT */
/* npud's scheduler as the driver of the simulated machine: the daemon's objects, unchanged. */
#ifndef NPU_SIM_DRIVER_NPUD_H
#define NPU_SIM_DRIVER_NPUD_H

#include "tools/sim/engine.h"

/* The engine's driver_options point to a struct sim_policy. */
extern const struct sim_driver_ops sim_driver_npud;

#endif
