/* SPDX-License-Identifier: MIT */
/* A matrix product as an object: three images and a task per tile. */
#include "layer.h"
#include "ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { A, B, C, N_IMAGES };

struct npu_matmul {
	struct ops_layer layer;
	struct npu_matmul_plan plan;
};

static int plan_product(struct npu_session *session, const struct npu_matmul_args *args,
			struct npu_matmul_plan *ret_plan)
{
	uint32_t n_cores = args->n_cores ? args->n_cores : 1;
	struct npu_matmul_layout layout;
	int r;

	r = npu_matmul_layout(&args->shape, &layout);
	if (r < 0)
		return r;
	r = npu_matmul_plan(&layout, n_cores, ret_plan);
	return r < 0 ? r : ops_check_gang(session, n_cores);
}

static int write_streams(struct npu_matmul *matmul)
{
	const struct npu_bo *bos = matmul->layer.bos;
	struct npu_matmul_iovas iovas = {bos[A].iova, bos[B].iova, bos[C].iova};
	struct npu_matmul_tile tile;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < matmul->plan.n_tasks; i++) {
		npu_matmul_plan_tile(&matmul->plan, i, &tile);
		r = npu_matmul_emit(&matmul->plan.layout, &tile, &iovas,
				    ops_layer_stream(&matmul->layer, i), NPU_MATMUL_STREAM_ENTRIES);
	}
	return r < 0 ? r : ops_layer_sync_streams(&matmul->layer);
}

int npu_matmul_new(struct npu_session *session, const struct npu_matmul_args *args,
		   struct npu_matmul **ret_matmul)
{
	struct npu_matmul_plan plan = {0};
	struct npu_matmul *matmul;
	int r;

	r = plan_product(session, args, &plan);
	if (r < 0)
		return r;
	matmul = calloc(1, sizeof(*matmul));
	if (!matmul)
		return npu_ops_error(-ENOMEM, "out of memory");
	matmul->plan = plan;
	matmul->layer.session = session;
	matmul->layer.timeout_ns = args->timeout_ns;
	matmul->layer.n_cores = plan.n_cores;
	memcpy(matmul->layer.ranges, plan.ranges, sizeof(plan.ranges));
	r = ops_layer_init(
		&matmul->layer,
		(const uint64_t[]){[A] = plan.layout.a_bytes,
				   [B] = plan.layout.b_bytes,
				   [C] = plan.layout.c_bytes},
		N_IMAGES,
		&(struct ops_tasks){plan.n_tasks, NPU_MATMUL_STREAM_ENTRIES, NPU_MATMUL_INT_MASK});
	if (r == 0)
		r = write_streams(matmul);
	if (r < 0) {
		npu_matmul_free(matmul);
		return r;
	}
	*ret_matmul = matmul;
	return 0;
}

struct npu_matmul *npu_matmul_free(struct npu_matmul *matmul)
{
	if (!matmul)
		return NULL;
	ops_layer_deinit(&matmul->layer);
	free(matmul);
	return NULL;
}

/* Packs a matrix into its BO and hands that to the NPU. */
static int set_matrix(struct npu_matmul *matmul, uint32_t image, const void *matrix,
		      void (*pack)(const struct npu_matmul_layout *, const void *, void *))
{
	int r = ops_layer_check_idle(&matmul->layer);

	if (r < 0)
		return r;
	pack(&matmul->plan.layout, matrix, matmul->layer.bos[image].map);
	return ops_layer_sync_image(&matmul->layer, image, NPU_SYNC_TO_DEVICE);
}

int npu_matmul_set_a(struct npu_matmul *matmul, const void *a)
{
	return set_matrix(matmul, A, a, npu_matmul_pack_a);
}

int npu_matmul_set_b(struct npu_matmul *matmul, const void *b)
{
	return set_matrix(matmul, B, b, npu_matmul_pack_b);
}

int npu_matmul_set_b_transposed(struct npu_matmul *matmul, const void *b)
{
	return set_matrix(matmul, B, b, npu_matmul_pack_b_transposed);
}

int npu_matmul_submit(struct npu_matmul *matmul)
{
	return ops_layer_submit(&matmul->layer);
}

int npu_matmul_wait(struct npu_matmul *matmul, int64_t timeout_ns, struct npu_result *ret_result)
{
	return ops_layer_wait(&matmul->layer, timeout_ns, ret_result);
}

int npu_matmul_run(struct npu_matmul *matmul, int64_t timeout_ns)
{
	return ops_layer_run(&matmul->layer, timeout_ns);
}

int npu_matmul_get_c(struct npu_matmul *matmul, void *c)
{
	int r = ops_layer_check_idle(&matmul->layer);

	if (r == 0)
		r = ops_layer_sync_image(&matmul->layer, C, NPU_SYNC_FROM_DEVICE);
	if (r == 0)
		npu_matmul_unpack_c(&matmul->plan.layout, matmul->layer.bos[C].map, c);
	return r;
}
