/* SPDX-License-Identifier: MIT */
/* All operations look alike from outside: images in, one job of several tasks, an image out. */
#include "layer.h"

#include "ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Streams start at multiples of 64 bytes, as those of all known programs do. */
#define STREAM_ALIGNMENT 64u

static uint32_t stream_bytes(uint32_t n_entries)
{
	return ops_round_up(n_entries * (uint32_t)sizeof(uint64_t), STREAM_ALIGNMENT);
}

int ops_layer_add_bo(struct ops_layer *layer, uint64_t size)
{
	struct npu_bo *bos = reallocarray(layer->bos, layer->n_bos + 1, sizeof(*bos));
	int r;

	if (!bos)
		return npu_ops_error(-ENOMEM, "out of memory");
	layer->bos = bos;
	r = npu_bo_create(layer->session, size, 0, &bos[layer->n_bos]);
	if (r == 0)
		layer->n_bos++;
	return r;
}

int ops_layer_add_tasks(struct ops_layer *layer, const struct ops_tasks *added)
{
	uint32_t bytes = stream_bytes(added->stream_entries);
	struct npu_task *tasks;
	int r;

	if (!npu_query(layer->session)->runs_streams)
		return npu_ops_error(-ENOTSUP, "npud's device %s computes nothing",
				     npu_query(layer->session)->device);
	if (added->n > NPU_JOB_TASKS_MAX - layer->n_tasks)
		return npu_ops_error(-E2BIG, "%u tasks, must be at most %u",
				     layer->n_tasks + added->n, NPU_JOB_TASKS_MAX);
	tasks = reallocarray(layer->tasks, layer->n_tasks + added->n, sizeof(*tasks));
	if (!tasks)
		return npu_ops_error(-ENOMEM, "out of memory");
	layer->tasks = tasks;
	r = ops_layer_add_bo(layer, (uint64_t)added->n * bytes);
	for (uint32_t i = 0; r == 0 && i < added->n; i++)
		tasks[layer->n_tasks++] = (struct npu_task){
			.regcmd_iova = layer->bos[layer->n_bos - 1].iova + i * bytes,
			.regcmd_count = added->stream_entries,
			.int_mask = added->int_mask,
		};
	return r;
}

void ops_layer_truncate(struct ops_layer *layer, uint32_t n_bos, uint32_t n_tasks)
{
	for (; layer->n_bos > n_bos; layer->n_bos--)
		npu_bo_close(layer->session, &layer->bos[layer->n_bos - 1]);
	layer->n_tasks = n_tasks;
}

int ops_layer_init(struct ops_layer *layer, const uint64_t *sizes, uint32_t n_images,
		   const struct ops_tasks *tasks)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n_images; i++)
		r = ops_layer_add_bo(layer, sizes[i]);
	return r < 0 ? r : ops_layer_add_tasks(layer, tasks);
}

void ops_layer_deinit(struct ops_layer *layer)
{
	struct npu_result result;

	if (layer->is_running)
		ops_layer_wait(layer, -1, &result);
	ops_layer_truncate(layer, 0, 0);
	free(layer->bos);
	free(layer->tasks);
}

int ops_share_parts(const char *name, uint32_t units, uint32_t n_cores, uint32_t *n_parts)
{
	if (n_cores <= 1)
		return 0;
	if (n_cores > units || n_cores > NPU_CORES_MAX)
		return npu_ops_error(-EINVAL, "n_cores: %u, must be 0 to %u for %u %s", n_cores,
				     units < NPU_CORES_MAX ? units : NPU_CORES_MAX, units, name);
	*n_parts = ops_divide_up(*n_parts, n_cores) * n_cores;
	if (*n_parts > units)
		*n_parts = units;
	return 0;
}

int ops_check_gang(struct npu_session *session, uint32_t n_cores)
{
	uint32_t mask = (1u << n_cores) - 1;
	const struct npu_hello_reply *hello = npu_query(session);

	if (n_cores <= 1 || hello->gang_masks >> mask & 1)
		return 0;
	return npu_ops_error(-EOPNOTSUPP, "n_cores: %u, device %s runs no such gang", n_cores,
			     hello->device);
}

int ops_layer_share(struct ops_layer *layer, uint32_t n_cores)
{
	int r = ops_check_gang(layer->session, n_cores);

	if (r < 0 || n_cores <= 1)
		return r;
	for (uint32_t i = 0; i < n_cores; i++) {
		uint32_t begin = (uint32_t)((uint64_t)layer->n_tasks * i / n_cores);
		uint32_t end = (uint32_t)((uint64_t)layer->n_tasks * (i + 1) / n_cores);

		layer->ranges[i] = (struct npu_range){.start = begin, .count = end - begin};
	}
	layer->n_cores = n_cores;
	return 0;
}

uint64_t *ops_layer_stream(struct ops_layer *layer, uint32_t task)
{
	uint32_t iova = layer->tasks[task].regcmd_iova, i = 0;

	while (iova - layer->bos[i].iova >= layer->bos[i].size)
		i++;
	return (uint64_t *)(void *)((char *)layer->bos[i].map + (iova - layer->bos[i].iova));
}

static int sync_bo(struct ops_layer *layer, const struct npu_bo *bo, uint32_t direction)
{
	return npu_bo_sync(layer->session, bo, 0, bo->size, direction);
}

int ops_layer_sync_streams(struct ops_layer *layer)
{
	return sync_bo(layer, &layer->bos[layer->n_bos - 1], NPU_SYNC_TO_DEVICE);
}

int ops_layer_sync_image(struct ops_layer *layer, uint32_t image, uint32_t direction)
{
	return sync_bo(layer, &layer->bos[image], direction);
}

int ops_layer_check_idle(const struct ops_layer *layer)
{
	return layer->is_running ? npu_ops_error(-EBUSY, "the last run is not over") : 0;
}

static int submit(struct ops_layer *layer, uint32_t *handles)
{
	struct npu_job job = {
		.tasks = layer->tasks,
		.n_tasks = layer->n_tasks,
		.bos = handles,
		.n_bos = layer->n_bos,
		.timeout_ns = layer->timeout_ns,
	};

	for (uint32_t i = 0; i < layer->n_bos; i++)
		handles[i] = layer->bos[i].handle;
	if (layer->n_cores > 1) {
		job.core_mask = (1u << layer->n_cores) - 1;
		job.n_ranges = layer->n_cores;
		memcpy(job.ranges, layer->ranges, sizeof(layer->ranges));
	}
	return npu_submit(layer->session, &job, &layer->seqno, NULL);
}

int ops_layer_submit(struct ops_layer *layer)
{
	uint32_t *handles;
	int r = ops_layer_check_idle(layer);

	if (r < 0)
		return r;
	handles = calloc(layer->n_bos, sizeof(*handles));
	if (!handles)
		return npu_ops_error(-ENOMEM, "out of memory");
	r = submit(layer, handles);
	layer->is_running = r == 0;
	free(handles);
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
