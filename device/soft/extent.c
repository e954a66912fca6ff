/* SPDX-License-Identifier: MIT */
/*
 * Every engine walks nested strides. Where a register gives more than the model reads, it is the
 * register that counts: silicon may fetch what nobody looks at.
 */
#include "device/soft/extent.h"

#include "device/soft/convolution.h"
#include "device/soft/decompress.h"
#include "device/soft/dpu_config.h"
#include "device/soft/mac.h"
#include "device/soft/ppu.h"

#include <assert.h>
#include <errno.h>

#define BLOCK_CHANNELS 8u /* of the tables of BRDMA and NRDMA */

/* Starts a range at a base, with what lies there in one piece. */
static struct soft_extent *extent_add(struct soft_extents *extents, uint32_t offset, uint32_t iova,
				      uint64_t size_bytes)
{
	struct soft_extent *extent = &extents->items[extents->n];

	assert(extents->n < SOFT_EXTENTS_MAX);
	extents->n++;
	*extent = (struct soft_extent){
		.offset = offset,
		.first = iova,
		.end = iova + (int64_t)(size_bytes > INT32_MAX ? 1ull << 33 : size_bytes),
	};
	return extent;
}

/*
 * The same again `n` times in all, each `stride` further on. Strides count modulo 2^32, so one from
 * 2^31 on goes backwards; a range too long to be counted becomes one that is nowhere.
 */
static void extent_repeat(struct soft_extent *extent, uint64_t n, uint32_t stride)
{
	int64_t reach;

	if (n == 0 || n > UINT32_MAX) {
		extent->end = INT64_MAX;
		return;
	}
	/* 32 bits times 31 bits. */
	reach = (int64_t)(n - 1) * (int32_t)stride;
	if (reach < 0 ? __builtin_add_overflow(extent->first, reach, &extent->first)
		      : __builtin_add_overflow(extent->end, reach, &extent->end))
		extent->end = INT64_MAX;
}

static uint32_t divide_up(uint32_t n, uint32_t by)
{
	return n / by + (n % by != 0);
}

/* ---- CNA ---- */

/* Of all surfaces, groups of lines that follow one another in memory. */
static void add_lines(struct soft_extents *extents, const struct soft_cna *cna, uint32_t iova,
		      uint32_t n_lines, uint32_t n_groups)
{
	struct soft_extent *extent = extent_add(extents, REG_CNA_FEATURE_DATA_ADDR, iova,
						(uint64_t)n_lines * cna->width * SOFT_ATOM_BYTES);

	extent_repeat(extent, n_groups, cna->line_stride_bytes);
	extent_repeat(extent, divide_up(cna->channels, cna->atom_channels),
		      cna->surface_pitch_bytes);
}

/* Rows of pixels of few channels. */
static void add_rows(struct soft_extents *extents, const struct soft_cna *cna,
		     uint32_t stride_bytes)
{
	const uint32_t pixel_bytes = cna->packed_channels * cna->element_bits / 8;
	struct soft_extent *extent =
		extent_add(extents, REG_CNA_FEATURE_DATA_ADDR, cna->feature_iova,
			   (uint64_t)cna->width * pixel_bytes);

	extent_repeat(extent, cna->height, stride_bytes);
}

static void add_features(struct soft_extents *extents, const struct soft_cna *cna)
{
	if (cna->packed_channels) {
		add_rows(extents, cna, cna->line_stride_bytes);
		if (cna->said_stride_bytes != cna->line_stride_bytes)
			add_rows(extents, cna, cna->said_stride_bytes);
		return;
	}
	if (cna->is_line_mode) {
		add_lines(extents, cna, cna->feature_iova, 1, cna->height);
		return;
	}
	if (cna->height >= 4)
		add_lines(extents, cna, cna->feature_iova, 4, cna->height / 4);
	if (cna->height % 4 > 0)
		add_lines(extents, cna,
			  cna->feature_iova + cna->height / 4 * cna->line_stride_bytes,
			  cna->height % 4, 1);
}

static void add_weights(struct soft_extents *extents, const struct soft_cna *cna)
{
	uint64_t size_bytes = cna->weight_bytes;

	if (cna->is_compressed) {
		size_bytes = 0;
		for (unsigned i = 0; i < SOFT_DCOMP_STREAMS; i++)
			size_bytes += (((uint64_t)cna->segment_amounts[i] + 1) * 16 +
				       SOFT_LINE_BYTES - 1) &
				      ~(uint64_t)(SOFT_LINE_BYTES - 1);
	}
	extent_add(extents, REG_CNA_DCOMP_ADDR0, cna->weight_iova, size_bytes);
}

