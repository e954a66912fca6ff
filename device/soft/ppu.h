/* SPDX-License-Identifier: MIT */
/*
 * The PPU and its PPU_RDMA: pooling of windows, surface by surface, of data in memory or from the
 * DPU (hardware reference 8).
 */
#ifndef NPUD_DEVICE_SOFT_PPU_H
#define NPUD_DEVICE_SOFT_PPU_H

#include "device/soft/dpu_rdma.h"
#include "device/soft/operation.h"

enum soft_pool_method { SOFT_POOL_AVERAGE = 0, SOFT_POOL_MAX = 1, SOFT_POOL_MIN = 2 };

/* Data that comes from the DPU: surfaces of height * width atoms, one after another. */
struct soft_pool_source {
	const uint8_t *surfaces;
	enum rk3588_precision precision;
	uint32_t width, height, channels; /* channels that there is room for */
	bool is_flying;			  /* the DPU has read its main data itself */
};

struct soft_pool {
	enum soft_pool_method method;
	enum rk3588_precision precision;
	uint32_t lanes; /* of an atom */
	uint32_t in_width, in_height, out_width, out_height, n_surfaces;
	uint32_t kernel_width, kernel_height, stride_x, stride_y, pad_left, pad_top;
	double pad;			    /* averages only: what counts outside of the input */
	uint32_t recip_width, recip_height; /* 16.16 for integers, else 17-bit floats */
	const uint8_t *surfaces;	    /* input from the DPU; NULL: from memory */
	/* Bytes modulo 2^32. */
	uint32_t in_iova, in_line_bytes, in_surface_bytes;
	uint32_t out_iova, out_line_bytes, out_surface_bytes;
};

/*
 * Pure. `source` is NULL when PPU_RDMA reads the data. -EOPNOTSUPP with a complaint about what is
 * not modelled; -ENODATA when a block waits for one that was not started.
 */
int soft_pool_configure(const struct soft_operation *operation,
			const struct soft_pool_source *source, struct soft_complaint *complaint,
			struct soft_pool *ret_pool);
/* Sign, 6 bits of exponent with bias 31, 10 of mantissa: how reciprocals are written. */
double soft_pool_reciprocal(uint32_t bits);

/* Errors of both as soft_pc_run(). */

/* PPU_RDMA and PPU by themselves (op_en 0x60). */
int soft_pooling_run(struct soft_core *core, struct soft_operation *operation);
/* Behind the DPU. */
int soft_pooling_run_behind(struct soft_core *core, const struct soft_operation *operation,
			    const struct soft_pool_source *source);

#endif
