/* SPDX-License-Identifier: MIT */
/* Calls of the rocket ABI, for its test clients. */
#ifndef NPUD_TESTS_DRM_ROCKET_CALLS_H
#define NPUD_TESTS_DRM_ROCKET_CALLS_H

#include "client.h"
#include "lib/drm/uapi/drm.h"
#include "lib/drm/uapi/rocket.h"

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define DRM(nr, size)	   _IOC(_IOC_READ | _IOC_WRITE, 'd', nr, size)
#define CREATE_BO	   DRM(0x40, sizeof(struct rocket_create_bo))
#define SUBMIT		   _IOW('d', 0x41, struct rocket_submit)
#define PREP_BO		   _IOW('d', 0x42, struct rocket_prep_bo)
#define FINI_BO		   _IOW('d', 0x43, struct rocket_fini_bo)
#define GEM_CLOSE	   _IOW('d', DRM_NR_GEM_CLOSE, struct drm_gem_close)
#define VERSION		   DRM(DRM_NR_VERSION, sizeof(struct drm_version64))
#define GET_CAP		   DRM(DRM_NR_GET_CAP, sizeof(struct drm_cap))
#define GEM_FLINK	   DRM(DRM_NR_GEM_FLINK, sizeof(struct drm_gem_flink))
#define PRIME_HANDLE_TO_FD DRM(DRM_NR_PRIME_HANDLE_TO_FD, sizeof(struct drm_prime_handle))
#define PRIME_FD_TO_HANDLE DRM(DRM_NR_PRIME_FD_TO_HANDLE, sizeof(struct drm_prime_handle))

#define NODE		   "/dev/accel/accel0"
#define FOREVER		   INT64_MAX
#define BAD_POINTER	   8u

static inline int open_node(void)
{
	int fd = open(NODE, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static inline int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- memory ---- */

struct memory {
	uint32_t handle;
	uint32_t iova;
	uint64_t offset;
	unsigned char *map;
};

static inline void memory_new(int fd, uint32_t size, struct memory *ret_memory)
{
	struct rocket_create_bo create = {.size = size};

	CHECK_EQ(ioctl(fd, CREATE_BO, &create), 0);
	CHECK(create.handle != 0);
	CHECK(create.dma_address < 1ull << 32);
	*ret_memory = (struct memory){
		create.handle, (uint32_t)create.dma_address, create.offset,
		mmap64(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off64_t)create.offset)};
	CHECK(ret_memory->map != MAP_FAILED);
}

static inline int prepare(int fd, uint32_t handle, int64_t timeout_ns)
{
	struct rocket_prep_bo prep = {.handle = handle, .timeout_ns = timeout_ns};

	return ioctl(fd, PREP_BO, &prep);
}

static inline int finish(int fd, uint32_t handle)
{
	struct rocket_fini_bo fini = {.handle = handle};

	return ioctl(fd, FINI_BO, &fini);
}

static inline int gem_close(int fd, uint32_t handle)
{
	struct drm_gem_close close_ = {.handle = handle};

	return ioctl(fd, GEM_CLOSE, &close_);
}

/* How what writes that memory ended, as sync files have it. */
static inline int fence_status(int dma_buf)
{
	struct dma_buf_export_sync_file request = {.flags = DMA_BUF_SYNC_READ};
	struct sync_file_info info = {0};

	CHECK_EQ(ioctl(dma_buf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &request), 0);
	CHECK_EQ(ioctl(request.fd, SYNC_IOC_FILE_INFO, &info), 0);
	close(request.fd);
	return info.status;
}

#endif
