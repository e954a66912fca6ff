/* SPDX-License-Identifier: MIT */
/*
 * Percentiles are as exact as promised, whatever the samples.
 */
#include "base/histogram.h"

#include <check.h>
#include <stdlib.h>

#define LONGEST ((1ull << 40) - 1)

static struct histogram histogram;

static void setup(void)
{
	histogram = (struct histogram){0};
}

static void assert_within_error(uint64_t got, uint64_t wanted)
{
	uint64_t difference = got > wanted ? got - wanted : wanted - got;

	ck_assert_msg(difference * 10000 <= wanted * 625, "%llu instead of %llu",
		      (unsigned long long)got, (unsigned long long)wanted);
}

START_TEST(test_empty)
{
	ck_assert_uint_eq(histogram_percentile(&histogram, 500), 0);
	ck_assert_uint_eq(histogram_percentile(&histogram, 1000), 0);
}
END_TEST

/* The larger second sample keeps the maximum from helping. */
START_TEST(test_error_of_one_value)
{
	for (uint64_t value = 0; value < LONGEST / 2; value += value / 37 + 1) {
		setup();
		histogram_add(&histogram, value);
		histogram_add(&histogram, LONGEST);
		assert_within_error(histogram_percentile(&histogram, 500), value);
	}
}
END_TEST

/* Every power of two, its neighbours, and the ends of the range fall into some bucket. */
START_TEST(test_edges)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		for (uint64_t value = (1ull << bit) - 1; value <= (1ull << bit) + 1; value++) {
			uint64_t kept = value < LONGEST ? value : LONGEST;

			setup();
			histogram_add(&histogram, value);
			assert_within_error(histogram_percentile(&histogram, 500), kept);
			ck_assert_uint_eq(histogram.max, kept);
			ck_assert_uint_eq(histogram.count, 1);
		}
	}
	histogram_add(&histogram, LONGEST);
	ck_assert_uint_ge(histogram.buckets[HISTOGRAM_BUCKETS - 1], 1);
}
END_TEST

static const struct {
	unsigned permille;
	uint64_t value;
} percentiles[] = {{0, 1},     {1, 1},	   {500, 500},	 {501, 501},  {900, 900},
		   {990, 990}, {999, 999}, {1000, 1000}, {2000, 1000}};

START_TEST(test_percentiles)
{
	/* 1 to 1000 in an order that is not sorted: 7 has no factor in common with 1000. */
	for (unsigned i = 0; i < 1000; i++)
		histogram_add(&histogram, i * 7 % 1000 + 1);
	assert_within_error(histogram_percentile(&histogram, percentiles[_i].permille),
			    percentiles[_i].value);
	ck_assert_uint_eq(histogram_percentile(&histogram, 1000), 1000);
}
END_TEST

START_TEST(test_small_values_are_exact)
{
	for (unsigned i = 0; i < 8; i++)
		histogram_add(&histogram, i);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(histogram_percentile(&histogram, (i + 1) * 125), i);
}
END_TEST

/* A full counter does not wrap: three quarters of the samples stay three quarters. */
START_TEST(test_full_counter)
{
	histogram.buckets[3] = UINT32_MAX;
	histogram.buckets[5] = UINT32_MAX / 3;
	histogram.count = (uint64_t)UINT32_MAX + UINT32_MAX / 3;
	histogram.max = 5;
	histogram_add(&histogram, 3);

	ck_assert_uint_eq(histogram.count, (uint64_t)UINT32_MAX + UINT32_MAX / 3 + 1);
	ck_assert_uint_eq(histogram_percentile(&histogram, 740), 3);
	ck_assert_uint_eq(histogram_percentile(&histogram, 760), 5);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("histogram");
	TCase *tcase = tcase_create("histogram");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, test_empty);
	tcase_add_test(tcase, test_error_of_one_value);
	tcase_add_test(tcase, test_edges);
	tcase_add_loop_test(tcase, test_percentiles, 0,
			    sizeof(percentiles) / sizeof(percentiles[0]));
	tcase_add_test(tcase, test_small_values_are_exact);
	tcase_add_test(tcase, test_full_counter);
	suite_add_tcase(suite, tcase);

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
