/* SPDX-License-Identifier: MIT */
/*
 * Objects of an open node, by handle. The kernel answers a dma-buf of its own that comes back with
 * the handle that it has: so holders are counted here.
 */
#ifndef NPUD_DEVICE_DRM_OBJECTS_H
#define NPUD_DEVICE_DRM_OBJECTS_H

#include "device/device.h"

#include <sys/types.h>

struct drm_object {
	unsigned refs; /* 0: there is none of that handle */
	unsigned domain;
	uint32_t iova;
	uint64_t token, size_bytes;
	dev_t dev; /* of its memory, where handles are descriptors */
	ino_t ino;
	/* The one holder is nobody: the object is to be destroyed when that can be done. */
	bool is_unused;
};

/* All zero: empty. */
struct drm_objects {
	struct drm_object *slots; /* by handle */
	unsigned n_slots;
	unsigned n; /* that are held */
};

/* Nothing may be held any more. */
void drm_objects_deinit(struct drm_objects *objects);
/* NULL where nobody holds it. */
struct drm_object *drm_objects_find(const struct drm_objects *objects, uint32_t handle);
/*
 * One more holder. Of the first one `facts` are kept but for `refs`. -ENOMEM, -ERANGE for an object
 * that does not lie within 4 GiB of addresses from `iova` (64 bits, as drivers say it).
 */
int drm_objects_hold(struct drm_objects *objects, uint32_t handle, uint64_t iova,
		     const struct drm_object *facts);
/* One holder less. True when it was the last, and the handle is to be closed. */
bool drm_objects_let_go(struct drm_objects *objects, uint32_t handle);
/* A BO of a held object, not mapped yet. */
struct device_bo drm_objects_describe(const struct drm_objects *objects, uint32_t handle);

#endif
