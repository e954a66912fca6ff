/* SPDX-License-Identifier: MIT */
/* One matrix product by the rocket ABI, for its test clients. */
#ifndef NPUD_TESTS_DRM_ROCKET_PRODUCT_H
#define NPUD_TESTS_DRM_ROCKET_PRODUCT_H

#include "rocket_calls.h"

#include "tests/system/stream_words.h"

#include <stdbool.h>

/* With an output object that products may share. */
struct product {
	int fd;
	struct memory data;
	uint32_t output; /* handle */
	struct rocket_task task;
	struct rocket_job job;
};

static inline void product_put(struct product *product, uint32_t output_iova, int8_t weight)
{
	const struct stream_addresses addresses = {
		.input = product->data.iova + MATMUL_INPUT,
		.weights = product->data.iova + MATMUL_WEIGHTS,
		.output = output_iova,
	};
	struct stream stream;

	stream_matmul(&addresses, &stream);
	memcpy(product->data.map, stream.words, stream.n * sizeof(stream.words[0]));
	memset(product->data.map + MATMUL_INPUT, 3, MATMUL_ROWS * MATMUL_DEPTH);
	memset(product->data.map + MATMUL_WEIGHTS, weight, MATMUL_DEPTH * MATMUL_COLUMNS);
	product->task = (struct rocket_task){product->data.iova, stream.n};
}

/* The job keeps pointers into `product`, which must stay where it is. */
static inline void product_new(int fd, const struct memory *output, int8_t weight,
			       struct product *product)
{
	*product = (struct product){.fd = fd, .output = output->handle};
	memory_new(fd, MATMUL_BYTES, &product->data);
	product_put(product, output->iova, weight);
	CHECK_EQ(finish(fd, product->data.handle), 0);
	product->job = (struct rocket_job){
		.tasks = (uintptr_t)&product->task,
		.in_bo_handles = (uintptr_t)&product->data.handle,
		.out_bo_handles = (uintptr_t)&product->output,
		.task_count = 1,
		.task_struct_size = sizeof(struct rocket_task),
		.in_bo_handle_count = 1,
		.out_bo_handle_count = 1,
	};
}

static inline int submit_jobs(int fd, const void *jobs, uint32_t n)
{
	struct rocket_submit submit = {
		.jobs = (uintptr_t)jobs,
		.job_count = n,
		.job_struct_size = sizeof(struct rocket_job),
	};

	return ioctl(fd, SUBMIT, &submit);
}

static inline bool output_is(const struct memory *output, int8_t weight)
{
	for (uint32_t i = 0; i < MATMUL_ROWS * MATMUL_COLUMNS; i++) {
		int32_t element;

		memcpy(&element, output->map + i * 4, 4);
		if (element != 32 * 3 * weight)
			return false;
	}
	return true;
}

/* A stream that starts nothing: npud shoots the job after a while. */
static inline void product_make_hang(struct product *product)
{
	memset(product->data.map, 0, MATMUL_INPUT);
}

#endif
