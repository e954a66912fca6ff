/* SPDX-License-Identifier: MIT */
/* The register stream of one band of a convolution (hardware reference 4 to 7, 9.3). */
#include "conv2d.h"
#include "ops.h"
#include "regcmd.h"
#include "stream.h"

#include <errno.h>

/* Registers of the body, in the order in which known-good programs write them. */
static const struct ops_span body_spans[] = {
	{0x4004, 0x4004}, {0x5004, 0x5004}, {0x100c, 0x1014}, {0x1020, 0x1038}, {0x1040, 0x1044},
	{0x104c, 0x1068}, {0x1070, 0x1088}, {0x1100, 0x1104}, {0x1110, 0x1110}, {0x1140, 0x1184},
	{0x3010, 0x301c}, {0x3030, 0x3030}, {0x400c, 0x4014}, {0x4020, 0x4024}, {0x4030, 0x4088},
	{0x4090, 0x40ac}, {0x40c0, 0x40c4}, {0x4100, 0x412c}, {0x500c, 0x5014}, {0x5018, 0x5020},
	{0x5028, 0x502c}, {0x5034, 0x5038}, {0x5040, 0x504c}, {0x5064, 0x506c},
};

/* What depends on type and kind (hardware reference 4.12, 5.1, 6.2, 6.7, 7.1). */
struct modes {
	uint32_t conv_con1, misc_cfg, feature_mode, rdma_mode;
	uint32_t ow_sizes;    /* output atoms of a group of kernels, less one, three times */
	uint32_t group_atoms; /* of output, per pixel */
};

static const struct modes *modes_of(const struct npu_conv2d_shape *shape)
{
	static const struct modes modes[NPU_TYPE_COUNT][2] = {
		[NPU_INT8] = {{0x000, 0x001, 0x1e4, 0x07810, 0x124, 2},
			      {0x003, 0x003, 0x1fc, 0x07816, 0x36c, 4}},
		[NPU_FP16] = {{0x120, 0x200, 0x1e4, 0x17850, 0x124, 2},
			      {0x123, 0x202, 0x1fc, 0x17856, 0x36c, 4}},
	};

	return &modes[shape->type][shape->is_depthwise];
}

/* Shape and place of the features (hardware reference 4.1, 4.3). */
static void set_features(struct ops_stream *stream, const struct npu_conv2d_plan *plan,
			 const struct npu_band *band, uint32_t iova)
{
	const struct npu_conv2d_shape *shape = &plan->shape;
	uint32_t size = shape->width << 16 | band->n_in_rows;

	ops_stream_set(stream, REG_CNA_DATA_SIZE0, size);
	ops_stream_set(stream, REG_CNA_DATA_SIZE1,
		       (shape->channels - 1) << 16 | plan->channels_padded);
	ops_stream_set(stream, REG_CNA_DATA_SIZE2, plan->out_width);
	ops_stream_set(stream, REG_CNA_DATA_SIZE3, plan->out_width * band->n_out_rows);
	ops_stream_set(stream, REG_CNA_FEATURE_ADDR,
		       iova + band->in_row * shape->width * ATOM_BYTES);
	ops_stream_set(stream, REG_CNA_DMA_CON0, 0x000f000f); /* bursts of 16 */
	ops_stream_set(stream, REG_CNA_DMA_CON1, 4 * shape->width);
	/* Signed: from the end of four rows to the next surface of the whole image. */
	ops_stream_set(stream, REG_CNA_DMA_CON2,
		       (shape->width * shape->height - 4 * shape->width) & 0x0fffffff);
	ops_stream_set(stream, REG_CNA_FC_DATA_SIZE0, size);
	ops_stream_set(stream, REG_CNA_FC_DATA_SIZE1, plan->channels_padded);
}

