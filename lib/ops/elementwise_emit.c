/* SPDX-License-Identifier: MIT */
/* The register stream of one run: the DPU without a convolution in front (hardware reference 6.8).
 */
#include "elementwise.h"
#include "ops.h"
#include "regcmd.h"
#include "stream.h"

#include <errno.h>

/* Registers of the body, in the order in which known-good programs write them. */
static const struct ops_span body_spans[] = {
	{0x4004, 0x4004}, {0x5004, 0x5004}, {0x400c, 0x4014}, {0x4020, 0x4024}, {0x4030, 0x4088},
	{0x4090, 0x40ac}, {0x40c0, 0x40c4}, {0x4108, 0x412c}, {0x500c, 0x5020}, {0x5028, 0x502c},
	{0x5034, 0x5038}, {0x5040, 0x504c}, {0x5064, 0x506c},
};

#define STAGE_OFF     0x53u    /* BS and BN */
#define STAGE_RELU    0x12u    /* nothing else */
#define STAGE_ADD     0x20050u /* a register */
#define STAGE_ADD_MUL 0x20040u /* registers */
#define EW_OFF	      0x383u
#define EW_TABLES     0x302u
#define EW_NO_RELU    0x200u
/* Operand cubes from memory: fp16, and int8 through the converter, add first. */
#define EW_FP16_ADD  0x108200c0u
#define EW_FP16_MUL  0x108001c4u
#define EW_INT8_ADD  0x904200c0u
#define EW_INT8_MUL  0x904000c4u
#define FP32_MINUS_0 0x80000000u

/* The tables' ranges: indices -16384 to 0, and to 16384; clamped outside. */
static void set_tables(struct ops_stream *stream)
{
	ops_stream_set(stream, REG_DPU_EW_CFG, EW_TABLES);
	ops_stream_set(stream, REG_DPU_LUT_CFG, 0x68);
	ops_stream_set(stream, REG_DPU_LUT_INFO, 0x00050500);
	ops_stream_set(stream, REG_DPU_LUT_LE_START, (uint32_t)-ELEMENTWISE_TABLE_RANGE);
	ops_stream_set(stream, REG_DPU_LUT_LO_END, ELEMENTWISE_TABLE_RANGE);
}

/* Scaled to indices; results are in units of 2^-15, less 1. */
static void set_fp16_sigmoid(struct ops_stream *stream)
{
	ops_stream_set(stream, REG_DPU_BN_CFG, STAGE_ADD_MUL);
	ops_stream_set(stream, REG_DPU_BN_ALU_CFG, FP32_MINUS_0);
	ops_stream_set(stream, REG_DPU_BN_MUL_CFG,
		       (uint32_t)npu_fp16_from_float(ELEMENTWISE_FP16_UNIT) << 16);
	ops_stream_set(stream, REG_DPU_OUT_CVT_OFFSET, 1);
	ops_stream_set(stream, REG_DPU_OUT_CVT_SHIFT, 1u << 31 | 15u << 12); /* add first */
	set_tables(stream);
}

static void set_fp16(struct ops_stream *stream, const struct npu_elementwise_plan *plan)
{
	enum npu_elementwise_operation operation = plan->shape.operation;
	uint32_t no_relu = plan->quantization.is_relu ? 0 : EW_NO_RELU;

	ops_stream_set(stream, REG_DPU_DATA_FORMAT, 0x48000002);
	ops_stream_set(stream, REG_DPU_BS_CFG, STAGE_OFF);
	ops_stream_set(stream, REG_DPU_OUT_CVT_SCALE, 0x10001);
	ops_stream_set(stream, REG_DPU_EW_CVT_SCALE, 1);
	if (operation == NPU_SIGMOID) {
		set_fp16_sigmoid(stream);
		return;
	}
	ops_stream_set(stream, REG_DPU_BN_CFG, operation == NPU_RELU ? STAGE_RELU : STAGE_OFF);
	ops_stream_set(stream, REG_DPU_EW_CFG,
		       operation == NPU_ADD	   ? EW_FP16_ADD | no_relu
		       : operation == NPU_MULTIPLY ? EW_FP16_MUL | no_relu
						   : EW_OFF);
}

/* Of `a` in int8: less its zero point, times `scale`. */
static void set_int8_input(struct ops_stream *stream, int8_t zero, uint32_t scale)
{
	ops_stream_set(stream, REG_DPU_BS_CFG, scale == 1 ? STAGE_ADD : STAGE_ADD_MUL);
	ops_stream_set(stream, REG_DPU_BS_ALU_CFG, (uint32_t)-zero);
	ops_stream_set(stream, REG_DPU_BS_MUL_CFG, scale << 16);
}

static void set_int8(struct ops_stream *stream, const struct npu_elementwise_plan *plan)
{
	const struct npu_elementwise_quantization *quantization = &plan->quantization;
	enum npu_elementwise_operation operation = plan->shape.operation;
	uint32_t no_relu = quantization->is_relu ? 0 : EW_NO_RELU;

	ops_stream_set(stream, REG_DPU_BN_CFG, operation == NPU_RELU ? STAGE_RELU : STAGE_OFF);
	if (operation == NPU_SIGMOID) {
		set_int8_input(stream, quantization->a_zero, ELEMENTWISE_INT8_UNIT);
		ops_stream_set(stream, REG_DPU_OUT_CVT_SCALE, 1);
		set_tables(stream);
		return;
	}
	set_int8_input(stream, quantization->a_zero,
		       operation == NPU_ADD ? quantization->a_scale : 1);
	ops_stream_set(stream, REG_DPU_EW_CFG,
		       operation == NPU_ADD	   ? EW_INT8_ADD | no_relu
		       : operation == NPU_MULTIPLY ? EW_INT8_MUL | no_relu
						   : EW_OFF);
	ops_stream_set(stream, REG_DPU_EW_CVT_OFFSET, (uint32_t)-quantization->b_zero);
	ops_stream_set(stream, REG_DPU_EW_CVT_SCALE,
		       operation == NPU_ADD ? quantization->b_scale : 1);
	ops_stream_set(stream, REG_DPU_OUT_CVT_OFFSET, (uint32_t)quantization->output_zero);
	ops_stream_set(stream, REG_DPU_OUT_CVT_SCALE, quantization->out_scale);
	ops_stream_set(stream, REG_DPU_OUT_CVT_SHIFT, quantization->out_shift);
}

