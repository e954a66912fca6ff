/* SPDX-License-Identifier: MIT */
/*
 * Every decoder copies the fixed part out first and looks only at the copy.
 */
#include "api/wire.h"

#include "iommu/bo.h"
#include "sessions/error.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PAGE_BYTES 4096u

int wire_decode_header(const void *data, size_t size, struct npu_header *ret_header)
{
	struct npu_header header;

	if (size < sizeof(header) || size > NPU_MESSAGE_MAX)
		return -EBADMSG;
	memcpy(&header, data, sizeof(header));
	if (header.length != size || header.kind != NPU_KIND_REQUEST)
		return -EBADMSG;
	*ret_header = header;
	return 0;
}

/* Copies a body of exactly (or, for arrays, at least) `wanted` bytes. */
static int wire_copy(void *ret_body, size_t wanted, const void *body, size_t size,
		     struct npu_error *error)
{
	if (size != wanted)
		return error_range(error, "length", size + sizeof(struct npu_header),
				   wanted + sizeof(struct npu_header),
				   wanted + sizeof(struct npu_header));
	memcpy(ret_body, body, wanted);
	return 0;
}

static int wire_check_fds(unsigned n_fds, unsigned wanted, struct npu_error *error)
{
	return n_fds == wanted ? 0 : error_range(error, "descriptors", n_fds, wanted, wanted);
}

static int wire_check_name(const char name[NPU_NAME_MAX], const char *field,
			   struct npu_error *error)
{
	if (memchr(name, '\0', NPU_NAME_MAX))
		return 0;
	return error_set(error, EINVAL, field, "is not a string of at most %u characters",
			 NPU_NAME_MAX - 1);
}

int wire_decode_empty(size_t size, unsigned n_fds, struct npu_error *error)
{
	char nothing = 0;
	int r = wire_copy(&nothing, 0, &nothing, size, error);

	return r < 0 ? r : wire_check_fds(n_fds, 0, error);
}

int wire_decode_hello(const void *body, size_t size, unsigned n_fds, struct npu_hello *ret_hello,
		      struct npu_error *error)
{
	struct npu_hello hello = {0};
	int r = wire_copy(&hello, sizeof(hello), body, size, error);

	if (r == 0)
		r = wire_check_fds(n_fds, 0, error);
	if (r == 0)
		r = wire_check_name(hello.class_name, "class_name", error);
	if (r == 0 && hello.version_min > hello.version_max)
		r = error_range(error, "version_min", hello.version_min, 0, hello.version_max);
	if (r < 0)
		return r;
	*ret_hello = hello;
	return 0;
}

/* `flags`, of which `known` may be set, and `iova` of create and import. */
static int wire_check_placement(uint32_t flags, uint32_t known, uint32_t iova,
				struct npu_error *error)
{
	if (flags & ~known)
		return error_reserved(error, "flags", flags & ~known);
	if (!(flags & NPU_BO_FIXED_IOVA) && iova != 0)
		return error_range(error, "iova", iova, 0, 0);
	if (flags & NPU_BO_FIXED_IOVA && (iova == 0 || iova % PAGE_BYTES))
		return error_set(error, EINVAL, "iova",
				 "%#" PRIx32 " must be a multiple of %#x and not 0", iova,
				 PAGE_BYTES);
	return 0;
}

int wire_decode_bo_create(const void *body, size_t size, unsigned n_fds,
			  struct npu_bo_create *ret_create, struct npu_error *error)
{
	struct npu_bo_create create = {0};
	int r = wire_copy(&create, sizeof(create), body, size, error);

