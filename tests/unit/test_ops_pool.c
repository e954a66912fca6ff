/* SPDX-License-Identifier: MIT */
/* Streams of pooling register by register, from hardware reference 8; and refusals. */
#include "npu_ops.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The last of three bands of an average over 3x4, pads and all. I = 0x10000, O = 0x20000. */
static const struct npu_pool_shape average = {
	1024, 12, 20, {3, 4, 2, 3, 1, 2, 0, 3}, NPU_POOL_AVERAGE, -5};

static const struct {
	uint16_t offset;
	uint32_t value;
} expected[] = {
	{0x6004, 0xe},
	{0x600c, 1023},
	{0x6010, 4},
	{0x6014, 31},
	{0x6018, 511},
	{0x601c, 1},
	{0x6020, 31},
	{0x6024, 0x10},
	{0x6034, 0x210302},
	{0x6038, 21845},
	{0x603c, 16384},
	{0x6040, 0x2001},
	{0x6044, 0xfffffffb},
	{0x6048, 7},
	{0x6070, 0x20000 + 3 * 512 * 16},
	{0x607c, 5 * 512 * 16},
	{0x6084, 5 * 512 * 16},
	{0x60dc, 3},
	{0x7004, 0xe},
	{0x700c, 1023},
	{0x7010, 4},
	{0x7014, 31},
	{0x701c, 0x10000 + 7 * 1024 * 16},
	{0x7024, 16384},
	{0x7028, 12 * 16384},
	{0x7030, 1},
};

START_TEST(stream_of_a_band)
{
	struct npu_pool_iovas iovas = {0x10000, 0x20000};
	uint64_t stream[NPU_POOL_STREAM_ENTRIES];
	struct npu_pool_plan plan;
	struct npu_band band;
	size_t n_found = 0;

	ck_assert_int_eq(npu_pool_plan(&average, &plan), 0);
	ck_assert_uint_eq(plan.out_width, 512);
	ck_assert_uint_eq(plan.out_height, 5);
	ck_assert_uint_eq(plan.n_bands, 3);
	npu_pool_plan_band(&plan, 2, &band);
	ck_assert_int_eq(npu_pool_emit(&plan, &band, &iovas, stream, COUNT(stream)), 0);
	for (size_t i = 0; i < COUNT(stream) - 4; i++)
		for (size_t j = 0; j < COUNT(expected); j++)
			if (expected[j].offset == (uint16_t)stream[i]) {
				ck_assert_msg((uint32_t)(stream[i] >> 16) == expected[j].value,
					      "0x%x: 0x%x, not 0x%x", expected[j].offset,
					      (uint32_t)(stream[i] >> 16), expected[j].value);
				n_found++;
			}
	ck_assert_uint_eq(n_found, COUNT(expected));
	ck_assert_uint_eq(n_found, COUNT(stream) - 4);
	ck_assert_uint_eq(stream[COUNT(stream) - 1], 0x0081000000600008);
	ck_assert_int_eq(npu_pool_emit(&plan, &band, &iovas, stream, 29), -ENOSPC);
	ck_assert_str_eq(npu_last_error(), "capacity: 29, must be at least 30");
	iovas.output += 8;
	ck_assert_int_eq(npu_pool_emit(&plan, &band, &iovas, stream, COUNT(stream)), -EINVAL);
}
END_TEST

static const struct {
	struct npu_pool_shape shape;
	const char *sentence;
} refused[] = {
	{{8, 8, 8, {2, 2, 2, 2, 0, 0, 0, 0}, NPU_POOL_METHOD_COUNT, 0},
	 "method: 3, must be 0 to 2"},
	{{8, 8, 8, {2, 2, 2, 2, 0, 0, 0, 0}, NPU_POOL_MAX, 0, NPU_TYPE_COUNT},
	 "type: 2, must be 0 to 1"},
	{{8, 8, 8, {2, 2, 2, 2, 0, 0, 0, 0}, NPU_POOL_AVERAGE, 1, NPU_FP16},
	 "pad: 1, must be 0 to 0"},
	{{8193, 8, 8, {2, 2, 2, 2, 0, 0, 0, 0}, NPU_POOL_MAX, 0}, "width: 8193, must be 1 to 8192"},
	{{8, 0, 8, {2, 2, 2, 2, 0, 0, 0, 0}, NPU_POOL_MAX, 0}, "height: 0, must be 1 to 8192"},
	{{8, 8, 0, {2, 2, 2, 2, 0, 0, 0, 0}, NPU_POOL_MAX, 0}, "channels: 0, must be 1 to 8192"},
	{{20, 20, 8, {17, 2, 2, 2, 0, 0, 0, 0}, NPU_POOL_MAX, 0},
	 "kernel_width: 17, must be 1 to 16"},
	{{8, 8, 8, {2, 2, 2, 17, 0, 0, 0, 0}, NPU_POOL_MAX, 0}, "stride_y: 17, must be 1 to 16"},
	{{20, 20, 8, {16, 2, 2, 2, 8, 0, 0, 0}, NPU_POOL_MAX, 0}, "pad_left: 8, must be 0 to 7"},
	{{20, 20, 8, {2, 2, 2, 2, 0, 2, 0, 0}, NPU_POOL_MAX, 0}, "pad_top: 2, must be 0 to 1"},
};

START_TEST(refuses)
{
	struct npu_pool_plan plan;

	ck_assert_int_eq(npu_pool_plan(&refused[_i].shape, &plan), -EINVAL);
	ck_assert_str_eq(npu_last_error(), refused[_i].sentence);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ops_pool");
	TCase *tcase = tcase_create("pool");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, stream_of_a_band);
	tcase_add_loop_test(tcase, refuses, 0, (int)COUNT(refused));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
