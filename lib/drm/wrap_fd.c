/* SPDX-License-Identifier: MIT */
/* Calls on descriptors. Those that are not ours are told by two loads, and go on to libc. */
#include "wrap.h"

#include "drm.h"
#include "node.h"
#include "real.h"
#include "signals.h"
#include "sync_file.h"
#include "trace.h"
#include "user.h"
#include "wrap_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static inline bool is_other(int fd)
{
	return __builtin_expect(fds_peek(fd) == NULL, 1);
}

/* 0 or -1 with errno, from 0 or a negative errno value. */
static int result_of(int r)
{
	if (r >= 0)
		return r;
	errno = -r;
	return -1;
}

/* ---- ioctl ---- */

static bool is_served_type(unsigned long request)
{
	return _IOC_TYPE(request) == 'd' || _IOC_TYPE(request) == 'r' ||
	       _IOC_TYPE(request) == DMA_BUF_BASE || _IOC_TYPE(request) == SYNC_FILE_IOCTL_TYPE;
}

/* An access by the CPU begins or ends. */
static int sync_memory(const struct stat64 *status, const void *argument)
{
	enum npu_sync_direction direction = NPU_SYNC_FROM_DEVICE;
	struct dma_buf_sync sync;

	if (user_read(&sync, argument, sizeof(sync)) < 0)
		return -EFAULT;
	if (sync.flags & ~(uint64_t)DMA_BUF_SYNC_VALID_FLAGS_MASK ||
	    !(sync.flags & DMA_BUF_SYNC_RW))
		return -EINVAL;
	if (sync.flags & DMA_BUF_SYNC_END)
		direction = NPU_SYNC_TO_DEVICE;
	if (direction == NPU_SYNC_FROM_DEVICE || sync.flags & DMA_BUF_SYNC_WRITE)
		drm_file_sync_memory(status->st_dev, status->st_ino, direction);
	return 0;
}

/* A PRIME descriptor of ours is no dma-buf to the kernel. */
static int dma_buf_ioctl(int fd, unsigned long request, void *argument)
{
	struct drm_file *file;
	struct stat64 status;
	struct gem_object object;
	int r = -ENOTTY;

	if (real()->fstat64(fd, &status) < 0)
		return -ENOTTY;
	file = drm_file_find_memory(status.st_dev, status.st_ino, &object);
	if (!file)
		return -ENOTTY;
	if (_IOC_NR(request) == _IOC_NR(DMA_BUF_IOCTL_EXPORT_SYNC_FILE))
		r = sync_file_export(file, &status, argument);
	else if (_IOC_NR(request) == _IOC_NR(DMA_BUF_IOCTL_SYNC))
		r = sync_memory(&status, argument);
	drm_file_put(file);
	return r;
}

/*
 * The kernel knows nothing of it: is it a node that came to us unseen, or memory of one? 0 or a
 * negative errno value.
 */
static int ioctl_unseen(int fd, unsigned long request, void *argument)
{
	struct drm_file *file;
	int r;

	if (_IOC_TYPE(request) == DMA_BUF_BASE)
		return dma_buf_ioctl(fd, request, argument);
	if (_IOC_TYPE(request) == SYNC_FILE_IOCTL_TYPE)
		return sync_file_ioctl(fd, request, argument);
	file = drm_file_find(fd);
	if (!file)
		return -ENOTTY;
	r = drm_ioctl(file, request, argument);
	drm_file_put(file);
	return r;
}

/* Of any file; drivers do not see them. */
static bool is_kernels(unsigned long request)
{
	return request == FIOCLEX || request == FIONCLEX || request == FIONBIO ||
	       request == FIGETBSZ;
}

static int ioctl_ours(int fd, unsigned long request, void *argument)
{
	int saved = errno, r = 0;
	struct drm_file *file;

	signals_block();
	file = is_kernels(request) ? NULL : drm_file_get(fd);
	if (file)
		r = file->is_path ? -EBADF : drm_ioctl(file, request, argument);
	drm_file_put(file);
	signals_restore();
	errno = saved;
	return file ? result_of(r) : real()->ioctl(fd, request, argument);
}

