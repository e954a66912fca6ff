/* SPDX-License-Identifier: MIT */
/*
 * Tells handwritten digits apart: a classifier of two layers in 8-bit integers, whose matrix
 * products run on the NPU, a batch of images at a time. digits/README.md says where the data are
 * from, digits/format.h what they mean.
 */
#include "digits/format.h"
#include "example.h"
#include "npu_ops.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM	       "digits"
#define USAGE	       "usage: " PROGRAM " [--socket PATH] [--data DIR] [--repeat N]\n"
#define BATCH	       100u
#define IMAGES_MAX     100000u
#define ACCURACY_FLOOR 95.0 /* percent; the weights that come with this reach 96.6 */

struct options {
	const char *socket_path, *data_directory;
	unsigned long repeat;
};

struct data {
	struct digits_weights weights;
	struct digits_image *images;
	uint32_t n_images;
};

struct classifier {
	struct npu_matmul *hidden, *scores;
	const struct digits_weights *weights;
	int8_t pixels[BATCH][DIGITS_PIXELS];
	int32_t hidden_sums[BATCH][DIGITS_HIDDEN];
	int8_t hidden_values[BATCH][DIGITS_HIDDEN];
	int32_t score_sums[BATCH][DIGITS_CLASSES];
};

/* ---- data ---- */

static const char *find_data(const char *directory)
{
	if (directory)
		return directory;
	directory = getenv("NPU_DIGITS_DATA");
	if (directory && *directory)
		return directory;
	return access(DIGITS_DATA_DIR "/weights.bin", R_OK) == 0 ? DIGITS_DATA_DIR
								 : DIGITS_SOURCE_DIR;
}

static FILE *open_data(const char *directory, const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "rbe");
	if (!file)
		fprintf(stderr, PROGRAM ": %s: %s; name the directory with --data\n", path,
			strerror(errno));
	return file;
}

static int bad_data(const char *name)
{
	fprintf(stderr, PROGRAM ": %s: not a file of this example\n", name);
	return -EINVAL;
}

static int load_weights(const char *directory, struct digits_weights *weights)
{
	FILE *file = open_data(directory, "weights.bin");
	size_t n;

	if (!file)
		return -ENOENT;
	n = fread(weights, sizeof(*weights), 1, file);
	fclose(file);
	if (n != 1 || memcmp(weights->magic, "DIGITSW1", 8) != 0 || weights->shift > 31)
		return bad_data("weights.bin");
	return 0;
}

static int load_images(const char *directory, struct data *data)
{
	FILE *file = open_data(directory, "images.bin");
	struct digits_images header;
	size_t n = 0;

	if (!file)
		return -ENOENT;
	if (fread(&header, sizeof(header), 1, file) == 1 &&
	    memcmp(header.magic, "DIGITSI1", 8) == 0 && header.count >= 1 &&
	    header.count <= IMAGES_MAX) {
		data->n_images = header.count;
		data->images = calloc(header.count, sizeof(*data->images));
		if (data->images)
			n = fread(data->images, sizeof(*data->images), header.count, file);
	}
	fclose(file);
	return n > 0 && n == data->n_images ? 0 : bad_data("images.bin");
}

/* ---- the classifier ---- */

static int layer_new(struct npu_session *npu, uint32_t n_inputs, uint32_t n_outputs,
		     const void *weights, struct npu_matmul **ret_layer)
{
	struct npu_matmul_args args = {
		.shape = {BATCH, n_inputs, n_outputs, NPU_MATMUL_INT8_INT32}};
	int r;

	r = npu_matmul_new(npu, &args, ret_layer);
	return r < 0 ? r : npu_matmul_set_b_transposed(*ret_layer, weights);
}

static int layer_run(struct npu_matmul *layer, const void *inputs, void *sums)
{
	int r;

	r = npu_matmul_set_a(layer, inputs);
	if (r == 0)
		r = npu_matmul_run(layer, -1);
	return r < 0 ? r : npu_matmul_get_c(layer, sums);
}

static int classifier_init(struct classifier *classifier, struct npu_session *npu,
			   const struct digits_weights *weights)
{
	int r;

	classifier->weights = weights;
	r = layer_new(npu, DIGITS_PIXELS, DIGITS_HIDDEN, weights->hidden_weights,
		      &classifier->hidden);
	return r < 0 ? r
		     : layer_new(npu, DIGITS_HIDDEN, DIGITS_CLASSES, weights->class_weights,
				 &classifier->scores);
}

static void classifier_deinit(struct classifier *classifier)
{
	classifier->scores = npu_matmul_free(classifier->scores);
	classifier->hidden = npu_matmul_free(classifier->hidden);
}

