/* SPDX-License-Identifier: MIT */
/*
 * libnpu-ops: operations ready to use on npud: matrix products; the layers of convolutional
 * networks in int8 and fp16 (convolution, depthwise convolution, fully connected, pooling,
 * element-wise operations); and several of those as one job. Matrix products first:
 *
 *   struct npu_matmul_args args = {.shape = {.m = 64, .k = 784, .n = 10}};
 *   npu_matmul_new(npu, &args, &matmul);
 *   npu_matmul_set_a(matmul, a);          A[m][k], row-major
 *   npu_matmul_set_b(matmul, b);          B[k][n], row-major
 *   npu_matmul_run(matmul, -1);
 *   npu_matmul_get_c(matmul, c);          C[m][n], row-major
 *
 * Functions return 0 or a negative errno value; npu_last_error() then has the sentence, which for
 * -EINVAL names the argument and its range. An object belongs to one thread at a time.
 */
#ifndef NPU_OPS_H
#define NPU_OPS_H

#include "npu.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Work is cut into as many tasks as the NPU's buffers demand. With `n_cores` of 2 or 3 it is shared
 * by so many cores at once: -EINVAL if there are fewer rows of output (or groups of columns, or
 * pixels), -EOPNOTSUPP if the device runs no such gang.
 */
#define NPU_CORES_MAX 3u

/* ---- matrix products ---- */

enum npu_matmul_type {
	NPU_MATMUL_INT8_INT32 = 0, /* int8_t times int8_t, summed exactly into int32_t */
	NPU_MATMUL_FP16_FP32,	   /* fp16 bits in uint16_t, summed and returned as float */
	NPU_MATMUL_FP16_FP16,	   /* the same, rounded to fp16 at the end */
	NPU_MATMUL_TYPE_COUNT
};

/*
 * The NPU sums over k inside one task, in its on-chip buffer, and has no way to add up partial sums
 * of several: 32 bytes per k (the smallest group of columns, whatever the type) must fit in 11 of
 * the 12 banks of 32 KiB that are left beside one bank of rows.
 */
#define NPU_MATMUL_K_MAX     11264u
#define NPU_MATMUL_M_MAX     1048576u
#define NPU_MATMUL_N_MAX     1048576u
#define NPU_MATMUL_CORES     NPU_CORES_MAX
#define NPU_MATMUL_TASKS_MAX NPU_JOB_TASKS_MAX

/* C[m][n] = sum over k of A[m][k] * B[k][n] */
struct npu_matmul_shape {
	uint32_t m, k, n;
	enum npu_matmul_type type;
};

struct npu_matmul_args {
	struct npu_matmul_shape shape;
	uint32_t n_cores;    /* 0 or 1: any one core; 2 or 3: split over so many at once */
	uint64_t timeout_ns; /* device time; 0: as the policy says */
};

struct npu_matmul;

/*
 * Allocates buffers in `session` (which must outlive the product) and writes the register streams,
 * once for any number of runs. -EINVAL: an argument out of its range; -E2BIG: more tasks than a job
 * may have; -EOPNOTSUPP: no such gang on this device; else as npu_bo_create().
 */
int npu_matmul_new(struct npu_session *session, const struct npu_matmul_args *args,
		   struct npu_matmul **ret_matmul);
/* Waits for a run in flight. Takes NULL, returns NULL. */
struct npu_matmul *npu_matmul_free(struct npu_matmul *matmul);

/* Copies a matrix in; kept until the next call, for any number of runs. -EBUSY: a run is on. */
int npu_matmul_set_a(struct npu_matmul *matmul, const void *a);
int npu_matmul_set_b(struct npu_matmul *matmul, const void *b);
/* The same for a B that is stored as [n][k], as weights of a layer usually are. */
int npu_matmul_set_b_transposed(struct npu_matmul *matmul, const void *b);

/* Queues a run and returns. One run at a time: -EBUSY. Errors of npu_submit(). */
int npu_matmul_submit(struct npu_matmul *matmul);
/* Waits for it, as npu_wait() does: how it ended is in `ret_result`. -ENOENT: nothing was queued.
 */
