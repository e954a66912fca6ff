/* SPDX-License-Identifier: MIT */
/*
 * Convolutions against the worked example 9.3 of the hardware reference: its stream entry by entry,
 * its images by their checksums; bands and operands by formula.
 */
#include "npu_ops.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct npu_conv2d_shape example_shape = {
	8, 8, 16, 32, {3, 3, 1, 1, .pad_left = 1, .pad_top = 1, .pad_right = 1, .pad_bottom = 1}};

/* As the example's, in the signed domain. */
static const struct npu_conv2d_quantization example_quantization = {
	.input_zero = -128,
	.output_zero = 12,
	.weight_zero = -8,
	.out_scale = 0x68dc,
	.out_shift = 0x1c,
};

/* What is not listed is 0. I = 0x10000, Wt = 0x20000, operands 0x30000, O = 0x40000. */
static const struct {
	uint16_t offset;
	uint32_t value;
} example[] = {
	{0x4004, 0xe},
	{0x5004, 0xe},
	{0x1014, 9},
	{0x1020, 0x80008},
	{0x1024, 0xf0010},
	{0x1028, 8},
	{0x102c, 0x40},
	{0x1030, 0x1200},
	{0x1034, 0x90},
	{0x1038, 0x3030020},
	{0x1040, 0xb1},
	{0x1044, 2},
	{0x104c, 0xb},
	{0x1050, 0x10000},
	{0x1054, 0x10000},
	{0x1058, 0x10000},
	{0x105c, 0x10000},
	{0x1068, 0x11},
	{0x1070, 0x10000},
	{0x1078, 0xf000f},
	{0x107c, 0x20},
	{0x1080, 0x20},
	{0x1084, 0x80008},
	{0x1088, 0x10},
	{0x1110, 0x20000},
	{0x3010, 1},
	{0x3014, 0x70007},
	{0x3018, 0x1f},
	{0x400c, 0x1e4},
	{0x4020, 0x40000},
	{0x4024, 0x400},
	{0x4030, 7},
	{0x4034, 7},
	{0x403c, 0x1f001f},
	{0x4040, 0x20150},
	{0x4050, 0x124},
	{0x4054, 8},
	{0x4058, 0x1f},
	{0x405c, 0x70007},
	{0x4060, 0x53},
	{0x4070, 0x383},
	{0x4078, 1},
	{0x4080, 0xc},
	{0x4084, 0x68dc},
	{0x4088, 0x1c},
	{0x40c0, 0x800},
	{0x500c, 7},
	{0x5010, 7},
	{0x5014, 0x1f},
	{0x501c, 2},
	{0x5020, 0x30000},
	{0x5034, 1},
	{0x5044, 0x7810},
	{0x5068, 0x1010101},
	/*
	 * Not as in the example: rows to collect, which differ by program and compute nothing, and
	 * the upper bytes of the pad value, of which int8 uses the lowest.
	 */
	{0x1010, 0xb0},
	{0x1184, 0xffffff80},
};

static uint32_t example_value(uint16_t offset)
{
	for (size_t i = 0; i < COUNT(example); i++)
		if (example[i].offset == offset)
			return example[i].value;
	return 0;
}

START_TEST(example_stream)
{
	struct npu_conv2d_iovas iovas = {0x10000, 0x20000, 0x30000, 0x40000};
	uint64_t stream[NPU_CONV2D_STREAM_ENTRIES];
	struct npu_conv2d_plan plan;
	struct npu_band band;
	size_t n_set = 0;

	ck_assert_int_eq(npu_conv2d_plan(&example_shape, &example_quantization, &plan), 0);
	ck_assert_uint_eq(plan.n_bands, 1);
	npu_conv2d_plan_band(&plan, 0, &band);
	ck_assert_int_eq(npu_conv2d_emit(&plan, &band, &iovas, stream, COUNT(stream)), 0);
	for (size_t i = 0; i < COUNT(stream) - 4; i++) {
		uint16_t offset = (uint16_t)stream[i];
		uint32_t value = (uint32_t)(stream[i] >> 16);

		ck_assert_msg(value == example_value(offset), "0x%x: 0x%x, not 0x%x", offset, value,
			      example_value(offset));
		n_set += value != 0;
	}
	ck_assert_uint_eq(n_set, COUNT(example));
	ck_assert_uint_eq(stream[COUNT(stream) - 1], 0x00810000001d0008);
	ck_assert_int_eq(npu_conv2d_emit(&plan, &band, &iovas, stream, COUNT(stream) - 1), -ENOSPC);
	ck_assert_str_eq(npu_last_error(), "capacity: 125, must be at least 126");
	iovas.operands += 8;
	ck_assert_int_eq(npu_conv2d_emit(&plan, &band, &iovas, stream, COUNT(stream)), -EINVAL);
}
END_TEST

