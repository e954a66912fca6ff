/* SPDX-License-Identifier: MIT */
/*
 * Features come as 16-byte atoms at strided places, or as rows of packed pixels; atoms that are
 * neighbours in memory are fetched in one access. Everything outside of the input, and every
 * channel that is not real, is there before (hardware reference 4.2, 4.7).
 */
#include "device/soft/feature.h"

#include "device/soft/half.h"
#include "device/soft/npu_core.h"

#include <errno.h>
#include <string.h>

#define ATOM_BYTES 16u
#define RUN_ATOMS  (SOFT_STAGING_BYTES / ATOM_BYTES)
/* The mantissa bits of a float that tf32 has not. */
#define TF32_DROPPED 0x1fffu

static void decode_int4(const uint8_t *from, uint32_t n, uint8_t *to)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t nibble = i % 2 ? from[i / 2] & 0xf : from[i / 2] >> 4;

		to[i] = (uint8_t)((nibble ^ 8) + SOFT_FEATURE_BIAS - 8);
	}
}

static void decode_16_bit_float(enum rk3588_precision precision, const uint8_t *from, uint32_t n,
				float *to)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t bits;
		uint16_t half;

		memcpy(&half, from + i * sizeof(half), sizeof(half));
		bits = (uint32_t)half << 16;
		if (precision == RK3588_FP16)
			to[i] = half_to_float(half);
		else
			memcpy(&to[i], &bits, sizeof(bits));
	}
}

static void decode_tf32(const uint8_t *from, uint32_t n, float *to)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t bits;

		memcpy(&bits, from + i * sizeof(bits), sizeof(bits));
		bits &= ~TF32_DROPPED;
		memcpy(&to[i], &bits, sizeof(bits));
	}
}

void soft_elements_decode(enum rk3588_precision precision, const uint8_t *from, uint32_t n,
			  void *to)
{
	uint8_t *bytes = to;

	switch (precision) {
	case RK3588_INT8:
		for (uint32_t i = 0; i < n; i++)
			bytes[i] = from[i] ^ SOFT_FEATURE_BIAS;
		break;
	case RK3588_INT4:
		decode_int4(from, n, to);
		break;
	case RK3588_INT16:
		memcpy(to, from, n * sizeof(int16_t));
		break;
	case RK3588_TF32:
		decode_tf32(from, n, to);
		break;
	default:
		decode_16_bit_float(precision, from, n, to);
		break;
	}
}

static uint32_t stored_bytes(const struct soft_cna *cna)
{
	return cna->element_bits <= 8 ? 1 : cna->precision == RK3588_INT16 ? 2 : 4;
}

/* x / 2^shift, ties to even or up; `shift` has six bits. */
static int64_t round_shift(int64_t x, uint32_t shift, bool rounds_up)
{
	uint64_t half, rest;
	int64_t floor;

	if (shift == 0)
		return x;
	half = 1ull << (shift - 1);
	rest = (uint64_t)x & (2 * half - 1);
	floor = x >> shift;
	return floor + (rest > half || (rest == half && (rounds_up || (floor & 1))));
}

int32_t soft_cvt_apply(const struct soft_cna *cna, uint32_t lane, int32_t value)
{
	const struct soft_cvt *converter = &cna->converter;
	const struct soft_cvt_lane *with = &converter->lanes[lane];
	int64_t max = cna->precision == RK3588_INT8 ? INT8_MAX : INT16_MAX, x = value;

	if (converter->is_add_first)
		x = round_shift((x + with->offset) * with->scale, with->shift,
				converter->rounds_up);
	else
		x = round_shift(x * with->scale, with->shift, converter->rounds_up) + with->offset;
	return x > max ? (int32_t)max : x < -max - 1 ? (int32_t)(-max - 1) : (int32_t)x;
}

/* `n` decoded elements of one position and the ones after it, in place. */
static void convert(const struct soft_cna *cna, uint32_t position, uint32_t n, void *elements)
{
	bool is_signed = cna->converter.is_input_signed;
	uint8_t *bytes = elements;
	int16_t *words = elements;

	for (uint32_t i = 0; i < n && cna->converter.is_on; i++) {
		uint32_t lane = cna->packed_channels == 3 ? i : (position + i) % SOFT_PACKED_LANES;

		if (cna->precision == RK3588_INT16)
			words[i] = (int16_t)soft_cvt_apply(
				cna, lane, is_signed ? words[i] : (uint16_t)words[i]);
		else
			bytes[i] =
				(uint8_t)(soft_cvt_apply(cna, lane,
							 is_signed ? bytes[i] - SOFT_FEATURE_BIAS
								   : bytes[i] ^ SOFT_FEATURE_BIAS) +
					  SOFT_FEATURE_BIAS);
	}
}

