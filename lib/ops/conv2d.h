/* SPDX-License-Identifier: MIT */
/* Inside libnpu-ops: what one task of a convolution occupies. */
#ifndef LIBNPU_OPS_CONV2D_H
#define LIBNPU_OPS_CONV2D_H

#include "npu_ops.h"

#include "layer.h"

/* Kernels (depthwise: channels) that the NPU handles together (hardware reference 4.10). */
uint32_t conv2d_group(const struct npu_conv2d_shape *shape);
/* Of one kernel, with its padded channels; depthwise, all channels together are one. */
uint32_t conv2d_kernel_bytes(const struct npu_conv2d_plan *plan);
/* 64-byte entries of the convolution buffer that one row of input takes. */
uint32_t conv2d_row_entries(const struct npu_conv2d_plan *plan);
/* Banks of the convolution buffer that `n_rows` of input take. */
uint32_t conv2d_data_banks(const struct npu_conv2d_plan *plan, uint32_t n_rows);
/* Rows to collect before the start; more than enough (hardware reference 4.9). */
uint32_t conv2d_grains(const struct npu_conv2d_plan *plan, uint32_t n_rows);
struct npu_tensor conv2d_input(const struct npu_conv2d_plan *plan);
struct npu_tensor conv2d_output(const struct npu_conv2d_plan *plan);
/* What the layer's tasks are, and their streams, for tasks from `first` on. */
struct ops_tasks conv2d_tasks(const struct npu_conv2d_plan *plan);
int conv2d_write_streams(const struct npu_conv2d_plan *plan, const struct npu_conv2d_iovas *iovas,
			 struct ops_layer *layer, uint32_t first);

#endif
