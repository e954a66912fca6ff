/* SPDX-License-Identifier: MIT */
/* A smallest product in BOs of one's own: what hang.c and stray.c start from before going wrong. */
#ifndef EXAMPLE_PRODUCT_H
#define EXAMPLE_PRODUCT_H

#include "npu_ops.h"

struct product {
	struct npu_matmul_layout layout;
	struct npu_bo a, b, c, stream;
};

/* Creates the BOs of an 8x32x32 product. Errors of npu_bo_create(); product_close() cleans up. */
int product_create(struct npu_session *npu, struct product *product);
/* Writes the stream that multiplies `a` by `b` into IOVA `c_iova`. */
int product_write_stream(struct npu_session *npu, struct product *product, uint32_t c_iova);
/* Submits a job of that stream, and waits for the outcome. */
int product_run(struct npu_session *npu, const struct product *product,
		struct npu_result *ret_result);
void product_close(struct npu_session *npu, struct product *product);

#endif
