/* SPDX-License-Identifier: MIT */
/*
 * The vendor's ABI but for submits: questions about the device, and memory. What is a privilege on
 * silicon (reset, clocks, power, the IOMMU's one domain) is virtual here and touches nobody else.
 */
#include "rknpu.h"

#include "personality.h"
#include "rknpu_misbehave.h"
#include "trace.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define HW_VERSION	   0x46495245u
#define VERSION_MAJOR	   0
#define VERSION_MINOR	   9
#define VERSION_PATCHLEVEL 8
#define FREQ_HZ		   1000000000u /* the clock of the vendor's top operating point */
#define VOLT_UV		   800000u
#define DOMAINS		   16
#define PAGE_BYTES	   4096u

struct rknpu_state *rknpu_state_get(struct drm_file *file)
{
	if (!file->driver_data)
		file->driver_data = calloc(1, sizeof(struct rknpu_state));
	return file->driver_data;
}

void rknpu_reset_state(struct drm_file *file)
{
	struct rknpu_state *state = file->driver_data;
	struct rknpu_pending *pending;

	if (!state)
		return;
	while ((pending = LIST_FIRST(&state->pendings)) != NULL) {
		LIST_REMOVE(pending, link);
		if (pending->fence >= 0)
			fds_close_internal(pending->fence);
		free(pending);
	}
	free(state);
	file->driver_data = NULL;
}

int rknpu_check_domain(const char *ioctl_name, int32_t domain)
{
	if (domain >= 0 && domain < DOMAINS)
		return 0;
	trace_explain("%s: iommu_domain_id %d is out of range (0 ... %d)", ioctl_name, domain,
		      DOMAINS - 1);
	return -EINVAL;
}

/* ---- ACTION ---- */

int rknpu_reset(struct drm_file *file)
{
	struct rknpu_state *state;
	int r;

	r = drm_file_lock(file);
	if (r < 0)
		return r;
	state = rknpu_state_get(file);
	if (state)
		state->n_resets++;
	rknpu_cancel_all(file);
	drm_file_unlock(file);
	if (personality_resets_all())
		personality_reset(file);
	return state ? 0 : -ENOMEM;
}

static int act_domain(struct drm_file *file, struct rknpu_action *action)
{
	const bool is_set = action->flags == RKNPU_SET_IOMMU_DOMAIN_ID;
	struct rknpu_state *state;
	int r;

	r = is_set ? rknpu_check_domain("ACTION SET_IOMMU_DOMAIN_ID", (int32_t)action->value) : 0;
	if (r == 0 && is_set) {
		r = rknpu_domain_enter(action->value);
		if (r == 0)
			rknpu_domain_leave();
	}
	if (r == 0)
		r = drm_file_lock(file);
	if (r < 0)
		return r;
	state = rknpu_state_get(file);
	if (state && is_set)
		state->domain = (int32_t)action->value;
	else if (state)
		action->value = (uint32_t)rknpu_domain_shown(state->domain);
	drm_file_unlock(file);
	return state ? 0 : -ENOMEM;
}

static int answer(struct rknpu_action *action, uint32_t value)
{
	action->value = value;
	return 0;
}

static int handle_action(struct drm_file *file, void *data, size_t user_size)
{
	struct rknpu_action *action = data;

	switch (action->flags) {
	case RKNPU_GET_HW_VERSION:
		return answer(action, HW_VERSION);
	case RKNPU_GET_DRV_VERSION:
		return answer(action,
			      VERSION_MAJOR * 10000 + VERSION_MINOR * 100 + VERSION_PATCHLEVEL);
	case RKNPU_GET_FREQ:
		return answer(action, FREQ_HZ);
	case RKNPU_GET_VOLT:
		return answer(action, VOLT_UV);
	case RKNPU_ACT_RESET:
		return rknpu_reset(file);
	case RKNPU_ACT_CLR_TOTAL_RW_AMOUNT:
	case RKNPU_GET_DT_WR_AMOUNT:
	case RKNPU_GET_DT_RD_AMOUNT:
	case RKNPU_GET_WT_RD_AMOUNT:
	case RKNPU_GET_TOTAL_RW_AMOUNT:
	case RKNPU_SET_PROC_NICE: /* who goes first is the policy's business */
		return 0;
	case RKNPU_GET_IOMMU_EN:
		return answer(action, 1);
	case RKNPU_GET_TOTAL_SRAM_SIZE:
	case RKNPU_GET_FREE_SRAM_SIZE:
		return answer(action, 0);
	case RKNPU_GET_IOMMU_DOMAIN_ID:
	case RKNPU_SET_IOMMU_DOMAIN_ID:
		return act_domain(file, action);
	default: /* clocks, voltages, bandwidth, power: as the driver's 0.9.8 on this chip */
		trace_explain("ACTION %u: not on this hardware; it has 0 ... 2, 4, 6, 13 ... 19 "
			      "and 22 ... 25",
			      action->flags);
		return -EINVAL;
	}
}

