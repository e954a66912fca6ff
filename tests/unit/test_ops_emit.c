/* SPDX-License-Identifier: MIT */
/*
 * Streams against the worked examples 9.1 and 9.2 of the hardware reference, entry by entry; and
 * what they mean, by a model of a 1x1 convolution that knows nothing but registers and memory.
 */
#include "npu_ops.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REGISTERS_END 0x4200

struct expected {
	uint16_t offset;
	uint32_t value;
};

/* Both end with offset 0; what is not listed is 0. I = 0x10000, Wt = 0x20000, O = 0x30000. */
static const struct expected example_fp16[] = {
	{0x4004, 0xe},
	{0x100c, 0x120},
	{0x1010, 0x50},
	{0x1014, 0x9},
	{0x1020, 0x10004},
	{0x1024, 0x3f0040},
	{0x1028, 1},
	{0x102c, 4},
	{0x1030, 0x800},
	{0x1034, 0x80},
	{0x1038, 0x1010010},
	{0x1040, 0xb1},
	{0x1044, 2},
	{0x104c, 0xb},
	{0x1050, 0x10000},
	{0x1054, 0x10000},
	{0x1058, 0x10000},
	{0x105c, 0x10000},
	{0x1070, 0x10000},
	{0x1078, 0xf000f},
	{0x107c, 4},
	{0x1084, 0x10004},
	{0x1088, 0x40},
	{0x1110, 0x20000},
	{0x3010, 0x201},
	{0x3014, 0x30000},
	{0x3018, 0xf},
	{0x400c, 0x1e4},
	{0x4010, 0xa8000002},
	{0x4020, 0x30000},
	{0x4024, 0x40},
	{0x4034, 3},
	{0x403c, 0xf000f},
	{0x4040, 0x53},
	{0x4060, 0x53},
	{0x4050, 0x36e},
	{0x4058, 0xf},
	{0x405c, 0x30000},
	{0x4070, 0x383},
	{0x4078, 1},
	{0x4084, 1},
	{0x40c0, 0x100},
	{0, 0},
};

static const struct expected example_int8[] = {
	{0x4004, 0xe},	      {0x1010, 0x90},	  {0x1014, 0x9},
	{0x1020, 0x10008},    {0x1024, 0x1f0020}, {0x1028, 1},
	{0x102c, 8},	      {0x1030, 0x400},	  {0x1034, 0x20},
	{0x1038, 0x1010020},  {0x1040, 0xb1},	  {0x1044, 1},
	{0x104c, 0xb},	      {0x1050, 0x10000},  {0x1054, 0x10000},
	{0x1058, 0x10000},    {0x105c, 0x10000},  {0x1070, 0x10000},
	{0x1078, 0xf000f},    {0x107c, 4},	  {0x1080, 4},
	{0x1084, 0x10008},    {0x1088, 0x20},	  {0x1110, 0x20000},
	{0x3014, 0x70000},    {0x3018, 0x1f},	  {0x400c, 0x1e4},
	{0x4010, 0x80000000}, {0x4020, 0x30000},  {0x4024, 0x80},
	{0x4034, 7},	      {0x403c, 0x1f001f}, {0x4040, 0x53},
	{0x4060, 0x53},	      {0x4050, 0x7fe},	  {0x4058, 0x1f},
	{0x405c, 0x70000},    {0x4070, 0x383},	  {0x4078, 1},
	{0x4084, 1},	      {0x40c0, 0x400},	  {0, 0},
};

static const struct {
	struct npu_matmul_shape shape;
	const struct expected *registers;
} examples[] = {
	{{4, 36, 16, NPU_MATMUL_FP16_FP32}, example_fp16},
	{{8, 32, 32, NPU_MATMUL_INT8_INT32}, example_int8},
};

/* Applies a stream's body; checks its targets and its tail on the way. */
static void run_body(const uint64_t *stream, uint32_t *registers)
{
	memset(registers, 0xff, REGISTERS_END * sizeof(*registers));
	for (int i = 0; i < 104; i++) {
		uint32_t offset = stream[i] & 0xffff, target = stream[i] >> 48;

		ck_assert_uint_lt(offset, REGISTERS_END);
		ck_assert_uint_eq(target, offset < 0x2000   ? 0x0201
					  : offset < 0x4000 ? 0x0801
							    : 0x1001);
		ck_assert_uint_eq(registers[offset], UINT32_MAX);
		registers[offset] = (uint32_t)(stream[i] >> 16);
	}
	ck_assert_uint_eq(stream[104], 0);
	ck_assert_uint_eq(stream[105], 0x0101000000000014);
	ck_assert_uint_eq(stream[106], 0x0041000000000000);
	ck_assert_uint_eq(stream[107], 0x00810000000d0008);
}

