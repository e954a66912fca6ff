/* SPDX-License-Identifier: MIT */
/*
 * Cutting a convolution into bands: the input rows of a band must fit on chip whole, weights stream
 * through beside them in groups of kernels (hardware reference 4.9). Bands are also kept short,
 * so that others get a turn between two of them.
 */
#include "ops.h"
#include "regcmd.h"

#include "conv2d.h"

#include <errno.h>

/* FEATURE_GRAINS holds rows + kernel rows in 10 bits (hardware reference 4.9). */
#define GRAINS_MAX 1023u
/* Multiply-accumulates of one task: about 65 us of a real core. */
#define TASK_MACS (1ull << 26)

/* Weights of one channel that the NPU handles together: 32 of int8, 16 of fp16. */
#define GROUP_BYTES 32u
/* Padded channels as in known-good programs (hardware reference 4.1, 4.10). */
#define CHANNELS_UNIT	16u

#define SCALE_SHIFT_MAX 31u
#define OUT_SHIFT_MAX	47u
#define OUT_SCALE_MAX	32767u

static int check_sizes(const struct npu_conv2d_shape *shape)
{
	static const struct ops_window_limits limits = {NPU_CONV2D_KERNEL_MAX,
							NPU_CONV2D_STRIDE_MAX, NPU_CONV2D_PAD_MAX};
	int r;

	r = ops_check_range("width", shape->width, 1, NPU_CONV2D_SIZE_MAX);
	if (r == 0)
		r = ops_check_range("height", shape->height, 1, NPU_CONV2D_SIZE_MAX);
	if (r == 0)
		r = ops_check_range("channels", shape->channels, 1, NPU_CONV2D_CHANNELS_MAX);
	if (r == 0)
		r = ops_check_range("kernels", shape->kernels, 1, NPU_CONV2D_KERNELS_MAX);
	if (r == 0 && shape->is_depthwise)
		r = ops_check_range("kernels", shape->kernels, shape->channels, shape->channels);
	if (r == 0)
		r = ops_check_type(shape->type);
	if (r == 0)
		r = ops_window_check(&shape->window, &limits, shape->width, shape->height);
	return r;
}

static int check_quantization(const struct npu_conv2d_quantization *quantization)
{
	int r;

	r = ops_check_range("out_scale", quantization->out_scale, 1, OUT_SCALE_MAX);
	if (r == 0)
		r = ops_check_range("out_shift", quantization->out_shift, 0, OUT_SHIFT_MAX);
	if (r == 0 && quantization->is_per_channel)
		r = ops_check_range("scale_shift", quantization->scale_shift, 0, SCALE_SHIFT_MAX);
	return r;
}

uint32_t conv2d_group(const struct npu_conv2d_shape *shape)
{
	return GROUP_BYTES / ops_type_bytes(shape->type) * (shape->is_depthwise ? 2 : 1);
}

static uint32_t taps(const struct npu_conv2d_plan *plan)
{
	return plan->shape.window.kernel_width * plan->shape.window.kernel_height;
}

uint32_t conv2d_kernel_bytes(const struct npu_conv2d_plan *plan)
{
	return taps(plan) * plan->channels_padded * ops_type_bytes(plan->shape.type);
}

/* Kernels whose weights have to be on chip at once. */
static uint32_t resident_kernels(const struct npu_conv2d_plan *plan)
{
	return plan->shape.is_depthwise ? 1 : conv2d_group(&plan->shape);
}

struct npu_tensor conv2d_input(const struct npu_conv2d_plan *plan)
{
	const struct npu_conv2d_shape *shape = &plan->shape;

	return (struct npu_tensor){shape->width, shape->height, shape->channels, shape->type};
}

struct npu_tensor conv2d_output(const struct npu_conv2d_plan *plan)
{
	return (struct npu_tensor){plan->out_width, plan->out_height, plan->shape.kernels,
				   plan->shape.type};
}

uint32_t conv2d_row_entries(const struct npu_conv2d_plan *plan)
{
	uint32_t channel_bytes = plan->channels_padded * ops_type_bytes(plan->shape.type);

	return ops_divide_up(plan->shape.width * channel_bytes, CBUF_ENTRY_BYTES);
}

uint32_t conv2d_data_banks(const struct npu_conv2d_plan *plan, uint32_t n_rows)
{
	return ops_divide_up(n_rows * conv2d_row_entries(plan) * CBUF_ENTRY_BYTES, CBUF_BANK_BYTES);
}

uint32_t conv2d_grains(const struct npu_conv2d_plan *plan, uint32_t n_rows)
{
	return n_rows + plan->shape.window.kernel_height;
}