/* ---- memory ---- */

/* An npud that does not know of it has only memory that wants to be synced. */
static uint32_t uncached(const struct npu_session *session)
{
	return npu_query(session)->features & NPU_FEATURE_UNCACHED ? NPU_BO_UNCACHED : 0;
}

int rknpu_create_object(struct drm_file *file, const struct rknpu_mem_create *request,
			struct gem_object **ret_object)
{
	const bool is_cached = request->flags & RKNPU_MEM_CACHEABLE;
	struct npu_session *session;
	struct npu_bo bo;
	int r;

	if (request->size == 0 || request->size > UINT64_MAX - PAGE_BYTES) {
		trace_explain("MEM_CREATE: size %llu is out of range (1 ... %llu)",
			      (unsigned long long)request->size, NPU_BO_BYTES_MAX);
		return -EINVAL;
	}
	if (rknpu_lacks_memory(request->size)) {
		trace_explain("MEM_CREATE: size %llu: as NPU_PERSONALITY wants it, no memory",
			      (unsigned long long)request->size);
		return -ENOMEM;
	}
	r = drm_file_space(file, (unsigned)request->iommu_domain_id, &session);
	if (r < 0)
		return r;
	r = npu_bo_create(session, request->size, is_cached ? 0 : uncached(session), &bo);
	if (r < 0) {
		trace_explain("MEM_CREATE: %s", npu_last_error());
		return r == -ECONNRESET ? -ENODEV : -ENOMEM;
	}
	r = gem_add(&file->gem, session, &bo, 0, ret_object);
	if (r < 0) {
		npu_bo_close(session, &bo);
		return r;
	}
	(*ret_object)->flags = request->flags;
	(*ret_object)->is_cached = is_cached;
	return 0;
}

void rknpu_describe_object(const struct gem_object *object, struct rknpu_mem_create *request)
{
	request->handle = object->handle;
	request->size = object->bo.size;
	request->obj_addr = object->token;
	request->dma_addr = object->bo.iova;
	request->sram_size = 0;
}

/* What is imported has no address before it is first asked for, which says in which space. */
static int place_imported(struct drm_file *file, unsigned domain, struct gem_object *object)
{
	struct npu_session *session;
	struct npu_bo bo;
	int fd, r;

	object->is_placed = true;
	r = drm_file_space(file, domain, &session);
	if (r < 0 || session == object->session)
		return r;
	r = npu_bo_export(object->session, &object->bo, 0, &fd);
	if (r == -EACCES)
		r = npu_bo_export(object->session, &object->bo, NPU_EXPORT_READ_ONLY, &fd);
	if (r == 0) {
		r = npu_bo_import(session, fd, &bo);
		close(fd);
	}
	if (r < 0) {
		trace_explain("MEM_CREATE: handle %u in iommu_domain_id %u: %s", object->handle,
			      domain, npu_last_error());
		return drm_error(r);
	}
	npu_bo_close(object->session, &object->bo);
	object->session = session;
	object->bo = bo;
	return 0;
}

static int create_or_describe(struct drm_file *file, struct rknpu_mem_create *request)
{
	const unsigned domain = (unsigned)request->iommu_domain_id;
	struct gem_object *object;
	int r = drm_file_lock(file);

	if (r < 0)
		return r;
	/* This is how a program learns the addresses of what it has imported. */
	object = gem_find(&file->gem, request->handle);
	if (!object)
		r = rknpu_create_object(file, request, &object);
	else if (object->is_imported && !object->is_placed)
		r = place_imported(file, rknpu_domain_of_import(domain), object);
	if (r == 0)
		rknpu_describe_object(object, request);
	drm_file_unlock(file);
	return r;
}

static int handle_mem_create(struct drm_file *file, void *data, size_t user_size)
{
	struct rknpu_mem_create *request = data;
	const bool is_new = request->handle == 0;
	int r;

	r = rknpu_check_domain("MEM_CREATE", request->iommu_domain_id);
	if (r == 0 && is_new)
		r = rknpu_domain_enter((unsigned)request->iommu_domain_id);
	if (r < 0)
		return r;
	r = create_or_describe(file, request);
	if (is_new)
		rknpu_domain_leave();
	return r;
}