static void emit_whole(const struct npu_matmul_layout *layout, uint64_t *stream)
{
	struct npu_matmul_tile tile = {0, layout->shape.m, 0, layout->n_padded};
	struct npu_matmul_iovas iovas = {0x10000, 0x20000, 0x30000};

	ck_assert_int_eq(npu_matmul_emit(layout, &tile, &iovas, stream, NPU_MATMUL_STREAM_ENTRIES),
			 0);
}

START_TEST(worked_example)
{
	static uint32_t registers[REGISTERS_END];
	uint64_t stream[NPU_MATMUL_STREAM_ENTRIES];
	struct npu_matmul_layout layout;
	const struct expected *expected;

	ck_assert_int_eq(npu_matmul_layout(&examples[_i].shape, &layout), 0);
	emit_whole(&layout, stream);
	run_body(stream, registers);
	for (expected = examples[_i].registers; expected->offset; expected++) {
		ck_assert_msg(registers[expected->offset] == expected->value, "%04x: %x, not %x",
			      expected->offset, registers[expected->offset], expected->value);
		registers[expected->offset] = 0;
	}
	for (int offset = 0; offset < REGISTERS_END; offset++)
		ck_assert_msg(registers[offset] == 0 || registers[offset] == UINT32_MAX,
			      "%04x: %x, not 0", offset, registers[offset]);
}
END_TEST

START_TEST(fp16_output)
{
	static uint32_t registers[REGISTERS_END];
	struct npu_matmul_shape shape = {4, 36, 16, NPU_MATMUL_FP16_FP16};
	uint64_t stream[NPU_MATMUL_STREAM_ENTRIES];
	struct npu_matmul_layout layout;

	ck_assert_int_eq(npu_matmul_layout(&shape, &layout), 0);
	emit_whole(&layout, stream);
	run_body(stream, registers);
	ck_assert_uint_eq(registers[0x4010], 0x48000002);
	ck_assert_uint_eq(registers[0x4050], 0x126);
	ck_assert_uint_eq(registers[0x4084], 0x10001);
	ck_assert_uint_eq(registers[0x40c0], 0x80);
}
END_TEST

/* ---- what a stream means ---- */

struct memory {
	unsigned char *a, *b, *c; /* at these IOVAs: */
	struct npu_matmul_iovas iovas;
};

/* Address of feature (channel, row) as the CNA computes it (hardware reference 4.3). */
static uint32_t feature_address(const uint32_t *registers, uint32_t channel, uint32_t row,
				uint32_t in_bytes)
{
	uint32_t lanes = 16 / in_bytes;
	int32_t skip = (int32_t)(registers[0x1080] << 4) >> 4;
	uint32_t line = registers[0x107c], surface_pitch = (uint32_t)(4 + skip);

	return registers[0x1070] +
	       16 * (channel / lanes * surface_pitch + row / 4 * line + row % 4) +
	       channel % lanes * in_bytes;
}

/* Weights: kernel groups, slices of 32 channels (hardware reference 4.10). */
static uint32_t weight_address(const uint32_t *registers, uint32_t kernel, uint32_t channel,
			       uint32_t in_bytes)
{
	uint32_t group = in_bytes == 1 ? 32 : 16;

	return registers[0x1110] + kernel / group * group * registers[0x1034] +
	       (channel / 32 * group * 32 + kernel % group * 32 + channel % 32) * in_bytes;
}

/* Results: by kernel group and atom (hardware reference 6.7). */
static uint32_t result_address(const uint32_t *registers, uint32_t kernel, uint32_t row,
			       const struct npu_matmul_layout *layout)
{
	uint32_t lanes = 16 / layout->out_bytes, in_group = kernel % layout->group;

	return registers[0x4020] + kernel / layout->group * registers[0x40c0] +
	       in_group / lanes * registers[0x4024] + row * 16 + kernel % lanes * layout->out_bytes;
}

static double load(const struct npu_matmul_layout *layout, const unsigned char *from)
{
	uint16_t bits;

	if (layout->in_bytes == 1)
		return *(const int8_t *)from;
	memcpy(&bits, from, sizeof(bits));
	return npu_fp16_to_float(bits);
}

