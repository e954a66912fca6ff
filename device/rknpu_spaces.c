/* SPDX-License-Identifier: MIT */
/*
 * How much room is left, and in what pieces. The driver does not tell; but npud made everything
 * that is there.
 */
#include "device/rknpu_internal.h"

#include <stdlib.h>

#define SPACE_BYTES (1ull << 32)

static int compare_places(const void *left, const void *right)
{
	const struct drm_object *const *a = left, *const *b = right;

	if ((*a)->domain != (*b)->domain)
		return (*a)->domain < (*b)->domain ? -1 : 1;
	return ((*a)->iova > (*b)->iova) - ((*a)->iova < (*b)->iova);
}

static void note_hole(struct device_space *space, uint64_t begin, uint64_t end)
{
	if (end > begin && end - begin > space->largest_free_bytes)
		space->largest_free_bytes = end - begin;
}

/* Of objects in one address space, by address. Two may be the same memory. */
static struct device_space measure(const struct drm_object *const *objects, unsigned n)
{
	struct device_space space = {.number = objects[0]->domain, .n_bos = n};
	uint64_t end = 0;

	for (unsigned i = 0; i < n; i++) {
		note_hole(&space, end, objects[i]->iova);
		end = objects[i]->iova + objects[i]->size_bytes;
		space.bytes += objects[i]->size_bytes;
	}
	note_hole(&space, end, SPACE_BYTES);
	return space;
}

unsigned rknpu_spaces(struct device *device, struct device_space *ret_spaces, unsigned n_max)
{
	const struct rknpu *rknpu = (const struct rknpu *)device;
	const struct drm_object **objects =
		calloc(rknpu->objects.n + 1, sizeof(struct drm_object *));
	unsigned n_objects = 0, n_spaces = 0, first = 0;

	for (uint32_t handle = 0; objects && handle < rknpu->objects.n_slots; handle++) {
		const struct drm_object *object = drm_objects_find(&rknpu->objects, handle);

		if (object)
			objects[n_objects++] = object;
	}
	if (n_objects > 0)
		qsort(objects, n_objects, sizeof(struct drm_object *), compare_places);
	for (unsigned i = 1; i <= n_objects && n_spaces < n_max; i++) {
		if (i < n_objects && objects[i]->domain == objects[first]->domain)
			continue;
		ret_spaces[n_spaces++] = measure(&objects[first], i - first);
		first = i;
	}
	free(objects);
	return n_spaces;
}
