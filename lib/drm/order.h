/* SPDX-License-Identifier: MIT */
/*
 * The order of rocket's jobs, which programs do not ask for (ABI reference 2.3). Those of a file
 * run one after the other, and that is kept here; those of any files that share memory run as npud
 * has been told what they write, whichever processes they are of.
 *
 *   order_latest() -> submit with that fence, the file's lock held -> order_add()
 */
#ifndef NPU_DRM_ORDER_H
#define NPU_DRM_ORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct drm_file;
struct order_job;

/* Around fork(). All functions below take the lock themselves but order_forget_all(). */
void order_lock(void);
void order_unlock(void);

/* For order_add(), so that this cannot fail; else for free(). NULL: no memory. */
struct order_job *order_job_new(void);
/*
 * The fence of the file's latest job, the caller's. -ENOENT: all are over; -EMFILE. The file's lock
 * is held, from before the submit to behind order_add().
 */
int order_latest(const struct drm_file *file);
/* A job was queued. `job` and its `fence` are this module's from then on. */
void order_add(struct order_job *job, const struct drm_file *file, int fence);

/*
 * A fence, the caller's, of the jobs that write that memory (fstat()'s numbers), those of all files
 * and processes. -ENOENT: the file does not have it; -EINTR; or npu_bo_fence()'s. Here and below,
 * the file's lock is not held.
 */
int order_fence_memory(struct drm_file *file, dev_t dev, ino_t ino, int *ret_fence);
/*
 * Sleeps until the jobs that write the object's memory are over. `deadline_ns` is absolute,
 * CLOCK_MONOTONIC; INT64_MAX for ever. -ETIMEDOUT; -EBUSY when the time was over already; -EINTR;
 * -ENOENT: no such handle; or npu_bo_fence()'s.
 */
int order_wait_object(struct drm_file *file, uint32_t handle, int64_t deadline_ns);
/* Sleeps; -EINTR where a driver's wait would end. */
int order_pause(uint64_t pause_ns);
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