static void store(const struct npu_matmul_layout *layout, double value, unsigned char *to)
{
	int32_t whole = (int32_t)value;
	float single = (float)value;
	uint16_t half = npu_fp16_from_float((float)value);

	if (layout->shape.type == NPU_MATMUL_INT8_INT32)
		memcpy(to, &whole, sizeof(whole));
	else if (layout->shape.type == NPU_MATMUL_FP16_FP32)
		memcpy(to, &single, sizeof(single));
	else
		memcpy(to, &half, sizeof(half));
}

static void run_stream(const struct npu_matmul_layout *layout, const uint64_t *stream,
		       const struct memory *memory)
{
	static uint32_t registers[REGISTERS_END];
	uint32_t n_rows, n_channels, n_kernels;

	run_body(stream, registers);
	n_rows = registers[0x1020] & 0x7ff;
	n_channels = registers[0x1024] & 0xffff;
	n_kernels = registers[0x1038] & 0x3fff;
	ck_assert_uint_le(n_rows * registers[0x1044] * 64, (registers[0x1040] & 0xf) * 32768);
	ck_assert_uint_eq((registers[0x1040] & 0xf) + (registers[0x1040] >> 4), 12);
	ck_assert_uint_le(layout->group * registers[0x1034], (registers[0x1040] >> 4) * 32768);
	for (uint32_t row = 0; row < n_rows; row++)
		for (uint32_t kernel = 0; kernel < n_kernels; kernel++) {
			double sum = 0;

			for (uint32_t k = 0; k < n_channels; k++)
				sum += load(layout, memory->a - memory->iovas.a +
							    feature_address(registers, k, row,
									    layout->in_bytes)) *
				       load(layout, memory->b - memory->iovas.b +
							    weight_address(registers, kernel, k,
									   layout->in_bytes));
			store(layout, sum,
			      memory->c - memory->iovas.c +
				      result_address(registers, kernel, row, layout));
		}
}

static const struct {
	const char *what;
	struct npu_matmul_shape shape;
	uint32_t n_cores;
} products[] = {
	{"one number", {1, 1, 1, NPU_MATMUL_INT8_INT32}, 1},
	{"fewer rows than a line group", {3, 40, 20, NPU_MATMUL_INT8_INT32}, 1},
	{"odd everything", {7, 33, 65, NPU_MATMUL_INT8_INT32}, 1},
	{"odd everything, fp16", {7, 33, 65, NPU_MATMUL_FP16_FP32}, 1},
	{"fp16 out", {5, 70, 40, NPU_MATMUL_FP16_FP16}, 1},
	{"bands of rows", {45, 11000, 10, NPU_MATMUL_INT8_INT32}, 1},
	{"bands of rows, fp16", {9, 11264, 5, NPU_MATMUL_FP16_FP32}, 1},
	{"tall", {1100, 5, 3, NPU_MATMUL_INT8_INT32}, 1},
	{"two cores by rows", {9, 40, 20, NPU_MATMUL_INT8_INT32}, 2},
	{"three cores by columns", {2, 40, 130, NPU_MATMUL_FP16_FP32}, 3},
	{"three cores, one row each", {3, 1, 1, NPU_MATMUL_INT8_INT32}, 3},
};

/* Small whole numbers, so that every type's sums are exact. */
static int element(uint32_t seed)
{
	return (int)(seed * 2654435761u >> 13) % 5 - 2;
}

static void fill(const struct npu_matmul_layout *layout, void *matrix, uint32_t n, uint32_t salt)
{
	for (uint32_t i = 0; i < n; i++)
		if (layout->in_bytes == 1)
			((int8_t *)matrix)[i] = (int8_t)element(i + salt);
		else
			((uint16_t *)matrix)[i] = npu_fp16_from_float((float)element(i + salt));
}

static double result_at(const struct npu_matmul_layout *layout, const void *c, size_t i)
{
	if (layout->shape.type == NPU_MATMUL_INT8_INT32)
		return ((const int32_t *)c)[i];
	if (layout->shape.type == NPU_MATMUL_FP16_FP32)
		return ((const float *)c)[i];
	return npu_fp16_to_float(((const uint16_t *)c)[i]);
}

static void check_product(const struct npu_matmul_layout *layout, const void *c, const char *what)
{
	const struct npu_matmul_shape *shape = &layout->shape;

	for (uint32_t m = 0; m < shape->m; m++)
		for (uint32_t n = 0; n < shape->n; n++) {
			long sum = 0;

			for (uint32_t k = 0; k < shape->k; k++)
				sum += element(m * shape->k + k) * element(k * shape->n + n + 99);
			ck_assert_msg(result_at(layout, c, (size_t)m * shape->n + n) == (double)sum,
				      "%s: C[%u][%u]", what, m, n);
		}
}

