/* SPDX-License-Identifier: MIT */
/*
 * Multiplies matrices of any size and type on one core or several, again and again, and compares
 * every product with the CPU's: a load to measure and to look at with npuctl.
 */
#include "example.h"
#include "npu_ops.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROGRAM "multiply"
#define USAGE                                                                                      \
	"usage: " PROGRAM " [--socket PATH] [--type int8|fp16|fp16-fp16] [--size M K N]\n"         \
	"                [--cores 1|2|3] [--repeat N]\n"

struct options {
	const char *socket_path;
	struct npu_matmul_args matmul;
	unsigned long repeat;
};

/* A whole decimal number; anything else is 0, which no option allows. */
static unsigned long parse_number(const char *text)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	return errno || *end || *text == '-' || value > UINT32_MAX ? 0 : value;
}

static int parse_type(const char *name, enum npu_matmul_type *ret_type)
{
	static const char *const names[] = {"int8", "fp16", "fp16-fp16"};

	for (int i = 0; i < NPU_MATMUL_TYPE_COUNT; i++)
		if (strcmp(name, names[i]) == 0) {
			*ret_type = (enum npu_matmul_type)i;
			return 0;
		}
	return -EINVAL;
}

/* --size takes three words: getopt gives the first, the others follow. */
static int parse_size(int argc, char **argv, struct npu_matmul_shape *shape)
{
	if (optind + 2 > argc)
		return -EINVAL;
	shape->m = (uint32_t)parse_number(optarg);
	shape->k = (uint32_t)parse_number(argv[optind++]);
	shape->n = (uint32_t)parse_number(argv[optind++]);
	return 0;
}

static int parse_option(int option, int argc, char **argv, struct options *options)
{
	switch (option) {
	case 's':
		options->socket_path = optarg;
		return 0;
	case 't':
		return parse_type(optarg, &options->matmul.shape.type);
	case 'z':
		return parse_size(argc, argv, &options->matmul.shape);
	case 'c':
		options->matmul.n_cores = (uint32_t)parse_number(optarg);
		return options->matmul.n_cores ? 0 : -EINVAL;
	case 'r':
		options->repeat = parse_number(optarg);
		return options->repeat ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"socket", required_argument, NULL, 's'}, {"type", required_argument, NULL, 't'},
		{"size", required_argument, NULL, 'z'},	  {"cores", required_argument, NULL, 'c'},
		{"repeat", required_argument, NULL, 'r'}, {0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0)
		if (parse_option(option, argc, argv, options) < 0)
			return -EINVAL;
	return optind == argc ? 0 : -EINVAL;
}

/* Small whole numbers: no type rounds their products, and fp16 results stay below 2048. */
static int element(uint64_t i)
{
	return (int)(i * 2654435761u >> 16 & 0xffff) % 3 - 1;
}

static void *make_matrix(const struct npu_matmul_layout *layout, uint64_t n, uint64_t salt)
{
	void *matrix = malloc(n * layout->in_bytes);

	for (uint64_t i = 0; matrix && i < n; i++)
		if (layout->in_bytes == 1)
			((int8_t *)matrix)[i] = (int8_t)element(i + salt);
		else
			((uint16_t *)matrix)[i] = npu_fp16_from_float((float)element(i + salt));
	return matrix;
}

static double result_at(const struct npu_matmul_layout *layout, const void *c, uint64_t i)
{
	if (layout->shape.type == NPU_MATMUL_INT8_INT32)
		return ((const int32_t *)c)[i];
	if (layout->shape.type == NPU_MATMUL_FP16_FP32)
		return (double)((const float *)c)[i];
	return (double)npu_fp16_to_float(((const uint16_t *)c)[i]);
}

/* Beyond 2048 fp16 has no odd numbers, so that type may differ by its rounding. */
static uint64_t count_wrong(const struct npu_matmul_layout *layout, const void *c)
{
	const struct npu_matmul_shape *shape = &layout->shape;
	double tolerance = shape->type == NPU_MATMUL_FP16_FP16 ? 1.0 / 1024 : 0;
	uint64_t n_wrong = 0;

	for (uint64_t m = 0; m < shape->m; m++)
		for (uint64_t n = 0; n < shape->n; n++) {
			int32_t sum = 0;
			double got = result_at(layout, c, m * shape->n + n);

			for (uint64_t k = 0; k < shape->k; k++)
				sum += element(m * shape->k + k) * element(k * shape->n + n + 77);
			/* written so that NaN is wrong */
			n_wrong += !(fabs(got - sum) <= tolerance * fabs((double)sum));
		}
	return n_wrong;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int run_repeatedly(struct npu_matmul *matmul, const struct npu_matmul_layout *layout,
			  void *c, unsigned long repeat)
{
	double begin_s = now_s(), seconds;
	uint64_t n_wrong;
	int r;

	for (unsigned long i = 0; i < repeat; i++) {
		r = npu_matmul_run(matmul, -1);
		if (r < 0)
			return example_fail(PROGRAM, "run", r);
	}
	seconds = now_s() - begin_s;
	r = npu_matmul_get_c(matmul, c);
	if (r < 0)
		return example_fail(PROGRAM, "result", r);
	n_wrong = count_wrong(layout, c);
	printf(PROGRAM ": %ux%u times %ux%u, %lu times: %.2f ms each, %llu wrong\n",
	       layout->shape.m, layout->shape.k, layout->shape.k, layout->shape.n, repeat,
	       seconds * 1e3 / (double)repeat, (unsigned long long)n_wrong);
	return n_wrong ? EXAMPLE_FAILED : EXAMPLE_OK;
}

static int multiply(struct npu_session *npu, const struct options *options,
		    const struct npu_matmul_layout *layout)
{
	const struct npu_matmul_shape *shape = &layout->shape;
	void *a = make_matrix(layout, (uint64_t)shape->m * shape->k, 0);
	void *b = make_matrix(layout, (uint64_t)shape->k * shape->n, 77);
	void *c = malloc((size_t)shape->m * shape->n * layout->out_bytes);
	struct npu_matmul *matmul = NULL;
	int r, status = EXAMPLE_FAILED;

	if (!a || !b || !c) {
		fprintf(stderr, PROGRAM ": matrices: out of memory\n");
		goto out;
	}
	r = npu_matmul_new(npu, &options->matmul, &matmul);
	if (r == 0)
		r = npu_matmul_set_a(matmul, a);
	if (r == 0)
		r = npu_matmul_set_b(matmul, b);
	status = r < 0 ? example_fail(PROGRAM, "product", r)
		       : run_repeatedly(matmul, layout, c, options->repeat);
out:
	npu_matmul_free(matmul);
	free(c);
	free(b);
	free(a);
	return status;
}

int main(int argc, char **argv)
{
	struct options options = {.matmul.shape = {128, 128, 128, NPU_MATMUL_INT8_INT32},
				  .repeat = 1};
	struct npu_matmul_layout layout;
	struct npu_session *npu;
	int status;

	if (example_prints_help(argc, argv, USAGE))
		return EXAMPLE_OK;
	if (parse_options(argc, argv, &options) < 0) {
		fputs(USAGE, stderr);
		return EXAMPLE_USAGE;
	}
	if (npu_matmul_layout(&options.matmul.shape, &layout) < 0) {
		fprintf(stderr, PROGRAM ": --size: %s\n", npu_last_error());
		return EXAMPLE_USAGE;
	}
	status = example_open(PROGRAM, options.socket_path, &npu);
	if (status != EXAMPLE_OK)
		return status;
	status = multiply(npu, &options, &layout);
	npu_close(npu);
	return status;
}
