/* SPDX-License-Identifier: MIT */
/* The layers of libnpu-ops against their definitions, through a daemon on the software NPU. */
#include "daemon.h"
#include "harness.h"
#include "npu.h"
#include "npu_ops.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct npu_session *open_session(const struct daemon *daemon)
{
	struct npu_open_args args = {.socket_path = daemon->socket};
	struct npu_session *session;
	int r = npu_open(&args, &session);

	if (r < 0)
		harness_fail(__FILE__, __LINE__, "npu_open: %d: %s", r, npu_last_error());
	return session;
}

/* 0 to n - 1. */
static uint32_t pick(uint64_t *state, uint32_t n)
{
	return harness_random(state) % n;
}

static int8_t *random_tensor(uint64_t *state, size_t n)
{
	int8_t *tensor = malloc(n);

	REQUIRE(tensor);
	for (size_t i = 0; i < n; i++)
		tensor[i] = (int8_t)harness_random(state);
	return tensor;
}

static struct npu_window pick_window(uint64_t *state, uint32_t kernel_max)
{
	struct npu_window window = {
		.kernel_width = 1 + pick(state, kernel_max),
		.kernel_height = 1 + pick(state, kernel_max),
		.stride_x = 1 + pick(state, 3),
		.stride_y = 1 + pick(state, 3),
	};

	window.pad_left = pick(state, window.kernel_width);
	window.pad_right = pick(state, window.kernel_width);
	window.pad_top = pick(state, window.kernel_height);
	window.pad_bottom = pick(state, window.kernel_height);
	return window;
}

static uint32_t outputs(uint32_t size, uint32_t kernel, uint32_t stride, uint32_t pads)
{
	return (size + pads - kernel) / stride + 1;
}

struct convolution {
	struct npu_conv2d_args args;
	uint32_t out_width, out_height;
	int8_t *input, *weights, *output;
	struct npu_conv2d_channel *channels;
};

static void convolution_init(struct convolution *conv, uint64_t *state)
{
	const struct npu_conv2d_shape *shape = &conv->args.shape;
	const struct npu_window *window = &shape->window;
	size_t kernel = (size_t)window->kernel_width * window->kernel_height * shape->channels;

	conv->out_width = outputs(shape->width, window->kernel_width, window->stride_x,
				  window->pad_left + window->pad_right);
	conv->out_height = outputs(shape->height, window->kernel_height, window->stride_y,
				   window->pad_top + window->pad_bottom);
	conv->input = random_tensor(state, (size_t)shape->width * shape->height * shape->channels);
	conv->weights = random_tensor(state, kernel * shape->kernels);
	conv->output = malloc((size_t)conv->out_width * conv->out_height * shape->kernels);
	conv->channels = calloc(shape->kernels, sizeof(*conv->channels));
	REQUIRE(conv->output && conv->channels);
	for (uint32_t k = 0; k < shape->kernels; k++)
		conv->channels[k] = (struct npu_conv2d_channel){
			.bias = (int32_t)pick(state, 200000) - 100000,
			.scale = (uint16_t)(1 + pick(state, 32767)),
			.weight_zero = (int8_t)harness_random(state),
		};
}

static void convolution_deinit(struct convolution *conv)
{
	free(conv->input);
	free(conv->weights);
	free(conv->output);
	free(conv->channels);
}

static int64_t convolution_sum(const struct convolution *conv, uint32_t k, uint32_t out_y,
			       uint32_t out_x)
{
	const struct npu_conv2d_shape *shape = &conv->args.shape;
	const struct npu_conv2d_quantization *quantization = &conv->args.quantization;
	const struct npu_window *window = &shape->window;
	const int8_t *weight = conv->weights + (size_t)k * window->kernel_width *
						       window->kernel_height * shape->channels;
	int weight_zero = quantization->is_per_channel ? conv->channels[k].weight_zero
						       : quantization->weight_zero;
	int64_t sum = conv->channels[k].bias;

	for (uint32_t i = 0; i < window->kernel_height; i++)
		for (uint32_t j = 0; j < window->kernel_width; j++, weight += shape->channels) {
			int64_t y = (int64_t)out_y * window->stride_y + i - window->pad_top;
			int64_t x = (int64_t)out_x * window->stride_x + j - window->pad_left;
			const int8_t *pixel =
				conv->input + (y * shape->width + x) * shape->channels;

			if (y < 0 || x < 0 || y >= shape->height || x >= shape->width)
				continue;
			for (uint32_t c = 0; c < shape->channels; c++)
				sum += (pixel[c] - quantization->input_zero) *
				       (weight[c] - weight_zero);
		}
	return sum;
}

