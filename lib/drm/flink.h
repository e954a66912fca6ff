/* SPDX-License-Identifier: MIT */
/*
 * GEM_FLINK and GEM_OPEN: names for objects, on primary nodes alone. On silicon everybody on the
 * machine can open them by guessing; here a name means something in the process that gave it.
 */
#ifndef NPU_DRM_FLINK_H
#define NPU_DRM_FLINK_H

#include <stddef.h>

struct drm_file;

int flink_handle_name(struct drm_file *file, void *data, size_t user_size);
int flink_handle_open(struct drm_file *file, void *data, size_t user_size);

#endif