int npu_matmul_wait(struct npu_matmul *matmul, int64_t timeout_ns, struct npu_result *ret_result);
/*
 * Both. -EIO: the run did not end with NPU_OUTCOME_OK; the sentence has the outcome. After
 * -ETIMEDOUT it is still on, and npu_matmul_wait() may be called.
 */
int npu_matmul_run(struct npu_matmul *matmul, int64_t timeout_ns);

/* Copies the product of the last run out. -EBUSY: it is not over. */
int npu_matmul_get_c(struct npu_matmul *matmul, void *c);

/* ---- its parts, for programs that manage memory and jobs themselves; pure functions ---- */

/* Sizes of a shape in the NPU's layouts (images). */
struct npu_matmul_layout {
	struct npu_matmul_shape shape;
	uint32_t k_padded, n_padded;
	uint32_t in_bytes, out_bytes; /* of one element */
	uint32_t group;		      /* columns that the NPU handles together */
	uint64_t a_bytes, b_bytes, c_bytes;
};

/* -EINVAL: m, k, n or type out of range. */
int npu_matmul_layout(const struct npu_matmul_shape *shape, struct npu_matmul_layout *ret_layout);

/* Fill whole images, padding included, from row-major matrices; and back. */
void npu_matmul_pack_a(const struct npu_matmul_layout *layout, const void *a, void *image);
void npu_matmul_pack_b(const struct npu_matmul_layout *layout, const void *b, void *image);
void npu_matmul_pack_b_transposed(const struct npu_matmul_layout *layout, const void *b,
				  void *image);
void npu_matmul_unpack_c(const struct npu_matmul_layout *layout, const void *image, void *c);

/* One task's part of C. */
struct npu_matmul_tile {
	uint32_t row, n_rows;
	uint32_t column, n_columns; /* multiples of the layout's `group` */
};

/* How a product is cut into tasks: a grid of tiles per core. */
struct npu_matmul_plan {
	struct npu_matmul_layout layout;
	uint32_t n_cores;
	uint32_t n_tasks;
	struct npu_range ranges[NPU_MATMUL_CORES]; /* of tasks, one per core */
	struct {
		struct npu_matmul_tile part; /* of C */
		uint32_t n_bands, n_blocks;  /* cut into so many bands of rows, blocks of columns */
	} cores[NPU_MATMUL_CORES];
};

/*
 * `n_cores`: 1 to NPU_MATMUL_CORES. -EINVAL: more cores than rows and groups of columns; -E2BIG:
 * more tasks than a job may have.
 */
int npu_matmul_plan(const struct npu_matmul_layout *layout, uint32_t n_cores,
		    struct npu_matmul_plan *ret_plan);
/* `task` is below plan->n_tasks. */
void npu_matmul_plan_tile(const struct npu_matmul_plan *plan, uint32_t task,
			  struct npu_matmul_tile *ret_tile);

/* Where the images are, for the NPU; 16-byte aligned. */
struct npu_matmul_iovas {
	uint32_t a, b, c;
};

#define NPU_MATMUL_STREAM_ENTRIES 108u

/*
 * Writes the register stream of one tile, tail included: NPU_MATMUL_STREAM_ENTRIES entries, to be
 * ended by interrupt bits NPU_MATMUL_INT_MASK. -ENOSPC: `capacity` (in entries) is less; -EINVAL: a
 * tile outside the matrix, or one that no single task can do.
 */
int npu_matmul_emit(const struct npu_matmul_layout *layout, const struct npu_matmul_tile *tile,
		    const struct npu_matmul_iovas *iovas, uint64_t *stream, uint32_t capacity);

#define NPU_MATMUL_INT_MASK 0x300u

/* ---- layers of networks ---- */

enum npu_type {
	NPU_INT8 = 0, /* int8_t: a real number r as round(r / scale) + zero */
	NPU_FP16,     /* fp16 bits in uint16_t */
	NPU_TYPE_COUNT
};

