/* SPDX-License-Identifier: MIT */
/*
 * fp16 conversion: every one of the 65536 values there and back, and the ties of rounding.
 */
#include "device/soft/half.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

/* By definition, not by the trick under test. */
static double reference(uint16_t half)
{
	int exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
	double magnitude =
		exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);

	if (exponent == 31)
		magnitude = mantissa ? NAN : INFINITY;
	return half & 0x8000 ? -magnitude : magnitude;
}

START_TEST(test_all_values)
{
	for (uint32_t half = 0; half < 0x10000; half++) {
		double expected = reference((uint16_t)half);
		float value = half_to_float((uint16_t)half);

		if (isnan(expected)) {
			ck_assert(isnan(value));
			ck_assert_uint_eq(half_from_float(value) & 0x7e00, 0x7e00);
			continue;
		}
		ck_assert(value == expected && !!signbit(value) == (half >> 15));
		ck_assert_uint_eq(half_from_float(value), half);
	}
}
END_TEST

static const struct {
	const char *what;
	float value;
	uint16_t half;
} roundings[] = {
	{"tie to even, down", 0x1.002p0f, 0x3c00},
	{"tie to even, up", 0x1.006p0f, 0x3c02},
	{"just above a tie", 0x1.002002p0f, 0x3c01},
	{"just below a tie", 0x1.005ffep0f, 0x3c01},
	{"carry into the exponent", 0x1.fffp0f, 0x4000},
	{"largest", 65504.0f, 0x7bff},
	{"rounds to largest", 65519.99f, 0x7bff},
	{"tie to infinity", 65520.0f, 0x7c00},
	{"far too large", 1e30f, 0x7c00},
	{"negative overflow", -1e30f, 0xfc00},
	{"smallest normal", 0x1p-14f, 0x0400},
	{"rounds up to smallest normal", 0x1.ffep-15f, 0x0400},
	{"smallest subnormal", 0x1p-24f, 0x0001},
	{"tie to zero", 0x1p-25f, 0x0000},
	{"just above the tie to zero", 0x1.000002p-25f, 0x0001},
	{"subnormal tie to even", 0x1.8p-24f, 0x0002},
	{"underflow keeps the sign", -0x1p-40f, 0x8000},
	{"float subnormal", 0x1p-140f, 0x0000},
};

START_TEST(test_rounding)
{
	ck_assert_msg(half_from_float(roundings[_i].value) == roundings[_i].half, "%s: 0x%04x",
		      roundings[_i].what, half_from_float(roundings[_i].value));
}
END_TEST

/* Nearest: no neighbour is closer than the one chosen. */
START_TEST(test_nearest)
{
	uint32_t bits = 0x33000000; /* 2^-25 */

	for (; bits < 0x477fe000; bits += 9973) {
		float value, chosen, above, below;
		uint16_t half;

		memcpy(&value, &bits, sizeof(value));
		half = half_from_float(value);
		chosen = half_to_float(half);
		above = half_to_float(half + 1);
		below = half ? half_to_float(half - 1) : -above;
		ck_assert(fabs((double)value - chosen) <= fabs((double)value - above));
		ck_assert(fabs((double)value - chosen) <= fabs((double)value - below));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("half");
	TCase *tcase = tcase_create("half");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_all_values);
	tcase_add_loop_test(tcase, test_rounding, 0, sizeof(roundings) / sizeof(*roundings));
	tcase_add_test(tcase, test_nearest);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
