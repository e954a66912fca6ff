/* SPDX-License-Identifier: MIT */
/*
 * The registers of a core that faulted are as they were: its stream is where the PC says, and each
 * engine's reach follows from what the blocks execute.
 */
#include "device/soft/blame.h"

#include "device/soft/extent.h"

#include <stdio.h>

#define FETCH_BYTES 16u
#define WRAP	    ((int64_t)1 << 32)

struct fault {
	uint32_t iova;
	bool is_write;
};

static bool holds(const struct soft_extent *extent, const struct fault *fault)
{
	int64_t iova = fault->iova;

	if (extent->is_write != fault->is_write)
		return false;
	for (int64_t at = iova - WRAP; at <= iova + WRAP; at += WRAP)
		if (at >= extent->first && at < extent->end)
			return true;
	return false;
}

static uint32_t find_register(const struct soft_operation *operation, const struct fault *fault)
{
	struct soft_complaint unused;
	struct soft_extents extents;

	if (soft_extents_find(operation, &unused, &extents) < 0)
		return 0;
	for (unsigned i = 0; i < extents.n; i++)
		if (holds(&extents.items[i], fault))
			return extents.items[i].offset;
	return 0;
}

static uint32_t value_of(const struct soft_operation *operation, uint32_t offset)
{
	const struct soft_group *groups[RK3588_BLOCKS] = {
		[RK3588_CNA] = &operation->cna,		  [RK3588_DPU] = &operation->dpu,
		[RK3588_DPU_RDMA] = &operation->dpu_rdma, [RK3588_PPU] = &operation->ppu,
		[RK3588_PPU_RDMA] = &operation->ppu_rdma,
	};

	return soft_group_get(groups[offset >> 12], offset);
}

bool soft_blame_find(struct soft_core *core, uint32_t bank, struct soft_complaint *ret_text)
{
	const uint32_t iova = soft_core_read32(core, bank + MMU_PAGE_FAULT_ADDR);
	const uint32_t status = soft_core_read32(core, bank + MMU_STATUS);
	struct fault fault = {iova, status & MMU_FAULT_IS_WRITE};
	struct soft_operation operation = {0};
	struct soft_pc pc;
	char reason[32];
	uint32_t offset;

	snprintf(reason, sizeof(reason), "faults at 0x%x", iova);
	pthread_mutex_lock(&core->lock);
	pc = core->pc;
	operation.op_en = pc.op_en;
	soft_operation_take(&operation, &core->registers);
	pthread_mutex_unlock(&core->lock);
	if (!fault.is_write &&
	    iova - pc.base < (field_get(PC_DATA_AMOUNT, pc.amounts) + 1) * FETCH_BYTES) {
		soft_complain(ret_text, REG_PC_BASE_ADDRESS, pc.base, reason);
		return true;
	}
	fault.iova -= pc.dma_base;
	offset = find_register(&operation, &fault);
	if (offset == 0)
		return false;
	soft_complain(ret_text, offset, value_of(&operation, offset), reason);
	return true;
}
