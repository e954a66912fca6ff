/* SPDX-License-Identifier: MIT */
/*
 * The operators of libnpu-ops on random shapes: packed, run on the software NPU and unpacked, they
 * give what their mathematics says, which is written down here a second time. NPUD_SEED and
 * NPUD_SHAPES choose the first seed and how many shapes there are of each.
 */
#include "tests/unit/ops_lab.h"

static struct npu_window pick_window(uint64_t *state, uint32_t side_max)
{
	struct npu_window window = {
		.kernel_width = pick(state, 1, side_max),
		.kernel_height = pick(state, 1, side_max),
		.stride_x = pick(state, 1, 3),
		.stride_y = pick(state, 1, 3),
	};

	window.pad_left = pick(state, 0, window.kernel_width - 1);
	window.pad_right = pick(state, 0, window.kernel_width - 1);
	window.pad_top = pick(state, 0, window.kernel_height - 1);
	window.pad_bottom = pick(state, 0, window.kernel_height - 1);
	return window;
}

/* ---- convolutions ---- */

struct conv {
	struct npu_conv2d_shape shape;
	struct npu_conv2d_quantization quantization;
	struct values input, weights, output;
	struct npu_conv2d_channel *channels;
	struct npu_conv2d_plan plan;
};

static uint32_t kernel_channels(const struct conv *conv)
{
	return conv->shape.is_depthwise ? 1 : conv->shape.channels;
}

static void pick_conv(struct conv *conv, uint64_t *state, enum npu_type type, bool is_depthwise)
{
	struct npu_conv2d_shape *shape = &conv->shape;

	shape->type = type;
	shape->is_depthwise = is_depthwise;
	shape->window = pick_window(state, 4);
	shape->width = pick(state, shape->window.kernel_width, 12);
	shape->height = pick(state, shape->window.kernel_height, 12);
	shape->channels = pick(state, 1, 70);
	shape->kernels = is_depthwise ? shape->channels : pick(state, 1, 40);
}

static void pick_connected(struct conv *conv, uint64_t *state)
{
	conv->shape =
		npu_fully_connected(pick(state, 1, 5), pick(state, 1, 600), pick(state, 1, 80));
	conv->shape.type = pick(state, 0, 1) ? NPU_FP16 : NPU_INT8;
}

static void fill_conv(struct conv *conv, uint64_t *state)
{
	struct npu_conv2d_shape *shape = &conv->shape;
	uint32_t taps = shape->window.kernel_width * shape->window.kernel_height;
	uint32_t n = taps * kernel_channels(conv);

	conv->quantization = (struct npu_conv2d_quantization){
		.input_zero = (int8_t)random_next(state),
		.output_zero = (int8_t)random_next(state),
		.is_relu = pick(state, 0, 1),
		.is_per_channel = pick(state, 0, 1),
		.weight_zero = (int8_t)random_next(state),
		.scale_shift = (uint8_t)pick(state, 13, 15),
		/* So that most results are not saturated. */
		.out_shift = (uint8_t)(21 + log2(n) / 2),
		.out_scale = (uint16_t)pick(state, 8192, 32767),
	};
	conv->input = values_new(state, shape->type,
				 (size_t)shape->width * shape->height * shape->channels);
	conv->weights = values_new(state, shape->type, (size_t)n * shape->kernels);
	conv->channels = calloc(shape->kernels, sizeof(*conv->channels));
	ck_assert_ptr_nonnull(conv->channels);
	for (uint32_t k = 0; k < shape->kernels; k++)
		conv->channels[k] = (struct npu_conv2d_channel){
			.bias = (int32_t)pick(state, 0, 100000) - 50000,
			.scale = (uint16_t)pick(state, 0, 32767),
			.weight_zero = (int8_t)random_next(state),
			.fp16_bias = (float)((int)pick(state, 0, 2000) - 1000) / 64,
		};
}

