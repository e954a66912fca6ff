/* SPDX-License-Identifier: MIT */
/* Pooling, cut into bands, and the register stream of one (hardware reference 8). */
#include "pool.h"

#include "ops.h"
#include "regcmd.h"
#include "stream.h"

#include <errno.h>

/* Atoms of one surface that a task reads, as in known-good programs (hardware reference 8). */
#define TASK_ATOMS 8192u
/* Integer reciprocals are in units of 2^-16. */
#define RECIPROCAL_ONE 65536u

/* Registers of the body, in the order in which known-good programs write them. */
static const struct ops_span body_spans[] = {
	{0x6004, 0x6004}, {0x7004, 0x7004}, {0x600c, 0x6024}, {0x6034, 0x6048},
	{0x6070, 0x6070}, {0x607c, 0x607c}, {0x6084, 0x6084}, {0x60dc, 0x60dc},
	{0x700c, 0x7014}, {0x701c, 0x701c}, {0x7024, 0x7028}, {0x7030, 0x7030},
};

static int check_shape(const struct npu_pool_shape *shape)
{
	static const struct ops_window_limits limits = {NPU_POOL_KERNEL_MAX, NPU_POOL_STRIDE_MAX,
							NPU_POOL_PAD_MAX};
	int r;

	r = ops_check_range("method", (uint32_t)shape->method, 0, NPU_POOL_METHOD_COUNT - 1);
	if (r == 0)
		r = ops_check_type(shape->type);
	if (r == 0 && shape->type == NPU_FP16)
		r = ops_check_range("pad", (uint8_t)shape->pad, 0, 0);
	if (r == 0)
		r = ops_check_range("width", shape->width, 1, NPU_POOL_SIZE_MAX);
	if (r == 0)
		r = ops_check_range("height", shape->height, 1, NPU_POOL_SIZE_MAX);
	if (r == 0)
		r = ops_check_range("channels", shape->channels, 1, NPU_POOL_CHANNELS_MAX);
	if (r == 0)
		r = ops_window_check(&shape->window, &limits, shape->width, shape->height);
	return r;
}

static uint32_t rows_max(const struct npu_pool_shape *shape)
{
	uint32_t rows =
		ops_window_rows_max(&shape->window, shape->height, TASK_ATOMS / shape->width);

	/* A row of output is never cut, however many atoms its windows take. */
	return rows ? rows : 1;
}

struct npu_tensor pool_input(const struct npu_pool_plan *plan)
{
	const struct npu_pool_shape *shape = &plan->shape;

	return (struct npu_tensor){shape->width, shape->height, shape->channels, shape->type};
}

struct npu_tensor pool_output(const struct npu_pool_plan *plan)
{
	return (struct npu_tensor){plan->out_width, plan->out_height, plan->shape.channels,
				   plan->shape.type};
}

int npu_pool_plan(const struct npu_pool_shape *shape, struct npu_pool_plan *ret_plan)
{
	struct npu_pool_plan plan = {.shape = *shape};
	struct npu_tensor in, out;
	int r;

	r = check_shape(shape);
	if (r < 0)
		return r;
	plan.out_width = ops_window_out_width(&shape->window, shape->width);
	plan.out_height = ops_window_out_height(&shape->window, shape->height);
	plan.n_bands = ops_divide_up(plan.out_height, rows_max(shape));
	in = pool_input(&plan);
	out = pool_output(&plan);
	plan.input_bytes = ops_tensor_image_bytes(&in);
	plan.output_bytes = ops_tensor_image_bytes(&out);
	r = ops_check_image("width, height, channels", plan.input_bytes);
	if (r == 0)
		r = ops_check_image("width, height, channels", plan.output_bytes);
	if (r == 0)
		*ret_plan = plan;
	return r;
}

void npu_pool_plan_band(const struct npu_pool_plan *plan, uint32_t index, struct npu_band *ret_band)
{
	ops_window_band(&plan->shape.window, plan->shape.height, plan->n_bands, index, ret_band);
}

void npu_pool_pack_input(const struct npu_pool_plan *plan, const void *input, void *image)
{
	struct npu_tensor tensor = pool_input(plan);

	ops_tensor_pack(&tensor, input, image);
}

void npu_pool_unpack_output(const struct npu_pool_plan *plan, const void *image, void *output)
{
	struct npu_tensor tensor = pool_output(plan);

	ops_tensor_unpack(&tensor, image, output);
}

/* Integers: in units of 2^-16; fp16: a float with one bit of exponent more (bias 31). */
static uint32_t reciprocal(uint32_t side, enum npu_type type)
{
	if (type == NPU_INT8)
		return (RECIPROCAL_ONE + side / 2) / side;
	return npu_fp16_from_float(1.0f / (float)side) + ((31u - 15u) << 10);
}

