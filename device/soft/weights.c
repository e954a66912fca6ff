/* SPDX-License-Identifier: MIT */
/*
 * The weight image is read from one end to the other in pieces: the channels of one slice and one
 * tap for all kernels of the group, which are then dealt out.
 */
#include "device/soft/weights.h"

#include "device/soft/clones.h"
#include "device/soft/decompress.h"
#include "device/soft/feature.h"
#include "device/soft/npu_core.h"

#include <errno.h>
#include <string.h>

/* Bytes in order, out of memory or of the decompressed image. */
struct source {
	struct soft_core *core;
	const uint8_t *image; /* NULL: by DMA, through the staging buffer */
	uint32_t iova;
	uint64_t rest; /* not yet fetched */
	uint32_t at, n;
};

static int source_refill(struct source *source)
{
	uint8_t *staging = source->core->cbuf->staging;
	uint32_t kept = source->n - source->at, room = SOFT_STAGING_BYTES - kept;
	uint32_t n = source->rest < room ? (uint32_t)source->rest : room;
	int r;

	memmove(staging, staging + source->at, kept);
	r = soft_core_dma_read(source->core, SOFT_PORT_WEIGHTS, source->iova, staging + kept, n);
	source->at = 0;
	source->n = kept + n;
	source->iova += n;
	source->rest -= n;
	return r;
}

/* The next `n` bytes, of which there must be as many left; at most half the staging buffer. */
static int source_take(struct source *source, uint32_t n, const uint8_t **ret_bytes)
{
	int r = 0;

	if (source->image) {
		*ret_bytes = source->image;
		source->image += n;
		return 0;
	}
	if (source->n - source->at < n)
		r = source_refill(source);
	*ret_bytes = source->core->cbuf->staging + source->at;
	source->at += n;
	return r;
}

/* One piece: where its elements go. */
struct piece {
	uint32_t tap, first_lane, n_lanes; /* lanes that are kept */
	uint32_t n_kernels;
	uint32_t width_bytes; /* of a kernel in the piece */
};

static void deal_bytes(struct soft_cbuf *cbuf, const struct soft_cna *cna,
		       const struct piece *piece, const uint8_t *from)
{
	uint32_t first = piece->tap * cna->lanes + piece->first_lane;
	size_t block_bytes = (size_t)soft_cna_taps(cna) * cna->lanes * SOFT_WEIGHT_BLOCK;
	uint8_t *weights = cbuf->weights.bytes;

	for (uint32_t kernel = 0; kernel < piece->n_kernels; kernel++) {
		uint8_t *block = weights + kernel / SOFT_WEIGHT_BLOCK * block_bytes;
		uint8_t *to = block + kernel % SOFT_WEIGHT_BLOCK * SOFT_WEIGHT_QUAD;
		uint8_t row[SOFT_SLICE] = {0};
		int32_t sum = 0;

		soft_elements_decode(cna->precision, from + kernel * piece->width_bytes,
				     piece->n_lanes, row);
		for (uint32_t i = 0; i < piece->n_lanes; i++) {
			row[i] = (uint8_t)(row[i] - SOFT_FEATURE_BIAS);
			sum += (int8_t)row[i];
		}
		for (uint32_t i = 0; i < piece->n_lanes; i += SOFT_WEIGHT_QUAD)
			memcpy(to + (size_t)(first + i) * SOFT_WEIGHT_BLOCK, row + i,
			       SOFT_WEIGHT_QUAD);
		cbuf->weight_sums[kernel] += sum;
	}
}

/* A whole slice of int8, which are in the buffer as they are in memory. */
SOFT_CLONE_BODY deal_slice_body(const uint8_t *from, uint32_t n_kernels, uint8_t *to, int32_t *sums)
{
	for (uint32_t kernel = 0; kernel < n_kernels; kernel++, from += SOFT_SLICE) {
		uint8_t row[SOFT_SLICE];
		int32_t sum = 0;

		memcpy(row, from, SOFT_SLICE);
		for (uint32_t i = 0; i < SOFT_SLICE; i++)
			sum += (int8_t)row[i];
		sums[kernel] += sum;
		for (uint32_t i = 0; i < SOFT_SLICE; i += SOFT_WEIGHT_QUAD)
			memcpy(to + ((size_t)i * SOFT_WEIGHT_BLOCK + kernel * SOFT_WEIGHT_QUAD),
			       row + i, SOFT_WEIGHT_QUAD);
	}
}

