/* SPDX-License-Identifier: MIT */
/*
 * What the software NPU computes: the reference's worked examples, products in every layout, chains
 * of tasks, and what it says of streams that it cannot compute.
 */
#include "tests/unit/npu_bench.h"

#include <errno.h>
#include <zlib.h>

/* The images of hardware reference 9.1 have zeros where the test operands have a pattern. */
static void clear_unreal(const struct matmul *mm, char *a, char *b)
{
	for (uint32_t k = mm->real_k; k < mm->k; k++) {
		for (uint32_t m = 0; m < mm->m; m++)
			memset(a + matmul_a_offset(mm, m, k), 0, 2);
		for (uint32_t n = 0; n < mm->n; n++)
			memset(b + matmul_b_offset(mm, k, n), 0, 2);
	}
}

static uint32_t crc(const char *bytes, size_t size)
{
	return (uint32_t)crc32(0, (const unsigned char *)bytes, (unsigned)size);
}

START_TEST(test_example_9_1)
{
	static const float row_0[] = {33, 33,  -45, 85, -32, -71, 85, -110,
				      85, -71, -32, 85, -45, 33,  33, -45};
	struct matmul mm = example_9_1();
	struct npu npu;

	npu_init(&npu);
	matmul_fill(&mm, npu.a, npu.b);
	clear_unreal(&mm, npu.a, npu.b);
	ck_assert_uint_eq(crc(npu.a, 512), 0xb1ed0ec9);
	ck_assert_uint_eq(crc(npu.b, 2048), 0x359a1b57);
	matmul_write(&npu.stream, &mm);
	npu_end_task(&npu, MATMUL_OP_EN);
	ck_assert_int_eq(npu_run(&npu, 0).kind, DEVICE_DONE);
	ck_assert_uint_eq(crc(npu.c, 256), 0xc74a361a);
	for (uint32_t n = 0; n < 16; n++)
		ck_assert(matmul_load(&mm, npu.c + matmul_c_offset(&mm, 0, n)) == row_0[n]);
	rig_deinit(&npu.rig);
}
END_TEST

static const struct {
	const char *what;
	struct matmul mm;
} products[] = {
	{"9.1", {RK3588_FP16, RK3588_FP32, 4, 64, 16, 36, PLACES}},
	{"9.1, fp16 out", {RK3588_FP16, RK3588_FP16, 4, 64, 16, 36, PLACES}},
	{"9.1, row-major", {RK3588_FP16, RK3588_FP32, 4, 64, 32, 64, true, PLACES}},
	{"9.1, H=1 W=4", {RK3588_FP16, RK3588_FP32, 4, 64, 32, 64, false, true, PLACES}},
	{"9.2", {RK3588_INT8, RK3588_INT32, 8, 32, 32, 32, PLACES}},
	{"9.2, one row", {RK3588_INT8, RK3588_INT32, 1, 32, 32, 32, PLACES}},
	{"rows no multiple of four", {RK3588_INT8, RK3588_INT32, 7, 64, 32, 64, PLACES}},
	{"last slice of 16", {RK3588_INT8, RK3588_INT32, 5, 48, 64, 48, PLACES}},
	{"last slices of 8 and 24", {RK3588_FP16, RK3588_FP32, 3, 40, 16, 40, PLACES}},
	{"last slice of 24", {RK3588_FP16, RK3588_FP32, 3, 56, 16, 56, PLACES}},
	{"compact last group", {RK3588_INT8, RK3588_INT32, 4, 64, 80, 64, PLACES}},
	{"compact last group, fp16", {RK3588_FP16, RK3588_FP16, 4, 64, 24, 64, PLACES}},
	{"odd kernels", {RK3588_FP16, RK3588_FP32, 2, 32, 5, 32, PLACES}},
	{"int8 out saturates", {RK3588_INT8, RK3588_INT8, 6, 96, 64, 96, PLACES}},
	{"real channels end in an atom", {RK3588_INT8, RK3588_INT32, 4, 64, 32, 33, PLACES}},
	{"many chunks", {RK3588_INT8, RK3588_INT32, 3, 1616, 32, 1610, PLACES}},
	{"many chunks, fp16", {RK3588_FP16, RK3588_FP32, 3, 1192, 16, 1187, PLACES}},
	{"many tiles", {RK3588_INT8, RK3588_INT32, 389, 32, 96, 32, PLACES}},
	{"many tiles, wide", {RK3588_FP16, RK3588_FP16, 513, 32, 48, 32, false, true, PLACES}},
	{"row-major int8", {RK3588_INT8, RK3588_INT32, 37, 96, 64, 96, true, PLACES}},
	{"row-major fp16 out", {RK3588_FP16, RK3588_FP16, 37, 160, 48, 160, true, PLACES}},
	{"fp32 out of int8", {RK3588_INT8, RK3588_FP32, 8, 64, 64, 64, PLACES}},
	{"fp16 out of int8", {RK3588_INT8, RK3588_FP16, 8, 64, 64, 64, PLACES}},
	{"features above the buffer", {RK3588_INT8, RK3588_INT32, 250, 2048, 32, 2048, PLACES}},
};

