/* SPDX-License-Identifier: MIT */
/*
 * Register-command streams by hand, and the smallest honest job: an 8x32 by 32x32 int8 matrix
 * product (hardware reference 9.2) in one BO.
 */
#ifndef NPUD_TESTS_STREAMS_H
#define NPUD_TESTS_STREAMS_H

#include "client.h"
#include "stream_words.h"

#include <stdbool.h>
#include <stdint.h>

struct matmul {
	struct client_bo bo;
	struct npu_task task;
	uint32_t handle;
	int8_t input, weight; /* every element's value */
};

/* Prepares one; every element of the product will be 32 * input * weight. iova 0: npud's choice. */
void matmul_init(struct client *client, uint32_t iova, int8_t input, int8_t weight,
		 struct matmul *ret_matmul);
/* Another stream in the same BO. */
void matmul_set_stream(struct matmul *matmul, const struct stream *stream);
/* The request to run it once; points into the matmul. */
struct job_request matmul_request(const struct matmul *matmul);
uint64_t matmul_submit(struct client *client, const struct matmul *matmul, int *ret_fence);
/* Whether every element of the output is `value`. */
bool matmul_output_is(const struct matmul *matmul, int32_t value);
int32_t matmul_expected(const struct matmul *matmul);
void matmul_clear_output(struct matmul *matmul);
/* Submits, waits, and requires the right product. */
void matmul_check(struct client *client, struct matmul *matmul);

/* A job that hangs on the given cores until its budget is over. */
uint64_t hang_submit(struct client *client, struct matmul *memory, uint32_t core_mask,
		     uint64_t timeout_ns, int *ret_fence);

/* A job for the `timing` device, UINT64_MAX for ever. */
uint64_t timed_submit(struct client *client, uint64_t duration_ns, uint32_t core_mask,
		      int *ret_fence);
struct job_request timed_request(uint64_t duration_ns, uint32_t core_mask);

#endif