/* Between the layers: bias, ReLU and back to 7 bits, on the CPU. */
static void activate(struct classifier *classifier)
{
	const struct digits_weights *weights = classifier->weights;

	for (unsigned i = 0; i < BATCH; i++)
		for (unsigned j = 0; j < DIGITS_HIDDEN; j++) {
			int32_t value = (classifier->hidden_sums[i][j] + weights->hidden_bias[j]) >>
					weights->shift;

			classifier->hidden_values[i][j] = (int8_t)(value < 0	 ? 0
								   : value > 127 ? 127
										 : value);
		}
}

static unsigned best_class(const struct classifier *classifier, unsigned image)
{
	const int32_t *sums = classifier->score_sums[image];
	const int32_t *bias = classifier->weights->class_bias;
	unsigned best = 0;

	for (unsigned c = 1; c < DIGITS_CLASSES; c++)
		if (sums[c] + bias[c] > sums[best] + bias[best])
			best = c;
	return best;
}

/* `n` is at most BATCH. */
static int classify(struct classifier *classifier, const struct digits_image *images, unsigned n,
		    unsigned *n_right)
{
	int r;

	memset(classifier->pixels, 0, sizeof(classifier->pixels));
	for (unsigned i = 0; i < n; i++)
		for (unsigned p = 0; p < DIGITS_PIXELS; p++)
			classifier->pixels[i][p] = (int8_t)(images[i].pixels[p] / 2);
	r = layer_run(classifier->hidden, classifier->pixels, classifier->hidden_sums);
	if (r < 0)
		return r;
	activate(classifier);
	r = layer_run(classifier->scores, classifier->hidden_values, classifier->score_sums);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < n; i++)
		*n_right += best_class(classifier, i) == images[i].label;
	return 0;
}

static int classify_all(struct classifier *classifier, const struct data *data, unsigned *n_right)
{
	int r = 0;

	*n_right = 0;
	for (uint32_t i = 0; i < data->n_images && r == 0; i += BATCH) {
		uint32_t left = data->n_images - i;

		r = classify(classifier, data->images + i, left < BATCH ? left : BATCH, n_right);
	}
	return r;
}

/* ---- the program ---- */

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int run(struct npu_session *npu, const struct data *data, unsigned long repeat)
{
	static struct classifier classifier;
	double begin_s, accuracy, seconds;
	unsigned n_right = 0;
	int r;

	r = classifier_init(&classifier, npu, &data->weights);
	begin_s = now_s();
	for (unsigned long i = 0; i < repeat && r == 0; i++)
		r = classify_all(&classifier, data, &n_right);
	seconds = now_s() - begin_s;
	if (r < 0)
		r = example_fail(PROGRAM, "classify", r);
	classifier_deinit(&classifier);
	if (r != 0)
		return r;
	accuracy = 100.0 * n_right / data->n_images;
	printf(PROGRAM ": %u of %u right (%.1f %%), %.0f images/s on %s\n", n_right, data->n_images,
	       accuracy, (double)data->n_images * (double)repeat / seconds, npu_query(npu)->device);
	if (accuracy >= ACCURACY_FLOOR)
		return EXAMPLE_OK;
	fprintf(stderr, PROGRAM ": accuracy: %.1f %%, should be at least %.0f %%\n", accuracy,
		ACCURACY_FLOOR);
	return EXAMPLE_FAILED;
}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"socket", required_argument, NULL, 's'},
		{"data", required_argument, NULL, 'd'},
		{"repeat", required_argument, NULL, 'r'},
		{0},
	};
	int option;
	char *end;

	while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		if (option == 's') {
			options->socket_path = optarg;
		} else if (option == 'd') {
			options->data_directory = optarg;
		} else if (option == 'r') {
			errno = 0;
			options->repeat = strtoul(optarg, &end, 10);
			if (errno || *end || *optarg == '-' || options->repeat == 0)
				return -EINVAL;
		} else {
			return -EINVAL;
		}
	}
	return optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	static struct data data;
	struct options options = {.repeat = 1};
	struct npu_session *npu;
	const char *directory;
	int status;

	if (example_prints_help(argc, argv, USAGE))
		return EXAMPLE_OK;
	if (parse_options(argc, argv, &options) < 0) {
		fputs(USAGE, stderr);
		return EXAMPLE_USAGE;
	}
	directory = find_data(options.data_directory);
	if (load_weights(directory, &data.weights) < 0 || load_images(directory, &data) < 0)
		return EXAMPLE_FAILED;
	status = example_open(PROGRAM, options.socket_path, &npu);
	if (status == EXAMPLE_OK) {
		status = run(npu, &data, options.repeat);
		npu_close(npu);
	}
	free(data.images);
	return status;
}