START_TEST(test_products)
{
	const struct matmul *mm = &products[_i].mm;
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	matmul_fill(mm, npu.a, npu.b);
	memset(npu.c, 0x55, 0x80000);
	matmul_write(&npu.stream, mm);
	npu_end_task(&npu, MATMUL_OP_EN);
	event = npu_run(&npu, (unsigned)_i % 3);
	ck_assert_msg(event.kind == DEVICE_DONE, "%s: %s", products[_i].what, event.detail);
	ck_assert_uint_eq(event.tasks_done, 1);
	ck_assert_uint_gt(event.device_ns, 0);
	ck_assert_msg(matmul_errors(mm, npu.c) == 0, "%s", products[_i].what);
	rig_deinit(&npu.rig);
}
END_TEST

/* One product of a series: same operands, results DISTANCE apart. */
static struct matmul series(unsigned i)
{
	struct matmul mm = example_9_1();

	mm.c_iova = C + i * DISTANCE;
	return mm;
}

/* Three bodies, each at STREAM + i * DISTANCE / 8; bodies of tasks 2 and up may be deltas. */
static void write_series(struct npu *npu, bool is_chained, bool has_deltas)
{
	for (unsigned i = 0; i < 3; i++) {
		struct matmul mm = series(i);
		uint32_t at = i * DISTANCE / 8 / 8,
			 next = i < 2 && is_chained ? STREAM + (i + 1) * DISTANCE / 8 : 0;

		npu->stream.n = at;
		if (has_deltas && i == 2) {
			rig_write(&npu->stream, REG_DPU_S_POINTER, S_POINTER_PING_PONG);
			rig_write(&npu->stream, REG_DPU_DST_BASE_ADDR, mm.c_iova);
		} else {
			matmul_write(&npu->stream, &mm);
		}
		rig_tail(&npu->stream, next, 64, MATMUL_OP_EN);
		npu->tasks[i] = (struct device_task){STREAM + i * DISTANCE / 8, npu->stream.n - at,
						     INT_DPU};
	}
	npu->batch.n_tasks = 3;
	npu->batch.is_chained = is_chained;
}

/* Chained or task by task, full bodies or deltas against the task before the last. */
START_TEST(test_series)
{
	struct matmul mm = series(0);
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	matmul_fill(&mm, npu.a, npu.b);
	write_series(&npu, _i & 1, _i & 2);
	event = npu_run(&npu, 1);
	ck_assert_msg(event.kind == DEVICE_DONE, "%s", event.detail);
	ck_assert_uint_eq(event.tasks_done, 3);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(matmul_errors(&mm, npu.c + i * DISTANCE), 0);
	rig_deinit(&npu.rig);
}
END_TEST

