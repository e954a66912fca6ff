/* SPDX-License-Identifier: MIT */
/*
 * DPU_RDMA and DPU by themselves (op_en 0x18): element-wise operations, tables, copies between
 * layouts (hardware reference 6.8).
 */
#ifndef NPUD_DEVICE_SOFT_ELEMENTWISE_H
#define NPUD_DEVICE_SOFT_ELEMENTWISE_H

#include "device/soft/operation.h"

/* Errors as soft_pc_run(). */
int soft_elementwise_run(struct soft_core *core, struct soft_operation *operation);

#endif
