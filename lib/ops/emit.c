/* SPDX-License-Identifier: MIT */
/*
 * The register stream of one tile: every register a convolution without bias knows is written, most
 * of them with 0, so that the stream depends on nothing that ran before (hardware reference 9.1).
 */
#include "ops.h"
#include "regcmd.h"
#include "stream.h"

#include <errno.h>

/* Registers of the body, in the order in which known-good programs write them. */
static const struct ops_span body_spans[] = {
	{0x4004, 0x4004}, {0x100c, 0x1014}, {0x1020, 0x1038}, {0x1040, 0x1044}, {0x104c, 0x1068},
	{0x1070, 0x1088}, {0x1100, 0x1104}, {0x1110, 0x1110}, {0x1140, 0x1184}, {0x3010, 0x301c},
	{0x3030, 0x3030}, {0x400c, 0x4014}, {0x4020, 0x4024}, {0x4030, 0x4088}, {0x4090, 0x40ac},
	{0x40c0, 0x40c4}, {0x4100, 0x412c},
};

struct type_registers {
	uint32_t conv_con1, misc_cfg, data_format, bs_ow_cfg, out_cvt_scale;
	uint32_t
		group_atoms; /* output atoms per pixel of a kernel group (hardware reference 6.7) */
};

static const struct type_registers type_registers[NPU_MATMUL_TYPE_COUNT] = {
	[NPU_MATMUL_INT8_INT32] = {0x000, 0x000, 0x80000000, 0x7fe, 0x00001, 8},
	[NPU_MATMUL_FP16_FP32] = {0x120, 0x201, 0xa8000002, 0x36e, 0x00001, 4},
	[NPU_MATMUL_FP16_FP16] = {0x120, 0x201, 0x48000002, 0x126, 0x10001, 2},
};

/* Features, weights and the convolution buffer (hardware reference 4.1, 4.3, 4.9). */
static void set_cna(struct ops_stream *stream, const struct npu_matmul_layout *layout,
		    const struct npu_matmul_tile *tile)
{
	const struct type_registers *type = &type_registers[layout->shape.type];
	uint32_t k = layout->k_padded, kernel_bytes = k * layout->in_bytes;
	uint32_t data_banks = matmul_data_banks(layout, tile->n_rows);

	ops_stream_set(stream, REG_CNA_CONV_CON1, type->conv_con1);
	ops_stream_set(stream, REG_CNA_CONV_CON2, (tile->n_rows + 1) << 4);
	ops_stream_set(stream, REG_CNA_CONV_CON3, 0x9); /* stride 1, 1 */
	ops_stream_set(stream, REG_CNA_DATA_SIZE0, 1u << 16 | tile->n_rows);
	ops_stream_set(stream, REG_CNA_DATA_SIZE1, (k - 1) << 16 | k);
	ops_stream_set(stream, REG_CNA_DATA_SIZE2, 1);
	ops_stream_set(stream, REG_CNA_DATA_SIZE3, tile->n_rows);
	ops_stream_set(stream, REG_CNA_WEIGHT_SIZE0, kernel_bytes * tile->n_columns);
	ops_stream_set(stream, REG_CNA_WEIGHT_SIZE1, kernel_bytes);
	ops_stream_set(stream, REG_CNA_WEIGHT_SIZE2, 0x01010000 | tile->n_columns);
	ops_stream_set(stream, REG_CNA_CBUF_CON0, (CBUF_BANKS - data_banks) << 4 | data_banks);
	ops_stream_set(stream, REG_CNA_CBUF_CON1, matmul_row_entries(layout));
	ops_stream_set(stream, REG_CNA_CVT_CON0, 0xb); /* no conversion; scale 1, offset 0 */
	for (uint16_t o = REG_CNA_CVT_CON1; o <= REG_CNA_CVT_CON4; o += 4)
		ops_stream_set(stream, o, 0x00010000);
	ops_stream_set(stream, REG_CNA_DMA_CON0, 0x000f000f); /* bursts of 16 */
	ops_stream_set(stream, REG_CNA_DMA_CON1, 4);
	/* Signed: from the end of four rows to the next surface of the whole matrix. */
	ops_stream_set(stream, REG_CNA_DMA_CON2, (layout->shape.m - 4) & 0x0fffffff);
	ops_stream_set(stream, REG_CNA_FC_DATA_SIZE0, 1u << 16 | tile->n_rows);
	ops_stream_set(stream, REG_CNA_FC_DATA_SIZE1, k);
}

