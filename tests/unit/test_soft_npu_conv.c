/* SPDX-License-Identifier: MIT */
/*
 * Convolutions on the software NPU against their definition: each mode by itself, and random
 * shapes. NPUD_SEED and NPUD_SHAPES choose which and how many.
 */
#include "tests/unit/npu_conv.h"

#include <check.h>

#define STREAM	     0x10000000u
#define IN	     0x20000000u
#define WEIGHTS	     0x30000000u
#define OUT	     0x40000000u
#define BUFFER_BYTES 0x400000u
#define PLACES	     .in_iova = IN, .weight_iova = WEIGHTS, .out_iova = OUT
#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define INT_DPU	     0x300u

struct lab {
	struct rig rig;
	struct rig_stream stream;
	char *in, *weights, *out;
};

static void lab_init(struct lab *lab)
{
	struct soft_options options = soft_options_default();

	*lab = (struct lab){0};
	rig_init(&lab->rig, &options);
	lab->stream.entries = (uint64_t *)rig_buffer(&lab->rig, STREAM, 0x4000, RIG_READ);
	lab->stream.capacity = 0x4000 / 8;
	lab->in = rig_buffer(&lab->rig, IN, BUFFER_BYTES, RIG_READ);
	lab->weights = rig_buffer(&lab->rig, WEIGHTS, BUFFER_BYTES, RIG_READ);
	lab->out = rig_buffer(&lab->rig, OUT, BUFFER_BYTES, RIG_BOTH);
}

/* Runs what is in the stream so far, from its beginning, as one task on a core. */
static struct device_event lab_run(struct lab *lab, uint32_t op_en, unsigned core)
{
	struct device_task task;
	struct device_batch batch = {
		.tasks = &task, .n_tasks = 1, .table_pa = lab->rig.directory_pa};

	rig_tail(&lab->stream, 0, 0, op_en);
	task = (struct device_task){STREAM, lab->stream.n, INT_DPU};
	lab->stream.n = 0;
	ck_assert_int_eq(device_start(lab->rig.device, core, &batch), 0);
	rig_wait_events(&lab->rig, lab->rig.n_events + 1);
	if (lab->rig.events[core].kind != DEVICE_DONE)
		ck_assert_int_eq(device_reset_core(lab->rig.device, core), 0);
	return lab->rig.events[core];
}

/* Runs a convolution and compares. */
static void lab_compare(struct lab *lab, const struct conv *conv, const char *what)
{
	struct device_event event;

	memset(lab->out, 0x55, BUFFER_BYTES);
	conv_fill(conv, lab->in, lab->weights);
	conv_write(&lab->stream, conv);
	event = lab_run(lab, CONV_OP_EN, 0);
	ck_assert_msg(event.kind == DEVICE_DONE, "%s, seed %u: %s", what, conv->seed, event.detail);
	ck_assert_msg(event.detail[0] == '\0', "%s, seed %u: %s", what, conv->seed, event.detail);
	ck_assert_msg(conv_errors(conv, lab->out) == 0, "%s, seed %u: %u errors", what, conv->seed,
		      conv_errors(conv, lab->out));
}

#define DIRECT(i, o)	  .in = RK3588_##i, .out = RK3588_##o
#define SHAPE(w, h, c, p) .width = (w), .height = (h), .channels = (c), .padded = (p)
#define DENSE(w, h)	  .pitch = (w), .full_height = (h)
#define KERNEL(k, w, h)	  .kernels = (k), .kernel_width = (w), .kernel_height = (h)
#define STEPS(s, d)	  .stride_x = (s), .stride_y = (s), .step_x = (d), .step_y = (d)
#define PADS(n, value)	  .pad_left = (n), .pad_top = (n), .pad = (value)
#define RESULT(w, h)	  .out_width = (w), .out_height = (h)

