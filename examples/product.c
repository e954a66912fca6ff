/* SPDX-License-Identifier: MIT */
/* The same as npu_matmul_new() and npu_matmul_run() by hand, with room for mistakes. */
#include "product.h"

int product_create(struct npu_session *npu, struct product *product)
{
	struct npu_matmul_shape shape = {8, 32, 32, NPU_MATMUL_INT8_INT32};
	int r;

	*product = (struct product){0};
	r = npu_matmul_layout(&shape, &product->layout);
	if (r == 0)
		r = npu_bo_create(npu, product->layout.a_bytes, 0, &product->a);
	if (r == 0)
		r = npu_bo_create(npu, product->layout.b_bytes, 0, &product->b);
	if (r == 0)
		r = npu_bo_create(npu, product->layout.c_bytes, 0, &product->c);
	if (r == 0)
		r = npu_bo_create(npu, NPU_MATMUL_STREAM_ENTRIES * sizeof(uint64_t), 0,
				  &product->stream);
	return r;
}

int product_write_stream(struct npu_session *npu, struct product *product, uint32_t c_iova)
{
	struct npu_matmul_iovas iovas = {product->a.iova, product->b.iova, c_iova};
	struct npu_matmul_tile tile = {0, product->layout.shape.m, 0, product->layout.n_padded};
	int r;

	r = npu_matmul_emit(&product->layout, &tile, &iovas, product->stream.map,
			    NPU_MATMUL_STREAM_ENTRIES);
	if (r < 0)
		return r;
	return npu_bo_sync(npu, &product->stream, 0, product->stream.size, NPU_SYNC_TO_DEVICE);
}

int product_run(struct npu_session *npu, const struct product *product,
		struct npu_result *ret_result)
{
	struct npu_task task = {.regcmd_iova = product->stream.iova,
				.regcmd_count = NPU_MATMUL_STREAM_ENTRIES,
				.int_mask = NPU_MATMUL_INT_MASK};
	uint32_t bos[] = {product->a.handle, product->b.handle, product->c.handle,
			  product->stream.handle};
	struct npu_job job = {
		.tasks = &task,
		.n_tasks = 1,
		.bos = bos,
		.n_bos = sizeof(bos) / sizeof(*bos),
	};
	uint64_t seqno;
	int r;

	r = npu_submit(npu, &job, &seqno, NULL);
	return r < 0 ? r : npu_wait(npu, seqno, -1, ret_result);
}

void product_close(struct npu_session *npu, struct product *product)
{
	npu_bo_close(npu, &product->stream);
	npu_bo_close(npu, &product->c);
	npu_bo_close(npu, &product->b);
	npu_bo_close(npu, &product->a);
}
