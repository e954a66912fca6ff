/* SPDX-License-Identifier: MIT */
/*
 * Objects of the driver. It gives a dma-buf of its own that comes back the handle that it has, and
 * an object one address in one address space for ever: so handles are counted here, and what is in
 * one address space can be had in no other.
 */
#include "device/rknpu_internal.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SYNC_TRIES 2u

static void destroy(struct rknpu *rknpu, uint32_t handle, uint64_t token)
{
	struct rknpu_mem_destroy request = {.handle = handle, .obj_addr = token};

	(void)drm_node_command(&rknpu->node, RKNPU_MEM_DESTROY, &request, sizeof(request));
	if (rknpu->node.is_misc)
		rknpu_misc_close(handle);
}

/* One more holder of a handle, of which what the driver says is kept. -ERANGE, -ENOMEM. */
static int hold(struct rknpu *rknpu, const struct rknpu_mem_create *created, unsigned domain)
{
	struct drm_object facts = {
		.domain = domain, .token = created->obj_addr, .size_bytes = created->size};
	struct stat status;

	if (rknpu->node.is_misc && fstat((int)created->handle, &status) == 0) {
		facts.dev = status.st_dev;
		facts.ino = status.st_ino;
	}
	return drm_objects_hold(&rknpu->objects, created->handle, created->dma_addr, &facts);
}

static void set_unused(struct rknpu *rknpu, struct drm_object *object, bool is_unused)
{
	rknpu->n_unused += is_unused;
	rknpu->n_unused -= object->is_unused;
	object->is_unused = is_unused;
}

/* The last holder goes, and the object with it. */
static void forget(struct rknpu *rknpu, uint32_t handle)
{
	struct drm_object *object = drm_objects_find(&rknpu->objects, handle);

	assert(object);
	set_unused(rknpu, object, false);
	rknpu_enter_domain(rknpu, object->domain);
	destroy(rknpu, handle, object->token);
	(void)drm_objects_let_go(&rknpu->objects, handle);
}

static void let_go(struct rknpu *rknpu, uint32_t handle)
{
	struct drm_object *object = drm_objects_find(&rknpu->objects, handle);

	assert(object);
	if (object->refs > 1)
		(void)drm_objects_let_go(&rknpu->objects, handle);
	else if (rknpu_is_domain_ready(&rknpu->base, object->domain))
		forget(rknpu, handle);
	else
		set_unused(rknpu, object, true);
}

static int map_new(struct rknpu *rknpu, struct device_bo *bo)
{
	struct rknpu_mem_map request = {.handle = bo->handle};
	int r;

	if (rknpu->node.is_misc)
		return rknpu_misc_map(bo);
	r = drm_node_command(&rknpu->node, RKNPU_MEM_MAP, &request, sizeof(request));
	return r < 0 ? r : drm_memory_map(&rknpu->node, request.offset, bo->size_bytes, &bo->host);
}

/* With what npud asks for, it is the address space that could not be changed. */
static int domain_error(int r)
{
	return r == -EINVAL ? -EBUSY : r;
}

int rknpu_memory_new(struct rknpu *rknpu, unsigned domain, uint64_t size_bytes, uint32_t flags,
		     struct device_bo *ret_bo)
{
	struct rknpu_mem_create request = {
		.flags = RKNPU_MEM_ZEROING | flags,
		.size = size_bytes,
		.iommu_domain_id = (int32_t)domain,
	};
	struct device_bo bo;
	int r;

	rknpu_enter_domain(rknpu, domain);
	r = drm_node_command(&rknpu->node, RKNPU_MEM_CREATE, &request, rknpu_create_bytes(rknpu));
	if (r < 0)
		return domain_error(r);
	r = hold(rknpu, &request, domain);
	if (r < 0) {
		destroy(rknpu, request.handle, request.obj_addr);
		return r;
	}
	bo = drm_objects_describe(&rknpu->objects, request.handle);
	bo.is_writable = true;
	r = map_new(rknpu, &bo);
	if (r < 0) {
		let_go(rknpu, bo.handle);
		return r;
	}
	*ret_bo = bo;
	return 0;
}

int rknpu_bo_new(struct device *device, unsigned domain, uint64_t size_bytes, bool is_uncached,
		 struct device_bo *ret_bo)
{
	struct rknpu *rknpu = (struct rknpu *)device;
	uint32_t flags = RKNPU_MEM_IOMMU_LIMIT_IOVA_ALIGNMENT;

	flags |= is_uncached ? RKNPU_MEM_WRITE_COMBINE : RKNPU_MEM_CACHEABLE;
	flags |= rknpu->has_iommu && !rknpu->node.is_misc ? RKNPU_MEM_NON_CONTIGUOUS : 0;
	return rknpu_memory_new(rknpu, domain, size_bytes, flags, ret_bo);
}

static void close_handle(struct rknpu *rknpu, uint32_t handle)
{
	if (rknpu->node.is_misc)
		rknpu_misc_close(handle);
	else
		drm_memory_close(&rknpu->node, handle);
}

/* A handle that the driver made just now, or one that it has made before, for this descriptor. */
static int hold_imported(struct rknpu *rknpu, unsigned domain, uint32_t handle)
{
	struct rknpu_mem_create request = {.handle = handle, .iommu_domain_id = (int32_t)domain};
	struct drm_object *object = drm_objects_find(&rknpu->objects, handle);
	int r;

	if (object && object->domain != domain)
		return -EXDEV;
	if (object && !object->is_unused)
		return drm_objects_hold(&rknpu->objects, handle, object->iova, object);
	if (object) {
		set_unused(rknpu, object, false);
		return 0;
	}
	rknpu_enter_domain(rknpu, domain);
	r = drm_node_command(&rknpu->node, RKNPU_MEM_CREATE, &request, rknpu_create_bytes(rknpu));
	if (r == 0)
		r = hold(rknpu, &request, domain);
	if (r < 0)
		close_handle(rknpu, handle);
	return r;
}

