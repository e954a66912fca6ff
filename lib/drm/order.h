/* SPDX-License-Identifier: MIT */
/*
 * Implicit order between the jobs of this process, as rocket has it (ABI reference 2.3): a job runs
 * after the earlier ones of its file, and after those of other files that write an object which it
 * names. Objects are told by their tokens, which memory keeps when it is shared by PRIME.
 *
 *   order_lock() -> order_collect() -> submit with those fences -> order_add() -> order_unlock()
 */
#ifndef NPU_DRM_ORDER_H
#define NPU_DRM_ORDER_H

#include "npu_protocol.h"

#include <stdbool.h>
#include <stdint.h>

struct drm_file;

/* What a job touches: tokens of its inputs, then of its outputs. */
struct order_tokens {
	uint64_t *tokens;
	uint32_t n, n_ins;
};

/* Also around fork(). A file's lock may be held when it is taken, not the other way round. */
void order_lock(void);
void order_unlock(void);

/*
 * Fences of the jobs that a new one has to wait for, at most `n_max`; they stay valid until
 * order_unlock(). Returns how many there are, which may be more than `n_max`.
 */
unsigned order_collect(const struct drm_file *file, const struct order_tokens *tokens,
		       int *ret_fences, unsigned n_max);
/* A job was queued: `fence` is this module's from then on. -ENOMEM. */
int order_add(const struct drm_file *file, const struct order_tokens *tokens, int fence);

/* The following take the lock themselves. */

/*
 * Sleeps until no job that is known writes the object. `deadline_ns` is absolute, CLOCK_MONOTONIC;
 * INT64_MAX for ever. -ETIMEDOUT; -EBUSY when the time was over already; -EINTR.
 */
int order_wait_object(uint64_t token, int64_t deadline_ns);
/*
 * A descriptor, the caller's, of the fence of the last job that writes the object; of one that has
 * ended well where there was none. -errno.
 */
int order_export(uint64_t token);
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
