/* SPDX-License-Identifier: MIT */
/*
 * Packed pixels of three or four channels on their way into the feature buffer, in bulk; what is
 * rarer goes through soft_cvt_apply(), which gives the same.
 */
#ifndef NPUD_DEVICE_SOFT_PIXELS_H
#define NPUD_DEVICE_SOFT_PIXELS_H

#include "device/soft/cna.h"

/* Pixels at a time. */
#define SOFT_PIXELS_RUN 1008u
#define SOFT_CVT_LANES	64u

/* The converter's lanes, of as many pixels of four lanes as are worked on at once, in 32 bits. */
struct soft_cvt_lanes {
	uint32_t pixel_bytes;
	int32_t sign, scale[SOFT_CVT_LANES], before[SOFT_CVT_LANES], after[SOFT_CVT_LANES];
	int32_t shift[SOFT_CVT_LANES], mask[SOFT_CVT_LANES], half[SOFT_CVT_LANES];
	int32_t rounds_up;
	/* Multipliers of 1: all there is to do is an addition. */
	bool is_unit;
	int16_t unit_mask[SOFT_CVT_LANES], unit_add[SOFT_CVT_LANES];
};

/* False where 32 bits would not do. Lanes that are not real give 0. */
bool soft_cvt_lanes_fill(const struct soft_cna *cna, struct soft_cvt_lanes *ret_lanes);
/*
 * `n_pixels` (at most SOFT_PIXELS_RUN) as in memory, converted, to four lanes each. One element
 * behind the last pixel of three may be read.
 */
void soft_pixels_store_bytes(const struct soft_cvt_lanes *lanes, const uint8_t *from,
			     uint32_t n_pixels, uint8_t *to);
/* The same for fp16, which becomes floats. */
void soft_pixels_store_halves(const struct soft_cna *cna, const uint8_t *from, uint32_t n_pixels,
			      uint8_t *to);

#endif
