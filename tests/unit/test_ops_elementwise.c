/* SPDX-License-Identifier: MIT */
/*
 * Streams of element-wise operations register by register, from hardware reference 6.4, 6.5 and
 * 6.8; and refusals.
 */
#include "npu_ops.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#define COUNT(array)  (sizeof(array) / sizeof(*(array)))
#define TABLE_ENTRIES 1028u
#define BODY_ENTRIES  67u
#define REGISTERS_MAX 40

struct setting {
	uint16_t offset;
	uint32_t value;
};

struct example {
	struct npu_elementwise_shape shape;
	struct npu_elementwise_quantization quantization;
	struct setting settings[REGISTERS_MAX]; /* that are not 0; the rest of the list is */
};

/* The second of two runs over 3x5 pixels: 8 of them. */
#define RUN_SHAPES(channels)                                                                       \
	{0x4020, 0x30000 + 7 * 16}, {0x4024, 240}, {0x4030, 7}, {0x403c, (channels)}, {0x4050, 2}, \
		{0x4058, (channels)&0xffff}, {0x405c, 7}, {0x40c0, 240}, {0x500c, 7},              \
		{0x5014, (channels)&0xffff}, {0x5018, 0x10000 + 7 * 16}, {0x504c, 7 * 16},         \
		{0x5068, 0x1010101},                                                               \
	{                                                                                          \
		0x400c, 0x1e5                                                                      \
	}

static const struct example examples[] = {
	/* As the vendor adds, with the scale that it has in BS (6.8). */
	{{3, 5, 20, NPU_INT8, NPU_ADD},
	 {.a_zero = -128,
	  .b_zero = 5,
	  .output_zero = -7,
	  .is_relu = true,
	  .a_scale = 16384,
	  .b_scale = 12345,
	  .out_scale = 20000,
	  .out_shift = 30},
	 {RUN_SHAPES(0x13001f),
	  {0x4004, 0xe},
	  {0x5004, 0xe},
	  {0x4040, 0x20040},
	  {0x4044, 0x80},
	  {0x4048, 0x40000000},
	  {0x4060, 0x53},
	  {0x4070, 0x904200c0},
	  {0x4074, 0xfffffffb},
	  {0x4078, 12345},
	  {0x4080, 0xfffffff9},
	  {0x4084, 20000},
	  {0x4088, 30},
	  {0x5034, 0x40000004},
	  {0x5038, 0x20000 + 7 * 16},
	  {0x5040, 240},
	  {0x5044, 0x7801}}},
	{{3, 5, 20, NPU_FP16, NPU_MULTIPLY},
	 {.is_relu = false},
	 {RUN_SHAPES(0x130017),
	  {0x4004, 0xe},
	  {0x5004, 0xe},
	  {0x4010, 0x48000002},
	  {0x4040, 0x53},
	  {0x4060, 0x53},
	  {0x4070, 0x108003c4},
	  {0x4078, 1},
	  {0x4084, 0x10001},
	  {0x5034, 0x40000008},
	  {0x5038, 0x20000 + 7 * 16},
	  {0x5040, 240},
	  {0x5044, 0x17849}}},
	{{3, 5, 8, NPU_FP16, NPU_RELU},
	 {.is_relu = false},
	 {RUN_SHAPES(0x70007),
	  {0x4004, 0xe},
	  {0x5004, 0xe},
	  {0x4010, 0x48000002},
	  {0x4040, 0x53},
	  {0x4060, 0x12},
	  {0x4070, 0x383},
	  {0x4078, 1},
	  {0x4084, 0x10001},
	  {0x5034, 1},
	  {0x5044, 0x17849}}},
	/* Tables as known programs set them up (6.5), with another scale of the index: 1638. */
	{{3, 5, 8, NPU_FP16, NPU_SIGMOID},
	 {.is_relu = false},
	 {RUN_SHAPES(0x70007),
	  {0x4004, 0x30},
	  {0x5004, 0x30},
	  {0x4010, 0x48000002},
	  {0x4040, 0x53},
	  {0x4060, 0x20040},
	  {0x4064, 0x80000000},
	  {0x4068, 0x66660000},
	  {0x4070, 0x302},
	  {0x4078, 1},
	  {0x4080, 1},
	  {0x4084, 0x10001},
	  {0x4088, 0x8000f000},
	  {0x4108, 0x68},
	  {0x410c, 0x50500},
	  {0x4110, 0xffffc000},
	  {0x411c, 0x4000},
	  {0x5034, 1},
	  {0x5044, 0x17849}}},
};

