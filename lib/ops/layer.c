/* SPDX-License-Identifier: MIT */
/* All operations look alike from outside: images in, one job of several tasks, an image out. */
#include "layer.h"

#include "ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Streams start at multiples of 64 bytes, as those of all known programs do. */
#define STREAM_ALIGNMENT 64u

static uint32_t stream_bytes(const struct ops_layer *layer)
{
	return ops_round_up(layer->stream_entries * (uint32_t)sizeof(uint64_t), STREAM_ALIGNMENT);
}

static struct npu_bo *streams_of(struct ops_layer *layer)
{
	return &layer->bos[layer->n_bos - 1];
}

static int create_bos(struct ops_layer *layer, const uint64_t *sizes, uint32_t n_images)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i <= n_images; i++) {
		uint64_t size =
			i < n_images ? sizes[i] : (uint64_t)layer->n_tasks * stream_bytes(layer);

		r = npu_bo_create(layer->session, size, 0, &layer->bos[i]);
		if (r == 0)
			layer->n_bos = i + 1;
	}
	return r;
}

int ops_layer_init(struct ops_layer *layer, const uint64_t *sizes, uint32_t n_images,
		   uint32_t n_tasks, uint32_t stream_entries, uint32_t int_mask)
{
	int r;

	layer->n_tasks = n_tasks;
	layer->stream_entries = stream_entries;
	layer->tasks = calloc(n_tasks, sizeof(*layer->tasks));
	if (!layer->tasks)
		return npu_ops_error(-ENOMEM, "out of memory");
	r = create_bos(layer, sizes, n_images);
	for (uint32_t i = 0; r == 0 && i < n_tasks; i++)
		layer->tasks[i] = (struct npu_task){
			.regcmd_iova = streams_of(layer)->iova + i * stream_bytes(layer),
			.regcmd_count = stream_entries,
			.int_mask = int_mask,
		};
	return r;
}

void ops_layer_deinit(struct ops_layer *layer)
{
	struct npu_result result;

	if (layer->is_running)
		ops_layer_wait(layer, -1, &result);
	for (uint32_t i = layer->n_bos; i > 0; i--)
		npu_bo_close(layer->session, &layer->bos[i - 1]);
	free(layer->tasks);
}

uint64_t *ops_layer_stream(struct ops_layer *layer, uint32_t task)
{
	char *streams = streams_of(layer)->map;

	return (uint64_t *)(void *)(streams + (size_t)task * stream_bytes(layer));
}

static int sync_bo(struct ops_layer *layer, const struct npu_bo *bo, uint32_t direction)
{
	return npu_bo_sync(layer->session, bo, 0, bo->size, direction);
}

int ops_layer_sync_streams(struct ops_layer *layer)
{
	return sync_bo(layer, streams_of(layer), NPU_SYNC_TO_DEVICE);
}

int ops_layer_sync_image(struct ops_layer *layer, uint32_t image, uint32_t direction)
{
	return sync_bo(layer, &layer->bos[image], direction);
}

int ops_layer_check_idle(const struct ops_layer *layer)
{
	return layer->is_running ? npu_ops_error(-EBUSY, "the last run is not over") : 0;
}

int ops_layer_submit(struct ops_layer *layer)
{
	uint32_t handles[OPS_LAYER_BOS];
	struct npu_job job = {
		.tasks = layer->tasks,
		.n_tasks = layer->n_tasks,
		.bos = handles,
		.n_bos = layer->n_bos,
		.timeout_ns = layer->timeout_ns,
	};
	int r = ops_layer_check_idle(layer);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < layer->n_bos; i++)
		handles[i] = layer->bos[i].handle;
	if (layer->n_cores > 1) {
		job.core_mask = (1u << layer->n_cores) - 1;
		job.n_ranges = layer->n_cores;
		memcpy(job.ranges, layer->ranges, sizeof(layer->ranges));
	}
	r = npu_submit(layer->session, &job, &layer->seqno, NULL);
	layer->is_running = r == 0;
	return r;
}

int ops_layer_wait(struct ops_layer *layer, int64_t timeout_ns, struct npu_result *ret_result)
{
	int r;

	if (!layer->is_running)
		return npu_ops_error(-ENOENT, "no run was queued");
	r = npu_wait(layer->session, layer->seqno, timeout_ns, ret_result);
	/* Any other failure is final: there is nothing left to wait for. */
	layer->is_running = r == -ETIMEDOUT;
	return r;
}

int ops_layer_run(struct ops_layer *layer, int64_t timeout_ns)
{
	struct npu_result result = {0};
	int r;

	r = ops_layer_submit(layer);
	if (r == 0)
		r = ops_layer_wait(layer, timeout_ns, &result);
	if (r < 0)
		return r;
	if (result.outcome != NPU_OUTCOME_OK)
		return npu_ops_error(-EIO, "the run ended with %s%s%s",
				     npu_outcome_name(result.outcome), *result.detail ? ": " : "",
				     result.detail);
	return 0;
}
