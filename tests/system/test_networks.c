/* SPDX-License-Identifier: MIT */
/*
 * Operators of libnpu-ops through a daemon on the software NPU: as objects of their own, shared by
 * several cores, and as one job. What each computes is tested by tests/unit/test_ops_random.c; here
 * all ways to the same result have to agree. The device is not coherent, so that a buffer that is
 * not handed over in time shows.
 */
#include "daemon.h"
#include "harness.h"
#include "npu.h"
#include "npu_ops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH	 13u
#define HEIGHT	 11u
#define CHANNELS 20u
#define ELEMENTS (WIDTH * HEIGHT * CHANNELS)
#define POOLED	 (7u * 6u * CHANNELS)

static struct npu_session *start(const char *config, struct daemon *daemon)
{
	const struct daemon_options options = {
		.config = config,
		.arguments = {"--soft-cache", "incoherent"},
	};
	struct npu_open_args args = {.socket_path = daemon->socket};
	struct npu_session *session;

	daemon_start(&options, daemon);
	if (npu_open(&args, &session) < 0)
		harness_fail(__FILE__, __LINE__, "npu_open: %s", npu_last_error());
	return session;
}

static void stop(struct npu_session *session, struct daemon *daemon)
{
	npu_close(session);
	daemon_stop(daemon);
}

static void fill(uint64_t seed, void *values, size_t n_bytes)
{
	uint8_t *bytes = values;

	for (size_t i = 0; i < n_bytes; i++)
		bytes[i] = (uint8_t)harness_random(&seed);
}

/* ---- the operators of all cases, and each as an object ---- */

static const struct npu_conv2d_shape conv_shape = {
	.width = WIDTH,
	.height = HEIGHT,
	.channels = CHANNELS,
	.kernels = CHANNELS,
	.window = {3, 3, 1, 1, 1, 1, 1, 1},
};

static const struct npu_conv2d_quantization conv_quantization = {
	.input_zero = 3,
	.output_zero = -20,
	.is_relu = true,
	.is_per_channel = true,
	.scale_shift = 14,
	.out_scale = 20000,
	.out_shift = 25,
};

static const struct npu_elementwise_quantization sum_quantization = {.a_zero = -20,
								     .b_zero = 3,
								     .a_scale = 3000,
								     .b_scale = 2000,
								     .out_scale = 20000,
								     .out_shift = 27};

static const struct npu_elementwise_quantization sigmoid_quantization = {
	.a_step = 0.05f, .output_zero = -128, .output_step = 1.0f / 256};

static const struct npu_pool_shape pool_shape = {
	.width = WIDTH,
	.height = HEIGHT,
	.channels = CHANNELS,
	.window = {3, 3, 2, 2, 1, 1, 1, 1},
	.method = NPU_POOL_AVERAGE,
	.pad = -128,
};

struct parameters {
	int8_t weights[CHANNELS * 9 * CHANNELS];
	struct npu_conv2d_channel channels[CHANNELS];
};

static void fill_parameters(uint64_t seed, struct parameters *parameters)
{
	fill(seed, parameters->weights, sizeof(parameters->weights));
	for (uint32_t k = 0; k < CHANNELS; k++)
		parameters->channels[k] = (struct npu_conv2d_channel){
			.bias = (int32_t)(harness_random(&seed) % 20000),
			.scale = (uint16_t)(harness_random(&seed) % 32768),
			.weight_zero = (int8_t)harness_random(&seed),
		};
}

static void run_conv(struct npu_session *session, uint32_t n_cores,
		     const struct parameters *parameters, const int8_t *input, int8_t *output)
{
	struct npu_conv2d_args args = {conv_shape, conv_quantization, .n_cores = n_cores};
	struct npu_conv2d *conv;

	REQUIRE_EQ(npu_conv2d_new(session, &args, &conv), 0);
	REQUIRE_EQ(npu_conv2d_set_weights(conv, parameters->weights, parameters->channels), 0);
	REQUIRE_EQ(npu_conv2d_set_input(conv, input), 0);
	REQUIRE_EQ(npu_conv2d_run(conv, -1), 0);
	REQUIRE_EQ(npu_conv2d_get_output(conv, output), 0);
	npu_conv2d_free(conv);
}

static void run_pool(struct npu_session *session, uint32_t n_cores, const int8_t *input,
		     int8_t *output)
{
	struct npu_pool_args args = {pool_shape, .n_cores = n_cores};
	struct npu_pool *pool;

	REQUIRE_EQ(npu_pool_new(session, &args, &pool), 0);
	REQUIRE_EQ(npu_pool_set_input(pool, input), 0);
	REQUIRE_EQ(npu_pool_run(pool, -1), 0);
	REQUIRE_EQ(npu_pool_get_output(pool, output), 0);
	npu_pool_free(pool);
}

