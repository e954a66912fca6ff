/* SPDX-License-Identifier: MIT */
/*
 * For targets whose input is a byte of flags and a register stream: mutated entry by entry, streams
 * get further.
 */
#include "device/regcmd.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MAX_CHANGES 4u

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
/* Of libFuzzer; not there when a corpus is replayed. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Bits 16 to 47 of an entry are what it writes. */
static uint64_t mutate_entry(uint64_t entry, unsigned seed)
{
	const unsigned bit = seed >> 8 & 31;
	const uint64_t field = 0x1full << (16 + bit);

	switch (seed >> 16 & 7) {
	case 0:
	case 1:
		return entry ^ 1ull << (16 + bit);
	case 2:
		return entry + (1ull << (16 + bit));
	case 3:
		return entry - (1ull << (16 + bit));
	case 4:
		return (entry & ~field) | ((uint64_t)(seed >> 20) << (16 + bit) & field);
	case 5:
		return entry & ~(0xffffffffull << 16);
	case 6:
		return entry | 0xffull << (16 + bit % 25);
	default:
		/* Another register of the same block. */
		return (entry & ~0x1fcull) | (seed >> 20 << 2 & 0x1fc);
	}
}

/* One entry becomes another; every fourth time whatever libFuzzer thinks of. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t n_entries = size > 0 ? (size - 1) / REGCMD_ENTRY_BYTES : 0;
	uint64_t entry;
	uint8_t *at;

	if (n_entries == 0 || seed % 4 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	for (unsigned i = 0; i < 1 + seed % MAX_CHANGES; i++) {
		seed = seed * 1664525u + 1013904223u;
		at = data + 1 + (seed >> 4) % n_entries * REGCMD_ENTRY_BYTES;
		memcpy(&entry, at, sizeof(entry));
		entry = mutate_entry(entry, seed * 2654435761u);
		memcpy(at, &entry, sizeof(entry));
	}
	return size;
}