/*
 * What streams of the vendor have in common with ours: fp16 (9.7), and depthwise int8 (9.5). Their
 * surfaces of output are larger, and their number of channels is given modulo 64.
 */
static const struct {
	struct npu_conv2d_shape shape;
	struct {
		uint16_t offset;
		uint32_t value;
	} settings[24];
} vendors[] = {
	{{7, 7, 160, 320, {3, 3, 1, 1, 0, 0, 0, 0}, NPU_FP16, false},
	 {{0x100c, 0x120},	{0x1020, 0x70007},   {0x1028, 5},	  {0x102c, 0x19},
	  {0x1030, 0xe1000},	{0x1034, 0xb40},     {0x1038, 0x3030140}, {0x1040, 0xb1},
	  {0x1044, 0x23},	{0x104c, 0xb},	     {0x107c, 0x1c},	  {0x1080, 0x15},
	  {0x3010, 0x200},	{0x3014, 0x40004},   {0x3018, 0x13f},	  {0x400c, 0x1e4},
	  {0x4010, 0x48000002}, {0x403c, 0x13f013f}, {0x4050, 0x126},	  {0x4084, 0x10001}}},
	{{25, 25, 16, 16, {2, 2, 1, 1, 0, 0, 0, 0}, NPU_INT8, true},
	 {{0x100c, 3},
	  {0x1020, 0x190019},
	  {0x1028, 0x18},
	  {0x1038, 0x2020001},
	  {0x3010, 3},
	  {0x3018, 0x3f},
	  {0x400c, 0x1fc},
	  {0x4030, 0x17},
	  {0x4034, 0x17},
	  {0x403c, 0xf003f},
	  {0x4040, 0x20150},
	  {0x4050, 0x36c},
	  {0x4058, 0x3f},
	  {0x405c, 0x170017},
	  {0x501c, 2},
	  {0x5044, 0x7816}}},
};

START_TEST(vendor_stream)
{
	struct npu_conv2d_quantization quantization = {.out_scale = 1};
	struct npu_conv2d_iovas iovas = {0x10000, 0x20000, 0x30000, 0x40000};
	uint64_t stream[NPU_CONV2D_STREAM_ENTRIES];
	struct npu_conv2d_plan plan;
	struct npu_band band;

	ck_assert_int_eq(npu_conv2d_plan(&vendors[_i].shape, &quantization, &plan), 0);
	npu_conv2d_plan_band(&plan, 0, &band);
	ck_assert_int_eq(npu_conv2d_emit(&plan, &band, &iovas, stream, COUNT(stream)), 0);
	for (size_t j = 0; j < COUNT(vendors[_i].settings); j++) {
		uint16_t offset = vendors[_i].settings[j].offset;
		size_t i = 0;

		while (i < COUNT(stream) && (uint16_t)stream[i] != offset)
			i++;
		ck_assert_uint_lt(i, COUNT(stream));
		ck_assert_msg(!offset ||
				      (uint32_t)(stream[i] >> 16) == vendors[_i].settings[j].value,
			      "0x%x: 0x%x, not 0x%x", offset, (uint32_t)(stream[i] >> 16),
			      vendors[_i].settings[j].value);
	}
}
END_TEST

static int8_t example_input[8][8][16], example_weights[32][3][3][16];

static void fill_example(struct npu_conv2d_channel channels[32])
{
	for (int y = 0; y < 8; y++)
		for (int x = 0; x < 8; x++)
			for (int c = 0; c < 16; c++)
				example_input[y][x][c] =
					(int8_t)((7 * y + 3 * x + 5 * c) % 256 - 128);
	for (int o = 0; o < 32; o++) {
		channels[o] = (struct npu_conv2d_channel){.bias = 100 * o - 1600};
		for (int tap = 0; tap < 9; tap++)
			for (int c = 0; c < 16; c++)
				example_weights[o][tap / 3][tap % 3][c] =
					(int8_t)((11 * o + 5 * (tap / 3) + 3 * (tap % 3) + 2 * c) %
							 256 -
						 128);
	}
}

static uint32_t checksum(const void *bytes, size_t n)
{
	return (uint32_t)crc32(0, bytes, (unsigned)n);
}

