/* SPDX-License-Identifier: MIT */
/* Tensors in atoms of 16 bytes of channels, surface by surface (hardware reference 4.2). */
#include "ops.h"
#include "regcmd.h"

#include <errno.h>
#include <string.h>

int ops_check_image(const char *names, uint64_t bytes)
{
	if (bytes <= UINT32_MAX)
		return 0;
	return npu_ops_error(-EINVAL, "%s: %llu bytes, must be at most %u", names,
			     (unsigned long long)bytes, UINT32_MAX);
}

uint32_t ops_type_bytes(enum npu_type type)
{
	return type == NPU_FP16 ? 2 : 1;
}

int ops_check_type(enum npu_type type)
{
	return ops_check_range("type", (uint32_t)type, 0, NPU_TYPE_COUNT - 1);
}

static uint32_t pixel_bytes(const struct npu_tensor *tensor)
{
	return tensor->channels * ops_type_bytes(tensor->type);
}

uint64_t ops_tensor_image_bytes(const struct npu_tensor *tensor)
{
	return (uint64_t)tensor->width * tensor->height *
	       ops_round_up(pixel_bytes(tensor), ATOM_BYTES);
}

void ops_tensor_pack(const struct npu_tensor *tensor, const void *values, void *image)
{
	size_t n_pixels = (size_t)tensor->width * tensor->height, bytes = pixel_bytes(tensor);
	const char *from = values;
	char *to = image;

	memset(image, 0, ops_tensor_image_bytes(tensor));
	for (size_t pixel = 0; pixel < n_pixels; pixel++, from += bytes)
		for (size_t at = 0; at < bytes; at += ATOM_BYTES)
			memcpy(to + at * n_pixels + pixel * ATOM_BYTES, from + at,
			       bytes - at < ATOM_BYTES ? bytes - at : ATOM_BYTES);
}

void ops_tensor_unpack(const struct npu_tensor *tensor, const void *image, void *values)
{
	size_t n_pixels = (size_t)tensor->width * tensor->height, bytes = pixel_bytes(tensor);
	const char *from = image;
	char *to = values;

	for (size_t pixel = 0; pixel < n_pixels; pixel++, to += bytes)
		for (size_t at = 0; at < bytes; at += ATOM_BYTES)
			memcpy(to + at, from + at * n_pixels + pixel * ATOM_BYTES,
			       bytes - at < ATOM_BYTES ? bytes - at : ATOM_BYTES);
}