static void run_conv(struct lab *lab, struct conv *conv, uint64_t *state, uint64_t seed)
{
	struct npu_conv2d_iovas iovas = {IMAGE(0), IMAGE(1), IMAGE(2), IMAGE(3)};
	struct device_task task = {.regcmd_count = NPU_CONV2D_STREAM_ENTRIES, .int_mask = INT_DPU};
	struct npu_conv2d_plan *plan = &conv->plan;
	struct npu_band band;

	REQUIRE(npu_conv2d_plan(&conv->shape, &conv->quantization, plan) == 0, "seed %llu: %s",
		(unsigned long long)seed, npu_last_error());
	plan->n_bands = pick(state, plan->n_bands, plan->out_height);
	ck_assert_uint_le(plan->input_bytes, IMAGE_BYTES);
	ck_assert_uint_le(plan->weight_bytes, IMAGE_BYTES);
	ck_assert_uint_le(plan->output_bytes, IMAGE_BYTES);
	npu_conv2d_pack_input(plan, conv->input.elements, lab->images[0]);
	npu_conv2d_pack_weights(plan, conv->weights.elements, lab->images[1]);
	ck_assert_int_eq(npu_conv2d_pack_operands(plan, conv->weights.elements, conv->channels,
						  lab->images[2]),
			 0);
	for (uint32_t i = 0; i < plan->n_bands; i++) {
		npu_conv2d_plan_band(plan, i, &band);
		ck_assert_int_eq(npu_conv2d_emit(plan, &band, &iovas, lab_stream(lab, i),
						 NPU_CONV2D_STREAM_ENTRIES),
				 0);
	}
	lab_run(lab, &task, plan->n_bands, 3, plan->output_bytes, seed);
	npu_conv2d_unpack_output(plan, lab->images[3], conv->output.elements);
}

/* Sum over one window, with zero points where there are any. */
static double conv_sum(const struct conv *conv, uint32_t k, uint32_t out_y, uint32_t out_x)
{
	const struct npu_conv2d_shape *shape = &conv->shape;
	const struct npu_window *window = &shape->window;
	bool is_int = shape->type == NPU_INT8;
	uint32_t n = kernel_channels(conv), first = shape->is_depthwise ? k : 0;
	double input_zero = is_int ? conv->quantization.input_zero : 0, sum = 0, weight_zero = 0;
	size_t weight = (size_t)k * window->kernel_width * window->kernel_height * n;

	if (is_int)
		weight_zero = conv->quantization.is_per_channel ? conv->channels[k].weight_zero
								: conv->quantization.weight_zero;
	for (uint32_t i = 0; i < window->kernel_height; i++)
		for (uint32_t j = 0; j < window->kernel_width; j++, weight += n) {
			int64_t y = (int64_t)out_y * window->stride_y + i - window->pad_top;
			int64_t x = (int64_t)out_x * window->stride_x + j - window->pad_left;

			if (y < 0 || x < 0 || y >= shape->height || x >= shape->width)
				continue;
			for (uint32_t c = 0; c < n; c++)
				sum += (value_get(&conv->input, ((size_t)y * shape->width +
								 (size_t)x) * shape->channels +
									first + c) -
					input_zero) *
				       (value_get(&conv->weights, weight + c) - weight_zero);
		}
	return sum;
}

static double conv_expected(const struct conv *conv, uint32_t k, uint32_t y, uint32_t x)
{
	const struct npu_conv2d_quantization *quantization = &conv->quantization;
	const struct npu_conv2d_channel *channel = &conv->channels[k];
	double value = conv_sum(conv, k, y, x);
	bool is_int = conv->shape.type == NPU_INT8;

	value += is_int ? channel->bias : (double)channel->fp16_bias;
	if (is_int && quantization->is_per_channel)
		value = rescale(value, channel->scale, quantization->scale_shift);
	if (quantization->is_relu)
		value = fmax(value, 0);
	if (!is_int)
		return to_fp16(value);
	return to_int8(rescale(value, quantization->out_scale, quantization->out_shift) +
		       quantization->output_zero);
}

static void check_conv(struct lab *lab, struct conv *conv, uint64_t *state, uint64_t seed)
{
	const struct npu_conv2d_plan *plan = &conv->plan;
	size_t at = 0;

	size_t outputs_max = (size_t)(conv->shape.width + conv->shape.window.kernel_width) *
			     (conv->shape.height + conv->shape.window.kernel_height) *
			     conv->shape.kernels;

	fill_conv(conv, state);
	conv->output = values_new(state, conv->shape.type, outputs_max);
	run_conv(lab, conv, state, seed);
	for (uint32_t y = 0; y < plan->out_height; y++)
		for (uint32_t x = 0; x < plan->out_width; x++)
			for (uint32_t k = 0; k < conv->shape.kernels; k++, at++)
				REQUIRE(value_get(&conv->output, at) ==
						conv_expected(conv, k, y, x),
					"seed %llu: row %u column %u channel %u: %g, not %g",
					(unsigned long long)seed, y, x, k,
					value_get(&conv->output, at), conv_expected(conv, k, y, x));
	free(conv->input.elements);
	free(conv->weights.elements);
	free(conv->output.elements);
	free(conv->channels);
}