static const struct {
	const char *what;
	struct conv conv;
} cases[] = {
	{"9.7",
	 {DIRECT(FP16, FP16), SHAPE(7, 7, 160, 160), DENSE(7, 7), KERNEL(320, 3, 3), STEPS(1, 1),
	  RESULT(5, 5), .surface = 28, PLACES}},
	{"padding counts in SX",
	 {DIRECT(INT8, INT32), SHAPE(9, 7, 20, 32), DENSE(9, 7), KERNEL(32, 3, 3), STEPS(1, 1),
	  PADS(1, -77), RESULT(9, 7), .ow = -13, PLACES}},
	{"stride and dilation",
	 {DIRECT(INT8, INT32), SHAPE(23, 19, 48, 48), DENSE(23, 19), KERNEL(5, 3, 2), STEPS(3, 4),
	  PADS(2, 7), RESULT(7, 6), PLACES}},
	{"largest kernel, pads and stride",
	 {DIRECT(INT8, INT32), SHAPE(40, 40, 16, 16), DENSE(40, 40), KERNEL(3, 31, 31), STEPS(7, 1),
	  PADS(15, -3), RESULT(7, 7), PLACES}},
	{"int16 saturates",
	 {DIRECT(INT16, INT32), SHAPE(4, 4, 512, 512), DENSE(4, 4), KERNEL(20, 3, 3), STEPS(1, 1),
	  PADS(1, 19000), RESULT(4, 4), PLACES}},
	{"int4",
	 {DIRECT(INT4, INT16), SHAPE(6, 5, 50, 64), DENSE(6, 5), KERNEL(100, 3, 3), STEPS(1, 1),
	  PADS(1, -2), RESULT(6, 5), PLACES}},
	{"truncated sums",
	 {DIRECT(INT8, INT32), SHAPE(6, 5, 32, 32), DENSE(6, 5), KERNEL(32, 2, 2), STEPS(1, 1),
	  RESULT(5, 4), .clip = 3, .ow = 5, PLACES}},
	{"truncated sums, depthwise",
	 {DIRECT(INT8, INT8), .is_depthwise = true, SHAPE(12, 9, 80, 80), DENSE(12, 9),
	  KERNEL(1, 3, 3), STEPS(1, 1), PADS(1, 11), RESULT(12, 9), .shift = 7, .clip = 2, .ow = 70,
	  PLACES}},
	{"depthwise",
	 {DIRECT(INT8, INT8), .is_depthwise = true, SHAPE(12, 9, 80, 80), DENSE(12, 9),
	  KERNEL(1, 3, 3), STEPS(1, 1), PADS(1, 11), RESULT(12, 9), .shift = 9, .ow = 70, PLACES}},
	{"depthwise fp16",
	 {DIRECT(FP16, FP16), .is_depthwise = true, SHAPE(12, 9, 70, 72), DENSE(12, 9),
	  KERNEL(1, 5, 3), STEPS(2, 1), PADS(1, 0), RESULT(5, 4), PLACES}},
	{"window of a larger tensor, single lines (9.5)",
	 {DIRECT(INT8, INT8), .is_depthwise = true, SHAPE(25, 25, 16, 16), .pitch = 26,
	  .full_height = 26, .is_line_mode = true, KERNEL(1, 2, 2), STEPS(1, 1), PADS(0, -17),
	  RESULT(24, 24), .shift = 7, .ow = -128, PLACES}},
	{"fewer rows than a group of lines",
	 {DIRECT(INT8, INT32), SHAPE(3, 2, 64, 64), DENSE(3, 2), KERNEL(32, 1, 1), STEPS(1, 1),
	  RESULT(3, 2), PLACES}},
	{"three channels of unsigned pixels (9.4)",
	 {DIRECT(INT8, INT32), SHAPE(16, 12, 3, 16), DENSE(16, 12), .packed = 3, KERNEL(8, 3, 3),
	  STEPS(1, 1), PADS(1, -128), RESULT(16, 12), .cvt_con0 = 0xe38e0,
	  .cvt = {0x4000ff80, 0x4000ff80, 0x4000ff80, 0x10000}, .ow = 3, PLACES}},
	{"one channel, lanes of pixels (9.4)",
	 {DIRECT(INT8, INT32), SHAPE(15, 12, 1, 16), .pitch = 16, .full_height = 12, .packed = 1,
	  KERNEL(8, 3, 3), STEPS(2, 1), PADS(1, -128), RESULT(8, 6), .cvt_con0 = 0x038e38e0,
	  .cvt = {0x4000ff80, 0x3000ff80, 0x2000ff90, 0x1000ffa0}, PLACES}},
	{"one channel, another LINE_STRIDE",
	 {DIRECT(INT8, INT32), SHAPE(15, 12, 1, 16), DENSE(15, 12), .said_pitch = 60, .packed = 1,
	  KERNEL(2, 3, 3), STEPS(1, 1), PADS(1, -128), RESULT(15, 12), .cvt_con0 = 0x038e38e0,
	  .cvt = {0x4000ff80, 0x4000ff80, 0x4000ff80, 0x4000ff80}, .ow = -5, PLACES}},
	{"converter adds first",
	 {DIRECT(INT8, INT32), SHAPE(8, 8, 2, 16), DENSE(8, 8), .packed = 2, KERNEL(8, 1, 1),
	  STEPS(1, 1), RESULT(8, 8), .cvt_con0 = 0x01041042,
	  .cvt = {0x0009ff80, 0x0007fff0, 0x0005ffc0, 0x0003ffa0}, PLACES}},
	{"deconvolution",
	 {DIRECT(INT8, INT32), SHAPE(6, 5, 20, 32), DENSE(6, 5), KERNEL(40, 3, 3), STEPS(1, 1),
	  PADS(1, -9), .zeros_x = 1, .zeros_y = 2, RESULT(11, 13), .ow = 3, PLACES}},
	{"depthwise deconvolution, stride and dilation",
	 {DIRECT(FP16, FP16), .is_depthwise = true, SHAPE(7, 9, 70, 72), DENSE(7, 9),
	  KERNEL(1, 2, 2), STEPS(2, 2), PADS(1, 3), .zeros_x = 7, .zeros_y = 1, RESULT(20, 8),
	  PLACES}},
	{"four channels fp16",
	 {DIRECT(FP16, FP32), SHAPE(9, 9, 4, 8), .pitch = 10, .full_height = 9, .packed = 4,
	  KERNEL(4, 3, 3), STEPS(1, 1), RESULT(7, 7), PLACES}},
	{"many output channels",
	 {DIRECT(INT8, INT32), SHAPE(14, 14, 40, 48), DENSE(14, 14), KERNEL(97, 3, 3), STEPS(1, 1),
	  PADS(1, 1), RESULT(14, 14), PLACES}},
};