/* The handle that the memory has here, or a new one, for which nobody is counted yet. */
static int find_or_import(struct rknpu *rknpu, int fd, uint32_t *ret_handle)
{
	struct stat status;

	if (!rknpu->node.is_misc)
		return drm_memory_import(&rknpu->node, fd, ret_handle);
	if (fstat(fd, &status) < 0)
		return -errno;
	for (uint32_t handle = 0; handle < rknpu->objects.n_slots; handle++) {
		const struct drm_object *object = drm_objects_find(&rknpu->objects, handle);

		if (object && object->dev == status.st_dev && object->ino == status.st_ino) {
			*ret_handle = handle;
			return 0;
		}
	}
	return rknpu_misc_import(fd, ret_handle);
}

/* What is imported is mapped where the driver happens to be. */
static int select_domain(struct rknpu *rknpu, unsigned domain)
{
	struct rknpu_action action = {.flags = RKNPU_SET_IOMMU_DOMAIN_ID, .value = domain};

	if (!rknpu->base.caps.n_domains)
		return 0;
	rknpu_enter_domain(rknpu, domain);
	return domain_error(drm_node_command(&rknpu->node, RKNPU_ACTION, &action, sizeof(action)));
}

int rknpu_bo_import(struct device *device, unsigned domain, int fd, struct device_bo *ret_bo)
{
	struct rknpu *rknpu = (struct rknpu *)device;
	struct device_bo bo;
	uint32_t handle = 0;
	int r;

	r = select_domain(rknpu, domain);
	if (r == 0)
		r = find_or_import(rknpu, fd, &handle);
	if (r == 0)
		r = hold_imported(rknpu, domain, handle);
	if (r < 0)
		return r;
	bo = drm_objects_describe(&rknpu->objects, handle);
	bo.is_imported = true;
	r = drm_memory_map_imported(fd, bo.size_bytes, &bo.host, &bo.is_writable);
	/* Nothing keeps a job from writing where it is translated. */
	if (r == 0 && !bo.is_writable && domain != RKNPU_DOMAIN_SHARED) {
		munmap(bo.host, bo.size_bytes);
		r = -EACCES;
	}
	if (r < 0) {
		let_go(rknpu, handle);
		return r;
	}
	*ret_bo = bo;
	return 0;
}

void rknpu_bo_free(struct device *device, struct device_bo *bo)
{
	munmap(bo->host, bo->size_bytes);
	let_go((struct rknpu *)device, bo->handle);
	*bo = (struct device_bo){0};
}

int rknpu_bo_export(struct device *device, const struct device_bo *bo, bool is_writable,
		    int *ret_fd)
{
	const struct drm_node *node = &((struct rknpu *)device)->node;

	return node->is_misc ? rknpu_misc_export(bo->handle, is_writable, ret_fd)
			     : drm_memory_export(node, bo->handle, is_writable, ret_fd);
}

void rknpu_bo_sync(struct device *device, const struct device_bo *bo, uint64_t offset,
		   uint64_t size_bytes, bool to_device)
{
	struct rknpu *rknpu = (struct rknpu *)device;
	struct rknpu_mem_sync request = {
		.flags = to_device ? RKNPU_MEM_SYNC_TO_DEVICE : RKNPU_MEM_SYNC_FROM_DEVICE,
		.obj_addr = bo->token,
		.offset = offset,
		.size = size_bytes,
	};
	int r = -EINVAL;

	/* What others made is kept in step by them. */
	if (bo->is_imported)
		return;
	rknpu_enter_domain(rknpu, bo->domain);
	/* The first of them may have changed the address space, and failed. */
	for (unsigned i = 0; i < SYNC_TRIES && r < 0; i++)
		r = drm_node_command(&rknpu->node, RKNPU_MEM_SYNC, &request, sizeof(request));
}

/* ---- address spaces ---- */

int rknpu_domain_open(struct device *device, unsigned *ret_domain)
{
	struct rknpu *rknpu = (struct rknpu *)device;

	*ret_domain = RKNPU_DOMAIN_SHARED;
	for (unsigned i = 1; i <= device->caps.n_domains; i++) {
		if (rknpu->domains_taken & 1u << i)
			continue;
		rknpu->domains_taken |= 1u << i;
		*ret_domain = i;
		return 0;
	}
	/* One will be free as soon as nothing runs, and is worth the wait. */
	return rknpu->domains_closing ? -EINPROGRESS : 0;
}

/* Nobody may get it while something of the last one is in it. */
void rknpu_domain_close(struct device *device, unsigned domain)
{
	struct rknpu *rknpu = (struct rknpu *)device;

	rknpu->domains_closing |= 1u << domain;
	if (!rknpu->n_unused)
		rknpu_tidy(rknpu);
}

void rknpu_tidy(struct rknpu *rknpu)
{
	for (uint32_t handle = 0; handle < rknpu->objects.n_slots && rknpu->n_unused; handle++) {
		const struct drm_object *object = drm_objects_find(&rknpu->objects, handle);

		if (object && object->is_unused)
			forget(rknpu, handle);
	}
	rknpu->domains_taken &= ~rknpu->domains_closing;
	rknpu->domains_closing = 0;
}
