/* SPDX-License-Identifier: MIT */
/* A matrix product as an object: four BOs (A, B, C, streams) and one job that is run repeatedly. */
#include "ops.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Streams start at multiples of 64 bytes, as those of all known programs do. */
#define STREAM_BYTES ((NPU_MATMUL_STREAM_ENTRIES * 8 + 63) / 64 * 64)

struct npu_matmul {
	struct npu_session *session;
	struct npu_matmul_plan plan;
	uint64_t timeout_ns;
	struct npu_bo a, b, c, streams;
	struct npu_task *tasks;
	bool is_running;
	uint64_t seqno; /* of the run that is on */
};

static int check_gang(struct npu_session *session, uint32_t n_cores)
{
	uint32_t mask = (1u << n_cores) - 1;
	const struct npu_hello_reply *hello = npu_query(session);

	if (n_cores == 1 || hello->gang_masks >> mask & 1)
		return 0;
	return npu_ops_error(-EOPNOTSUPP, "n_cores: %u, device %s runs no such gang", n_cores,
			     hello->device);
}

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
	return r < 0 ? r : check_gang(session, n_cores);
}

static int create_bos(struct npu_matmul *matmul)
{
	const struct npu_matmul_layout *layout = &matmul->plan.layout;
	struct npu_session *session = matmul->session;
	int r;

	r = npu_bo_create(session, layout->a_bytes, 0, &matmul->a);
	if (r == 0)
		r = npu_bo_create(session, layout->b_bytes, 0, &matmul->b);
	if (r == 0)
		r = npu_bo_create(session, layout->c_bytes, 0, &matmul->c);
	if (r == 0)
		r = npu_bo_create(session, (uint64_t)matmul->plan.n_tasks * STREAM_BYTES, 0,
				  &matmul->streams);
	return r;
}

static int write_streams(struct npu_matmul *matmul)
{
	struct npu_matmul_iovas iovas = {matmul->a.iova, matmul->b.iova, matmul->c.iova};
	struct npu_matmul_tile tile;
	int r;

	for (uint32_t i = 0; i < matmul->plan.n_tasks; i++) {
		size_t offset = (size_t)i * STREAM_BYTES;

		npu_matmul_plan_tile(&matmul->plan, i, &tile);
		r = npu_matmul_emit(&matmul->plan.layout, &tile, &iovas,
				    (uint64_t *)((char *)matmul->streams.map + offset),
				    NPU_MATMUL_STREAM_ENTRIES);
		if (r < 0)
			return r;
		matmul->tasks[i] = (struct npu_task){
			.regcmd_iova = matmul->streams.iova + (uint32_t)offset,
			.regcmd_count = NPU_MATMUL_STREAM_ENTRIES,
			.int_mask = NPU_MATMUL_INT_MASK,
		};
	}
	return npu_bo_sync(matmul->session, &matmul->streams, 0, matmul->streams.size,
			   NPU_SYNC_TO_DEVICE);
}

int npu_matmul_new(struct npu_session *session, const struct npu_matmul_args *args,
		   struct npu_matmul **ret_matmul)
{
	struct npu_matmul_plan plan = {0};
	struct npu_matmul *matmul;
	int r;

	if (!npu_query(session)->runs_streams)
		return npu_ops_error(-ENOTSUP, "npud's device %s computes nothing",
				     npu_query(session)->device);
	r = plan_product(session, args, &plan);
	if (r < 0)
		return r;
	matmul = calloc(1, sizeof(*matmul));
	if (!matmul)
		return npu_ops_error(-ENOMEM, "out of memory");
	matmul->session = session;
	matmul->plan = plan;
	matmul->timeout_ns = args->timeout_ns;
	matmul->tasks = calloc(plan.n_tasks, sizeof(*matmul->tasks));
	if (matmul->tasks)
		r = create_bos(matmul);
	else
		r = npu_ops_error(-ENOMEM, "out of memory");
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
	struct npu_result result;

