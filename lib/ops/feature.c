/* SPDX-License-Identifier: MIT */
/* Tensors of int8 in atoms of 16 channels, surface by surface (hardware reference 4.2). */
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

uint64_t ops_feature_bytes(const struct ops_feature *feature)
{
	return (uint64_t)feature->width * feature->height *
	       ops_round_up(feature->channels, ATOM_BYTES);
}

static size_t atom_channels(const struct ops_feature *feature, size_t channel)
{
	size_t left = feature->channels - channel;

	return left < ATOM_BYTES ? left : ATOM_BYTES;
}

void ops_feature_pack(const struct ops_feature *feature, const int8_t *tensor, void *image)
{
	size_t n_pixels = (size_t)feature->width * feature->height;
	char *to = image;

	memset(image, 0, ops_feature_bytes(feature));
	for (size_t pixel = 0; pixel < n_pixels; pixel++, tensor += feature->channels)
		for (size_t c = 0; c < feature->channels; c += ATOM_BYTES)
			memcpy(to + c * n_pixels + pixel * ATOM_BYTES, tensor + c,
			       atom_channels(feature, c));
}

void ops_feature_unpack(const struct ops_feature *feature, const void *image, int8_t *tensor)
{
	size_t n_pixels = (size_t)feature->width * feature->height;
	const char *from = image;

	for (size_t pixel = 0; pixel < n_pixels; pixel++, tensor += feature->channels)
		for (size_t c = 0; c < feature->channels; c += ATOM_BYTES)
			memcpy(tensor + c, from + c * n_pixels + pixel * ATOM_BYTES,
			       atom_channels(feature, c));
}
