/* SPDX-License-Identifier: MIT */
/*
 * The ABI of Linux' rocket driver but for submits: memory, and whose turn it is with it. Each open
 * file has an address space of its own there, as each session has here.
 */
#include "rocket.h"

#include "order.h"
#include "record.h"
#include "trace.h"

#include <errno.h>

/* ---- CREATE_BO ---- */

static int create_object(struct drm_file *file, uint32_t size, struct gem_object **ret_object)
{
	struct npu_bo bo;
	int r;

	r = npu_bo_create(file->session, size, 0, &bo);
	if (r < 0) {
		trace_explain("CREATE_BO: %s", npu_last_error());
		return r == -ECONNRESET ? -ENODEV : -ENOMEM;
	}
	r = gem_add(&file->gem, file->session, &bo, 0, ret_object);
	if (r < 0)
		npu_bo_close(file->session, &bo);
	return r;
}

static int handle_create_bo(struct drm_file *file, void *data, size_t user_size)
{
	struct rocket_create_bo *request = data;
	struct gem_object *object;
	int r;

	if (request->size == 0) {
		trace_explain("CREATE_BO: size 0 is out of range (1 ... %llu)", NPU_BO_BYTES_MAX);
		return -EINVAL;
	}
	r = drm_file_lock(file);
	if (r < 0)
		return r;
	r = create_object(file, request->size, &object);
	if (r == 0) {
		request->handle = object->handle;
		request->dma_address = object->bo.iova;
		request->offset = object->offset;
	}
	drm_file_unlock(file);
	return r;
}

/* ---- PREP_BO and FINI_BO ---- */

static int sync_object(struct drm_file *file, const char *name, uint32_t handle,
		       enum npu_sync_direction direction)
{
	const struct gem_object *object;
	int r;

	r = drm_file_lock(file);
	if (r < 0)
		return r;
	object = gem_find(&file->gem, handle);
	r = object ? npu_bo_sync(object->session, &object->bo, 0, object->bo.size, direction)
		   : -ENOENT;
	if (!object)
		trace_explain("%s: handle %u is unknown", name, handle);
	else if (r < 0)
		trace_explain("%s: handle %u: %s", name, handle, npu_last_error());
	drm_file_unlock(file);
	return drm_error(r);
}

static int check_reserved(const char *name, uint32_t reserved)
{
	if (reserved == 0)
		return 0;
	trace_explain("%s: reserved is %u, not 0", name, reserved);
	return -EINVAL;
}

/* What a recording shows as outputs is what all jobs up to now have written. */
static void record_prepared(struct drm_file *file)
{
	if (!file->record)
		return;
	order_wait_file(file, false);
	if (drm_file_lock(file) < 0)
		return;
	record_outputs(file);
	drm_file_unlock(file);
}

static void explain_wait(uint32_t handle, int error)
{
	const char *reason = npu_last_error();

	if (error == -ENOENT)
		reason = "unknown";
	else if (error == -EINTR)
		reason = "interrupted";
	else if (error == -EBUSY || error == -ETIMEDOUT)
		reason = "a job that writes it is not over";
	trace_explain("PREP_BO: handle %u: %s", handle, reason);
}

static int handle_prep_bo(struct drm_file *file, void *data, size_t user_size)
{
	const struct rocket_prep_bo *request = data;
	int r;

	r = check_reserved("PREP_BO", request->reserved);
	if (r < 0)
		return r;
	r = order_wait_object(file, request->handle, request->timeout_ns);
	if (r < 0) {
		explain_wait(request->handle, r);
		return drm_error(r);
	}
	record_prepared(file);
	return sync_object(file, "PREP_BO", request->handle, NPU_SYNC_FROM_DEVICE);
}

static int handle_fini_bo(struct drm_file *file, void *data, size_t user_size)
{
	const struct rocket_fini_bo *request = data;
	int r = check_reserved("FINI_BO", request->reserved);

	return r < 0 ? r : sync_object(file, "FINI_BO", request->handle, NPU_SYNC_TO_DEVICE);
}

/* ---- tables ---- */

static const struct drm_field create_bo_fields[] = {
	DRM_FIELD(rocket_create_bo, size),
	DRM_FIELD_OUT(rocket_create_bo, handle),
	DRM_FIELD_OUT(rocket_create_bo, dma_address),
	DRM_FIELD_OUT(rocket_create_bo, offset),
	{0},
};
static const struct drm_field submit_fields[] = {
	DRM_FIELD(rocket_submit, jobs),
	DRM_FIELD(rocket_submit, job_count),
	DRM_FIELD(rocket_submit, job_struct_size),
	DRM_FIELD(rocket_submit, reserved),
	{0},
};
static const struct drm_field prep_bo_fields[] = {
	DRM_FIELD(rocket_prep_bo, handle),
	DRM_FIELD(rocket_prep_bo, reserved),
	DRM_FIELD(rocket_prep_bo, timeout_ns),
	{0},
};
static const struct drm_field fini_bo_fields[] = {
	DRM_FIELD(rocket_fini_bo, handle), DRM_FIELD(rocket_fini_bo, reserved), {0}};

#define ROCKET(name_, type, handler, fields_)                                                      \
	{                                                                                          \
		.name = "ROCKET_" #name_, .nr = ROCKET_##name_, .size = sizeof(struct type),       \
		.handle = handler, .fields = fields_                                               \
	}

static const struct drm_ioctl ioctls[] = {
	ROCKET(CREATE_BO, rocket_create_bo, handle_create_bo, create_bo_fields),
	ROCKET(SUBMIT, rocket_submit, rocket_handle_submit, submit_fields),
	ROCKET(PREP_BO, rocket_prep_bo, handle_prep_bo, prep_bo_fields),
	ROCKET(FINI_BO, rocket_fini_bo, handle_fini_bo, fini_bo_fields),
};

static void reset(struct drm_file *file)
{
	order_forget(file);
}

const struct drm_driver drm_driver_rocket = {
	.name = "rocket",
	.description = "rocket DRM",
	.date = "0",
	.ioctls = ioctls,
	.n_ioctls = sizeof(ioctls) / sizeof(ioctls[0]),
	.reset = reset,
};