static int handle_mem_map(struct drm_file *file, void *data, size_t user_size)
{
	struct rknpu_mem_map *request = data;
	const struct gem_object *object;
	int r;

	r = drm_file_lock(file);
	if (r < 0)
		return r;
	object = gem_find(&file->gem, request->handle);
	if (!object)
		r = -ENOENT;
	else if (object->is_imported)
		r = -EINVAL;
	else
		request->offset = object->offset;
	drm_file_unlock(file);
	if (r < 0)
		trace_explain("MEM_MAP: handle %u %s", request->handle,
			      r == -ENOENT ? "is unknown" : "was imported: map its descriptor");
	return r;
}

static unsigned domain_of(const struct drm_file *file, const struct gem_object *object)
{
	for (unsigned i = 0; object && i < DRM_SPACES_MAX; i++) {
		if (object->session && object->session == file->spaces[i])
			return i;
	}
	return 0;
}

static int enter_domain_of(struct drm_file *file, uint32_t handle, uint64_t token)
{
	unsigned domain;
	int r = drm_file_lock(file);

	if (r < 0)
		return r;
	domain = domain_of(file, token ? gem_find_token(&file->gem, token)
				       : gem_find(&file->gem, handle));
	drm_file_unlock(file);
	return rknpu_domain_enter(domain);
}

/* What the driver does where it cannot change the address space, it does not tell. */
static int handle_mem_destroy(struct drm_file *file, void *data, size_t user_size)
{
	const struct rknpu_mem_destroy *request = data;
	const int entered = enter_domain_of(file, request->handle, 0);
	int r;

	r = drm_close_handle(file, "MEM_DESTROY", request->handle);
	if (entered == 0)
		rknpu_domain_leave();
	return r;
}

static int sync_object(struct drm_file *file, const struct rknpu_mem_sync *request)
{
	const struct gem_object *object = gem_find_token(&file->gem, request->obj_addr);
	const uint32_t direction =
		request->flags & (RKNPU_MEM_SYNC_TO_DEVICE | RKNPU_MEM_SYNC_FROM_DEVICE);
	int r;

	if (!object || !object->is_cached) {
		trace_explain("MEM_SYNC: obj_addr 0x%llx %s", (unsigned long long)request->obj_addr,
			      object ? "has no cached mapping: it was made without CACHEABLE"
				     : "is none of this session's objects");
		return -EINVAL;
	}
	if (request->offset > object->bo.size ||
	    request->size > object->bo.size - request->offset) {
		trace_explain("MEM_SYNC: [%llu, +%llu) is not within %llu bytes",
			      (unsigned long long)request->offset,
			      (unsigned long long)request->size,
			      (unsigned long long)object->bo.size);
		return -EINVAL;
	}
	if (!direction || request->size == 0)
		return 0;
	r = npu_bo_sync(object->session, &object->bo, request->offset, request->size,
			(enum npu_sync_direction)direction);
	if (r < 0)
		trace_explain("MEM_SYNC: %s", npu_last_error());
	return drm_error(r);
}

static int handle_mem_sync(struct drm_file *file, void *data, size_t user_size)
{
	const struct rknpu_mem_sync *request = data;
	int r;

	r = enter_domain_of(file, 0, request->obj_addr);
	if (r < 0)
		return r;
	r = drm_file_lock(file);
	if (r == 0) {
		r = sync_object(file, request);
		drm_file_unlock(file);
	}
	rknpu_domain_leave();
	return r;
}

/* ---- tables ---- */

static const struct drm_field action_fields[] = {
	DRM_FIELD(rknpu_action, flags), DRM_FIELD_OUT(rknpu_action, value), {0}};
static const struct drm_field mem_create_fields[] = {
	DRM_FIELD_OUT(rknpu_mem_create, handle),
	DRM_FIELD_FLAGS(rknpu_mem_create, flags, RKNPU_MEM_FLAGS),
	DRM_FIELD_OUT(rknpu_mem_create, size),
	DRM_FIELD_OUT(rknpu_mem_create, obj_addr),
	DRM_FIELD_OUT(rknpu_mem_create, dma_addr),
	DRM_FIELD(rknpu_mem_create, sram_size),
	DRM_FIELD(rknpu_mem_create, iommu_domain_id),
	DRM_FIELD(rknpu_mem_create, core_mask),
	{0},
};
static const struct drm_field mem_map_fields[] = {
	DRM_FIELD(rknpu_mem_map, handle), DRM_FIELD_OUT(rknpu_mem_map, offset), {0}};
