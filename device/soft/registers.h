/* SPDX-License-Identifier: MIT */
/*
 * The register file of a core's blocks, CNA to PPU_RDMA: two groups per block, one being written
 * and one being executed, chosen by S_POINTER (hardware reference 2.5). Registers keep their values
 * until a reset. The caller locks.
 */
#ifndef NPUD_DEVICE_SOFT_REGISTERS_H
#define NPUD_DEVICE_SOFT_REGISTERS_H

#include "device/regs_rk3588.h"
#include "device/soft/dpu_lut.h"

#include <stdbool.h>
#include <stdint.h>

/* Every known register of every block lies below; what is written above is forgotten. */
#define SOFT_BLOCK_REGISTERS 128u

struct soft_group {
	uint32_t values[SOFT_BLOCK_REGISTERS];
};

struct soft_block {
	struct soft_group groups[2];
	unsigned pointer;   /* group that writes go to */
	unsigned executer;  /* group that runs, or ran last */
	uint32_t mode;	    /* bits of S_POINTER that are kept */
	bool is_toggle_due; /* the executer moves on before the next operation */
	bool is_running;
};

struct soft_registers {
	struct soft_block blocks[RK3588_BLOCKS]; /* [RK3588_PC] is unused */
	struct soft_lut lut;
};

static inline uint32_t soft_group_get(const struct soft_group *group, uint32_t offset)
{
	return group->values[(offset & 0xfff) / 4 % SOFT_BLOCK_REGISTERS];
}

static inline uint32_t soft_group_field(const struct soft_group *group, uint32_t offset,
					uint32_t mask)
{
	return field_get(mask, soft_group_get(group, offset));
}

void soft_registers_reset(struct soft_registers *registers);
/* By window offset, 0x1000 to 0x7fff; others are ignored and read 0. */
void soft_registers_write(struct soft_registers *registers, uint32_t offset, uint32_t value);
uint32_t soft_registers_read(struct soft_registers *registers, uint32_t offset);

/*
 * The PC was started. All executers that are due move on; within a chain those of DPU and DPU_RDMA
 * wait for S_POINTER, but programs for `rocket`, each of whose tasks is started by itself, are
 * right without it.
 */
void soft_registers_settle(struct soft_registers *registers);
/* The driver starts the PC: what it writes before (hardware reference 2.4), and that it settles. */
void soft_registers_start_pc(struct soft_registers *registers);
/* An op_en reached the blocks in `op_en` (OP_EN_*): settles their executers, moves the pointers. */
void soft_registers_start(struct soft_registers *registers, uint32_t op_en);
/* They have completed. */
void soft_registers_finish(struct soft_registers *registers, uint32_t op_en);
/* The group a started block executes. */
const struct soft_group *soft_registers_executed(const struct soft_registers *registers,
						 enum rk3588_block block);

#endif
