/* SPDX-License-Identifier: MIT */
/*
 * The DPU by itself, every stage of it with random settings, on random shapes and layouts, against
 * what hardware reference 6.3 to 6.8 and 7 say that each stage does: integers in 128 bits, floats
 * that are exact in a double. NPUD_SEED and NPUD_SHAPES choose which cases and how many.
 */
#include "tests/unit/npu_dpu.h"

#define FLY_OP_EN	 0x18u
#define DEFAULT_N_SHAPES 3000u

static uint32_t choose(uint32_t low, uint32_t high)
{
	return low + (uint32_t)rand() % (high - low + 1);
}

static bool toss(void)
{
	return choose(0, 1);
}

/* A whole number of at most so many bits, with the sign. */
static double pick_int(uint32_t n_bits)
{
	uint32_t bits = (uint32_t)rand() << 16 ^ (uint32_t)rand();

	return (int32_t)bits >> (32 - choose(1, n_bits));
}

/* One that is exact in fp16, and small enough for exact results. */
static double pick_value(const struct dpu *dpu, uint32_t n_bits)
{
	return dpu->is_float ? pick_int(n_bits < 8 ? n_bits : 8) / 4 : pick_int(n_bits);
}

static void pick_precisions(struct dpu *dpu)
{
	static const enum rk3588_precision ints[] = {RK3588_INT4, RK3588_INT8, RK3588_INT16,
						     RK3588_INT32};
	static const enum rk3588_precision floats[] = {RK3588_FP16, RK3588_BF16, RK3588_FP32};
	uint32_t in = choose(0, dpu->is_float ? 2 : 3);

	dpu->in = dpu->is_float ? floats[in] : ints[in];
	/* What goes out has no fewer bits, so that the channels of an atom fill one. */
	do {
		dpu->out = dpu->is_float ? floats[choose(0, 2)] : ints[choose(0, 3)];
	} while (dpu_bits(dpu->out) < dpu_bits(dpu->in));
	if (!dpu->is_float && choose(0, 3) == 0)
		dpu->out = dpu_bits(dpu->in) <= 16 && toss() ? RK3588_FP16 : RK3588_FP32;
	dpu->ew.precision = dpu->is_float ? dpu->in : ints[choose(0, 3)];
	if (dpu->is_float && toss())
		dpu->ew.precision = RK3588_FP32;
	else if (dpu->in == RK3588_FP32)
		dpu->ew.precision = RK3588_FP16;
}

static void pick_shape(struct dpu *dpu)
{
	dpu->width = choose(1, 80);
	dpu->height = choose(1, 4);
	dpu->channels = choose(1, DPU_CHANNELS);
	dpu->main_notch = choose(0, 3);
	dpu->main_surface_notch = choose(0, 5);
	dpu->operand_notch = choose(0, 3);
	dpu->operand_gap = choose(0, 3);
	dpu->notch = choose(0, 3);
	dpu->surface_gap = choose(0, 3);
	dpu->pad = choose(0, 0xffff);
}

static void pick_relu(const struct dpu *dpu, struct dpu_relu *relu)
{
	relu->is_on = choose(0, 2) == 0;
	relu->has_limit = relu->is_on && toss();
	relu->limit = fabs(pick_value(dpu, 31));
}

static void pick_stage(const struct dpu *dpu, struct dpu_stage *stage)
{
	stage->is_on = toss();
	if (!stage->is_on)
		return;
	stage->has_alu = toss();
	stage->alu_per_channel = stage->has_alu && toss();
	stage->is_subtraction = toss();
	stage->has_mul = toss();
	stage->mul_per_channel = stage->has_mul && toss();
	stage->is_prelu = choose(0, 2) == 0;
	stage->shift = choose(0, 30);
	stage->negative_shift = choose(0, 30);
	/* Bits of the table, of which the stage may leave some. */
	stage->table = (uint32_t)stage->alu_per_channel | (uint32_t)stage->mul_per_channel << 2 |
		       choose(0, 7);
	for (uint32_t c = 0; c < DPU_CHANNELS; c++) {
		bool is_new = c == 0;

		stage->add[c] =
			is_new || stage->alu_per_channel ? pick_value(dpu, 32) : stage->add[0];
		stage->by[c] = is_new || stage->mul_per_channel
				       ? (dpu->is_float ? pick_int(4) / 2 : pick_int(16))
				       : stage->by[0];
	}
	pick_relu(dpu, &stage->relu);
}

/* By 0 nothing is divided. */
static double pick_operand(const struct dpu *dpu, uint32_t n_bits)
{
	double value = pick_value(dpu, n_bits);

	return value == 0 && dpu->ew.operation == DPU_DIVIDE ? 1 : value;
}

static void pick_ew(struct dpu *dpu)
{
	static const enum dpu_operation operations[] = {DPU_MAX,      DPU_MIN,	DPU_ADD,
							DPU_SUBTRACT, DPU_ABS,	DPU_NEGATE,
							DPU_FLOOR,    DPU_CEIL, DPU_MULTIPLY};
	struct dpu_ew *ew = &dpu->ew;

	ew->is_on = choose(0, 3) > 0;
	ew->has_operation = choose(0, 3) > 0;
	ew->operation = operations[choose(0, 8)];
	if (dpu->is_float && choose(0, 9) == 0)
		ew->operation = DPU_DIVIDE;
	ew->source = (enum dpu_source)choose(0, 2);
	ew->is_prelu = choose(0, 2) == 0;
	ew->shift = choose(0, 62);
	ew->negative_shift = choose(0, 62);
	ew->has_converter = toss();
	ew->offset = pick_int(32);
	ew->scale = choose(0, 0x8000);
	ew->converter_shift = choose(0, 40);
	ew->is_add_first = toss();
	ew->rounds_away = toss();
	ew->has_lut = choose(0, 3) == 0;
	for (uint32_t i = 0; i < 8; i++)
		ew->registers[i] = pick_operand(dpu, 32);
	pick_relu(dpu, &ew->relu);
}

