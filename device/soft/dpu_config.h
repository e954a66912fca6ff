/* SPDX-License-Identifier: MIT */
/*
 * From registers to what the DPU does: see dpu.h.
 */
#ifndef NPUD_DEVICE_SOFT_DPU_CONFIG_H
#define NPUD_DEVICE_SOFT_DPU_CONFIG_H

#include "device/soft/dpu.h"

/*
 * Pure. `input` as for soft_dpu_begin(). -EOPNOTSUPP with a complaint; -ENODATA when a block waits
 * for one that was not started.
 */
int soft_dpu_configure(const struct soft_operation *operation, const struct soft_dpu_input *input,
		       struct soft_complaint *complaint, struct soft_dpu *ret_dpu);

#endif
