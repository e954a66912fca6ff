/* SPDX-License-Identifier: MIT */
/*
 * Features come as 16-byte atoms at strided places, or as rows of packed pixels; atoms that are
 * neighbours in memory are fetched in one access. Everything outside of the input, and every
 * channel that is not real, is there before (hardware reference 4.2, 4.7).
 */
#include "device/soft/feature.h"

#include "device/soft/clones.h"
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

static bool keeps_halves(const struct soft_cna *cna)
{
	return cna->is_depthwise && cna->precision == RK3588_FP16;
}

uint32_t soft_feature_bytes(const struct soft_cna *cna)
{
	if (cna->element_bits <= 8)
		return 1;
	return cna->precision == RK3588_INT16 || keeps_halves(cna) ? 2 : 4;
}

static void decode(const struct soft_cna *cna, const uint8_t *from, uint32_t n, void *to)
{
	if (keeps_halves(cna))
		memcpy(to, from, n * sizeof(uint16_t));
	else
		soft_elements_decode(cna->precision, from, n, to);
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

/* One decoded element, in place. */
static void convert_lane(const struct soft_cna *cna, uint32_t lane, void *element)
{
	bool is_signed = cna->converter.is_input_signed;
	int16_t *word = element;
	uint8_t *byte = element;

	if (!cna->converter.is_on)
		return;
	if (cna->precision == RK3588_INT16)
		*word = (int16_t)soft_cvt_apply(cna, lane, is_signed ? *word : (uint16_t)*word);
	else
		*byte = (uint8_t)(soft_cvt_apply(cna, lane,
						 is_signed ? *byte - SOFT_FEATURE_BIAS
							   : *byte ^ SOFT_FEATURE_BIAS) +
				  SOFT_FEATURE_BIAS);
}

/* `n` decoded elements of one position and the ones after it, in place. */
static void convert(const struct soft_cna *cna, uint32_t position, uint32_t n, void *elements)
{
	uint8_t *bytes = elements;

	for (uint32_t i = 0; i < n && cna->converter.is_on; i++) {
		uint32_t lane = cna->packed_channels == 3 ? i : (position + i) % SOFT_PACKED_LANES;

		convert_lane(cna, lane, bytes + (size_t)i * soft_feature_bytes(cna));
	}
}

/* The pixel outside of the input: pad values in the real channels, zeros in the others. */
static void make_pad(const struct soft_cna *cna, void *pixel)
{
	uint32_t bytes = soft_feature_bytes(cna);
	uint8_t in_memory[4], value[4], zero[4], *to = pixel;

	for (unsigned i = 0; i < 4; i++)
		in_memory[i] = (uint8_t)(cna->pad_bits >> 8 * i);
	/* The first int4 of a byte is its high half. */
	if (cna->precision == RK3588_INT4)
		in_memory[0] = (uint8_t)(in_memory[0] << 4);
	decode(cna, in_memory, 1, value);
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
	frame.pixel_bytes = (size_t)cna->lanes * soft_feature_bytes(cna);
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

/* Pixels as in memory, and where the first of them goes. */
struct packed_run {
	const uint8_t *from;
	uint8_t *to;
	uint32_t x, n; /* the first one's column */
};

/* What the converter makes of each byte, lane by lane. */
typedef uint8_t byte_tables[SOFT_PACKED_LANES][256];

static void make_tables(const struct soft_cna *cna, byte_tables tables)
{
	for (uint32_t lane = 0; lane < SOFT_PACKED_LANES; lane++) {
		for (uint32_t byte = 0; byte < 256; byte++) {
			tables[lane][byte] = (uint8_t)(byte ^ SOFT_FEATURE_BIAS);
			/* Position `lane` has that lane, with three channels too. */
			convert_lane(cna, lane, &tables[lane][byte]);
		}
	}
}

static inline __attribute__((always_inline)) void
store_packed_bytes(const struct soft_cna *cna, const byte_tables tables,
		   const struct packed_run *run, const uint32_t n_channels)
{
	uint32_t packed = cna->packed_channels, step = packed == 3 ? 0 : packed;
	const uint8_t *from = run->from;
	uint8_t *to = run->to;

	for (uint32_t x = run->x; x < run->x + run->n; x++, from += packed, to += cna->lanes)
		for (uint32_t i = 0; i < n_channels; i++)
			to[i] = tables[(x * step + i) % SOFT_PACKED_LANES][from[i]];
}

static void store_packed(const struct soft_cna *cna, const byte_tables tables,
			 const struct packed_run *run)
{
	uint32_t pixel_bytes = cna->packed_channels * cna->element_bits / 8;

	if (cna->precision == RK3588_INT8 && cna->real_channels == 3) {
		store_packed_bytes(cna, tables, run, 3);
		return;
	}
	if (cna->precision == RK3588_INT8) {
		store_packed_bytes(cna, tables, run, cna->real_channels);
		return;
	}
	for (uint32_t i = 0; i < run->n; i++) {
		uint8_t *to = run->to + (size_t)i * cna->lanes * soft_feature_bytes(cna);

		decode(cna, run->from + (size_t)i * pixel_bytes, cna->real_channels, to);
		convert(cna, (run->x + i) * cna->packed_channels, cna->real_channels, to);
	}
}

static int load_packed(struct soft_core *core, const struct soft_cna *cna,
		       const struct frame *frame)
{
	uint32_t pixel_bytes = cna->packed_channels * cna->element_bits / 8;
	uint32_t at_once = SOFT_STAGING_BYTES / pixel_bytes;
	uint8_t *staging = core->cbuf->staging;
	byte_tables tables;

	if (cna->precision == RK3588_INT8)
		make_tables(cna, tables);
	/* The fetch fits: at most 2047 rows of at most 2047 pixels of at most 16 bytes are seen. */
	for (uint32_t y = 0; y < frame->height; y++) {
		uint32_t iova = cna->feature_iova + y * cna->line_stride_bytes;
		struct packed_run run = {.from = staging};

		for (run.x = 0; run.x < frame->width; run.x += run.n) {
			uint32_t rest = frame->width - run.x;
			int r;

			run.n = rest < at_once ? rest : at_once;
			run.to = frame_pixel(frame, cna, y, run.x);
			r = soft_core_dma_read(core, SOFT_PORT_FEATURES,
					       iova + run.x * pixel_bytes, staging,
					       run.n * pixel_bytes);
			if (r < 0)
				return r;
			store_packed(cna, tables, &run);
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
	uint8_t *to = pixel + (size_t)first * soft_feature_bytes(cna);

	if (n >= cna->atom_channels)
		n = cna->atom_channels;
	decode(cna, atom, n, to);
	convert(cna, 0, n, to);
}

/* Atoms to places that are `pitch` bytes apart. */
struct scatter {
	const uint8_t *from;
	uint8_t *to;
	size_t pitch;
	uint32_t n;
};

SOFT_CLONE_BODY scatter_bytes_body(const struct scatter *scatter)
{
	for (uint32_t i = 0; i < scatter->n; i++) {
		const uint8_t *from = scatter->from + (size_t)i * ATOM_BYTES;
		uint8_t atom[ATOM_BYTES];

		for (uint32_t j = 0; j < ATOM_BYTES; j++)
			atom[j] = from[j] ^ SOFT_FEATURE_BIAS;
		memcpy(scatter->to + i * scatter->pitch, atom, ATOM_BYTES);
	}
}

SOFT_CLONES(static, scatter_bytes, (const struct scatter *scatter), (scatter))

SOFT_CLONE_BODY scatter_halves_body(const struct scatter *scatter)
{
	for (uint32_t i = 0; i < scatter->n; i++) {
		uint16_t halves[ATOM_BYTES / 2];
		float floats[ATOM_BYTES / 2];

		memcpy(halves, scatter->from + (size_t)i * ATOM_BYTES, ATOM_BYTES);
		for (uint32_t j = 0; j < ATOM_BYTES / 2; j++)
			floats[j] = half_to_float(halves[j]);
		memcpy(scatter->to + i * scatter->pitch, floats, sizeof(floats));
	}
}

SOFT_CLONES(static, scatter_halves, (const struct scatter *scatter), (scatter))

static void scatter_as_is(const struct scatter *scatter)
{
	for (uint32_t i = 0; i < scatter->n; i++)
		memcpy(scatter->to + i * scatter->pitch, scatter->from + (size_t)i * ATOM_BYTES,
		       ATOM_BYTES);
}

/* Atoms of one surface for pixels that are `pitch` apart, the first of which is `to`. */
static void store_atoms(const struct soft_cna *cna, uint32_t surface, const struct scatter *pixels)
{
	struct scatter scatter = *pixels;
	bool is_whole = (surface + 1) * cna->atom_channels <= cna->real_channels;

	scatter.to += (size_t)surface * cna->atom_channels * soft_feature_bytes(cna);
	if (is_whole && !cna->converter.is_on && cna->precision == RK3588_INT8)
		scatter_bytes(&scatter);
	else if (is_whole && !cna->converter.is_on && soft_feature_bytes(cna) == 2)
		scatter_as_is(&scatter);
	else if (is_whole && cna->precision == RK3588_FP16)
		scatter_halves(&scatter);
	else
		for (uint32_t i = 0; i < pixels->n; i++)
			store_atom(cna, surface, pixels->from + (size_t)i * ATOM_BYTES,
				   pixels->to + i * pixels->pitch);
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
			for (uint32_t row = 0; row < n; row++)
				store_atoms(cna, surface,
					    &(struct scatter){
						    .from = staging +
							    (size_t)row * width * ATOM_BYTES,
						    .to = frame_pixel(frame, cna, y + row, x),
						    .pitch = frame->pixel_bytes,
						    .n = n_atoms / n,
					    });
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
			sum += soft_feature_bytes(cna) == 1
				       ? bytes[pixel * cna->lanes + i] - SOFT_FEATURE_BIAS
				       : words[pixel * cna->lanes + i];
		sums[pixel] = sum;
	}
	return 0;
}