/* Windows, weights and the convolution buffer (hardware reference 4.6 to 4.10). */
static void set_cna(struct ops_stream *stream, const struct npu_conv2d_plan *plan,
		    const struct npu_band *band, uint32_t iova)
{
	const struct npu_window *window = &plan->shape.window;
	uint32_t data_banks = conv2d_data_banks(plan, band->n_in_rows);

	ops_stream_set(stream, REG_CNA_CONV_CON1, modes_of(&plan->shape)->conv_con1);
	ops_stream_set(stream, REG_CNA_CONV_CON2, conv2d_grains(plan, band->n_in_rows) << 4);
	ops_stream_set(stream, REG_CNA_CONV_CON3, window->stride_y << 3 | window->stride_x);
	ops_stream_set(stream, REG_CNA_WEIGHT_SIZE0, (uint32_t)plan->weight_bytes);
	ops_stream_set(stream, REG_CNA_WEIGHT_SIZE1, conv2d_kernel_bytes(plan));
	ops_stream_set(stream, REG_CNA_WEIGHT_SIZE2,
		       window->kernel_width << 24 | window->kernel_height << 16 |
			       (plan->shape.is_depthwise ? 1 : plan->kernels_padded));
	ops_stream_set(stream, REG_CNA_CBUF_CON0, (CBUF_BANKS - data_banks) << 4 | data_banks);
	ops_stream_set(stream, REG_CNA_CBUF_CON1, conv2d_row_entries(plan));
	ops_stream_set(stream, REG_CNA_CVT_CON0, 0xb); /* no conversion; scale 1, offset 0 */
	for (uint16_t o = REG_CNA_CVT_CON1; o <= REG_CNA_CVT_CON4; o += 4)
		ops_stream_set(stream, o, 0x00010000);
	ops_stream_set(stream, REG_CNA_PAD_CON0, window->pad_left << 4 | band->pad_top);
	ops_stream_set(stream, REG_CNA_PAD_CON1, (uint32_t)plan->quantization.input_zero);
	ops_stream_set(stream, REG_CNA_DCOMP_ADDR0, iova);
}

/* Sums of fp32 to fp16 (hardware reference 6.2, 6.3); biases are presumed to be fp32 (7.5). */
static void set_floats(struct ops_stream *stream, const struct modes *modes)
{
	ops_stream_set(stream, REG_DPU_DATA_FORMAT, 0x48000002);
	ops_stream_set(stream, REG_DPU_BS_CFG, 0x20150);
	ops_stream_set(stream, REG_DPU_BS_OW_CFG, modes->ow_sizes | 2);
	ops_stream_set(stream, REG_DPU_OUT_CVT_SCALE, 0x10001);
}

/* From sums to int8 (hardware reference 5.2, 6.3, 6.6). */
static void set_quantization(struct ops_stream *stream, const struct modes *modes,
			     const struct npu_conv2d_quantization *quantization)
{
	if (quantization->is_per_channel) {
		/* The same shift for negative values; multipliers come by RDMA. */
		ops_stream_set(stream, REG_DPU_DATA_FORMAT,
			       (uint32_t)quantization->scale_shift << 4);
		ops_stream_set(stream, REG_DPU_BS_CFG, 0x20140);
		ops_stream_set(stream, REG_DPU_BS_MUL_CFG,
			       (uint32_t)quantization->scale_shift << 8 | 1);
		ops_stream_set(stream, REG_DPU_BS_OW_CFG, modes->ow_sizes | 1);
	} else {
		ops_stream_set(stream, REG_DPU_BS_CFG, 0x20150);
		ops_stream_set(stream, REG_DPU_BS_OW_CFG, modes->ow_sizes);
		ops_stream_set(stream, REG_DPU_BS_OW_OP,
			       (uint32_t)-quantization->weight_zero & 0xffff);
	}
	ops_stream_set(stream, REG_DPU_OUT_CVT_OFFSET, (uint32_t)quantization->output_zero);
	ops_stream_set(stream, REG_DPU_OUT_CVT_SCALE, quantization->out_scale);
	ops_stream_set(stream, REG_DPU_OUT_CVT_SHIFT, quantization->out_shift);
}

