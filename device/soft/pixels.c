/* SPDX-License-Identifier: MIT */
/*
 * Pixels are spread to four lanes each, then converted in place, a vector of pixels at a time.
 */
#include "device/soft/pixels.h"

#include "device/soft/clones.h"
#include "device/soft/feature.h"

#include <string.h>

#define CVT_MAX_SHIFT 30u
#define CVT_FAR	      1024

/* With the bias of the buffer; in lanes that are not real that alone. */
static void fill_unit_lane(const struct soft_cvt *converter, bool is_real, uint32_t lane,
			   struct soft_cvt_lanes *lanes)
{
	int32_t offset = converter->lanes[lane % SOFT_PACKED_LANES].offset;
	int32_t bias = converter->is_input_signed ? 0 : SOFT_FEATURE_BIAS;

	/* Beyond, every result is saturated. */
	offset = offset > CVT_FAR ? CVT_FAR : offset < -CVT_FAR ? -CVT_FAR : offset;
	lanes->unit_mask[lane] = is_real ? 0xff : 0;
	lanes->unit_add[lane] = (int16_t)(is_real ? offset + bias : SOFT_FEATURE_BIAS);
}

bool soft_cvt_lanes_fill(const struct soft_cna *cna, struct soft_cvt_lanes *ret_lanes)
{
	struct soft_cvt_lanes *lanes = ret_lanes;
	const struct soft_cvt *converter = &cna->converter;

	*lanes = (struct soft_cvt_lanes){.is_unit = true,
					 .pixel_bytes = cna->packed_channels,
					 .sign = converter->is_input_signed ? 0x80 : 0,
					 .rounds_up = converter->rounds_up};
	for (uint32_t i = 0; i < SOFT_CVT_LANES; i++) {
		const struct soft_cvt_lane *lane = &converter->lanes[i % SOFT_PACKED_LANES];
		bool is_real = i % SOFT_PACKED_LANES < cna->real_channels;

		if (lane->shift > CVT_MAX_SHIFT)
			return false;
		lanes->is_unit &= !is_real || lane->scale == 1 << lane->shift;
		fill_unit_lane(converter, is_real, i, lanes);
		lanes->scale[i] = is_real ? lane->scale : 0;
		lanes->before[i] = converter->is_add_first ? lane->offset : 0;
		lanes->after[i] = is_real && !converter->is_add_first ? lane->offset : 0;
		lanes->shift[i] = (int32_t)lane->shift;
		lanes->mask[i] = (int32_t)((1u << lane->shift) - 1);
		lanes->half[i] = lane->shift ? 1 << (lane->shift - 1) : 1;
	}
	return true;
}

/* As soft_cvt_apply(), in place; `n` is a multiple of SOFT_CVT_LANES. */
SOFT_CLONE_BODY convert_bytes_body(const struct soft_cvt_lanes *restrict lanes,
				   uint8_t *restrict bytes, uint32_t n)
{
	for (; n > 0; n -= SOFT_CVT_LANES, bytes += SOFT_CVT_LANES) {
		uint8_t results[SOFT_CVT_LANES];

		for (uint32_t i = 0; i < SOFT_CVT_LANES; i++) {
			int32_t x = (bytes[i] ^ lanes->sign) - lanes->sign;
			int32_t product = (x + lanes->before[i]) * lanes->scale[i];
			int32_t floor = product >> lanes->shift[i], rest = product & lanes->mask[i];
			int32_t is_tie = rest == lanes->half[i];

			x = floor + (rest > lanes->half[i]) +
			    (is_tie & (lanes->rounds_up | (floor & 1))) + lanes->after[i];
			x = x > INT8_MAX ? INT8_MAX : x < INT8_MIN ? INT8_MIN : x;
			results[i] = (uint8_t)(x + SOFT_FEATURE_BIAS);
		}
		memcpy(bytes, results, sizeof(results));
	}
}

SOFT_CLONES(static, convert_bytes, (const struct soft_cvt_lanes *lanes, uint8_t *bytes, uint32_t n),
	    (lanes, bytes, n))

/* The same where is_unit. */
SOFT_CLONE_BODY add_bytes_body(const struct soft_cvt_lanes *restrict lanes, uint8_t *restrict bytes,
			       uint32_t n)
{
	const int16_t sign = (int16_t)lanes->sign;

	for (; n > 0; n -= SOFT_CVT_LANES, bytes += SOFT_CVT_LANES) {
		uint8_t results[SOFT_CVT_LANES];

		for (uint32_t i = 0; i < SOFT_CVT_LANES; i++) {
			int16_t x = (int16_t)(((bytes[i] ^ sign) & lanes->unit_mask[i]) +
					      lanes->unit_add[i]);

			results[i] = (uint8_t)(x > UINT8_MAX ? UINT8_MAX : x < 0 ? 0 : x);
		}
		memcpy(bytes, results, sizeof(results));
	}
}

SOFT_CLONES(static, add_bytes, (const struct soft_cvt_lanes *lanes, uint8_t *bytes, uint32_t n),
	    (lanes, bytes, n))

/* Pixels of three or four elements become such of four, as they are in memory. */
static inline __attribute__((always_inline)) void spread(const uint8_t *restrict from,
							 uint32_t n_pixels, uint32_t pixel_bytes,
							 uint8_t *restrict to,
							 const uint32_t lane_bytes)
{
	for (uint32_t i = 0; i < n_pixels; i++) {
		memcpy(to, from, SOFT_PACKED_LANES * lane_bytes);
		to += SOFT_PACKED_LANES * lane_bytes;
		from += pixel_bytes;
	}
}

void soft_pixels_store_bytes(const struct soft_cvt_lanes *lanes, const uint8_t *from,
			     uint32_t n_pixels, uint8_t *to)
{
	uint8_t bytes[SOFT_PIXELS_RUN * SOFT_PACKED_LANES];
	uint32_t n = n_pixels * SOFT_PACKED_LANES;
	uint32_t n_whole = (n + SOFT_CVT_LANES - 1) / SOFT_CVT_LANES * SOFT_CVT_LANES;

	spread(from, n_pixels, lanes->pixel_bytes, bytes, 1);
	memset(bytes + n, 0, n_whole - n);
	if (lanes->is_unit)
		add_bytes(lanes, bytes, n_whole);
	else
		convert_bytes(lanes, bytes, n_whole);
	memcpy(to, bytes, n);
}

void soft_pixels_store_halves(const struct soft_cna *cna, const uint8_t *from, uint32_t n_pixels,
			      uint8_t *to)
{
	uint16_t halves[SOFT_PIXELS_RUN * SOFT_PACKED_LANES];
	uint32_t n = n_pixels * SOFT_PACKED_LANES;

	spread(from, n_pixels, cna->packed_channels * 2, (uint8_t *)halves, 2);
	for (uint32_t i = SOFT_PACKED_LANES - 1; cna->real_channels == 3 && i < n;
	     i += SOFT_PACKED_LANES)
		halves[i] = 0;
	soft_elements_decode(RK3588_FP16, (const uint8_t *)halves, n, to);
}
