/* SPDX-License-Identifier: MIT */
/*
 * Buffer objects over the wire: charge first, make second, and take everything back if the reply
 * can't be sent.
 */
#include "api/request.h"
#include "api/wire.h"
#include "sessions/bo_fence.h"
#include "sessions/error.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static int bo_error(struct npu_error *error, int r, uint32_t iova, uint64_t size)
{
	switch (r) {
	case -EEXIST:
		return error_set(error, EEXIST, "iova",
				 "a part of [%#" PRIx32 ", %#" PRIx64 ") is taken", iova,
				 iova + size);
	case -ENOSPC:
		return error_set(
			error, ENOSPC, "size",
			"no room for %" PRIu64
			" bytes in this session's 4 GiB of IOVAs, or in the device's memory",
			size);
	case -EPERM:
		return error_set(error, EPERM, "descriptor",
				 "the memory can be shrunk by others: seal it with F_SEAL_SHRINK");
	case -EXDEV:
		return error_set(error, EXDEV, "descriptor",
				 "it is a BO of another session, and this kernel driver has each "
				 "BO in one address space only: copy it");
	case -EOPNOTSUPP:
		return error_set(error, EOPNOTSUPP, "iova",
				 "%#" PRIx32 ": this kernel driver chooses addresses itself; ask "
				 "for 0",
				 iova);
	case -EBUSY:
		return error_set(error, EBUSY, "size",
				 "the kernel driver could not change to this session's address "
				 "space: try again");
	case -EACCES:
		return error_set(error, EACCES, "descriptor", "it is not open for reading");
	case -EINVAL:
		return error_set(error, EINVAL, "descriptor",
				 "not shared memory of 1 ... %llu bytes, or iova %#" PRIx32
				 " leaves the 4 GiB of IOVAs",
				 BO_MAX_BYTES, iova);
	default:
		return error_set(error, -r, "size", "npud can't make it: %s", strerror(-r));
	}
}

/* Gives the BO its charges and a handle, and answers; undoes all of it on failure. */
static int bo_hand_out(struct request *request, struct bo *bo, struct charge charges[BO_CHARGES],
		       int passed_fd)
{
	struct session *session = request->session;
	struct account_refusal refusal;
	struct npu_bo_reply reply = {.size = bo->size_bytes, .iova = bo->iova};
	int r;

	memcpy(bo->charges, charges, sizeof(bo->charges));
	if (session_charge_tables(session, &refusal) < 0) {
		bo_unref(bo);
		return error_quota(&request->error, &refusal);
	}
	r = handle_open(&session->handles, bo, &reply.handle);
	if (r < 0) {
		bo_unref(bo);
		return error_set(&request->error, -r, "handle", "no handle left");
	}
	r = request_reply(request, &reply, sizeof(reply), passed_fd);
	if (r < 0)
		handle_close(&session->handles, reply.handle);
	return r;
}

static void bo_uncharge(struct charge charges[BO_CHARGES])
{
	for (unsigned i = 0; i < BO_CHARGES; i++)
		charge_release(&charges[i]);
}

static int bo_hand_out_with_fd(struct request *request, struct bo *bo,
			       struct charge charges[BO_CHARGES])
{
	int fd, r;

	if (bo->fd >= 0)
		return bo_hand_out(request, bo, charges, bo->fd);
	r = bo_export(bo, false, &fd);
	if (r < 0) {
		bo_unref(bo);
		bo_uncharge(charges);
		return bo_error(&request->error, r, 0, 0);
	}
	r = bo_hand_out(request, bo, charges, fd);
	close(fd);
	return r;
}

int op_bo_create(struct request *request)
{
	struct npu_bo_create create;
	struct charge charges[BO_CHARGES];
	struct account_refusal refusal;
	struct bo *bo;
	int r;

	r = wire_decode_bo_create(request->body, request->body_size, request->fds->n, &create,
				  &request->error);
	if (r == 0)
		r = session_place(request->session, &request->error);
	if (r < 0)
		return r;
	if (session_charge_bo(request->session, create.size, charges, &refusal) < 0)
		return error_quota(&request->error, &refusal);
	r = bo_new(&request->session->domain, create.size, create.flags & NPU_BO_UNCACHED,
		   create.iova, &bo);
	if (r < 0) {
		bo_uncharge(charges);
		return bo_error(&request->error, r, create.iova, create.size);
	}
	return bo_hand_out_with_fd(request, bo, charges);
}