START_TEST(streams_multiply)
{
	struct memory memory = {.iovas = {0x100000, 0x4000000, 0x8000000}};
	uint64_t stream[NPU_MATMUL_STREAM_ENTRIES];
	struct npu_matmul_layout layout;
	struct npu_matmul_plan plan;
	struct npu_matmul_tile tile;
	void *a, *b, *c;

	ck_assert_int_eq(npu_matmul_layout(&products[_i].shape, &layout), 0);
	ck_assert_int_eq(npu_matmul_plan(&layout, products[_i].n_cores, &plan), 0);
	a = malloc((size_t)layout.shape.m * layout.shape.k * layout.in_bytes);
	b = malloc((size_t)layout.shape.k * layout.shape.n * layout.in_bytes);
	c = malloc((size_t)layout.shape.m * layout.shape.n * layout.out_bytes);
	memory.a = malloc(layout.a_bytes);
	memory.b = malloc(layout.b_bytes);
	memory.c = malloc(layout.c_bytes);
	fill(&layout, a, layout.shape.m * layout.shape.k, 0);
	fill(&layout, b, layout.shape.k * layout.shape.n, 99);
	npu_matmul_pack_a(&layout, a, memory.a);
	npu_matmul_pack_b(&layout, b, memory.b);
	memset(memory.c, 0xee, layout.c_bytes);
	for (uint32_t task = 0; task < plan.n_tasks; task++) {
		npu_matmul_plan_tile(&plan, task, &tile);
		ck_assert_int_eq(npu_matmul_emit(&layout, &tile, &memory.iovas, stream,
						 NPU_MATMUL_STREAM_ENTRIES),
				 0);
		run_stream(&layout, stream, &memory);
	}
	npu_matmul_unpack_c(&layout, memory.c, c);
	check_product(&layout, c, products[_i].what);
	free(memory.c);
	free(memory.b);
	free(memory.a);
	free(c);
	free(b);
	free(a);
}
END_TEST

static const struct {
	struct npu_matmul_tile tile;
	uint32_t iova, capacity;
	int error;
	const char *sentence;
} refused[] = {
	{{0, 16, 0, 64}, 0, 107, -ENOSPC, "capacity: 107, must be at least 108"},
	{{0, 16, 0, 64}, 8, 108, -EINVAL, "iovas: must be multiples of 16"},
	{{0, 0, 0, 64}, 0, 108, -EINVAL, "n_rows: 0, must be 1 to 1022"},
	{{0, 1023, 0, 64}, 0, 108, -EINVAL, "n_rows: 1023, must be 1 to 1022"},
	{{1, 16, 0, 64}, 0, 108, -EINVAL, "row: 1 + 16, must end at 16"},
	{{UINT32_MAX, 2, 0, 64}, 0, 108, -EINVAL, "row: 4294967295 + 2, must end at 16"},
	{{0, 16, 0, 0}, 0, 108, -EINVAL, "n_columns: 0, must be 1 to 8192"},
	{{0, 16, 32, 64}, 0, 108, -EINVAL, "column: 32 + 64, must end at 64"},
	{{0, 16, 0, 48}, 0, 108, -EINVAL, "column, n_columns: must be multiples of 32"},
};

START_TEST(refuses)
{
	struct npu_matmul_shape shape = {16, 32, 64, NPU_MATMUL_INT8_INT32};
	struct npu_matmul_iovas iovas = {0x10000, 0x20000, 0x30000 + refused[_i].iova};
	uint64_t stream[NPU_MATMUL_STREAM_ENTRIES];
	struct npu_matmul_layout layout;

	ck_assert_int_eq(npu_matmul_layout(&shape, &layout), 0);
	ck_assert_int_eq(
		npu_matmul_emit(&layout, &refused[_i].tile, &iovas, stream, refused[_i].capacity),
		refused[_i].error);
	ck_assert_str_eq(npu_last_error(), refused[_i].sentence);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ops_emit");
	TCase *tcase = tcase_create("emit");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, worked_example, 0, sizeof(examples) / sizeof(*examples));
	tcase_add_test(tcase, fp16_output);
	tcase_add_loop_test(tcase, streams_multiply, 0, sizeof(products) / sizeof(*products));
	tcase_add_loop_test(tcase, refuses, 0, sizeof(refused) / sizeof(*refused));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