static void run_sum(struct npu_session *session, uint32_t n_cores, const int8_t *a, const int8_t *b,
		    int8_t *output)
{
	struct npu_elementwise_args args = {
		{WIDTH, HEIGHT, CHANNELS, NPU_INT8, NPU_ADD}, sum_quantization, .n_cores = n_cores};
	struct npu_elementwise *sum;

	REQUIRE_EQ(npu_elementwise_new(session, &args, &sum), 0);
	REQUIRE_EQ(npu_elementwise_set_a(sum, a), 0);
	REQUIRE_EQ(npu_elementwise_set_b(sum, b), 0);
	REQUIRE_EQ(npu_elementwise_run(sum, -1), 0);
	REQUIRE_EQ(npu_elementwise_get_output(sum, output), 0);
	npu_elementwise_free(sum);
}

static void run_sigmoid(struct npu_session *session, const int8_t *a, int8_t *output)
{
	struct npu_elementwise_args args = {{WIDTH, HEIGHT, CHANNELS, NPU_INT8, NPU_SIGMOID},
					    sigmoid_quantization};
	struct npu_elementwise *sigmoid;

	REQUIRE_EQ(npu_elementwise_new(session, &args, &sigmoid), 0);
	REQUIRE_EQ(npu_elementwise_set_b(sigmoid, a), -EINVAL);
	REQUIRE_EQ(npu_elementwise_set_a(sigmoid, a), 0);
	REQUIRE_EQ(npu_elementwise_run(sigmoid, -1), 0);
	REQUIRE_EQ(npu_elementwise_get_output(sigmoid, output), 0);
	npu_elementwise_free(sigmoid);
}

/* ---- cases ---- */

static void cores_share_an_operator(void)
{
	static int8_t input[ELEMENTS], other[ELEMENTS], expected[3][ELEMENTS], output[ELEMENTS];
	static struct parameters parameters;
	struct daemon daemon;
	struct npu_session *session;

	harness_skip_on("rocket", "tasks that only pool never end");
	session = start(NULL, &daemon);
	fill(1, input, sizeof(input));
	fill(2, other, sizeof(other));
	fill_parameters(3, &parameters);
	run_conv(session, 0, &parameters, input, expected[0]);
	run_pool(session, 0, input, expected[1]);
	run_sum(session, 0, input, other, expected[2]);
	for (uint32_t n_cores = 1; n_cores <= NPU_CORES_MAX; n_cores++) {
		run_conv(session, n_cores, &parameters, input, output);
		REQUIRE(memcmp(output, expected[0], ELEMENTS) == 0);
		run_pool(session, n_cores, input, output);
		REQUIRE(memcmp(output, expected[1], POOLED) == 0);
		run_sum(session, n_cores, input, other, output);
		REQUIRE(memcmp(output, expected[2], ELEMENTS) == 0);
	}
	stop(session, &daemon);
}

static void too_many_cores(void)
{
	struct npu_conv2d_args conv = {
		.shape = npu_fully_connected(2, 8, 8), .quantization.out_scale = 1, .n_cores = 3};
	struct npu_pool_args pool = {pool_shape, .n_cores = 4};
	struct npu_conv2d *conv_object;
	struct npu_pool *pool_object;
	struct daemon daemon;
	struct npu_session *session;

	session = start(NULL, &daemon);
	REQUIRE_EQ(npu_conv2d_new(session, &conv, &conv_object), -EINVAL);
	REQUIRE_HAS(npu_last_error(), "n_cores: 3, must be 0 to 2 for 2 rows of output");
	REQUIRE_EQ(npu_pool_new(session, &pool, &pool_object), -EINVAL);
	REQUIRE_HAS(npu_last_error(), "n_cores: 4, must be 0 to 3 for 6 rows of output");
	stop(session, &daemon);
}

/* Convolution, sum with its input, sigmoid, average. */
struct residual {
	struct npu_network *network;
	uint32_t input, features, sum, sigmoid, output;
};

static void residual_init(struct residual *residual, struct npu_session *session,
			  const struct parameters *parameters)
{
	struct npu_tensor image = {WIDTH, HEIGHT, CHANNELS, NPU_INT8};
	struct npu_network_conv2d conv = {conv_shape, conv_quantization, parameters->weights,
					  parameters->channels};
	struct npu_network_elementwise sum = {NPU_ADD, sum_quantization};
	struct npu_network_elementwise sigmoid = {NPU_SIGMOID, sigmoid_quantization};
	struct npu_network *network;

	REQUIRE_EQ(npu_network_new(session, 0, &network), 0);
	residual->network = network;
	REQUIRE_EQ(npu_network_add_input(network, &image, &residual->input), 0);
	REQUIRE_EQ(npu_network_add_conv2d(network, residual->input, &conv, &residual->features), 0);
	REQUIRE_EQ(npu_network_add_elementwise(network, residual->features, residual->input, &sum,
					       &residual->sum),
		   0);
	REQUIRE_EQ(npu_network_add_elementwise(network, residual->sum, 0, &sigmoid,
					       &residual->sigmoid),
		   0);
	REQUIRE_EQ(npu_network_add_pool(network, residual->sigmoid, &pool_shape, &residual->output),
		   0);
}