/* Accumulators straight to memory: all post-processing is bypassed (hardware reference 5, 6). */
static void set_core_and_dpu(struct ops_stream *stream, const struct npu_matmul_layout *layout,
			     const struct npu_matmul_tile *tile)
{
	const struct type_registers *type = &type_registers[layout->shape.type];
	uint32_t channel = tile->n_columns - 1;
	uint32_t surface_bytes = layout->shape.m * ATOM_BYTES;

	ops_stream_set(stream, REG_CORE_MISC_CFG, type->misc_cfg);
	ops_stream_set(stream, REG_CORE_DATAOUT_SIZE_0, (tile->n_rows - 1) << 16);
	ops_stream_set(stream, REG_CORE_DATAOUT_SIZE_1, channel);
	ops_stream_set(stream, REG_DPU_S_POINTER, 0xe); /* ping-pong (hardware reference 2.5) */
	ops_stream_set(stream, REG_DPU_FEATURE_MODE_CFG, 0x1e4);
	ops_stream_set(stream, REG_DPU_DATA_FORMAT, type->data_format);
	ops_stream_set(stream, REG_DPU_DST_SURF_STRIDE, surface_bytes);
	ops_stream_set(stream, REG_DPU_CUBE_HEIGHT, tile->n_rows - 1);
	ops_stream_set(stream, REG_DPU_CUBE_CHANNEL, channel << 16 | channel);
	ops_stream_set(stream, REG_DPU_BS_CFG, 0x53);
	ops_stream_set(stream, REG_DPU_BS_OW_CFG, type->bs_ow_cfg);
	ops_stream_set(stream, REG_DPU_WDMA_SIZE_0, channel);
	ops_stream_set(stream, REG_DPU_WDMA_SIZE_1, (tile->n_rows - 1) << 16);
	ops_stream_set(stream, REG_DPU_BN_CFG, 0x53);
	ops_stream_set(stream, REG_DPU_EW_CFG, 0x383);
	ops_stream_set(stream, REG_DPU_EW_CVT_SCALE, 1);
	ops_stream_set(stream, REG_DPU_OUT_CVT_SCALE, type->out_cvt_scale);
	ops_stream_set(stream, REG_DPU_SURFACE_ADD, type->group_atoms * surface_bytes);
}

static void set_addresses(struct ops_stream *stream, const struct npu_matmul_layout *layout,
			  const struct npu_matmul_tile *tile, const struct npu_matmul_iovas *iovas)
{
	uint32_t lanes = ATOM_BYTES / layout->out_bytes;
	uint32_t row_offset = tile->row * ATOM_BYTES;
	uint32_t surface = tile->column / lanes;

	ops_stream_set(stream, REG_CNA_FEATURE_ADDR, iovas->a + row_offset);
	ops_stream_set(stream, REG_CNA_DCOMP_ADDR0,
		       iovas->b + tile->column * layout->k_padded * layout->in_bytes);
	ops_stream_set(stream, REG_DPU_DST_BASE_ADDR,
		       iovas->c + surface * layout->shape.m * ATOM_BYTES + row_offset);
}

static int check_tile(const struct npu_matmul_layout *layout, const struct npu_matmul_tile *tile)
{
	uint32_t rows_max = matmul_rows_max(layout);

	if (tile->n_rows < 1 || tile->n_rows > rows_max)
		return npu_ops_error(-EINVAL, "n_rows: %u, must be 1 to %u", tile->n_rows,
				     rows_max);
	if (tile->row > layout->shape.m || tile->n_rows > layout->shape.m - tile->row)
		return npu_ops_error(-EINVAL, "row: %u + %u, must end at %u", tile->row,
				     tile->n_rows, layout->shape.m);
	if (tile->n_columns < 1 || tile->n_columns > MATMUL_COLUMNS_MAX)
		return npu_ops_error(-EINVAL, "n_columns: %u, must be 1 to %u", tile->n_columns,
				     MATMUL_COLUMNS_MAX);
	if (tile->column > layout->n_padded || tile->n_columns > layout->n_padded - tile->column)
		return npu_ops_error(-EINVAL, "column: %u + %u, must end at %u", tile->column,
				     tile->n_columns, layout->n_padded);
	if (tile->column % layout->group || tile->n_columns % layout->group)
		return npu_ops_error(-EINVAL, "column, n_columns: must be multiples of %u",
				     layout->group);
	return 0;
}

int npu_matmul_emit(const struct npu_matmul_layout *layout, const struct npu_matmul_tile *tile,
		    const struct npu_matmul_iovas *iovas, uint64_t *entries, uint32_t capacity)
{
	struct ops_stream stream;
	int r;

	if (capacity < NPU_MATMUL_STREAM_ENTRIES)
		return npu_ops_error(-ENOSPC, "capacity: %u, must be at least %u", capacity,
				     NPU_MATMUL_STREAM_ENTRIES);
	if ((iovas->a | iovas->b | iovas->c) % ATOM_BYTES)
		return npu_ops_error(-EINVAL, "iovas: must be multiples of %u", ATOM_BYTES);
	r = check_tile(layout, tile);
	if (r < 0)
		return r;
	ops_stream_init(&stream, entries, body_spans, sizeof(body_spans) / sizeof(*body_spans),
			OP_EN_CONVOLUTION);
	set_cna(&stream, layout, tile);
	set_core_and_dpu(&stream, layout, tile);
	set_addresses(&stream, layout, tile, iovas);
	return 0;
}
