/* SPDX-License-Identifier: MIT */
/*
 * The BS and BN stages of the DPU (hardware reference 6.3): add or subtract, OW, multiply with a
 * shift, ReLU. Only BS has the OW part, which adds the CORE's feature sum times an operand.
 *
 * BN multiplies before it adds. The reference has it the other way round (6.1), from programs that
 * add 0; one whose tables were measured on silicon with more than that needs this order.
 */
#ifndef NPUD_DEVICE_SOFT_DPU_STAGE_H
#define NPUD_DEVICE_SOFT_DPU_STAGE_H

#include "device/soft/complaint.h"

#define SOFT_STRIP_PIXELS 64u
#define SOFT_MAX_LANES	  64u /* channels of a group */

/*
 * Values on their way through the stages, [pixel][lane] with n_lanes per pixel. Integers are int32
 * between stages, held in doubles (see dpu_arithmetic.h).
 */
struct soft_strip {
	uint32_t n_pixels, n_lanes;
	union {
		double ints[SOFT_STRIP_PIXELS * SOFT_MAX_LANES];
		float floats[SOFT_STRIP_PIXELS * SOFT_MAX_LANES];
	};
};

enum soft_stage_id { SOFT_STAGE_BS, SOFT_STAGE_BN };

struct soft_stage {
	bool is_on;
	bool multiplies_first; /* before the ALU, else behind it */
	bool has_alu, alu_per_channel, is_subtraction;
	bool has_ow, ow_per_channel;
	bool has_mul, mul_per_channel, is_prelu;
	/* Operands from registers: int32 or fp32 bits, int16 or fp16 bits. */
	uint32_t alu_operand;
	uint16_t mul_operand;
	int16_t ow_operand;
	uint32_t shift, negative_shift;
	double low, high; /* ReLU: what the result is clamped to */
};

/* What BRDMA or NRDMA read for the channels of a group, as it is in memory. */
struct soft_channel_operands {
	uint32_t alu[SOFT_MAX_LANES];
	int16_t ow[SOFT_MAX_LANES];
	uint16_t mul[SOFT_MAX_LANES];
};

/* Operands of each lane, from registers or memory; neutral where a unit is bypassed. */
struct soft_lane_operands {
	double alu[SOFT_MAX_LANES];
	double late_alu[SOFT_MAX_LANES]; /* behind the multiplication */
	double ow[SOFT_MAX_LANES];
	/* Multipliers of values at or above 0, and below; those of integers include the shift. */
	double positive[SOFT_MAX_LANES];
	double negative[SOFT_MAX_LANES];
};

/* Pure. -EOPNOTSUPP with a complaint about what is not modelled. */
int soft_stage_configure(const struct soft_group *group, enum soft_stage_id id, bool is_float,
			 struct soft_complaint *complaint, struct soft_stage *ret_stage);
/* `channels` may be NULL when nothing of the stage is per channel. */
void soft_stage_fill_lanes(const struct soft_stage *stage, bool is_float,
			   const struct soft_channel_operands *channels,
			   struct soft_lane_operands *ret_lanes);
/*
 * `sums` are the feature sums of each pixel, `sums_pitch` apart, or, where `sums_pitch` is not 1,
 * of each lane of each pixel; NULL for 0.
 */
void soft_stage_run_ints(const struct soft_stage *stage, const struct soft_lane_operands *lanes,
			 const int32_t *sums, uint32_t sums_pitch, struct soft_strip *strip);
void soft_stage_run_floats(const struct soft_stage *stage, const struct soft_lane_operands *lanes,
			   struct soft_strip *strip);

#endif
