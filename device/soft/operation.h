/* SPDX-License-Identifier: MIT */
/*
 * One operation: what the blocks started by one op_en do together (hardware reference 2.1). Each
 * kind of operation is one function beside the others; this picks it by the mask.
 */
#ifndef NPUD_DEVICE_SOFT_OPERATION_H
#define NPUD_DEVICE_SOFT_OPERATION_H

#include "device/soft/npu_core.h"

struct soft_operation {
	uint32_t op_en;
	/* What they execute, as of the op_en. */
	struct soft_group cna, core, dpu, dpu_rdma, ppu, ppu_rdma;
	struct soft_lut lut;
	struct soft_work work; /* filled in by soft_operation_run() */
};

enum soft_operation_kind {
	SOFT_OPERATION_NONE, /* blocks that wait for one that was not started */
	SOFT_OPERATION_CONVOLUTION,
	SOFT_OPERATION_ELEMENTWISE,
	SOFT_OPERATION_POOLING, /* and nothing else */
};

/* What the blocks in `op_en` do; the PPU behind the DPU does not count. */
enum soft_operation_kind soft_operation_kind(const struct soft_operation *operation);
/* A PPU that reads memory works, alone or beside whatever else was started. */
bool soft_operation_pools(const struct soft_operation *operation);

/* Takes over what the blocks execute. */
void soft_operation_take(struct soft_operation *operation, const struct soft_registers *registers);

/* On the core's thread. Errors as soft_pc_run(). */
int soft_operation_run(struct soft_core *core, struct soft_operation *operation);

#endif
