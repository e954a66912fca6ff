/* SPDX-License-Identifier: MIT */
/*
 * The smallest job that computes: adds 8 fp16 numbers to 8 others (hardware reference 9.6).
 */
#ifndef NPU_TOOLS_BENCH_STREAM_H
#define NPU_TOOLS_BENCH_STREAM_H

#include "npu.h"

#include <stdint.h>

/* Writes its stream to the front of a BO of a page, operands behind; returns the entries. */
uint32_t bench_stream_write(const struct npu_bo *bo);

#endif