/* In double, where products of 32 and 16 bits are exact; to nearest, ties to even. */
static int convolution_expected(const struct convolution *conv, uint32_t k, uint32_t y, uint32_t x)
{
	const struct npu_conv2d_quantization *quantization = &conv->args.quantization;
	double value = (double)convolution_sum(conv, k, y, x);

	if (quantization->is_per_channel)
		value = nearbyint(
			ldexp(value * conv->channels[k].scale, -quantization->scale_shift));
	if (quantization->is_relu && value < 0)
		value = 0;
	value = nearbyint(ldexp(value * quantization->out_scale, -quantization->out_shift)) +
		quantization->output_zero;
	return value > 127 ? 127 : value < -128 ? -128 : (int)value;
}

static void convolution_compare(const struct convolution *conv, uint64_t seed)
{
	const struct npu_conv2d_shape *shape = &conv->args.shape;
	const int8_t *output = conv->output;

	for (uint32_t y = 0; y < conv->out_height; y++)
		for (uint32_t x = 0; x < conv->out_width; x++)
			for (uint32_t k = 0; k < shape->kernels; k++, output++) {
				int expected = convolution_expected(conv, k, y, x);

				if (*output != expected)
					harness_fail(__FILE__, __LINE__,
						     "seed %llu: row %u column %u channel %u: %d, "
						     "not %d",
						     (unsigned long long)seed, y, x, k, *output,
						     expected);
			}
}

static void convolution_check(struct npu_session *session, struct convolution *conv, uint64_t seed)
{
	struct npu_conv2d *layer;
	uint64_t state = seed;

	convolution_init(conv, &state);
	if (npu_conv2d_new(session, &conv->args, &layer) < 0)
		harness_fail(__FILE__, __LINE__, "seed %llu: %s", (unsigned long long)seed,
			     npu_last_error());
	REQUIRE_EQ(npu_conv2d_set_weights(layer, conv->weights, conv->channels), 0);
	REQUIRE_EQ(npu_conv2d_set_input(layer, conv->input), 0);
	if (npu_conv2d_run(layer, -1) < 0)
		harness_fail(__FILE__, __LINE__, "seed %llu: %s", (unsigned long long)seed,
			     npu_last_error());
	REQUIRE_EQ(npu_conv2d_get_output(layer, conv->output), 0);
	convolution_compare(conv, seed);
	npu_conv2d_free(layer);
	convolution_deinit(conv);
}

static struct npu_conv2d_quantization pick_quantization(uint64_t *state, uint32_t kernel)
{
	struct npu_conv2d_quantization quantization = {
		.input_zero = (int8_t)harness_random(state),
		.output_zero = (int8_t)harness_random(state),
		.is_relu = pick(state, 2),
		.is_per_channel = pick(state, 2),
		.weight_zero = (int8_t)harness_random(state),
		.scale_shift = 14,
		.out_scale = (uint16_t)(16384 + pick(state, 16384)),
	};

	/* So that most results are not saturated. */
	quantization.out_shift = (uint8_t)(22 + log2(kernel) / 2);
	return quantization;
}

static struct convolution pick_convolution(uint64_t seed)
{
	struct convolution conv = {0};
	struct npu_conv2d_shape *shape = &conv.args.shape;
	uint64_t state = seed;

