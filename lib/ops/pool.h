/* SPDX-License-Identifier: MIT */
/* Inside libnpu-ops: a pooling as a part of a job. */
#ifndef LIBNPU_OPS_POOL_H
#define LIBNPU_OPS_POOL_H

#include "layer.h"

struct npu_tensor pool_input(const struct npu_pool_plan *plan);
struct npu_tensor pool_output(const struct npu_pool_plan *plan);
/* What the layer's tasks are, and their streams, for tasks from `first` on. */
struct ops_tasks pool_tasks(const struct npu_pool_plan *plan);
int pool_write_streams(const struct npu_pool_plan *plan, const struct npu_pool_iovas *iovas,
		       struct ops_layer *layer, uint32_t first);

#endif
