/* SPDX-License-Identifier: MIT */
/*
 * DRM's sync objects: a place for a fence. The fences are npud's, or any descriptor that polls
 * readable once and stays so. Timelines are not served.
 */
#ifndef NPU_DRM_SYNCOBJ_H
#define NPU_DRM_SYNCOBJ_H

#include "drm.h"

struct syncobj {
	LIST_ENTRY(syncobj) link;
	uint32_t handle;
	int event_fd; /* readable: signalled by the program */
	int fence;    /* -1: none */
};

int syncobj_handle_create(struct drm_file *file, void *data, size_t user_size);
int syncobj_handle_destroy(struct drm_file *file, void *data, size_t user_size);
int syncobj_handle_to_fd(struct drm_file *file, void *data, size_t user_size);
int syncobj_fd_to_handle(struct drm_file *file, void *data, size_t user_size);
int syncobj_handle_wait(struct drm_file *file, void *data, size_t user_size);
int syncobj_handle_reset(struct drm_file *file, void *data, size_t user_size);
int syncobj_handle_signal(struct drm_file *file, void *data, size_t user_size);

/* All of a file's; its session is gone. */
void syncobj_deinit(struct drm_file *file);

#endif