	*shape = (struct npu_conv2d_shape){
		.window = pick_window(&state, 5),
		.channels = 1 + pick(&state, 100),
		.kernels = 1 + pick(&state, 80),
	};
	shape->width = shape->window.kernel_width + pick(&state, 16);
	shape->height = shape->window.kernel_height + pick(&state, 16);
	conv.args.quantization = pick_quantization(
		&state, shape->window.kernel_width * shape->window.kernel_height * shape->channels);
	return conv;
}

static void random_convolutions(void)
{
	struct npu_session *session;
	struct daemon daemon;

	daemon_start(NULL, &daemon);
	session = open_session(&daemon);
	for (uint64_t seed = 1; seed <= (harness_is_sanitized() ? 20 : 200); seed++) {
		struct convolution conv = pick_convolution(seed);

		convolution_check(session, &conv, seed);
	}
	npu_close(session);
	daemon_stop(&daemon);
}

/* Of the hardware reference, 9.3: two pixels of its output. */
static void worked_example(void)
{
	static const int8_t first[16] = {-12, -9, -6, -3, 0,  3,  6,  9,
					 12,  15, 18, 21, 24, 27, 30, 33};
	static const int8_t middle[16] = {-83, -72, -61, -50, -38, -27, -16, -5,
					  6,   17,  29,	 40,  51,  62,	73,  85};
	struct npu_conv2d_args args = {
		.shape = {8, 8, 16, 32, {3, 3, 1, 1, 1, 1, 1, 1}},
		.quantization = {.input_zero = -128,
				 .output_zero = 12,
				 .weight_zero = -8,
				 .out_scale = 0x68dc,
				 .out_shift = 0x1c},
	};
	struct npu_conv2d_channel channels[32] = {0};
	int8_t input[8 * 8 * 16], weights[32 * 9 * 16], output[8 * 8 * 32];
	struct npu_session *session;
	struct npu_conv2d *layer;
	struct daemon daemon;

	for (int i = 0; i < 8 * 8 * 16; i++)
		input[i] = (int8_t)((7 * (i / 128) + 3 * (i / 16 % 8) + 5 * (i % 16)) % 256 - 128);
	for (int i = 0; i < 32 * 9 * 16; i++)
		weights[i] = (int8_t)((11 * (i / 144) + 5 * (i / 48 % 3) + 3 * (i / 16 % 3) +
				       2 * (i % 16)) %
					      256 -
				      128);
	for (int i = 0; i < 32; i++)
		channels[i].bias = 100 * i - 1600;
	daemon_start(NULL, &daemon);
	session = open_session(&daemon);
	REQUIRE_EQ(npu_conv2d_new(session, &args, &layer), 0);
	REQUIRE_EQ(npu_conv2d_set_weights(layer, weights, channels), 0);
	REQUIRE_EQ(npu_conv2d_set_input(layer, input), 0);
	REQUIRE_EQ(npu_conv2d_run(layer, -1), 0);
	REQUIRE_EQ(npu_conv2d_get_output(layer, output), 0);
	REQUIRE(memcmp(output, first, sizeof(first)) == 0);
	REQUIRE(memcmp(output + (3 * 8 + 4) * 32, middle, sizeof(middle)) == 0);
	npu_conv2d_free(layer);
	npu_close(session);
	daemon_stop(&daemon);
}

static void fully_connected_layers(void)
{
	struct npu_session *session;
	struct daemon daemon;

	daemon_start(NULL, &daemon);
	session = open_session(&daemon);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct convolution conv = {0};
		uint64_t state = seed;
		uint32_t inputs = 1 + pick(&state, 2000);

		conv.args.shape =
			npu_fully_connected(1 + pick(&state, 8), inputs, 1 + pick(&state, 100));
		conv.args.quantization = pick_quantization(&state, inputs);
		convolution_check(session, &conv, seed);
	}
	npu_close(session);
	daemon_stop(&daemon);
}

