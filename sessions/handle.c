/* SPDX-License-Identifier: MIT */
/*
 * Closing a handle and freeing its number are two events; pins keep them apart.
 */
#include "sessions/handle.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void handle_table_init(struct handle_table *table, uint32_t limit)
{
	idtab_init(&table->handles, limit);
	table->n_open = 0;
}

void handle_table_deinit(struct handle_table *table)
{
	handle_close_all(table);
	idtab_deinit(&table->handles);
}

int handle_open(struct handle_table *table, struct bo *bo, uint32_t *ret_id)
{
	struct handle *handle = calloc(1, sizeof(*handle));
	int r;

	if (!handle)
		return -ENOMEM;
	r = idtab_add(&table->handles, handle, &handle->id);
	if (r < 0) {
		free(handle);
		return r;
	}
	handle->is_open = true;
	handle->bo = bo;
	table->n_open++;
	*ret_id = handle->id;
	return 0;
}

struct handle *handle_get(const struct handle_table *table, uint32_t id)
{
	struct handle *handle = idtab_get(&table->handles, id);

	return handle && handle->is_open ? handle : NULL;
}

static void handle_free_if_unused(struct handle_table *table, struct handle *handle)
{
	if (handle->is_open || handle->n_pins > 0)
		return;
	idtab_remove(&table->handles, handle->id);
	memory_unref(handle->memory);
	bo_unref(handle->bo);
	free(handle);
}

static void handle_shut(struct handle_table *table, struct handle *handle)
{
	handle->is_open = false;
	table->n_open--;
	handle_free_if_unused(table, handle);
}

int handle_close(struct handle_table *table, uint32_t id)
{
	struct handle *handle = handle_get(table, id);

	if (!handle)
		return -ENOENT;
	handle_shut(table, handle);
	return 0;
}

void handle_close_all(struct handle_table *table)
{
	struct handle *handle;
	uint32_t id;

	idtab_for_each (&table->handles, handle, id) {
		if (handle->is_open)
			handle_shut(table, handle);
	}
}

int handle_find_memory(struct handle *handle, struct memories *memories)
{
	return handle->memory ? 0 : memory_get(memories, handle->bo, &handle->memory);
}

void handle_pin(struct handle *handle)
{
	assert(handle->is_open);
	handle->n_pins++;
}

void handle_unpin(struct handle_table *table, struct handle *handle)
{
	assert(handle->n_pins > 0);
	handle->n_pins--;
	handle_free_if_unused(table, handle);
}
