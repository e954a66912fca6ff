/* SPDX-License-Identifier: MIT */
/* Buffer objects: npud's handle, the IOVA, and a mapping in this process. */
#include "error.h"
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int bo_close_handle(struct npu_session *session, uint32_t handle)
{
	struct npu_bo_close request = {.handle = handle};
	struct libnpu_call call = {.op = NPU_OP_BO_CLOSE};

	libnpu_call_append(&call, &request, sizeof(request));
	return libnpu_call(session, &call);
}

static void bo_count(struct npu_session *session, int change)
{
	pthread_mutex_lock(&session->call_lock);
	session->n_bos += (unsigned)change;
	pthread_mutex_unlock(&session->call_lock);
}

/* Maps what npud answered with; on failure the handle is closed again. */
static int bo_map(struct npu_session *session, const struct npu_bo_reply *reply, int fd,
		  struct npu_bo *ret_bo)
{
	bool is_read_only = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
	void *map;
	int r;

	if (reply->size == 0 || reply->size > SIZE_MAX || reply->handle == 0)
		return libnpu_error(-EPROTO, "npud made a buffer object without size or handle");
	map = mmap(NULL, (size_t)reply->size, is_read_only ? PROT_READ : PROT_READ | PROT_WRITE,
		   MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		r = -errno;
		bo_close_handle(session, reply->handle);
		return libnpu_error(r, "cannot map a buffer object of %llu bytes: %s",
				    (unsigned long long)reply->size, strerror(-r));
	}
	bo_count(session, 1);
	*ret_bo = (struct npu_bo){
		.handle = reply->handle, .iova = reply->iova, .size = reply->size, .map = map};
	return 0;
}

static int bo_create(struct npu_session *session, const struct npu_bo_create *request,
		     struct npu_bo *ret_bo)
{
	struct npu_bo_reply reply = {0};
	int fd = -1, r;
	struct libnpu_call call = {
		.op = NPU_OP_BO_CREATE,
		.reply = &reply,
		.reply_bytes = sizeof(reply),
		.reply_fd = &fd,
	};

	libnpu_call_append(&call, request, sizeof(*request));
	r = libnpu_call(session, &call);
	if (r < 0)
		return r;
	r = bo_map(session, &reply, fd, ret_bo);
	close(fd);
	return r;
}

int npu_bo_create(struct npu_session *session, uint64_t size, uint32_t flags, struct npu_bo *ret_bo)
{
	struct npu_bo_create request = {.size = size, .flags = flags};

	if (flags & ~NPU_BO_UNCACHED)
		return libnpu_error(-EINVAL, "flags: 0x%x, only NPU_BO_UNCACHED (0x%x) is known",
				    flags, NPU_BO_UNCACHED);
	if (flags && !(session->hello.features & NPU_FEATURE_UNCACHED))
		return libnpu_error(-EOPNOTSUPP, "this npud has no NPU_BO_UNCACHED");
	return bo_create(session, &request, ret_bo);
}

int npu_bo_create_at(struct npu_session *session, uint64_t size, uint32_t iova,
		     struct npu_bo *ret_bo)
{
	struct npu_bo_create request = {.size = size, .flags = NPU_BO_FIXED_IOVA, .iova = iova};

	if (!(session->hello.features & NPU_FEATURE_FIXED_IOVA))
		return libnpu_error(-EOPNOTSUPP, "device %s: buffer objects have no fixed IOVA",
				    session->hello.device);
	return bo_create(session, &request, ret_bo);
}

int npu_bo_close(struct npu_session *session, struct npu_bo *bo)
{
	uint32_t handle = bo->handle;

	if (handle == 0)
		return 0;
	munmap(bo->map, (size_t)bo->size);
	*bo = (struct npu_bo){0};
	bo_count(session, -1);
	return bo_close_handle(session, handle);
}

int npu_bo_sync(struct npu_session *session, const struct npu_bo *bo, uint64_t offset,
		uint64_t size, enum npu_sync_direction direction)
{
	struct npu_bo_sync request = {
		.handle = bo->handle, .direction = direction, .offset = offset, .size = size};
	struct libnpu_call call = {.op = NPU_OP_BO_SYNC};

	if (offset > bo->size || size > bo->size - offset)
		return libnpu_error(-EINVAL, "offset, size: [%llu, +%llu) leaves the %llu bytes",
				    (unsigned long long)offset, (unsigned long long)size,
				    (unsigned long long)bo->size);
	libnpu_call_append(&call, &request, sizeof(request));
	return libnpu_call(session, &call);
}

int npu_bo_export(struct npu_session *session, const struct npu_bo *bo, uint32_t flags, int *ret_fd)
{
	struct npu_bo_export request = {.handle = bo->handle, .flags = flags};
	struct libnpu_call call = {.op = NPU_OP_BO_EXPORT, .reply_fd = ret_fd};

	libnpu_call_append(&call, &request, sizeof(request));
	return libnpu_call(session, &call);
}

int npu_bo_fence(struct npu_session *session, const struct npu_bo *bo, int *ret_fence)
{
	struct npu_bo_fence request = {.handle = bo->handle};
	struct libnpu_call call = {.op = NPU_OP_BO_FENCE, .reply_fd = ret_fence};

	if (!(session->hello.features & NPU_FEATURE_ORDER))
		return libnpu_error(-EOPNOTSUPP, "this npud has no fences of buffer objects");
	libnpu_call_append(&call, &request, sizeof(request));
	return libnpu_call(session, &call);
}

int npu_bo_import(struct npu_session *session, int fd, struct npu_bo *ret_bo)
{
	struct npu_bo_import request = {0};
	struct npu_bo_reply reply = {0};
	struct libnpu_call call = {
		.op = NPU_OP_BO_IMPORT,
		.fds = &fd,
		.n_fds = 1,
		.reply = &reply,
		.reply_bytes = sizeof(reply),
	};
	int r;

	if (fcntl(fd, F_GETFD) < 0)
		return libnpu_error(-EBADF, "fd: %d is not an open descriptor", fd);
	libnpu_call_append(&call, &request, sizeof(request));
	r = libnpu_call(session, &call);
	return r < 0 ? r : bo_map(session, &reply, fd, ret_bo);
}
