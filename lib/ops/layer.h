/* SPDX-License-Identifier: MIT */
/* Inside libnpu-ops: an operation as an object: its BOs, and one job that is run repeatedly. */
#ifndef LIBNPU_OPS_LAYER_H
#define LIBNPU_OPS_LAYER_H

#include "npu_ops.h"

#define OPS_LAYER_BOS 5u

struct ops_layer {
	struct npu_session *session;
	uint64_t timeout_ns;
	struct npu_bo bos[OPS_LAYER_BOS]; /* images, and the streams last */
	uint32_t n_bos;
	struct npu_task *tasks;
	uint32_t n_tasks, stream_entries;
	uint32_t n_cores;			   /* 0 or 1: any one core, `ranges` is not used */
	struct npu_range ranges[NPU_MATMUL_CORES]; /* of tasks, one per core */
	bool is_running;
	uint64_t seqno; /* of the run that is on */
};

/*
 * Allocates `n_images` BOs of `sizes` bytes, one for the streams, and `n_tasks` tasks (at most
 * NPU_JOB_TASKS_MAX), which point into it, each with `stream_entries` and `int_mask`. `layer` has
 * session and timeout_ns; after a failure ops_layer_deinit() is due too. Errors of npu_bo_create().
 */
int ops_layer_init(struct ops_layer *layer, const uint64_t *sizes, uint32_t n_images,
		   uint32_t n_tasks, uint32_t stream_entries, uint32_t int_mask);
/* Waits for a run in flight. */
void ops_layer_deinit(struct ops_layer *layer);

/* Where to write the stream of one task. */
uint64_t *ops_layer_stream(struct ops_layer *layer, uint32_t task);
/* After all were written. */
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
