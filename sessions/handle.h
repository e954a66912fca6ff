/* SPDX-License-Identifier: MIT */
/*
 * A session's GEM table: its own small numbers for its BOs.
 *
 *   open --close--> closed, still pinned by jobs --last unpin--> number free again
 *
 * A handle that was closed is unknown at once, but its number and its BO live until the last job
 * that named it has retired. A number of another session's table means nothing here.
 */
#ifndef NPUD_SESSIONS_HANDLE_H
#define NPUD_SESSIONS_HANDLE_H

#include "base/idtab.h"
#include "iommu/bo.h"
#include "sessions/memory.h"

#include <stdbool.h>
#include <stdint.h>

struct handle {
	uint32_t id;
	bool is_open;
	unsigned n_pins;
	struct bo *bo;	       /* one reference */
	struct memory *memory; /* one reference; NULL: no job has named it for order */
};

struct handle_table {
	struct idtab handles;
	unsigned n_open;
};

void handle_table_init(struct handle_table *table, uint32_t limit);
/* Closes what is open; nothing may be pinned. */
void handle_table_deinit(struct handle_table *table);

/* Takes over the caller's reference on success. -ENOSPC, -ENOMEM. */
int handle_open(struct handle_table *table, struct bo *bo, uint32_t *ret_id);
/* NULL unless `id` is open. */
struct handle *handle_get(const struct handle_table *table, uint32_t id);
/* -ENOENT */
int handle_close(struct handle_table *table, uint32_t id);
void handle_close_all(struct handle_table *table);

/* Fills in handle->memory, as memory_get(). */
int handle_find_memory(struct handle *handle, struct memories *memories);

void handle_pin(struct handle *handle);
void handle_unpin(struct handle_table *table, struct handle *handle);

#endif
