/* SPDX-License-Identifier: MIT */
/*
 * The same layers by oneDNN, for comparison: one thread, its own choice of layouts.
 */
#ifndef NPU_TOOLS_BENCH_DNNL_H
#define NPU_TOOLS_BENCH_DNNL_H

#include "bench_layer.h"

struct bench_dnnl;

/*
 * `is_int8`: 8-bit features and weights, 32-bit bias, one scale, 8-bit results; else all fp32. NULL
 * after a line that says why not.
 */
struct bench_dnnl *bench_dnnl_new(const struct bench_layer *layer, bool is_int8);
/* Takes NULL, returns NULL. */
struct bench_dnnl *bench_dnnl_free(struct bench_dnnl *dnnl);
/* Which of its implementations works. */
const char *bench_dnnl_name(const struct bench_dnnl *dnnl);
/* Runs the layer once; CPU time of this process, all threads. */
uint64_t bench_dnnl_run_ns(struct bench_dnnl *dnnl);

#endif