/* The pixel outside of the input: pad values in the real channels, zeros in the others. */
static void make_pad(const struct soft_cna *cna, void *pixel)
{
	uint32_t bytes = stored_bytes(cna);
	uint8_t in_memory[4], value[4], zero[4], *to = pixel;

	for (unsigned i = 0; i < 4; i++)
		in_memory[i] = (uint8_t)(cna->pad_bits >> 8 * i);
	/* The first int4 of a byte is its high half. */
	if (cna->precision == RK3588_INT4)
		in_memory[0] = (uint8_t)(in_memory[0] << 4);
	soft_elements_decode(cna->precision, in_memory, 1, value);
	memset(zero, bytes == 1 ? SOFT_FEATURE_BIAS : 0, sizeof(zero));
	for (uint32_t i = 0; i < cna->lanes; i++)
		memcpy(to + i * bytes, i < cna->real_channels ? value : zero, bytes);
}

/* Where the input lies in the buffer, and how much of it: what no window touches is left out. */
struct frame {
	uint8_t *bytes;
	size_t pixel_bytes, row_bytes;
	uint32_t rows, columns; /* of the buffer */
	uint32_t width, height; /* of the input's part in it */
};

static uint8_t *frame_pixel(const struct frame *frame, const struct soft_cna *cna, uint32_t y,
			    uint32_t x)
{
	return frame->bytes + (y + cna->pad_top) * frame->row_bytes +
	       (x + cna->pad_left) * frame->pixel_bytes;
}

static uint32_t visible(uint32_t size, uint32_t pad, uint32_t room)
{
	if (room <= pad)
		return 0;
	return size < room - pad ? size : room - pad;
}

static int frame_init(struct soft_core *core, const struct soft_cna *cna, struct frame *ret_frame)
{
	uint32_t rows = soft_cna_rows(cna), columns = soft_cna_columns(cna);
	uint64_t n_pixels = (uint64_t)rows * columns;
	struct frame frame = {.rows = rows, .columns = columns};

	if (n_pixels > SOFT_MAX_FEATURES / cna->lanes)
		return soft_complain(&core->draft, REG_CNA_DATA_SIZE1, cna->channels,
				     "features do not fit the convolution buffer");
	frame.pixel_bytes = (size_t)cna->lanes * stored_bytes(cna);
	frame.row_bytes = columns * frame.pixel_bytes;
	frame.width = visible(cna->width, cna->pad_left, columns);
	frame.height = visible(cna->height, cna->pad_top, rows);
	if (soft_buffer_reserve(&core->cbuf->features, rows * frame.row_bytes) < 0)
		return soft_complain(&core->draft, REG_CNA_DATA_SIZE1, cna->channels,
				     "the host has no memory for the features");
	frame.bytes = core->cbuf->features.bytes;
	*ret_frame = frame;
	return 0;
}

static int fill_pads(struct soft_core *core, const struct soft_cna *cna, const struct frame *frame)
{
	size_t filled = frame->pixel_bytes;

	make_pad(cna, frame->bytes);
	while (filled < frame->row_bytes) {
		size_t n = frame->row_bytes - filled < filled ? frame->row_bytes - filled : filled;

		memcpy(frame->bytes + filled, frame->bytes, n);
		filled += n;
	}
	for (uint32_t row = 1; row < frame->rows; row++) {
		if (soft_core_is_aborted(core))
			return -ECANCELED;
		memcpy(frame->bytes + row * frame->row_bytes, frame->bytes, frame->row_bytes);
	}
	return 0;
}

static int load_packed(struct soft_core *core, const struct soft_cna *cna,
		       const struct frame *frame)
{
	uint32_t pixel_bytes = cna->packed_channels * cna->element_bits / 8;
	uint8_t *staging = core->cbuf->staging;

	/* The fetch fits: at most 2047 rows of at most 2047 pixels of at most 16 bytes are seen. */
	for (uint32_t y = 0; y < frame->height; y++) {
		uint32_t iova = cna->feature_iova + y * cna->line_stride_bytes;
		uint32_t at_once = SOFT_STAGING_BYTES / pixel_bytes;

		for (uint32_t x = 0; x < frame->width; x++) {
			uint32_t rest = frame->width - x, n = rest < at_once ? rest : at_once;
			uint8_t *to = frame_pixel(frame, cna, y, x);
			int r = 0;

			if (x % at_once == 0)
				r = soft_core_dma_read(core, SOFT_PORT_FEATURES,
						       iova + x * pixel_bytes, staging,
						       n * pixel_bytes);
			if (r < 0)
				return r;
			soft_elements_decode(cna->precision, staging + x % at_once * pixel_bytes,
					     cna->real_channels, to);
			convert(cna, x * cna->packed_channels, cna->real_channels, to);
		}
	}
	return 0;
}

static uint32_t row_iova(const struct soft_cna *cna, uint32_t y)
{
	if (cna->is_line_mode)
		return cna->feature_iova + y * cna->line_stride_bytes;
	return cna->feature_iova + y / 4 * cna->line_stride_bytes + y % 4 * cna->width * ATOM_BYTES;
}

static void store_atom(const struct soft_cna *cna, uint32_t surface, const uint8_t *atom,
		       uint8_t *pixel)
{
	uint32_t first = surface * cna->atom_channels, n = cna->real_channels - first;
	uint8_t *to = pixel + (size_t)first * stored_bytes(cna);

	if (n >= cna->atom_channels)
		n = cna->atom_channels;
	soft_elements_decode(cna->precision, atom, n, to);
	convert(cna, 0, n, to);
}

