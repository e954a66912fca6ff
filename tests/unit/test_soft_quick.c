/* SPDX-License-Identifier: MIT */
/*
 * The DPU in one pass: whatever the CPU offers gives the bits of the plain loops, and those are the
 * stages one after the other, here once more in integers. NPUD_SEED chooses the settings.
 */
#include "device/soft/dpu_quick.h"

#include "device/soft/dpu_arithmetic.h"
#include "device/soft/half.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define N_CASES	 1000u
#define N_PIXELS 37u
#define N_LANES	 48u
#define PITCH	 64u
#define N_ATOMS	 (N_PIXELS * N_LANES)

struct setting {
	struct soft_stage bs, bn;
	struct soft_channel_operands channels;
	struct soft_output output;
	uint32_t scale, shift;
	int32_t ints[N_PIXELS * PITCH], sums[N_PIXELS];
};

static uint32_t state;

static uint32_t some(void)
{
	state = state * 1664525u + 1013904223u;
	return state >> 8 ^ state << 24;
}

/* Of any size. */
static int32_t some_int(void)
{
	return (int32_t)some() >> (some() >> 3) % 32;
}

static struct soft_stage some_limits(void)
{
	return (struct soft_stage){
		.is_on = some() % 4 != 0,
		.low = some() % 2 ? 0 : INT32_MIN,
		.high = some() % 4 ? INT32_MAX : abs(some_int() / 2),
	};
}

static void make_setting(struct setting *setting)
{
	*setting = (struct setting){.bs = some_limits(), .bn = some_limits()};
	setting->bs.has_alu = some() % 4 != 0;
	setting->bs.alu_per_channel = true;
	setting->bs.has_ow = some() % 3 == 0;
	setting->bs.ow_per_channel = true;
	setting->bs.has_mul = some() % 3 == 0;
	setting->bs.mul_per_channel = true;
	setting->bs.shift = (some() >> 4) % 32;
	for (uint32_t i = 0; i < SOFT_MAX_LANES; i++) {
		setting->channels.alu[i] = (uint32_t)some_int();
		setting->channels.ow[i] = (int16_t)some_int();
		setting->channels.mul[i] = (uint16_t)some_int();
	}
	for (uint32_t i = 0; i < N_PIXELS * PITCH; i++)
		setting->ints[i] = some_int();
	for (uint32_t i = 0; i < N_PIXELS; i++)
		setting->sums[i] = some_int();
	setting->scale = 1 + some() % 0x8000;
	setting->shift = (some() >> 4) % 48;
	setting->output = (struct soft_output){
		.precision = RK3588_INT8,
		.out_bits = 8,
		.low = INT8_MIN,
		.high = INT8_MAX,
		.converter.offset = some() % 2 ? 0 : some_int() % 200,
		.converter.factor = ldexp(setting->scale, -(int)setting->shift),
	};
}

static int64_t limit(int64_t x, double low, double high)
{
	return x < (int64_t)low ? (int64_t)low : x > (int64_t)high ? (int64_t)high : x;
}

static int8_t by_stages(const struct setting *setting, uint32_t pixel, uint32_t lane)
{
	const struct soft_stage *bs = &setting->bs, *bn = &setting->bn;
	int64_t x = setting->ints[pixel * PITCH + lane];

	if (bs->is_on) {
		x += bs->has_alu ? (int32_t)setting->channels.alu[lane] : 0;
		x += bs->has_ow ? (int64_t)setting->channels.ow[lane] * setting->sums[pixel] : 0;
		x = soft_saturate_int32(x);
		if (bs->has_mul)
			x = soft_shift_round(x * (int16_t)setting->channels.mul[lane], bs->shift,
					     false);
		x = limit(x, bs->low, bs->high);
	}
	if (bn->is_on)
		x = limit(x, bn->low, bn->high);
	x = soft_shift_round(x * setting->scale, setting->shift, false);
	return (int8_t)limit(x + (int64_t)setting->output.converter.offset, INT8_MIN, INT8_MAX);
}

/* N_ATOMS: none. */
static uint32_t first_error(const struct setting *setting, const int8_t *atoms)
{
	uint32_t at = 0;

	while (at < N_ATOMS && atoms[at] == by_stages(setting, at / 16 % N_PIXELS,
						      at / 16 / N_PIXELS * 16 + at % 16))
		at++;
	return at;
}