/* Rows of input beside one group of kernels, or 0. */
static uint32_t input_rows_max(const struct npu_conv2d_plan *plan)
{
	uint32_t group_banks =
		ops_divide_up(resident_kernels(plan) * conv2d_kernel_bytes(plan), CBUF_BANK_BYTES);
	uint32_t row_bytes = conv2d_row_entries(plan) * CBUF_ENTRY_BYTES;
	uint32_t rows_max = GRAINS_MAX - plan->shape.window.kernel_height;
	uint32_t rows;

	if (group_banks >= CBUF_BANKS)
		return 0;
	rows = (CBUF_BANKS - group_banks) * CBUF_BANK_BYTES / row_bytes;
	return rows < rows_max ? rows : rows_max;
}

static int cut(struct npu_conv2d_plan *plan)
{
	const struct npu_conv2d_shape *shape = &plan->shape;
	uint64_t row_macs = (uint64_t)plan->out_width * taps(plan) * plan->channels_padded *
			    (shape->is_depthwise ? 1 : plan->kernels_padded);
	uint64_t short_rows = TASK_MACS / row_macs;
	uint32_t rows = ops_window_rows_max(&shape->window, shape->height, input_rows_max(plan));

	if (rows == 0)
		return npu_ops_error(
			-EINVAL,
			"width, channels, kernel_width, kernel_height: %u bytes of weights in %u "
			"kernels and %u bytes of input rows, must fit in %u banks of %u bytes",
			resident_kernels(plan) * conv2d_kernel_bytes(plan),
			shape->is_depthwise ? shape->kernels : conv2d_group(shape),
			conv2d_row_entries(plan) * CBUF_ENTRY_BYTES * shape->window.kernel_height,
			CBUF_BANKS, CBUF_BANK_BYTES);
	if (short_rows < rows)
		rows = short_rows ? (uint32_t)short_rows : 1;
	plan->n_bands = ops_divide_up(plan->out_height, rows);
	return 0;
}

static int set_sizes(struct npu_conv2d_plan *plan)
{
	const struct npu_conv2d_shape *shape = &plan->shape;
	uint32_t group = conv2d_group(shape);
	struct npu_tensor in = conv2d_input(plan), out;
	int r;

	plan->out_width = ops_window_out_width(&shape->window, shape->width);
	plan->out_height = ops_window_out_height(&shape->window, shape->height);
	plan->channels_padded = ops_round_up(
		shape->channels,
		shape->is_depthwise && shape->type == NPU_FP16 ? group : CHANNELS_UNIT);
	plan->kernels_padded = ops_round_up(shape->kernels, group);
	in.channels = plan->channels_padded;
	out = conv2d_output(plan);
	out.channels = plan->kernels_padded;
	plan->input_bytes = ops_tensor_image_bytes(&in);
	plan->weight_bytes = conv2d_kernel_bytes(plan);
	if (!shape->is_depthwise)
		plan->weight_bytes *= plan->kernels_padded;
	plan->operand_bytes =
		(uint64_t)plan->kernels_padded * (plan->quantization.is_per_channel ? 8 : 4);
	plan->output_bytes = ops_tensor_image_bytes(&out);
	r = ops_check_image("width, height, channels", plan->input_bytes);
	if (r == 0)
		r = ops_check_image("kernels, channels", plan->weight_bytes);
	if (r == 0)
		r = ops_check_image("width, height, kernels", plan->output_bytes);
	return r;
}

int npu_conv2d_plan(const struct npu_conv2d_shape *shape,
		    const struct npu_conv2d_quantization *quantization,
		    struct npu_conv2d_plan *ret_plan)
{
	struct npu_conv2d_plan plan = {.shape = *shape, .quantization = *quantization};
	int r;

	r = check_sizes(shape);
	if (r == 0 && shape->type == NPU_FP16)
		plan.quantization =
			(struct npu_conv2d_quantization){.is_relu = quantization->is_relu};
	else if (r == 0)
		r = check_quantization(quantization);
	if (r == 0)
		r = set_sizes(&plan);
	if (r == 0)
		r = cut(&plan);
	if (r == 0)
		*ret_plan = plan;
	return r;
}

void npu_conv2d_plan_band(const struct npu_conv2d_plan *plan, uint32_t index,
			  struct npu_band *ret_band)
{
	ops_window_band(&plan->shape.window, plan->shape.height, plan->n_bands, index, ret_band);
}

struct npu_conv2d_shape npu_fully_connected(uint32_t batch, uint32_t inputs, uint32_t outputs)
{
	return (struct npu_conv2d_shape){
		.width = 1,
		.height = batch,
		.channels = inputs,
		.kernels = outputs,
		.window = {.kernel_width = 1, .kernel_height = 1, .stride_x = 1, .stride_y = 1},
	};
}
