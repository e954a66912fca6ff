/* SPDX-License-Identifier: MIT */
/*
 * What convolutions mostly ask of the DPU, in one pass over the CORE's results instead of one per
 * stage: an addend, a multiplier (integers) and a limit per channel, then int8 or fp16 results. The
 * stages (dpu_stage.h, dpu_output.h) are the definition, and give the same bits.
 */
#ifndef NPUD_DEVICE_SOFT_DPU_QUICK_H
#define NPUD_DEVICE_SOFT_DPU_QUICK_H

#include "device/soft/dpu_output.h"

/* What comes between the CORE's results and the output converter, for one group of channels. */
struct soft_quick_stages {
	const struct soft_stage *bs, *bn;
	const struct soft_lane_operands *bs_lanes;
	uint32_t n_lanes;
	bool has_ew;
};

struct soft_quick {
	bool is_possible;
	bool has_ow, has_mul; /* integers */
	bool is_linear;	      /* neither: all in one multiplication and limits behind it */
	double low, high;     /* limits before the output converter */
	double factor;	      /* of the output converter; then its limits less `offset` */
	double out_low, out_high;
	int32_t offset;
	double line_low, line_high; /* is_linear */
	double add[SOFT_MAX_LANES], line_add[SOFT_MAX_LANES], ow[SOFT_MAX_LANES],
		scale[SOFT_MAX_LANES];
	float float_add[SOFT_MAX_LANES];
};

/* Results of some pixels of a group, [pixel][pitch]; n_lanes of them fill whole atoms. */
struct soft_quick_run {
	union {
		const int32_t *ints;
		const float *floats;
	};
	const int32_t *sums; /* [pixel], where has_ow */
	uint32_t n_pixels, n_lanes, pitch;
	uint8_t *atoms; /* [atom][pixel] */
};

struct soft_quick_variant {
	const char *name;
	void (*ints)(const struct soft_quick *quick, const struct soft_quick_run *run);
	void (*floats)(const struct soft_quick *quick, const struct soft_quick_run *run);
};

/* The plain one is variant 0; the last is the fastest that this CPU has. */
size_t soft_quick_variants(const struct soft_quick_variant **ret_variants);

/* Pure; is_possible says whether these settings can be done in one pass. */
void soft_quick_prepare(const struct soft_quick_stages *stages, const struct soft_output *output,
			bool is_float, struct soft_quick *ret_quick);

#endif
