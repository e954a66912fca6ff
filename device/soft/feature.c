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
#include "device/soft/pixels.h"

#include <errno.h>
#include <string.h>

#define ATOM_BYTES     16u
#define RUN_ATOMS      (SOFT_STAGING_BYTES / ATOM_BYTES)
#define BATCH_SURFACES 4u
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
	return frame->bytes + (y * cna->spread_y + cna->pad_top) * frame->row_bytes +
	       (x * cna->spread_x + cna->pad_left) * frame->pixel_bytes;
}

/* Of `size` pixels that are `spread` apart, those in what a pad leaves of `room`. */
static uint32_t visible(uint32_t size, uint32_t pad, uint32_t room, uint32_t spread)
{
	uint32_t n;

	if (room <= pad)
		return 0;
	n = (room - pad + spread - 1) / spread;
	return size < n ? size : n;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
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
	frame.width = visible(cna->width, cna->pad_left, columns, cna->spread_x);
	frame.height = visible(cna->height, cna->pad_top, rows, cna->spread_y);
	if (soft_buffer_reserve(&core->cbuf->features, rows * frame.row_bytes) < 0)
		return soft_complain(&core->draft, REG_CNA_DATA_SIZE1, cna->channels,
				     "the host has no memory for the features");
	frame.bytes = core->cbuf->features.bytes;
	*ret_frame = frame;
	return 0;
}

/* Whether all of a row shows: outside of the input, or in channels that nobody stores. */
static bool is_row_shown(const struct soft_cna *cna, const struct frame *frame, uint32_t row)
{
	return cna->lanes > cna->real_channels || cna->spread_x > 1 || cna->spread_y > 1 ||
	       row < cna->pad_top || row - cna->pad_top >= frame->height;
}

/* The first row in full, then as much of it in the others as the input leaves. */
static int fill_pads(struct soft_core *core, const struct soft_cna *cna, const struct frame *frame)
{
	size_t filled = frame->pixel_bytes;
	size_t left = (size_t)min_size(cna->pad_left, frame->columns) * frame->pixel_bytes;
	size_t right = left + frame->width * frame->pixel_bytes;

	make_pad(cna, frame->bytes);
	while (filled < frame->row_bytes) {
		size_t n = min_size(frame->row_bytes - filled, filled);

		memcpy(frame->bytes + filled, frame->bytes, n);
		filled += n;
	}
	for (uint32_t row = 1; row < frame->rows; row++) {
		uint8_t *to = frame->bytes + row * frame->row_bytes;

		if (soft_core_is_aborted(core))
			return -ECANCELED;
		if (is_row_shown(cna, frame, row)) {
			memcpy(to, frame->bytes, frame->row_bytes);
			continue;
		}
		memcpy(to, frame->bytes, left);
		memcpy(to + right, frame->bytes + right, frame->row_bytes - right);
	}
	return 0;
}

/* Deconvolution: zeros where the input will be, of which its pixels leave some. */
static int fill_spaces(struct soft_core *core, const struct soft_cna *cna,
		       const struct frame *frame)
{
	uint32_t width = visible(soft_cna_spread_width(cna), cna->pad_left, frame->columns, 1);
	uint32_t height = visible(soft_cna_spread_height(cna), cna->pad_top, frame->rows, 1);
	int zero = soft_feature_bytes(cna) == 1 ? SOFT_FEATURE_BIAS : 0;

	if (cna->spread_x == 1 && cna->spread_y == 1)
		return 0;
	for (uint32_t y = 0; y < height && width > 0; y++) {
		if (soft_core_is_aborted(core))
			return -ECANCELED;
		memset(frame_pixel(frame, cna, 0, 0) + y * frame->row_bytes, zero,
		       width * frame->pixel_bytes);
	}
	return 0;
}

/* Pixels as in memory, and where the first of them goes. */
struct packed_run {
	const uint8_t *from;
	uint8_t *to;
	uint32_t x, n; /* the first one's column */
};

