/* SPDX-License-Identifier: MIT */
/* A register stream that only pools: of the interrupts, PPU's alone comes. */
#ifndef NPUD_TESTS_DRM_POOL_STREAM_H
#define NPUD_TESTS_DRM_POOL_STREAM_H

#include <stddef.h>
#include <stdint.h>

static const struct {
	uint16_t target, offset;
	uint32_t value;
} pool_registers[] = {
	/* Maximum of 2 x 2 over 4 x 4 with 16 channels of int8. */
	{0x4001, 0x6004, 0xe},	      {0x8001, 0x7004, 0xe},	{0x4001, 0x600c, 3},
	{0x4001, 0x6010, 3},	      {0x4001, 0x6014, 15},	{0x4001, 0x6018, 1},
	{0x4001, 0x601c, 1},	      {0x4001, 0x6020, 15},	{0x4001, 0x6024, 0x11},
	{0x4001, 0x6034, 0x110101},   {0x4001, 0x6038, 0x8000}, {0x4001, 0x603c, 0x8000},
	{0x4001, 0x6040, 0},	      {0x4001, 0x6044, 0},	{0x4001, 0x6048, 0},
	{0x4001, 0x607c, 2 * 2 * 16}, {0x4001, 0x6084, 0},	{0x8001, 0x700c, 3},
	{0x8001, 0x7010, 3},	      {0x8001, 0x7014, 15},	{0x8001, 0x7024, 4 * 16},
	{0x8001, 0x7028, 4 * 4 * 16}, {0x8001, 0x7030, 1},
};

/* Writes the stream and returns how many words it has. */
static inline uint32_t put_pool(uint64_t *words, uint32_t input, uint32_t output)
{
	uint32_t n = 0;

	for (size_t i = 0; i < sizeof(pool_registers) / sizeof(pool_registers[0]); i++)
		words[n++] = (uint64_t)pool_registers[i].target << 48 |
			     (uint64_t)pool_registers[i].value << 16 | pool_registers[i].offset;
	words[n++] = 0x4001ull << 48 | (uint64_t)output << 16 | 0x6070;
	words[n++] = 0x8001ull << 48 | (uint64_t)input << 16 | 0x701c;
	words[n++] = 0;
	words[n++] = 0x0101ull << 48 | 0x14;
	words[n++] = 0x0041ull << 48;
	words[n++] = 0x0081ull << 48 | 0x60u << 16 | 0x8;
	return n;
}

#endif