/* ---- DPU_RDMA ---- */

static void add_cube(struct soft_extents *extents, uint32_t offset, const struct soft_cube *cube,
		     uint32_t height, uint32_t n_surfaces)
{
	struct soft_extent *extent =
		extent_add(extents, offset, cube->iova, (uint64_t)cube->width * SOFT_ATOM_BYTES);

	extent_repeat(extent, height, cube->line_bytes);
	extent_repeat(extent, n_surfaces, cube->surface_bytes);
}

static void add_table(struct soft_extents *extents, uint32_t offset,
		      const struct soft_operand_table *table, uint32_t channels)
{
	uint32_t channel_bytes =
		(table->has_alu ? 4 : 0) + (table->has_ow ? 2 : 0) + (table->has_mul ? 2 : 0);
	uint64_t n_channels = (uint64_t)divide_up(channels, BLOCK_CHANNELS) * BLOCK_CHANNELS;

	if (channel_bytes > 0)
		extent_add(extents, offset, table->iova, n_channels * channel_bytes);
}

static void add_operand(struct soft_extents *extents, const struct soft_dpu *dpu)
{
	const struct soft_rdma *rdma = &dpu->rdma;
	const struct soft_cube *cube = &rdma->operand[1];
	uint32_t n_surfaces = divide_up(dpu->output.real_channels,
					soft_precision_lanes(dpu->ew.operand_precision));
	struct soft_extent *extent;

	if (rdma->is_per_channel) {
		extent = extent_add(extents, REG_RDMA_EW_BASE_ADDR, cube->iova, SOFT_ATOM_BYTES);
		extent_repeat(extent, n_surfaces, cube->surface_bytes);
		return;
	}
	if (!rdma->is_interleaved) {
		add_cube(extents, REG_RDMA_EW_BASE_ADDR, cube, rdma->height, n_surfaces);
		return;
	}
	add_cube(extents, REG_RDMA_SRC_BASE_ADDR, &rdma->operand[0], rdma->height,
		 divide_up(n_surfaces, 2));
	if (n_surfaces > 1)
		add_cube(extents, REG_RDMA_EW_BASE_ADDR, cube, rdma->height, n_surfaces / 2);
}

static void add_rdma(struct soft_extents *extents, const struct soft_dpu *dpu)
{
	const struct soft_rdma *rdma = &dpu->rdma;

	if (dpu->is_flying)
		add_cube(extents, REG_RDMA_SRC_BASE_ADDR, &rdma->main, rdma->height,
			 divide_up(rdma->channels, soft_precision_lanes(rdma->precision)));
	add_table(extents, REG_RDMA_BS_BASE_ADDR, &rdma->bs, dpu->output.real_channels);
	add_table(extents, REG_RDMA_BN_BASE_ADDR, &rdma->bn, dpu->output.real_channels);
	if (soft_ew_is_binary(&dpu->ew) && dpu->ew.is_from_memory)
		add_operand(extents, dpu);
}

/* ---- DPU ---- */

/* `n_planes` groups of `n_atoms` atoms per pixel, from a plane on. */
static void add_planes(struct soft_extents *extents, const struct soft_output *output,
		       uint32_t iova, uint64_t n_planes, uint32_t n_atoms)
{
	struct soft_extent *extent = extent_add(extents, REG_DPU_DST_BASE_ADDR, iova,
						(uint64_t)output->wdma_width * SOFT_ATOM_BYTES);

	extent->is_write = true;
	extent_repeat(extent, output->wdma_height, output->line_bytes);
	extent_repeat(extent, n_atoms, output->surface_bytes);
	extent_repeat(extent, n_planes, output->group_bytes);
}

/* Of the last group only the atoms with real channels are written (hardware reference 6.7). */
static void add_output(struct soft_extents *extents, const struct soft_dpu *dpu)
{
	const struct soft_output *output = &dpu->output;
	uint32_t before = (dpu->n_groups - 1) * dpu->group_channels;
	uint32_t last_bits = (output->real_channels - before) * output->out_bits;
	uint32_t n_atoms = divide_up(dpu->group_channels * output->out_bits, SOFT_ATOM_BITS);
	uint64_t plane = (uint64_t)output->wdma_width * output->wdma_height;
	uint64_t n_results = (uint64_t)dpu->n_groups * output->n_pixels;

	if (!output->is_to_memory)
		return;
	if (plane != output->n_pixels) {
		add_planes(extents, output, output->iova, (n_results + plane - 1) / plane, n_atoms);
		return;
	}
	if (dpu->n_groups > 1)
		add_planes(extents, output, output->iova, dpu->n_groups - 1, n_atoms);
	add_planes(extents, output, output->iova + (dpu->n_groups - 1) * output->group_bytes, 1,
		   divide_up(last_bits, SOFT_ATOM_BITS));
}

