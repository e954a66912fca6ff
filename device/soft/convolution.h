/* SPDX-License-Identifier: MIT */
/*
 * CNA + CORE + DPU as one: a convolution; a matrix product is one with a 1x1 kernel.
 *
 *   features of the whole task:                                  feature   load
 *   for each group of kernels:                                   weights   load
 *     for each tile of pixels:                                   mac       multiply, accumulate
 *                                                                dpu       process
 *
 * All data is copied in and out through the MMU. Buffers grow as tasks need, up to bounds that no
 * task that fits the silicon comes near; an abort is seen between tiles and pieces.
 */
#ifndef NPUD_DEVICE_SOFT_CONVOLUTION_H
#define NPUD_DEVICE_SOFT_CONVOLUTION_H

#include "device/soft/cna.h"
#include "device/soft/operation.h"

/*
 * Elements of a task's padded input. The convolution buffer of the silicon has 384 KiB (hardware
 * reference 1.7); what exceeds it but fits here is computed, with a warning.
 */
#define SOFT_MAX_FEATURES  (4u << 20)
#define SOFT_STAGING_BYTES 16384u
#define SOFT_MAX_GROUP	   64u /* channels */
#define SOFT_TILE_PIXELS   128u

struct soft_buffer {
	void *bytes; /* 64-byte aligned */
	size_t capacity;
};

/* Makes room for that much; what was in it is lost when it has to grow. -ENOMEM. */
int soft_buffer_reserve(struct soft_buffer *buffer, size_t size_bytes);

/* A core's own memory for data at work. */
struct soft_cbuf {
	struct soft_buffer features;   /* see feature.h */
	struct soft_buffer pixel_sums; /* int32_t, over a pixel's real channels */
	struct soft_buffer weights;    /* see weights.h */
	struct soft_buffer unpacked;   /* compressed weights, decompressed */
	int32_t weight_sums[SOFT_MAX_GROUP];
	int64_t wide[SOFT_TILE_PIXELS * SOFT_MAX_GROUP];
	double exact[SOFT_TILE_PIXELS * SOFT_MAX_GROUP];
	/* What the CORE hands to the DPU, [pixel][channel in group]. */
	union {
		int32_t ints[SOFT_TILE_PIXELS * SOFT_MAX_GROUP];
		float floats[SOFT_TILE_PIXELS * SOFT_MAX_GROUP];
	} results __attribute__((aligned(64)));
	int32_t sums[SOFT_TILE_PIXELS * SOFT_MAX_GROUP];
	/* Bytes as they are in memory, on their way in. */
	uint8_t staging[SOFT_STAGING_BYTES] __attribute__((aligned(64)));
};

int soft_cbuf_new(struct soft_cbuf **ret_cbuf);
struct soft_cbuf *soft_cbuf_free(struct soft_cbuf *cbuf);

struct soft_mac;
struct soft_dpu_input;

/* Pure. What the registers of CNA and CORE describe. Errors as soft_cna_configure(). */
int soft_convolution_configure(const struct soft_operation *operation,
			       struct soft_complaint *complaint, struct soft_cna *ret_cna,
			       struct soft_mac *ret_mac);
/* What the DPU will be given. */
struct soft_dpu_input soft_convolution_output(const struct soft_cna *cna,
					      const struct soft_mac *mac);

/* Errors as soft_pc_run(). */
int soft_convolution_run(struct soft_core *core, struct soft_operation *operation);

#endif