/*
 * Tensors are [height][width][channels] of their type. Their images, which the NPU reads and
 * writes, are [surface][height][width][16 bytes of channels]: 16 channels of int8, 8 of fp16; the
 * last surfaces are filled up with zeros. Functions that take a tensor take it as void.
 *
 * Windows go over the input in steps of `stride`, beginning `pad` outside of it; a window that
 * would not fit has no output: out = (in + pads - kernel) / stride + 1.
 */
struct npu_window {
	uint32_t kernel_width, kernel_height;
	uint32_t stride_x, stride_y;
	uint32_t pad_left, pad_top, pad_right, pad_bottom; /* each less than the kernel */
};

/* The part of a layer that one task does: whole rows of output, and the input rows under them. */
struct npu_band {
	uint32_t out_row, n_out_rows;
	uint32_t in_row, n_in_rows;
	uint32_t pad_top, pad_bottom; /* what is left of the window's pads */
};

/* ---- convolution: int8 with a scale per output channel, or fp16; direct or depthwise ---- */

#define NPU_CONV2D_SIZE_MAX	2047u  /* width, height of the input */
#define NPU_CONV2D_CHANNELS_MAX 11264u /* as NPU_MATMUL_K_MAX */
#define NPU_CONV2D_KERNELS_MAX	8192u
#define NPU_CONV2D_KERNEL_MAX	31u
#define NPU_CONV2D_STRIDE_MAX	7u
#define NPU_CONV2D_PAD_MAX	15u

struct npu_conv2d_shape {
	uint32_t width, height, channels; /* of the input */
	uint32_t kernels;		  /* channels of the output */
	struct npu_window window;
	enum npu_type type;
	bool is_depthwise; /* each channel has one kernel of its own: `kernels` is `channels` */
};

/*
 * fp16 has pads of 0 and uses of this only is_relu: result = bias + sum of x * w, summed in fp32.
 *
 * int8: with S = bias + sum of (x - input_zero) * (w - weight_zero), where x is input_zero outside
 * of the input, and S as well as S' in 32 bits, saturated: S' = S * scale / 2^scale_shift, if
 * is_per_channel; else S. At least 0 if is_relu. result = S' * out_scale / 2^out_shift +
 * output_zero, saturated to int8_t. Each division rounds to nearest, ties to even.
 */
struct npu_conv2d_quantization {
	int8_t input_zero, output_zero;
	bool is_relu;
	bool is_per_channel; /* else all channels have `weight_zero`, and no scale */
	int8_t weight_zero;
	uint8_t scale_shift; /* 0 to 31 */
	uint8_t out_shift;   /* 0 to 47 */
	uint16_t out_scale;  /* 1 to 32767 */
};

/* Of one output channel. Unless is_per_channel, only a bias is used. */
struct npu_conv2d_channel {
	int32_t bias;	/* int8 */
	uint16_t scale; /* 0 to 32767 */
	int8_t weight_zero;
	float fp16_bias; /* fp16, instead of `bias` */
};

struct npu_conv2d_args {
	struct npu_conv2d_shape shape;
	struct npu_conv2d_quantization quantization;
	uint64_t timeout_ns; /* device time; 0: as the policy says */
	uint32_t n_cores;    /* 0 or 1: any one core */
};

/*
 * A fully connected layer is a convolution over an image of width 1: `batch` vectors of `inputs`
 * numbers, each giving `outputs` numbers. (So is one whose kernels are as large as its input.)
 */
struct npu_conv2d_shape npu_fully_connected(uint32_t batch, uint32_t inputs, uint32_t outputs);

struct npu_conv2d;

/*
 * As npu_matmul_new(). -EINVAL also: one group of kernels (32, in fp16 16; depthwise all)
 * and the input rows of one row of output do not fit on chip together.
 */
int npu_conv2d_new(struct npu_session *session, const struct npu_conv2d_args *args,
		   struct npu_conv2d **ret_conv);
/* Waits for a run in flight. Takes NULL, returns NULL. */
struct npu_conv2d *npu_conv2d_free(struct npu_conv2d *conv);

