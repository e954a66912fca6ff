/* SPDX-License-Identifier: MIT */
/* Inside libnpu-ops: what one task of a convolution occupies. */
#ifndef LIBNPU_OPS_CONV2D_H
#define LIBNPU_OPS_CONV2D_H

#include "npu_ops.h"

/* Kernels that the NPU handles together, in int8 (hardware reference 4.10). */
#define KERNEL_GROUP 32u

/* Of one kernel, with its padded channels. */
uint32_t conv2d_kernel_bytes(const struct npu_conv2d_plan *plan);
/* 64-byte entries of the convolution buffer that one row of input takes. */
uint32_t conv2d_row_entries(const struct npu_conv2d_plan *plan);
/* Banks of the convolution buffer that `n_rows` of input take. */
uint32_t conv2d_data_banks(const struct npu_conv2d_plan *plan, uint32_t n_rows);
/* Rows to collect before the start; more than enough (hardware reference 4.9). */
uint32_t conv2d_grains(const struct npu_conv2d_plan *plan, uint32_t n_rows);

#endif
