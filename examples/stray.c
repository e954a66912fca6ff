/* SPDX-License-Identifier: MIT */
/*
 * Writes where it may not: a product whose result is to go right behind its buffer. There is
 * nothing of this session's, so the core faults, and npud says at which address.
 */
#include "example.h"
#include "product.h"

#include <inttypes.h>
#include <stdio.h>

#define PROGRAM "stray"

static int stray(struct npu_session *npu)
{
	struct npu_result result = {0};
	struct product product;
	uint32_t behind = 0;
	int r;

	r = product_create(npu, &product);
	if (r == 0) {
		behind = product.c.iova + (uint32_t)product.c.size;
		r = product_write_stream(npu, &product, behind);
	}
	if (r == 0)
		r = product_run(npu, &product, &result);
	product_close(npu, &product);
	if (r < 0)
		return example_fail(PROGRAM, "job", r);
	printf(PROGRAM ": wrote to 0x%" PRIx32 ", npud ended the job with %s", behind,
	       npu_outcome_name(result.outcome));
	if (result.outcome == NPU_OUTCOME_PAGE_FAULT)
		printf(" at 0x%" PRIx64 " (%s)", result.fault_iova,
		       result.fault_is_write ? "write" : "read");
	printf("\n");
	/* Which part of the result a core writes first is its own business. */
	if (result.outcome == NPU_OUTCOME_PAGE_FAULT)
		return result.fault_is_write && result.fault_iova - behind < product.layout.c_bytes
			       ? EXAMPLE_OK
			       : EXAMPLE_FAILED;
	/* Kernel drivers tell nobody why a job stands still. */
	return result.outcome == NPU_OUTCOME_HANG ? EXAMPLE_OK : EXAMPLE_FAILED;
}

int main(int argc, char **argv)
{
	struct npu_session *npu;
	int status = example_start(PROGRAM, argc, argv, &npu);

	if (status != EXAMPLE_OK)
		return status;
	status = stray(npu);
	npu_close(npu);
	return status;
}
