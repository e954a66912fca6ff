/* SPDX-License-Identifier: MIT */
/*
 * Operators that share one job: each has a BO for its result, and for its own weights and streams.
 * An operator is complete when it was added, so a network needs no step in which it is compiled.
 */
#include "conv2d.h"
#include "elementwise.h"
#include "ops.h"
#include "pool.h"

#include <errno.h>
#include <stdlib.h>

/*
 * All operators take an image whose pixels are multiples of this, however many of its channels they
 * read or write: 64 channels of int8 or 32 of fp16, as depthwise convolutions have them.
 */
#define PIXEL_BYTES 64u

struct tensor {
	struct npu_tensor shape;
	uint32_t bo;
};

struct npu_network {
	struct ops_layer layer;
	struct tensor tensors[NPU_NETWORK_TENSORS_MAX];
	uint32_t n_tensors;
};

int npu_network_new(struct npu_session *session, uint64_t timeout_ns,
		    struct npu_network **ret_network)
{
	struct npu_network *network = calloc(1, sizeof(*network));

	if (!network)
		return npu_ops_error(-ENOMEM, "out of memory");
	network->layer.session = session;
	network->layer.timeout_ns = timeout_ns;
	*ret_network = network;
	return 0;
}

struct npu_network *npu_network_free(struct npu_network *network)
{
	if (!network)
		return NULL;
	ops_layer_deinit(&network->layer);
	free(network);
	return NULL;
}

static int check_tensor(const struct npu_network *network, const char *name, uint32_t tensor)
{
	if (tensor < network->n_tensors)
		return 0;
	return npu_ops_error(-EINVAL, "%s: %u, must be one of the network's %u tensors", name,
			     tensor, network->n_tensors);
}

static uint32_t last_bo_iova(const struct npu_network *network)
{
	return network->layer.bos[network->layer.n_bos - 1].iova;
}

static uint32_t tensor_iova(const struct npu_network *network, uint32_t tensor)
{
	return network->layer.bos[network->tensors[tensor].bo].iova;
}

/* Its number is that of the next tensor, which becomes one in finish(). */
static int add_tensor(struct npu_network *network, const struct npu_tensor *shape)
{
	uint64_t pixels = (uint64_t)shape->width * shape->height;
	uint64_t bytes =
		ops_round_up(shape->channels * ops_type_bytes(shape->type), PIXEL_BYTES) * pixels;
	int r = ops_layer_check_idle(&network->layer);

	if (r == 0 && network->n_tensors == NPU_NETWORK_TENSORS_MAX)
		r = npu_ops_error(-E2BIG, "more than %u tensors", NPU_NETWORK_TENSORS_MAX);
	if (r == 0)
		r = ops_check_image("width, height, channels", bytes);
	if (r == 0)
		r = ops_layer_add_bo(&network->layer, bytes);
	if (r < 0)
		return r;
	network->tensors[network->n_tensors] =
		(struct tensor){.shape = *shape, .bo = network->layer.n_bos - 1};
	return 0;
}

/* What there was before an operator is added, to go back to when that fails. */
struct mark {
	uint32_t n_bos, n_tasks;
};

static struct mark mark_of(const struct npu_network *network)
{
	return (struct mark){network->layer.n_bos, network->layer.n_tasks};
}

static int finish(struct npu_network *network, const struct mark *mark, int r, uint32_t *ret_tensor)
{
	if (r < 0)
		ops_layer_truncate(&network->layer, mark->n_bos, mark->n_tasks);
	else
		*ret_tensor = network->n_tensors++;
	return r;
}

int npu_network_add_input(struct npu_network *network, const struct npu_tensor *shape,
			  uint32_t *ret_tensor)
{
	struct mark mark = mark_of(network);
	int r;

	r = ops_check_type(shape->type);
	if (r == 0)
		r = ops_check_range("width", shape->width, 1, NPU_POOL_SIZE_MAX);
	if (r == 0)
		r = ops_check_range("height", shape->height, 1, NPU_POOL_SIZE_MAX);
	if (r == 0)
		r = ops_check_range("channels", shape->channels, 1, NPU_CONV2D_CHANNELS_MAX);
	if (r == 0)
		r = add_tensor(network, shape);
	return finish(network, &mark, r, ret_tensor);
}

