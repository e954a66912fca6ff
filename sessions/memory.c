/* SPDX-License-Identifier: MIT */
/*
 * A row is a list whose first member is an open write, all others wait; between the end of that
 * write and memories_settle() its first member is closed. Whoever leaves, for whatever reason,
 * leaves the order of the others as it is.
 */
#include "sessions/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static struct memory *memory_of(const struct tree_node *node)
{
	return container_of(node, struct memory, node);
}

static struct turn *first_turn(const struct memory *memory)
{
	return list_is_empty(&memory->turns) ? NULL : list_first(&memory->turns, struct turn, link);
}

/* ---- memory ---- */

static bool identity_is_before(const struct bo_identity *a, const struct bo_identity *b)
{
	return a->space != b->space ? a->space < b->space : a->number < b->number;
}

static bool memory_is_before(const struct tree_node *a, const struct tree_node *b)
{
	return identity_is_before(&memory_of(a)->identity, &memory_of(b)->identity);
}

static bool is_not_before(const struct tree_node *node, const void *context)
{
	return !identity_is_before(&memory_of(node)->identity, context);
}

void memories_init(struct memories *memories)
{
	tree_init(&memories->tree, memory_is_before);
	list_init(&memories->due);
}

static struct memory *memory_find(const struct memories *memories,
				  const struct bo_identity *identity)
{
	const struct tree_node *node = tree_seek(&memories->tree, is_not_before, identity);

	if (!node || identity_is_before(identity, &memory_of(node)->identity))
		return NULL;
	return memory_of(node);
}

int memory_get(struct memories *memories, const struct bo *bo, struct memory **ret_memory)
{
	struct bo_identity identity = {0};
	struct memory *memory;
	int r;

	r = bo_identify(bo, &identity);
	if (r < 0)
		return r;
	memory = memory_find(memories, &identity);
	if (memory) {
		*ret_memory = memory_ref(memory);
		return 0;
	}
	memory = calloc(1, sizeof(*memory));
	if (!memory)
		return -ENOMEM;
	memory->owner = memories;
	memory->identity = identity;
	memory->refs = 1;
	list_init(&memory->turns);
	list_init(&memory->due_link);
	tree_insert(&memories->tree, &memory->node);
	*ret_memory = memory;
	return 0;
}

struct memory *memory_ref(struct memory *memory)
{
	assert(memory->refs > 0);
	memory->refs++;
	return memory;
}

struct memory *memory_unref(struct memory *memory)
{
	if (!memory)
		return NULL;
	assert(memory->refs > 0);
	if (--memory->refs > 0)
		return NULL;
	assert(list_is_empty(&memory->turns));
	list_del(&memory->due_link);
	tree_remove(&memory->owner->tree, &memory->node);
	free(memory);
	return NULL;
}

const struct turn *memory_last_turn(const struct memory *memory)
{
	return list_is_empty(&memory->turns) ? NULL
					     : container_of(memory->turns.prev, struct turn, link);
}

/* Opens the reads at the front, which are over then, and the write behind them. */
static void memory_go_on(struct memory *memory)
{
	struct turn *turn;

	while ((turn = first_turn(memory)) && !turn->is_open) {
		turn->is_open = true;
		if (!turn->is_write)
			list_del(&turn->link);
		turn->opened(turn);
	}
}

bool memories_settle(struct memories *memories)
{
	if (list_is_empty(&memories->due))
		return false;
	while (!list_is_empty(&memories->due)) {
		struct memory *memory = list_first(&memories->due, struct memory, due_link);

		list_del(&memory->due_link);
		memory_ref(memory);
		memory_go_on(memory);
		memory_unref(memory);
	}
	return true;
}

/* ---- turns ---- */

void turn_take(struct turn *turn, struct memory *memory, bool is_write,
	       void (*opened)(struct turn *turn))
{
	*turn = (struct turn){.memory = memory_ref(memory),
			      .is_write = is_write,
			      .is_open = list_is_empty(&memory->turns),
			      .opened = opened};
	list_init(&turn->link);
	if (is_write || !turn->is_open)
		list_add_tail(&memory->turns, &turn->link);
}

void turn_end(struct turn *turn, enum npu_outcome outcome)
{
	struct memory *memory = turn->memory;
	const struct turn *first;

	if (!memory)
		return;
	list_del(&turn->link);
	if (turn->is_write && outcome != NPU_OUTCOME_PENDING)
		memory->last_outcome = outcome;
	first = first_turn(memory);
	if (first && !first->is_open && list_is_empty(&memory->due_link))
		list_add_tail(&memory->owner->due, &memory->due_link);
	turn->memory = memory_unref(memory);
}

bool turn_is_blocked(const struct turn *turn)
{
	return turn->memory && !turn->is_open && first_turn(turn->memory)->is_open;
}