static const struct drm_field mem_destroy_fields[] = {
	DRM_FIELD(rknpu_mem_destroy, handle), DRM_FIELD(rknpu_mem_destroy, obj_addr), {0}};
static const struct drm_field mem_sync_fields[] = {
	DRM_FIELD_FLAGS(rknpu_mem_sync, flags,
			RKNPU_MEM_SYNC_TO_DEVICE | RKNPU_MEM_SYNC_FROM_DEVICE),
	DRM_FIELD(rknpu_mem_sync, obj_addr),
	DRM_FIELD(rknpu_mem_sync, offset),
	DRM_FIELD(rknpu_mem_sync, size),
	{0},
};
static const struct drm_field submit_fields[] = {
	DRM_FIELD_FLAGS(rknpu_submit, flags, RKNPU_JOB_FLAGS),
	DRM_FIELD(rknpu_submit, timeout_ms),
	DRM_FIELD(rknpu_submit, task_start),
	DRM_FIELD(rknpu_submit, task_number),
	DRM_FIELD_OUT(rknpu_submit, task_counter),
	DRM_FIELD(rknpu_submit, priority),
	DRM_FIELD(rknpu_submit, task_obj_addr),
	DRM_FIELD(rknpu_submit, iommu_domain_id),
	DRM_FIELD_OUT(rknpu_submit, hw_elapse_time_ns),
	DRM_FIELD(rknpu_submit, core_mask),
	DRM_FIELD_OUT(rknpu_submit, fence_fd),
	DRM_FIELD(rknpu_submit, subcore_task[0].task_start),
	DRM_FIELD(rknpu_submit, subcore_task[0].task_number),
	DRM_FIELD(rknpu_submit, subcore_task[1].task_start),
	DRM_FIELD(rknpu_submit, subcore_task[1].task_number),
	DRM_FIELD(rknpu_submit, subcore_task[2].task_start),
	DRM_FIELD(rknpu_submit, subcore_task[2].task_number),
	{0},
};

#define RKNPU(name_, type, handler, fields_)                                                       \
	{                                                                                          \
		.name = "RKNPU_" #name_, .nr = RKNPU_##name_, .size = sizeof(struct type),         \
		.handle = handler, .fields = fields_                                               \
	}

static const struct drm_ioctl ioctls[] = {
	RKNPU(ACTION, rknpu_action, handle_action, action_fields),
	RKNPU(SUBMIT, rknpu_submit, rknpu_handle_submit, submit_fields),
	RKNPU(MEM_CREATE, rknpu_mem_create, handle_mem_create, mem_create_fields),
	RKNPU(MEM_MAP, rknpu_mem_map, handle_mem_map, mem_map_fields),
	RKNPU(MEM_DESTROY, rknpu_mem_destroy, handle_mem_destroy, mem_destroy_fields),
	RKNPU(MEM_SYNC, rknpu_mem_sync, handle_mem_sync, mem_sync_fields),
};

static const struct drm_ioctl misc_ioctls[] = {
	RKNPU(ACTION, rknpu_action, handle_action, action_fields),
	RKNPU(SUBMIT, rknpu_submit, rknpu_handle_submit, submit_fields),
	RKNPU(MEM_CREATE, rknpu_mem_create, rknpu_misc_handle_mem_create, mem_create_fields),
	RKNPU(MEM_MAP, rknpu_mem_map, rknpu_misc_handle_mem_map, mem_map_fields),
	RKNPU(MEM_DESTROY, rknpu_mem_destroy, rknpu_misc_handle_mem_destroy, mem_destroy_fields),
	RKNPU(MEM_SYNC, rknpu_mem_sync, handle_mem_sync, mem_sync_fields),
};

const struct drm_driver drm_driver_rknpu = {
	.name = "rknpu",
	.description = "RKNPU driver",
	.date = "20240828",
	.major = VERSION_MAJOR,
	.minor = VERSION_MINOR,
	.patchlevel = VERSION_PATCHLEVEL,
	.address = 0xfdab0000u,
	.n_spaces = DOMAINS,
	.ioctls = ioctls,
	.n_ioctls = sizeof(ioctls) / sizeof(ioctls[0]),
	.misc_ioctls = misc_ioctls,
	.n_misc_ioctls = sizeof(misc_ioctls) / sizeof(misc_ioctls[0]),
	.reset = rknpu_reset_state,
};
