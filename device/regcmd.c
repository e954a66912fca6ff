/* SPDX-License-Identifier: MIT */
/*
 * An entry is {target, value, offset}; the target names the block that the offset must lie in.
 */
#include "device/regcmd.h"

#include <stdbool.h>
#include <stddef.h>

static const struct {
	uint16_t target;
	uint16_t block;
} blocks[] = {
	{REGCMD_TARGET_PC, RK3588_PC},
	{REGCMD_TARGET_CNA, RK3588_CNA},
	{REGCMD_TARGET_CORE, RK3588_CORE},
	{REGCMD_TARGET_DPU, RK3588_DPU},
	{REGCMD_TARGET_DPU_RDMA, RK3588_DPU_RDMA},
	{REGCMD_TARGET_PPU, RK3588_PPU},
	{REGCMD_TARGET_PPU_RDMA, RK3588_PPU_RDMA},
};

#define N_BLOCKS (sizeof(blocks) / sizeof(*blocks))

static bool target_block(uint16_t target, unsigned *ret_block)
{
	for (size_t i = 0; i < N_BLOCKS; i++) {
		if (blocks[i].target == target) {
			*ret_block = blocks[i].block;
			return true;
		}
	}
	return false;
}

uint16_t regcmd_block_target(unsigned block)
{
	for (size_t i = 0; i < N_BLOCKS; i++) {
		if (blocks[i].block == block)
			return blocks[i].target;
	}
	return 0;
}

static enum regcmd_kind classify(uint16_t target, uint16_t offset)
{
	unsigned block;

	if (target <= 1)
		return REGCMD_NOP;
	if (target == REGCMD_TARGET_MARKER)
		return REGCMD_MARKER;
	if (target == REGCMD_TARGET_OP_EN)
		return offset == REG_PC_OPERATION_ENABLE ? REGCMD_OP_EN : REGCMD_UNKNOWN;
	if (!target_block(target, &block) || offset >> 12 != block || offset % 4 != 0)
		return REGCMD_UNKNOWN;
	return REGCMD_WRITE;
}

struct regcmd regcmd_decode(uint64_t entry)
{
	struct regcmd command = {
		.target = (uint16_t)(entry >> 48),
		.offset = (uint16_t)entry,
		.value = (uint32_t)(entry >> 16),
	};

	command.kind = classify(command.target, command.offset);
	return command;
}

uint64_t regcmd_encode(uint16_t target, uint16_t offset, uint32_t value)
{
	return (uint64_t)target << 48 | (uint64_t)value << 16 | offset;
}

uint32_t regcmd_amount(uint32_t n_entries)
{
	return (n_entries + 1) / 2 - 1;
}