int wrap_ioctl(int fd, unsigned long request, void *argument)
{
	int r;

	if (!is_other(fd))
		return ioctl_ours(fd, request, argument);
	r = real()->ioctl(fd, request, argument);
	if (r >= 0 || errno != ENOTTY || !is_served_type(request))
		return r;
	signals_block();
	r = ioctl_unseen(fd, request, argument);
	signals_restore();
	return result_of(r);
}

WRAP_EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	/* Some programs have the request in an int, and its sign where there is none. */
	return wrap_ioctl(fd, (uint32_t)request, argument);
}

#ifndef __LP64__
/* As 32-bit programs with a time_t of 64 bits call it. */
int __ioctl_time64(int fd, unsigned long request, ...) __THROW
	__attribute__((alias("ioctl"))) WRAP_EXPORT;
#endif

/* ---- mmap ---- */

/* Programs without large files hand over what is left of an offset in 32 bits. */
static struct gem_object *find_mapped(const struct gem *gem, uint64_t offset, bool is_cut)
{
	struct gem_object *object = gem_find_offset(gem, offset);

	for (uint64_t high = GEM_OFFSET_FIRST;
	     is_cut && !object && high <= gem->next_offset + GEM_OFFSET_FIRST;
	     high += GEM_OFFSET_FIRST)
		object = gem_find_offset(gem, high | (uint32_t)offset);
	return object;
}

/* As the kernel looks at how a file was opened. */
static int check_access(const struct wrap_mmap *request)
{
	const int flags = real()->fcntl(request->fd, F_GETFL);

	if (flags < 0 || flags & O_PATH)
		return -EBADF;
	if ((flags & O_ACCMODE) == O_WRONLY ||
	    ((flags & O_ACCMODE) == O_RDONLY && request->protection & PROT_WRITE))
		return -EACCES;
	return 0;
}

static int find_memory(struct drm_file *file, const struct wrap_mmap *request, int *ret_fd)
{
	const struct gem_object *object;
	uint32_t handle = 0;
	int r;

	r = check_access(request);
	if (r == 0)
		r = drm_file_lock(file);
	if (r < 0)
		return r;
	object = find_mapped(&file->gem, request->offset, request->is_cut);
	if (!object || request->length == 0 || request->length > object->bo.size ||
	    (request->flags & MAP_TYPE) == MAP_PRIVATE) {
		trace_explain("mmap: [0x%llx, +%zu) is not within an object, or not MAP_SHARED",
			      (unsigned long long)request->offset, request->length);
		r = -EINVAL;
	} else {
		handle = object->handle;
	}
	drm_file_unlock(file);
	return r < 0 ? r : drm_export(file, handle, O_CLOEXEC | O_RDWR, ret_fd);
}

void *wrap_mmap(const struct wrap_mmap *request)
{
	struct drm_file *file = drm_file_get(request->fd);
	void *map = MAP_FAILED;
	int fd = -1, r, error;

	if (!file)
		return real()->mmap64(request->address, request->length, request->protection,
				      request->flags, request->fd, (off64_t)request->offset);
	signals_block();
	r = find_memory(file, request, &fd);
	drm_file_put(file);
	signals_restore();
	if (r == 0) {
		map = real()->mmap64(request->address, request->length, request->protection,
				     request->flags, fd, 0);
		r = map == MAP_FAILED ? -errno : 0;
		real()->close(fd);
	}
	error = -r;
	trace_call("mmap(%d, %zu, 0x%llx) = %p", request->fd, request->length,
		   (unsigned long long)request->offset, map);
	if (r < 0)
		errno = error;
	return map;
}

WRAP_EXPORT void *mmap64(void *address, size_t length, int protection, int flags, int fd,
			 off64_t offset)
{
	if (is_other(fd))
		return real()->mmap64(address, length, protection, flags, fd, offset);
	return wrap_mmap(&(struct wrap_mmap){address, length, protection, flags, fd,
					     (uint64_t)offset, false});
}