/* Shape and place of the output (hardware reference 6.7). */
static void set_output(struct ops_stream *stream, const struct npu_conv2d_plan *plan,
		       const struct npu_band *band, uint32_t iova)
{
	uint32_t surface_bytes = plan->out_width * plan->out_height * ATOM_BYTES;
	uint32_t channel = plan->kernels_padded - 1;
	uint32_t size = (band->n_out_rows - 1) << 16 | (plan->out_width - 1);

	ops_stream_set(stream, REG_CORE_MISC_CFG, modes_of(&plan->shape)->misc_cfg);
	ops_stream_set(stream, REG_CORE_DATAOUT_SIZE_0, size);
	ops_stream_set(stream, REG_CORE_DATAOUT_SIZE_1, channel);
	ops_stream_set(stream, REG_DPU_FEATURE_MODE_CFG, modes_of(&plan->shape)->feature_mode);
	ops_stream_set(stream, REG_DPU_DST_BASE_ADDR,
		       iova + band->out_row * plan->out_width * ATOM_BYTES);
	ops_stream_set(stream, REG_DPU_DST_SURF_STRIDE, surface_bytes);
	ops_stream_set(stream, REG_DPU_CUBE_WIDTH, plan->out_width - 1);
	ops_stream_set(stream, REG_DPU_CUBE_HEIGHT, band->n_out_rows - 1);
	ops_stream_set(stream, REG_DPU_CUBE_CHANNEL, (plan->shape.kernels - 1) << 16 | channel);
	ops_stream_set(stream, REG_DPU_WDMA_SIZE_0, channel);
	ops_stream_set(stream, REG_DPU_WDMA_SIZE_1, size);
	ops_stream_set(stream, REG_DPU_SURFACE_ADD,
		       modes_of(&plan->shape)->group_atoms * surface_bytes);
}

/* Operands per channel (hardware reference 7.5). */
static void set_rdma(struct ops_stream *stream, const struct npu_conv2d_plan *plan,
		     const struct npu_band *band, uint32_t iova)
{
	ops_stream_set(stream, REG_DPU_RDMA_CUBE_WIDTH, plan->out_width - 1);
	ops_stream_set(stream, REG_DPU_RDMA_CUBE_HEIGHT, band->n_out_rows - 1);
	ops_stream_set(stream, REG_DPU_RDMA_CUBE_CHANNEL, plan->kernels_padded - 1);
	ops_stream_set(stream, REG_DPU_RDMA_BRDMA_CFG,
		       plan->quantization.is_per_channel ? 0xe : 0x2);
	ops_stream_set(stream, REG_DPU_RDMA_BS_BASE_ADDR, iova);
	ops_stream_set(stream, REG_DPU_RDMA_ERDMA_CFG, 1); /* off */
	ops_stream_set(stream, REG_DPU_RDMA_FEATURE_MODE_CFG, modes_of(&plan->shape)->rdma_mode);
	ops_stream_set(stream, REG_DPU_RDMA_WEIGHT, 0x01010101);
}

int npu_conv2d_emit(const struct npu_conv2d_plan *plan, const struct npu_band *band,
		    const struct npu_conv2d_iovas *iovas, uint64_t *entries, uint32_t capacity)
{
	struct ops_stream stream;

	if (capacity < NPU_CONV2D_STREAM_ENTRIES)
		return npu_ops_error(-ENOSPC, "capacity: %u, must be at least %u", capacity,
				     NPU_CONV2D_STREAM_ENTRIES);
	if ((iovas->input | iovas->weights | iovas->operands | iovas->output) % ATOM_BYTES)
		return npu_ops_error(-EINVAL, "iovas: must be multiples of %u", ATOM_BYTES);
	ops_stream_init(&stream, entries, body_spans, sizeof(body_spans) / sizeof(*body_spans),
			OP_EN_CONVOLUTION_RDMA);
	ops_stream_set(&stream, REG_DPU_S_POINTER, 0xe); /* ping-pong (hardware reference 2.5) */
	ops_stream_set(&stream, REG_DPU_RDMA_S_POINTER, 0xe);
	set_features(&stream, plan, band, iovas->input);
	set_cna(&stream, plan, band, iovas->weights);
	if (plan->shape.type == NPU_FP16)
		set_floats(&stream, modes_of(&plan->shape));
	else
		set_quantization(&stream, modes_of(&plan->shape), &plan->quantization);
	ops_stream_set(&stream, REG_DPU_BN_CFG, plan->quantization.is_relu ? 0x12 : 0x53);
	ops_stream_set(&stream, REG_DPU_EW_CFG, 0x383);
	ops_stream_set(&stream, REG_DPU_EW_CVT_SCALE, 1);
	set_output(&stream, plan, band, iovas->output);
	set_rdma(&stream, plan, band, iovas->operands);
	return 0;
}
