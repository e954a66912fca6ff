/* SPDX-License-Identifier: MIT */
/*
 * The DPU (hardware reference 6): results of the CORE, or main data that it has read for itself,
 * go through BS, BN and EW to the output converter, and to memory or the PPU.
 *
 *   CORE, MRDMA -> BS -> BN -> EW -> output converter -> memory
 *                  ^     ^     ^                     \-> PPU
 *                BRDMA NRDMA ERDMA
 *
 * Results come as one sequence: kernel group by kernel group, in it line by line, pixel by pixel.
 * The WDMA registers say where each lands, and may cut the sequence into another shape than it had
 * in the CORE (6.7).
 */
#ifndef NPUD_DEVICE_SOFT_DPU_H
#define NPUD_DEVICE_SOFT_DPU_H

#include "device/soft/dpu_quick.h"
#include "device/soft/operation.h"

/* What the CORE says about its stream. */
struct soft_dpu_input {
	enum rk3588_precision precision; /* of the processing */
	bool is_depthwise;
	uint32_t group_channels;	  /* channels of a kernel group, at most SOFT_MAX_LANES */
	uint32_t width, height, channels; /* of its output */
};

/* `n_pixels` from `first_pixel` of a group; pixel = y * width + x. Each pixel comes once. */
struct soft_dpu_tile {
	uint32_t group, first_pixel, n_pixels;
	uint32_t pitch; /* lanes between pixels */
	/* [pixel][lane]; int32 in the integer precisions, fp32 in the others. */
	union {
		const int32_t *ints;
		const float *floats;
	};
	/* Feature sums, [pixel], depthwise [pixel][pitch]; NULL for 0. */
	const int32_t *sums;
};

struct soft_dpu {
	const struct soft_operation *operation; /* borrowed */
	enum rk3588_precision precision;
	bool is_flying, is_depthwise;
	uint32_t group_channels;
	uint32_t width, height;
	uint32_t n_groups; /* groups that anybody looks at the results of */
	struct soft_stage bs, bn;
	struct soft_ew ew;
	struct soft_rdma rdma;
	struct soft_output output;
	/* Operands per channel of the group that came last; none yet: UINT32_MAX. */
	uint32_t loaded_group;
	struct soft_lane_operands bs_lanes, bn_lanes;
	struct soft_quick quick; /* for that group */
	struct soft_quick_variant quickest;
	/* Bytes that go through memory, main data of the CORE aside. */
	uint64_t work_bytes;
};

/*
 * Pure but for the memory it takes for a PPU behind. `input` is NULL when the main data is read by
 * MRDMA. -EOPNOTSUPP with a complaint in core->draft about what is not modelled; -ENOMEM.
 */
int soft_dpu_begin(struct soft_core *core, const struct soft_operation *operation,
		   const struct soft_dpu_input *input, struct soft_dpu *ret_dpu);
/* Errors as soft_core_dma_read(). Tiles may come in any order. */
int soft_dpu_process(struct soft_core *core, struct soft_dpu *dpu,
		     const struct soft_dpu_tile *tile);
/* Flying: the strip from pixel `first` of a group, SOFT_STRIP_PIXELS or what is left. */
int soft_dpu_fly(struct soft_core *core, struct soft_dpu *dpu, uint32_t group, uint32_t first);
struct soft_pool_source;

/* What a PPU behind is given. */
struct soft_pool_source soft_dpu_pool_source(const struct soft_dpu *dpu);
/* With r == 0 runs the PPU, if it waits for the results. Frees. Returns r or the PPU's error. */
int soft_dpu_end(struct soft_core *core, struct soft_dpu *dpu, int r);

#endif