/* Weights and operands, in one BO. */
static int add_weights(struct npu_network *network, const struct npu_conv2d_plan *plan,
		       const struct npu_network_conv2d *conv)
{
	struct ops_layer *layer = &network->layer;
	uint64_t operands = plan->weight_bytes; /* a multiple of 16 */
	char *map;
	int r;

	r = ops_layer_add_bo(layer, plan->weight_bytes + plan->operand_bytes);
	if (r < 0)
		return r;
	map = layer->bos[layer->n_bos - 1].map;
	npu_conv2d_pack_weights(plan, conv->weights, map);
	r = npu_conv2d_pack_operands(plan, conv->weights, conv->channels, map + operands);
	return r < 0 ? r : ops_layer_sync_image(layer, layer->n_bos - 1, NPU_SYNC_TO_DEVICE);
}

static int add_conv2d(struct npu_network *network, const struct npu_conv2d_plan *plan,
		      uint32_t input, const struct npu_network_conv2d *conv)
{
	struct ops_tasks tasks = conv2d_tasks(plan);
	struct npu_tensor output = conv2d_output(plan);
	struct npu_conv2d_iovas iovas = {.input = tensor_iova(network, input)};
	uint32_t first = network->layer.n_tasks;
	int r;

	r = add_tensor(network, &output);
	if (r < 0)
		return r;
	iovas.output = last_bo_iova(network);
	r = add_weights(network, plan, conv);
	if (r < 0)
		return r;
	iovas.weights = last_bo_iova(network);
	iovas.operands = iovas.weights + (uint32_t)plan->weight_bytes;
	r = ops_layer_add_tasks(&network->layer, &tasks);
	return r < 0 ? r : conv2d_write_streams(plan, &iovas, &network->layer, first);
}

int npu_network_add_conv2d(struct npu_network *network, uint32_t input,
			   const struct npu_network_conv2d *conv, uint32_t *ret_tensor)
{
	struct npu_conv2d_shape shape = conv->shape;
	struct mark mark = mark_of(network);
	const struct npu_tensor *tensor;
	struct npu_conv2d_plan plan;
	int r = check_tensor(network, "input", input);

	if (r < 0)
		return r;
	tensor = &network->tensors[input].shape;
	shape.width = tensor->width;
	shape.height = tensor->height;
	shape.channels = tensor->channels;
	shape.type = tensor->type;
	r = npu_conv2d_plan(&shape, &conv->quantization, &plan);
	if (r == 0)
		r = add_conv2d(network, &plan, input, conv);
	return finish(network, &mark, r, ret_tensor);
}

static int add_pool(struct npu_network *network, const struct npu_pool_plan *plan, uint32_t input)
{
	struct ops_tasks tasks = pool_tasks(plan);
	struct npu_tensor output = pool_output(plan);
	struct npu_pool_iovas iovas = {.input = tensor_iova(network, input)};
	uint32_t first = network->layer.n_tasks;
	int r;

	r = add_tensor(network, &output);
	if (r < 0)
		return r;
	iovas.output = last_bo_iova(network);
	r = ops_layer_add_tasks(&network->layer, &tasks);
	return r < 0 ? r : pool_write_streams(plan, &iovas, &network->layer, first);
}

int npu_network_add_pool(struct npu_network *network, uint32_t input,
			 const struct npu_pool_shape *pool, uint32_t *ret_tensor)
{
	struct npu_pool_shape shape = *pool;
	struct mark mark = mark_of(network);
	const struct npu_tensor *tensor;
	struct npu_pool_plan plan;
	int r = check_tensor(network, "input", input);

	if (r < 0)
		return r;
	tensor = &network->tensors[input].shape;
	shape.width = tensor->width;
	shape.height = tensor->height;
	shape.channels = tensor->channels;
	shape.type = tensor->type;
	r = npu_pool_plan(&shape, &plan);
	if (r == 0)
		r = add_pool(network, &plan, input);
	return finish(network, &mark, r, ret_tensor);
}

static int check_operands(const struct npu_network *network, uint32_t a, uint32_t b)
{
	const struct npu_tensor *one = &network->tensors[a].shape, *other;
	int r = check_tensor(network, "b", b);

	if (r < 0)
		return r;
	other = &network->tensors[b].shape;
	if (one->width == other->width && one->height == other->height &&
	    one->channels == other->channels && one->type == other->type)
		return 0;
	return npu_ops_error(-EINVAL,
			     "b: %u x %u x %u of type %u, must be as a: %u x %u x %u of type %u",
			     other->width, other->height, other->channels, (unsigned)other->type,
			     one->width, one->height, one->channels, (unsigned)one->type);
}

