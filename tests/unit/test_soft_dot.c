/* SPDX-License-Identifier: MIT */
/*
 * The inner loops of convolutions: whatever the CPU offers gives the bits of the plain loops, and
 * those are the sums by definition. Floats are checked with values that round.
 */
#include "device/soft/dot.h"

#include "device/soft/half.h"
#include "device/soft/weights.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define N_PIXELS 29u /* so that every width of the loops and its remainder are used */
#define PITCH	 40u

static const struct soft_span spans[] = {{0, 12}, {64, 4}, {100, 96}};

#define N_SPANS	   (sizeof(spans) / sizeof(*spans))
#define N_ELEMENTS 112u
#define N_FEATURES (N_PIXELS * 7 + 200)

struct operands {
	uint8_t bytes[N_FEATURES];
	float floats[N_FEATURES];
	int8_t byte_weights[N_ELEMENTS * SOFT_WEIGHT_BLOCK] __attribute__((aligned(64)));
	float float_weights[N_ELEMENTS * SOFT_WEIGHT_ROW] __attribute__((aligned(64)));
	uint32_t bases[N_PIXELS];
	int32_t initial[SOFT_WEIGHT_BLOCK];
};

/* Any fp16 number of moderate size, so that sums have to be rounded. */
static float some_float(void)
{
	return half_to_float((uint16_t)(0x3000 + rand() % 0x1800 + (rand() % 2 ? 0x8000 : 0)));
}

static struct operands *operands_new(void)
{
	struct operands *operands = calloc(1, sizeof(*operands));

	ck_assert_ptr_nonnull(operands);
	srand(1);
	for (size_t i = 0; i < N_FEATURES; i++) {
		operands->bytes[i] = (uint8_t)rand();
		operands->floats[i] = some_float();
	}
	for (size_t i = 0; i < sizeof(operands->byte_weights); i++)
		operands->byte_weights[i] = (int8_t)rand();
	for (size_t i = 0; i < N_ELEMENTS * SOFT_WEIGHT_ROW; i++)
		operands->float_weights[i] = some_float();
	for (uint32_t i = 0; i < SOFT_WEIGHT_BLOCK; i++)
		operands->initial[i] = rand() - RAND_MAX / 2;
	for (uint32_t i = 0; i < N_PIXELS; i++)
		operands->bases[i] = 7 * i;
	return operands;
}

static struct soft_dot dot_of(const struct operands *operands, void *results)
{
	return (struct soft_dot){
		.bases = operands->bases,
		.n_pixels = N_PIXELS,
		.spans = spans,
		.n_spans = N_SPANS,
		.results = results,
		.pitch = PITCH,
		.initial = operands->initial,
	};
}

static int32_t by_definition(const struct operands *operands, uint32_t pixel, uint32_t kernel)
{
	int32_t sum = operands->initial[kernel];
	uint32_t element = 0;

	for (size_t i = 0; i < N_SPANS; i++) {
		for (uint32_t e = 0; e < spans[i].n; e++, element++) {
			uint32_t quad = element / 4 * SOFT_WEIGHT_BLOCK + kernel;

			sum += operands->bytes[operands->bases[pixel] + spans[i].offset + e] *
			       operands->byte_weights[quad * 4 + element % 4];
		}
	}
	return sum;
}

START_TEST(test_bytes)
{
	const struct soft_dot_variant *variants;
	struct operands *operands = operands_new();
	size_t n = soft_dot_variants(&variants);

	for (size_t i = 0; i < n; i++) {
		int32_t results[N_PIXELS * PITCH];
		struct soft_dot dot = dot_of(operands, results);

		memset(results, 0x55, sizeof(results));
		dot.features = operands->bytes;
		dot.weights = operands->byte_weights;
		variants[i].bytes(&dot);
		for (uint32_t at = 0; at < N_PIXELS * PITCH; at++) {
			uint32_t pixel = at / PITCH, kernel = at % PITCH;
			int32_t want = kernel < SOFT_WEIGHT_BLOCK
					       ? by_definition(operands, pixel, kernel)
					       : 0x55555555;

			ck_assert_msg(results[at] == want, "%s, pixel %u, kernel %u",
				      variants[i].name, pixel, kernel);
		}
	}
	free(operands);
}
END_TEST

START_TEST(test_floats)
{
	const struct soft_dot_variant *variants;
	struct operands *operands = operands_new();
	size_t n = soft_dot_variants(&variants);
	float plain[N_PIXELS * PITCH];

	for (size_t i = 0; i < n; i++) {
		float results[N_PIXELS * PITCH];
		struct soft_dot dot = dot_of(operands, results);

		memset(results, 0, sizeof(results));
		dot.features = operands->floats;
		dot.weights = operands->float_weights;
		variants[i].floats(&dot);
		if (i == 0)
			memcpy(plain, results, sizeof(plain));
		ck_assert_msg(memcmp(plain, results, sizeof(plain)) == 0, "%s", variants[i].name);
	}
	ck_assert(plain[0] != plain[1]);
	free(operands);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_dot");
	TCase *tcase = tcase_create("soft_dot");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_bytes);
	tcase_add_test(tcase, test_floats);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
