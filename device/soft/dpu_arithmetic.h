/* SPDX-License-Identifier: MIT */
/*
 * Fixed-point arithmetic of the DPU: exact products, one rounding per shift, saturation at the end
 * of a unit (hardware reference 6.6, 10).
 *
 * Between stages integers are int32, here held in doubles: a product of such a value and a 16-bit
 * operand has at most 48 bits, so everything but the rounding is exact in a double, and loops over
 * them vectorise on any machine. The same bits come out everywhere as long as nobody compiles this
 * with -ffast-math.
 */
#ifndef NPUD_DEVICE_SOFT_DPU_ARITHMETIC_H
#define NPUD_DEVICE_SOFT_DPU_ARITHMETIC_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* x / 2^shift to nearest, ties to even or away from zero. `shift` at most 62. */
static inline int64_t soft_shift_round(int64_t x, uint32_t shift, bool rounds_away)
{
	uint64_t magnitude = x < 0 ? -(uint64_t)x : (uint64_t)x;
	uint64_t half, rest, quotient;

	if (shift == 0)
		return x;
	half = 1ull << (shift - 1);
	rest = magnitude & (2 * half - 1);
	quotient = magnitude >> shift;
	if (rest > half || (rest == half && (rounds_away || (quotient & 1))))
		quotient++;
	return x < 0 ? -(int64_t)quotient : (int64_t)quotient;
}

static inline int32_t soft_saturate_int32(int64_t x)
{
	return x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : (int32_t)x;
}

/*
 * To the nearest integer, ties to even: where 1.5 * 2^52 is added, the last place of a double is 1.
 * For magnitudes up to 2^51.
 */
static inline double soft_round_even(double x)
{
	const double magic = 0x1.8p52;

	return (x + magic) - magic;
}

static inline double soft_round(double x, bool rounds_away)
{
	double rounded = soft_round_even(x);

	if (rounds_away && x - rounded == copysign(0.5, x))
		rounded += copysign(1, x);
	return rounded;
}

/* A NaN stays one. */
static inline double soft_clamp(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

static inline float soft_clamp_float(float x, float low, float high)
{
	return x < low ? low : x > high ? high : x;
}

#endif
