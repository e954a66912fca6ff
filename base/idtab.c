/* SPDX-License-Identifier: MIT */
/*
 * An array of pointers, and a hint below which it is full: finding the lowest free id costs what
 * was freed out of order since, not the size of the table.
 */
#include "base/idtab.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 16u

void idtab_init(struct idtab *tab, uint32_t limit)
{
	*tab = (struct idtab){.limit = limit, .first_free = 1};
}

void idtab_deinit(struct idtab *tab)
{
	assert(tab->used == 0);
	free(tab->slots);
	*tab = (struct idtab){.first_free = 1};
}

static int idtab_grow(struct idtab *tab)
{
	uint32_t capacity = tab->capacity > tab->limit / 2 ? tab->limit : tab->capacity * 2;
	void **slots;

	if (capacity < CAPACITY_MIN)
		capacity = tab->limit < CAPACITY_MIN ? tab->limit : CAPACITY_MIN;
	slots = reallocarray(tab->slots, capacity, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	memset(slots + tab->capacity, 0, (size_t)(capacity - tab->capacity) * sizeof(*slots));
	tab->slots = slots;
	tab->capacity = capacity;
	return 0;
}

int idtab_add(struct idtab *tab, void *ptr, uint32_t *ret_id)
{
	uint32_t id = tab->first_free;
	int r;

	assert(ptr);
	if (tab->used >= tab->limit)
		return -ENOSPC;
	while (id <= tab->capacity && tab->slots[id - 1])
		id++;
	if (id > tab->capacity) {
		r = idtab_grow(tab);
		if (r < 0)
			return r;
	}
	tab->slots[id - 1] = ptr;
	tab->used++;
	tab->first_free = id + 1;
	*ret_id = id;
	return 0;
}

void *idtab_get(const struct idtab *tab, uint32_t id)
{
	return id >= 1 && id <= tab->capacity ? tab->slots[id - 1] : NULL;
}

void *idtab_remove(struct idtab *tab, uint32_t id)
{
	void *ptr = idtab_get(tab, id);

	if (!ptr)
		return NULL;
	tab->slots[id - 1] = NULL;
	tab->used--;
	if (id < tab->first_free)
		tab->first_free = id;
	return ptr;
}

void *idtab_next(const struct idtab *tab, uint32_t *id)
{
	for (uint32_t i = *id; i < tab->capacity; i++) {
		if (tab->slots[i]) {
			*id = i + 1;
			return tab->slots[i];
		}
	}
	return NULL;
}