	if (!matmul)
		return NULL;
	if (matmul->is_running)
		npu_matmul_wait(matmul, -1, &result);
	npu_bo_close(matmul->session, &matmul->streams);
	npu_bo_close(matmul->session, &matmul->c);
	npu_bo_close(matmul->session, &matmul->b);
	npu_bo_close(matmul->session, &matmul->a);
	free(matmul->tasks);
	free(matmul);
	return NULL;
}

static int check_idle(const struct npu_matmul *matmul)
{
	return matmul->is_running ? npu_ops_error(-EBUSY, "the last run is not over") : 0;
}

/* Packs a matrix into its BO and hands that to the NPU. */
static int set_matrix(struct npu_matmul *matmul, const struct npu_bo *bo, const void *matrix,
		      void (*pack)(const struct npu_matmul_layout *, const void *, void *))
{
	int r = check_idle(matmul);

	if (r < 0)
		return r;
	pack(&matmul->plan.layout, matrix, bo->map);
	return npu_bo_sync(matmul->session, bo, 0, bo->size, NPU_SYNC_TO_DEVICE);
}

int npu_matmul_set_a(struct npu_matmul *matmul, const void *a)
{
	return set_matrix(matmul, &matmul->a, a, npu_matmul_pack_a);
}

int npu_matmul_set_b(struct npu_matmul *matmul, const void *b)
{
	return set_matrix(matmul, &matmul->b, b, npu_matmul_pack_b);
}

int npu_matmul_set_b_transposed(struct npu_matmul *matmul, const void *b)
{
	return set_matrix(matmul, &matmul->b, b, npu_matmul_pack_b_transposed);
}

int npu_matmul_submit(struct npu_matmul *matmul)
{
	const struct npu_matmul_plan *plan = &matmul->plan;
	uint32_t bos[] = {matmul->a.handle, matmul->b.handle, matmul->c.handle,
			  matmul->streams.handle};
	struct npu_job job = {
		.tasks = matmul->tasks,
		.n_tasks = plan->n_tasks,
		.bos = bos,
		.n_bos = sizeof(bos) / sizeof(*bos),
		.timeout_ns = matmul->timeout_ns,
	};
	int r = check_idle(matmul);

	if (r < 0)
		return r;
	if (plan->n_cores > 1) {
		job.core_mask = (1u << plan->n_cores) - 1;
		job.n_ranges = plan->n_cores;
		memcpy(job.ranges, plan->ranges, sizeof(job.ranges));
	}
	r = npu_submit(matmul->session, &job, &matmul->seqno, NULL);
	matmul->is_running = r == 0;
	return r;
}

int npu_matmul_wait(struct npu_matmul *matmul, int64_t timeout_ns, struct npu_result *ret_result)
{
	int r;

	if (!matmul->is_running)
		return npu_ops_error(-ENOENT, "no run was queued");
	r = npu_wait(matmul->session, matmul->seqno, timeout_ns, ret_result);
	/* Any other failure is final: there is nothing left to wait for. */
	matmul->is_running = r == -ETIMEDOUT;
	return r;
}

int npu_matmul_run(struct npu_matmul *matmul, int64_t timeout_ns)
{
	struct npu_result result = {0};
	int r;

	r = npu_matmul_submit(matmul);
	if (r == 0)
		r = npu_matmul_wait(matmul, timeout_ns, &result);
	if (r < 0)
		return r;
	if (result.outcome != NPU_OUTCOME_OK)
		return npu_ops_error(-EIO, "the run ended with %s%s%s",
				     npu_outcome_name(result.outcome), *result.detail ? ": " : "",
				     result.detail);
	return 0;
}

int npu_matmul_get_c(struct npu_matmul *matmul, void *c)
{
	int r = check_idle(matmul);

	if (r < 0)
		return r;
	r = npu_bo_sync(matmul->session, &matmul->c, 0, matmul->c.size, NPU_SYNC_FROM_DEVICE);
	if (r == 0)
		npu_matmul_unpack_c(&matmul->plan.layout, matmul->c.map, c);
	return r;
}