/* A chained body that leaves DPU.S_POINTER alone gets the first one's configuration (2.5). */
START_TEST(test_forgotten_pointer)
{
	struct matmul mm = series(0), second = series(1);
	struct npu npu;

	npu_init(&npu);
	matmul_fill(&mm, npu.a, npu.b);
	write_series(&npu, true, false);
	npu.stream.n = DISTANCE / 8 / 8;
	matmul_write(&npu.stream, &second);
	npu.stream.entries[DISTANCE / 8 / 8] = 0;
	npu.batch.n_tasks = 2;
	ck_assert_int_eq(npu_run(&npu, 0).kind, DEVICE_DONE);
	ck_assert_uint_eq(matmul_errors(&mm, npu.c), 0);
	ck_assert_int_eq(npu.c[DISTANCE], 0);
	rig_deinit(&npu.rig);
}
END_TEST

/* Tasks that the driver starts one by one, as those of `rocket`, do not need it again. */
START_TEST(test_pointer_of_started_tasks)
{
	struct matmul mm = series(0), second = series(1);
	struct npu npu;

	npu_init(&npu);
	matmul_fill(&mm, npu.a, npu.b);
	write_series(&npu, false, false);
	npu.stream.entries[DISTANCE / 8 / 8] = 0;
	npu.batch.is_chained = false;
	npu.batch.n_tasks = 2;
	ck_assert_int_eq(npu_run(&npu, 0).kind, DEVICE_DONE);
	ck_assert_uint_eq(matmul_errors(&mm, npu.c), 0);
	ck_assert_uint_eq(matmul_errors(&second, npu.c + DISTANCE), 0);
	rig_deinit(&npu.rig);
}
END_TEST

/* Results may be re-cut: 4 pixels of 2 groups written as 8 pixels of one (6.7). */
START_TEST(test_relabelled_output)
{
	struct matmul mm = {RK3588_FP16, RK3588_FP32, 4, 32, 32, 32, PLACES};
	struct npu npu;

	npu_init(&npu);
	matmul_fill(&mm, npu.a, npu.b);
	matmul_write(&npu.stream, &mm);
	rig_write(&npu.stream, REG_DPU_WDMA_SIZE_0, 15);
	rig_write(&npu.stream, REG_DPU_WDMA_SIZE_1, 7 << 16);
	rig_write(&npu.stream, REG_DPU_DST_SURF_STRIDE, 8 * 16);
	npu_end_task(&npu, MATMUL_OP_EN);
	ck_assert_int_eq(npu_run(&npu, 0).kind, DEVICE_DONE);
	for (uint32_t m = 0; m < 4; m++) {
		for (uint32_t n = 0; n < 32; n++) {
			size_t at = (n % 16 / 4 * 8 + n / 16 * 4 + m) * 16 + n % 4 * 4;

			ck_assert(matmul_load(&mm, npu.c + at) == matmul_c(&mm, m, n));
		}
	}
	rig_deinit(&npu.rig);
}
END_TEST

/* OUT_CVT of integers: multiply, shift to nearest, add; registers and one sum each. */
static const struct {
	const char *what;
	uint32_t scale, shift, offset;
	int32_t results[3]; /* of the sums 6, -6 and 10 */
} conversions[] = {
	{"identity", 1, 0, 0, {6, -6, 10}},
	{"offset", 1, 0, (uint32_t)-7, {-1, -13, 3}},
	{"ties to even", 1, 2, 0, {2, -2, 2}},
	{"ties away", 1, DPU_CVT_ROUND_AWAY | 2, 0, {2, -2, 3}},
	{"scale", 3, 1, 1, {10, -8, 16}},
	{"add first", 3, DPU_CVT_ADD_FIRST | 1, 1, {10, -8, 16}},
};

