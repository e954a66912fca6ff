/* SPDX-License-Identifier: MIT */
/*
 * Element-wise operations on random shapes and layouts against what they are.
 */
#include "device/soft/half.h"
#include "tests/unit/npu_bench.h"

#define FLY_OP_EN 0x18u
#define N_RANDOM  1000

/* An fp16 operation on two cubes; gaps behind lines and surfaces of all three. */
struct cubes {
	uint32_t width, height, channels, cfg;
	uint32_t main_notch, main_surface_notch, operand_notch, notch, surface_gap;
};

static uint32_t choose(uint32_t low, uint32_t high)
{
	return low + (uint32_t)rand() % (high - low + 1);
}

static struct cubes random_cubes(void)
{
	/* Add, subtract, maximum, minimum, multiply. */
	static const uint32_t cfgs[] = {0x108202c0, 0x108402c0, 0x108002c0, 0x108102c0, 0x108003c4};
	struct cubes cubes = {
		.width = choose(1, 90),
		.height = choose(1, 6),
		.channels = choose(1, 30),
		.cfg = cfgs[rand() % COUNT(cfgs)],
		.main_notch = choose(0, 3),
		.main_surface_notch = choose(0, 5),
		.operand_notch = choose(0, 3),
		.notch = choose(0, 3),
		.surface_gap = choose(0, 3),
	};

	return cubes;
}

/* Atoms from one surface to the next. */
static uint32_t main_pitch(const struct cubes *cubes)
{
	return (cubes->height - 1) * (cubes->width + cubes->main_notch) + cubes->width +
	       cubes->main_surface_notch;
}

static uint32_t pitch(const struct cubes *cubes, uint32_t notch)
{
	return cubes->height * (cubes->width + notch) + cubes->surface_gap;
}

static struct device_event run_cubes(struct npu *npu, const struct cubes *cubes, unsigned core)
{
	const uint32_t out = pitch(cubes, cubes->notch) << 4, width = cubes->width - 1;
	const uint32_t height = cubes->height - 1, channels = (cubes->channels - 1) | 7;
	const struct {
		uint16_t offset;
		uint32_t value;
	} settings[] = {
		{0x400c, 0x1e5},
		{0x4010, 0x48000002},
		{0x4020, C},
		{0x4024, out},
		{0x4030, width},
		{0x4034, height},
		{0x4038, cubes->notch << 16 | cubes->notch},
		{0x403c, (cubes->channels - 1) << 16 | channels},
		{0x4050, 2},
		{0x4058, channels},
		{0x405c, height << 16 | width},
		{0x4070, cubes->cfg},
		{0x4084, 0x10001},
		{0x40c0, out},
		{0x500c, width},
		{0x5010, cubes->operand_notch << 16 | height},
		{0x5014, channels},
		{0x5018, A},
		{0x5034, 0x40000008},
		{0x5038, B},
		{0x5040, pitch(cubes, cubes->operand_notch) << 4},
		{0x5044, 0x17849},
		{0x5048, cubes->main_notch << 19},
		{0x504c, cubes->main_surface_notch << 4},
	};

	npu->stream.n = 0;
	for (int i = 0; i < COUNT(settings); i++)
		rig_write(&npu->stream, settings[i].offset, settings[i].value);
	npu_end_task(npu, FLY_OP_EN);
	return npu_run(npu, core);
}

static uint16_t load_half(const char *cube, size_t atom, uint32_t lane)
{
	uint16_t half;

	memcpy(&half, cube + atom * 16 + (size_t)lane * 2, sizeof(half));
	return half;
}

static float operate(uint32_t cfg, float a, float b)
{
	switch (cfg) {
	case 0x108202c0:
		return a + b;
	case 0x108402c0:
		return a - b;
	case 0x108002c0:
		return a > b ? a : b;
	case 0x108102c0:
		return a < b ? a : b;
	default:
		return a * b;
	}
}

static unsigned count_errors(const struct npu *npu, const struct cubes *cubes)
{
	unsigned n_errors = 0;

	for (uint32_t i = 0; i < cubes->width * cubes->height * cubes->channels; i++) {
		uint32_t x = i % cubes->width, y = i / cubes->width % cubes->height;
		uint32_t c = i / cubes->width / cubes->height, surface = c / 8;
		size_t a_at =
			surface * main_pitch(cubes) + y * (cubes->width + cubes->main_notch) + x;
		size_t b_at = surface * pitch(cubes, cubes->operand_notch) +
			      y * (cubes->width + cubes->operand_notch) + x;
		size_t c_at = surface * pitch(cubes, cubes->notch) +
			      y * (cubes->width + cubes->notch) + x;
		float a = half_to_float(load_half(npu->a, a_at, c % 8));
		float b = half_to_float(load_half(npu->b, b_at, c % 8));

		n_errors += load_half(npu->c, c_at, c % 8) !=
			    half_from_float(operate(cubes->cfg, a, b));
	}
	return n_errors;
}

START_TEST(test_random_cubes)
{
	struct npu npu;

	npu_init(&npu);
	srand(1);
	for (size_t i = 0; i < 0x40000; i += 2) {
		uint16_t a = half_from_float((float)(rand() % 4001 - 2000) / 64);
		uint16_t b = half_from_float((float)(rand() % 4001 - 2000) / 64);

		memcpy(npu.a + i, &a, sizeof(a));
		memcpy(npu.b + i, &b, sizeof(b));
	}
	for (unsigned seed = 1; seed <= N_RANDOM; seed++) {
		struct device_event event;
		struct cubes cubes;

		srand(seed);
		cubes = random_cubes();
		event = run_cubes(&npu, &cubes, seed % 3);
		ck_assert_msg(event.kind == DEVICE_DONE, "seed %u: %s", seed, event.detail);
		ck_assert_msg(count_errors(&npu, &cubes) == 0, "seed %u", seed);
	}
	rig_deinit(&npu.rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_elementwise");
	TCase *tcase = tcase_create("soft_elementwise");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_random_cubes);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
