/* SPDX-License-Identifier: MIT */
/* Inside libnpu-ops: errors, and what one task can do. */
#ifndef LIBNPU_OPS_OPS_H
#define LIBNPU_OPS_OPS_H

#include "npu_ops.h"

/* Of one task: the output's channel count has 13 bits (hardware reference 6.7). */
#define MATMUL_COLUMNS_MAX 8192u

/* Keeps a sentence for npu_last_error(); its value is `error`, a negative errno value. */
#define npu_ops_error(error, ...)                                                                  \
	({                                                                                         \
		int npu_ops_error_value = (error);                                                 \
		npu_ops_error_keep(__VA_ARGS__);                                                   \
		npu_ops_error_value;                                                               \
	})

void npu_ops_error_keep(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* -EINVAL with a sentence unless `value` is `min` to `max`. */
int ops_check_range(const char *name, uint32_t value, uint32_t min, uint32_t max);

static inline uint32_t ops_round_up(uint32_t value, uint32_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* `by` is not 0. */
static inline uint32_t ops_divide_up(uint32_t value, uint32_t by)
{
	return value / by + (value % by != 0);
}

/* Limits of a kind of layer. */
struct ops_window_limits {
	uint32_t kernel_max, stride_max, pad_max;
};

/* -EINVAL: out of `limits`, a pad not less than the kernel, a kernel larger than the input. */
int ops_window_check(const struct npu_window *window, const struct ops_window_limits *limits,
		     uint32_t width, uint32_t height);
uint32_t ops_window_out_width(const struct npu_window *window, uint32_t width);
uint32_t ops_window_out_height(const struct npu_window *window, uint32_t height);
/* Rows of output that `n_in_rows` of an input of `height` rows are enough for; 0: for none. */
uint32_t ops_window_rows_max(const struct npu_window *window, uint32_t height, uint32_t n_in_rows);
/* One of `n_bands` bands of an input of `height` rows; bands differ by one row at most. */
void ops_window_band(const struct npu_window *window, uint32_t height, uint32_t n_bands,
		     uint32_t index, struct npu_band *ret_band);

/* IOVAs have 32 bits: -EINVAL with a sentence for an image that doesn't fit there. */
int ops_check_image(const char *names, uint64_t bytes);

/* Of one element. */
uint32_t ops_type_bytes(enum npu_type type);
/* -EINVAL with a sentence for a type that there isn't. */
int ops_check_type(enum npu_type type);

/* [height][width][channels] to and from [surface][y][x][16 bytes] (hardware reference 4.2). */
void ops_tensor_pack(const struct npu_tensor *tensor, const void *values, void *image);
void ops_tensor_unpack(const struct npu_tensor *tensor, const void *image, void *values);
uint64_t ops_tensor_image_bytes(const struct npu_tensor *tensor);

/* Rows of A that one task can hold on chip beside a group of columns of B; at least 1. */
uint32_t matmul_rows_max(const struct npu_matmul_layout *layout);
/* Columns of B that one task of `n_rows` should do: whole groups, at least one. */
uint32_t matmul_columns_max(const struct npu_matmul_layout *layout, uint32_t n_rows);
/* Banks of the convolution buffer that `n_rows` of A take. */
uint32_t matmul_data_banks(const struct npu_matmul_layout *layout, uint32_t n_rows);
/* 64-byte entries of the convolution buffer that one row of A takes. */
uint32_t matmul_row_entries(const struct npu_matmul_layout *layout);

#endif