static void prepare(const struct setting *setting, bool is_float, struct soft_quick *ret_quick)
{
	struct soft_lane_operands lanes;
	const struct soft_quick_stages stages = {
		.bs = &setting->bs, .bn = &setting->bn, .bs_lanes = &lanes, .n_lanes = PITCH};

	soft_stage_fill_lanes(&setting->bs, is_float, &setting->channels, &lanes);
	soft_quick_prepare(&stages, &setting->output, is_float, ret_quick);
}

START_TEST(test_ints)
{
	const char *seed = getenv("NPUD_SEED");
	const struct soft_quick_variant *variants;
	size_t n = soft_quick_variants(&variants);
	unsigned n_possible = 0;
	struct setting setting;
	struct soft_quick quick;

	state = seed ? (uint32_t)strtoul(seed, NULL, 0) : 1;
	for (unsigned i = 0; i < N_CASES; i++) {
		uint32_t case_seed = state;

		make_setting(&setting);
		prepare(&setting, false, &quick);
		n_possible += quick.is_possible;
		for (size_t v = 0; v < n && quick.is_possible; v++) {
			int8_t atoms[N_ATOMS];
			struct soft_quick_run run = {
				.ints = setting.ints,
				.sums = setting.sums,
				.n_pixels = N_PIXELS,
				.n_lanes = N_LANES,
				.pitch = PITCH,
				.atoms = (uint8_t *)atoms,
			};

			variants[v].ints(&quick, &run);
			ck_assert_msg(first_error(&setting, atoms) == N_ATOMS,
				      "%s, NPUD_SEED=%u: atom byte %u", variants[v].name, case_seed,
				      first_error(&setting, atoms));
		}
	}
	ck_assert_uint_gt(n_possible, N_CASES / 2);
}
END_TEST

/* Numbers of all kinds, NaN and infinity among them. */
START_TEST(test_floats)
{
	const struct soft_quick_variant *variants;
	size_t n = soft_quick_variants(&variants);
	static float values[N_PIXELS * PITCH];
	struct setting setting = {
		.bs = {.is_on = true, .has_alu = true, .low = -(double)INFINITY, .high = 1000},
		.output = {.precision = RK3588_FP16, .out_bits = 16, .factor = 1},
	};
	struct soft_quick quick;

	for (uint32_t i = 0; i < N_PIXELS * PITCH; i++) {
		uint32_t bits = some();

		/* Half of them in the range of fp16. */
		if (i % 2)
			bits = (bits & 0x8fffffff) | 0x30000000;
		memcpy(&values[i], &bits, sizeof(bits));
	}
	prepare(&setting, true, &quick);
	ck_assert(quick.is_possible);
	for (size_t v = 0; v < n; v++) {
		uint16_t halves[N_ATOMS] = {0};
		struct soft_quick_run run = {.floats = values,
					     .n_pixels = N_PIXELS,
					     .n_lanes = N_LANES,
					     .pitch = PITCH,
					     .atoms = (uint8_t *)halves};

		variants[v].floats(&quick, &run);
		for (uint32_t at = 0; at < N_ATOMS; at++) {
			uint32_t pixel = at / 8 % N_PIXELS;
			uint32_t lane = at / 8 / N_PIXELS * 8 + at % 8;
			float value = values[pixel * PITCH + lane] + 0.0f;

			ck_assert_msg(halves[at] == half_from_float(value > 1000 ? 1000 : value),
				      "%s, %g: %04x", variants[v].name, (double)value, halves[at]);
		}
	}
}
END_TEST

/* Settings whose stages have to be gone through one by one. */
START_TEST(test_impossible)
{
	struct setting setting;
	struct soft_quick quick;

	make_setting(&setting);
	setting.bs = setting.bn = (struct soft_stage){.is_on = true, .high = 100};
	prepare(&setting, false, &quick);
	ck_assert(quick.is_possible);
	setting.bn.has_mul = true;
	prepare(&setting, false, &quick);
	ck_assert(!quick.is_possible);
	setting.bn.has_mul = false;
	setting.bn.low = 101;
	setting.bn.high = 200;
	prepare(&setting, false, &quick);
	ck_assert(!quick.is_possible);
	setting.bn.low = 0;
	setting.output.converter.rounds_away = true;
	prepare(&setting, false, &quick);
	ck_assert(!quick.is_possible);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_quick");
	TCase *tcase = tcase_create("soft_quick");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_ints);
	tcase_add_test(tcase, test_floats);
	tcase_add_test(tcase, test_impossible);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