static void check_int8(struct lab *lab, uint64_t *state, uint64_t seed)
{
	struct conv conv = {0};

	pick_conv(&conv, state, NPU_INT8, false);
	check_conv(lab, &conv, state, seed);
}

static void check_fp16(struct lab *lab, uint64_t *state, uint64_t seed)
{
	struct conv conv = {0};

	pick_conv(&conv, state, NPU_FP16, false);
	check_conv(lab, &conv, state, seed);
}

static void check_depthwise_int8(struct lab *lab, uint64_t *state, uint64_t seed)
{
	struct conv conv = {0};

	pick_conv(&conv, state, NPU_INT8, true);
	check_conv(lab, &conv, state, seed);
}

static void check_depthwise_fp16(struct lab *lab, uint64_t *state, uint64_t seed)
{
	struct conv conv = {0};

	pick_conv(&conv, state, NPU_FP16, true);
	check_conv(lab, &conv, state, seed);
}

static void check_fully_connected(struct lab *lab, uint64_t *state, uint64_t seed)
{
	struct conv conv = {0};

	pick_connected(&conv, state);
	check_conv(lab, &conv, state, seed);
}

/* ---- pooling ---- */

struct window_values {
	double min, max, sum, largest; /* the last of all, pads included */
};

static struct window_values window_values(const struct npu_pool_shape *shape,
					  const struct values *input, size_t pixel, uint32_t c)
{
	struct window_values result = {INFINITY, -INFINITY, 0, 0};
	const struct npu_window *window = &shape->window;
	uint32_t out_width =
		(shape->width + window->pad_left + window->pad_right - window->kernel_width) /
			window->stride_x +
		1;
	int64_t top = (int64_t)(pixel / out_width * window->stride_y) - window->pad_top;
	int64_t left = (int64_t)(pixel % out_width * window->stride_x) - window->pad_left;

	for (int64_t y = top; y < top + window->kernel_height; y++)
		for (int64_t x = left; x < left + window->kernel_width; x++) {
			double value = shape->pad;

			if (y >= 0 && x >= 0 && y < shape->height && x < shape->width) {
				value = value_get(input, ((size_t)y * shape->width + (size_t)x) *
									 shape->channels +
								 c);
				result.min = fmin(result.min, value);
				result.max = fmax(result.max, value);
			}
			result.sum += value;
			result.largest = fmax(result.largest, fabs(value));
		}
	return result;
}

static void run_pool(struct lab *lab, struct npu_pool_plan *plan, const struct values *input,
		     struct values *output, uint64_t seed)
{
	struct npu_pool_iovas iovas = {IMAGE(0), IMAGE(1)};
	struct device_task task = {.regcmd_count = NPU_POOL_STREAM_ENTRIES,
				   .int_mask = NPU_POOL_INT_MASK};
	struct npu_band band;

	npu_pool_pack_input(plan, input->elements, lab->images[0]);
	for (uint32_t i = 0; i < plan->n_bands; i++) {
		npu_pool_plan_band(plan, i, &band);
		ck_assert_int_eq(npu_pool_emit(plan, &band, &iovas, lab_stream(lab, i),
					       NPU_POOL_STREAM_ENTRIES),
				 0);
	}
	lab_run(lab, &task, plan->n_bands, 1, plan->output_bytes, seed);
	npu_pool_unpack_output(plan, lab->images[1], output->elements);
}

static bool is_pool_right(const struct npu_pool_shape *shape, const struct window_values *window,
			  double value)
{
	double n = shape->window.kernel_width * shape->window.kernel_height;

	if (shape->method == NPU_POOL_MAX)
		return value == window->max;
	if (shape->method == NPU_POOL_MIN)
		return value == window->min;
	return fabs(value - window->sum / n) <=
	       (shape->type == NPU_INT8 ? 1 : window->largest / 500);
}