SOFT_CLONES(static, deal_slice,
	    (const uint8_t *from, uint32_t n_kernels, uint8_t *to, int32_t *sums),
	    (from, n_kernels, to, sums))

static void deal_words(struct soft_cbuf *cbuf, const struct soft_cna *cna,
		       const struct piece *piece, const uint8_t *from)
{
	size_t first = (size_t)piece->tap * cna->lanes + piece->first_lane;
	int16_t *weights = cbuf->weights.bytes;

	for (uint32_t kernel = 0; kernel < piece->n_kernels; kernel++) {
		int16_t row[SOFT_SLICE];

		memcpy(row, from + kernel * piece->width_bytes, piece->n_lanes * sizeof(*row));
		for (uint32_t i = 0; i < piece->n_lanes; i++)
			weights[(first + i) * SOFT_WEIGHT_ROW + kernel] = row[i];
	}
}

static void deal_floats(struct soft_cbuf *cbuf, const struct soft_cna *cna,
			const struct piece *piece, const uint8_t *from)
{
	size_t first = (size_t)piece->tap * cna->lanes + piece->first_lane;
	float *weights = cbuf->weights.bytes;

	for (uint32_t kernel = 0; kernel < piece->n_kernels; kernel++) {
		float row[SOFT_SLICE];

		soft_elements_decode(cna->precision, from + kernel * piece->width_bytes,
				     piece->n_lanes, row);
		for (uint32_t i = 0; i < piece->n_lanes; i++)
			weights[(first + i) * SOFT_WEIGHT_ROW + kernel] = row[i];
	}
}

