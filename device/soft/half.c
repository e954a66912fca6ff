/* SPDX-License-Identifier: MIT */
/*
 * Rounding is done on the bits: adding just under half of the last kept place, and one more when
 * that place is odd, carries exactly where nearest-even does.
 */
#include "device/soft/half.h"

#define FLOAT_INFINITY	     0x7f800000u
#define FLOAT_FIRST_OVERFLOW 0x47800000u /* 65536 */
#define FLOAT_FIRST_NORMAL   0x38800000u /* 2^-14, smallest normal fp16 */

uint16_t half_from_float(float value)
{
	uint32_t bits, sign, odd;

	memcpy(&bits, &value, sizeof(bits));
	sign = bits >> 16 & 0x8000;
	bits &= 0x7fffffff;
	if (bits >= FLOAT_FIRST_OVERFLOW)
		return (uint16_t)(sign | (bits > FLOAT_INFINITY ? 0x7e00 : 0x7c00));
	if (bits < FLOAT_FIRST_NORMAL) {
		/* At 0.5 the last place of a float is 2^-24, that of a subnormal fp16. */
		memcpy(&value, &bits, sizeof(value));
		value += 0.5f;
		memcpy(&bits, &value, sizeof(bits));
		return (uint16_t)(sign | (bits - 0x3f000000u));
	}
	odd = bits >> 13 & 1;
	bits += 0xfff + odd - (112u << 23);
	return (uint16_t)(sign | bits >> 13);
}

uint16_t bfloat_from_float(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	if ((bits & 0x7fffffff) > FLOAT_INFINITY)
		return (uint16_t)(bits >> 16 | 0x40);
	return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
