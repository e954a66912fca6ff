/* SPDX-License-Identifier: MIT */
/*
 * The objects of an open node: handle, offset for mmap(), token. Handles are small and the lowest
 * free one is next, as the kernel does it; offsets are never used twice; tokens are what the
 * vendor's ABI has for kernel addresses, and mean nothing outside the table that they are looked
 * up in.
 */
#ifndef NPU_DRM_GEM_H
#define NPU_DRM_GEM_H

#include "npu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GEM_OFFSET_FIRST 0x100000000ull

struct gem_object {
	uint32_t handle;    /* 0: the slot is free */
	uint32_t flags;	    /* the ABI's */
	uint32_t name;	    /* global in this process, flink.h; 0: none yet */
	uint32_t n_handles; /* as the program counts: GEM_OPEN gives one more */
	uint64_t token;
	uint64_t offset;	     /* for mmap() */
	bool is_imported, is_placed; /* `is_placed`: its address has been asked for */
	bool is_cached;		     /* the program may sync it */
	bool is_named;		     /* gem_collect() is to leave it out */
	struct npu_session *session; /* whose BO it is, borrowed */
	dev_t dev;		     /* of its memory; 0: not known, it has not been shared */
	ino_t ino;
	struct npu_bo bo;
};

struct gem {
	struct gem_object **objects; /* [handle - 1] */
	uint32_t n_slots;
	uint32_t n_objects;
	uint64_t next_offset;
};

/*
 * Adds `bo` of that session, which is the table's from then on. `token` 0: a new one. -ENOMEM.
 */
int gem_add(struct gem *gem, struct npu_session *session, const struct npu_bo *bo, uint64_t token,
	    struct gem_object **ret_object);
/* NULL when there is none. */
struct gem_object *gem_find(const struct gem *gem, uint32_t handle);
struct gem_object *gem_find_name(const struct gem *gem, uint32_t name);
struct gem_object *gem_find_token(const struct gem *gem, uint64_t token);
struct gem_object *gem_find_offset(const struct gem *gem, uint64_t offset);
struct gem_object *gem_find_iova(const struct gem *gem, const struct npu_session *session,
				 uint64_t iova);
struct gem_object *gem_find_memory(const struct gem *gem, dev_t dev, ino_t ino);
/* Takes it out and returns its BO, which is the caller's. */
struct npu_bo gem_remove(struct gem *gem, struct gem_object *object);
/*
 * libnpu's handles of a session's objects, at most `n`, but for those that were `is_named`, which
 * none is afterwards; how many.
 */
uint32_t gem_collect(struct gem *gem, const struct npu_session *session, uint32_t *ret_handles,
		     uint32_t n);
/* Forgets all objects and unmaps their memory; the session that they are of is gone. */
void gem_deinit(struct gem *gem);

#endif
