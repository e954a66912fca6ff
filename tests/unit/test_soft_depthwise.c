/* SPDX-License-Identifier: MIT */
/*
 * The inner loops of depthwise convolutions: sums by definition for integers, and the bits of the
 * plain loops whatever the CPU offers; for every number of taps up to a few windows.
 */
#include "device/soft/depthwise.h"

#include "device/soft/feature.h"
#include "device/soft/half.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define N_PIXELS 13u
#define MAX_TAPS 600u /* beyond a run of floats */
#define PITCH	 80u
#define GROUP	 64u
#define N_ROOM	 ((N_PIXELS + MAX_TAPS) * PITCH)

static const uint32_t tap_counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 25, 49, 600};

struct lab {
	uint8_t bytes[N_ROOM];
	int16_t words[N_ROOM];
	uint16_t halves[N_ROOM];
	uint32_t windows[N_PIXELS], taps[MAX_TAPS];
	int16_t weights[MAX_TAPS * GROUP];
	float float_weights[MAX_TAPS * GROUP];
	int32_t sums[N_PIXELS * GROUP];
	struct soft_depthwise depthwise;
};

static uint16_t some_half(void)
{
	return (uint16_t)(0x3000 + rand() % 0x1800 + (rand() % 2 ? 0x8000 : 0));
}

static struct lab *lab_new(uint32_t n_taps, uint32_t n_channels)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	ck_assert_ptr_nonnull(lab);
	srand(n_taps);
	for (uint32_t i = 0; i < N_ROOM; i++) {
		lab->bytes[i] = (uint8_t)rand();
		lab->words[i] = (int16_t)rand();
		lab->halves[i] = some_half();
	}
	for (uint32_t i = 0; i < N_PIXELS; i++)
		lab->windows[i] = (uint32_t)rand() % N_PIXELS;
	for (uint32_t i = 0; i < n_taps; i++)
		lab->taps[i] = (uint32_t)rand() % MAX_TAPS * PITCH;
	for (uint32_t i = 0; i < n_taps * GROUP; i++) {
		lab->weights[i] = (int8_t)rand();
		lab->float_weights[i] = half_to_float(some_half());
	}
	lab->depthwise = (struct soft_depthwise){
		.windows = lab->windows,
		.n_pixels = N_PIXELS,
		.n_channels = n_channels,
		.pitch = PITCH,
		.taps = lab->taps,
		.n_taps = n_taps,
		.weights = lab->weights,
		.result_pitch = GROUP,
		.sums = lab->sums,
	};
	return lab;
}

static int64_t by_definition(const struct lab *lab, bool is_bytes, uint32_t pixel, uint32_t channel,
			     int64_t *ret_sum)
{
	int64_t sum = 0, products = 0;

	for (uint32_t tap = 0; tap < lab->depthwise.n_taps; tap++) {
		uint32_t at = lab->windows[pixel] * PITCH + lab->taps[tap] + channel;
		int64_t feature = is_bytes ? lab->bytes[at] - SOFT_FEATURE_BIAS : lab->words[at];

		sum += feature;
		products += feature * lab->weights[tap * GROUP + channel];
	}
	*ret_sum = sum;
	return products;
}

static void check_bytes(struct lab *lab)
{
	int32_t results[2][N_PIXELS * GROUP];

	lab->depthwise.features = lab->bytes;
	lab->depthwise.results = results[0];
	soft_depthwise_bytes(&lab->depthwise);
	lab->depthwise.results = results[1];
	soft_depthwise_bytes_plain(&lab->depthwise);
	for (uint32_t i = 0; i < N_PIXELS * GROUP; i++) {
		int64_t sum, product;

		if (i % GROUP >= lab->depthwise.n_channels)
			continue;
		product = by_definition(lab, true, i / GROUP, i % GROUP, &sum);
		ck_assert_int_eq(results[0][i], product);
		ck_assert_int_eq(results[1][i], product);
		ck_assert_int_eq(lab->sums[i], sum);
	}
}

static void check_words(struct lab *lab)
{
	int64_t results[N_PIXELS * GROUP];

	lab->depthwise.features = lab->words;
	lab->depthwise.results = results;
	soft_depthwise_words(&lab->depthwise);
	for (uint32_t i = 0; i < N_PIXELS * GROUP; i++) {
		int64_t sum;

		if (i % GROUP >= lab->depthwise.n_channels)
			continue;
		ck_assert_int_eq(results[i], by_definition(lab, false, i / GROUP, i % GROUP, &sum));
		ck_assert_int_eq(lab->sums[i], sum);
	}
}

static void check_halves(struct lab *lab)
{
	float results[2][N_PIXELS * GROUP] = {0};

	lab->depthwise.features = lab->halves;
	lab->depthwise.weights = lab->float_weights;
	lab->depthwise.results = results[0];
	soft_depthwise_halves(&lab->depthwise);
	lab->depthwise.results = results[1];
	soft_depthwise_halves_plain(&lab->depthwise);
	ck_assert_mem_eq(results[0], results[1], sizeof(results[0]));
	ck_assert(results[0][0] != results[0][1]);
}

START_TEST(test_taps)
{
	for (uint32_t n_channels = 16; n_channels <= GROUP; n_channels += 16) {
		struct lab *lab = lab_new(tap_counts[_i], n_channels);

		check_bytes(lab);
		check_words(lab);
		check_halves(lab);
		free(lab);
	}
}
END_TEST

/* Windows of 3x3 that overlap by two columns, by one or not at all, and rows that begin anew. */
START_TEST(test_neighbours)
{
	static const uint32_t windows[N_PIXELS] = {5, 6, 7, 9, 10, 12, 14, 16, 17, 0, 1, 3, 3};

	for (uint32_t n_channels = 16; n_channels <= GROUP; n_channels += 16) {
		struct lab *lab = lab_new(9, n_channels);

		memcpy(lab->windows, windows, sizeof(windows));
		for (uint32_t tap = 0; tap < 9; tap++)
			lab->taps[tap] = (tap / 3 * 20 + tap % 3) * PITCH;
		check_bytes(lab);
		check_words(lab);
		check_halves(lab);
		free(lab);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_depthwise");
	TCase *tcase = tcase_create("soft_depthwise");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_taps, 0, sizeof(tap_counts) / sizeof(*tap_counts));
	tcase_add_test(tcase, test_neighbours);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
