/* SPDX-License-Identifier: MIT */
/* Calls of the vendor's ABI, for its test clients. */
#ifndef NPUD_TESTS_DRM_RKNPU_CALLS_H
#define NPUD_TESTS_DRM_RKNPU_CALLS_H

#include "client.h"
#include "lib/drm/uapi/drm.h"
#include "lib/drm/uapi/rknpu.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define DRM(nr, size)	   _IOC(_IOC_READ | _IOC_WRITE, 'd', nr, size)
#define COMMAND(nr, size)  DRM(DRM_COMMAND_FIRST + RKNPU_##nr, size)
#define ACTION		   COMMAND(ACTION, sizeof(struct rknpu_action))
#define SUBMIT		   COMMAND(SUBMIT, sizeof(struct rknpu_submit))
#define MEM_CREATE	   COMMAND(MEM_CREATE, sizeof(struct rknpu_mem_create))
#define MEM_MAP		   COMMAND(MEM_MAP, sizeof(struct rknpu_mem_map))
#define MEM_DESTROY	   COMMAND(MEM_DESTROY, sizeof(struct rknpu_mem_destroy))
#define MEM_SYNC	   COMMAND(MEM_SYNC, sizeof(struct rknpu_mem_sync))
#define GEM_FLINK	   DRM(DRM_NR_GEM_FLINK, sizeof(struct drm_gem_flink))
#define GEM_OPEN	   DRM(DRM_NR_GEM_OPEN, sizeof(struct drm_gem_open))
#define PRIME_HANDLE_TO_FD DRM(DRM_NR_PRIME_HANDLE_TO_FD, sizeof(struct drm_prime_handle))
#define PRIME_FD_TO_HANDLE DRM(DRM_NR_PRIME_FD_TO_HANDLE, sizeof(struct drm_prime_handle))

#define CARD		   "/dev/dri/card1"
#define RENDER		   "/dev/dri/renderD129"

static inline int open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static inline int act(int fd, uint32_t number, uint32_t value, uint32_t *ret_value)
{
	struct rknpu_action action = {.flags = number, .value = value};
	int r = ioctl(fd, ACTION, &action);

	*ret_value = action.value;
	return r;
}

/* ---- memory ---- */

struct memory {
	uint32_t handle;
	uint64_t size, token, iova, offset;
	unsigned char *map;
};

static inline void memory_new(int fd, uint64_t size, uint32_t flags, struct memory *ret_memory)
{
	struct rknpu_mem_create create = {.flags = flags, .size = size};
	struct rknpu_mem_map map = {0};

	CHECK_EQ(ioctl(fd, MEM_CREATE, &create), 0);
	map.handle = create.handle;
	CHECK_EQ(ioctl(fd, MEM_MAP, &map), 0);
	*ret_memory = (struct memory){create.handle,   create.size, create.obj_addr,
				      create.dma_addr, map.offset,  NULL};
	ret_memory->map =
		mmap64(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off64_t)map.offset);
	CHECK(ret_memory->map != MAP_FAILED);
}

static inline int memory_destroy(int fd, uint32_t handle)
{
	struct rknpu_mem_destroy destroy = {.handle = handle};

	return ioctl(fd, MEM_DESTROY, &destroy);
}

#endif