static void check_pool(struct lab *lab, uint64_t *state, uint64_t seed)
{
	struct npu_pool_shape shape = {
		.window = pick_window(state, 7),
		.channels = pick(state, 1, 40),
		.method = (enum npu_pool_method)pick(state, 0, NPU_POOL_METHOD_COUNT - 1),
		.type = pick(state, 0, 1) ? NPU_FP16 : NPU_INT8,
	};
	struct values input, output;
	struct npu_pool_plan plan;

	shape.width = pick(state, shape.window.kernel_width, 20);
	shape.height = pick(state, shape.window.kernel_height, 20);
	shape.pad = shape.type == NPU_INT8 ? (int8_t)random_next(state) : 0;
	ck_assert_int_eq(npu_pool_plan(&shape, &plan), 0);
	plan.n_bands = pick(state, plan.n_bands, plan.out_height);
	input = values_new(state, shape.type, (size_t)shape.width * shape.height * shape.channels);
	output = values_new(state, shape.type,
			    (size_t)plan.out_width * plan.out_height * shape.channels);
	run_pool(lab, &plan, &input, &output, seed);
	for (size_t i = 0; i < (size_t)plan.out_width * plan.out_height * shape.channels; i++) {
		struct window_values window = window_values(&shape, &input, i / shape.channels,
							    (uint32_t)(i % shape.channels));

		REQUIRE(is_pool_right(&shape, &window, value_get(&output, i)),
			"seed %llu: method %d type %d, element %zu: %g of sum %g, %g to %g",
			(unsigned long long)seed, shape.method, shape.type, i,
			value_get(&output, i), window.sum, window.min, window.max);
	}
	free(input.elements);
	free(output.elements);
}

/* ---- element-wise ---- */

static double sigmoid(double x)
{
	return 1 / (1 + exp(-x));
}

static double fp16_expected(const struct npu_elementwise_plan *plan, double a, double b)
{
	enum npu_elementwise_operation operation = plan->shape.operation;
	double value = operation == NPU_ADD	   ? (double)((float)a + (float)b)
		       : operation == NPU_MULTIPLY ? a * b
						   : a;

	if (plan->quantization.is_relu || operation == NPU_RELU)
		value = fmax(value, 0);
	return to_fp16(value);
}

static double int8_expected(const struct npu_elementwise_plan *plan, double a, double b)
{
	const struct npu_elementwise_quantization *quantization = &plan->quantization;
	enum npu_elementwise_operation operation = plan->shape.operation;
	double value;

	a -= quantization->a_zero;
	b -= quantization->b_zero;
	if (operation == NPU_SIGMOID)
		return to_int8(round(sigmoid(a * (double)quantization->a_step) /
					     (double)quantization->output_step +
				     quantization->output_zero));
	value = operation == NPU_ADD	    ? a * quantization->a_scale + b * quantization->b_scale
		: operation == NPU_MULTIPLY ? a * b
					    : a;
	if (quantization->is_relu || operation == NPU_RELU)
		value = fmax(value, 0);
	return to_int8(rescale(value, quantization->out_scale, quantization->out_shift) +
		       quantization->output_zero);
}

static bool is_elementwise_right(const struct npu_elementwise_plan *plan, double a, double b,
				 double value)
{
	if (plan->shape.type == NPU_INT8)
		return value == int8_expected(plan, a, b);
	if (plan->shape.operation == NPU_SIGMOID)
		return fabs(value - sigmoid(a)) <= 0.0005;
	return value == fp16_expected(plan, a, b);
}

static void pick_elementwise(uint64_t *state, struct npu_elementwise_plan *plan)
{
	struct npu_elementwise_shape shape = {
		.width = pick(state, 1, 20),
		.height = pick(state, 1, 20),
		.channels = pick(state, 1, 40),
		.type = pick(state, 0, 1) ? NPU_FP16 : NPU_INT8,
		.operation = (enum npu_elementwise_operation)pick(
			state, 0, NPU_ELEMENTWISE_OPERATION_COUNT - 1),
	};
	struct npu_elementwise_quantization quantization = {
		.a_zero = (int8_t)random_next(state),
		.b_zero = (int8_t)random_next(state),
		.output_zero = (int8_t)random_next(state),
		.is_relu = shape.operation != NPU_SIGMOID && pick(state, 0, 1),
		.a_scale = (uint16_t)pick(state, 1, 32767),
		.b_scale = (uint16_t)pick(state, 1, 32767),
		.out_scale = (uint16_t)pick(state, 16384, 32767),
		.out_shift = (uint8_t)(shape.operation == NPU_ADD	 ? pick(state, 28, 31)
				       : shape.operation == NPU_MULTIPLY ? pick(state, 20, 23)
									 : pick(state, 14, 16)),
		.a_step = (float)pick(state, 1, 100) / 1000,
		.output_step = (float)pick(state, 1, 30) / 1000,
	};

	ck_assert_int_eq(npu_elementwise_plan(&shape, &quantization, plan), 0);
	plan->n_runs = pick(state, 1, plan->n_pixels < 4 ? plan->n_pixels : 4);
}

