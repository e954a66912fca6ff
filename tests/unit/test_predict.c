/* SPDX-License-Identifier: MIT */
#include "scheduler/predict.h"

#include <check.h>
#include <stddef.h>

static const struct predict_config config = {
	.window = 10, .known_after = 3, .default_ns = 20000000, .n_kinds = 4};

static struct predict *predict;
static struct prediction prediction;

static void set_up(void)
{
	ck_assert_int_eq(predict_new(&config, &predict), 0);
}

static void tear_down(void)
{
	predict = predict_free(predict);
}

START_TEST(test_cold_start)
{
	predict_get(predict, 7, 1, 4, &prediction);
	ck_assert(!prediction.is_known && prediction.n_samples == 0);
	ck_assert_uint_eq(prediction.p90_ns, 5000000);
	/* Another width is a better guess than none, and no knowledge. */
	for (unsigned i = 0; i < 5; i++)
		predict_observe(predict, 7, 3, 4, 4000);
	predict_get(predict, 7, 1, 4, &prediction);
	ck_assert_uint_eq(prediction.p90_ns, 1000);
	ck_assert(!prediction.is_known && prediction.n_samples == 0);
	/* Signature 0 is nobody's. */
	predict_observe(predict, 0, 1, 1, 1);
	predict_get(predict, 0, 1, 1, &prediction);
	ck_assert_uint_eq(prediction.mean_ns, config.default_ns);
}
END_TEST

START_TEST(test_clocks)
{
	predict_set_clock(predict, 1000);
	for (unsigned i = 0; i < 3; i++)
		predict_observe(predict, 7, 1, 1, 6000);
	/* Throttled: as much longer as the clock is slower, until it is known better. */
	predict_set_clock(predict, 300);
	predict_get(predict, 7, 1, 1, &prediction);
	ck_assert(prediction.is_known);
	ck_assert_uint_eq(prediction.mean_ns, 20000);
	ck_assert_uint_eq(prediction.p90_ns, 20000);
	predict_get(predict, 7, 2, 1, &prediction);
	ck_assert(!prediction.is_known);
	ck_assert_uint_eq(prediction.mean_ns, 20000);
	predict_observe(predict, 7, 1, 1, 9000);
	predict_get(predict, 7, 1, 1, &prediction);
	ck_assert_uint_eq(prediction.mean_ns, 9000);
	/* And back: nothing was unlearnt. What is faster is not taken for shorter. */
	predict_set_clock(predict, 1000);
	predict_get(predict, 7, 1, 1, &prediction);
	ck_assert_uint_eq(prediction.mean_ns, 6000);
	predict_set_clock(predict, 2000);
	predict_get(predict, 7, 1, 1, &prediction);
	ck_assert_uint_eq(prediction.mean_ns, 9000);
	ck_assert_uint_eq(predict_stretch(UINT64_MAX, 1000, 1), UINT64_MAX);
	ck_assert_uint_eq(predict_stretch(5, 0, 1), 5);
	ck_assert_uint_eq(predict_stretch(5, 1, 0), 5);
}
END_TEST

START_TEST(test_window)
{
	for (unsigned i = 1; i <= 3; i++) {
		predict_get(predict, 1, 1, 1, &prediction);
		ck_assert(!prediction.is_known);
		predict_observe(predict, 1, 1, 2, 2000 * i);
	}
	predict_get(predict, 1, 1, 2, &prediction);
	ck_assert(prediction.is_known && prediction.n_samples == 3);
	ck_assert_uint_eq(prediction.mean_ns, 2000);
	ck_assert_uint_eq(prediction.p10_ns, 1000);
	ck_assert_uint_eq(prediction.p90_ns, 3000);
	/* 101 … 110 are the last ten. */
	for (unsigned i = 1; i <= 110; i++)
		predict_observe(predict, 1, 1, 1, i);
	predict_get(predict, 1, 1, 1, &prediction);
	ck_assert_uint_eq(prediction.n_samples, 10);
	ck_assert_uint_eq(prediction.p10_ns, 102);
	ck_assert_uint_eq(prediction.p90_ns, 110);
	ck_assert_uint_eq(prediction.mean_ns, 105);
}
END_TEST

START_TEST(test_least_recently_used_is_forgotten)
{
	for (uint64_t signature = 1; signature <= 4; signature++)
		predict_observe(predict, signature, 1, 1, 100 * signature);
	predict_observe(predict, 1, 1, 1, 100);
	predict_observe(predict, 5, 1, 1, 500);
	ck_assert_uint_eq(predict_get_stats(predict)->n_kinds, 4);
	ck_assert_uint_eq(predict_get_stats(predict)->n_forgotten, 1);
	predict_get(predict, 1, 1, 1, &prediction);
	ck_assert_uint_eq(prediction.n_samples, 2);
	predict_get(predict, 2, 1, 1, &prediction);
	ck_assert_uint_eq(prediction.n_samples, 0);
}
END_TEST

START_TEST(test_error_is_counted)
{
	for (unsigned i = 0; i < 3; i++)
		predict_observe(predict, 1, 1, 1, 1000);
	ck_assert_uint_eq(predict_get_stats(predict)->error.count, 0);
	predict_observe(predict, 1, 1, 1, 1500);
	ck_assert_uint_eq(predict_get_stats(predict)->error.count, 1);
	ck_assert_uint_eq(predict_get_stats(predict)->error.max, 500000);
}
END_TEST

/* Another window, while nothing is forgotten that it has room for. */
START_TEST(test_configure)
{
	struct predict_config changed = config;

	for (uint64_t signature = 1; signature <= 3; signature++) {
		for (unsigned i = 1; i <= 14; i++)
			predict_observe(predict, signature, 1, 1, 100 * signature + i);
	}
	changed.known_after = 6;
	ck_assert_int_eq(predict_configure(&predict, &changed), 0);
	predict_get(predict, 1, 1, 1, &prediction);
	ck_assert_uint_eq(prediction.n_samples, 10);
	/* Larger: all ten are there, and ten more will be. */
	changed.window = 20;
	ck_assert_int_eq(predict_configure(&predict, &changed), 0);
	for (unsigned i = 15; i <= 20; i++)
		predict_observe(predict, 1, 1, 1, 100 + i);
	predict_get(predict, 1, 1, 1, &prediction);
	ck_assert_uint_eq(prediction.n_samples, 16);
	ck_assert_uint_eq(prediction.p10_ns, 106);
	ck_assert_uint_eq(prediction.p90_ns, 119);
	/* Smaller: the latest of those used last. */
	changed.window = 4;
	changed.n_kinds = 2;
	ck_assert_int_eq(predict_configure(&predict, &changed), 0);
	ck_assert_uint_eq(predict_get_stats(predict)->n_kinds, 2);
	ck_assert_uint_eq(predict_get_stats(predict)->n_forgotten, 1);
	predict_get(predict, 1, 1, 1, &prediction);
	ck_assert_uint_eq(prediction.n_samples, 4);
	ck_assert_uint_eq(prediction.p10_ns, 117);
	predict_get(predict, 3, 1, 1, &prediction);
	ck_assert_uint_eq(prediction.p90_ns, 314);
	predict_get(predict, 2, 1, 1, &prediction);
	ck_assert_uint_eq(prediction.n_samples, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("predict");
	TCase *cases = tcase_create("predict");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, test_cold_start);
	tcase_add_test(cases, test_clocks);
	tcase_add_test(cases, test_window);
	tcase_add_test(cases, test_configure);
	tcase_add_test(cases, test_least_recently_used_is_forgotten);
	tcase_add_test(cases, test_error_is_counted);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
