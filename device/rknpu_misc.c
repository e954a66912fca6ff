/* SPDX-License-Identifier: MIT */
/*
 * Kernels that build the vendor's driver on DMA heaps have a node of their own instead of one of
 * DRM's (ABI reference 1.9): an object's handle is a descriptor of its memory, mapped at offset 0.
 */
#include "device/rknpu.h"
#include "device/rknpu_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#define NODE_PATH "/dev/rknpu"
/* The kernel takes its own version's struct, and no other length. */
#define VERSION_LONG_CREATE 906u

int rknpu_misc_open(struct drm_node *ret_node)
{
	struct drm_node node = {.ioctl = drmIoctl, .is_misc = true};
	int r;

	snprintf(node.path, sizeof(node.path), NODE_PATH);
	snprintf(node.driver, sizeof(node.driver), "rknpu");
	node.fd = open(node.path, O_RDWR | O_CLOEXEC);
	r = node.fd < 0 ? -errno : 0;
	*ret_node = node;
	return r == -ENOENT || r == -ENXIO ? -ENODEV : r;
}

size_t rknpu_create_bytes(const struct rknpu *rknpu)
{
	if (rknpu->node.is_misc && rknpu->version < VERSION_LONG_CREATE)
		return RKNPU_MEM_CREATE_BYTES_OLD;
	return sizeof(struct rknpu_mem_create);
}

int rknpu_misc_map(struct device_bo *bo)
{
	void *host =
		mmap(NULL, bo->size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, (int)bo->handle, 0);

	if (host == MAP_FAILED)
		return -errno;
	bo->host = host;
	return 0;
}

int rknpu_misc_import(int fd, uint32_t *ret_handle)
{
	const int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (own_fd < 0)
		return -errno;
	*ret_handle = (uint32_t)own_fd;
	return 0;
}

int rknpu_misc_export(uint32_t handle, bool is_writable, int *ret_fd)
{
	int fd;

	if (!is_writable)
		return -ENOTSUP;
	fd = fcntl((int)handle, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

void rknpu_misc_close(uint32_t handle)
{
	close((int)handle);
}