WRAP_EXPORT void *mmap(void *address, size_t length, int protection, int flags, int fd,
		       off_t offset)
{
	const bool is_cut = sizeof(offset) < 8;

	if (is_other(fd))
		return real()->mmap(address, length, protection, flags, fd, offset);
	return wrap_mmap(&(struct wrap_mmap){address, length, protection, flags, fd,
					     is_cut ? (uint32_t)offset : (uint64_t)offset, is_cut});
}

/* ---- close ---- */

static int close_ours(int fd)
{
	struct description *description = fds_get(fd, DESCRIPTION_INTERNAL);
	int r;

	if (fds_is_borrowed()) /* the parent's table is no business of a vfork() child */
		return real()->close(fd);
	if (description) {
		fds_put(description);
		errno = EBADF;
		return -1;
	}
	fds_set(fd, NULL);
	r = real()->close(fd);
	trace_call("close(%d) = %d", fd, r);
	return r;
}

WRAP_EXPORT int close(int fd)
{
	return is_other(fd) ? real()->close(fd) : close_ours(fd);
}

WRAP_EXPORT int fclose(FILE *file)
{
	int fd = fileno(file);

	if (fd >= 0 && !is_other(fd) && !fds_is_borrowed())
		fds_set(fd, NULL);
	return real()->fclose(file);
}

WRAP_EXPORT int close_range(unsigned first, unsigned last, int flags)
{
	int r = 0;

	if (!real()->close_range) {
		errno = ENOSYS;
		return -1;
	}
	if (flags & CLOSE_RANGE_CLOEXEC || fds_is_borrowed())
		return real()->close_range(first, last, flags);
	fds_forget_range(first, last);
	/* In pieces, around what libnpu needs. */
	while (first <= last && r == 0) {
		int kept = fds_find_range(first, last, DESCRIPTION_INTERNAL);

		if (kept < 0)
			return real()->close_range(first, last, flags);
		if ((unsigned)kept > first)
			r = real()->close_range(first, (unsigned)kept - 1, flags);
		first = (unsigned)kept + 1;
	}
	return r;
}

WRAP_EXPORT void closefrom(int first)
{
	close_range(first < 0 ? 0 : (unsigned)first, ~0u, 0);
}

/* ---- dup ---- */

/* `fd` was made from `old`, and means the same from now on. */
static int dup_done(int old, int fd)
{
	struct description *description;

	if (fd < 0 || fd == old || (is_other(old) && is_other(fd)) || fds_is_borrowed())
		return fd;
	description = fds_get(old, DESCRIPTION_DEVICE);
	if (!description)
		description = fds_get(old, DESCRIPTION_FOLDER);
	fds_set(fd, description);
	fds_put(description);
	if (description)
		trace_call("dup(%d) = %d", old, fd);
	return fd;
}

/* Whether the program would destroy one of libnpu's descriptors. */
static bool is_internal(int fd)
{
	const struct description *description = fds_peek(fd);

	return description && description->kind == DESCRIPTION_INTERNAL && !fds_is_borrowed();
}

WRAP_EXPORT int dup(int old)
{
	return dup_done(old, real()->dup(old));
}

WRAP_EXPORT int dup2(int old, int fd)
{
	return is_internal(fd) ? result_of(-EBUSY) : dup_done(old, real()->dup2(old, fd));
}

WRAP_EXPORT int dup3(int old, int fd, int flags)
{
	return is_internal(fd) ? result_of(-EBUSY) : dup_done(old, real()->dup3(old, fd, flags));
}

static int fcntl_done(int fd, int command, int r)
{
	return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? dup_done(fd, r) : r;
}

WRAP_EXPORT int fcntl(int fd, int command, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, command);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	return fcntl_done(fd, command, real()->fcntl(fd, command, argument));
}

int wrap_fcntl(int fd, int command, void *argument)
{
	if (!real()->fcntl64)
		return fcntl_done(fd, command, real()->fcntl(fd, command, argument));
	return fcntl_done(fd, command, real()->fcntl64(fd, command, argument));
}

WRAP_EXPORT int fcntl64(int fd, int command, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, command);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	return wrap_fcntl(fd, command, argument);
}

#ifndef __LP64__
int __fcntl_time64(int fd, int command, ...) __attribute__((alias("fcntl64"))) WRAP_EXPORT;
#endif
