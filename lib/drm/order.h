/* SPDX-License-Identifier: MIT */
/*
 * The order of rocket's jobs, which programs do not ask for (ABI reference 2.3). Those of a file
 * run one after the other, and that is kept here; those of any files that share memory run as npud
 * has been told what they write, whichever processes they are of.
 *
 *   order_lock() -> order_latest() -> submit with that fence -> order_add() -> order_unlock()
 */
#ifndef NPU_DRM_ORDER_H
#define NPU_DRM_ORDER_H

#include "npu_protocol.h"

#include <stdbool.h>
#include <stdint.h>

struct drm_file;

/* Also around fork(). A file's lock may be held when it is taken, not the other way round. */
void order_lock(void);
void order_unlock(void);

/* The fence of the file's latest job, valid until order_unlock(); -1: all are over. */
int order_latest(const struct drm_file *file);
/* A job was queued: `fence` is this module's from then on. -ENOMEM. */
int order_add(const struct drm_file *file, int fence);

/* The following take the lock themselves. */

/*
 * A fence, the caller's, of the jobs that write the object's memory, those of all files and
 * processes. -ENOENT: no such handle; or npu_bo_fence()'s. The file's lock is not held.
 */
int order_fence_object(struct drm_file *file, uint32_t handle, int *ret_fence);
/*
 * Sleeps until it is signalled. `deadline_ns` is absolute, CLOCK_MONOTONIC; INT64_MAX for ever.
 * -ETIMEDOUT; -EBUSY when the time was over already; -EINTR.
 */
int order_wait_object(struct drm_file *file, uint32_t handle, int64_t deadline_ns);
/* Sleeps as long as npud said with -EAGAIN; true. */
bool order_pause(void);
/*
 * A descriptor, the caller's, like the fence of a job that is over (include/npu_protocol.h): a pipe
 * whose mode is the outcome. -errno.
 */
int order_make_ended(enum npu_outcome outcome);
/*
 * Sleeps until all jobs of the file are over; with `is_one`, until the oldest is. False when there
 * was none.
 */
bool order_wait_file(const struct drm_file *file, bool is_one);
/* The file's session is gone, and its jobs with it. */
void order_forget(const struct drm_file *file);
/* In the child of fork(), with the lock held: all jobs are the parent's. */
void order_forget_all(void);

#endif
