/* SPDX-License-Identifier: MIT */
/*
 * Blocks that are not modelled are complained about; blocks that wait for one that was not started
 * wait for ever.
 */
#include "device/soft/operation.h"

#include "device/soft/convolution.h"

#include <errno.h>

#define OP_EN_CONVOLUTION (OP_EN_CNA | OP_EN_CORE | OP_EN_DPU)

int soft_operation_run(struct soft_core *core, struct soft_operation *operation)
{
	if (operation->op_en & ~OP_EN_CONVOLUTION)
		return soft_complain(&core->draft, REG_GLOBAL_OPERATION_ENABLE, operation->op_en,
				     "only CNA, CORE and DPU are modelled");
	if (operation->dma_base != 0)
		return soft_complain(&core->draft, REG_PC_TASK_DMA_BASE_ADDR, operation->dma_base,
				     "a base for all addresses is not modelled");
	if (operation->op_en != OP_EN_CONVOLUTION)
		return -ENODATA;
	return soft_convolution_run(core, operation);
}
