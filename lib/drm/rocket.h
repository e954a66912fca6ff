/* SPDX-License-Identifier: MIT */
/* What the files of the rocket ABI share. */
#ifndef NPU_DRM_ROCKET_H
#define NPU_DRM_ROCKET_H

#include "drm.h"
#include "uapi/rocket.h"

int rocket_handle_submit(struct drm_file *file, void *data, size_t user_size);

#endif
