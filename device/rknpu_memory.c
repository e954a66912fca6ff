/* SPDX-License-Identifier: MIT */
/*
 * Objects of the driver. It gives a dma-buf of its own that comes back the handle that it has, and
 * an object one address in one address space for ever: so handles are counted here, and what is in
 * one address space can be had in no other.
 */
#include "device/rknpu_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SYNC_TRIES 2u

static int make_room(struct rknpu *rknpu, uint32_t handle)
{
	struct rknpu_object *grown;
	unsigned n = rknpu->n_slots ? rknpu->n_slots : 64;

	while (n <= handle)
		n *= 2;
	if (n == rknpu->n_slots)
		return 0;
	grown = realloc(rknpu->objects, n * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	for (unsigned i = rknpu->n_slots; i < n; i++)
		grown[i] = (struct rknpu_object){0};
	rknpu->objects = grown;
	rknpu->n_slots = n;
	return 0;
}

static void destroy(struct rknpu *rknpu, uint32_t handle, uint64_t token)
{
	struct rknpu_mem_destroy request = {.handle = handle, .obj_addr = token};

	(void)drm_node_command(&rknpu->node, RKNPU_MEM_DESTROY, &request, sizeof(request));
	if (rknpu->node.is_misc)
		rknpu_misc_close(handle);
}

static void note_memory(struct rknpu_object *object, int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return;
	object->dev = status.st_dev;
	object->ino = status.st_ino;
}

/* One more holder of a handle. Of a new one what the driver knows of it is kept. -EXDEV, -ENOMEM.
 */
static int hold(struct rknpu *rknpu, const struct rknpu_mem_create *facts, unsigned domain)
{
	struct rknpu_object *object;
	int r;

	if (facts->dma_addr > UINT32_MAX || facts->dma_addr + facts->size > 1ull << 32)
		return -ERANGE;
	r = make_room(rknpu, facts->handle);
	if (r < 0)
		return r;
	object = &rknpu->objects[facts->handle];
	if (object->refs++ == 0) {
		*object = (struct rknpu_object){
			.refs = 1,
			.domain = domain,
			.iova = (uint32_t)facts->dma_addr,
			.token = facts->obj_addr,
			.size_bytes = facts->size,
		};
		if (rknpu->node.is_misc)
			note_memory(object, (int)facts->handle);
		rknpu->n_objects++;
	}
	return 0;
}

static void forget(struct rknpu *rknpu, uint32_t handle)
{
	struct rknpu_object *object = &rknpu->objects[handle];

	rknpu_enter_domain(rknpu, object->domain);
	destroy(rknpu, handle, object->token);
	rknpu->n_unused -= object->is_unused;
	object->is_unused = false;
	rknpu->n_objects--;
}

static void let_go(struct rknpu *rknpu, uint32_t handle)
{
	struct rknpu_object *object = &rknpu->objects[handle];

	assert(object->refs > 0);
	if (--object->refs > 0)
		return;
	if (rknpu_is_domain_ready(&rknpu->base, object->domain)) {
		forget(rknpu, handle);
		return;
	}
	object->is_unused = true;
	rknpu->n_unused++;
}

static void describe(const struct rknpu *rknpu, uint32_t handle, struct device_bo *ret_bo)
{
	const struct rknpu_object *object = &rknpu->objects[handle];

	*ret_bo = (struct device_bo){
		.handle = handle,
		.iova = object->iova,
		.token = object->token,
		.size_bytes = object->size_bytes,
		.domain = object->domain,
	};
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
	describe(rknpu, request.handle, &bo);
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
	int r;

	if (handle < rknpu->n_slots &&
	    (rknpu->objects[handle].refs > 0 || rknpu->objects[handle].is_unused)) {
		if (rknpu->objects[handle].domain != domain)
			return -EXDEV;
		rknpu->n_unused -= rknpu->objects[handle].is_unused;
		rknpu->objects[handle].is_unused = false;
		rknpu->objects[handle].refs++;
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
	for (uint32_t handle = 0; handle < rknpu->n_slots; handle++) {
		const struct rknpu_object *object = &rknpu->objects[handle];

		if ((object->refs > 0 || object->is_unused) && object->dev == status.st_dev &&
		    object->ino == status.st_ino) {
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

static int map_imported(int fd, struct device_bo *bo)
{
	int flags = fcntl(fd, F_GETFL);
	void *host;

	if (flags < 0)
		return -errno;
	bo->is_writable = (flags & O_ACCMODE) == O_RDWR;
	host = mmap(NULL, bo->size_bytes, PROT_READ | (bo->is_writable ? PROT_WRITE : 0),
		    MAP_SHARED, fd, 0);
	if (host == MAP_FAILED)
		return -errno;
	bo->host = host;
	return 0;
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
	describe(rknpu, handle, &bo);
	bo.is_imported = true;
	r = map_imported(fd, &bo);
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
	for (uint32_t handle = 0; handle < rknpu->n_slots && rknpu->n_unused; handle++) {
		if (rknpu->objects[handle].is_unused)
			forget(rknpu, handle);
	}
	rknpu->domains_taken &= ~rknpu->domains_closing;
	rknpu->domains_closing = 0;
}
