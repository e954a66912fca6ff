/* SPDX-License-Identifier: MIT */
/*
 * libnpu-ops: operations ready to use on npud. So far, matrix products.
 *
 *   struct npu_matmul_args args = {.shape = {.m = 64, .k = 784, .n = 10}};
 *   npu_matmul_new(npu, &args, &matmul);
 *   npu_matmul_set_a(matmul, a);          A[m][k], row-major
 *   npu_matmul_set_b(matmul, b);          B[k][n], row-major
 *   npu_matmul_run(matmul, -1);
 *   npu_matmul_get_c(matmul, c);          C[m][n], row-major
 *
 * Functions return 0 or a negative errno value; npu_last_error() then has the sentence, which for
 * -EINVAL names the argument and its range. One npu_matmul belongs to one thread at a time.
 */
#ifndef NPU_OPS_H
#define NPU_OPS_H

#include "npu.h"

#ifdef __cplusplus
extern "C" {
#endif

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
#define NPU_MATMUL_CORES     3u
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

/* ---- half-precision numbers as bits ---- */

/* To nearest, ties to even; beyond 65504 to infinity; NaN stays NaN. */
uint16_t npu_fp16_from_float(float value);
/* Exact. */
float npu_fp16_to_float(uint16_t bits);

#ifdef __cplusplus
}
#endif

#endif
