/* SPDX-License-Identifier: MIT */
/*
 * Fences that are over when two others are, as SYNC_IOC_MERGE makes them. A thread of this process
 * waits and signals; a merged fence whose process ends before it reads as one whose npud died.
 */
#ifndef NPU_DRM_MERGE_H
#define NPU_DRM_MERGE_H

/*
 * `ret_fence` is the caller's, close-on-exec; the others stay so too. It ends like the first one
 * that fails. -EMFILE, -ENFILE, -ENOMEM, -EAGAIN (no thread).
 */
int merge_fences(int first, int second, int *ret_fence);

/* Around fork(). */
void merge_lock(void);
void merge_unlock(void);
/* In the child, with the lock held: all that are under way are the parent's. */
void merge_forget_all(void);

#endif