START_TEST(test_output_converter)
{
	struct matmul mm = {RK3588_INT8, RK3588_INT32, 3, 32, 32, 32, PLACES};
	static const char sums[] = {6, -6, 10};
	struct npu npu;

	npu_init(&npu);
	npu.b[0] = 1;
	for (uint32_t m = 0; m < 3; m++)
		npu.a[m * 16] = sums[m];
	matmul_write(&npu.stream, &mm);
	rig_write(&npu.stream, REG_DPU_OUT_CVT_SCALE, conversions[_i].scale);
	rig_write(&npu.stream, REG_DPU_OUT_CVT_SHIFT, conversions[_i].shift);
	rig_write(&npu.stream, REG_DPU_OUT_CVT_OFFSET, conversions[_i].offset);
	npu_end_task(&npu, MATMUL_OP_EN);
	ck_assert_int_eq(npu_run(&npu, 0).kind, DEVICE_DONE);
	for (uint32_t m = 0; m < 3; m++)
		ck_assert_msg(matmul_load(&mm, npu.c + m * 16) == conversions[_i].results[m],
			      "%s: %g", conversions[_i].what, matmul_load(&mm, npu.c + m * 16));
	rig_deinit(&npu.rig);
}
END_TEST

static const struct {
	const char *what;
	uint32_t offset, value, op_en;
	const char *complaint;
} complaints[] = {
	{"few channels not packed", 0x100c, 0xa120, 0xd, "CNA CONV_CON1: 0xa120, "},
	{"too few channels", 0x100c, 0x6000a120, 0xd, "CNA DATA_SIZE1: 0x230040, "},
	{"few-channel deconvolution", 0x100c, 0x6001a120, 0xd, "CNA CONV_CON1: 0x6001a120, "},
	{"many depthwise kernels", 0x100c, 0x123, 0xd, "CNA WEIGHT_SIZE2: 0x1010010, "},
	{"mode", 0x100c, 0x121, 0xd, "CNA CONV_CON1: 0x121, "},
	{"reserved precision", 0x100c, 0x240, 0xd, "CNA CONV_CON1: 0x240, "},
	{"mixed precision", 0x100c, 0x20, 0xd, "CNA CONV_CON1: 0x20, "},
	{"no stride", 0x1014, 0x1, 0xd, "CNA CONV_CON3: 0x1, "},
	{"stride beyond the input", 0x1014, 0x12, 0xd, "CNA DATA_SIZE3: 0x4, "},
	{"odd channels", 0x1024, 0x230024, 0xd, "CNA DATA_SIZE1: 0x230024, "},
	{"output beyond input", 0x1028, 2, 0xd, "CNA DATA_SIZE2: 0x2, "},
	{"rows with gaps", 0x1020, 0x20004, 0xd, "CNA FC_DATA_SIZE0: 0x10004, "},
	{"too many pixels", 0x102c, 5, 0xd, "CNA DATA_SIZE3: 0x5, "},
	{"weight bytes", 0x1030, 1, 0xd, "CNA WEIGHT_SIZE0: 0x1, "},
	{"3x3", 0x1038, 0x3030010, 0xd, "CNA WEIGHT_SIZE1: 0x80, "},
	{"weight reuse", 0x1040, 0x20b1, 0xd, "CNA CBUF_CON0: 0x20b1, "},
	{"data reuse", 0x1040, 0x10b1, 0xd, "CNA CBUF_CON0: 0x10b1, "},
	{"input converter", 0x104c, 0xe38e0, 0xd, "CNA CVT_CON0: 0xe38e0, "},
	{"unaligned", 0x1070, A + 8, 0xd, "CNA FEATURE_DATA_ADDR: 0x10400008, "},
	{"DMA rectangle", 0x1084, 0x10005, 0xd, "CNA FC_DATA_SIZE0: 0x10005, "},
	{"compressed", 0x1100, 1, 0xd, "CNA DCOMP_REGNUM: 0x0, "},
	{"zero skipping", 0x1060, 1, 0xd, "CNA FC_CON0: 0x1, "},
	{"serial input", 0x102c, 0x800004, 0xd, "CNA DATA_SIZE3: 0x800004, "},
	{"depthwise core", 0x3010, 0x203, 0xd, "CORE MISC_CFG: 0x203, "},
	{"core precision", 0x3010, 1, 0xd, "CORE MISC_CFG: 0x1, "},
	{"core size", 0x3014, 0x40000, 0xd, "CORE DATAOUT_SIZE_0: 0x40000, "},
	{"truncate", 0x301c, 1, 0xd, "CORE CLIP_TRUNCATE: 0x1, "},
	{"flying", 0x400c, 0x1e5, 0xd, "DPU FEATURE_MODE_CFG: 0x1e5, "},
	{"serial surfaces", 0x4010, 0xa800000a, 0xd, "DPU DATA_FORMAT: 0xa800000a, "},
	{"cube", 0x4034, 4, 0xd, "DPU DATA_CUBE_HEIGHT: 0x4, "},
	{"minmax", 0x4034, 0x400003, 0xd, "DPU DATA_CUBE_HEIGHT: 0x400003, "},
	{"surfaces", 0x4050, 0x126, 0xd, "DPU BS_OW_CFG: 0x126, "},
	{"WDMA", 0x405c, 0x40000, 0xd, "DPU WDMA_SIZE_1: 0x40000, "},
	{"LUT", 0x4070, 0x302, 0xd, "DPU LUT_CFG: 0x0, "},
	{"fp16 into fp32", 0x4084, 0x10001, 0xd, "DPU OUT_CVT_SCALE: 0x10001, "},
	{"PC register", 0x0020, 0xffff, 0xd, "PC INTERRUPT_MASK: 0xffff, "},
};

