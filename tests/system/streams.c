/* SPDX-License-Identifier: MIT */
/*
 * The smallest honest job, in a BO of the test client's.
 */
#include "streams.h"
#include "harness.h"

#include <string.h>

#define INTERRUPT_DPU 0x300u

void matmul_set_stream(struct matmul *matmul, const struct stream *stream)
{
	memset(matmul->bo.map, 0, sizeof(stream->words));
	memcpy(matmul->bo.map, stream->words, stream->n * sizeof(stream->words[0]));
	matmul->task = (struct npu_task){.regcmd_iova = matmul->bo.iova,
					 .regcmd_count = stream->n,
					 .int_mask = INTERRUPT_DPU};
}

void matmul_init(struct client *client, uint32_t iova, int8_t input, int8_t weight,
		 struct matmul *ret_matmul)
{
	struct stream stream;
	struct stream_addresses addresses;

	client_bo_new_at(client, MATMUL_BYTES, iova, &ret_matmul->bo);
	ret_matmul->handle = ret_matmul->bo.handle;
	ret_matmul->input = input;
	ret_matmul->weight = weight;
	addresses = (struct stream_addresses){
		.input = ret_matmul->bo.iova + MATMUL_INPUT,
		.weights = ret_matmul->bo.iova + MATMUL_WEIGHTS,
		.output = ret_matmul->bo.iova + MATMUL_OUTPUT,
	};
	stream_matmul(&addresses, &stream);
	matmul_set_stream(ret_matmul, &stream);
	memset(ret_matmul->bo.map + MATMUL_INPUT, input, MATMUL_ROWS * MATMUL_DEPTH);
	memset(ret_matmul->bo.map + MATMUL_WEIGHTS, weight, MATMUL_DEPTH * MATMUL_COLUMNS);
}

struct job_request matmul_request(const struct matmul *matmul)
{
	return (struct job_request){
		.tasks = &matmul->task,
		.n_tasks = 1,
		.handles = &matmul->handle,
		.n_handles = 1,
	};
}

uint64_t matmul_submit(struct client *client, const struct matmul *matmul, int *ret_fence)
{
	struct job_request job = matmul_request(matmul);

	return client_submit(client, &job, ret_fence);
}

bool matmul_output_is(const struct matmul *matmul, int32_t value)
{
	const int32_t *output = (const int32_t *)(matmul->bo.map + MATMUL_OUTPUT);

	for (unsigned i = 0; i < MATMUL_ROWS * MATMUL_COLUMNS; i++)
		if (output[i] != value)
			return false;
	return true;
}

int32_t matmul_expected(const struct matmul *matmul)
{
	return (int32_t)MATMUL_DEPTH * matmul->input * matmul->weight;
}

void matmul_clear_output(struct matmul *matmul)
{
	memset(matmul->bo.map + MATMUL_OUTPUT, 0, MATMUL_ROWS * MATMUL_COLUMNS * sizeof(int32_t));
}

void matmul_check(struct client *client, struct matmul *matmul)
{
	matmul_clear_output(matmul);
	client_wait_outcome(client, matmul_submit(client, matmul, NULL), NPU_OUTCOME_OK);
	REQUIRE(matmul_output_is(matmul, matmul_expected(matmul)));
}

uint64_t hang_submit(struct client *client, struct matmul *memory, uint32_t core_mask,
		     uint64_t timeout_ns, int *ret_fence)
{
	struct stream stream;
	struct job_request job;

	stream_hang(&stream);
	matmul_set_stream(memory, &stream);
	job = matmul_request(memory);
	job.submit.core_mask = core_mask;
	job.submit.timeout_ns = timeout_ns;
	return client_submit(client, &job, ret_fence);
}

struct job_request timed_request(uint64_t duration_ns, uint32_t core_mask)
{
	return (struct job_request){
		.submit = {.duration_ns = duration_ns, .core_mask = core_mask},
	};
}

uint64_t timed_submit(struct client *client, uint64_t duration_ns, uint32_t core_mask,
		      int *ret_fence)
{
	struct job_request job = timed_request(duration_ns, core_mask);

	return client_submit(client, &job, ret_fence);
}
