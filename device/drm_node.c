/* SPDX-License-Identifier: MIT */
/*
 * libdrm lists the nodes below /dev/dri; those of accelerators, which it does not know, are in a
 * folder of their own.
 */
#include "device/drm_node.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#define DEVICES_MAX 64

static int open_path(const char *path)
{
	return open(path, O_RDWR | O_CLOEXEC);
}

static bool read_version(struct drm_node *node, const char *driver)
{
	drmVersionPtr version = drmGetVersion(node->fd);
	bool is_it;

	if (!version)
		return false;
	is_it = version->name && strcmp(version->name, driver) == 0;
	node->version[0] = (unsigned)version->version_major;
	node->version[1] = (unsigned)version->version_minor;
	node->version[2] = (unsigned)version->version_patchlevel;
	snprintf(node->driver, sizeof(node->driver), "%s", driver);
	snprintf(node->date, sizeof(node->date), "%s", version->date ? version->date : "");
	drmFreeVersion(version);
	return is_it;
}

/* 0 where it is that driver's; -ENODEV where it is another's. */
static int try_path(const char *path, const char *driver, struct drm_node *ret_node)
{
	struct drm_node node = {.ioctl = drmIoctl, .open = open_path};

	snprintf(node.path, sizeof(node.path), "%s", path);
	node.fd = open_path(path);
	if (node.fd < 0) {
		int r = -errno;

		*ret_node = node;
		return r;
	}
	if (!read_version(&node, driver)) {
		close(node.fd);
		return -ENODEV;
	}
	*ret_node = node;
	return 0;
}

/* What is worth saying of several attempts: success, then what keeps us out. */
static int better(int old, int new)
{
	return old == -ENODEV || new == 0 ? new : old;
}

static int try_devices(const char *driver, int kind, struct drm_node *ret_node)
{
	drmDevicePtr devices[DEVICES_MAX];
	int n = drmGetDevices2(0, devices, DEVICES_MAX), r = -ENODEV;

	for (int i = 0; i < n && r != 0; i++) {
		if (devices[i]->available_nodes & 1 << kind)
			r = better(r, try_path(devices[i]->nodes[kind], driver, ret_node));
	}
	if (n > 0)
		drmFreeDevices(devices, n);
	return r;
}

static int try_accelerators(const char *driver, struct drm_node *ret_node)
{
	int r = -ENODEV;
	glob_t paths;

	if (glob("/dev/accel/accel*", 0, NULL, &paths) != 0)
		return -ENODEV;
	for (size_t i = 0; i < paths.gl_pathc && r != 0; i++)
		r = better(r, try_path(paths.gl_pathv[i], driver, ret_node));
	globfree(&paths);
	return r;
}

int drm_node_open(const char *driver, struct drm_node *ret_node)
{
	struct drm_node node = {.fd = -1};
	int r;

	r = try_devices(driver, DRM_NODE_RENDER, &node);
	if (r != 0)
		r = better(r, try_devices(driver, DRM_NODE_PRIMARY, &node));
	if (r != 0)
		r = better(r, try_accelerators(driver, &node));
	*ret_node = node;
	return r;
}

int drm_node_reopen(const struct drm_node *node, struct drm_node *ret_node)
{
	struct drm_node again = *node;

	again.fd = node->open(node->path);
	if (again.fd < 0)
		return -errno;
	*ret_node = again;
	return 0;
}

void drm_node_close(struct drm_node *node)
{
	if (node->fd >= 0)
		close(node->fd);
	node->fd = -1;
}

int drm_node_command(const struct drm_node *node, unsigned number, void *argument, size_t size)
{
	const unsigned type = node->is_misc ? 'r' : DRM_IOCTL_BASE;
	const unsigned base = node->is_misc ? 0 : DRM_COMMAND_BASE;
	const unsigned long request =
		DRM_IOC(DRM_IOC_READ | DRM_IOC_WRITE, type, base + number, size);

	return node->ioctl(node->fd, request, argument) < 0 ? -errno : 0;
}

int drm_memory_map(const struct drm_node *node, uint64_t offset, uint64_t size_bytes,
		   void **ret_host)
{
	void *host =
		mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, node->fd, (off_t)offset);

	if (host == MAP_FAILED)
		return -errno;
	*ret_host = host;
	return 0;
}

int drm_memory_export(const struct drm_node *node, uint32_t handle, bool is_writable, int *ret_fd)
{
	struct drm_prime_handle prime = {
		.handle = handle, .flags = DRM_CLOEXEC | (is_writable ? DRM_RDWR : 0), .fd = -1};

	if (node->ioctl(node->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) < 0)
		return -errno;
	*ret_fd = prime.fd;
	return 0;
}

int drm_memory_import(const struct drm_node *node, int fd, uint32_t *ret_handle)
{
	struct drm_prime_handle prime = {.fd = fd};

	if (node->ioctl(node->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime) < 0)
		return -errno;
	*ret_handle = prime.handle;
	return 0;
}

int drm_memory_map_imported(int fd, uint64_t size_bytes, void **ret_host, bool *ret_is_writable)
{
	const int flags = fcntl(fd, F_GETFL);
	const bool is_writable = (flags & O_ACCMODE) == O_RDWR;
	void *host;

	if (flags < 0)
		return -errno;
	host = mmap(NULL, size_bytes, PROT_READ | (is_writable ? PROT_WRITE : 0), MAP_SHARED, fd,
		    0);
	if (host == MAP_FAILED)
		return -errno;
	*ret_host = host;
	*ret_is_writable = is_writable;
	return 0;
}

void drm_memory_close(const struct drm_node *node, uint32_t handle)
{
	struct drm_gem_close request = {.handle = handle};

	(void)node->ioctl(node->fd, DRM_IOCTL_GEM_CLOSE, &request);
}

int drm_memory_fence(const struct drm_node *node, int dma_buf_fd, int *ret_fence_fd)
{
	struct dma_buf_export_sync_file request = {.flags = DMA_BUF_SYNC_READ, .fd = -1};

	if (node->ioctl(dma_buf_fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &request) < 0)
		return -errno;
	*ret_fence_fd = request.fd;
	return 0;
}

int drm_fence_status(const struct drm_node *node, int fence_fd)
{
	struct sync_file_info info = {0};

	return node->ioctl(fence_fd, SYNC_IOC_FILE_INFO, &info) < 0 ? -errno : info.status;
}