static void check_elementwise(struct lab *lab, uint64_t *state, uint64_t seed)
{
	struct npu_elementwise_iovas iovas = {IMAGE(0), IMAGE(1), IMAGE(2)};
	struct device_task task = {.int_mask = NPU_ELEMENTWISE_INT_MASK};
	struct npu_elementwise_plan plan;
	struct values a, b, output;
	struct npu_run run;
	size_t n;

	pick_elementwise(state, &plan);
	n = (size_t)plan.n_pixels * plan.shape.channels;
	a = values_new_wide(state, plan.shape.type, n);
	b = values_new_wide(state, plan.shape.type, n);
	output = values_new(state, plan.shape.type, n);
	npu_elementwise_pack(&plan, a.elements, lab->images[0]);
	npu_elementwise_pack(&plan, b.elements, lab->images[1]);
	task.regcmd_count = plan.stream_entries;
	for (uint32_t i = 0; i < plan.n_runs; i++) {
		npu_elementwise_plan_run(&plan, i, &run);
		ck_assert_int_eq(npu_elementwise_emit(&plan, &run, &iovas, lab_stream(lab, i),
						      plan.stream_entries),
				 0);
	}
	lab_run(lab, &task, plan.n_runs, 2, plan.image_bytes, seed);
	npu_elementwise_unpack(&plan, lab->images[2], output.elements);
	for (size_t i = 0; i < n; i++)
		REQUIRE(is_elementwise_right(&plan, value_get(&a, i), value_get(&b, i),
					     value_get(&output, i)),
			"seed %llu: operation %d type %d, element %zu: %g of %g and %g",
			(unsigned long long)seed, plan.shape.operation, plan.shape.type, i,
			value_get(&output, i), value_get(&a, i), value_get(&b, i));
	free(a.elements);
	free(b.elements);
	free(output.elements);
}

/* ---- matrix products ---- */

/* int8 summed exactly; fp16 in eighths, so that is exact too. */
static double product_expected(const struct npu_matmul_shape *shape, const struct values *a,
			       const struct values *b, size_t i)
{
	size_t row = i / shape->n, column = i % shape->n;
	double sum = 0;

	for (size_t k = 0; k < shape->k; k++)
		sum += value_get(a, row * shape->k + k) * value_get(b, k * shape->n + column);
	return shape->type == NPU_MATMUL_FP16_FP16 ? to_fp16(sum) : sum;
}

static double product_get(const struct npu_matmul_shape *shape, const void *c, size_t i)
{
	if (shape->type == NPU_MATMUL_INT8_INT32)
		return ((const int32_t *)c)[i];
	if (shape->type == NPU_MATMUL_FP16_FP32)
		return (double)((const float *)c)[i];
	return (double)npu_fp16_to_float(((const uint16_t *)c)[i]);
}

static void run_product(struct lab *lab, const struct npu_matmul_layout *layout, uint64_t seed)
{
	struct npu_matmul_iovas iovas = {IMAGE(0), IMAGE(1), IMAGE(2)};
	struct device_task task = {.regcmd_count = NPU_MATMUL_STREAM_ENTRIES,
				   .int_mask = NPU_MATMUL_INT_MASK};
	struct npu_matmul_plan plan;
	struct npu_matmul_tile tile;

	ck_assert_int_eq(npu_matmul_plan(layout, 1, &plan), 0);
	for (uint32_t i = 0; i < plan.n_tasks; i++) {
		npu_matmul_plan_tile(&plan, i, &tile);
		ck_assert_int_eq(npu_matmul_emit(layout, &tile, &iovas, lab_stream(lab, i),
						 NPU_MATMUL_STREAM_ENTRIES),
				 0);
	}
	lab_run(lab, &task, plan.n_tasks, 2, layout->c_bytes, seed);
}

