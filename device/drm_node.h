/* SPDX-License-Identifier: MIT */
/*
 * The node of a kernel driver, and what every DRM driver does with memory. A node is found by its
 * driver's name: numbers differ from board to board and from boot to boot.
 */
#ifndef NPUD_DEVICE_DRM_NODE_H
#define NPUD_DEVICE_DRM_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drm_node {
	int fd;
	char path[64];
	char driver[32];
	unsigned version[3]; /* major, minor, patch level */
	char date[16];
	bool is_misc; /* not DRM's: the vendor's calls with numbers of its own */
	/* drmIoctl(), or a kernel made by a test. 0 or more, or -1 with errno. */
	int (*ioctl)(int fd, unsigned long request, void *argument);
	int (*open)(const char *path); /* likewise; a descriptor, or -1 with errno */
};

/*
 * Opens the first node of that driver: render nodes before primary ones, then accel nodes. -ENODEV:
 * there is none; otherwise why the last one that may be it could not be opened (-EACCES, …), with
 * its path in ret_node->path.
 */
int drm_node_open(const char *driver, struct drm_node *ret_node);
/* The same node once more: a file of its own. -errno. */
int drm_node_reopen(const struct drm_node *node, struct drm_node *ret_node);
/* Safe on a node that was not opened, if its fd is -1. */
void drm_node_close(struct drm_node *node);

/* A driver's own command, in and out, with that struct. -errno. */
int drm_node_command(const struct drm_node *node, unsigned number, void *argument, size_t size);

/* Maps `size_bytes` of the node at an offset that the driver gave, read and write. -errno. */
int drm_memory_map(const struct drm_node *node, uint64_t offset, uint64_t size_bytes,
		   void **ret_host);
/* A dma-buf of the object, owned by the caller. -errno. */
int drm_memory_export(const struct drm_node *node, uint32_t handle, bool is_writable, int *ret_fd);
/* An object's handle for a dma-buf; the same one for the same memory. -errno. */
int drm_memory_import(const struct drm_node *node, int fd, uint32_t *ret_handle);
/*
 * Maps all of an object by its dma-buf, for writing too where that may be written. -errno; the
 * results are untouched then.
 */
int drm_memory_map_imported(int fd, uint64_t size_bytes, void **ret_host, bool *ret_is_writable);
void drm_memory_close(const struct drm_node *node, uint32_t handle);
/*
 * A sync file of what is under way that writes to a dma-buf, owned by the caller; one that is
 * signalled where nothing is. -ENOTTY from kernels that have none; -errno.
 */
int drm_memory_fence(const struct drm_node *node, int dma_buf_fd, int *ret_fence_fd);
/* 0 while it is under way, 1 when it has ended, or why it failed, as -errno; also that of the call.
 */
int drm_fence_status(const struct drm_node *node, int fence_fd);

#endif
