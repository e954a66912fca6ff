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

bool soft_operation_pools(const struct soft_operation *operation)
{
	return (operation->op_en & OP_EN_POOLING) == OP_EN_POOLING &&
	       soft_group_field(&operation->ppu, REG_PPU_OPERATION_MODE_CFG, PPU_FLYING_MODE);
}

enum soft_operation_kind soft_operation_kind(const struct soft_operation *operation)
{
	uint32_t op_en = operation->op_en, front = op_en & (OP_EN_CONVOLUTION | OP_EN_DPU_RDMA);

	if ((op_en & OP_EN_CONVOLUTION) == OP_EN_CONVOLUTION)
		return SOFT_OPERATION_CONVOLUTION;
	if (front == OP_EN_ELEMENTWISE)
		return SOFT_OPERATION_ELEMENTWISE;
	if (front == 0 && soft_operation_pools(operation))
		return SOFT_OPERATION_POOLING;
	return SOFT_OPERATION_NONE;
}

void soft_operation_take(struct soft_operation *operation, const struct soft_registers *registers)
{
	operation->cna = *soft_registers_executed(registers, RK3588_CNA);
	operation->core = *soft_registers_executed(registers, RK3588_CORE);
	operation->dpu = *soft_registers_executed(registers, RK3588_DPU);
	operation->dpu_rdma = *soft_registers_executed(registers, RK3588_DPU_RDMA);
	operation->ppu = *soft_registers_executed(registers, RK3588_PPU);
	operation->ppu_rdma = *soft_registers_executed(registers, RK3588_PPU_RDMA);
	operation->lut = registers->lut;
}

int soft_operation_run(struct soft_core *core, struct soft_operation *operation)
{
	enum soft_operation_kind kind = soft_operation_kind(operation);
	int r = 0;

	if (kind == SOFT_OPERATION_NONE)
		return -ENODATA;
	if (kind == SOFT_OPERATION_CONVOLUTION)
		r = soft_convolution_run(core, operation);
	else if (kind == SOFT_OPERATION_ELEMENTWISE)
		r = soft_elementwise_run(core, operation);
	if (r == 0 && soft_operation_pools(operation))
		r = soft_pooling_run(core, operation);
	return r;
}