/* More than the 384 KiB on chip, with windows across the cuts. */
static void convolutions_in_bands(void)
{
	static const struct npu_conv2d_shape shapes[] = {
		{96, 90, 64, 5, {3, 3, 1, 1, 1, 1, 1, 1}},
		{40, 61, 256, 3, {5, 4, 2, 3, 2, 3, 4, 1}},
		{3, 2047, 16, 2, {2, 3, 1, 2, 1, 2, 0, 2}},
		{64, 14, 500, 2, {3, 3, 1, 1, 0, 1, 0, 1}},
	};
	struct npu_conv2d_plan plan;
	struct npu_session *session;
	struct daemon daemon;

	daemon_start(NULL, &daemon);
	session = open_session(&daemon);
	for (uint64_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		struct convolution conv = {.args.shape = shapes[i]};
		uint64_t state = i;

		conv.args.quantization = pick_quantization(&state, 9 * shapes[i].channels);
		REQUIRE_EQ(npu_conv2d_plan(&shapes[i], &conv.args.quantization, &plan), 0);
		REQUIRE(plan.n_bands > 1);
		convolution_check(session, &conv, i);
	}
	npu_close(session);
	daemon_stop(&daemon);
}

/* Maximum or minimum of what lies in the input, or the exact average with pads. */
static double pool_expected(const struct npu_pool_shape *shape, const int8_t *input, uint32_t out_y,
			    uint32_t out_x, uint32_t c)
{
	const struct npu_window *window = &shape->window;
	int sum = 0, max = -128, min = 127;

	for (uint32_t i = 0; i < window->kernel_height; i++)
		for (uint32_t j = 0; j < window->kernel_width; j++) {
			int64_t y = (int64_t)out_y * window->stride_y + i - window->pad_top;
			int64_t x = (int64_t)out_x * window->stride_x + j - window->pad_left;
			int value = shape->pad;

			if (y >= 0 && x >= 0 && y < shape->height && x < shape->width) {
				value = input[(y * shape->width + x) * shape->channels + c];
				max = value > max ? value : max;
				min = value < min ? value : min;
			}
			sum += value;
		}
	if (shape->method == NPU_POOL_AVERAGE)
		return (double)sum / (window->kernel_width * window->kernel_height);
	return shape->method == NPU_POOL_MAX ? max : min;
}

static void pool_compare(const struct npu_pool_shape *shape, const int8_t *input,
			 const int8_t *output, uint64_t seed)
{
	const struct npu_window *window = &shape->window;
	uint32_t width = outputs(shape->width, window->kernel_width, window->stride_x,
				 window->pad_left + window->pad_right);
	uint32_t height = outputs(shape->height, window->kernel_height, window->stride_y,
				  window->pad_top + window->pad_bottom);
	double tolerance = shape->method == NPU_POOL_AVERAGE ? 1 : 0;

	for (uint32_t i = 0; i < width * height * shape->channels; i++) {
		uint32_t c = i % shape->channels, x = i / shape->channels % width;
		uint32_t y = i / shape->channels / width;
		double expected = pool_expected(shape, input, y, x, c);

		if (fabs(output[i] - expected) > tolerance)
			harness_fail(__FILE__, __LINE__,
				     "seed %llu: row %u column %u channel %u: %d, not %g",
				     (unsigned long long)seed, y, x, c, output[i], expected);
	}
}

static void pool_check(struct npu_session *session, const struct npu_pool_shape *shape,
		       uint64_t seed)
{
	struct npu_pool_args args = {.shape = *shape};
	struct npu_pool_plan plan;
	struct npu_pool *layer;
	uint64_t state = seed;
	int8_t *input, *output;

	input = random_tensor(&state, (size_t)shape->width * shape->height * shape->channels);
	REQUIRE_EQ(npu_pool_plan(shape, &plan), 0);
	output = malloc((size_t)plan.out_width * plan.out_height * shape->channels);
	REQUIRE(output);
	if (npu_pool_new(session, &args, &layer) < 0)
		harness_fail(__FILE__, __LINE__, "seed %llu: %s", (unsigned long long)seed,
			     npu_last_error());
	REQUIRE_EQ(npu_pool_set_input(layer, input), 0);
	if (npu_pool_run(layer, -1) < 0)
		harness_fail(__FILE__, __LINE__, "seed %llu: %s", (unsigned long long)seed,
			     npu_last_error());
	REQUIRE_EQ(npu_pool_get_output(layer, output), 0);
	pool_compare(shape, input, output, seed);
	npu_pool_free(layer);
	free(input);
	free(output);
}

