/* SPDX-License-Identifier: MIT */
/* What the files of the vendor's ABI share. */
#ifndef NPU_DRM_RKNPU_H
#define NPU_DRM_RKNPU_H

#include "drm.h"
#include "uapi/rknpu.h"

/* A job that was submitted and may not be over. */
struct rknpu_pending {
	LIST_ENTRY(rknpu_pending) link;
	struct npu_session *session; /* borrowed */
	uint64_t seqno;
	uint32_t core_mask;
	int fence; /* of a non-blocking one; else -1 */
};

LIST_HEAD(rknpu_pendings, rknpu_pending);

/* driver_data of a file. */
struct rknpu_state {
	int32_t domain;			/* asked for by action; objects and submits name theirs */
	unsigned n_resets;		/* that the program asked for */
	struct rknpu_pendings pendings; /* latest first */
};

/* The file's state, made on first use; its lock is held. NULL: out of memory. */
struct rknpu_state *rknpu_state_get(struct drm_file *file);
void rknpu_reset_state(struct drm_file *file);

/* The program's reset, or one that the driver makes itself. -ENOMEM. */
int rknpu_reset(struct drm_file *file);
/* Takes back what the session has queued; the file's lock is held. */
void rknpu_cancel_all(struct drm_file *file);

int rknpu_handle_submit(struct drm_file *file, void *data, size_t user_size);

/* rknpu_misc.c: the node /dev/rknpu, where descriptors are handles. */
int rknpu_misc_handle_mem_create(struct drm_file *file, void *data, size_t user_size);
int rknpu_misc_handle_mem_map(struct drm_file *file, void *data, size_t user_size);
int rknpu_misc_handle_mem_destroy(struct drm_file *file, void *data, size_t user_size);

/* -EINVAL where that call names a domain that the hardware does not have. */
int rknpu_check_domain(const char *ioctl_name, int32_t domain);
/* A new object; the file's lock is held. */
int rknpu_create_object(struct drm_file *file, const struct rknpu_mem_create *request,
			struct gem_object **ret_object);
/* Fills in what MEM_CREATE tells of an object. */
void rknpu_describe_object(const struct gem_object *object, struct rknpu_mem_create *request);

#endif
