/* SPDX-License-Identifier: MIT */
/*
 * CNA + CORE + DPU as one: a 1x1 convolution, which is what a matrix product is to this NPU.
 *
 *   for each block of pixels that fits the feature buffer:      cna   load features
 *     for each group of kernels:
 *       for each tile of pixels, for each chunk of channels:    cna   load weights
 *                                                               mac   multiply, accumulate
 *       the tile's results:                                     dpu   convert, write
 *
 * All data is copied in and out through the MMU; buffers have a fixed size whatever sizes a stream
 * claims, and an abort is seen between chunks.
 */
#ifndef NPUD_DEVICE_SOFT_CONVOLUTION_H
#define NPUD_DEVICE_SOFT_CONVOLUTION_H

#include "device/soft/operation.h"

/* The convolution buffer of the silicon (hardware reference 1.7), in bytes as fetched. */
#define SOFT_CBUF_BYTES	   (384u * 1024)
#define SOFT_TILE_PIXELS   128u
#define SOFT_CHUNK	   512u /* channels */
#define SOFT_MAX_KERNELS   32u	/* in a group */
#define SOFT_GROUP_FP16	   16u
#define SOFT_GROUP_INT8	   32u
#define SOFT_STAGING_BYTES (SOFT_CHUNK * SOFT_MAX_KERNELS)

/* A core's own memory for data at work. Widened: int8 as int16, fp16 as fp32. */
struct soft_cbuf {
	union {
		int16_t int8[SOFT_CBUF_BYTES];
		float fp16[SOFT_CBUF_BYTES / 2];
	} features; /* [pixel][channel] */
	union {
		int16_t int8[SOFT_GROUP_INT8][SOFT_CHUNK];
		float fp16[SOFT_CHUNK][SOFT_GROUP_FP16];
	} weights __attribute__((aligned(16)));
	union {
		int64_t int8[SOFT_TILE_PIXELS][SOFT_GROUP_INT8];
		double fp16[SOFT_TILE_PIXELS][SOFT_GROUP_FP16];
	} sums;
	/* What the CORE hands to the DPU: int32 or fp32, [pixel][kernel in group]. */
	union {
		int32_t int8[SOFT_TILE_PIXELS][SOFT_GROUP_INT8];
		float fp16[SOFT_TILE_PIXELS][SOFT_GROUP_FP16];
	} results;
	/* Bytes as they are in memory, on their way in; 16-byte atoms on their way out. */
	uint8_t staging[SOFT_STAGING_BYTES] __attribute__((aligned(16)));
};

int soft_cbuf_new(struct soft_cbuf **ret_cbuf);
struct soft_cbuf *soft_cbuf_free(struct soft_cbuf *cbuf);

/* Errors as soft_pc_run(). */
int soft_convolution_run(struct soft_core *core, struct soft_operation *operation);

#endif
