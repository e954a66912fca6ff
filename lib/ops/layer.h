/* SPDX-License-Identifier: MIT */
/* Inside libnpu-ops: an operation as an object: its BOs, and one job that is run repeatedly. */
#ifndef LIBNPU_OPS_LAYER_H
#define LIBNPU_OPS_LAYER_H

#include "npu_ops.h"

struct ops_layer {
	struct npu_session *session;
	uint64_t timeout_ns;
	struct npu_bo *bos; /* images and streams */
	uint32_t n_bos;
	struct npu_task *tasks;
	uint32_t n_tasks;
	uint32_t n_cores;			/* 0 or 1: any one core, `ranges` is not used */
	struct npu_range ranges[NPU_CORES_MAX]; /* of tasks, one per core */
	bool is_running;
	uint64_t seqno; /* of the run that is on */
};

/* Tasks that have streams of one length. */
struct ops_tasks {
	uint32_t n, stream_entries, int_mask;
};

/*
 * Allocates `n_images` BOs of `sizes` bytes, and adds the tasks. `layer` has session and
 * timeout_ns; after a failure ops_layer_deinit() is due too. Errors of npu_bo_create(); -E2BIG.
 */
int ops_layer_init(struct ops_layer *layer, const uint64_t *sizes, uint32_t n_images,
		   const struct ops_tasks *tasks);
/* One BO more, the last of `bos`. Errors of npu_bo_create(). */
int ops_layer_add_bo(struct ops_layer *layer, uint64_t size);
/*
 * More tasks, and a BO for their streams. -ENOTSUP: the device computes nothing; -E2BIG: too many;
 * errors of npu_bo_create().
 */
int ops_layer_add_tasks(struct ops_layer *layer, const struct ops_tasks *tasks);
/* Takes back the last tasks and BOs, until so many of each are left. */
void ops_layer_truncate(struct ops_layer *layer, uint32_t n_bos, uint32_t n_tasks);
/* -EOPNOTSUPP: this device runs no gang of so many cores. */
int ops_check_gang(struct npu_session *session, uint32_t n_cores);
/* Shares all tasks evenly between so many cores; 0 is 1. -EOPNOTSUPP as that. */
int ops_layer_share(struct ops_layer *layer, uint32_t n_cores);
/*
 * For that, before tasks are added: raises the number of parts that some work is cut into to a
 * multiple of `n_cores`. -EINVAL: there are not so many `units` to cut it into, named `name`.
 */
int ops_share_parts(const char *name, uint32_t units, uint32_t n_cores, uint32_t *n_parts);
/* Waits for a run in flight. */
void ops_layer_deinit(struct ops_layer *layer);

/* Where to write the stream of one task. */
uint64_t *ops_layer_stream(struct ops_layer *layer, uint32_t task);
/* After all that were added last were written. */
int ops_layer_sync_streams(struct ops_layer *layer);

/* -EBUSY: a run is on. */
int ops_layer_check_idle(const struct ops_layer *layer);
/* Hands an image to the NPU, or back. */
int ops_layer_sync_image(struct ops_layer *layer, uint32_t image, uint32_t direction);

/* As npu_matmul_submit(), _wait() and _run(). */
int ops_layer_submit(struct ops_layer *layer);
int ops_layer_wait(struct ops_layer *layer, int64_t timeout_ns, struct npu_result *ret_result);
int ops_layer_run(struct ops_layer *layer, int64_t timeout_ns);

#endif