	if (r == 0)
		r = wire_check_fds(n_fds, 0, error);
	if (r == 0)
		r = wire_check_placement(create.flags, NPU_BO_FIXED_IOVA | NPU_BO_UNCACHED,
					 create.iova, error);
	if (r == 0 && (create.size < 1 || create.size > BO_MAX_BYTES))
		r = error_range(error, "size", create.size, 1, BO_MAX_BYTES);
	if (r == 0 && create.size > IOVA_SPACE_BYTES - create.iova)
		r = error_range(error, "size", create.size, 1, IOVA_SPACE_BYTES - create.iova);
	if (r < 0)
		return r;
	*ret_create = create;
	return 0;
}

int wire_decode_bo_close(const void *body, size_t size, unsigned n_fds,
			 struct npu_bo_close *ret_close, struct npu_error *error)
{
	struct npu_bo_close close_request = {0};
	int r = wire_copy(&close_request, sizeof(close_request), body, size, error);

	if (r == 0)
		r = wire_check_fds(n_fds, 0, error);
	if (r == 0 && close_request.reserved)
		r = error_reserved(error, "reserved", close_request.reserved);
	if (r < 0)
		return r;
	*ret_close = close_request;
	return 0;
}

int wire_decode_bo_sync(const void *body, size_t size, unsigned n_fds, struct npu_bo_sync *ret_sync,
			struct npu_error *error)
{
	struct npu_bo_sync sync = {0};
	int r = wire_copy(&sync, sizeof(sync), body, size, error);

	if (r == 0)
		r = wire_check_fds(n_fds, 0, error);
	if (r == 0 && (sync.direction < NPU_SYNC_TO_DEVICE || sync.direction > NPU_SYNC_BOTH))
		r = error_range(error, "direction", sync.direction, NPU_SYNC_TO_DEVICE,
				NPU_SYNC_BOTH);
	if (r < 0)
		return r;
	*ret_sync = sync;
	return 0;
}

int wire_decode_bo_export(const void *body, size_t size, unsigned n_fds,
			  struct npu_bo_export *ret_export, struct npu_error *error)
{
	struct npu_bo_export export = {0};
	int r = wire_copy(&export, sizeof(export), body, size, error);

	if (r == 0)
		r = wire_check_fds(n_fds, 0, error);
	if (r == 0 && export.flags & ~NPU_EXPORT_READ_ONLY)
		r = error_reserved(error, "flags", export.flags & ~NPU_EXPORT_READ_ONLY);
	if (r < 0)
		return r;
	*ret_export = export;
	return 0;
}

int wire_decode_bo_import(const void *body, size_t size, unsigned n_fds,
			  struct npu_bo_import *ret_import, struct npu_error *error)
{
	struct npu_bo_import import = {0};
	int r = wire_copy(&import, sizeof(import), body, size, error);

	if (r == 0)
		r = wire_check_fds(n_fds, 1, error);
	if (r == 0)
		r = wire_check_placement(import.flags, NPU_BO_FIXED_IOVA, import.iova, error);
	if (r < 0)
		return r;
	*ret_import = import;
	return 0;
}

int wire_decode_bo_fence(const void *body, size_t size, unsigned n_fds,
			 struct npu_bo_fence *ret_fence, struct npu_error *error)
{
	struct npu_bo_fence fence = {0};
	int r = wire_copy(&fence, sizeof(fence), body, size, error);

	if (r == 0)
		r = wire_check_fds(n_fds, 0, error);
	if (r == 0 && fence.reserved)
		r = error_reserved(error, "reserved", fence.reserved);
	if (r < 0)
		return r;
	*ret_fence = fence;
	return 0;
}

/* One bit for each width. */
#define WIDTHS ((2u << NPU_JOB_RANGES) - 2)
#define SUBMIT_FLAGS                                                                               \
	(NPU_SUBMIT_FENCE | NPU_SUBMIT_COMPLETION | NPU_SUBMIT_CHAINED | NPU_SUBMIT_TASKS_IN_BO |  \
	 NPU_SUBMIT_SLICEABLE | NPU_SUBMIT_IN_ORDER | NPU_SUBMIT_NO_REPEAT |                       \
	 NPU_SUBMIT_ORDER_ONLY)

