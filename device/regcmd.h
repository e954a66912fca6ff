/* SPDX-License-Identifier: MIT */
/*
 * Register commands: what one 64-bit entry of a stream says (hardware reference 2.1). Pure and
 * total: every entry has a meaning, if only REGCMD_UNKNOWN.
 */
#ifndef NPUD_DEVICE_REGCMD_H
#define NPUD_DEVICE_REGCMD_H

#include "device/regs_rk3588.h"

#include <stdint.h>

#define REGCMD_ENTRY_BYTES 8u
/* The fetch counter's range: 16 bits of pairs of entries (hardware reference 2.3). */
#define REGCMD_MAX_ENTRIES 131072u

enum regcmd_target {
	REGCMD_TARGET_OP_EN = 0x0081,
	REGCMD_TARGET_MARKER = 0x0041,
	REGCMD_TARGET_PC = 0x0101,
	REGCMD_TARGET_CNA = 0x0201,
	REGCMD_TARGET_CORE = 0x0801,
	REGCMD_TARGET_DPU = 0x1001,
	REGCMD_TARGET_DPU_RDMA = 0x2001,
	REGCMD_TARGET_PPU = 0x4001,
	REGCMD_TARGET_PPU_RDMA = 0x8001,
};

enum regcmd_kind {
	REGCMD_NOP,	/* padding */
	REGCMD_WRITE,	/* `value` to `offset`, which lies in the block that the target names */
	REGCMD_MARKER,	/* announces op_en; no effect */
	REGCMD_OP_EN,	/* starts the blocks in `value` (OP_EN_*) and ends the task's body */
	REGCMD_UNKNOWN, /* a target nobody has seen, or an offset outside of the target's block */
};

struct regcmd {
	enum regcmd_kind kind;
	uint16_t target;
	uint16_t offset; /* in the core's window */
	uint32_t value;
};

struct regcmd regcmd_decode(uint64_t entry);
uint64_t regcmd_encode(uint16_t target, uint16_t offset, uint32_t value);
/* The target that writes to a block (enum rk3588_block); 0, a no-op, where there is none. */
uint16_t regcmd_block_target(unsigned block);

/*
 * The value of PC_DATA_AMOUNT that fetches `n_entries` (1 to REGCMD_MAX_ENTRIES, tail included):
 * pairs of entries, minus one.
 */
uint32_t regcmd_amount(uint32_t n_entries);

#endif
