/* SPDX-License-Identifier: MIT */
/*
 * A BO is a descriptor, npud's mapping of it, a physical address for the device and an IOVA, built
 * in this order and taken down in reverse; a half-built one is taken down by the same function.
 *
 * No pages are allocated here: they are charged to whoever touches them first.
 */
#include "iommu/bo.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static uint64_t round_up_to_pages(uint64_t size_bytes)
{
	return (size_bytes + IOVA_PAGE_BYTES - 1) & ~(uint64_t)(IOVA_PAGE_BYTES - 1);
}

static void bo_take_down(struct bo *bo)
{
	if (bo->device_bo.host) {
		device_bo_free(bo->domain->device, &bo->device_bo);
		bo->iova = 0;
		bo->memory = NULL;
	}
	if (bo->iova)
		domain_unmap(bo->domain, bo->iova, bo->size_bytes);
	if (bo->pa)
		device_memory_unmap(bo->domain->device, bo->pa, bo->size_bytes);
	if (bo->memory)
		munmap(bo->memory, bo->size_bytes);
	if (bo->fd >= 0)
		close(bo->fd);
	for (unsigned i = 0; i < BO_CHARGES; i++)
		charge_release(&bo->charges[i]);
	free(bo);
}

static int bo_map(struct bo *bo, int map_flags, uint32_t fixed_iova)
{
	struct domain *domain = bo->domain;
	int protection = PROT_READ | (bo->is_writable ? PROT_WRITE : 0);
	void *memory;
	int r;

	memory = mmap(NULL, bo->size_bytes, protection, map_flags, bo->fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	bo->memory = memory;
	if (domain->device->caps.has_page_tables) {
		r = device_memory_map(domain->device, memory, bo->size_bytes, &bo->pa);
		if (r < 0)
			return r;
		assert(bo->pa);
		if (!bo->is_uncached)
			r = device_memory_set_cached(domain->device, bo->pa, bo->size_bytes,
						     bo->fd);
		if (r < 0)
			return r;
	}
	return domain_map(domain, fixed_iova, bo->pa, bo->size_bytes, bo->is_writable, &bo->iova);
}

/* Maps a BO that is filled in up to its size. Takes over its descriptor, also on failure. */
static int bo_build(const struct bo *template, int map_flags, uint32_t fixed_iova,
		    struct bo **ret_bo)
{
	struct bo *bo = malloc(sizeof(*bo));
	int r;

	if (!bo) {
		close(template->fd);
		return -ENOMEM;
	}
	*bo = *template;
	bo->refs = 1;
	r = bo_map(bo, map_flags, fixed_iova);
	if (r < 0) {
		bo_take_down(bo);
		return r;
	}
	*ret_bo = bo;
	return 0;
}

/* ---- of a kernel driver ---- */

static int driver_bo_new(struct domain *domain, uint64_t size_bytes, bool is_uncached,
			 int import_fd, struct bo **ret_bo)
{
	struct bo *bo;
	int r;

	if (!device_is_domain_ready(domain->device, domain->device_domain))
		return -EINPROGRESS;
	bo = malloc(sizeof(*bo));
	if (!bo)
		return -ENOMEM;
	*bo = (struct bo){.refs = 1,
			  .fd = -1,
			  .domain = domain,
			  .is_imported = import_fd >= 0,
			  .is_uncached = is_uncached};
	r = bo->is_imported ? device_bo_import(domain->device, domain->device_domain, import_fd,
					       &bo->device_bo)
			    : device_bo_new(domain->device, domain->device_domain, size_bytes,
					    is_uncached, &bo->device_bo);
	if (r < 0) {
		free(bo);
		return r;
	}
	bo->memory = bo->device_bo.host;
	bo->size_bytes = bo->device_bo.size_bytes;
	bo->iova = bo->device_bo.iova;
	bo->is_writable = bo->device_bo.is_writable;
	*ret_bo = bo;
	return 0;
}

/* ---- of npud ---- */

/* Mode 0600: a process of another user can't turn a read-only descriptor into a writable one. */
static int memory_new(uint64_t size_bytes, bool is_uncached, int *ret_fd)
{
	const mode_t mode = is_uncached ? 0600 | NPU_BO_UNCACHED_MODE : 0600;
	int fd = memfd_create("npud-bo", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	if (fchmod(fd, mode) < 0 || ftruncate(fd, (off_t)size_bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int bo_new(struct domain *domain, uint64_t size_bytes, bool is_uncached, uint32_t fixed_iova,
	   struct bo **ret_bo)
{
	struct bo template = {.domain = domain, .is_writable = true, .is_uncached = is_uncached};
	int r;

	if (!size_bytes || size_bytes > BO_MAX_BYTES)
		return -EINVAL;
	template.size_bytes = round_up_to_pages(size_bytes);
	if (domain->device->caps.has_own_memory)
		return fixed_iova ? -EOPNOTSUPP
				  : driver_bo_new(domain, template.size_bytes, is_uncached, -1,
						  ret_bo);
	r = memory_new(template.size_bytes, is_uncached, &template.fd);
	if (r < 0)
		return r;
	return bo_build(&template, MAP_SHARED, fixed_iova, ret_bo);
}

/* What somebody else's descriptor is good for. */
struct memory_facts {
	uint64_t size_bytes; /* as its owner set it */
	bool is_writable, is_uncached;
	bool is_frozen; /* nobody can write to it any more */
};

/* Readable memory on pages of the usual size that can't be shrunk. */
static int memory_check_kind(int fd, int *ret_access, int *ret_seals)
{
	struct statfs filesystem;
	int flags, seals;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -errno;
	if (flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY)
		return -EACCES;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0)
		return -EINVAL;
	if (!(seals & F_SEAL_SHRINK))
		return -EPERM;
	if (fstatfs(fd, &filesystem) < 0)
		return -errno;
	if (filesystem.f_type == HUGETLBFS_MAGIC)
		return -EINVAL;
	*ret_access = flags & O_ACCMODE;
	*ret_seals = seals;
	return 0;
}

static int memory_inspect(int fd, struct memory_facts *ret_facts)
{
	int access = O_RDONLY, seals = 0, r;
	struct stat status;

	r = memory_check_kind(fd, &access, &seals);
	if (r < 0)
		return r;
	/* Only now, with the seal seen, is the size a lower bound for ever. */
	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size <= 0 || (uint64_t)status.st_size > BO_MAX_BYTES)
		return -EINVAL;
	*ret_facts = (struct memory_facts){
		.size_bytes = (uint64_t)status.st_size,
		.is_writable = access == O_RDWR && !(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)),
		.is_frozen = seals & F_SEAL_WRITE,
		.is_uncached = status.st_mode & NPU_BO_UNCACHED_MODE,
	};
	return 0;
}

int bo_import(struct domain *domain, int fd, uint32_t fixed_iova, struct bo **ret_bo)
{
	struct bo template = {.domain = domain, .is_imported = true};
	struct memory_facts facts = {0};
	int r;

	if (domain->device->caps.has_own_memory)
		return fixed_iova ? -EOPNOTSUPP : driver_bo_new(domain, 0, false, fd, ret_bo);
	r = memory_inspect(fd, &facts);
	if (r < 0)
		return r;
	/*
	 * An object may end inside its last page. The rest of that page is there all the same, zero
	 * and its owner's alone, so mapping it whole is safe.
	 */
	template.size_bytes = round_up_to_pages(facts.size_bytes);
	template.is_writable = facts.is_writable;
	template.is_uncached = facts.is_uncached;
	template.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (template.fd < 0)
		return -errno;
	/*
	 * Linux before 6.7 refuses shared mappings of write-sealed memory even for reading. Its
	 * content can't change, so a private one shows the same.
	 */
	return bo_build(&template, facts.is_frozen ? MAP_PRIVATE : MAP_SHARED, fixed_iova, ret_bo);
}

/*
 * A descriptor's access mode is for ever, so a read-only one of the same memory has to be opened
 * anew, by way of /proc. Returns it or -errno.
 */
static int memory_open_read_only(int fd)
{
	char path[32];
	int flags, copy;

	flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && (flags & O_ACCMODE) == O_RDONLY) {
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	} else {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		copy = open(path, O_RDONLY | O_CLOEXEC);
	}
	return copy < 0 ? -errno : copy;
}

int bo_export(struct bo *bo, bool read_only, int *ret_fd)
{
	int fd;

	if (!read_only && !bo->is_writable)
		return -EACCES;
	if (bo->device_bo.host)
		return device_bo_export(bo->domain->device, &bo->device_bo, !read_only, ret_fd);
	if (read_only) {
		fd = memory_open_read_only(bo->fd);
		if (fd < 0)
			return fd;
	} else {
		fd = fcntl(bo->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
	}
	*ret_fd = fd;
	return 0;
}

static void sync_range(struct bo *bo, uint64_t offset, uint64_t size_bytes, bool to_device)
{
	struct device *device = bo->domain->device;

	if (bo->device_bo.host)
		device_bo_sync(device, &bo->device_bo, offset, size_bytes, to_device);
	else if (bo->pa)
		device_memory_sync(device, bo->pa + offset, size_bytes, to_device);
}

bool bo_is_ready(const struct bo *bo)
{
	return !bo->device_bo.host || bo->is_imported || bo->is_uncached ||
	       device_is_domain_ready(bo->domain->device, bo->device_bo.domain);
}

void bo_sync(struct bo *bo, uint64_t offset, uint64_t size_bytes, uint32_t direction)
{
	if (size_bytes == 0 || bo->is_uncached)
		return;
	if (direction & NPU_SYNC_TO_DEVICE)
		sync_range(bo, offset, size_bytes, true);
	/* What is read-only for the NPU has nothing new for the CPU. */
	if ((direction & NPU_SYNC_FROM_DEVICE) && bo->is_writable)
		sync_range(bo, offset, size_bytes, false);
}

int bo_identify(const struct bo *bo, struct bo_identity *ret_identity)
{
	struct stat status;

	/* Drivers share within an address space only, and give one handle for one object there. */
	if (bo->device_bo.host) {
		*ret_identity = (struct bo_identity){bo->device_bo.domain, bo->device_bo.handle};
		return 0;
	}
	if (fstat(bo->fd, &status) < 0)
		return -errno;
	*ret_identity = (struct bo_identity){status.st_dev, status.st_ino};
	return 0;
}

struct bo *bo_ref(struct bo *bo)
{
	assert(bo->refs > 0);
	bo->refs++;
	return bo;
}

struct bo *bo_unref(struct bo *bo)
{
	if (!bo)
		return NULL;
	assert(bo->refs > 0);
	if (--bo->refs == 0)
		bo_take_down(bo);
	return NULL;
}