/*
 * weights[kernels][kernel_height][kernel_width][channels], depthwise [channels][kernel_height]
 * [kernel_width], and what belongs to each output channel; kept until the next call. -EBUSY: a run
 * is on; -EINVAL: a scale out of its range, or a bias that, input_zero included, has no 32 bits.
 */
int npu_conv2d_set_weights(struct npu_conv2d *conv, const void *weights,
			   const struct npu_conv2d_channel *channels);
/* input[height][width][channels]; kept until the next call. -EBUSY: a run is on. */
int npu_conv2d_set_input(struct npu_conv2d *conv, const void *input);
/* As those of matrix products. */
int npu_conv2d_submit(struct npu_conv2d *conv);
int npu_conv2d_wait(struct npu_conv2d *conv, int64_t timeout_ns, struct npu_result *ret_result);
int npu_conv2d_run(struct npu_conv2d *conv, int64_t timeout_ns);
/* output[out_height][out_width][kernels] of the last run. -EBUSY: it is not over. */
int npu_conv2d_get_output(struct npu_conv2d *conv, void *output);

/* Its parts. Sizes of the images, and the number of bands (tasks). */
struct npu_conv2d_plan {
	struct npu_conv2d_shape shape;
	struct npu_conv2d_quantization quantization;
	uint32_t out_width, out_height;
	uint32_t channels_padded, kernels_padded;
	uint32_t n_bands; /* may be raised, to out_height at most */
	uint64_t input_bytes, weight_bytes, operand_bytes, output_bytes;
};

/* -EINVAL: an argument out of its range, or as npu_conv2d_new(). */
int npu_conv2d_plan(const struct npu_conv2d_shape *shape,
		    const struct npu_conv2d_quantization *quantization,
		    struct npu_conv2d_plan *ret_plan);
/* `index` is below plan->n_bands. */
void npu_conv2d_plan_band(const struct npu_conv2d_plan *plan, uint32_t index,
			  struct npu_band *ret_band);

/*
 * Images, padding included. Weights: [group of 32 kernels, in fp16 16][slice of 32 channels][ky]
 * [kx][kernel][channel], the last slice with what is left of the padded channels; depthwise:
 * [block of 64 channels, in fp16 32][ky][kx][channel], the last block likewise. Operands:
 * int32_t[kernel] biases, in fp16 float; or, if is_per_channel, per 8 kernels int32_t[8] biases,
 * int16_t[8] negative weight zeros, uint16_t[8] scales.
 */
void npu_conv2d_pack_input(const struct npu_conv2d_plan *plan, const void *input, void *image);
void npu_conv2d_pack_weights(const struct npu_conv2d_plan *plan, const void *weights, void *image);
/* -EINVAL as npu_conv2d_set_weights(). */
int npu_conv2d_pack_operands(const struct npu_conv2d_plan *plan, const void *weights,
			     const struct npu_conv2d_channel *channels, void *image);
void npu_conv2d_unpack_output(const struct npu_conv2d_plan *plan, const void *image, void *output);

/* Where the images are, for the NPU; 16-byte aligned. */
struct npu_conv2d_iovas {
	uint32_t input, weights, operands, output;
};

#define NPU_CONV2D_STREAM_ENTRIES 126u
#define NPU_CONV2D_INT_MASK	  0x300u

/* Writes the stream of one band. -ENOSPC: `capacity` is less than that; -EINVAL: alignment. */
int npu_conv2d_emit(const struct npu_conv2d_plan *plan, const struct npu_band *band,
		    const struct npu_conv2d_iovas *iovas, uint64_t *stream, uint32_t capacity);

/* ---- pooling: maximum, minimum or average ---- */

#define NPU_POOL_SIZE_MAX     8192u /* width, height of the input */
#define NPU_POOL_CHANNELS_MAX 8192u
#define NPU_POOL_KERNEL_MAX   16u
#define NPU_POOL_STRIDE_MAX   16u
#define NPU_POOL_PAD_MAX      7u

enum npu_pool_method { NPU_POOL_AVERAGE = 0, NPU_POOL_MAX, NPU_POOL_MIN, NPU_POOL_METHOD_COUNT };

