/* SPDX-License-Identifier: MIT */
/*
 * fp16 and bf16 to fp32 and back, in plain C, the same on every machine: subnormals kept,
 * conversion to fp16 rounds to nearest even and overflows to infinity (hardware reference 6.6).
 */
#ifndef NPUD_DEVICE_SOFT_HALF_H
#define NPUD_DEVICE_SOFT_HALF_H

#include <stdint.h>
#include <string.h>

/*
 * Exact. Inline and free of branches, so that loops over it vectorise: the exponent is rebased by a
 * multiplication, which also normalises subnormals; infinity and NaN get the exponent they lost.
 */
static inline float half_to_float(uint16_t half)
{
	const float rebase = 0x1p112f;
	uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
	uint32_t bits;
	float value;

	memcpy(&value, &magnitude, sizeof(value));
	value *= rebase;
	memcpy(&bits, &value, sizeof(bits));
	bits |= (uint32_t)(half & 0x8000) << 16;
	bits |= (half & 0x7c00) == 0x7c00 ? 0x7f800000u : 0;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/*
 * Branch-free as well. NaN becomes a quiet NaN. Adding just under half of the last kept place, and
 * one more when that place is odd, carries exactly where nearest-even does; of a subnormal, adding
 * 0.5 brings the last place, 2^-24, to the last of a float.
 */
static inline uint16_t half_from_float(float value)
{
	const uint32_t infinity = 0x7f800000, first_overflow = 0x47800000; /* 65536 */
	const uint32_t first_normal = 0x38800000;			   /* 2^-14 */
	uint32_t bits, magnitude, subnormal, result;
	float shifted;

	memcpy(&bits, &value, sizeof(bits));
	magnitude = bits & 0x7fffffff;
	memcpy(&shifted, &magnitude, sizeof(shifted));
	shifted += 0.5f;
	memcpy(&subnormal, &shifted, sizeof(subnormal));
	result = (magnitude + 0xfff + (magnitude >> 13 & 1) - (112u << 23)) >> 13;
	result = magnitude < first_normal ? subnormal - 0x3f000000u : result;
	result = magnitude >= first_overflow ? 0x7c00 : result;
	result = magnitude > infinity ? 0x7e00 : result;
	return (uint16_t)((bits >> 16 & 0x8000) | result);
}

/* bf16, the upper half of an fp32: exact; and to nearest, ties to even. */
static inline float bfloat_to_float(uint16_t bfloat)
{
	uint32_t bits = (uint32_t)bfloat << 16;
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline uint16_t bfloat_from_float(float value)
{
	const uint32_t infinity = 0x7f800000;
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return (uint16_t)((bits & 0x7fffffff) > infinity
				  ? bits >> 16 | 0x40
				  : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#endif