START_TEST(example_images)
{
	static unsigned char input[1024], weights[4608], operands[128];
	struct npu_conv2d_channel channels[32];
	struct npu_conv2d_plan plan;

	fill_example(channels);
	ck_assert_int_eq(npu_conv2d_plan(&example_shape, &example_quantization, &plan), 0);
	ck_assert_uint_eq(plan.input_bytes, sizeof(input));
	ck_assert_uint_eq(plan.weight_bytes, sizeof(weights));
	ck_assert_uint_eq(plan.operand_bytes, sizeof(operands));
	ck_assert_uint_eq(plan.output_bytes, 2048);
	npu_conv2d_pack_input(&plan, &example_input[0][0][0], input);
	ck_assert_uint_eq(checksum(input, sizeof(input)), 0xecbaf9c5);
	npu_conv2d_pack_weights(&plan, &example_weights[0][0][0][0], weights);
	ck_assert_uint_eq(checksum(weights, sizeof(weights)), 0xb4fc16c0);
	ck_assert_int_eq(
		npu_conv2d_pack_operands(&plan, &example_weights[0][0][0][0], channels, operands),
		0);
	ck_assert_uint_eq(checksum(operands, sizeof(operands)), 0x19d1dd10);
}
END_TEST

START_TEST(operands_per_channel)
{
	struct npu_conv2d_shape shape = npu_fully_connected(1, 2, 9);
	struct npu_conv2d_quantization quantization = {
		.input_zero = 3, .is_per_channel = true, .out_scale = 1};
	struct npu_conv2d_channel channels[9] = {[8] = {100, 0x7fff, 5}};
	int8_t weights[9][2] = {[8] = {7, -2}};
	unsigned char operands[256];
	struct npu_conv2d_plan plan;
	int32_t bias;
	int16_t zero, scale;

	ck_assert_int_eq(npu_conv2d_plan(&shape, &quantization, &plan), 0);
	ck_assert_uint_eq(plan.operand_bytes, sizeof(operands));
	ck_assert_int_eq(npu_conv2d_pack_operands(&plan, weights[0], channels, operands), 0);
	memcpy(&bias, operands + 64, sizeof(bias));
	memcpy(&zero, operands + 64 + 32, sizeof(zero));
	memcpy(&scale, operands + 64 + 48, sizeof(scale));
	ck_assert_int_eq(bias, 100 - 3 * (7 - 5 - 2 - 5));
	ck_assert_int_eq(zero, -5);
	ck_assert_int_eq(scale, 0x7fff);
	channels[8].scale = 0x8000;
	ck_assert_int_eq(npu_conv2d_pack_operands(&plan, weights[0], channels, operands), -EINVAL);
	ck_assert_str_eq(npu_last_error(), "scale: 32768, must be 0 to 32767");
	channels[0].bias = INT32_MIN;
	weights[0][0] = 1;
	ck_assert_int_eq(npu_conv2d_pack_operands(&plan, weights[0], channels, operands), -EINVAL);
	ck_assert_str_eq(npu_last_error(),
			 "bias: -2147483651 with input_zero, must be -2147483648 to 2147483647");
}
END_TEST

static const struct npu_conv2d_shape banded[] = {
	{224, 224, 64, 64, {3, 3, 1, 1, 1, 1, 1, 1}},
	{2047, 2047, 16, 32, {7, 5, 2, 3, 3, 2, 6, 4}},
	{1, 2047, 3000, 100, {1, 1, 1, 1, 0, 0, 0, 0}},
	{31, 1, 40, 40, {3, 3, 1, 1, 1, 1, 1, 1}},
	{64, 40, 512, 10, {3, 3, 2, 2, 0, 0, 1, 1}},
};

/* Every row of output once, with exactly the input rows that its windows touch. */
START_TEST(bands_cover_everything)
{
	const struct npu_conv2d_shape *shape = &banded[_i];
	const struct npu_window *window = &shape->window;
	uint32_t row = 0, height = shape->height;
	struct npu_conv2d_plan plan;

	ck_assert_int_eq(npu_conv2d_plan(shape, &example_quantization, &plan), 0);
	for (uint32_t i = 0; i < plan.n_bands; i++) {
		struct npu_band band;
		int64_t first, last;

		npu_conv2d_plan_band(&plan, i, &band);
		ck_assert_uint_eq(band.out_row, row);
		ck_assert_uint_ge(band.n_out_rows, 1);
		row += band.n_out_rows;
		first = (int64_t)band.out_row * window->stride_y - window->pad_top;
		last = (int64_t)(row - 1) * window->stride_y - window->pad_top +
		       window->kernel_height - 1;
		ck_assert_int_eq(first, (int64_t)band.in_row - band.pad_top);
		ck_assert_int_eq(last, (int64_t)band.in_row + band.n_in_rows + band.pad_bottom - 1);
		ck_assert_uint_le(band.in_row + band.n_in_rows, height);
		ck_assert_uint_ge(band.n_in_rows, 1);
		ck_assert(band.pad_top == 0 || band.in_row == 0);
		ck_assert(band.pad_bottom == 0 || band.in_row + band.n_in_rows == height);
		/* On chip, beside a group of weights. */
		ck_assert_uint_le((shape->width * plan.channels_padded + 63) / 64 * 64 *
						  band.n_in_rows +
					  32 * window->kernel_width * window->kernel_height *
						  plan.channels_padded,
				  12 * 32768);
	}
	ck_assert_uint_eq(row, plan.out_height);
}
END_TEST

