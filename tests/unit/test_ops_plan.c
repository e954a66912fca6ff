/* SPDX-License-Identifier: MIT */
/* Plans: every element of C belongs to exactly one task, and no task is more than a core can do. */
#include "npu_ops.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

static const struct npu_matmul_shape shapes[] = {
	{1, 1, 1, NPU_MATMUL_INT8_INT32},	{3, 40, 96, NPU_MATMUL_INT8_INT32},
	{5, 40, 48, NPU_MATMUL_FP16_FP32},	{1023, 64, 64, NPU_MATMUL_INT8_INT32},
	{64, 11264, 64, NPU_MATMUL_INT8_INT32}, {64, 11264, 64, NPU_MATMUL_FP16_FP16},
	{4, 64, 20000, NPU_MATMUL_INT8_INT32},	{4096, 4096, 4096, NPU_MATMUL_INT8_INT32},
	{1, 4096, 32000, NPU_MATMUL_FP16_FP32}, {2000, 784, 64, NPU_MATMUL_INT8_INT32},
	{512, 1024, 512, NPU_MATMUL_FP16_FP32}, {100000, 32, 3, NPU_MATMUL_FP16_FP16},
};

#define N_SHAPES ((int)(sizeof(shapes) / sizeof(*shapes)))

/* Rows must fit on chip beside one group of columns. */
static void check_tile(const struct npu_matmul_layout *layout, const struct npu_matmul_tile *tile)
{
	uint32_t row_bytes = (layout->k_padded * layout->in_bytes + 63) / 64 * 64;
	uint32_t group_bytes = layout->group * layout->k_padded * layout->in_bytes;
	uint32_t data_banks = (tile->n_rows * row_bytes + 32767) / 32768;
	uint32_t weight_banks = (group_bytes + 32767) / 32768;

	ck_assert_uint_ge(tile->n_rows, 1);
	ck_assert_uint_le(tile->n_rows, 1022);
	ck_assert_uint_ge(tile->n_columns, layout->group);
	ck_assert_uint_le(tile->n_columns, 8192);
	ck_assert_uint_eq(tile->column % layout->group, 0);
	ck_assert_uint_eq(tile->n_columns % layout->group, 0);
	ck_assert_uint_le(data_banks + weight_banks, 12);
	if (tile->n_columns > layout->group)
		ck_assert_uint_le((uint64_t)tile->n_rows * tile->n_columns * layout->k_padded,
				  1u << 26);
}

/* Tasks of a core walk its part row by row of tiles, so that coverage can be checked by order. */
static void check_core(const struct npu_matmul_plan *plan, uint32_t core)
{
	const struct npu_matmul_tile *part = &plan->cores[core].part;
	uint32_t row = part->row, column = part->column;
	struct npu_matmul_tile tile;

	for (uint32_t i = 0; i < plan->ranges[core].count; i++) {
		npu_matmul_plan_tile(plan, plan->ranges[core].start + i, &tile);
		check_tile(&plan->layout, &tile);
		ck_assert_uint_eq(tile.row, row);
		ck_assert_uint_eq(tile.column, column);
		column += tile.n_columns;
		if (column == part->column + part->n_columns) {
			column = part->column;
			row += tile.n_rows;
		}
	}
	ck_assert_uint_eq(row, part->row + part->n_rows);
	ck_assert_uint_eq(column, part->column);
}

START_TEST(covers_everything_once)
{
	uint32_t n_cores = 1 + (uint32_t)_i / N_SHAPES, start = 0;
	const struct npu_matmul_shape *shape = &shapes[_i % N_SHAPES];
	struct npu_matmul_layout layout;
	struct npu_matmul_plan plan;
	uint64_t area = 0;

	ck_assert_int_eq(npu_matmul_layout(shape, &layout), 0);
	if (n_cores > shape->m && n_cores > layout.n_padded / layout.group) {
		ck_assert_int_eq(npu_matmul_plan(&layout, n_cores, &plan), -EINVAL);
		return;
	}
	ck_assert_int_eq(npu_matmul_plan(&layout, n_cores, &plan), 0);
	for (uint32_t core = 0; core < n_cores; core++) {
		ck_assert_uint_eq(plan.ranges[core].start, start);
		ck_assert_uint_ge(plan.ranges[core].count, 1);
		start += plan.ranges[core].count;
		area += (uint64_t)plan.cores[core].part.n_rows * plan.cores[core].part.n_columns;
		check_core(&plan, core);
	}
	ck_assert_uint_eq(start, plan.n_tasks);
	/* Parts start where their predecessor ended in one direction, so equal area is coverage. */
	ck_assert_uint_eq(area, (uint64_t)shape->m * layout.n_padded);
}
END_TEST

START_TEST(shares_by_the_better_side)
{
	struct npu_matmul_shape tall = {4096, 64, 64, NPU_MATMUL_INT8_INT32};
	struct npu_matmul_shape wide = {4, 64, 96, NPU_MATMUL_INT8_INT32};
	struct npu_matmul_layout layout;
	struct npu_matmul_plan plan;

	ck_assert_int_eq(npu_matmul_layout(&tall, &layout), 0);
	ck_assert_int_eq(npu_matmul_plan(&layout, 3, &plan), 0);
	ck_assert_uint_eq(plan.cores[1].part.row, 1365);
	ck_assert_uint_eq(plan.cores[1].part.n_columns, 64);
	ck_assert_int_eq(npu_matmul_layout(&wide, &layout), 0);
	ck_assert_int_eq(npu_matmul_plan(&layout, 3, &plan), 0);
	ck_assert_uint_eq(plan.cores[1].part.column, 32);
	ck_assert_uint_eq(plan.cores[1].part.n_rows, 4);
}
END_TEST

static const struct {
	struct npu_matmul_shape shape;
	uint32_t n_cores;
	int error;
	const char *sentence;
} refused[] = {
	{{8, 8, 8, 0}, 0, -EINVAL, "n_cores: 0, must be 1 to 3"},
	{{8, 8, 8, 0}, 4, -EINVAL, "n_cores: 4, must be 1 to 3"},
	{{1, 8, 33, 0},
	 3,
	 -EINVAL,
	 "n_cores: 3, must be 1 to 2 for 1 rows and 2 groups of 32 columns"},
	{{200000, 11264, 1, NPU_MATMUL_FP16_FP32},
	 1,
	 -EINVAL,
	 "m, k: 4505600000 bytes, must be at most 4294967295"},
	{{180000, 11264, 1, NPU_MATMUL_FP16_FP32},
	 1,
	 -E2BIG,
	 "m, n: more than 65535 tasks; cut the product"},
};

START_TEST(refuses)
{
	struct npu_matmul_layout layout;
	struct npu_matmul_plan plan;
	int r;

	r = npu_matmul_layout(&refused[_i].shape, &layout);
	if (r == 0)
		r = npu_matmul_plan(&layout, refused[_i].n_cores, &plan);
	ck_assert_int_eq(r, refused[_i].error);
	ck_assert_str_eq(npu_last_error(), refused[_i].sentence);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ops_plan");
	TCase *tcase = tcase_create("plan");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, covers_everything_once, 0, N_SHAPES * (int)NPU_MATMUL_CORES);
	tcase_add_test(tcase, shares_by_the_better_side);
	tcase_add_loop_test(tcase, refuses, 0, sizeof(refused) / sizeof(*refused));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
