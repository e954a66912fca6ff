/* SPDX-License-Identifier: MIT */
/* Handles are small numbers, the lowest free one is next: an array is all it takes. */
#include "device/drm_objects.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define SLOTS_FIRST 64u
/* As many pages as sixteen address spaces have: no driver has more of them, nor more objects. */
#define SLOTS_MAX (1u << 24)

void drm_objects_deinit(struct drm_objects *objects)
{
	assert(objects->n == 0);
	free(objects->slots);
	*objects = (struct drm_objects){0};
}

struct drm_object *drm_objects_find(const struct drm_objects *objects, uint32_t handle)
{
	if (handle >= objects->n_slots || objects->slots[handle].refs == 0)
		return NULL;
	return &objects->slots[handle];
}

static int make_room(struct drm_objects *objects, uint32_t handle)
{
	unsigned n = objects->n_slots ? objects->n_slots : SLOTS_FIRST;
	struct drm_object *grown;

	if (handle >= SLOTS_MAX)
		return -ENOMEM;
	while (n <= handle)
		n *= 2;
	if (n == objects->n_slots)
		return 0;
	grown = reallocarray(objects->slots, n, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	for (unsigned i = objects->n_slots; i < n; i++)
		grown[i] = (struct drm_object){0};
	objects->slots = grown;
	objects->n_slots = n;
	return 0;
}

int drm_objects_hold(struct drm_objects *objects, uint32_t handle, uint64_t iova,
		     const struct drm_object *facts)
{
	struct drm_object *object;
	int r;

	if (iova > UINT32_MAX || facts->size_bytes > (1ull << 32) - iova)
		return -ERANGE;
	r = make_room(objects, handle);
	if (r < 0)
		return r;
	object = &objects->slots[handle];
	if (object->refs++ > 0)
		return 0;
	*object = *facts;
	object->refs = 1;
	object->iova = (uint32_t)iova;
	objects->n++;
	return 0;
}

bool drm_objects_let_go(struct drm_objects *objects, uint32_t handle)
{
	struct drm_object *object = &objects->slots[handle];

	assert(handle < objects->n_slots && object->refs > 0);
	if (--object->refs > 0)
		return false;
	objects->n--;
	return true;
}

struct device_bo drm_objects_describe(const struct drm_objects *objects, uint32_t handle)
{
	const struct drm_object *object = drm_objects_find(objects, handle);

	assert(object);
	return (struct device_bo){
		.handle = handle,
		.iova = object->iova,
		.token = object->token,
		.size_bytes = object->size_bytes,
		.domain = object->domain,
	};
}
