/* SPDX-License-Identifier: MIT */
/* Questions about fences, as the kernel's sync files answer them. */
#ifndef NPU_DRM_SYNC_FILE_H
#define NPU_DRM_SYNC_FILE_H

#include <stdbool.h>
#include <stdint.h>

struct drm_file;

#define SYNC_FILE_IOCTL_TYPE '>'

/* DMA_BUF_IOCTL_EXPORT_SYNC_FILE, of that object. 0 or a negative errno value. */
int sync_file_export(struct drm_file *file, uint32_t handle, void *argument);

/* 0 or a negative errno value; -ENOTTY where `fd` is no fence of npud's, or for other requests. */
int sync_file_ioctl(int fd, unsigned long request, void *argument);

/* Whether the descriptor is a fence of npud's. */
bool sync_file_is_fence(int fd);

#endif
