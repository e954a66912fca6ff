/* SPDX-License-Identifier: MIT */
/*
 * Layers of a MobileNet-like network for the bench of the soft device: each one task, with all its
 * features and a bank of weights in the convolution buffer.
 */
#ifndef NPU_TOOLS_BENCH_LAYER_H
#define NPU_TOOLS_BENCH_LAYER_H

#include "npu.h"

#include <stdbool.h>

/* Square in every respect; padded by kernel / 2 on all sides. */
struct bench_layer {
	const char *name;
	bool is_depthwise;
	bool is_first;	   /* three channels of packed pixels; int8: through the converter */
	uint32_t size;	   /* of the input */
	uint32_t channels; /* else a multiple of 64 */
	uint32_t kernels;  /* depthwise: as many as channels */
	uint32_t kernel_size;
	uint32_t stride;
};

extern const struct bench_layer bench_layers[];
extern const unsigned bench_n_layers;

uint32_t bench_layer_out_size(const struct bench_layer *layer);
uint64_t bench_layer_macs(const struct bench_layer *layer);

/* Runs of a layer that are one job, so that what a job costs weighs little. */
#define BENCH_TASK_RUNS 7u

/* A layer in memory of the NPU, ready to be submitted. */
struct bench_task {
	struct npu_session *session; /* borrowed */
	struct npu_bo bo;	     /* all there is */
	uint32_t iovas[BENCH_TASK_RUNS], n_entries;
};

/*
 * `is_half`: fp16, else int8; with a bias per channel, and for int8 one scale for all. Operands are
 * random. Errors as npu_bo_create().
 */
int bench_task_init(struct bench_task *task, struct npu_session *session,
		    const struct bench_layer *layer, bool is_half);
void bench_task_deinit(struct bench_task *task);
/* Runs it BENCH_TASK_RUNS times. -EIO: it did not end well, and `ret_result` says how. */
int bench_task_run(struct bench_task *task, struct npu_result *ret_result);

#endif
