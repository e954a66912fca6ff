/* SPDX-License-Identifier: MIT */
/* A convolution as an object: four images and a task per band. */
#include "conv2d.h"
#include "ops.h"

#include <errno.h>
#include <stdlib.h>

enum { INPUT, WEIGHTS, OPERANDS, OUTPUT, N_IMAGES };

struct npu_conv2d {
	struct ops_layer layer;
	struct npu_conv2d_plan plan;
};

struct ops_tasks conv2d_tasks(const struct npu_conv2d_plan *plan)
{
	return (struct ops_tasks){plan->n_bands, NPU_CONV2D_STREAM_ENTRIES, NPU_CONV2D_INT_MASK};
}

int conv2d_write_streams(const struct npu_conv2d_plan *plan, const struct npu_conv2d_iovas *iovas,
			 struct ops_layer *layer, uint32_t first)
{
	struct npu_band band;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < plan->n_bands; i++) {
		npu_conv2d_plan_band(plan, i, &band);
		r = npu_conv2d_emit(plan, &band, iovas, ops_layer_stream(layer, first + i),
				    NPU_CONV2D_STREAM_ENTRIES);
	}
	return r < 0 ? r : ops_layer_sync_streams(layer);
}

static int conv2d_init(struct npu_conv2d *conv, uint32_t n_cores)
{
	const struct npu_conv2d_plan *plan = &conv->plan;
	const uint64_t sizes[] = {[INPUT] = plan->input_bytes,
				  [WEIGHTS] = plan->weight_bytes,
				  [OPERANDS] = plan->operand_bytes,
				  [OUTPUT] = plan->output_bytes};
	struct ops_tasks tasks = conv2d_tasks(plan);
	struct npu_conv2d_iovas iovas;
	const struct npu_bo *bos;
	int r;

	r = ops_layer_init(&conv->layer, sizes, N_IMAGES, &tasks);
	if (r == 0)
		r = ops_layer_share(&conv->layer, n_cores);
	if (r < 0)
		return r;
	bos = conv->layer.bos;
	iovas = (struct npu_conv2d_iovas){bos[INPUT].iova, bos[WEIGHTS].iova, bos[OPERANDS].iova,
					  bos[OUTPUT].iova};
	return conv2d_write_streams(plan, &iovas, &conv->layer, 0);
}

int npu_conv2d_new(struct npu_session *session, const struct npu_conv2d_args *args,
		   struct npu_conv2d **ret_conv)
{
	struct npu_conv2d_plan plan = {0};
	struct npu_conv2d *conv;
	int r;

	r = npu_conv2d_plan(&args->shape, &args->quantization, &plan);
	if (r == 0)
		r = ops_share_parts("rows of output", plan.out_height, args->n_cores,
				    &plan.n_bands);
	if (r < 0)
		return r;
	conv = calloc(1, sizeof(*conv));
	if (!conv)
		return npu_ops_error(-ENOMEM, "out of memory");
	conv->plan = plan;
	conv->layer.session = session;
	conv->layer.timeout_ns = args->timeout_ns;
	r = conv2d_init(conv, args->n_cores);
	if (r < 0) {
		npu_conv2d_free(conv);
		return r;
	}
	*ret_conv = conv;
	return 0;
}

struct npu_conv2d *npu_conv2d_free(struct npu_conv2d *conv)
{
	if (!conv)
		return NULL;
	ops_layer_deinit(&conv->layer);
	free(conv);
	return NULL;
}

int npu_conv2d_set_weights(struct npu_conv2d *conv, const void *weights,
			   const struct npu_conv2d_channel *channels)
{
	struct ops_layer *layer = &conv->layer;
	int r = ops_layer_check_idle(layer);

	if (r == 0)
		r = npu_conv2d_pack_operands(&conv->plan, weights, channels,
					     layer->bos[OPERANDS].map);
	if (r < 0)
		return r;
	npu_conv2d_pack_weights(&conv->plan, weights, layer->bos[WEIGHTS].map);
	r = ops_layer_sync_image(layer, OPERANDS, NPU_SYNC_TO_DEVICE);
	return r < 0 ? r : ops_layer_sync_image(layer, WEIGHTS, NPU_SYNC_TO_DEVICE);
}

int npu_conv2d_set_input(struct npu_conv2d *conv, const void *input)
{
	int r = ops_layer_check_idle(&conv->layer);

	if (r < 0)
		return r;
	npu_conv2d_pack_input(&conv->plan, input, conv->layer.bos[INPUT].map);
	return ops_layer_sync_image(&conv->layer, INPUT, NPU_SYNC_TO_DEVICE);
}

int npu_conv2d_submit(struct npu_conv2d *conv)
{
	return ops_layer_submit(&conv->layer);
}

int npu_conv2d_wait(struct npu_conv2d *conv, int64_t timeout_ns, struct npu_result *ret_result)
{
	return ops_layer_wait(&conv->layer, timeout_ns, ret_result);
}

int npu_conv2d_run(struct npu_conv2d *conv, int64_t timeout_ns)
{
	return ops_layer_run(&conv->layer, timeout_ns);
}

int npu_conv2d_get_output(struct npu_conv2d *conv, void *output)
{
	int r = ops_layer_check_idle(&conv->layer);

	if (r == 0)
		r = ops_layer_sync_image(&conv->layer, OUTPUT, NPU_SYNC_FROM_DEVICE);
	if (r == 0)
		npu_conv2d_unpack_output(&conv->plan, conv->layer.bos[OUTPUT].map, output);
	return r;
}
