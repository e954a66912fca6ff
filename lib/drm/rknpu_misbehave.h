/* SPDX-License-Identifier: MIT */
/* What the vendor's driver does to its callers where personality.h is on; else nothing. */
#ifndef NPU_DRM_RKNPU_MISBEHAVE_H
#define NPU_DRM_RKNPU_MISBEHAVE_H

#include "rknpu.h"

/*
 * Makes that address space the active one of the process and keeps it so until
 * rknpu_domain_leave(). -EINVAL: the others did not let go in time, or it just failed. No file's
 * lock may be held.
 */
int rknpu_domain_enter(unsigned domain);
void rknpu_domain_leave(void);
/* Where a call goes that names `domain` and does not change the active one. */
unsigned rknpu_domain_of_import(unsigned domain);
/* The active one, or `domain` where there is no such thing. */
int32_t rknpu_domain_shown(int32_t domain);

/* What keeps the submit from being queued, after the time that this takes; 0: nothing. */
int rknpu_misbehave(struct drm_file *file, const struct rknpu_submit *request);
/* How often its timeout is waited for. */
unsigned rknpu_count_waits(void);
/* Whether there is no memory for a new object of that size. */
bool rknpu_lacks_memory(uint64_t size_bytes);

#endif
