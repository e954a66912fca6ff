/* SPDX-License-Identifier: MIT */
/*
 * Names a buffer of another session: two sessions, one of which makes buffers and the other tries
 * to use one by its number. npud must not know that number there.
 */
#include "example.h"
#include "product.h"

#include <errno.h>
#include <stdio.h>

#define PROGRAM "foreign"
#define N_BOS	3

/* The thief's own handles end at 4, the owner's go up to 4 + N_BOS. */
static int steal(struct npu_session *owner, struct npu_session *thief)
{
	struct product own, stolen;
	struct npu_bo bos[N_BOS] = {0};
	struct npu_result result;
	int r;

	r = product_create(owner, &own);
	for (int i = 0; i < N_BOS && r == 0; i++)
		r = npu_bo_create(owner, 4096, 0, &bos[i]);
	if (r == 0)
		r = product_create(thief, &stolen);
	if (r == 0)
		r = product_write_stream(thief, &stolen, stolen.c.iova);
	if (r < 0)
		return example_fail(PROGRAM, "buffers", r);
	stolen.a.handle = bos[N_BOS - 1].handle;
	r = product_run(thief, &stolen, &result);
	printf(PROGRAM ": handle %u of another session: %s\n", bos[N_BOS - 1].handle,
	       r < 0 ? npu_last_error() : "accepted");
	return r == -ENOENT ? EXAMPLE_OK : EXAMPLE_FAILED;
}

int main(int argc, char **argv)
{
	struct npu_session *owner, *thief;
	int status = example_start(PROGRAM, argc, argv, &owner);

	if (status != EXAMPLE_OK)
		return status;
	status = example_start(PROGRAM, argc, argv, &thief);
	if (status == EXAMPLE_OK) {
		status = steal(owner, thief);
		npu_close(thief);
	}
	npu_close(owner);
	return status;
}
