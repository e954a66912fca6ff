/* SPDX-License-Identifier: MIT */
/* A name is a number that an object has; opening it is exporting it there and importing it here. */
#include "flink.h"

#include "drm.h"
#include "node.h"
#include "trace.h"
#include "uapi/drm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

int flink_handle_name(struct drm_file *file, void *data, size_t user_size)
{
	static atomic_uint_fast32_t last_name;
	struct drm_gem_flink *request = data;
	struct gem_object *object;
	int r = drm_check_primary(file, "GEM_FLINK");

	if (r == 0)
		r = drm_file_lock(file);
	if (r < 0)
		return r;
	object = gem_find(&file->gem, request->handle);
	if (!object)
		trace_explain("GEM_FLINK: handle %u is unknown", request->handle);
	if (object && !object->name)
		object->name = (uint32_t)atomic_fetch_add(&last_name, 1) + 1;
	if (object)
		request->name = object->name;
	drm_file_unlock(file);
	return object ? 0 : -ENOENT;
}

/* A descriptor of the object's memory, whichever file has it. */
static int export_named(uint32_t name, int *ret_fd)
{
	struct drm_file *file = NULL;
	uint32_t handle = 0;
	int r = -ENOENT;

	while (handle == 0 && (file = drm_file_next(file)) != NULL) {
		const struct gem_object *object;

		pthread_mutex_lock(&file->lock);
		object = name ? gem_find_name(&file->gem, name) : NULL;
		handle = object ? object->handle : 0;
		pthread_mutex_unlock(&file->lock);
	}
	if (file)
		r = drm_export(file, handle, O_CLOEXEC | O_RDWR, ret_fd);
	else
		trace_explain("GEM_OPEN: no object of this process has the name %u; share with "
			      "others by PRIME descriptors",
			      name);
	drm_file_put(file);
	return r;
}

int flink_handle_open(struct drm_file *file, void *data, size_t user_size)
{
	struct drm_gem_open *request = data;
	const struct gem_object *object;
	int fd = -1, r = drm_check_primary(file, "GEM_OPEN");

	if (r == 0)
		r = export_named(request->name, &fd);
	if (r < 0)
		return r;
	r = drm_import(file, fd, true, &request->handle);
	close(fd);
	if (r == 0)
		r = drm_file_lock(file);
	if (r < 0)
		return r;
	object = gem_find(&file->gem, request->handle);
	if (object)
		request->size = object->bo.size;
	drm_file_unlock(file);
	return 0;
}
