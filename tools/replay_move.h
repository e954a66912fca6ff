/* SPDX-License-Identifier: MIT */
/*
 * Streams name addresses. Where a kernel driver chooses those of buffers, a recorded stream is
 * made to name the new ones. Pure.
 */
#ifndef NPU_TOOLS_REPLAY_MOVE_H
#define NPU_TOOLS_REPLAY_MOVE_H

#include <stddef.h>
#include <stdint.h>

/* A buffer that is not where it was recorded. */
struct replay_place {
	uint32_t from, to;
	uint64_t size;
};

/* The address in its new place; as it is, where no place has it. */
uint32_t replay_move_address(uint32_t address, const struct replay_place *places, size_t n);
/* An entry of a stream: the same, with the address moved if it writes a register of one. */
uint64_t replay_move_entry(uint64_t entry, const struct replay_place *places, size_t n);

#endif
