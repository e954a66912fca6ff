/* SPDX-License-Identifier: MIT */
/* An element-wise operation as an object: three images and a task per run. */
#include "elementwise.h"
#include "ops.h"

#include <errno.h>
#include <stdlib.h>

enum { A, B, OUTPUT, N_IMAGES };

/* The smallest buffer, where there is no `b`. */
#define NO_IMAGE_BYTES 16u

struct npu_elementwise {
	struct ops_layer layer;
	struct npu_elementwise_plan plan;
};

struct ops_tasks elementwise_tasks(const struct npu_elementwise_plan *plan)
{
	return (struct ops_tasks){plan->n_runs, plan->stream_entries, NPU_ELEMENTWISE_INT_MASK};
}

int elementwise_write_streams(const struct npu_elementwise_plan *plan,
			      const struct npu_elementwise_iovas *iovas, struct ops_layer *layer,
			      uint32_t first)
{
	struct npu_run run;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < plan->n_runs; i++) {
		npu_elementwise_plan_run(plan, i, &run);
		r = npu_elementwise_emit(plan, &run, iovas, ops_layer_stream(layer, first + i),
					 plan->stream_entries);
	}
	return r < 0 ? r : ops_layer_sync_streams(layer);
}

static int elementwise_init(struct npu_elementwise *elementwise, uint32_t n_cores)
{
	const struct npu_elementwise_plan *plan = &elementwise->plan;
	bool is_binary = elementwise_is_binary(plan->shape.operation);
	const uint64_t sizes[] = {[A] = plan->image_bytes,
				  [B] = is_binary ? plan->image_bytes : NO_IMAGE_BYTES,
				  [OUTPUT] = plan->image_bytes};
	struct ops_tasks tasks = elementwise_tasks(plan);
	struct ops_layer *layer = &elementwise->layer;
	struct npu_elementwise_iovas iovas;
	int r;

	r = ops_layer_init(layer, sizes, N_IMAGES, &tasks);
	if (r == 0)
		r = ops_layer_share(layer, n_cores);
	if (r < 0)
		return r;
	iovas = (struct npu_elementwise_iovas){layer->bos[A].iova, layer->bos[B].iova,
					       layer->bos[OUTPUT].iova};
	return elementwise_write_streams(plan, &iovas, layer, 0);
}

int npu_elementwise_new(struct npu_session *session, const struct npu_elementwise_args *args,
			struct npu_elementwise **ret_elementwise)
{
	struct npu_elementwise_plan plan = {0};
	struct npu_elementwise *elementwise;
	int r;

	r = npu_elementwise_plan(&args->shape, &args->quantization, &plan);
	if (r == 0)
		r = ops_share_parts("pixels", plan.n_pixels, args->n_cores, &plan.n_runs);
	if (r < 0)
		return r;
	elementwise = calloc(1, sizeof(*elementwise));
	if (!elementwise)
		return npu_ops_error(-ENOMEM, "out of memory");
	elementwise->plan = plan;
	elementwise->layer.session = session;
	elementwise->layer.timeout_ns = args->timeout_ns;
	r = elementwise_init(elementwise, args->n_cores);
	if (r < 0) {
		npu_elementwise_free(elementwise);
		return r;
	}
	*ret_elementwise = elementwise;
	return 0;
}

struct npu_elementwise *npu_elementwise_free(struct npu_elementwise *elementwise)
{
	if (!elementwise)
		return NULL;
	ops_layer_deinit(&elementwise->layer);
	free(elementwise);
	return NULL;
}

static int set_image(struct npu_elementwise *elementwise, uint32_t image, const void *values)
{
	int r = ops_layer_check_idle(&elementwise->layer);

	if (r < 0)
		return r;
	npu_elementwise_pack(&elementwise->plan, values, elementwise->layer.bos[image].map);
	return ops_layer_sync_image(&elementwise->layer, image, NPU_SYNC_TO_DEVICE);
}

int npu_elementwise_set_a(struct npu_elementwise *elementwise, const void *a)
{
	return set_image(elementwise, A, a);
}

int npu_elementwise_set_b(struct npu_elementwise *elementwise, const void *b)
{
	if (!elementwise_is_binary(elementwise->plan.shape.operation))
		return npu_ops_error(-EINVAL, "b: the operation has none");
	return set_image(elementwise, B, b);
}

int npu_elementwise_submit(struct npu_elementwise *elementwise)
{
	return ops_layer_submit(&elementwise->layer);
}

int npu_elementwise_wait(struct npu_elementwise *elementwise, int64_t timeout_ns,
			 struct npu_result *ret_result)
{
	return ops_layer_wait(&elementwise->layer, timeout_ns, ret_result);
}

int npu_elementwise_run(struct npu_elementwise *elementwise, int64_t timeout_ns)
{
	return ops_layer_run(&elementwise->layer, timeout_ns);
}

int npu_elementwise_get_output(struct npu_elementwise *elementwise, void *output)
{
	struct ops_layer *layer = &elementwise->layer;
	int r = ops_layer_check_idle(layer);

	if (r == 0)
		r = ops_layer_sync_image(layer, OUTPUT, NPU_SYNC_FROM_DEVICE);
	if (r == 0)
		npu_elementwise_unpack(&elementwise->plan, layer->bos[OUTPUT].map, output);
	return r;
}
