/* SPDX-License-Identifier: MIT */
/*
 * Memory that jobs share, and whose turn it is with it: what kernel drivers keep in a reservation
 * object.
 *
 *   memory_get() -> turn_take() -> (those before it end) -> opened() -> turn_end()
 *
 * All BOs of one memory object, in whichever sessions, have the same row of turns, in the order of
 * submits. A turn is open when no write is before it. A turn to read is over as soon as it is open:
 * writers do not wait for readers (ABI reference 2.3).
 *
 * A turn that ends opens nothing by itself: the row is due then, until memories_settle().
 */
#ifndef NPUD_SESSIONS_MEMORY_H
#define NPUD_SESSIONS_MEMORY_H

#include "base/list.h"
#include "base/tree.h"
#include "iommu/bo.h"
#include "npu_protocol.h"

#include <stdbool.h>

struct memories {
	struct tree tree; /* struct memory */
	struct list due;  /* those whose rows may go on */
};

struct memory {
	struct memories *owner;
	struct bo_identity identity;
	unsigned refs;
	struct list turns;	       /* that are not over, in order; an open write is the first */
	enum npu_outcome last_outcome; /* of the last write that ended; NPU_OUTCOME_PENDING: none */
	struct tree_node node;	       /* memories::tree */
	struct list due_link;	       /* memories::due */
};

struct turn {
	struct memory *memory; /* one reference; NULL: not taken, or ended */
	bool is_write, is_open;
	/* It was not open when it was taken, and is now. May end it, and free what it is in. */
	void (*opened)(struct turn *turn);
	struct list link; /* memory::turns */
};

void memories_init(struct memories *memories);
/* Opens the turns that have come. False: there was nothing to do. */
bool memories_settle(struct memories *memories);

/* The memory of a BO, with a reference for the caller. -ENOMEM, or bo_identify()'s. */
int memory_get(struct memories *memories, const struct bo *bo, struct memory **ret_memory);
struct memory *memory_ref(struct memory *memory);
/* Takes NULL, returns NULL. */
struct memory *memory_unref(struct memory *memory);

/* The last turn of the row; NULL: nobody waits or writes. */
const struct turn *memory_last_turn(const struct memory *memory);

/* At the end of the row; `turn` must not move from then on. See is_open for whether it waits. */
void turn_take(struct turn *turn, struct memory *memory, bool is_write,
	       void (*opened)(struct turn *turn));
/* Leaves the row, open or not. `outcome` is that of a write; NPU_OUTCOME_PENDING: it never was. */
void turn_end(struct turn *turn, enum npu_outcome outcome);
/* Whether somebody before it has to end first, and not only memories_settle() to be called. */
bool turn_is_blocked(const struct turn *turn);

#endif
