/* SPDX-License-Identifier: MIT */
/*
 * Blocks that wait for one that was not started wait for ever.
 */
#include "device/soft/operation.h"

#include "device/soft/convolution.h"
#include "device/soft/elementwise.h"
#include "device/soft/ppu.h"

#include <errno.h>

#define OP_EN_CONVOLUTION (OP_EN_CNA | OP_EN_CORE | OP_EN_DPU)
#define OP_EN_ELEMENTWISE (OP_EN_DPU | OP_EN_DPU_RDMA)
#define OP_EN_POOLING	  (OP_EN_PPU | OP_EN_PPU_RDMA)

/* A PPU that reads memory works beside whatever else was started; else it is the DPU's to feed. */
static bool has_own_pooling(const struct soft_operation *operation)
{
	return (operation->op_en & OP_EN_POOLING) == OP_EN_POOLING &&
	       soft_group_field(&operation->ppu, REG_PPU_OPERATION_MODE_CFG, PPU_FLYING_MODE);
}

int soft_operation_run(struct soft_core *core, struct soft_operation *operation)
{
	uint32_t op_en = operation->op_en, front = op_en & (OP_EN_CONVOLUTION | OP_EN_DPU_RDMA);
	int r = -ENODATA;

	if ((op_en & OP_EN_CONVOLUTION) == OP_EN_CONVOLUTION)
		r = soft_convolution_run(core, operation);
	else if (front == OP_EN_ELEMENTWISE)
		r = soft_elementwise_run(core, operation);
	else if (front != 0 || !has_own_pooling(operation))
		return -ENODATA;
	else
		return soft_pooling_run(core, operation);
	if (r == 0 && has_own_pooling(operation))
		r = soft_pooling_run(core, operation);
	return r;
}