static int add_elementwise(struct npu_network *network, const struct npu_elementwise_plan *plan,
			   uint32_t a, uint32_t b)
{
	struct ops_tasks tasks = elementwise_tasks(plan);
	struct npu_tensor output = elementwise_tensor(plan);
	struct npu_elementwise_iovas iovas = {.a = tensor_iova(network, a)};
	uint32_t first = network->layer.n_tasks;
	int r;

	if (elementwise_is_binary(plan->shape.operation))
		iovas.b = tensor_iova(network, b);
	r = add_tensor(network, &output);
	if (r < 0)
		return r;
	iovas.output = last_bo_iova(network);
	r = ops_layer_add_tasks(&network->layer, &tasks);
	return r < 0 ? r : elementwise_write_streams(plan, &iovas, &network->layer, first);
}

int npu_network_add_elementwise(struct npu_network *network, uint32_t a, uint32_t b,
				const struct npu_network_elementwise *elementwise,
				uint32_t *ret_tensor)
{
	struct npu_elementwise_shape shape = {.operation = elementwise->operation};
	struct mark mark = mark_of(network);
	struct npu_elementwise_plan plan;
	const struct npu_tensor *tensor;
	int r = check_tensor(network, "a", a);

	if (r == 0 && elementwise_is_binary(elementwise->operation))
		r = check_operands(network, a, b);
	if (r < 0)
		return r;
	tensor = &network->tensors[a].shape;
	shape.width = tensor->width;
	shape.height = tensor->height;
	shape.channels = tensor->channels;
	shape.type = tensor->type;
	r = npu_elementwise_plan(&shape, &elementwise->quantization, &plan);
	if (r == 0)
		r = add_elementwise(network, &plan, a, b);
	return finish(network, &mark, r, ret_tensor);
}

int npu_network_get_shape(const struct npu_network *network, uint32_t tensor,
			  struct npu_tensor *ret_shape)
{
	int r = check_tensor(network, "tensor", tensor);

	if (r == 0)
		*ret_shape = network->tensors[tensor].shape;
	return r;
}

uint32_t npu_network_count_tasks(const struct npu_network *network)
{
	return network->layer.n_tasks;
}

int npu_network_set_input(struct npu_network *network, uint32_t tensor, const void *input)
{
	struct ops_layer *layer = &network->layer;
	int r = check_tensor(network, "tensor", tensor);
	uint32_t bo;

	if (r == 0)
		r = ops_layer_check_idle(layer);
	if (r < 0)
		return r;
	bo = network->tensors[tensor].bo;
	ops_tensor_pack(&network->tensors[tensor].shape, input, layer->bos[bo].map);
	return ops_layer_sync_image(layer, bo, NPU_SYNC_TO_DEVICE);
}

int npu_network_submit(struct npu_network *network)
{
	if (network->layer.n_tasks == 0)
		return npu_ops_error(-EINVAL, "the network has no operators");
	return ops_layer_submit(&network->layer);
}

int npu_network_wait(struct npu_network *network, int64_t timeout_ns, struct npu_result *ret_result)
{
	return ops_layer_wait(&network->layer, timeout_ns, ret_result);
}

int npu_network_run(struct npu_network *network, int64_t timeout_ns)
{
	if (network->layer.n_tasks == 0)
		return npu_ops_error(-EINVAL, "the network has no operators");
	return ops_layer_run(&network->layer, timeout_ns);
}

int npu_network_get_output(struct npu_network *network, uint32_t tensor, void *output)
{
	struct ops_layer *layer = &network->layer;
	int r = check_tensor(network, "tensor", tensor);
	uint32_t bo;

	if (r == 0)
		r = ops_layer_check_idle(layer);
	if (r < 0)
		return r;
	bo = network->tensors[tensor].bo;
	r = ops_layer_sync_image(layer, bo, NPU_SYNC_FROM_DEVICE);
	if (r == 0)
		ops_tensor_unpack(&network->tensors[tensor].shape, layer->bos[bo].map, output);
	return r;
}