static void store_packed(const struct soft_cna *cna, const struct packed_run *run)
{
	uint32_t pixel_bytes = cna->packed_channels * cna->element_bits / 8;

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
	bool is_rgb = cna->packed_channels >= 3 && cna->real_channels >= 3;
	struct soft_cvt_lanes lanes;
	bool is_quick = is_rgb && cna->precision == RK3588_INT8 && cna->converter.is_on &&
			soft_cvt_lanes_fill(cna, &lanes);
	uint8_t *staging = core->cbuf->staging;

	/* The fetch fits: at most 2047 rows of at most 2047 pixels of at most 16 bytes are seen. */
	for (uint32_t y = 0; y < frame->height; y++) {
		uint32_t iova = cna->feature_iova + y * cna->line_stride_bytes;
		struct packed_run run = {.from = staging};

		for (run.x = 0; run.x < frame->width; run.x += run.n) {
			uint32_t rest = frame->width - run.x;
			int r;

			run.n = rest < SOFT_PIXELS_RUN ? rest : SOFT_PIXELS_RUN;
			run.to = frame_pixel(frame, cna, y, run.x);
			r = soft_core_dma_read(core, SOFT_PORT_FEATURES, iova + run.x * pixel_bytes,
					       staging, run.n * pixel_bytes);
			if (r < 0)
				return r;
			if (is_quick)
				soft_pixels_store_bytes(&lanes, run.from, run.n, run.to);
			else if (is_rgb && cna->precision == RK3588_FP16)
				soft_pixels_store_halves(cna, run.from, run.n, run.to);
			else
				store_packed(cna, &run);
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
	const uint8_t *from = scatter->from;
	size_t pitch = scatter->pitch;
	uint8_t *to = scatter->to;

	for (uint32_t n = scatter->n; n > 0; n--, from += ATOM_BYTES, to += pitch) {
		uint8_t atom[ATOM_BYTES];

		for (uint32_t j = 0; j < ATOM_BYTES; j++)
			atom[j] = from[j] ^ SOFT_FEATURE_BIAS;
		memcpy(to, atom, ATOM_BYTES);
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

SOFT_CLONE_BODY scatter_as_is_body(const struct scatter *scatter)
{
	const uint8_t *from = scatter->from;
	size_t pitch = scatter->pitch;
	uint8_t *to = scatter->to;

	for (uint32_t n = scatter->n; n > 0; n--, from += ATOM_BYTES, to += pitch)
		memcpy(to, from, ATOM_BYTES);
}

SOFT_CLONES(static, scatter_as_is, (const struct scatter *scatter), (scatter))

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

/* Some surfaces: what is fetched of each before the next one's turn stays in the CPU's cache. */
struct batch {
	uint32_t first, n;
	uint32_t capacity; /* atoms of each at a time */
};

/* A piece of some rows that are neighbours in memory, or of one. */
struct piece {
	uint32_t x, y, n_rows;
	uint32_t n_atoms; /* of each row */
};

/* Where the atoms of a piece that come next go. */
struct landing {
	const struct soft_cna *cna;
	const struct frame *frame;
	const struct piece *piece;
	uint32_t surface, row, column;
};

/* Whole atoms, as many as there happen to be. */
static void land(void *context, const uint8_t *bytes, size_t n_bytes)
{
	struct landing *landing = context;
	const struct piece *piece = landing->piece;
	uint32_t n_atoms = (uint32_t)(n_bytes / ATOM_BYTES);

	while (n_atoms > 0) {
		uint32_t n = (uint32_t)min_size(n_atoms, piece->n_atoms - landing->column);
		const struct scatter scatter = {
			.from = bytes,
			.to = frame_pixel(landing->frame, landing->cna, piece->y + landing->row,
					  piece->x + landing->column),
			.pitch = landing->cna->spread_x * landing->frame->pixel_bytes,
			.n = n,
		};

		store_atoms(landing->cna, landing->surface, &scatter);
		landing->column += n;
		if (landing->column == piece->n_atoms) {
			landing->column = 0;
			landing->row++;
		}
		bytes += (size_t)n * ATOM_BYTES;
		n_atoms -= n;
	}
}

/* Where pages end within atoms, these are put together in the staging buffer. */
static int load_piece(struct soft_core *core, const struct soft_cna *cna, const struct frame *frame,
		      const struct batch *batch, const struct piece *piece)
{
	uint32_t iova = row_iova(cna, piece->y) + piece->x * ATOM_BYTES;
	size_t n_bytes = (size_t)piece->n_rows * piece->n_atoms * ATOM_BYTES;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < batch->n; i++) {
		struct landing landing = {cna, frame, piece, batch->first + i, 0, 0};
		uint32_t from = iova + landing.surface * cna->surface_pitch_bytes;
		uint8_t *staging = core->cbuf->staging;

		if ((from + core->dma_base) % ATOM_BYTES == 0) {
			r = soft_core_dma_visit(core, SOFT_PORT_FEATURES, from, n_bytes, land,
						&landing);
			continue;
		}
		r = soft_core_dma_read(core, SOFT_PORT_FEATURES, from, staging, n_bytes);
		if (r == 0)
			land(&landing, staging, n_bytes);
	}
	return r;
}

/* Rows that follow one another in memory are fetched together. */
static uint32_t rows_together(const struct soft_cna *cna, const struct frame *frame, uint32_t y,
			      uint32_t capacity)
{
	uint32_t n = 1, row_bytes = frame->width * ATOM_BYTES;

	while (y + n < frame->height && (n + 1) * frame->width <= capacity &&
	       row_iova(cna, y + n) == row_iova(cna, y) + n * row_bytes)
		n++;
	return n;
}

static int load_batch(struct soft_core *core, const struct soft_cna *cna, const struct frame *frame,
		      const struct batch *batch)
{
	struct piece piece = {0};

	for (piece.y = 0; piece.y < frame->height; piece.y += piece.n_rows) {
		piece.n_rows = rows_together(cna, frame, piece.y, batch->capacity);
		for (piece.x = 0; piece.x < frame->width; piece.x += piece.n_atoms) {
			int r;

			piece.n_atoms = (uint32_t)min_size(frame->width - piece.x, batch->capacity);
			r = load_piece(core, cna, frame, batch, &piece);
			if (r < 0)
				return r;
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

	for (uint32_t first = 0; r == 0 && first < n_surfaces; first += BATCH_SURFACES) {
		struct batch batch = {
			.first = first,
			.n = (uint32_t)min_size(n_surfaces - first, BATCH_SURFACES),
		};

		batch.capacity = RUN_ATOMS / batch.n;
		r = soft_core_is_aborted(core) ? -ECANCELED : load_batch(core, cna, frame, &batch);
	}
	return r;
}

int soft_features_load(struct soft_core *core, const struct soft_cna *cna)
{
	struct frame frame = {0};
	int r;

	r = frame_init(core, cna, &frame);
	if (r == 0)
		r = fill_pads(core, cna, &frame);
	if (r == 0)
		r = fill_spaces(core, cna, &frame);
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
