/* SPDX-License-Identifier: MIT */
/* Questions about fences, as the kernel's sync files answer them. */
#ifndef NPU_DRM_SYNC_FILE_H
#define NPU_DRM_SYNC_FILE_H

#include "npu.h"

#include <stdbool.h>
#include <stdint.h>

struct drm_file;
struct stat64;

#define SYNC_FILE_IOCTL_TYPE '>'

/* DMA_BUF_IOCTL_EXPORT_SYNC_FILE, of memory that the file has. 0 or a negative errno value. */
int sync_file_export(struct drm_file *file, const struct stat64 *memory, void *argument);

/* 0 or a negative errno value; -ENOTTY where `fd` is no fence of npud's, or for other requests. */
int sync_file_ioctl(int fd, unsigned long request, void *argument);

/*
 * A fence, the caller's, of a job that is over: nobody can tell it from one that was there before.
 * -1: no descriptor is left.
 */
int sync_file_new_signalled(enum npu_outcome outcome);

/* Whether the descriptor is a fence of npud's. */
bool sync_file_is_fence(int fd);

#endif
