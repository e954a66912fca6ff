/* SPDX-License-Identifier: MIT */
/*
 * The NPU's layouts of the three matrices of a product, which it sees as a 1x1 convolution over an
 * image of width 1 and height m: A in atoms of 16 bytes of k (hardware reference 4.2), B in groups
 * of columns and slices of 32 k (4.10), C in atoms of n (6.7).
 */
#include "../error.h"
#include "npu_ops.h"
#include "ops.h"
#include "regcmd.h"

#include <errno.h>
#include <string.h>

#define SLICE_CHANNELS 32u

struct type_sizes {
	uint32_t in_bytes, out_bytes, group;
};

static const struct type_sizes type_sizes[NPU_MATMUL_TYPE_COUNT] = {
	[NPU_MATMUL_INT8_INT32] = {1, 4, 32},
	[NPU_MATMUL_FP16_FP32] = {2, 4, 16},
	[NPU_MATMUL_FP16_FP16] = {2, 2, 16},
};

static uint32_t round_up(uint32_t value, uint32_t unit)
{
	return (value + unit - 1) / unit * unit;
}

static int check_size(const char *name, uint32_t value, uint32_t max)
{
	if (value >= 1 && value <= max)
		return 0;
	return npu_ops_error(-EINVAL, "%s: %u, must be 1 to %u", name, value, max);
}

static int check_shape(const struct npu_matmul_shape *shape)
{
	int r;

	if ((unsigned)shape->type >= NPU_MATMUL_TYPE_COUNT)
		return npu_ops_error(-EINVAL, "type: %u, must be 0 to %u", (unsigned)shape->type,
				     NPU_MATMUL_TYPE_COUNT - 1);
	r = check_size("m", shape->m, NPU_MATMUL_M_MAX);
	if (r == 0)
		r = check_size("k", shape->k, NPU_MATMUL_K_MAX);
	if (r == 0)
		r = check_size("n", shape->n, NPU_MATMUL_N_MAX);
	return r;
}

/* IOVAs have 32 bits, so an image that doesn't fit there can't be reached. */
static int check_image(const char *name, uint64_t bytes)
{
	if (bytes <= UINT32_MAX)
		return 0;
	return npu_ops_error(-EINVAL, "%s: %llu bytes, must be at most %u", name,
			     (unsigned long long)bytes, UINT32_MAX);
}

int npu_matmul_layout(const struct npu_matmul_shape *shape, struct npu_matmul_layout *ret_layout)
{
	struct npu_matmul_layout layout = {.shape = *shape};
	const struct type_sizes *sizes;
	int r;

	r = check_shape(shape);
	if (r < 0)
		return r;
	sizes = &type_sizes[shape->type];
	layout.in_bytes = sizes->in_bytes;
	layout.out_bytes = sizes->out_bytes;
	layout.group = sizes->group;
	layout.k_padded = round_up(shape->k, SLICE_CHANNELS);
	layout.n_padded = round_up(shape->n, sizes->group);
	layout.a_bytes = (uint64_t)shape->m * layout.k_padded * sizes->in_bytes;
	layout.b_bytes = (uint64_t)layout.n_padded * layout.k_padded * sizes->in_bytes;
	layout.c_bytes = (uint64_t)shape->m * layout.n_padded * sizes->out_bytes;
	r = check_image("m, k", layout.a_bytes);
	if (r == 0)
		r = check_image("k, n", layout.b_bytes);
	if (r == 0)
		r = check_image("m, n", layout.c_bytes);
	if (r == 0)
		*ret_layout = layout;
	return r;
}

void npu_matmul_pack_a(const struct npu_matmul_layout *layout, const void *a, void *image)
{
	size_t row_bytes = (size_t)layout->shape.k * layout->in_bytes;
	size_t surface_bytes = (size_t)layout->shape.m * ATOM_BYTES;
	const unsigned char *from = a;
	unsigned char *to = image;

	memset(image, 0, layout->a_bytes);
	for (uint32_t row = 0; row < layout->shape.m; row++, from += row_bytes, to += ATOM_BYTES)
		for (size_t at = 0; at < row_bytes; at += ATOM_BYTES)
			memcpy(to + at / ATOM_BYTES * surface_bytes, from + at,
			       row_bytes - at < ATOM_BYTES ? row_bytes - at : ATOM_BYTES);
}

/* Byte offset of B[k][n] in its image, for k a multiple of a slice's channels. */
static size_t b_slice_offset(const struct npu_matmul_layout *layout, uint32_t k, uint32_t n)
{
	size_t group = n / layout->group, lane = n % layout->group;
	size_t slice = k / SLICE_CHANNELS;

	return (group * layout->group * layout->k_padded +
		(slice * layout->group + lane) * SLICE_CHANNELS) *
	       layout->in_bytes;
}

void npu_matmul_pack_b_transposed(const struct npu_matmul_layout *layout, const void *b,
				  void *image)
{
	uint32_t k_total = layout->shape.k;
	const unsigned char *from = b;

	memset(image, 0, layout->b_bytes);
	for (uint32_t n = 0; n < layout->shape.n; n++)
		for (uint32_t k = 0; k < k_total; k += SLICE_CHANNELS) {
			uint32_t width =
				k_total - k < SLICE_CHANNELS ? k_total - k : SLICE_CHANNELS;

			memcpy((unsigned char *)image + b_slice_offset(layout, k, n),
			       from + ((size_t)n * k_total + k) * layout->in_bytes,
			       (size_t)width * layout->in_bytes);
		}
}

void npu_matmul_pack_b(const struct npu_matmul_layout *layout, const void *b, void *image)
{
	const unsigned char *from = b;

	memset(image, 0, layout->b_bytes);
	for (uint32_t k = 0; k < layout->shape.k; k++)
		for (uint32_t n = 0; n < layout->shape.n; n++, from += layout->in_bytes)
			memcpy((unsigned char *)image +
				       b_slice_offset(layout, k - k % SLICE_CHANNELS, n) +
				       (size_t)(k % SLICE_CHANNELS) * layout->in_bytes,
			       from, layout->in_bytes);
}

void npu_matmul_unpack_c(const struct npu_matmul_layout *layout, const void *image, void *c)
{
	size_t row_bytes = (size_t)layout->shape.n * layout->out_bytes;
	size_t surface_bytes = (size_t)layout->shape.m * ATOM_BYTES;
	const unsigned char *from = image;
	unsigned char *to = c;

	for (uint32_t row = 0; row < layout->shape.m; row++, from += ATOM_BYTES, to += row_bytes)
		for (size_t at = 0; at < row_bytes; at += ATOM_BYTES)
			memcpy(to + at, from + at / ATOM_BYTES * surface_bytes,
			       row_bytes - at < ATOM_BYTES ? row_bytes - at : ATOM_BYTES);
}
