/* SPDX-License-Identifier: MIT */
/*
 * Entries are told by their offset, which is unique in a core's window (hardware reference 2.1). A
 * register that is not used may have any value; changing it changes nothing.
 */
#include "replay_move.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define OP_EN_TARGET 0x0081u
#define PC_TARGET    0x0101u
#define PC_BASE	     0x0010u /* 0: no task behind this one */

/* Registers that hold an address (hardware reference 4). */
static const uint16_t address_offsets[] = {
	0x1070, /* CNA FEATURE_DATA_ADDR */
	0x1110, /* CNA DCOMP_ADDR0: weights */
	0x4020, /* DPU DST_BASE_ADDR */
	0x5018, /* RDMA SRC_BASE_ADDR */
	0x5020, /* RDMA BS_BASE_ADDR */
	0x502c, /* RDMA BN_BASE_ADDR */
	0x5038, /* RDMA EW_BASE_ADDR */
	0x6070, /* PPU DST_BASE_ADDR */
	0x701c, /* PPU_RDMA SRC_BASE_ADDR */
};

struct replay_saved {
	uint64_t *entries, *copy;
	uint32_t n_entries;
};

uint32_t replay_move_address(const struct replay_move *move, uint32_t address)
{
	for (size_t i = 0; i < move->n_places; i++) {
		const struct replay_place *place = &move->places[i];
		if (address >= place->from && address - place->from < place->size)
			return place->to + (address - place->from);
	}
	return address;
}

static bool holds_address(uint64_t entry)
{
	const uint16_t target = (uint16_t)(entry >> 48), offset = (uint16_t)entry;
	if (target == PC_TARGET)
		return offset == PC_BASE && (uint32_t)(entry >> 16);
	for (size_t i = 0; i < sizeof(address_offsets) / sizeof(*address_offsets); i++)
		if (offset == address_offsets[i])
			return target != 0;
	return false;
}

static uint64_t move_entry(const struct replay_move *move, uint64_t entry)
{
	const uint64_t value_bits = 0xffffffffull << 16;
	if (!holds_address(entry))
		return entry;
	return (entry & ~value_bits) | (uint64_t)replay_move_address(move, (uint32_t)(entry >> 16))
					       << 16;
}

static bool is_moved(const struct replay_move *move, const uint64_t *entries)
{
	for (size_t i = 0; i < move->n_saved; i++)
		if (move->saved[i].entries == entries)
			return true;
	return false;
}

static int save(struct replay_move *move, uint64_t *entries, uint32_t n_entries)
{
	struct replay_saved *saved =
		realloc(move->saved, (move->n_saved + 1) * sizeof(*move->saved));
	if (!saved)
		return -ENOMEM;
	move->saved = saved;
	uint64_t *copy = malloc((size_t)n_entries * sizeof(*copy) + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, entries, (size_t)n_entries * sizeof(*copy));
	saved[move->n_saved++] = (struct replay_saved){entries, copy, n_entries};
	return 0;
}

/* Behind its op_en the next stream may begin. */
static uint32_t body_length(const uint64_t *entries, uint32_t n_entries)
{
	uint32_t n = 0;
	while (n < n_entries && entries[n] >> 48 != OP_EN_TARGET)
		n++;
	return n;
}

int replay_move_stream(struct replay_move *move, uint64_t *entries, uint32_t n_entries)
{
	const uint32_t n = body_length(entries, n_entries);
	if (is_moved(move, entries))
		return 0;
	int result = save(move, entries, n);
	for (uint32_t i = 0; i < n && result == 0; i++)
		entries[i] = move_entry(move, entries[i]);
	return result;
}

void replay_move_undo(struct replay_move *move)
{
	for (size_t i = 0; i < move->n_saved; i++) {
		const struct replay_saved *saved = &move->saved[i];
		memcpy(saved->entries, saved->copy, (size_t)saved->n_entries * sizeof(uint64_t));
		free(saved->copy);
	}
	free(move->saved);
	move->saved = NULL;
	move->n_saved = 0;
}