static int wire_check_timing(const struct npu_submit *submit, struct npu_error *error)
{
	if (submit->deadline_ns < 0 || submit->deadline_ns > NPU_DEADLINE_MAX_NS) {
		error_set(error, EINVAL, "deadline_ns",
			  "%" PRId64 "%s (allowed: 1 ... %lld ns from now, or 0 for none)",
			  submit->deadline_ns,
			  submit->deadline_ns < 0 ? " lies in the past" : " is out of range",
			  NPU_DEADLINE_MAX_NS);
		error->value = (uint64_t)submit->deadline_ns;
		error->max = NPU_DEADLINE_MAX_NS;
		return -EINVAL;
	}
	if (submit->priority < -NPU_PRIORITY_MAX || submit->priority > NPU_PRIORITY_MAX)
		return error_set(error, EINVAL, "priority",
				 "%" PRId32 " is out of range (%d ... %d)", submit->priority,
				 -NPU_PRIORITY_MAX, NPU_PRIORITY_MAX);
	if (submit->late >= NPU_LATE_COUNT)
		return error_range(error, "late", submit->late, 0, NPU_LATE_COUNT - 1);
	return 0;
}

static int wire_check_submit(const struct npu_submit *submit, unsigned n_fds,
			     struct npu_error *error)
{
	if (submit->flags & ~SUBMIT_FLAGS)
		return error_reserved(error, "flags", submit->flags & ~SUBMIT_FLAGS);
	if (submit->reserved)
		return error_reserved(error, "reserved", submit->reserved);
	if (submit->n_tasks > NPU_JOB_TASKS_MAX)
		return error_range(error, "n_tasks", submit->n_tasks, 0, NPU_JOB_TASKS_MAX);
	if (submit->n_bos > NPU_JOB_BOS_MAX)
		return error_range(error, "n_bos", submit->n_bos, 0, NPU_JOB_BOS_MAX);
	if (submit->n_writes > submit->n_bos)
		return error_range(error, "n_writes", submit->n_writes, 0, submit->n_bos);
	if (submit->n_reads > submit->n_bos - submit->n_writes)
		return error_range(error, "n_reads", submit->n_reads, 0,
				   submit->n_bos - submit->n_writes);
	if (submit->n_ranges > NPU_JOB_RANGES)
		return error_range(error, "n_ranges", submit->n_ranges, 0, NPU_JOB_RANGES);
	if (submit->n_fences > NPU_JOB_FENCES_MAX)
		return error_range(error, "n_fences", submit->n_fences, 0, NPU_JOB_FENCES_MAX);
	if (submit->n_fences != n_fds)
		return error_range(error, "n_fences", submit->n_fences, n_fds, n_fds);
	if (!(submit->flags & NPU_SUBMIT_TASKS_IN_BO) &&
	    (submit->tasks_handle || submit->tasks_offset))
		return error_set(error, EINVAL, "tasks_handle",
				 "a task BO is named without NPU_SUBMIT_TASKS_IN_BO");
	if (submit->widths & ~WIDTHS)
		return error_reserved(error, "widths", submit->widths & ~WIDTHS);
	return wire_check_timing(submit, error);
}

/* Ranges that follow the handles. */
static size_t count_width_ranges(uint32_t widths)
{
	size_t n = 0;

	for (unsigned width = 1; width <= NPU_JOB_RANGES; width++)
		n += widths >> width & 1 ? width : 0;
	return n;
}

int wire_decode_submit(const void *body, size_t size, unsigned n_fds, struct job_params *ret_params,
		       struct npu_error *error)
{
	struct job_params params = {0};
	size_t tasks_size, handles_size, ranges_size;
	int r;

