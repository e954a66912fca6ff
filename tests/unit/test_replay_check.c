/* SPDX-License-Identifier: MIT */
/*
 * Elements are decoded exactly, tolerances are kept to, and nothing outside a buffer is read.
 */
#include "tools/replay_check.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	enum replay_type type;
	unsigned char bytes[4];
	double value;
} elements[] = {
	{REPLAY_INT8, {0x80}, -128},
	{REPLAY_INT8, {0x7f}, 127},
	{REPLAY_INT16, {0x00, 0x80}, -32768},
	{REPLAY_INT16, {0x34, 0x12}, 0x1234},
	{REPLAY_INT32, {0xff, 0xff, 0xff, 0xff}, -1},
	{REPLAY_INT32, {0x78, 0x56, 0x34, 0x12}, 0x12345678},
	{REPLAY_FP16, {0x00, 0x3c}, 1},
	{REPLAY_FP16, {0x00, 0xc0}, -2},
	{REPLAY_FP16, {0xff, 0x7b}, 65504},
	{REPLAY_FP16, {0x01, 0x00}, 0x1p-24},
	{REPLAY_FP16, {0xff, 0x03}, 0x1.ff8p-15},
	{REPLAY_FP16, {0x00, 0x04}, 0x1p-14},
	{REPLAY_FP16, {0x00, 0xfc}, -(double)INFINITY},
	{REPLAY_BF16, {0x80, 0x3f}, 1},
	{REPLAY_BF16, {0xc0, 0xc0}, -6},
	{REPLAY_FP32, {0x00, 0x00, 0x20, 0x40}, 2.5},
	{REPLAY_FP32, {0x00, 0x00, 0x80, 0x7f}, (double)INFINITY},
};

START_TEST(test_element)
{
	ck_assert_double_eq(replay_element(elements[_i].type, elements[_i].bytes),
			    elements[_i].value);
}
END_TEST

START_TEST(test_element_nan)
{
	ck_assert(isnan(replay_element(REPLAY_FP16, (const unsigned char[]){0x01, 0x7c})));
	ck_assert(isnan(replay_element(REPLAY_BF16, (const unsigned char[]){0xc0, 0x7f})));
}
END_TEST

/* One fp32 element against one expected value. */
static struct replay_comparison compare_one(float value, double expected, double atol, double rtol)
{
	const int64_t offset = 0;
	const struct replay_check check = {
		.type = REPLAY_FP32, .count = 1, .scale = 1, .atol = atol, .rtol = rtol};
	const struct replay_evidence evidence = {&value, sizeof(value), &offset, &expected};
	struct replay_comparison comparison;
	ck_assert_int_eq(replay_compare(&check, &evidence, &comparison), 0);
	return comparison;
}

static const struct {
	const char *description;
	float value;
	double expected, atol, rtol;
	bool is_equal;
} tolerances[] = {
	{"equal", 1.5f, 1.5, 0, 0, true},
	{"off without tolerance", 1.5f, 1.25, 0, 0, false},
	{"just within atol", 1.5f, 1.25, 0.25, 0, true},
	{"just beyond atol", 1.5f, 1.25, 0.2499, 0, false},
	{"within rtol of a negative", -9.f, -8, 0, 0.125, true},
	{"beyond rtol of a negative", -9.5f, -8, 0, 0.125, false},
	{"both tolerances add up", 10.f, 8, 1, 0.125, true},
	{"zeros of either sign", -0.f, 0, 0, 0, true},
	{"NaN is nothing", NAN, 0, 1e30, 0, false},
	{"NaN is nothing, with any rtol", NAN, 1, 0, 1e30, false},
	{"NaN as expected", NAN, (double)NAN, 0, 0, true},
	{"a number where NaN is expected", 1.f, (double)NAN, 1, 1, false},
	{"infinity as expected", INFINITY, (double)INFINITY, 0, 0, true},
	{"a number where infinity is expected", 1.f, (double)INFINITY, 1, 1, false},
	{"infinity of the wrong sign", -INFINITY, (double)INFINITY, 1, 1, false},
	{"infinity where a number is expected", INFINITY, 1, 1, 1, false},
};

START_TEST(test_tolerance)
{
	struct replay_comparison comparison =
		compare_one(tolerances[_i].value, tolerances[_i].expected, tolerances[_i].atol,
			    tolerances[_i].rtol);
	ck_assert_msg((comparison.n_wrong == 0) == tolerances[_i].is_equal, "%s",
		      tolerances[_i].description);
}
END_TEST

START_TEST(test_worst)
{
	const int8_t buffer[] = {1, 2, 3, 4};
	const int64_t offsets[] = {3, 2, 1, 0, 3};
	const double expected[] = {9, 10, 5, 3, 9};
	const struct replay_check check = {
		.type = REPLAY_INT8, .count = 5, .scale = 2, .add = 1, .atol = 0.5};
	const struct replay_evidence evidence = {buffer, sizeof(buffer), offsets, expected};
	struct replay_comparison comparison;
	/* 2x + 1: 9 7 5 3 9 */
	ck_assert_int_eq(replay_compare(&check, &evidence, &comparison), 0);
	ck_assert_uint_eq(comparison.n_wrong, 1);
	ck_assert_uint_eq(comparison.worst_index, 1);
	ck_assert_double_eq(comparison.worst, 3);
}
END_TEST

static const struct {
	uint64_t buffer_bytes;
	int64_t offset;
	int result;
} offsets[] = {
	{8, 4, 0},
	{8, 5, -EINVAL},
	{8, 8, -EINVAL},
	{8, -1, -EINVAL},
	{8, INT64_MAX, -EINVAL},
	{8, INT64_MIN, -EINVAL},
	{3, 0, -EINVAL},
	{4, 0, 0},
};

START_TEST(test_offset)
{
	/* As large as it says, so that a sanitizer sees every byte too many. */
	void *buffer = calloc(1, offsets[_i].buffer_bytes);
	const double expected = 0;
	const struct replay_check check = {.type = REPLAY_INT32, .count = 1, .scale = 1};
	const struct replay_evidence evidence = {buffer, offsets[_i].buffer_bytes,
						 &offsets[_i].offset, &expected};
	struct replay_comparison comparison;
	ck_assert_int_eq(replay_compare(&check, &evidence, &comparison), offsets[_i].result);
	free(buffer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("replay_check");
	TCase *tcase = tcase_create("compare");
	tcase_add_loop_test(tcase, test_element, 0, sizeof(elements) / sizeof(elements[0]));
	tcase_add_test(tcase, test_element_nan);
	tcase_add_loop_test(tcase, test_tolerance, 0, sizeof(tolerances) / sizeof(tolerances[0]));
	tcase_add_test(tcase, test_worst);
	tcase_add_loop_test(tcase, test_offset, 0, sizeof(offsets) / sizeof(offsets[0]));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
