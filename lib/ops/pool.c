/* SPDX-License-Identifier: MIT */
/* Pooling as an object: two images and a task per band. */
#include "pool.h"
#include "layer.h"
#include "ops.h"

#include <errno.h>
#include <stdlib.h>

enum { INPUT, OUTPUT, N_IMAGES };

struct npu_pool {
	struct ops_layer layer;
	struct npu_pool_plan plan;
};

struct ops_tasks pool_tasks(const struct npu_pool_plan *plan)
{
	return (struct ops_tasks){plan->n_bands, NPU_POOL_STREAM_ENTRIES, NPU_POOL_INT_MASK};
}

int pool_write_streams(const struct npu_pool_plan *plan, const struct npu_pool_iovas *iovas,
		       struct ops_layer *layer, uint32_t first)
{
	struct npu_band band;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < plan->n_bands; i++) {
		npu_pool_plan_band(plan, i, &band);
		r = npu_pool_emit(plan, &band, iovas, ops_layer_stream(layer, first + i),
				  NPU_POOL_STREAM_ENTRIES);
	}
	return r < 0 ? r : ops_layer_sync_streams(layer);
}

static int pool_init(struct npu_pool *pool, uint32_t n_cores)
{
	const uint64_t sizes[] = {
		[INPUT] = pool->plan.input_bytes, [OUTPUT] = pool->plan.output_bytes};
	struct ops_tasks tasks = pool_tasks(&pool->plan);
	struct npu_pool_iovas iovas;
	int r;

	r = ops_layer_init(&pool->layer, sizes, N_IMAGES, &tasks);
	if (r == 0)
		r = ops_layer_share(&pool->layer, n_cores);
	if (r < 0)
		return r;
	iovas = (struct npu_pool_iovas){pool->layer.bos[INPUT].iova, pool->layer.bos[OUTPUT].iova};
	return pool_write_streams(&pool->plan, &iovas, &pool->layer, 0);
}

int npu_pool_new(struct npu_session *session, const struct npu_pool_args *args,
		 struct npu_pool **ret_pool)
{
	struct npu_pool_plan plan = {0};
	struct npu_pool *pool;
	int r;

	r = npu_pool_plan(&args->shape, &plan);
	if (r == 0)
		r = ops_share_parts("rows of output", plan.out_height, args->n_cores,
				    &plan.n_bands);
	if (r < 0)
		return r;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return npu_ops_error(-ENOMEM, "out of memory");
	pool->plan = plan;
	pool->layer.session = session;
	pool->layer.timeout_ns = args->timeout_ns;
	r = pool_init(pool, args->n_cores);
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

int npu_pool_set_input(struct npu_pool *pool, const void *input)
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

int npu_pool_get_output(struct npu_pool *pool, void *output)
{
	int r = ops_layer_check_idle(&pool->layer);

	if (r == 0)
		r = ops_layer_sync_image(&pool->layer, OUTPUT, NPU_SYNC_FROM_DEVICE);
	if (r == 0)
		npu_pool_unpack_output(&pool->plan, pool->layer.bos[OUTPUT].map, output);
	return r;
}