	if (size < sizeof(params.submit))
		return error_range(error, "length", size + sizeof(struct npu_header),
				   sizeof(params.submit) + sizeof(struct npu_header),
				   NPU_MESSAGE_MAX);
	memcpy(&params.submit, body, sizeof(params.submit));
	r = wire_check_submit(&params.submit, n_fds, error);
	if (r < 0)
		return r;
	/* Both counts are bounded above: no overflow. */
	tasks_size = params.submit.flags & NPU_SUBMIT_TASKS_IN_BO
			     ? 0
			     : (size_t)params.submit.n_tasks * sizeof(struct npu_task);
	handles_size = (size_t)params.submit.n_bos * sizeof(uint32_t);
	ranges_size = count_width_ranges(params.submit.widths) * sizeof(struct npu_range);
	if (size != sizeof(params.submit) + tasks_size + handles_size + ranges_size) {
		size_t wanted = sizeof(struct npu_header) + sizeof(params.submit) + tasks_size +
				handles_size + ranges_size;

		return error_range(error, "length", size + sizeof(struct npu_header), wanted,
				   wanted);
	}
	params.tasks = (const void *)((const char *)body + sizeof(params.submit));
	params.handles = (const void *)((const char *)params.tasks + tasks_size);
	params.width_ranges = (const void *)((const char *)params.handles + handles_size);
	*ret_params = params;
	return 0;
}

int wire_decode_cancel(const void *body, size_t size, unsigned n_fds, struct npu_cancel *ret_cancel,
		       struct npu_error *error)
{
	struct npu_cancel cancel = {0};
	int r = wire_copy(&cancel, sizeof(cancel), body, size, error);

	if (r == 0)
		r = wire_check_fds(n_fds, 0, error);
	if (r < 0)
		return r;
	*ret_cancel = cancel;
	return 0;
}

int wire_decode_kill(const void *body, size_t size, unsigned n_fds, struct npu_kill *ret_kill,
		     struct npu_error *error)
{
	struct npu_kill request = {0};
	int r = wire_copy(&request, sizeof(request), body, size, error);

	if (r == 0)
		r = wire_check_fds(n_fds, 0, error);
	if (r < 0)
		return r;
	*ret_kill = request;
	return 0;
}

int wire_decode_reset(const void *body, size_t size, unsigned n_fds, struct npu_reset *ret_reset,
		      struct npu_error *error)
{
	struct npu_reset reset = {0};
	int r = wire_copy(&reset, sizeof(reset), body, size, error);

	if (r == 0)
		r = wire_check_fds(n_fds, 0, error);
	if (r == 0 && reset.reserved)
		r = error_reserved(error, "reserved", reset.reserved);
	if (r < 0)
		return r;
	*ret_reset = reset;
	return 0;
}

int wire_decode_pardon(const void *body, size_t size, unsigned n_fds, struct npu_pardon *ret_pardon,
		       struct npu_error *error)
{
	struct npu_pardon request = {0};
	int r = wire_copy(&request, sizeof(request), body, size, error);

	if (r == 0)
		r = wire_check_fds(n_fds, 0, error);
	if (r == 0 && request.reserved)
		r = error_reserved(error, "reserved", request.reserved);
	if (r == 0 && !memchr(request.cgroup, '\0', sizeof(request.cgroup)))
		r = error_set(error, EINVAL, "cgroup", "is not a string of at most %u characters",
			      NPU_CGROUP_MAX - 1);
	if (r == 0 && request.session_id && (request.uid || request.cgroup[0]))
		r = error_set(error, EINVAL, "session_id",
			      "name a session or an identity, not both");
	if (r < 0)
		return r;
	*ret_pardon = request;
	return 0;
}

int wire_decode_incidents(const void *body, size_t size, unsigned n_fds,
			  struct npu_incidents *ret_incidents, struct npu_error *error)
{
	struct npu_incidents request = {0};
	int r = wire_copy(&request, sizeof(request), body, size, error);

	if (r == 0)
		r = wire_check_fds(n_fds, 0, error);
	if (r < 0)
		return r;
	*ret_incidents = request;
	return 0;
}