static void check_product(struct lab *lab, uint64_t *state, uint64_t seed)
{
	struct npu_matmul_shape shape = {
		.m = pick(state, 1, 40),
		.k = pick(state, 1, 200),
		.n = pick(state, 1, 60),
		.type = (enum npu_matmul_type)pick(state, 0, NPU_MATMUL_TYPE_COUNT - 1),
	};
	enum npu_type type = shape.type == NPU_MATMUL_INT8_INT32 ? NPU_INT8 : NPU_FP16;
	struct values a = values_new(state, type, (size_t)shape.m * shape.k);
	struct values b = values_new(state, type, (size_t)shape.k * shape.n);
	void *c = malloc((size_t)shape.m * shape.n * 4);
	struct npu_matmul_layout layout;

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(npu_matmul_layout(&shape, &layout), 0);
	npu_matmul_pack_a(&layout, a.elements, lab->images[0]);
	npu_matmul_pack_b(&layout, b.elements, lab->images[1]);
	run_product(lab, &layout, seed);
	npu_matmul_unpack_c(&layout, lab->images[2], c);
	for (size_t i = 0; i < (size_t)shape.m * shape.n; i++)
		REQUIRE(product_get(&shape, c, i) == product_expected(&shape, &a, &b, i),
			"seed %llu: type %d, element %zu: %g, not %g", (unsigned long long)seed,
			shape.type, i, product_get(&shape, c, i),
			product_expected(&shape, &a, &b, i));
	free(a.elements);
	free(b.elements);
	free(c);
}

/* ---- the operators ---- */

static const struct {
	const char *name;
	void (*check)(struct lab *lab, uint64_t *state, uint64_t seed);
	unsigned n_operations; /* that it chooses from */
} operators[] = {
	{"matrix product", check_product, 3},
	{"conv2d, int8", check_int8, 1},
	{"conv2d, fp16", check_fp16, 1},
	{"depthwise conv2d, int8", check_depthwise_int8, 1},
	{"depthwise conv2d, fp16", check_depthwise_fp16, 1},
	{"fully connected", check_fully_connected, 1},
	{"pooling", check_pool, 3},
	{"element-wise", check_elementwise, 4},
};

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

START_TEST(random_shapes)
{
	uint64_t first = number_from("NPUD_SEED", 1), n;
	struct lab lab = {0};

	n = number_from("NPUD_SHAPES", 2000) * operators[_i].n_operations;
	lab_init(&lab);
	for (uint64_t seed = first; seed < first + n; seed++) {
		uint64_t state = seed;

		operators[_i].check(&lab, &state, seed);
	}
	printf("%s: %llu shapes from seed %llu\n", operators[_i].name, (unsigned long long)n,
	       (unsigned long long)first);
	rig_deinit(&lab.rig);
}
END_TEST

/* More than the 384 KiB on chip, so in bands even without being asked. */
static const struct npu_conv2d_shape large[] = {
	{64, 50, 64, 3, {3, 3, 1, 1, 1, 1, 1, 1}, NPU_FP16, false},
	{40, 31, 256, 2, {5, 4, 2, 3, 2, 3, 4, 1}, NPU_FP16, false},
	{64, 60, 130, 130, {3, 3, 2, 2, 1, 0, 0, 1}, NPU_INT8, true},
	{50, 60, 90, 90, {3, 2, 1, 1, 1, 1, 1, 0}, NPU_FP16, true},
	{64, 60, 130, 5, {3, 3, 2, 2, 1, 0, 0, 1}, NPU_INT8, false},
};

START_TEST(large_convolutions)
{
	struct conv conv = {.shape = large[_i]};
	struct npu_conv2d_plan plan;
	struct lab lab = {0};
	uint64_t state = 1;

	lab_init(&lab);
	ck_assert_int_eq(npu_conv2d_plan(&large[_i],
					 &(struct npu_conv2d_quantization){.out_scale = 1}, &plan),
			 0);
	ck_assert_uint_gt(plan.n_bands, 1);
	check_conv(&lab, &conv, &state, 1);
	rig_deinit(&lab.rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ops_random");
	TCase *tcase = tcase_create("operators");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 250);
	tcase_add_loop_test(tcase, random_shapes, 0, (int)(sizeof(operators) / sizeof(*operators)));
	tcase_add_loop_test(tcase, large_convolutions, 0, (int)(sizeof(large) / sizeof(*large)));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