START_TEST(test_cases)
{
	struct lab lab;

	lab_init(&lab);
	lab_compare(&lab, &cases[_i].conv, cases[_i].what);
	rig_deinit(&lab.rig);
}
END_TEST

/* Below n, from 0. */
static uint32_t pick(uint32_t *state, uint32_t n)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 8) % n;
}

static uint32_t round_up(uint32_t n, uint32_t to)
{
	return (n + to - 1) / to * to;
}

static void pick_precision(uint32_t *state, struct conv *conv)
{
	static const struct {
		enum rk3588_precision in, out;
		bool is_depthwise;
	} modes[] = {
		{RK3588_INT8, RK3588_INT32, false},  {RK3588_INT8, RK3588_INT8, false},
		{RK3588_FP16, RK3588_FP32, false},   {RK3588_FP16, RK3588_FP16, false},
		{RK3588_INT16, RK3588_INT32, false}, {RK3588_INT4, RK3588_INT16, false},
		{RK3588_INT8, RK3588_INT8, true},    {RK3588_FP16, RK3588_FP16, true},
		{RK3588_BF16, RK3588_FP32, false},   {RK3588_BF16, RK3588_FP32, true},
		{RK3588_TF32, RK3588_FP32, false},   {RK3588_TF32, RK3588_FP16, false},
		{RK3588_INT4, RK3588_INT4, false},   {RK3588_INT8, RK3588_INT4, false},
		{RK3588_INT8, RK3588_INT4, true},
	};
	uint32_t mode = pick(state, COUNT(modes));

	conv->in = modes[mode].in;
	conv->out = modes[mode].out;
	conv->is_depthwise = modes[mode].is_depthwise;
	if (conv->out == RK3588_INT8 || conv->out == RK3588_INT4)
		conv->shift = 4 + pick(state, 8);
	if (conv->in == RK3588_INT8 && pick(state, 2))
		conv->ow = (int)pick(state, 200) - 100;
}

