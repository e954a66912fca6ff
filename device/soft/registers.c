/* SPDX-License-Identifier: MIT */
/*
 * Ping-pong: an op_en hands the written group to the executer and lets the next body fill the
 * other.
 */
#include "device/soft/registers.h"

#include <string.h>

#define POINTER_MODE (POINTER_PP_EN | EXECUTER_PP_EN | POINTER_PP_MODE | S_POINTER_CORE_INDEX)

/* In place of the index of the core that the driver writes, which differs from start to start. */
#define ANY_CORE S_POINTER_CORE_INDEX

static const struct {
	uint32_t op_en;
	enum rk3588_block block;
} op_en_blocks[] = {
	{OP_EN_CNA, RK3588_CNA}, {OP_EN_CORE, RK3588_CORE},
	{OP_EN_DPU, RK3588_DPU}, {OP_EN_DPU_RDMA, RK3588_DPU_RDMA},
	{OP_EN_PPU, RK3588_PPU}, {OP_EN_PPU_RDMA, RK3588_PPU_RDMA},
};

#define N_OP_EN_BLOCKS (sizeof(op_en_blocks) / sizeof(*op_en_blocks))

void soft_registers_reset(struct soft_registers *registers)
{
	memset(registers, 0, sizeof(*registers));
	for (unsigned i = 0; i < 2; i++)
		registers->blocks[RK3588_CORE].groups[i].values[(REG_CORE_MAC_GATING & 0xfff) / 4] =
			CORE_MAC_GATING_RESET;
}

static void settle_executer(struct soft_block *block)
{
	if (block->is_toggle_due)
		block->executer ^= 1;
	block->is_toggle_due = false;
}

static void write_pointer(struct soft_block *block, uint32_t value)
{
	settle_executer(block);
	block->mode = value & POINTER_MODE;
	if (!(value & POINTER_PP_EN))
		block->pointer = value & POINTER_GROUP;
	if (value & POINTER_PP_CLEAR)
		block->pointer = 0;
	if (value & EXECUTER_PP_CLEAR)
		block->executer = 0;
}

static bool is_lut_access(uint32_t offset)
{
	return offset == REG_DPU_LUT_ACCESS_CFG || offset == REG_DPU_LUT_ACCESS_DATA;
}

static struct soft_block *find_block(struct soft_registers *registers, uint32_t offset)
{
	unsigned block = offset >> 12;

	if (block == RK3588_PC || block >= RK3588_BLOCKS)
		return NULL;
	return &registers->blocks[block];
}

void soft_registers_write(struct soft_registers *registers, uint32_t offset, uint32_t value)
{
	struct soft_block *block = find_block(registers, offset);
	uint32_t index = (offset & 0xfff) / 4;

	if (!block || index >= SOFT_BLOCK_REGISTERS)
		return;
	if (is_lut_access(offset))
		soft_lut_access_write(&registers->lut, offset, value);
	else if ((offset & 0xfff) == BLOCK_S_POINTER)
		write_pointer(block, value);
	else if ((offset & 0xfff) != BLOCK_S_STATUS)
		block->groups[block->pointer].values[index] = value;
}

static uint32_t read_status(const struct soft_block *block)
{
	return block->is_running ? 1u << (block->executer * 16) : 0;
}

static uint32_t read_pointer(const struct soft_block *block)
{
	return block->mode | block->pointer | (block->executer ? POINTER_EXECUTER : 0);
}

uint32_t soft_registers_read(struct soft_registers *registers, uint32_t offset)
{
	const struct soft_block *block = find_block(registers, offset);
	uint32_t index = (offset & 0xfff) / 4;

	if (!block || index >= SOFT_BLOCK_REGISTERS)
		return 0;
	if (is_lut_access(offset))
		return soft_lut_access_read(&registers->lut, offset);
	if ((offset & 0xfff) == BLOCK_S_STATUS)
		return read_status(block);
	if ((offset & 0xfff) == BLOCK_S_POINTER)
		return read_pointer(block);
	return block->groups[block->pointer].values[index];
}

void soft_registers_settle(struct soft_registers *registers)
{
	for (unsigned i = RK3588_CNA; i < RK3588_BLOCKS; i++)
		settle_executer(&registers->blocks[i]);
}

void soft_registers_start_pc(struct soft_registers *registers)
{
	soft_registers_write(registers, REG_CNA_S_POINTER, S_POINTER_PING_PONG | ANY_CORE);
	soft_registers_write(registers, REG_CORE_S_POINTER, S_POINTER_PING_PONG | ANY_CORE);
	soft_registers_settle(registers);
}

static void start_block(struct soft_block *block, enum rk3588_block index)
{
	/*
	 * In a chain the executers of DPU and DPU_RDMA only move on when the body writes S_POINTER
	 * again; one that does not gets its predecessor's configuration executed (hardware
	 * reference 2.5).
	 */
	if (index != RK3588_DPU && index != RK3588_DPU_RDMA)
		settle_executer(block);
	if (!(block->mode & EXECUTER_PP_EN))
		block->executer = block->pointer;
	block->is_toggle_due = block->mode & EXECUTER_PP_EN;
	block->is_running = true;
	if (block->mode & POINTER_PP_EN)
		block->pointer =
			1 ^ (block->mode & POINTER_PP_MODE ? block->pointer : block->executer);
}

void soft_registers_start(struct soft_registers *registers, uint32_t op_en)
{
	for (size_t i = 0; i < N_OP_EN_BLOCKS; i++) {
		enum rk3588_block block = op_en_blocks[i].block;

		if (op_en & op_en_blocks[i].op_en)
			start_block(&registers->blocks[block], block);
	}
}

void soft_registers_finish(struct soft_registers *registers, uint32_t op_en)
{
	for (size_t i = 0; i < N_OP_EN_BLOCKS; i++) {
		if (op_en & op_en_blocks[i].op_en)
			registers->blocks[op_en_blocks[i].block].is_running = false;
	}
}

const struct soft_group *soft_registers_executed(const struct soft_registers *registers,
						 enum rk3588_block block)
{
	const struct soft_block *executed = &registers->blocks[block];

	return &executed->groups[executed->executer];
}