START_TEST(test_complaints)
{
	struct matmul mm = example_9_1();
	const char *complaint = complaints[_i].complaint;
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	matmul_write(&npu.stream, &mm);
	rig_write(&npu.stream, (uint16_t)complaints[_i].offset, complaints[_i].value);
	npu_end_task(&npu, complaints[_i].op_en);
	event = npu_run(&npu, 2);
	ck_assert_msg(event.kind == DEVICE_BAD_STREAM, "%s", complaints[_i].what);
	ck_assert_msg(strncmp(event.detail, complaint, strlen(complaint)) == 0, "%s: %s",
		      complaints[_i].what, event.detail);
	/* Stands still until it is reset. */
	ck_assert_int_eq(device_start(npu.rig.device, 2, &npu.batch), -EBUSY);
	ck_assert_int_eq(device_reset_core(npu.rig.device, 2), 0);
	ck_assert_uint_eq(npu.rig.n_events, 1);
	rig_deinit(&npu.rig);
}
END_TEST

/*
 * What depthwise programs in fp16 leave on. A stage that is off is off with all its units; what OW
 * would be in float modes is not known.
 */
START_TEST(test_ow_of_floats)
{
	struct matmul mm = example_9_1();
	bool is_stage_on = _i == 1;
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	matmul_fill(&mm, npu.a, npu.b);
	matmul_write(&npu.stream, &mm);
	rig_write(&npu.stream, REG_DPU_BS_CFG, is_stage_on ? 0x52 : 0x53);
	rig_write(&npu.stream, REG_DPU_BS_OW_CFG, 0x36c);
	rig_write(&npu.stream, REG_DPU_BS_OW_OP, 0x80);
	npu_end_task(&npu, MATMUL_OP_EN);
	event = npu_run(&npu, 0);
	if (is_stage_on)
		ck_assert_ptr_nonnull(strstr(event.detail, "DPU BS_OW_OP: 0x80, "));
	else
		ck_assert_uint_eq(matmul_errors(&mm, npu.c), 0);
	ck_assert_int_eq(event.kind, is_stage_on ? DEVICE_BAD_STREAM : DEVICE_DONE);
	rig_deinit(&npu.rig);
}
END_TEST