/* Rows of one surface; those that follow one another in memory are fetched together. */
static int load_surface(struct soft_core *core, const struct soft_cna *cna,
			const struct frame *frame, uint32_t surface)
{
	uint32_t offset = surface * cna->surface_pitch_bytes, width = frame->width;
	uint8_t *staging = core->cbuf->staging;

	for (uint32_t y = 0, n; y < frame->height; y += n) {
		uint32_t iova = row_iova(cna, y);
		int r;

		n = 1;
		while (y + n < frame->height && (n + 1) * width <= RUN_ATOMS &&
		       row_iova(cna, y + n) == iova + n * width * ATOM_BYTES)
			n++;
		/* A row that is longer than the staging buffer. */
		for (uint32_t x = 0; x < width; x += RUN_ATOMS) {
			uint32_t n_atoms = width - x < RUN_ATOMS ? width - x : RUN_ATOMS;

			n_atoms = n > 1 ? n * width : n_atoms;
			r = soft_core_dma_read(core, SOFT_PORT_FEATURES,
					       iova + offset + x * ATOM_BYTES, staging,
					       n_atoms * ATOM_BYTES);
			if (r < 0)
				return r;
			for (uint32_t i = 0; i < n_atoms; i++)
				store_atom(cna, surface, staging + i * ATOM_BYTES,
					   frame_pixel(frame, cna, y + (x + i) / width,
						       (x + i) % width));
		}
	}
	return 0;
}

/* Surfaces that are neighbours: a pixel's atoms in one piece, as in a row-major matrix. */
static int load_pixel(struct soft_core *core, const struct soft_cna *cna, uint32_t iova,
		      uint8_t *pixel)
{
	uint32_t n_surfaces = (cna->real_channels + cna->atom_channels - 1) / cna->atom_channels;
	uint8_t *staging = core->cbuf->staging;

	for (uint32_t first = 0; first < n_surfaces; first += RUN_ATOMS) {
		uint32_t rest = n_surfaces - first, n = rest < RUN_ATOMS ? rest : RUN_ATOMS;
		int r = soft_core_dma_read(core, SOFT_PORT_FEATURES, iova + first * ATOM_BYTES,
					   staging, n * ATOM_BYTES);

		if (r < 0)
			return r;
		for (uint32_t i = 0; i < n; i++)
			store_atom(cna, first + i, staging + i * ATOM_BYTES, pixel);
	}
	return 0;
}

static int load_by_pixel(struct soft_core *core, const struct soft_cna *cna,
			 const struct frame *frame)
{
	int r = 0;

	for (uint32_t y = 0; r == 0 && y < frame->height; y++) {
		for (uint32_t x = 0; r == 0 && x < frame->width; x++)
			r = load_pixel(core, cna, row_iova(cna, y) + x * ATOM_BYTES,
				       frame_pixel(frame, cna, y, x));
	}
	return r;
}

static int load_by_surface(struct soft_core *core, const struct soft_cna *cna,
			   const struct frame *frame)
{
	uint32_t n_surfaces = (cna->real_channels + cna->atom_channels - 1) / cna->atom_channels;
	int r = 0;

	for (uint32_t surface = 0; r == 0 && surface < n_surfaces; surface++)
		r = load_surface(core, cna, frame, surface);
	return r;
}

int soft_features_load(struct soft_core *core, const struct soft_cna *cna)
{
	struct frame frame = {0};
	int r;

	r = frame_init(core, cna, &frame);
	if (r == 0)
		r = fill_pads(core, cna, &frame);
	if (r < 0)
		return r;
	if (cna->packed_channels)
		return load_packed(core, cna, &frame);
	if (cna->surface_pitch_bytes == ATOM_BYTES)
		return load_by_pixel(core, cna, &frame);
	return load_by_surface(core, cna, &frame);
}

int soft_features_sum(struct soft_core *core, const struct soft_cna *cna)
{
	struct soft_cbuf *cbuf = core->cbuf;
	size_t n_pixels = (size_t)soft_cna_rows(cna) * soft_cna_columns(cna);
	const uint8_t *bytes = cbuf->features.bytes;
	const int16_t *words = cbuf->features.bytes;
	int32_t *sums;

	if (soft_buffer_reserve(&cbuf->pixel_sums, n_pixels * sizeof(int32_t)) < 0)
		return soft_complain(&core->draft, REG_CNA_DATA_SIZE1, cna->channels,
				     "the host has no memory for the features");
	sums = cbuf->pixel_sums.bytes;
	for (size_t pixel = 0; pixel < n_pixels; pixel++) {
		int32_t sum = 0;

		for (uint32_t i = 0; i < cna->lanes; i++)
			sum += stored_bytes(cna) == 1
				       ? bytes[pixel * cna->lanes + i] - SOFT_FEATURE_BIAS
				       : words[pixel * cna->lanes + i];
		sums[pixel] = sum;
	}
	return 0;
}
