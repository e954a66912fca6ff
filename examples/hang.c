/* SPDX-License-Identifier: MIT */
/*
 * Hangs a core on purpose: a job whose stream starts nothing, so nothing ever ends, until npud's
 * watchdog comes. Everyone else goes on.
 */
#include "example.h"
#include "product.h"

#include <stdio.h>

#define PROGRAM "hang"

static int hang(struct npu_session *npu)
{
	struct npu_result result = {0};
	struct product product;
	int r;

	r = product_create(npu, &product);
	/* New memory is zero, and zeros are no register commands. */
	if (r == 0)
		r = npu_bo_sync(npu, &product.stream, 0, product.stream.size, NPU_SYNC_TO_DEVICE);
	if (r == 0)
		r = product_run(npu, &product, &result);
	product_close(npu, &product);
	if (r < 0)
		return example_fail(PROGRAM, "job", r);
	printf(PROGRAM ": npud ended the job with %s after %.1f ms of device time%s%s\n",
	       npu_outcome_name(result.outcome), (double)result.device_ns * 1e-6,
	       *result.detail ? ": " : "", result.detail);
	return result.outcome == NPU_OUTCOME_HANG ? EXAMPLE_OK : EXAMPLE_FAILED;
}

int main(int argc, char **argv)
{
	struct npu_session *npu;
	int status = example_start(PROGRAM, argc, argv, &npu);

	if (status != EXAMPLE_OK)
		return status;
	status = hang(npu);
	npu_close(npu);
	return status;
}