/* One row, of which more is there than is fetched: nobody needs it, or a second pixel does. */
START_TEST(test_wide_row)
{
	struct matmul mm = {RK3588_FP16, RK3588_FP32, 1, 32, 16, 32, PLACES};
	bool needs_it = _i == 1;
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	mm.m = needs_it ? 2 : 1;
	mm.is_wide = needs_it;
	matmul_fill(&mm, npu.a, npu.b);
	matmul_write(&npu.stream, &mm);
	rig_write(&npu.stream, REG_CNA_DATA_SIZE0, 0x20001);
	rig_write(&npu.stream, REG_CNA_FC_DATA_SIZE0, 0x10001);
	npu_end_task(&npu, MATMUL_OP_EN);
	event = npu_run(&npu, 0);
	if (needs_it)
		ck_assert_ptr_nonnull(strstr(event.detail, "CNA FC_DATA_SIZE0: 0x10001, "));
	else
		ck_assert_uint_eq(matmul_errors(&mm, npu.c), 0);
	ck_assert_int_eq(event.kind, needs_it ? DEVICE_BAD_STREAM : DEVICE_DONE);
	rig_deinit(&npu.rig);
}
END_TEST

/* A height that its field does not hold: the rows that are there, then what padding gives. */
START_TEST(test_rows_beyond)
{
	struct matmul mm = {RK3588_FP16, RK3588_FP32, 6, 32, 16, 32, true, PLACES};
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	matmul_fill(&mm, npu.a, npu.b);
	memset(npu.c, 0x55, 6 * 64);
	matmul_write(&npu.stream, &mm);
	rig_write(&npu.stream, REG_CNA_DATA_SIZE0, 0x10804);
	rig_write(&npu.stream, REG_CNA_FC_DATA_SIZE0, 0x10804);
	npu_end_task(&npu, MATMUL_OP_EN);
	event = npu_run(&npu, 0);
	ck_assert_msg(event.kind == DEVICE_DONE, "%s", event.detail);
	mm.m = 4;
	ck_assert_uint_eq(matmul_errors(&mm, npu.c), 0);
	for (uint32_t n = 0; n < 2 * 16; n++)
		ck_assert(matmul_load(&mm, npu.c + (size_t)(4 * 16 + n) * 4) == 0);
	ck_assert_msg(strstr(event.detail, "CNA DATA_SIZE0"), "%s", event.detail);
	rig_deinit(&npu.rig);
}
END_TEST

START_TEST(test_unknown_target)
{
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	rig_entry(&npu.stream, 0x0401, 0x2010, 7);
	npu_end_task(&npu, MATMUL_OP_EN);
	event = npu_run(&npu, 0);
	ck_assert_int_eq(event.kind, DEVICE_BAD_STREAM);
	ck_assert_ptr_nonnull(strstr(event.detail, "PC target 0x0401"));
	rig_deinit(&npu.rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_npu");
	TCase *tcase = tcase_create("soft_npu");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_example_9_1);
	tcase_add_loop_test(tcase, test_products, 0, COUNT(products));
	tcase_add_loop_test(tcase, test_series, 0, 4);
	tcase_add_test(tcase, test_forgotten_pointer);
	tcase_add_test(tcase, test_pointer_of_started_tasks);
	tcase_add_test(tcase, test_relabelled_output);
	tcase_add_loop_test(tcase, test_output_converter, 0, COUNT(conversions));
	tcase_add_loop_test(tcase, test_complaints, 0, COUNT(complaints));
	tcase_add_loop_test(tcase, test_ow_of_floats, 0, 2);
	tcase_add_loop_test(tcase, test_wide_row, 0, 2);
	tcase_add_test(tcase, test_rows_beyond);
	tcase_add_test(tcase, test_unknown_target);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