/*
 * Maximum and minimum are those of the part of a window that lies in the input. An average counts
 * `pad` outside of the input, usually the zero point; in fp16 0. It is within 1 of the exact one in
 * int8, and within 1/500 of the largest magnitude in its window in fp16: the NPU multiplies with
 * rounded reciprocals of the kernel's sides.
 */
struct npu_pool_shape {
	uint32_t width, height, channels;
	struct npu_window window;
	enum npu_pool_method method;
	int8_t pad; /* fp16: 0 */
	enum npu_type type;
};

struct npu_pool_args {
	struct npu_pool_shape shape;
	uint64_t timeout_ns; /* device time; 0: as the policy says */
	uint32_t n_cores;    /* 0 or 1: any one core */
};

struct npu_pool;

/* As npu_matmul_new(). */
int npu_pool_new(struct npu_session *session, const struct npu_pool_args *args,
		 struct npu_pool **ret_pool);
/* Waits for a run in flight. Takes NULL, returns NULL. */
struct npu_pool *npu_pool_free(struct npu_pool *pool);
/* input[height][width][channels]; kept until the next call. -EBUSY: a run is on. */
int npu_pool_set_input(struct npu_pool *pool, const void *input);
/* As those of matrix products. */
int npu_pool_submit(struct npu_pool *pool);
int npu_pool_wait(struct npu_pool *pool, int64_t timeout_ns, struct npu_result *ret_result);
int npu_pool_run(struct npu_pool *pool, int64_t timeout_ns);
/* output[out_height][out_width][channels] of the last run. -EBUSY: it is not over. */
int npu_pool_get_output(struct npu_pool *pool, void *output);

/* Its parts. */
struct npu_pool_plan {
	struct npu_pool_shape shape;
	uint32_t out_width, out_height;
	uint32_t n_bands; /* may be raised, to out_height at most */
	uint64_t input_bytes, output_bytes;
};

/* -EINVAL: an argument out of its range. */
int npu_pool_plan(const struct npu_pool_shape *shape, struct npu_pool_plan *ret_plan);
/* `index` is below plan->n_bands. */
void npu_pool_plan_band(const struct npu_pool_plan *plan, uint32_t index,
			struct npu_band *ret_band);
void npu_pool_pack_input(const struct npu_pool_plan *plan, const void *input, void *image);
void npu_pool_unpack_output(const struct npu_pool_plan *plan, const void *image, void *output);

/* Where the images are, for the NPU; 16-byte aligned. */
struct npu_pool_iovas {
	uint32_t input, output;
};

#define NPU_POOL_STREAM_ENTRIES 30u
#define NPU_POOL_INT_MASK	0xc00u

/* Writes the stream of one band. -ENOSPC: `capacity` is less than that; -EINVAL: alignment. */
int npu_pool_emit(const struct npu_pool_plan *plan, const struct npu_band *band,
		  const struct npu_pool_iovas *iovas, uint64_t *stream, uint32_t capacity);

/* ---- element-wise operations ---- */

#define NPU_ELEMENTWISE_SIZE_MAX     8192u /* width, height */
#define NPU_ELEMENTWISE_CHANNELS_MAX 8192u

enum npu_elementwise_operation {
	NPU_ADD = 0,
	NPU_MULTIPLY,
	NPU_RELU,    /* of `a`; there is no `b` */
	NPU_SIGMOID, /* of `a`; there is no `b` */
	NPU_ELEMENTWISE_OPERATION_COUNT
};

/* Both inputs and the output have this shape. */
struct npu_elementwise_shape {
	uint32_t width, height, channels;
	enum npu_type type;
	enum npu_elementwise_operation operation;
};