static void pick_channels(uint32_t *state, struct conv *conv)
{
	uint32_t unit = 128 / conv_bits(conv->in);

	conv->channels = 1 + pick(state, 100);
	conv->padded = round_up(conv->channels, unit);
	conv->kernels = conv->is_depthwise ? 1 : 1 + pick(state, 70);
	if (!conv->is_depthwise && unit < 32 && pick(state, 5) == 0) {
		conv->channels = conv->packed = 1 + pick(state, 4);
		conv->padded = unit;
	}
	/* Sums that fp16 can hold. */
	if (conv->out == RK3588_FP16 && !conv->is_depthwise)
		conv->channels = conv->channels > 10 ? 10 : conv->channels;
	if (conv->out == RK3588_FP16 && !conv->is_depthwise && !conv->packed)
		conv->padded = 16;
}

/* Every second time multipliers of 1, as for pixels. */
static void pick_converter(uint32_t *state, struct conv *conv)
{
	bool is_unit = pick(state, 2);

	if (!conv->packed || conv->in != RK3588_INT8 || pick(state, 3) == 0)
		return;
	conv->cvt_con0 = pick(state, 2) << 1;
	for (uint32_t lane = 0; lane < 4; lane++) {
		uint32_t shift = pick(state, is_unit ? 15 : 34);
		uint32_t scale = is_unit ? 1u << shift : pick(state, 65536);

		conv->cvt_con0 |= shift << (4 + 6 * lane);
		conv->cvt[lane] = scale << 16 | (pick(state, 600) - 300) % 65536;
	}
}

static struct conv pick_conv(uint32_t seed)
{
	struct conv conv = {.seed = seed, PLACES};
	uint32_t state = seed, width, height;

	pick_precision(&state, &conv);
	pick_channels(&state, &conv);
	pick_converter(&state, &conv);
	conv.kernel_width = 1 + pick(&state, 4);
	conv.kernel_height = 1 + pick(&state, 4);
	conv.stride_x = 1 + pick(&state, 3);
	conv.stride_y = 1 + pick(&state, 3);
	conv.step_x = 1 + pick(&state, 4) / 3;
	conv.step_y = 1 + pick(&state, 4) / 3;
	conv.pad_left = pick(&state, 3);
	conv.pad_top = pick(&state, 3);
	conv.pad = conv_random(seed, 77, conv_range(&conv));
	conv.width = 1 + pick(&state, 20);
	conv.height = 1 + pick(&state, 12);
	if (!conv.packed && pick(&state, 4) == 0) {
		conv.zeros_x = pick(&state, 4);
		conv.zeros_y = pick(&state, 4);
	}
	width = (conv.width - 1) * (conv.zeros_x + 1) + conv.pad_left;
	height = (conv.height - 1) * (conv.zeros_y + 1) + conv.pad_top;
	conv.out_width = 1 + pick(&state, width / conv.stride_x + 1);
	conv.out_height = 1 + pick(&state, height / conv.stride_y + 1);
	conv.is_line_mode = pick(&state, 2);
	conv.pitch = conv.width + (conv.is_line_mode || conv.packed ? pick(&state, 3) : 0);
	conv.full_height = conv.height + pick(&state, 3);
	return conv;
}

static uint32_t from_environment(const char *name, uint32_t otherwise)
{
	const char *value = getenv(name);

	return value ? (uint32_t)strtoul(value, NULL, 10) : otherwise;
}

START_TEST(test_random_shapes)
{
	uint32_t first = from_environment("NPUD_SEED", 1);
	uint32_t n = from_environment("NPUD_SHAPES", 1000);
	struct lab lab;

	lab_init(&lab);
	for (uint32_t seed = first; seed < first + n; seed++) {
		struct conv conv = pick_conv(seed);

		lab_compare(&lab, &conv, "random shape");
	}
	rig_deinit(&lab.rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_npu_conv");
	TCase *tcase = tcase_create("soft_npu_conv");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 240);
	tcase_add_loop_test(tcase, test_cases, 0, COUNT(cases));
	tcase_add_test(tcase, test_random_shapes);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