static void set_window(struct ops_stream *stream, const struct npu_pool_shape *shape,
		       const struct npu_band *band)
{
	const struct npu_window *window = &shape->window;
	bool is_average = shape->method == NPU_POOL_AVERAGE;

	/* Data from memory, not from the DPU; methods have the numbers of the hardware. */
	ops_stream_set(stream, REG_PPU_OPERATION_MODE_CFG, 1u << 4 | (uint32_t)shape->method);
	ops_stream_set(stream, REG_PPU_POOLING_KERNEL_CFG,
		       (window->stride_y - 1) << 20 | (window->stride_x - 1) << 16 |
			       (window->kernel_height - 1) << 8 | (window->kernel_width - 1));
	ops_stream_set(stream, REG_PPU_POOLING_PADDING_CFG,
		       band->pad_bottom << 12 | window->pad_right << 8 | band->pad_top << 4 |
			       window->pad_left);
	if (!is_average)
		return;
	ops_stream_set(stream, REG_PPU_RECIP_KERNEL_WIDTH,
		       reciprocal(window->kernel_width, shape->type));
	ops_stream_set(stream, REG_PPU_RECIP_KERNEL_HEIGHT,
		       reciprocal(window->kernel_height, shape->type));
	/* 35 bits, with sign. */
	ops_stream_set(stream, REG_PPU_PADDING_VALUE_1_CFG, (uint32_t)shape->pad);
	ops_stream_set(stream, REG_PPU_PADDING_VALUE_2_CFG, shape->pad < 0 ? 7 : 0);
}

/* Of those that fill whole atoms. */
static uint32_t last_channel(const struct npu_pool_shape *shape)
{
	return ops_round_up(shape->channels, ATOM_BYTES / ops_type_bytes(shape->type)) - 1;
}

static void set_ppu(struct ops_stream *stream, const struct npu_pool_plan *plan,
		    const struct npu_band *band, uint32_t iova)
{
	uint32_t channel = last_channel(&plan->shape);
	uint32_t surface_bytes = plan->out_width * plan->out_height * ATOM_BYTES;

	ops_stream_set(stream, REG_PPU_S_POINTER, 0xe); /* ping-pong (hardware reference 2.5) */
	ops_stream_set(stream, REG_PPU_CUBE_IN_WIDTH, plan->shape.width - 1);
	ops_stream_set(stream, REG_PPU_CUBE_IN_HEIGHT, band->n_in_rows - 1);
	ops_stream_set(stream, REG_PPU_CUBE_IN_CHANNEL, channel);
	ops_stream_set(stream, REG_PPU_CUBE_OUT_WIDTH, plan->out_width - 1);
	ops_stream_set(stream, REG_PPU_CUBE_OUT_HEIGHT, band->n_out_rows - 1);
	ops_stream_set(stream, REG_PPU_CUBE_OUT_CHANNEL, channel);
	ops_stream_set(stream, REG_PPU_DST_BASE_ADDR,
		       iova + band->out_row * plan->out_width * ATOM_BYTES);
	ops_stream_set(stream, REG_PPU_DST_SURF_STRIDE, surface_bytes);
	ops_stream_set(stream, REG_PPU_DATA_FORMAT,
		       surface_bytes | (plan->shape.type == NPU_FP16 ? 2 : 0));
	ops_stream_set(stream, REG_PPU_MISC_CTRL, 3);
}

static void set_rdma(struct ops_stream *stream, const struct npu_pool_plan *plan,
		     const struct npu_band *band, uint32_t iova)
{
	uint32_t line_bytes = plan->shape.width * ATOM_BYTES;

	ops_stream_set(stream, REG_PPU_RDMA_S_POINTER, 0xe);
	ops_stream_set(stream, REG_PPU_RDMA_IN_WIDTH, plan->shape.width - 1);
	ops_stream_set(stream, REG_PPU_RDMA_IN_HEIGHT, band->n_in_rows - 1);
	ops_stream_set(stream, REG_PPU_RDMA_IN_CHANNEL, last_channel(&plan->shape));
	ops_stream_set(stream, REG_PPU_RDMA_SRC_BASE_ADDR, iova + band->in_row * line_bytes);
	ops_stream_set(stream, REG_PPU_RDMA_SRC_LINE_STRIDE, line_bytes);
	ops_stream_set(stream, REG_PPU_RDMA_SRC_SURF_STRIDE, plan->shape.height * line_bytes);
	ops_stream_set(stream, REG_PPU_RDMA_DATA_FORMAT,
		       plan->shape.type == NPU_FP16 ? 2 : 1); /* 16 or 8 bits */
}

int npu_pool_emit(const struct npu_pool_plan *plan, const struct npu_band *band,
		  const struct npu_pool_iovas *iovas, uint64_t *entries, uint32_t capacity)
{
	struct ops_stream stream;

	if (capacity < NPU_POOL_STREAM_ENTRIES)
		return npu_ops_error(-ENOSPC, "capacity: %u, must be at least %u", capacity,
				     NPU_POOL_STREAM_ENTRIES);
	if ((iovas->input | iovas->output) % ATOM_BYTES)
		return npu_ops_error(-EINVAL, "iovas: must be multiples of %u", ATOM_BYTES);
	ops_stream_init(&stream, entries, body_spans, sizeof(body_spans) / sizeof(*body_spans),
			OP_EN_POOLING);
	set_window(&stream, &plan->shape, band);
	set_ppu(&stream, plan, band, iovas->output);
	set_rdma(&stream, plan, band, iovas->input);
	return 0;
}