/*
 * fp16 uses of this only is_relu: results below 0 become 0. Sums and products are those of fp32,
 * rounded to fp16; a sigmoid is within 0.0005.
 *
 * int8, each division rounded to nearest, ties to even:
 *   NPU_ADD:      S = (a - a_zero) * a_scale + (b - b_zero) * b_scale
 *   NPU_MULTIPLY: S = (a - a_zero) * (b - b_zero)
 *   NPU_RELU:     S = a - a_zero, at least 0
 *   result = S * out_scale / 2^out_shift + output_zero, saturated to int8_t; with is_relu S is at
 *   least 0.
 *   NPU_SIGMOID:  result = sigmoid((a - a_zero) * a_step) / output_step + output_zero, rounded
 *                 away from zero in ties, saturated
 */
struct npu_elementwise_quantization {
	int8_t a_zero, b_zero, output_zero;
	bool is_relu;	    /* not with NPU_SIGMOID */
	uint8_t out_shift;  /* 0 to 47 */
	uint16_t a_scale;   /* 1 to 32767 */
	uint16_t b_scale;   /* 1 to 32767 */
	uint16_t out_scale; /* 1 to 32767 */
	float a_step;	    /* NPU_SIGMOID: what 1 stands for, in `a` */
	float output_step;  /* NPU_SIGMOID: and in the result; more than 0 */
};

struct npu_elementwise_args {
	struct npu_elementwise_shape shape;
	struct npu_elementwise_quantization quantization;
	uint64_t timeout_ns; /* device time; 0: as the policy says */
	uint32_t n_cores;    /* 0 or 1: any one core */
};

struct npu_elementwise;

/* As npu_matmul_new(). */
int npu_elementwise_new(struct npu_session *session, const struct npu_elementwise_args *args,
			struct npu_elementwise **ret_elementwise);
/* Waits for a run in flight. Takes NULL, returns NULL. */
struct npu_elementwise *npu_elementwise_free(struct npu_elementwise *elementwise);
/* a[height][width][channels]; kept until the next call. -EBUSY: a run is on. */
int npu_elementwise_set_a(struct npu_elementwise *elementwise, const void *a);
/* The same. -EINVAL also: the operation has no `b`. */
int npu_elementwise_set_b(struct npu_elementwise *elementwise, const void *b);
/* As those of matrix products. */
int npu_elementwise_submit(struct npu_elementwise *elementwise);
int npu_elementwise_wait(struct npu_elementwise *elementwise, int64_t timeout_ns,
			 struct npu_result *ret_result);
int npu_elementwise_run(struct npu_elementwise *elementwise, int64_t timeout_ns);
/* output[height][width][channels] of the last run. -EBUSY: it is not over. */
int npu_elementwise_get_output(struct npu_elementwise *elementwise, void *output);

/* Its parts. A task does some pixels in a row, with all their channels. */
struct npu_elementwise_plan {
	struct npu_elementwise_shape shape;
	struct npu_elementwise_quantization quantization;
	uint32_t n_pixels;
	uint32_t n_runs;	 /* may be raised, to n_pixels at most */
	uint32_t stream_entries; /* of each run */
	uint64_t image_bytes;	 /* of each of the three images */
};

struct npu_run {
	uint32_t first, n_pixels;
};

/* -EINVAL: an argument out of its range. */
int npu_elementwise_plan(const struct npu_elementwise_shape *shape,
			 const struct npu_elementwise_quantization *quantization,
			 struct npu_elementwise_plan *ret_plan);
/* `index` is below plan->n_runs. */
void npu_elementwise_plan_run(const struct npu_elementwise_plan *plan, uint32_t index,
			      struct npu_run *ret_run);
/* Any of the three. */
void npu_elementwise_pack(const struct npu_elementwise_plan *plan, const void *tensor, void *image);
void npu_elementwise_unpack(const struct npu_elementwise_plan *plan, const void *image,
			    void *tensor);

/* Where the images are, for the NPU; 16-byte aligned. Without `b` that is not used. */
struct npu_elementwise_iovas {
	uint32_t a, b, output;
};

#define NPU_ELEMENTWISE_INT_MASK 0x300u

/* Writes the stream of one run. -ENOSPC: `capacity` is less than that; -EINVAL: alignment. */
int npu_elementwise_emit(const struct npu_elementwise_plan *plan, const struct npu_run *run,
			 const struct npu_elementwise_iovas *iovas, uint64_t *stream,
			 uint32_t capacity);