static void set_shapes(struct ops_stream *stream, const struct npu_elementwise_plan *plan,
		       const struct npu_run *run)
{
	uint32_t lanes = ATOM_BYTES / ops_type_bytes(plan->shape.type);
	uint32_t channel = ops_round_up(plan->shape.channels, lanes) - 1;
	uint32_t width = run->n_pixels - 1;

	ops_stream_set(stream, REG_DPU_FEATURE_MODE_CFG, 0x1e5);
	ops_stream_set(stream, REG_DPU_CUBE_WIDTH, width);
	ops_stream_set(stream, REG_DPU_CUBE_CHANNEL, (plan->shape.channels - 1) << 16 | channel);
	ops_stream_set(stream, REG_DPU_BS_OW_CFG, 2); /* off */
	ops_stream_set(stream, REG_DPU_WDMA_SIZE_0, channel);
	ops_stream_set(stream, REG_DPU_WDMA_SIZE_1, width);
	ops_stream_set(stream, REG_DPU_RDMA_CUBE_WIDTH, width);
	ops_stream_set(stream, REG_DPU_RDMA_CUBE_CHANNEL, channel);
}

static void set_memory(struct ops_stream *stream, const struct npu_elementwise_plan *plan,
		       const struct npu_run *run, const struct npu_elementwise_iovas *iovas)
{
	uint32_t surface = plan->n_pixels * ATOM_BYTES, offset = run->first * ATOM_BYTES;
	bool is_fp16 = plan->shape.type == NPU_FP16;

	ops_stream_set(stream, REG_DPU_DST_BASE_ADDR, iovas->output + offset);
	ops_stream_set(stream, REG_DPU_DST_SURF_STRIDE, surface);
	ops_stream_set(stream, REG_DPU_SURFACE_ADD, surface);
	ops_stream_set(stream, REG_DPU_RDMA_SRC_BASE_ADDR, iovas->a + offset);
	ops_stream_set(stream, REG_DPU_RDMA_SURF_NOTCH, surface - run->n_pixels * ATOM_BYTES);
	ops_stream_set(stream, REG_DPU_RDMA_FEATURE_MODE_CFG, is_fp16 ? 0x17849 : 0x7801);
	ops_stream_set(stream, REG_DPU_RDMA_WEIGHT, 0x01010101);
	if (!elementwise_is_binary(plan->shape.operation)) {
		ops_stream_set(stream, REG_DPU_RDMA_ERDMA_CFG, 1); /* off */
		return;
	}
	ops_stream_set(stream, REG_DPU_RDMA_ERDMA_CFG, is_fp16 ? 0x40000008 : 0x40000004);
	ops_stream_set(stream, REG_DPU_RDMA_EW_BASE_ADDR, iovas->b + offset);
	ops_stream_set(stream, REG_DPU_RDMA_EW_SURF_STRIDE, surface);
}

static int check(const struct npu_elementwise_plan *plan, const struct npu_elementwise_iovas *iovas,
		 uint32_t capacity)
{
	uint32_t b = elementwise_is_binary(plan->shape.operation) ? iovas->b : 0;

	if (capacity < plan->stream_entries)
		return npu_ops_error(-ENOSPC, "capacity: %u, must be at least %u", capacity,
				     plan->stream_entries);
	if ((iovas->a | b | iovas->output) % ATOM_BYTES)
		return npu_ops_error(-EINVAL, "iovas: must be multiples of %u", ATOM_BYTES);
	return 0;
}

int npu_elementwise_emit(const struct npu_elementwise_plan *plan, const struct npu_run *run,
			 const struct npu_elementwise_iovas *iovas, uint64_t *entries,
			 uint32_t capacity)
{
	bool has_tables = plan->shape.operation == NPU_SIGMOID;
	/* Programs with tables leave ping-pong off (hardware reference 2.5). */
	uint32_t pointer = has_tables ? 0x30 : 0xe;
	struct ops_stream stream;
	int r = check(plan, iovas, capacity);

	if (r < 0)
		return r;
	if (has_tables) {
		elementwise_emit_tables(plan, entries);
		entries += ELEMENTWISE_TABLE_ENTRIES;
	}
	ops_stream_init(&stream, entries, body_spans, sizeof(body_spans) / sizeof(*body_spans),
			OP_EN_ELEMENTWISE);
	ops_stream_set(&stream, REG_DPU_S_POINTER, pointer);
	ops_stream_set(&stream, REG_DPU_RDMA_S_POINTER, pointer);
	set_shapes(&stream, plan, run);
	set_memory(&stream, plan, run, iovas);
	if (plan->shape.type == NPU_FP16)
		set_fp16(&stream, plan);
	else
		set_int8(&stream, plan);
	return 0;
}
