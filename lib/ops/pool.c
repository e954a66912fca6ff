/* SPDX-License-Identifier: MIT */
/* Pooling as an object: two images and a task per band. */
#include "layer.h"
#include "ops.h"

#include <errno.h>
#include <stdlib.h>

enum { INPUT, OUTPUT, N_IMAGES };

struct npu_pool {
	struct ops_layer layer;
	struct npu_pool_plan plan;
};

static int write_streams(struct npu_pool *pool)
{
	struct npu_pool_iovas iovas = {pool->layer.bos[INPUT].iova, pool->layer.bos[OUTPUT].iova};
	struct npu_band band;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < pool->plan.n_bands; i++) {
		npu_pool_plan_band(&pool->plan, i, &band);
		r = npu_pool_emit(&pool->plan, &band, &iovas, ops_layer_stream(&pool->layer, i),
				  NPU_POOL_STREAM_ENTRIES);
	}
	return r < 0 ? r : ops_layer_sync_streams(&pool->layer);
}

int npu_pool_new(struct npu_session *session, const struct npu_pool_args *args,
		 struct npu_pool **ret_pool)
{
	struct npu_pool_plan plan = {0};
	struct npu_pool *pool;
	int r;

	r = npu_pool_plan(&args->shape, &plan);
	if (r < 0)
		return r;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return npu_ops_error(-ENOMEM, "out of memory");
	pool->plan = plan;
	pool->layer.session = session;
	pool->layer.timeout_ns = args->timeout_ns;
	r = ops_layer_init(
		&pool->layer,
		(const uint64_t[]){[INPUT] = plan.input_bytes, [OUTPUT] = plan.output_bytes},
		N_IMAGES, plan.n_bands, NPU_POOL_STREAM_ENTRIES, NPU_POOL_INT_MASK);
	if (r == 0)
		r = write_streams(pool);
	if (r < 0) {
		npu_pool_free(pool);
		return r;
	}
	*ret_pool = pool;
	return 0;
}

struct npu_pool *npu_pool_free(struct npu_pool *pool)
{
	if (!pool)
		return NULL;
	ops_layer_deinit(&pool->layer);
	free(pool);
	return NULL;
}

int npu_pool_set_input(struct npu_pool *pool, const int8_t *input)
{
	int r = ops_layer_check_idle(&pool->layer);

	if (r < 0)
		return r;
	npu_pool_pack_input(&pool->plan, input, pool->layer.bos[INPUT].map);
	return ops_layer_sync_image(&pool->layer, INPUT, NPU_SYNC_TO_DEVICE);
}

int npu_pool_submit(struct npu_pool *pool)
{
	return ops_layer_submit(&pool->layer);
}

int npu_pool_wait(struct npu_pool *pool, int64_t timeout_ns, struct npu_result *ret_result)
{
	return ops_layer_wait(&pool->layer, timeout_ns, ret_result);
}

int npu_pool_run(struct npu_pool *pool, int64_t timeout_ns)
{
	return ops_layer_run(&pool->layer, timeout_ns);
}

int npu_pool_get_output(struct npu_pool *pool, int8_t *output)
{
	int r = ops_layer_check_idle(&pool->layer);

	if (r == 0)
		r = ops_layer_sync_image(&pool->layer, OUTPUT, NPU_SYNC_FROM_DEVICE);
	if (r == 0)
		npu_pool_unpack_output(&pool->plan, pool->layer.bos[OUTPUT].map, output);
	return r;
}
