/* SPDX-License-Identifier: MIT */
/*
 * Recorded streams have the addresses of their buffers in them. Where a device puts buffers
 * elsewhere, streams are changed for the time of a job, and changed back, since the recording goes
 * on from what they were.
 */
#ifndef NPU_TOOLS_REPLAY_MOVE_H
#define NPU_TOOLS_REPLAY_MOVE_H

#include <stddef.h>
#include <stdint.h>

/* A buffer as it was recorded, and where it is. */
struct replay_place {
	uint32_t from, to;
	uint64_t size;
};

struct replay_saved;

/* Streams that have been changed. All zero: none. */
struct replay_move {
	const struct replay_place *places; /* borrowed */
	size_t n_places;
	struct replay_saved *saved;
	size_t n_saved;
};

/* Where a recorded address is; itself where it is in no buffer. */
uint32_t replay_move_address(const struct replay_move *move, uint32_t address);
/* Changes a task's stream, up to its op_en, if that has not been done. -ENOMEM. */
int replay_move_stream(struct replay_move *move, uint64_t *entries, uint32_t n_entries);
/* Puts back what the streams were. */
void replay_move_undo(struct replay_move *move);

#endif
