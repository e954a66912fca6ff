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

/* Rows of A that one task can hold on chip beside a group of columns of B; at least 1. */
uint32_t matmul_rows_max(const struct npu_matmul_layout *layout);
/* Columns of B that one task of `n_rows` should do: whole groups, at least one. */
uint32_t matmul_columns_max(const struct npu_matmul_layout *layout, uint32_t n_rows);
/* Banks of the convolution buffer that `n_rows` of A take. */
uint32_t matmul_data_banks(const struct npu_matmul_layout *layout, uint32_t n_rows);
/* 64-byte entries of the convolution buffer that one row of A takes. */
uint32_t matmul_row_entries(const struct npu_matmul_layout *layout);

#endif