static void random_pools(void)
{
	struct npu_session *session;
	struct daemon daemon;

	harness_skip_on("rocket", "tasks that only pool never end");
	daemon_start(NULL, &daemon);
	session = open_session(&daemon);
	for (uint64_t seed = 1; seed <= (harness_is_sanitized() ? 20 : 200); seed++) {
		uint64_t state = seed;
		struct npu_pool_shape shape = {
			.window = pick_window(&state, 8),
			.channels = 1 + pick(&state, 70),
			.method = (enum npu_pool_method)pick(&state, NPU_POOL_METHOD_COUNT),
			.pad = (int8_t)harness_random(&state),
		};

		shape.width = shape.window.kernel_width + pick(&state, 30);
		shape.height = shape.window.kernel_height + pick(&state, 30);
		pool_check(session, &shape, seed);
	}
	npu_close(session);
	daemon_stop(&daemon);
}

static void pools_in_bands(void)
{
	static const struct npu_pool_shape shapes[] = {
		{1024, 12, 20, {3, 4, 2, 3, 1, 2, 0, 3}, NPU_POOL_AVERAGE, -5},
		{300, 200, 3, {3, 3, 2, 2, 1, 1, 1, 1}, NPU_POOL_MAX, 0},
		{8192, 20, 1, {2, 16, 1, 5, 0, 7, 1, 7}, NPU_POOL_AVERAGE, 100},
	};
	struct npu_session *session;
	struct npu_pool_plan plan;
	struct daemon daemon;

	harness_skip_on("rocket", "tasks that only pool never end");
	daemon_start(NULL, &daemon);
	session = open_session(&daemon);
	for (uint64_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		REQUIRE_EQ(npu_pool_plan(&shapes[i], &plan), 0);
		REQUIRE(plan.n_bands > 1);
		pool_check(session, &shapes[i], i);
	}
	npu_close(session);
	daemon_stop(&daemon);
}

static void layers_say_what_is_wrong(void)
{
	struct npu_pool_args bad = {.shape = {.method = NPU_POOL_MAX}};
	struct npu_conv2d_args args = {.shape = npu_fully_connected(1, 4, 4),
				       .quantization = {.out_scale = 1}};
	struct npu_session *session;
	struct npu_result result;
	struct npu_conv2d *layer;
	struct npu_pool *pool;
	struct daemon daemon;
	int8_t output[4];

	daemon_start(NULL, &daemon);
	session = open_session(&daemon);
	REQUIRE_EQ(npu_pool_new(session, &bad, &pool), -EINVAL);
	REQUIRE_HAS(npu_last_error(), "width: 0, must be 1 to 8192");
	REQUIRE_EQ(npu_conv2d_new(session, &args, &layer), 0);
	REQUIRE_EQ(npu_conv2d_wait(layer, -1, &result), -ENOENT);
	REQUIRE_EQ(npu_conv2d_submit(layer), 0);
	REQUIRE_EQ(npu_conv2d_submit(layer), -EBUSY);
	REQUIRE_EQ(npu_conv2d_get_output(layer, output), -EBUSY);
	REQUIRE_EQ(npu_conv2d_wait(layer, -1, &result), 0);
	REQUIRE_EQ(result.outcome, NPU_OUTCOME_OK);
	REQUIRE_EQ(npu_conv2d_submit(layer), 0);
	npu_conv2d_free(layer); /* waits */
	npu_close(session);
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(layers_say_what_is_wrong),
	{.name = "random_pools", .run = random_pools, .timeout_s = 300},
	{.name = "pools_in_bands", .run = pools_in_bands, .timeout_s = 300},
	{.name = "worked_example", .run = worked_example},
	{.name = "random_convolutions", .run = random_convolutions, .timeout_s = 300},
	{.name = "fully_connected_layers", .run = fully_connected_layers, .timeout_s = 300},
	{.name = "convolutions_in_bands", .run = convolutions_in_bands, .timeout_s = 300},
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