#define ONE_BY_ONE                                                                                 \
	{                                                                                          \
		1, 1, 1, 1, 0, 0, 0, 0                                                             \
	}

static const struct {
	struct npu_conv2d_shape shape;
	struct npu_conv2d_quantization quantization;
	const char *sentence;
} refused[] = {
	{{0, 8, 8, 8, ONE_BY_ONE}, {.out_scale = 1}, "width: 0, must be 1 to 2047"},
	{{8, 2048, 8, 8, ONE_BY_ONE}, {.out_scale = 1}, "height: 2048, must be 1 to 2047"},
	{{8, 8, 0, 8, ONE_BY_ONE}, {.out_scale = 1}, "channels: 0, must be 1 to 11264"},
	{{8, 8, 8, 8193, ONE_BY_ONE}, {.out_scale = 1}, "kernels: 8193, must be 1 to 8192"},
	{{8, 8, 8, 8, {32, 1, 1, 1, 0, 0, 0, 0}},
	 {.out_scale = 1},
	 "kernel_width: 32, must be 1 to 31"},
	{{8, 8, 8, 8, {1, 10, 1, 1, 0, 1, 0, 0}},
	 {.out_scale = 1},
	 "kernel_height: 10, must be 1 to 9"},
	{{8, 8, 8, 8, {1, 1, 8, 1, 0, 0, 0, 0}}, {.out_scale = 1}, "stride_x: 8, must be 1 to 7"},
	{{8, 8, 8, 8, {1, 1, 1, 0, 0, 0, 0, 0}}, {.out_scale = 1}, "stride_y: 0, must be 1 to 7"},
	{{8, 8, 8, 8, {1, 1, 1, 1, 1, 0, 0, 0}}, {.out_scale = 1}, "pad_left: 1, must be 0 to 0"},
	{{30, 30, 8, 8, {30, 30, 1, 1, 0, 0, 0, 16}},
	 {.out_scale = 1},
	 "pad_bottom: 16, must be 0 to 15"},
	{{8, 8, 8, 9, ONE_BY_ONE, NPU_FP16, true}, {0}, "kernels: 9, must be 8 to 8"},
	{{8, 8, 8, 8, ONE_BY_ONE, NPU_TYPE_COUNT, false}, {0}, "type: 2, must be 0 to 1"},
	{{8, 8, 8, 8, ONE_BY_ONE}, {.out_scale = 0}, "out_scale: 0, must be 1 to 32767"},
	{{8, 8, 8, 8, ONE_BY_ONE},
	 {.out_scale = 1, .out_shift = 48},
	 "out_shift: 48, must be 0 to 47"},
	{{8, 8, 8, 8, ONE_BY_ONE},
	 {.out_scale = 1, .is_per_channel = true, .scale_shift = 32},
	 "scale_shift: 32, must be 0 to 31"},
	{{9, 9, 1264, 8, {3, 3, 1, 1, 0, 0, 0, 0}},
	 {.out_scale = 1},
	 "width, channels, kernel_width, kernel_height: 364032 bytes of weights in 32 kernels and "
	 "34176 bytes of input rows, must fit in 12 banks of 32768 bytes"},
};

START_TEST(refuses)
{
	struct npu_conv2d_plan plan;

	ck_assert_int_eq(npu_conv2d_plan(&refused[_i].shape, &refused[_i].quantization, &plan),
			 -EINVAL);
	ck_assert_str_eq(npu_last_error(), refused[_i].sentence);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ops_conv2d");
	TCase *tcase = tcase_create("conv2d");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, example_stream);
	tcase_add_loop_test(tcase, vendor_stream, 0, (int)COUNT(vendors));
	tcase_add_test(tcase, example_images);
	tcase_add_test(tcase, operands_per_channel);
	tcase_add_loop_test(tcase, bands_cover_everything, 0, (int)COUNT(banded));
	tcase_add_loop_test(tcase, refuses, 0, (int)COUNT(refused));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
