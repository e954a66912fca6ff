/* SPDX-License-Identifier: MIT */
/*
 * Element by element nobody needs to know lines: an image is a row of pixels, which is cut into
 * runs as long as one task can do (hardware reference 6.8).
 */
#include "elementwise.h"
#include "ops.h"
#include "regcmd.h"

#include <errno.h>
#include <math.h>

/* Pixels of one task; known-good programs stay below 8175 (hardware reference 6.8). */
#define RUN_PIXELS 8000u
/* Atoms of one task, so that others get a turn between two of them. */
#define RUN_ATOMS     131072u
#define SCALE_MAX     32767u
#define OUT_SHIFT_MAX 47u

bool elementwise_is_binary(enum npu_elementwise_operation operation)
{
	return operation == NPU_ADD || operation == NPU_MULTIPLY;
}

struct npu_tensor elementwise_tensor(const struct npu_elementwise_plan *plan)
{
	const struct npu_elementwise_shape *shape = &plan->shape;

	return (struct npu_tensor){shape->width, shape->height, shape->channels, shape->type};
}

static int check_shape(const struct npu_elementwise_shape *shape)
{
	int r;

	r = ops_check_range("operation", (uint32_t)shape->operation, 0,
			    NPU_ELEMENTWISE_OPERATION_COUNT - 1);
	if (r == 0)
		r = ops_check_type(shape->type);
	if (r == 0)
		r = ops_check_range("width", shape->width, 1, NPU_ELEMENTWISE_SIZE_MAX);
	if (r == 0)
		r = ops_check_range("height", shape->height, 1, NPU_ELEMENTWISE_SIZE_MAX);
	if (r == 0)
		r = ops_check_range("channels", shape->channels, 1, NPU_ELEMENTWISE_CHANNELS_MAX);
	return r;
}

static int check_steps(const struct npu_elementwise_quantization *quantization)
{
	if (!isfinite(quantization->a_step))
		return npu_ops_error(-EINVAL, "a_step: %g, must be finite",
				     (double)quantization->a_step);
	if (!isfinite(quantization->output_step) || quantization->output_step <= 0)
		return npu_ops_error(-EINVAL, "output_step: %g, must be more than 0",
				     (double)quantization->output_step);
	return 0;
}

static int check_quantization(enum npu_elementwise_operation operation,
			      const struct npu_elementwise_quantization *quantization)
{
	int r;

	if (operation == NPU_SIGMOID)
		return check_steps(quantization);
	r = ops_check_range("out_scale", quantization->out_scale, 1, SCALE_MAX);
	if (r == 0)
		r = ops_check_range("out_shift", quantization->out_shift, 0, OUT_SHIFT_MAX);
	if (r == 0 && operation == NPU_ADD)
		r = ops_check_range("a_scale", quantization->a_scale, 1, SCALE_MAX);
	if (r == 0 && operation == NPU_ADD)
		r = ops_check_range("b_scale", quantization->b_scale, 1, SCALE_MAX);
	return r;
}

static uint32_t run_pixels_max(const struct npu_elementwise_shape *shape)
{
	uint32_t surfaces =
		ops_divide_up(shape->channels * ops_type_bytes(shape->type), ATOM_BYTES);
	uint32_t pixels = RUN_ATOMS / surfaces;

	return pixels < RUN_PIXELS ? pixels : RUN_PIXELS;
}

int npu_elementwise_plan(const struct npu_elementwise_shape *shape,
			 const struct npu_elementwise_quantization *quantization,
			 struct npu_elementwise_plan *ret_plan)
{
	struct npu_elementwise_plan plan = {.shape = *shape, .quantization = *quantization};
	struct npu_tensor tensor = elementwise_tensor(&plan);
	int r;

	r = check_shape(shape);
	if (r == 0 && shape->operation == NPU_SIGMOID)
		r = ops_check_range("is_relu", quantization->is_relu, 0, 0);
	if (r == 0 && shape->type == NPU_INT8)
		r = check_quantization(shape->operation, quantization);
	if (r < 0)
		return r;
	plan.image_bytes = ops_tensor_image_bytes(&tensor);
	plan.n_pixels = shape->width * shape->height;
	plan.n_runs = ops_divide_up(plan.n_pixels, run_pixels_max(shape));
	plan.stream_entries = ELEMENTWISE_STREAM_ENTRIES;
	if (shape->operation == NPU_SIGMOID)
		plan.stream_entries += ELEMENTWISE_TABLE_ENTRIES;
	r = ops_check_image("width, height, channels", plan.image_bytes);
	if (r == 0)
		*ret_plan = plan;
	return r;
}

void npu_elementwise_plan_run(const struct npu_elementwise_plan *plan, uint32_t index,
			      struct npu_run *ret_run)
{
	uint32_t begin = (uint32_t)((uint64_t)plan->n_pixels * index / plan->n_runs);
	uint32_t end = (uint32_t)((uint64_t)plan->n_pixels * (index + 1) / plan->n_runs);

	*ret_run = (struct npu_run){begin, end - begin};
}

void npu_elementwise_pack(const struct npu_elementwise_plan *plan, const void *values, void *image)
{
	struct npu_tensor tensor = elementwise_tensor(plan);

	ops_tensor_pack(&tensor, values, image);
}

void npu_elementwise_unpack(const struct npu_elementwise_plan *plan, const void *image,
			    void *values)
{
	struct npu_tensor tensor = elementwise_tensor(plan);

	ops_tensor_unpack(&tensor, image, values);
}
