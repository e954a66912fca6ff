/* SPDX-License-Identifier: MIT */
/*
 * Small integers for objects: ids from 1 up, lowest free first, each naming one pointer.
 *
 * Memory grows with the highest id in use and never beyond the limit given at the start. Not
 * thread-safe. Pointers are borrowed.
 */
#ifndef NPUD_BASE_IDTAB_H
#define NPUD_BASE_IDTAB_H

#include <stdint.h>

struct idtab {
	void **slots; /* slots[id - 1] */
	uint32_t capacity, used, limit;
	uint32_t first_free; /* no free id below this one */
};

void idtab_init(struct idtab *tab, uint32_t limit);
/* Asserts that it is empty. */
void idtab_deinit(struct idtab *tab);
/* -ENOSPC when `limit` ids are in use, -ENOMEM. */
int idtab_add(struct idtab *tab, void *ptr, uint32_t *ret_id);
/* NULL for an id that names nothing (0 included). */
void *idtab_get(const struct idtab *tab, uint32_t id);
/* Returns what the id named, or NULL. */
void *idtab_remove(struct idtab *tab, uint32_t id);
/* The first object with an id above `id`, whose id is stored there; NULL at the end. Start with 0.
 */
void *idtab_next(const struct idtab *tab, uint32_t *id);

#define idtab_for_each(tab, ptr, id) for ((id) = 0; ((ptr) = idtab_next((tab), &(id))) != NULL;)

#endif
