/* SPDX-License-Identifier: MIT */
/*
 * The vendor's misc node: the same calls, but a handle is a descriptor of the memory, which the
 * program maps at offset 0.
 */
#include "wrap.h"

#include "real.h"
#include "rknpu.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static struct gem_object *find_by_descriptor(struct drm_file *file, uint32_t fd)
{
	struct stat64 status;

	if (real()->fstat64((int)fd, &status) < 0)
		return NULL;
	return gem_find_memory(&file->gem, status.st_dev, status.st_ino);
}

/* The descriptor that was passed in names memory: whose addresses are wanted. */
static int describe_descriptor(struct drm_file *file, struct rknpu_mem_create *request)
{
	const struct gem_object *object;
	const uint32_t fd = request->handle;
	uint32_t handle;
	int r;

	r = drm_import(file, (int)fd, false, &handle);
	if (r == 0)
		r = drm_file_lock(file);
	if (r < 0)
		return r;
	object = gem_find(&file->gem, handle);
	if (object)
		rknpu_describe_object(object, request);
	request->handle = fd;
	drm_file_unlock(file);
	return object ? 0 : -EINVAL;
}

static int create(struct drm_file *file, struct rknpu_mem_create *request)
{
	struct gem_object *object;
	uint32_t handle = 0;
	int fd, r;

	r = drm_file_lock(file);
	if (r < 0)
		return r;
	r = rknpu_create_object(file, request, &object);
	if (r == 0) {
		rknpu_describe_object(object, request);
		handle = object->handle;
	}
	drm_file_unlock(file);
	if (r == 0)
		r = drm_export(file, handle, O_CLOEXEC | O_RDWR, &fd);
	if (r == 0)
		request->handle = (uint32_t)fd;
	return r;
}

int rknpu_misc_handle_mem_create(struct drm_file *file, void *data, size_t user_size)
{
	struct rknpu_mem_create *request = data;
	int r;

	if (request->flags & RKNPU_MEM_NON_CONTIGUOUS) {
		trace_explain("MEM_CREATE: flags 0x%x: /dev/rknpu has no non-contiguous memory "
			      "(0x%x)",
			      request->flags, RKNPU_MEM_NON_CONTIGUOUS);
		return -EINVAL;
	}
	r = rknpu_check_domain("MEM_CREATE", request->iommu_domain_id);
	if (r < 0)
		return r;
	return (int32_t)request->handle > 0 ? describe_descriptor(file, request)
					    : create(file, request);
}

int rknpu_misc_handle_mem_map(struct drm_file *file, void *data, size_t user_size)
{
	trace_explain("MEM_MAP: on /dev/rknpu map the descriptor that MEM_CREATE returned");
	return -EINVAL;
}

int rknpu_misc_handle_mem_destroy(struct drm_file *file, void *data, size_t user_size)
{
	const struct rknpu_mem_destroy *request = data;
	struct gem_object *object;
	int r;

	r = drm_file_lock(file);
	if (r < 0)
		return r;
	object = gem_find_token(&file->gem, request->obj_addr);
	if (!object)
		object = find_by_descriptor(file, request->handle);
	if (object) {
		drm_remove(file, object);
	} else {
		trace_explain("MEM_DESTROY: neither obj_addr 0x%llx nor descriptor %u is one of "
			      "this session's objects",
			      (unsigned long long)request->obj_addr, request->handle);
		r = -EINVAL;
	}
	drm_file_unlock(file);
	return r;
}
