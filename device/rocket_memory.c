/* SPDX-License-Identifier: MIT */
/*
 * Each session has a file of the node, and with it handles and addresses of its own. A BO has an
 * address in the file that made it and nowhere else, so nothing of others can be imported.
 */
#include "device/rocket_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MARK_BYTES 4096u

/* ---- files ---- */

/* Fills in what the driver says of the new object. */
static int create_object(const struct rocket_file *file, uint64_t size_bytes,
			 struct rocket_create_bo *created)
{
	*created = (struct rocket_create_bo){.size = (uint32_t)size_bytes};
	if (size_bytes > UINT32_MAX)
		return -ENOMEM;
	return drm_node_command(&file->node, ROCKET_CREATE_BO, created, sizeof(*created));
}

static int make_mark(struct rocket_file *file, bool has_fences)
{
	struct rocket_create_bo created;
	int r = create_object(file, MARK_BYTES, &created);

	if (r < 0)
		return r;
	file->mark = created.handle;
	if (has_fences)
		r = drm_memory_export(&file->node, file->mark, false, &file->mark_fd);
	return r;
}

int rocket_file_new(const struct rocket *rocket, struct rocket_file **ret_file)
{
	struct rocket_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return -ENOMEM;
	file->mark_fd = -1;
	file->node.fd = -1;
	r = drm_node_reopen(&rocket->node, &file->node);
	if (r == 0)
		r = make_mark(file, rocket->has_fences);
	if (r < 0) {
		rocket_file_free(file);
		return r;
	}
	*ret_file = file;
	return 0;
}

struct rocket_file *rocket_file_free(struct rocket_file *file)
{
	if (!file)
		return NULL;
	drm_objects_deinit(&file->objects);
	if (file->mark_fd >= 0)
		close(file->mark_fd);
	drm_node_close(&file->node); /* and the mark with it */
	free(file);
	return NULL;
}

struct rocket_file *rocket_find_file(const struct rocket *rocket, unsigned domain)
{
	return domain >= 1 && domain <= rocket->n_files ? rocket->files[domain - 1] : NULL;
}

static struct rocket_file *file_of(struct device *device, unsigned domain)
{
	struct rocket_file *file = rocket_find_file((struct rocket *)device, domain);

	assert(file);
	return file;
}

/* ---- objects ---- */

static void let_go(struct rocket_file *file, uint32_t handle)
{
	if (drm_objects_let_go(&file->objects, handle))
		drm_memory_close(&file->node, handle);
}

/* The driver maps all of it past the caches, and syncs it all the same. */
int rocket_bo_new(struct device *device, unsigned domain, uint64_t size_bytes, bool is_uncached,
		  struct device_bo *ret_bo)
{
	const struct drm_object facts = {.domain = domain, .size_bytes = size_bytes};
	struct rocket_file *file = file_of(device, domain);
	struct rocket_create_bo created;
	struct device_bo bo;
	int r;

	(void)is_uncached; /* its mappings are write-combined in any case */
	r = create_object(file, size_bytes, &created);
	if (r < 0)
		return r;
	r = drm_objects_hold(&file->objects, created.handle, created.dma_address, &facts);
	if (r < 0) {
		drm_memory_close(&file->node, created.handle);
		return r;
	}
	bo = drm_objects_describe(&file->objects, created.handle);
	bo.is_writable = true;
	r = drm_memory_map(&file->node, created.offset, size_bytes, &bo.host);
	if (r < 0) {
		let_go(file, bo.handle);
		return r;
	}
	*ret_bo = bo;
	return 0;
}

/* A handle that was there already is the session's own BO, come back to it. */
static int hold_imported(struct rocket_file *file, uint32_t handle)
{
	const struct drm_object *object = drm_objects_find(&file->objects, handle);

	if (object)
		return drm_objects_hold(&file->objects, handle, object->iova, object);
	if (handle != file->mark)
		drm_memory_close(&file->node, handle);
	return -EXDEV;
}

int rocket_bo_import(struct device *device, unsigned domain, int fd, struct device_bo *ret_bo)
{
	struct rocket_file *file = file_of(device, domain);
	struct device_bo bo;
	uint32_t handle;
	int r;

	r = drm_memory_import(&file->node, fd, &handle);
	if (r == 0)
		r = hold_imported(file, handle);
	if (r < 0)
		return r;
	bo = drm_objects_describe(&file->objects, handle);
	bo.is_imported = true;
	r = drm_memory_map_imported(fd, bo.size_bytes, &bo.host, &bo.is_writable);
	if (r < 0) {
		let_go(file, handle);
		return r;
	}
	*ret_bo = bo;
	return 0;
}

void rocket_bo_free(struct device *device, struct device_bo *bo)
{
	munmap(bo->host, bo->size_bytes);
	let_go(file_of(device, bo->domain), bo->handle);
	*bo = (struct device_bo){0};
}

int rocket_bo_export(struct device *device, const struct device_bo *bo, bool is_writable,
		     int *ret_fd)
{
	return drm_memory_export(&file_of(device, bo->domain)->node, bo->handle, is_writable,
				 ret_fd);
}

/* The driver's calls are for whole objects. No job says that it writes them: nothing is waited for.
 */
void rocket_bo_sync(struct device *device, const struct device_bo *bo, uint64_t offset,
		    uint64_t size_bytes, bool to_device)
{
	const struct rocket_file *file = file_of(device, bo->domain);
	struct rocket_fini_bo fini = {.handle = bo->handle};
	struct rocket_prep_bo prep = {.handle = bo->handle};

	if (to_device)
		(void)drm_node_command(&file->node, ROCKET_FINI_BO, &fini, sizeof(fini));
	else
		(void)drm_node_command(&file->node, ROCKET_PREP_BO, &prep, sizeof(prep));
}
