/* SPDX-License-Identifier: MIT */
/* A matrix product for the vendor's driver. */
#ifndef NPUD_TESTS_DRM_RKNPU_PRODUCT_H
#define NPUD_TESTS_DRM_RKNPU_PRODUCT_H

#include "rknpu_calls.h"

#include "tests/system/stream_words.h"

#include <stdbool.h>

#define TASKS_BYTES 4096u
#define FLAGS	    (RKNPU_JOB_PC | RKNPU_JOB_PINGPONG)

struct product {
	int fd;
	struct memory data, tasks;
	struct rknpu_submit submit;
};

/* A descriptor for the stream at `offset` of the data. */
static inline void put_task(struct product *product, uint32_t index, uint32_t offset,
			    uint32_t n_words)
{
	struct rknpu_task *task = (struct rknpu_task *)product->tasks.map + index;

	*task = (struct rknpu_task){
		.enable_mask = 0xd,
		.int_mask = 0x300,
		.int_clear = 0x1ffff,
		.regcfg_amount = n_words - 4,
		.regcmd_addr = product->data.iova + offset,
	};
}

static inline void product_put(struct product *product, int8_t input, int8_t weight)
{
	const struct stream_addresses addresses = {
		.input = (uint32_t)product->data.iova + MATMUL_INPUT,
		.weights = (uint32_t)product->data.iova + MATMUL_WEIGHTS,
		.output = (uint32_t)product->data.iova + MATMUL_OUTPUT,
	};
	struct stream stream;

	stream_matmul(&addresses, &stream);
	memcpy(product->data.map, stream.words, stream.n * sizeof(stream.words[0]));
	memset(product->data.map + MATMUL_INPUT, input, MATMUL_ROWS * MATMUL_DEPTH);
	memset(product->data.map + MATMUL_WEIGHTS, weight, MATMUL_DEPTH * MATMUL_COLUMNS);
	memset(product->data.map + MATMUL_OUTPUT, 0, MATMUL_ROWS * MATMUL_COLUMNS * 4);
	for (uint32_t i = 0; i < 8; i++)
		put_task(product, i, 0, stream.n);
}

static inline void product_new(int fd, struct product *ret_product)
{
	ret_product->fd = fd;
	memory_new(fd, MATMUL_BYTES, 0, &ret_product->data);
	memory_new(fd, TASKS_BYTES, RKNPU_MEM_KERNEL_MAPPING, &ret_product->tasks);
	product_put(ret_product, 3, 5);
	ret_product->submit = (struct rknpu_submit){
		.flags = FLAGS,
		.timeout_ms = 6000,
		.task_number = 1,
		.task_obj_addr = ret_product->tasks.token,
		.fence_fd = -1,
		.subcore_task = {{0, 1}},
	};
}

static inline bool product_is(const struct product *product, int32_t value)
{
	for (uint32_t i = 0; i < MATMUL_ROWS * MATMUL_COLUMNS; i++) {
		int32_t element;

		memcpy(&element, product->data.map + MATMUL_OUTPUT + i * 4, 4);
		if (element != value)
			return false;
	}
	return true;
}

static inline int product_submit(struct product *product)
{
	return ioctl(product->fd, SUBMIT, &product->submit);
}

static inline void product_run(struct product *product)
{
	CHECK_EQ(product_submit(product), 0);
	CHECK(product_is(product, 32 * 3 * 5));
}

/* A stream that starts nothing: the job is shot after its timeout. */
static inline void product_make_hang(struct product *product, uint32_t timeout_ms)
{
	memset(product->data.map, 0, MATMUL_INPUT);
	product->submit.timeout_ms = timeout_ms;
}

#endif