static uint32_t expected_value(const struct example *example, uint16_t offset)
{
	for (int i = 0; i < REGISTERS_MAX; i++)
		if (example->settings[i].offset == offset)
			return example->settings[i].value;
	return 0;
}

static void emit_second(const struct example *example, uint64_t *stream,
			struct npu_elementwise_plan *ret_plan)
{
	struct npu_elementwise_iovas iovas = {0x10000, 0x20000, 0x30000};
	struct npu_run run;

	ck_assert_int_eq(npu_elementwise_plan(&example->shape, &example->quantization, ret_plan),
			 0);
	ck_assert_uint_eq(ret_plan->n_runs, 1);
	ret_plan->n_runs = 2;
	npu_elementwise_plan_run(ret_plan, 1, &run);
	ck_assert_uint_eq(run.first, 7);
	ck_assert_uint_eq(run.n_pixels, 8);
	ck_assert_int_eq(
		npu_elementwise_emit(ret_plan, &run, &iovas, stream, ret_plan->stream_entries), 0);
}

START_TEST(stream_of_a_run)
{
	static uint64_t stream[TABLE_ENTRIES + BODY_ENTRIES + 4];
	const struct example *example = &examples[_i];
	struct npu_elementwise_plan plan;
	uint32_t first;

	emit_second(example, stream, &plan);
	first = example->shape.operation == NPU_SIGMOID ? TABLE_ENTRIES : 0;
	ck_assert_uint_eq(plan.stream_entries, first + BODY_ENTRIES + 4);
	for (uint32_t i = first; i < first + BODY_ENTRIES; i++) {
		uint16_t offset = (uint16_t)stream[i];
		uint32_t value = (uint32_t)(stream[i] >> 16);

		ck_assert_msg(value == expected_value(example, offset), "0x%x: 0x%x, not 0x%x",
			      offset, value, expected_value(example, offset));
	}
	ck_assert_uint_eq(stream[plan.stream_entries - 1], 0x0081000000180008);
}
END_TEST

/* Two tables of 513 entries: the ends, the middle, and that they meet there. */
START_TEST(tables_of_the_sigmoid)
{
	static const struct setting entries[] = {
		{0, 0},		    /* 32768 * sigmoid(-10.002), less 1 */
		{512, 16383},	    /* sigmoid(0) */
		{514, 16383},	    /* and in the other table */
		{1026, 32766},	    /* sigmoid(10.002) */
		{514 + 256, 32548}, /* sigmoid(5.001) */
	};
	static uint64_t stream[TABLE_ENTRIES + BODY_ENTRIES + 4];
	struct npu_elementwise_plan plan;

	emit_second(&examples[3], stream, &plan);
	ck_assert_uint_eq(stream[0], 0x1001000200004100);
	ck_assert_uint_eq(stream[514], 0x1001000300004100);
	for (size_t i = 0; i < COUNT(entries); i++) {
		uint64_t entry = stream[1 + entries[i].offset];

		ck_assert_uint_eq(entry & 0xffff00000000ffff, 0x1001000000004104);
		ck_assert_msg((uint16_t)(entry >> 16) == entries[i].value, "entry %u: %u, not %u",
			      entries[i].offset, (uint16_t)(entry >> 16), entries[i].value);
	}
}
END_TEST

START_TEST(large_tensors_take_several_runs)
{
	struct npu_elementwise_shape wide = {8192, 2, 8, NPU_FP16, NPU_RELU};
	struct npu_elementwise_shape deep = {100, 100, 8192, NPU_FP16, NPU_RELU};
	struct npu_elementwise_quantization quantization = {0};
	struct npu_elementwise_plan plan;
	uint32_t n_pixels = 0;
	struct npu_run run;

	ck_assert_int_eq(npu_elementwise_plan(&wide, &quantization, &plan), 0);
	ck_assert_uint_eq(plan.n_runs, 3);
	for (uint32_t i = 0; i < plan.n_runs; i++) {
		npu_elementwise_plan_run(&plan, i, &run);
		ck_assert_uint_eq(run.first, n_pixels);
		ck_assert_uint_lt(run.n_pixels, 8176);
		n_pixels += run.n_pixels;
	}
	ck_assert_uint_eq(n_pixels, 16384);
	ck_assert_int_eq(npu_elementwise_plan(&deep, &quantization, &plan), 0);
	ck_assert_uint_eq(plan.n_runs, 79); /* of 127 pixels: 1024 atoms each */
}
END_TEST

