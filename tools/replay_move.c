/* SPDX-License-Identifier: MIT */
/* Registers that hold an address are few, and known by their offset alone. */
#include "replay_move.h"

#include <stdbool.h>

#define OFFSET_BITS 16
#define VALUE_MASK  0xffffffffull

/* hardware reference 4: next stream, input, weights, output; second operands; pooling. */
static const uint16_t address_registers[] = {
	0x0010, 0x1070, 0x1110, 0x4020, 0x5018, 0x5020, 0x502c, 0x5038, 0x6070, 0x701c,
};

static bool holds_address(uint16_t offset)
{
	for (size_t i = 0; i < sizeof(address_registers) / sizeof(address_registers[0]); i++)
		if (address_registers[i] == offset)
			return true;
	return false;
}

uint32_t replay_move_address(uint32_t address, const struct replay_place *places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (address >= places[i].from && address - places[i].from < places[i].size)
			return address - places[i].from + places[i].to;
	return address;
}

uint64_t replay_move_entry(uint64_t entry, const struct replay_place *places, size_t n)
{
	if (!holds_address((uint16_t)entry))
		return entry;
	uint32_t address = (uint32_t)(entry >> OFFSET_BITS & VALUE_MASK);
	uint64_t moved = replay_move_address(address, places, n);
	return (entry & ~(VALUE_MASK << OFFSET_BITS)) | moved << OFFSET_BITS;
}
