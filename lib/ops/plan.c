/* SPDX-License-Identifier: MIT */
/*
 * Cutting a product into tasks. A task's rows of A must fit on chip whole, B streams through beside
 * them in groups of columns (hardware reference 4.9); k is never cut. Tasks are also kept short, so
 * that others get a turn between two of them. Cuts are even: no task is a leftover.
 */
#include "ops.h"
#include "regcmd.h"

#include <errno.h>
#include <stdbool.h>

/* FEATURE_GRAINS holds rows + 1 in 10 bits (hardware reference 4.9). */
#define ROWS_MAX 1022u
/* Multiply-accumulates of one task: about 65 us of a real core in int8, 130 us in fp16. */
#define TASK_MACS (1u << 26)

static uint32_t divide_up(uint32_t value, uint32_t by)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): every part has rows and columns */
	return value / by + (value % by != 0);
}

/* Where part `index` of `total` begins, for `n_parts` parts that differ by one at most. */
static uint32_t part_begin(uint32_t total, uint32_t n_parts, uint32_t index)
{
	return (uint32_t)((uint64_t)total * index / n_parts);
}

uint32_t matmul_row_entries(const struct npu_matmul_layout *layout)
{
	return divide_up(layout->k_padded * layout->in_bytes, CBUF_ENTRY_BYTES);
}

uint32_t matmul_data_banks(const struct npu_matmul_layout *layout, uint32_t n_rows)
{
	return divide_up(n_rows * matmul_row_entries(layout) * CBUF_ENTRY_BYTES, CBUF_BANK_BYTES);
}

uint32_t matmul_rows_max(const struct npu_matmul_layout *layout)
{
	uint32_t group_bytes = layout->group * layout->k_padded * layout->in_bytes;
	uint32_t data_banks = CBUF_BANKS - divide_up(group_bytes, CBUF_BANK_BYTES);
	uint32_t row_bytes = matmul_row_entries(layout) * CBUF_ENTRY_BYTES;
	uint32_t rows = data_banks * CBUF_BANK_BYTES / row_bytes;

	return rows < ROWS_MAX ? rows : ROWS_MAX;
}

uint32_t matmul_columns_max(const struct npu_matmul_layout *layout, uint32_t n_rows)
{
	uint32_t groups = TASK_MACS / (n_rows * layout->k_padded) / layout->group;
	uint32_t groups_max = MATMUL_COLUMNS_MAX / layout->group;

	if (groups == 0)
		groups = 1;
	return (groups < groups_max ? groups : groups_max) * layout->group;
}

/*
 * Shares C between cores, by rows or by groups of columns: whatever leaves the busiest core less,
 * columns where it is all the same, since then no two cores load the same weights.
 */
static void share_cores(const struct npu_matmul_layout *layout, struct npu_matmul_plan *plan)
{
	uint32_t m = layout->shape.m, n_cores = plan->n_cores;
	uint32_t groups = layout->n_padded / layout->group;
	bool by_columns = (uint64_t)divide_up(groups, n_cores) * m <=
			  (uint64_t)divide_up(m, n_cores) * groups;

	for (uint32_t i = 0; i < n_cores; i++) {
		struct npu_matmul_tile *part = &plan->cores[i].part;
		uint32_t begin = part_begin(by_columns ? groups : m, n_cores, i);
		uint32_t end = part_begin(by_columns ? groups : m, n_cores, i + 1);

		*part = (struct npu_matmul_tile){.n_rows = m, .n_columns = layout->n_padded};
		if (by_columns) {
			part->column = begin * layout->group;
			part->n_columns = (end - begin) * layout->group;
		} else {
			part->row = begin;
			part->n_rows = end - begin;
		}
	}
}

int npu_matmul_plan(const struct npu_matmul_layout *layout, uint32_t n_cores,
		    struct npu_matmul_plan *ret_plan)
{
	struct npu_matmul_plan plan = {.layout = *layout, .n_cores = n_cores};
	uint32_t groups = layout->n_padded / layout->group;
	uint64_t n_tasks = 0;

	if (n_cores < 1 || n_cores > NPU_MATMUL_CORES)
		return npu_ops_error(-EINVAL, "n_cores: %u, must be 1 to %u", n_cores,
				     NPU_MATMUL_CORES);
	if (n_cores > layout->shape.m && n_cores > groups)
		return npu_ops_error(-EINVAL,
				     "n_cores: %u, must be 1 to %u for %u rows and %u groups of "
				     "%u columns",
				     n_cores, layout->shape.m > groups ? layout->shape.m : groups,
				     layout->shape.m, groups, layout->group);
	share_cores(layout, &plan);
	for (uint32_t i = 0; i < n_cores; i++) {
		const struct npu_matmul_tile *part = &plan.cores[i].part;
		uint32_t n_bands = divide_up(part->n_rows, matmul_rows_max(layout));
		uint32_t columns_max = matmul_columns_max(layout, divide_up(part->n_rows, n_bands));
		uint32_t n_blocks = divide_up(part->n_columns, columns_max);

		plan.cores[i].n_bands = n_bands;
		plan.cores[i].n_blocks = n_blocks;
		plan.ranges[i].start = (uint32_t)n_tasks;
		plan.ranges[i].count = n_bands * n_blocks;
		n_tasks += (uint64_t)n_bands * n_blocks;
		if (n_tasks > NPU_MATMUL_TASKS_MAX)
			return npu_ops_error(-E2BIG, "m, n: more than %u tasks; cut the product",
					     NPU_MATMUL_TASKS_MAX);
	}
	plan.n_tasks = (uint32_t)n_tasks;
	*ret_plan = plan;
	return 0;
}

void npu_matmul_plan_tile(const struct npu_matmul_plan *plan, uint32_t task,
			  struct npu_matmul_tile *ret_tile)
{
	uint32_t group = plan->layout.group, core = 0;
	const struct npu_matmul_tile *part;
	uint32_t band, block, n_bands, n_blocks, n_groups;

	while (task >= plan->ranges[core].start + plan->ranges[core].count)
		core++;
	task -= plan->ranges[core].start;
	part = &plan->cores[core].part;
	n_bands = plan->cores[core].n_bands;
	n_blocks = plan->cores[core].n_blocks;
	n_groups = part->n_columns / group;
	band = task / n_blocks;
	block = task % n_blocks;
	ret_tile->row = part->row + part_begin(part->n_rows, n_bands, band);
	ret_tile->n_rows = part->row + part_begin(part->n_rows, n_bands, band + 1) - ret_tile->row;
	ret_tile->column = part->column + part_begin(n_groups, n_blocks, block) * group;
	ret_tile->n_columns =
		part->column + part_begin(n_groups, n_blocks, block + 1) * group - ret_tile->column;
}
