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

/* NaN becomes a quiet NaN. */
uint16_t half_from_float(float value);

/* bf16, the upper half of an fp32: exact; and to nearest, ties to even. */
static inline float bfloat_to_float(uint16_t bfloat)
{
	uint32_t bits = (uint32_t)bfloat << 16;
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

uint16_t bfloat_from_float(float value);

#endif
