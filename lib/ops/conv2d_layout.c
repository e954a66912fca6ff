/* SPDX-License-Identifier: MIT */
/*
 * The images of a convolution's weights and of what belongs to its output channels (hardware
 * reference 4.10, 7.5). The NPU adds weights and features as they are stored; zero points are made
 * good for by the operand of the sum of features (5.2) and in the bias.
 */
#include "conv2d.h"
#include "ops.h"
#include "regcmd.h"

#include <errno.h>
#include <string.h>

#define SLICE_CHANNELS 32u
/* Channels of one block of operands, and where its parts begin. */
#define BLOCK_CHANNELS 8u
#define BLOCK_BYTES    64u
#define BLOCK_ZEROS    32u
#define BLOCK_SCALES   48u
#define SCALE_MAX      32767u

void npu_conv2d_pack_input(const struct npu_conv2d_plan *plan, const void *input, void *image)
{
	struct npu_tensor tensor = conv2d_input(plan);
	size_t bytes = ops_tensor_image_bytes(&tensor);

	ops_tensor_pack(&tensor, input, image);
	memset((char *)image + bytes, 0, plan->input_bytes - bytes);
}

void npu_conv2d_unpack_output(const struct npu_conv2d_plan *plan, const void *image, void *output)
{
	struct npu_tensor tensor = conv2d_output(plan);

	ops_tensor_unpack(&tensor, image, output);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t taps(const struct npu_conv2d_plan *plan)
{
	return plan->shape.window.kernel_width * plan->shape.window.kernel_height;
}

/* Elements of one kernel. */
static size_t kernel_weights(const struct npu_conv2d_plan *plan)
{
	return (size_t)taps(plan) * (plan->shape.is_depthwise ? 1 : plan->shape.channels);
}

/* All taps of one kernel, slice by slice. */
static void pack_kernel(const struct npu_conv2d_plan *plan, uint32_t kernel, const char *weights,
			char *image)
{
	uint32_t channels = plan->shape.channels, n_taps = taps(plan);
	uint32_t group = conv2d_group(&plan->shape), lane = kernel % group;
	size_t bytes = ops_type_bytes(plan->shape.type);

	image += (size_t)(kernel - lane) * conv2d_kernel_bytes(plan);
	for (uint32_t c = 0; c < channels; c += SLICE_CHANNELS) {
		uint32_t width = smaller(plan->channels_padded - c, SLICE_CHANNELS);
		char *slice = image + (size_t)c * n_taps * group * bytes;

		for (uint32_t tap = 0; tap < n_taps; tap++)
			memcpy(slice + ((size_t)tap * group + lane) * width * bytes,
			       weights + ((size_t)tap * channels + c) * bytes,
			       smaller(channels - c, width) * bytes);
	}
}

/* All taps of one channel, among those of its block. */
static void pack_channel(const struct npu_conv2d_plan *plan, uint32_t channel, const char *weights,
			 char *image)
{
	uint32_t group = conv2d_group(&plan->shape), lane = channel % group;
	uint32_t width = smaller(plan->channels_padded - (channel - lane), group);
	size_t bytes = ops_type_bytes(plan->shape.type);

	image += (size_t)(channel - lane) * taps(plan) * bytes;
	for (uint32_t tap = 0; tap < taps(plan); tap++)
		memcpy(image + ((size_t)tap * width + lane) * bytes, weights + tap * bytes, bytes);
}

void npu_conv2d_pack_weights(const struct npu_conv2d_plan *plan, const void *weights, void *image)
{
	size_t bytes = kernel_weights(plan) * ops_type_bytes(plan->shape.type);
	const char *from = weights;

	memset(image, 0, plan->weight_bytes);
	for (uint32_t k = 0; k < plan->shape.kernels; k++, from += bytes) {
		if (plan->shape.is_depthwise)
			pack_channel(plan, k, from, image);
		else
			pack_kernel(plan, k, from, image);
	}
}

/* What the NPU is to add to its sum of stored features times (stored weight - zero). */
static int fold_bias(const struct npu_conv2d_plan *plan, const int8_t *weights, int weight_zero,
		     int32_t *bias)
{
	size_t n = kernel_weights(plan);
	int64_t sum = 0, folded;

	for (size_t i = 0; i < n; i++)
		sum += weights[i] - weight_zero;
	folded = *bias - sum * plan->quantization.input_zero;
	if (folded < INT32_MIN || folded > INT32_MAX)
		return npu_ops_error(-EINVAL,
				     "bias: %lld with input_zero, must be -2147483648 to "
				     "2147483647",
				     (long long)folded);
	*bias = (int32_t)folded;
	return 0;
}

/* Of one output channel; channels beyond the real ones stay 0. */
static int pack_operand(const struct npu_conv2d_plan *plan, uint32_t kernel, const int8_t *weights,
			const struct npu_conv2d_channel *channel, char *image)
{
	uint32_t lane = kernel % BLOCK_CHANNELS;
	char *block = image + (size_t)(kernel - lane) / BLOCK_CHANNELS * BLOCK_BYTES;
	int weight_zero = plan->quantization.is_per_channel ? channel->weight_zero
							    : plan->quantization.weight_zero;
	int16_t negative_zero = (int16_t)-weight_zero;
	int32_t bias = channel->bias;
	int r;

	r = fold_bias(plan, weights, weight_zero, &bias);
	if (r < 0)
		return r;
	if (!plan->quantization.is_per_channel) {
		memcpy(image + (size_t)kernel * sizeof(bias), &bias, sizeof(bias));
		return 0;
	}
	memcpy(block + lane * sizeof(bias), &bias, sizeof(bias));
	memcpy(block + BLOCK_ZEROS + lane * sizeof(negative_zero), &negative_zero,
	       sizeof(negative_zero));
	memcpy(block + BLOCK_SCALES + lane * sizeof(channel->scale), &channel->scale,
	       sizeof(channel->scale));
	return ops_check_range("scale", channel->scale, 0, SCALE_MAX);
}

int npu_conv2d_pack_operands(const struct npu_conv2d_plan *plan, const void *weights,
			     const struct npu_conv2d_channel *channels, void *image)
{
	const int8_t *of_kernel = weights;
	float *biases = image;
	int r = 0;

	memset(image, 0, plan->operand_bytes);
	for (uint32_t k = 0; r == 0 && k < plan->shape.kernels; k++) {
		if (plan->shape.type == NPU_FP16)
			biases[k] = channels[k].fp16_bias;
		else
			r = pack_operand(plan, k, of_kernel + k * kernel_weights(plan),
					 &channels[k], image);
	}
	return r;
}