static void pick_lut(struct dpu_lut *lut)
{
	lut->cfg = 8 | choose(0, 7) << 4;
	lut->index_shift[0] = choose(0, 9);
	lut->index_shift[1] = choose(0, 9);
	for (uint32_t table = 0; table < 2; table++) {
		lut->start[table] = (int32_t)pick_int(18);
		lut->end[table] =
			lut->start[table] + (int32_t)(choose(1, 512) << lut->index_shift[table]);
		for (uint32_t end = 0; end < 2; end++) {
			lut->slope[table][end] = (int16_t)pick_int(16);
			lut->slope_shift[table][end] = choose(0, 31);
		}
		for (uint32_t i = 0; i < 513; i++)
			lut->entries[table][i] = (int16_t)pick_int(16);
	}
}

static void pick_output(struct dpu *dpu)
{
	struct dpu_converter *output = &dpu->output;

	output->offset = dpu->is_float && !(dpu->ew.is_on && dpu->ew.has_lut)
				 ? pick_int(8) / 4
				 : pick_int(dpu->is_float ? 16 : 32);
	output->scale = choose(1, 0x8000);
	output->shift = dpu->is_float ? 0 : choose(0, 40);
	output->minus_exponent = dpu->is_float ? choose(0, 4) : 0;
	output->is_add_first = toss();
	output->rounds_away = !dpu->is_float && toss();
}

static void pick_dpu(uint32_t seed, struct dpu *ret_dpu)
{
	srand(seed);
	*ret_dpu = (struct dpu){.is_float = toss()};
	pick_precisions(ret_dpu);
	pick_shape(ret_dpu);
	pick_stage(ret_dpu, &ret_dpu->stages[0]);
	pick_stage(ret_dpu, &ret_dpu->stages[1]);
	pick_ew(ret_dpu);
	pick_lut(&ret_dpu->lut);
	pick_output(ret_dpu);
}

/* A cube of random elements. */
static void fill_cube(const struct dpu *dpu, enum rk3588_precision precision, char *cube,
		      size_t n_atoms)
{
	uint32_t n_bits = dpu_bits(precision), lanes = 128 / n_bits;

	for (size_t i = 0; i < n_atoms * lanes; i++) {
		double value = pick_operand(dpu, n_bits);

		dpu_store(precision, cube + i / lanes * 16, (uint32_t)(i % lanes), value);
	}
}

static unsigned count_errors(const struct dpu *dpu, const struct npu *npu)
{
	unsigned n_errors = 0;
	uint32_t lanes = 128 / dpu_bits(dpu->out);
	uint32_t rounded = (dpu->channels + lanes - 1) / lanes * lanes;

	for (uint32_t c = 0; c < rounded; c++) {
		for (uint32_t i = 0; i < dpu->width * dpu->height; i++) {
			const struct dpu_place place = {i % dpu->width, i / dpu->width, c};
			const char *atom = npu->c + dpu_result_at(dpu, &place);
			double actual = dpu_load(dpu->out, atom, c % lanes);
			double expected = c < dpu->channels
						  ? dpu_expected(dpu, npu->a, npu->b, &place)
						  : dpu_pad_value(dpu);

			n_errors += actual != expected && !(isnan(actual) && isnan(expected));
		}
	}
	return n_errors;
}

static uint32_t from_environment(const char *name, uint32_t otherwise)
{
	const char *value = getenv(name);

	return value ? (uint32_t)strtoul(value, NULL, 10) : otherwise;
}

static void run_seed(struct npu *npu, uint32_t seed)
{
	static struct dpu dpu;
	struct device_event event;

	pick_dpu(seed, &dpu);
	fill_cube(&dpu, dpu.in, npu->a, dpu_main_atoms(&dpu));
	fill_cube(&dpu, dpu.ew.precision, npu->b, dpu_operand_atoms(&dpu));
	dpu_store_table(&dpu, &dpu.stages[0], npu->a + DPU_BS_TABLE);
	dpu_store_table(&dpu, &dpu.stages[1], npu->a + DPU_BN_TABLE);
	npu->stream.n = 0;
	dpu_write(&npu->stream, &dpu);
	npu_end_task(npu, FLY_OP_EN);
	event = npu_run(npu, seed % 3);
	ck_assert_msg(event.kind == DEVICE_DONE, "seed %u: %s", seed, event.detail);
	ck_assert_msg(count_errors(&dpu, npu) == 0, "seed %u: %u errors", seed,
		      count_errors(&dpu, npu));
}

START_TEST(test_random)
{
	uint32_t first = from_environment("NPUD_SEED", 1);
	uint32_t n = from_environment("NPUD_SHAPES", DEFAULT_N_SHAPES);
	struct npu npu;

	npu_init(&npu);
	for (uint32_t seed = first; seed < first + n; seed++)
		run_seed(&npu, seed);
	rig_deinit(&npu.rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_dpu_random");
	TCase *tcase = tcase_create("soft_dpu_random");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 240);
	tcase_add_test(tcase, test_random);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