static void deal(struct soft_cbuf *cbuf, const struct soft_cna *cna, const struct piece *piece,
		 const uint8_t *from)
{
	size_t first = (size_t)piece->tap * cna->lanes + piece->first_lane;

	if (cna->precision == RK3588_INT8 && piece->n_lanes == SOFT_SLICE &&
	    piece->width_bytes == SOFT_SLICE)
		deal_slice(from, piece->n_kernels,
			   (uint8_t *)cbuf->weights.bytes + first * SOFT_WEIGHT_BLOCK,
			   cbuf->weight_sums);
	else if (cna->element_bits <= 8)
		deal_bytes(cbuf, cna, piece, from);
	else if (cna->precision == RK3588_INT16)
		deal_words(cbuf, cna, piece, from);
	else
		deal_floats(cbuf, cna, piece, from);
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static int load_direct(struct source *source, const struct soft_cna *cna, uint32_t n_kernels)
{
	struct piece piece = {.n_kernels = n_kernels};

	for (uint32_t first = 0; first < cna->channels; first += cna->slice_channels) {
		uint32_t width = min_u32(cna->slice_channels, cna->channels - first);

		piece.first_lane = first;
		piece.n_lanes = first < cna->lanes ? min_u32(width, cna->lanes - first) : 0;
		piece.width_bytes = width * cna->element_bits / 8;
		for (piece.tap = 0; piece.tap < soft_cna_taps(cna); piece.tap++) {
			const uint8_t *from;
			int r;

			if (soft_core_is_aborted(source->core))
				return -ECANCELED;
			r = source_take(source, n_kernels * piece.width_bytes, &from);
			if (r < 0)
				return r;
			deal(source->core->cbuf, cna, &piece, from);
		}
	}
	return 0;
}

/* One row of channels per tap. */
static int load_depthwise(struct source *source, const struct soft_cna *cna, uint32_t n_channels)
{
	struct soft_buffer *weights = &source->core->cbuf->weights;
	int16_t *words = weights->bytes;
	float *floats = weights->bytes;

	for (uint32_t tap = 0; tap < soft_cna_taps(cna); tap++) {
		size_t to = (size_t)tap * cna->group_channels;
		const uint8_t *from;
		int r = source_take(source, n_channels * cna->element_bits / 8, &from);

		if (r < 0)
			return r;
		if (cna->precision == RK3588_INT8)
			for (uint32_t i = 0; i < n_channels; i++)
				words[to + i] = (int16_t)((from[i] ^ 0x80) - 0x80);
		else
			soft_elements_decode(cna->precision, from, n_channels,
					     cna->precision == RK3588_INT16 ? (void *)&words[to]
									    : (void *)&floats[to]);
	}
	return 0;
}

static size_t group_size_bytes(const struct soft_cna *cna)
{
	size_t elements = (size_t)soft_cna_taps(cna) * cna->lanes;

	if (cna->is_depthwise)
		return (size_t)soft_cna_taps(cna) * cna->group_channels * sizeof(float);
	if (cna->element_bits <= 8)
		return elements * cna->group_channels;
	return elements * SOFT_WEIGHT_ROW * sizeof(float);
}

int soft_weights_load(struct soft_core *core, const struct soft_cna *cna, uint32_t group)
{
	uint32_t n = soft_cna_group_size(cna, group);
	uint64_t row_bits = (uint64_t)soft_cna_taps(cna) * cna->element_bits *
			    (cna->is_depthwise ? 1 : cna->channels);
	uint64_t offset = (uint64_t)group * cna->group_channels * row_bits / 8;
	struct source source = {
		.core = core,
		.image = cna->is_compressed ? core->cbuf->unpacked.bytes : NULL,
		.iova = cna->weight_iova + (uint32_t)offset,
		.rest = n * row_bits / 8,
	};

	if (soft_buffer_reserve(&core->cbuf->weights, group_size_bytes(cna)) < 0)
		return soft_complain(&core->draft, REG_CNA_WEIGHT_SIZE1, 0,
				     "the host has no memory for the weights");
	if (n < cna->group_channels)
		memset(core->cbuf->weights.bytes, 0, group_size_bytes(cna));
	memset(core->cbuf->weight_sums, 0, sizeof(core->cbuf->weight_sums));
	if (n == 0)
		return 0;
	return cna->is_depthwise ? load_depthwise(&source, cna, n) : load_direct(&source, cna, n);
}

/* Reads a segment, or as much of it as its contents can be long, behind the image's room. */
static int unpack_segment(struct soft_core *core, const struct soft_cna *cna, uint32_t index,
			  uint32_t iova)
{
	size_t n_lines = (size_t)(cna->weight_bytes / SOFT_LINE_BYTES);
	size_t most =
		SOFT_SEGMENT_HEADER + n_lines * SOFT_SEGMENT_PART * SOFT_SEGMENT_MAX_BITS / 8 + 1;
	uint64_t size = ((uint64_t)cna->segment_amounts[index] + 1) * 16;
	uint8_t *image = core->cbuf->unpacked.bytes, *segment = image + cna->weight_bytes;
	int r;

	size = size < most ? size : most;
	r = soft_core_dma_read(core, SOFT_PORT_WEIGHTS, iova, segment, (size_t)size);
	if (r < 0)
		return r;
	if (soft_segment_decode(segment, (size_t)size, n_lines,
				image + (size_t)index * SOFT_SEGMENT_PART) < 0)
		return soft_complain(&core->draft, REG_CNA_DCOMP_AMOUNT0 + 4 * index,
				     cna->segment_amounts[index],
				     "not a segment of known codes and length");
	return 0;
}

int soft_weights_prepare(struct soft_core *core, const struct soft_cna *cna)
{
	uint32_t iova = cna->weight_iova;
	int r = 0;

	if (!cna->is_compressed)
		return 0;
	if (cna->weight_bytes % SOFT_LINE_BYTES != 0)
		return soft_complain(&core->draft, REG_CNA_WEIGHT_SIZE0,
				     (uint32_t)cna->weight_bytes,
				     "compressed weights are not whole lines");
	/* A segment is at most 13/8 as long as the bytes it carries, a sixteenth of all. */
	if (soft_buffer_reserve(&core->cbuf->unpacked, 2 * (size_t)cna->weight_bytes + 64) < 0)
		return soft_complain(&core->draft, REG_CNA_WEIGHT_SIZE0,
				     (uint32_t)cna->weight_bytes,
				     "the host has no memory for the weights");
	for (uint32_t i = 0; r == 0 && i < SOFT_DCOMP_STREAMS; i++) {
		if (soft_core_is_aborted(core))
			return -ECANCELED;
		r = unpack_segment(core, cna, i, iova);
		iova += ((cna->segment_amounts[i] + 1) * 16 + SOFT_LINE_BYTES - 1) &
			~(SOFT_LINE_BYTES - 1);
	}
	return r;
}
