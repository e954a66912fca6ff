/* SPDX-License-Identifier: MIT */
/* Inside libnpu-ops: an element-wise operation as a part of a job. */
#ifndef LIBNPU_OPS_ELEMENTWISE_H
#define LIBNPU_OPS_ELEMENTWISE_H

#include "layer.h"

/* Whether the operation takes `b`. */
bool elementwise_is_binary(enum npu_elementwise_operation operation);
/* What all three tensors are like. */
struct npu_tensor elementwise_tensor(const struct npu_elementwise_plan *plan);
/* What the layer's tasks are, and their streams, for tasks from `first` on. */
struct ops_tasks elementwise_tasks(const struct npu_elementwise_plan *plan);
int elementwise_write_streams(const struct npu_elementwise_plan *plan,
			      const struct npu_elementwise_iovas *iovas, struct ops_layer *layer,
			      uint32_t first);

/* Entries of a stream that fill the two tables of the activation unit. */
#define ELEMENTWISE_TABLE_ENTRIES 1028u
/* And of one without. */
#define ELEMENTWISE_STREAM_ENTRIES 71u

/* Sigmoid as tables for the plan's type: writes ELEMENTWISE_TABLE_ENTRIES entries. */
void elementwise_emit_tables(const struct npu_elementwise_plan *plan, uint64_t *entries);
/* Indices of the tables per 1 of an fp16 input, and per step of an int8 one. */
#define ELEMENTWISE_FP16_UNIT 1638u
#define ELEMENTWISE_INT8_UNIT 64u
/* Indices of both tables together begin at minus this, and end at it. */
#define ELEMENTWISE_TABLE_RANGE 16384

#endif