/* ---- PPU ---- */

static uint32_t cube_size(const struct soft_group *group, uint32_t offset)
{
	return soft_group_field(group, offset, PPU_CUBE_SIZE) + 1;
}

static void add_pool_input(struct soft_extents *extents, const struct soft_operation *operation,
			   const struct soft_pool *pool)
{
	uint32_t channels = cube_size(&operation->ppu, REG_PPU_CUBE_IN_CHANNEL);
	struct soft_extent *extent = extent_add(extents, REG_PPU_RDMA_SRC_BASE_ADDR, pool->in_iova,
						(uint64_t)pool->in_width * SOFT_ATOM_BYTES);

	extent_repeat(extent, pool->in_height, pool->in_line_bytes);
	extent_repeat(extent, divide_up(channels, pool->lanes), pool->in_surface_bytes);
}

static void add_pool_output(struct soft_extents *extents, const struct soft_operation *operation,
			    const struct soft_pool *pool)
{
	const struct soft_group *group = &operation->ppu;
	uint32_t width = cube_size(group, REG_PPU_CUBE_OUT_WIDTH);
	uint32_t channels = cube_size(group, REG_PPU_CUBE_OUT_CHANNEL);
	struct soft_extent *extent = extent_add(extents, REG_PPU_DST_BASE_ADDR, pool->out_iova,
						(uint64_t)width * SOFT_ATOM_BYTES);

	extent->is_write = true;
	extent_repeat(extent, cube_size(group, REG_PPU_CUBE_OUT_HEIGHT), pool->out_line_bytes);
	extent_repeat(extent, divide_up(channels, pool->lanes), pool->out_surface_bytes);
}

static int find_pool(const struct soft_operation *operation, const struct soft_pool_source *source,
		     struct soft_complaint *complaint, struct soft_extents *extents)
{
	struct soft_pool pool;
	int r;

	r = soft_pool_configure(operation, source, complaint, &pool);
	if (r < 0)
		return r;
	if (!source)
		add_pool_input(extents, operation, &pool);
	add_pool_output(extents, operation, &pool);
	return 0;
}

/* ---- operations ---- */

static int find_dpu(const struct soft_operation *operation, const struct soft_dpu_input *input,
		    struct soft_complaint *complaint, struct soft_extents *extents)
{
	struct soft_pool_source source;
	struct soft_dpu dpu;
	int r;

	r = soft_dpu_configure(operation, input, complaint, &dpu);
	if (r < 0)
		return r;
	add_rdma(extents, &dpu);
	add_output(extents, &dpu);
	if (!soft_group_field(&operation->dpu, REG_DPU_FEATURE_MODE_CFG, DPU_OUTPUT_TO_PPU))
		return 0;
	source = soft_dpu_pool_source(&dpu);
	return find_pool(operation, &source, complaint, extents);
}

static int find_convolution(const struct soft_operation *operation,
			    struct soft_complaint *complaint, struct soft_extents *extents)
{
	struct soft_dpu_input input;
	struct soft_cna cna;
	struct soft_mac mac;
	int r;

	r = soft_convolution_configure(operation, complaint, &cna, &mac);
	if (r < 0)
		return r;
	add_features(extents, &cna);
	add_weights(extents, &cna);
	input = soft_convolution_output(&cna, &mac);
	return find_dpu(operation, &input, complaint, extents);
}

int soft_extents_find(const struct soft_operation *operation, struct soft_complaint *complaint,
		      struct soft_extents *ret_extents)
{
	enum soft_operation_kind kind = soft_operation_kind(operation);
	struct soft_extents extents = {0};
	int r = 0;

	if (kind == SOFT_OPERATION_NONE)
		return -ENODATA;
	if (kind == SOFT_OPERATION_CONVOLUTION)
		r = find_convolution(operation, complaint, &extents);
	else if (kind == SOFT_OPERATION_ELEMENTWISE)
		r = find_dpu(operation, NULL, complaint, &extents);
	if (r == 0 && soft_operation_pools(operation))
		r = find_pool(operation, NULL, complaint, &extents);
	if (r == 0)
		*ret_extents = extents;
	return r;
}
