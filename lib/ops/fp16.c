/* SPDX-License-Identifier: MIT */
/* Half precision: 1 sign, 5 exponent (bias 15), 10 mantissa bits; float: 1, 8 (bias 127), 23. */
#include "npu_ops.h"

#include <string.h>

/* value >> shift (1 to 30), to nearest, ties to even. */
static uint32_t shift_right_round(uint32_t value, unsigned shift)
{
	uint32_t half = 1u << (shift - 1);
	uint32_t rest = value & ((half << 1) - 1);
	uint32_t result = value >> shift;

	return result + (rest > half || (rest == half && (result & 1)));
}

uint16_t npu_fp16_from_float(float value)
{
	uint32_t bits, sign, mantissa;
	int exponent;

	memcpy(&bits, &value, sizeof(bits));
	sign = bits >> 16 & 0x8000;
	mantissa = bits & 0x7fffff;
	exponent = (int)(bits >> 23 & 0xff) - 127 + 15;
	if ((bits & 0x7fffffff) > 0x7f800000)
		return (uint16_t)(sign | 0x7e00);
	if (exponent >= 31)
		return (uint16_t)(sign | 0x7c00);
	if (exponent > 0) /* a carry out of the mantissa rightly ends up in the exponent */
		return (uint16_t)(sign |
				  (((uint32_t)exponent << 10) + shift_right_round(mantissa, 13)));
	if (exponent < -10)
		return (uint16_t)sign;
	/* Subnormal: the leading 1 becomes visible. */
	return (uint16_t)(sign | shift_right_round(mantissa | 0x800000, (unsigned)(14 - exponent)));
}

float npu_fp16_to_float(uint16_t half)
{
	uint32_t sign = (uint32_t)(half & 0x8000) << 16;
	uint32_t exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
	uint32_t bits;
	float value;

	if (exponent == 31) {
		bits = sign | 0x7f800000 | mantissa << 13;
	} else if (exponent > 0) {
		bits = sign | (exponent + 127 - 15) << 23 | mantissa << 13;
	} else {
		value = (float)mantissa / 16777216.0f; /* in units of 2^-24 */
		return sign ? -value : value;
	}
	memcpy(&value, &bits, sizeof(value));
	return value;
}
