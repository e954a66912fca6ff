/* SPDX-License-Identifier: MIT */
/* A plain array by handle: programs have tens of objects, and ask for one by number. */
#include "gem.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#define TOKEN_FIRST 0xffffff8000000000ull /* looks like a kernel address, for who prints it */
#define TOKEN_STEP  0x1000u
#define TOKEN_RANGE 0x7fffffu

/* No two in a process are equal, and those of two processes hardly ever. */
static uint64_t token_next(void)
{
	static atomic_uint_fast64_t last;
	uint64_t seed = 0, expected = 0;

	if (atomic_load(&last) == 0) {
		if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
			seed = (uintptr_t)&seed;
		atomic_compare_exchange_strong(&last, &expected,
					       TOKEN_FIRST + (seed & TOKEN_RANGE) * TOKEN_STEP);
	}
	return atomic_fetch_add(&last, TOKEN_STEP) + TOKEN_STEP;
}

static int gem_find_slot(struct gem *gem, uint32_t *ret_slot)
{
	struct gem_object **grown;
	uint32_t n;

	for (uint32_t i = 0; i < gem->n_slots; i++)
		if (!gem->objects[i]) {
			*ret_slot = i;
			return 0;
		}
	n = gem->n_slots ? gem->n_slots * 2 : 16;
	grown = realloc(gem->objects, n * sizeof(struct gem_object *));
	if (!grown)
		return -ENOMEM;
	for (uint32_t i = gem->n_slots; i < n; i++)
		grown[i] = NULL;
	*ret_slot = gem->n_slots;
	gem->objects = grown;
	gem->n_slots = n;
	return 0;
}

int gem_add(struct gem *gem, struct npu_session *session, const struct npu_bo *bo, uint64_t token,
	    struct gem_object **ret_object)
{
	struct gem_object *object;
	uint32_t slot;

	if (gem_find_slot(gem, &slot) < 0)
		return -ENOMEM;
	object = calloc(1, sizeof(*object));
	if (!object)
		return -ENOMEM;
	object->handle = slot + 1;
	object->n_handles = 1;
	object->token = token ? token : token_next();
	object->offset = GEM_OFFSET_FIRST + gem->next_offset;
	object->session = session;
	object->bo = *bo;
	gem->next_offset += bo->size;
	gem->objects[slot] = object;
	gem->n_objects++;
	*ret_object = object;
	return 0;
}

struct gem_object *gem_find(const struct gem *gem, uint32_t handle)
{
	return handle >= 1 && handle <= gem->n_slots ? gem->objects[handle - 1] : NULL;
}

#define GEM_FIND(gem, condition)                                                                   \
	do {                                                                                       \
		for (uint32_t i = 0; i < (gem)->n_slots; i++) {                                    \
			struct gem_object *object = (gem)->objects[i];                             \
                                                                                                   \
			if (object && (condition))                                                 \
				return object;                                                     \
		}                                                                                  \
		return NULL;                                                                       \
	} while (0)

struct gem_object *gem_find_name(const struct gem *gem, uint32_t name)
{
	GEM_FIND(gem, object->name == name);
}

struct gem_object *gem_find_token(const struct gem *gem, uint64_t token)
{
	GEM_FIND(gem, object->token == token);
}

struct gem_object *gem_find_offset(const struct gem *gem, uint64_t offset)
{
	GEM_FIND(gem, object->offset == offset);
}

struct gem_object *gem_find_iova(const struct gem *gem, const struct npu_session *session,
				 uint64_t iova)
{
	GEM_FIND(gem, object->session == session && iova >= object->bo.iova &&
			      iova - object->bo.iova < object->bo.size);
}

struct gem_object *gem_find_memory(const struct gem *gem, dev_t dev, ino_t ino)
{
	GEM_FIND(gem, object->ino != 0 && object->ino == ino && object->dev == dev);
}

struct npu_bo gem_remove(struct gem *gem, struct gem_object *object)
{
	struct npu_bo bo = object->bo;

	gem->objects[object->handle - 1] = NULL;
	gem->n_objects--;
	free(object);
	return bo;
}

uint32_t gem_collect(struct gem *gem, const struct npu_session *session, uint32_t *ret_handles,
		     uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < gem->n_slots; i++) {
		struct gem_object *object = gem->objects[i];

		if (!object)
			continue;
		if (object->session == session && !object->is_named && count < n)
			ret_handles[count++] = object->bo.handle;
		object->is_named = false;
	}
	return count;
}

void gem_deinit(struct gem *gem)
{
	for (uint32_t i = 0; i < gem->n_slots; i++) {
		struct gem_object *object = gem->objects[i];

		if (object && object->bo.map)
			munmap(object->bo.map, (size_t)object->bo.size);
		free(object);
	}
	free(gem->objects);
	*gem = (struct gem){.next_offset = gem->next_offset};
}