/* ---- several operators as one job ---- */

/*
 * A network is one job: the tasks of its operators, in the order in which those were added, run one
 * after the other on one core; what lies between the operators stays where the NPU left it. Tensors
 * have numbers:
 *
 *   struct npu_tensor image = {.width = 28, .height = 28, .channels = 1, .type = NPU_INT8};
 *   npu_network_new(npu, 0, &network);
 *   npu_network_add_input(network, &image, &input);
 *   npu_network_add_conv2d(network, input, &conv, &features);
 *   npu_network_add_pool(network, features, &pool, &output);
 *   npu_network_set_input(network, input, pixels);
 *   npu_network_run(network, -1);
 *   npu_network_get_output(network, output, results);
 */
struct npu_network;

struct npu_tensor {
	uint32_t width, height, channels;
	enum npu_type type;
};

#define NPU_NETWORK_TENSORS_MAX 256u

/* Weights and channels as npu_conv2d_set_weights() takes them; they are copied. */
struct npu_network_conv2d {
	struct npu_conv2d_shape shape;
	struct npu_conv2d_quantization quantization;
	const void *weights;
	const struct npu_conv2d_channel *channels;
};

struct npu_network_elementwise {
	enum npu_elementwise_operation operation;
	struct npu_elementwise_quantization quantization;
};

/* `session` must outlive the network; `timeout_ns`: device time of a run, 0: as the policy says. */
int npu_network_new(struct npu_session *session, uint64_t timeout_ns,
		    struct npu_network **ret_network);
/* Waits for a run in flight. Takes NULL, returns NULL. */
struct npu_network *npu_network_free(struct npu_network *network);

/*
 * Each adds a tensor, the operators as their result, and returns its number. Errors of the
 * operator's _new(); also -EINVAL: no tensor has the number of an input; -E2BIG: more than
 * NPU_NETWORK_TENSORS_MAX tensors or NPU_JOB_TASKS_MAX tasks; -EBUSY: a run is on. After an error
 * the network is what it was before.
 */
int npu_network_add_input(struct npu_network *network, const struct npu_tensor *shape,
			  uint32_t *ret_tensor);
/* Width, height, channels and type are the input's; what the shapes say of them is not used. */
int npu_network_add_conv2d(struct npu_network *network, uint32_t input,
			   const struct npu_network_conv2d *conv, uint32_t *ret_tensor);
int npu_network_add_pool(struct npu_network *network, uint32_t input,
			 const struct npu_pool_shape *pool, uint32_t *ret_tensor);
/* `b` is not used by operations without it. -EINVAL also: `a` and `b` differ in shape. */
int npu_network_add_elementwise(struct npu_network *network, uint32_t a, uint32_t b,
				const struct npu_network_elementwise *elementwise,
				uint32_t *ret_tensor);

/* -EINVAL: no such tensor. */
int npu_network_get_shape(const struct npu_network *network, uint32_t tensor,
			  struct npu_tensor *ret_shape);
/* Tasks of the job. */
uint32_t npu_network_count_tasks(const struct npu_network *network);

/* tensor[height][width][channels], kept until the next call. -EINVAL: no such tensor; -EBUSY. */
int npu_network_set_input(struct npu_network *network, uint32_t tensor, const void *input);
/* As those of matrix products. -EINVAL also: no operators. */
int npu_network_submit(struct npu_network *network);
int npu_network_wait(struct npu_network *network, int64_t timeout_ns,
		     struct npu_result *ret_result);
int npu_network_run(struct npu_network *network, int64_t timeout_ns);
/* Any tensor, as the last run left it. -EINVAL: no such tensor; -EBUSY: it is not over. */
int npu_network_get_output(struct npu_network *network, uint32_t tensor, void *output);

/* ---- half-precision numbers as bits ---- */

/* To nearest, ties to even; beyond 65504 to infinity; NaN stays NaN. */
uint16_t npu_fp16_from_float(float value);
/* Exact. */
float npu_fp16_to_float(uint16_t bits);

#ifdef __cplusplus
}
#endif

#endif
