/* SPDX-License-Identifier: MIT */
/*
 * Tells handwritten digits apart: a small convolutional network in 8-bit integers that runs whole
 * on the NPU, as one job of several tasks. digits/README.md says where the data are from,
 * digits/format.h what they mean.
 *
 * A batch of images is one tall image. Windows that reach from one digit into the next give results
 * that nobody uses: the last layer's steps are as high as what became of a digit, 28 rows, then 14,
 * then 7, so that each of its windows lies on one digit.
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
#define BATCH	       50u
#define IMAGES_MAX     100000u
#define ACCURACY_FLOOR 95.0 /* percent; the weights that come with this reach 98.2 */

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
	struct npu_network *network;
	uint32_t pixels, scores; /* tensors */
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

/* Beyond, they would not even fit where libnpu-ops checks them. */
static bool has_right_numbers(const struct digits_weights *weights)
{
	for (int i = 0; i < DIGITS_LAYERS; i++) {
		const struct digits_quantization *quantization = &weights->quantizations[i];

		if (quantization->out_scale > UINT16_MAX || quantization->out_shift > UINT8_MAX)
			return false;
		for (int k = 0; k < DIGITS_CHANNELS; k++)
			if (quantization->scale[k] > UINT16_MAX)
				return false;
	}
	return true;
}

static int load_weights(const char *directory, struct digits_weights *weights)
{
	FILE *file = open_data(directory, "weights.bin");
	size_t n;

	if (!file)
		return -ENOENT;
	n = fread(weights, sizeof(*weights), 1, file);
	fclose(file);
	if (n != 1 || memcmp(weights->magic, "DIGITSW2", 8) != 0 || !has_right_numbers(weights))
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

/* A layer of the network, as the file has it. */
static int add_layer(struct classifier *classifier, const struct digits_quantization *from,
		     struct npu_network_conv2d *conv, uint32_t input, uint32_t *ret_output)
{
	struct npu_conv2d_channel channels[DIGITS_CHANNELS] = {0};

	conv->channels = channels;
	conv->quantization.is_per_channel = true;
	conv->quantization.scale_shift = DIGITS_SCALE_SHIFT;
	conv->quantization.out_scale = (uint16_t)from->out_scale;
	conv->quantization.out_shift = (uint8_t)from->out_shift;
	for (int k = 0; k < DIGITS_CHANNELS; k++) {
		channels[k].bias = from->bias[k];
		channels[k].scale = (uint16_t)from->scale[k];
	}
	return npu_network_add_conv2d(classifier->network, input, conv, ret_output);
}

/* A convolution with ReLU, and the maxima of 2x2. */
static int add_features(struct classifier *classifier, const struct digits_quantization *from,
			struct npu_network_conv2d *conv, uint32_t input, uint32_t *ret_output)
{
	static const struct npu_pool_shape pool = {
		.window = {.kernel_width = 2, .kernel_height = 2, .stride_x = 2, .stride_y = 2},
		.method = NPU_POOL_MAX,
	};
	uint32_t features;
	int r;

	conv->quantization.is_relu = true;
	r = add_layer(classifier, from, conv, input, &features);
	return r < 0 ? r : npu_network_add_pool(classifier->network, features, &pool, ret_output);
}

static int add_layers(struct classifier *classifier, const struct digits_weights *weights)
{
	const struct digits_quantization *quantizations = weights->quantizations;
	struct npu_network_conv2d first = {
		.shape = {.kernels = DIGITS_KERNELS_0,
			  .window = {DIGITS_SIDE_0, DIGITS_SIDE_0, .stride_x = 1, .stride_y = 1}},
		.weights = weights->weights_0,
	};
	struct npu_network_conv2d second = {
		.shape = {.kernels = DIGITS_KERNELS_1,
			  .window = {DIGITS_SIDE_1, DIGITS_SIDE_1, .stride_x = 1, .stride_y = 1}},
		.weights = weights->weights_1,
	};
	struct npu_network_conv2d last = {
		.shape = {.kernels = DIGITS_CLASSES,
			  .window = {DIGITS_SIDE_2, DIGITS_SIDE_2, .stride_x = 1, .stride_y = 7}},
		.weights = weights->weights_2,
	};
	uint32_t features;
	int r;

	r = add_features(classifier, &quantizations[0], &first, classifier->pixels, &features);
	if (r == 0)
		r = add_features(classifier, &quantizations[1], &second, features, &features);
	return r < 0 ? r
		     : add_layer(classifier, &quantizations[2], &last, features,
				 &classifier->scores);
}

static int classifier_init(struct classifier *classifier, struct npu_session *npu,
			   const struct digits_weights *weights)
{
	static const struct npu_tensor pixels = {DIGITS_SIDE, BATCH * DIGITS_SIDE, 1, NPU_INT8};
	int r;

	r = npu_network_new(npu, 0, &classifier->network);
	if (r == 0)
		r = npu_network_add_input(classifier->network, &pixels, &classifier->pixels);
	return r < 0 ? r : add_layers(classifier, weights);
}

static void classifier_deinit(struct classifier *classifier)
{
	classifier->network = npu_network_free(classifier->network);
}

static unsigned best_class(const int8_t *scores)
{
	unsigned best = 0;

	for (unsigned c = 1; c < DIGITS_CLASSES; c++)
		if (scores[c] > scores[best])
			best = c;
	return best;
}

/* `n` is at most BATCH. */
static int classify(struct classifier *classifier, const struct digits_image *images, unsigned n,
		    unsigned *n_right)
{
	static int8_t pixels[BATCH][DIGITS_PIXELS], scores[BATCH][DIGITS_CLASSES];
	int r;

	memset(pixels, 0, sizeof(pixels));
	for (unsigned i = 0; i < n; i++)
		for (unsigned p = 0; p < DIGITS_PIXELS; p++)
			pixels[i][p] = (int8_t)(images[i].pixels[p] / 2);
	r = npu_network_set_input(classifier->network, classifier->pixels, pixels);
	if (r == 0)
		r = npu_network_run(classifier->network, -1);
	if (r == 0)
		r = npu_network_get_output(classifier->network, classifier->scores, scores);
	for (unsigned i = 0; r == 0 && i < n; i++)
		*n_right += best_class(scores[i]) == images[i].label;
	return r;
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
	struct classifier classifier = {0};
	double begin_s, accuracy, seconds;
	unsigned n_right = 0, n_tasks = 0;
	int r;

	r = classifier_init(&classifier, npu, &data->weights);
	begin_s = now_s();
	for (unsigned long i = 0; i < repeat && r == 0; i++)
		r = classify_all(&classifier, data, &n_right);
	seconds = now_s() - begin_s;
	if (r < 0)
		r = example_fail(PROGRAM, "classify", r);
	else
		n_tasks = npu_network_count_tasks(classifier.network);
	classifier_deinit(&classifier);
	if (r != 0)
		return r;
	accuracy = 100.0 * n_right / data->n_images;
	printf(PROGRAM
	       ": %u of %u right (%.1f %%), %.0f images/s on %s, %u images and %u tasks per job\n",
	       n_right, data->n_images, accuracy, (double)data->n_images * (double)repeat / seconds,
	       npu_query(npu)->device, BATCH, n_tasks);
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