int op_bo_import(struct request *request)
{
	struct npu_bo_import import;
	struct charge charges[BO_CHARGES];
	struct account_refusal refusal;
	struct bo *bo;
	int r;

	r = wire_decode_bo_import(request->body, request->body_size, request->fds->n, &import,
				  &request->error);
	if (r == 0)
		r = session_place(request->session, &request->error);
	if (r < 0)
		return r;
	r = bo_import(&request->session->domain, request->fds->fds[0], import.iova, &bo);
	if (r < 0)
		return bo_error(&request->error, r, import.iova, 0);
	/* Its size is known only now, and can still grow elsewhere: what is mapped is charged. */
	if (session_charge_bo(request->session, bo->size_bytes, charges, &refusal) < 0) {
		bo_unref(bo);
		return error_quota(&request->error, &refusal);
	}
	return bo_hand_out(request, bo, charges, -1);
}

int op_bo_close(struct request *request)
{
	struct npu_bo_close close_request;
	int r;

	r = wire_decode_bo_close(request->body, request->body_size, request->fds->n, &close_request,
				 &request->error);
	if (r < 0)
		return r;
	if (handle_close(&request->session->handles, close_request.handle) < 0)
		return error_handle(&request->error, "handle", close_request.handle);
	return request_reply(request, NULL, 0, -1);
}

int op_bo_sync(struct request *request)
{
	struct npu_bo_sync sync;
	const struct handle *handle;
	uint64_t size_bytes;
	int r;

	r = wire_decode_bo_sync(request->body, request->body_size, request->fds->n, &sync,
				&request->error);
	if (r < 0)
		return r;
	handle = handle_get(&request->session->handles, sync.handle);
	if (!handle)
		return error_handle(&request->error, "handle", sync.handle);
	size_bytes = handle->bo->size_bytes;
	if (sync.offset > size_bytes)
		return error_range(&request->error, "offset", sync.offset, 0, size_bytes);
	if (sync.size > size_bytes - sync.offset)
		return error_range(&request->error, "size", sync.size, 0, size_bytes - sync.offset);
	if (!bo_is_ready(handle->bo))
		return -EINPROGRESS;
	bo_sync(handle->bo, sync.offset, sync.size, sync.direction);
	return request_reply(request, NULL, 0, -1);
}

int op_bo_fence(struct request *request)
{
	struct npu_bo_fence fence;
	struct handle *handle;
	int r, fd = -1;

	r = wire_decode_bo_fence(request->body, request->body_size, request->fds->n, &fence,
				 &request->error);
	if (r < 0)
		return r;
	handle = handle_get(&request->session->handles, fence.handle);
	if (!handle)
		return error_handle(&request->error, "handle", fence.handle);
	r = bo_fence_new(request->session, handle, &fd, &request->error);
	if (r < 0)
		return r;
	r = request_reply(request, NULL, 0, fd);
	close(fd);
	return r;
}

int op_bo_export(struct request *request)
{
	struct npu_bo_export export;
	const struct handle *handle;
	int r, fd;

	r = wire_decode_bo_export(request->body, request->body_size, request->fds->n, &export,
				  &request->error);
	if (r < 0)
		return r;
	handle = handle_get(&request->session->handles, export.handle);
	if (!handle)
		return error_handle(&request->error, "handle", export.handle);
	r = bo_export(handle->bo, export.flags & NPU_EXPORT_READ_ONLY, &fd);
	if (r == -EACCES)
		return error_set(&request->error, EACCES, "flags",
				 "the BO is read-only: export it with NPU_EXPORT_READ_ONLY");
	if (r < 0)
		return error_set(&request->error, -r, "handle", "npud can't export it: %s",
				 strerror(-r));
	r = request_reply(request, NULL, 0, fd);
	close(fd);
	return r;
}