static void check_network(const char *config)
{
	static int8_t input[ELEMENTS], features[ELEMENTS], sum[ELEMENTS], sigmoid[ELEMENTS];
	static int8_t expected[POOLED], output[ELEMENTS];
	static struct parameters parameters;
	struct residual residual;
	struct daemon daemon;
	struct npu_session *session;
	struct npu_tensor shape;
	struct npu_result result;

	harness_skip_on("rocket", "tasks that only pool never end");
	session = start(config, &daemon);
	fill_parameters(7, &parameters);
	residual_init(&residual, session, &parameters);
	REQUIRE_EQ(npu_network_count_tasks(residual.network), 4);
	REQUIRE_EQ(npu_network_get_shape(residual.network, residual.output, &shape), 0);
	REQUIRE(shape.width == 7 && shape.height == 6 && shape.channels == CHANNELS);
	for (uint64_t seed = 10; seed < 20; seed++) {
		fill(seed, input, sizeof(input));
		run_conv(session, 0, &parameters, input, features);
		run_sum(session, 0, features, input, sum);
		run_sigmoid(session, sum, sigmoid);
		run_pool(session, 0, sigmoid, expected);
		REQUIRE_EQ(npu_network_set_input(residual.network, residual.input, input), 0);
		REQUIRE_EQ(npu_network_submit(residual.network), 0);
		REQUIRE_EQ(npu_network_wait(residual.network, -1, &result), 0);
		REQUIRE_EQ(result.outcome, NPU_OUTCOME_OK);
		REQUIRE_EQ(result.tasks_done, 4);
		REQUIRE_EQ(npu_network_get_output(residual.network, residual.output, output), 0);
		REQUIRE(memcmp(output, expected, sizeof(expected)) == 0);
		REQUIRE_EQ(npu_network_get_output(residual.network, residual.sum, output), 0);
		REQUIRE(memcmp(output, sum, sizeof(sum)) == 0);
	}
	npu_network_free(residual.network);
	stop(session, &daemon);
}

static void network_is_its_operators(void)
{
	check_network(NULL);
}

/* Every register that an operator writes can be proven harmless. */
static void streams_pass_the_check(void)
{
	check_network("{\"classes\": {\"default\": {\"validate\": true}}}");
}

static void network_says_what_is_wrong(void)
{
	static const struct npu_tensor one = {4, 4, 8, NPU_FP16}, other = {4, 4, 9, NPU_FP16};
	static const struct npu_network_elementwise product = {.operation = NPU_MULTIPLY};
	struct npu_pool_shape pool = {.window = {5, 1, 1, 1, 0, 0, 0, 0}};
	struct npu_network *network;
	struct daemon daemon;
	struct npu_session *session;
	uint32_t a, b, tensor = 77;

	session = start(NULL, &daemon);
	REQUIRE_EQ(npu_network_new(session, 0, &network), 0);
	REQUIRE_EQ(npu_network_run(network, -1), -EINVAL);
	REQUIRE_HAS(npu_last_error(), "the network has no operators");
	REQUIRE_EQ(npu_network_add_input(network, &one, &a), 0);
	REQUIRE_EQ(npu_network_add_input(network, &other, &b), 0);
	REQUIRE_EQ(npu_network_add_elementwise(network, a, 2, &product, &tensor), -EINVAL);
	REQUIRE_HAS(npu_last_error(), "b: 2, must be one of the network's 2 tensors");
	REQUIRE_EQ(npu_network_add_elementwise(network, a, b, &product, &tensor), -EINVAL);
	REQUIRE_HAS(npu_last_error(), "b: 4 x 4 x 9 of type 1, must be as a: 4 x 4 x 8 of type 1");
	REQUIRE_EQ(npu_network_add_pool(network, a, &pool, &tensor), -EINVAL);
	REQUIRE_HAS(npu_last_error(), "kernel_width: 5, must be 1 to 4");
	REQUIRE_EQ(tensor, 77);
	REQUIRE_EQ(npu_network_count_tasks(network), 0);
	REQUIRE_EQ(npu_network_add_elementwise(network, a, a, &product, &tensor), 0);
	REQUIRE_EQ(npu_network_submit(network), 0);
	REQUIRE_EQ(npu_network_add_input(network, &one, &b), -EBUSY);
	REQUIRE_EQ(npu_network_set_input(network, a, &one), -EBUSY);
	npu_network_free(network); /* waits */
	stop(session, &daemon);
}

static void digits_are_told_apart(void)
{
	static struct command_result result;
	struct daemon daemon;

	harness_skip_on("rocket", "tasks that only pool never end");
	daemon_start(NULL, &daemon);
	command_run("DIGITS", (const char *[]){"digits", "--socket", daemon.socket, NULL}, &result);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "491 of 500 right (98.2 %)");
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(cores_share_an_operator),
	HARNESS_CASE(too_many_cores),
	HARNESS_CASE(network_is_its_operators),
	HARNESS_CASE(streams_pass_the_check),
	HARNESS_CASE(network_says_what_is_wrong),
	{.name = "digits_are_told_apart", .run = digits_are_told_apart, .timeout_s = 120},
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
