/* SPDX-License-Identifier: MIT */
/* Half precision: the corners by table, and every bit pattern there and back. */
#include "npu_ops.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static const struct {
	const char *what;
	float value;
	uint16_t bits;
} from_float[] = {
	{"zero", 0.0f, 0x0000},
	{"negative zero", -0.0f, 0x8000},
	{"one", 1.0f, 0x3c00},
	{"minus two", -2.0f, 0xc000},
	{"largest", 65504.0f, 0x7bff},
	{"rounds down to the largest", 65519.0f, 0x7bff},
	{"rounds up to infinity", 65520.0f, 0x7c00},
	{"far too large", 1e30f, 0x7c00},
	{"minus infinity", -INFINITY, 0xfc00},
	{"smallest normal", 0x1p-14f, 0x0400},
	{"largest subnormal", 0x1.ff8p-15f, 0x03ff},
	{"subnormal that rounds to normal", 0x1.fffp-15f, 0x0400},
	{"smallest subnormal", 0x1p-24f, 0x0001},
	{"half of it, tie to even", 0x1p-25f, 0x0000},
	{"a little more than half", 0x1.01p-25f, 0x0001},
	{"one and a half of it, tie to even", 0x1.8p-24f, 0x0002},
	{"far too small", 1e-30f, 0x0000},
	{"tie to even, down", 1.0f + 0x1p-11f, 0x3c00},
	{"tie to even, up", 1.0f + 0x3p-11f, 0x3c02},
	{"mantissa carries into the exponent", 2.0f - 0x1p-12f, 0x4000},
};

START_TEST(rounds)
{
	ck_assert_msg(npu_fp16_from_float(from_float[_i].value) == from_float[_i].bits,
		      "%s: 0x%04x instead of 0x%04x", from_float[_i].what,
		      npu_fp16_from_float(from_float[_i].value), from_float[_i].bits);
}
END_TEST

START_TEST(every_pattern_survives)
{
	for (uint32_t bits = 0; bits <= UINT16_MAX; bits++) {
		float value = npu_fp16_to_float((uint16_t)bits);

		if (isnan(value))
			ck_assert_uint_gt(bits & 0x7fff, 0x7c00);
		else
			ck_assert_uint_eq(npu_fp16_from_float(value), bits);
	}
}
END_TEST

START_TEST(nan_stays_nan)
{
	ck_assert(isnan(npu_fp16_to_float(npu_fp16_from_float(NAN))));
	ck_assert(isinf(npu_fp16_to_float(0xfc00)));
	ck_assert_float_eq(npu_fp16_to_float(0x0001), 0x1p-24f);
	ck_assert_float_eq(npu_fp16_to_float(0xc500), -5.0f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ops_fp16");
	TCase *tcase = tcase_create("fp16");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, rounds, 0, sizeof(from_float) / sizeof(*from_float));
	tcase_add_test(tcase, every_pattern_survives);
	tcase_add_test(tcase, nan_stays_nan);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