static const struct {
	struct npu_elementwise_shape shape;
	struct npu_elementwise_quantization quantization;
	const char *sentence;
} refused[] = {
	{{8, 8, 8, NPU_INT8, NPU_ELEMENTWISE_OPERATION_COUNT},
	 {.out_scale = 1},
	 "operation: 4, must be 0 to 3"},
	{{8, 8, 8, NPU_TYPE_COUNT, NPU_ADD}, {.out_scale = 1}, "type: 2, must be 0 to 1"},
	{{8193, 8, 8, NPU_FP16, NPU_ADD}, {.out_scale = 1}, "width: 8193, must be 1 to 8192"},
	{{8, 0, 8, NPU_FP16, NPU_ADD}, {.out_scale = 1}, "height: 0, must be 1 to 8192"},
	{{8, 8, 8193, NPU_FP16, NPU_ADD}, {.out_scale = 1}, "channels: 8193, must be 1 to 8192"},
	{{8, 8, 8, NPU_INT8, NPU_RELU}, {.out_scale = 0}, "out_scale: 0, must be 1 to 32767"},
	{{8, 8, 8, NPU_INT8, NPU_RELU},
	 {.out_scale = 1, .out_shift = 48},
	 "out_shift: 48, must be 0 to 47"},
	{{8, 8, 8, NPU_INT8, NPU_ADD},
	 {.out_scale = 1, .b_scale = 1},
	 "a_scale: 0, must be 1 to 32767"},
	{{8, 8, 8, NPU_INT8, NPU_ADD},
	 {.out_scale = 1, .a_scale = 1, .b_scale = 32768},
	 "b_scale: 32768, must be 1 to 32767"},
	{{8, 8, 8, NPU_INT8, NPU_SIGMOID}, {.a_step = 1.0f}, "output_step: 0, must be more than 0"},
	{{8, 8, 8, NPU_FP16, NPU_SIGMOID}, {.is_relu = true}, "is_relu: 1, must be 0 to 0"},
	{{8192, 8192, 65, NPU_INT8, NPU_RELU},
	 {.out_scale = 1},
	 "width, height, channels: 5368709120 bytes, must be at most 4294967295"},
};

START_TEST(refuses)
{
	struct npu_elementwise_plan plan;

	ck_assert_int_eq(npu_elementwise_plan(&refused[_i].shape, &refused[_i].quantization, &plan),
			 -EINVAL);
	ck_assert_str_eq(npu_last_error(), refused[_i].sentence);
}
END_TEST

START_TEST(refuses_to_emit)
{
	struct npu_elementwise_iovas iovas = {0x10000, 0x20000, 0x30008};
	uint64_t stream[BODY_ENTRIES + 4];
	struct npu_elementwise_plan plan;
	struct npu_run run;

	ck_assert_int_eq(npu_elementwise_plan(&examples[1].shape, &examples[1].quantization, &plan),
			 0);
	npu_elementwise_plan_run(&plan, 0, &run);
	ck_assert_int_eq(npu_elementwise_emit(&plan, &run, &iovas, stream, 70), -ENOSPC);
	ck_assert_str_eq(npu_last_error(), "capacity: 70, must be at least 71");
	ck_assert_int_eq(npu_elementwise_emit(&plan, &run, &iovas, stream, 71), -EINVAL);
	ck_assert_str_eq(npu_last_error(), "iovas: must be multiples of 16");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ops_elementwise");
	TCase *tcase = tcase_create("elementwise");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, stream_of_a_run, 0, (int)COUNT(examples));
	tcase_add_test(tcase, tables_of_the_sigmoid);
	tcase_add_test(tcase, large_tensors_take_several_runs);
	tcase_add_loop_test(tcase, refuses, 0, (int)COUNT(refused));
	tcase_add_test(tcase, refuses_to_emit);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
