/* SPDX-License-Identifier: MIT */
/*
 * Results are converted into 16-byte atoms, then scattered; neighbouring atoms go out in one write.
 */
#include "device/soft/dpu_output.h"

#include "device/soft/clones.h"
#include "device/soft/dpu_arithmetic.h"
#include "device/soft/half.h"

#include <string.h>

#define MAX_SHIFT 62u
/* Above, nobody knows whether the multiplier is signed; Mesa writes up to this. */
#define MAX_SCALE     0x8000u
#define STAGING_BYTES (SOFT_STRIP_PIXELS * SOFT_MAX_LANES * 4)
/* Atoms that neighbour each other are joined up to this. */
#define WRITER_BYTES 4096u

static int configure_ints(const struct soft_group *group, struct soft_complaint *complaint,
			  struct soft_output *output)
{
	static const double highest[] = {
		[RK3588_INT4] = 7,	    [RK3588_INT8] = INT8_MAX,  [RK3588_INT16] = INT16_MAX,
		[RK3588_INT32] = INT32_MAX, [RK3588_FP16] = INT32_MAX, [RK3588_FP32] = INT32_MAX};
	uint32_t shift = soft_group_get(group, REG_DPU_OUT_CVT_SHIFT);
	uint32_t scale = soft_group_field(group, REG_DPU_OUT_CVT_SCALE, DPU_OUT_CVT_SCALE);

	if (scale == 0 || scale > MAX_SCALE)
		return soft_complain(complaint, REG_DPU_OUT_CVT_SCALE, scale,
				     "only multipliers 1 to 0x8000 are modelled");
	if (field_get(DPU_OUT_CVT_SHIFT, shift) > MAX_SHIFT || (shift & DPU_MINUS_EXP))
		return soft_complain(complaint, REG_DPU_OUT_CVT_SHIFT, shift,
				     "this shift of integers is not modelled");
	output->is_from_ints = true;
	output->high = highest[output->precision];
	output->low = -output->high - 1;
	output->converter = (struct soft_converter){
		.offset = (int32_t)soft_group_get(group, REG_DPU_OUT_CVT_OFFSET),
		.factor = ldexp(scale, -(int)field_get(DPU_OUT_CVT_SHIFT, shift)),
		.is_add_first = shift & DPU_CVT_ADD_FIRST,
		.rounds_away = shift & DPU_CVT_ROUND_AWAY,
	};
	return 0;
}

/* What comes from the tables is an integer, and so is what is added to it (6.5). */
static void configure_floats(const struct soft_group *group, bool has_lut,
			     struct soft_output *output)
{
	uint32_t shift = soft_group_get(group, REG_DPU_OUT_CVT_SHIFT);
	uint32_t offset = soft_group_get(group, REG_DPU_OUT_CVT_OFFSET);
	float value;

	memcpy(&value, &offset, sizeof(value));
	output->offset = has_lut ? (int32_t)offset : (double)value;
	/* Which any float can be added to unchanged, a -0 too. */
	if (output->offset == 0)
		output->offset = -0.0;
	output->factor = ldexp(1, -(int)field_get(DPU_MINUS_EXP, shift));
	output->is_add_first = shift & DPU_CVT_ADD_FIRST;
}

/* Integers may become fp32 or fp16, as a program needs; nobody shows the way back. */
static bool is_known(enum rk3588_precision from, enum rk3588_precision to)
{
	if (to == RK3588_TF32)
		return false;
	if (soft_precision_is_float(from))
		return soft_precision_is_float(to);
	return to != RK3588_BF16;
}

int soft_output_configure(const struct soft_group *group, enum rk3588_precision precision,
			  bool has_lut, struct soft_complaint *complaint,
			  struct soft_output *ret_output)
{
	uint32_t format = soft_group_get(group, REG_DPU_DATA_FORMAT);
	struct soft_output output = {
		.precision = field_get(DPU_OUT_PRECISION, format),
		.pad = (uint16_t)soft_group_field(group, REG_DPU_OFFSET_PEND, DPU_OFFSET_PEND),
	};
	uint32_t scale = soft_group_get(group, REG_DPU_OUT_CVT_SCALE);
	int r = 0;

	if (!is_known(precision, output.precision))
		return soft_complain(complaint, REG_DPU_DATA_FORMAT, format,
				     "this output precision is not modelled");
	if ((scale & DPU_FP32TOFP16_EN) && soft_precision_is_float(output.precision) &&
	    output.precision != RK3588_FP16)
		return soft_complain(complaint, REG_DPU_OUT_CVT_SCALE, scale,
				     "fp16 conversion does not fit the output precision");
	output.out_bits = soft_precision_bits(output.precision);
	if (soft_precision_is_float(precision))
		configure_floats(group, has_lut, &output);
	else
		r = configure_ints(group, complaint, &output);
	if (r == 0)
		*ret_output = output;
	return r;
}

/* `n` results, converted to integers of the output precision. */
SOFT_CLONE_BODY convert_ints_body(const struct soft_output *output, const double *values,
				  uint32_t n, int32_t *words)
{
	const struct soft_converter converter = output->converter;
	const double before = converter.is_add_first ? converter.offset : 0;
	const double after = converter.is_add_first ? 0 : converter.offset;

	for (uint32_t i = 0; i < n; i++) {
		double value = soft_round_even((values[i] + before) * converter.factor) + after;

		words[i] = (int32_t)soft_clamp(value, output->low, output->high);
	}
}

SOFT_CLONES(static, convert_ints,
	    (const struct soft_output *output, const double *values, uint32_t n, int32_t *words),
	    (output, values, n, words))

SOFT_CLONE_BODY narrow_body(const int32_t *words, uint32_t n, int8_t *to)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = (int8_t)words[i];
}

SOFT_CLONES(static, narrow, (const int32_t *words, uint32_t n, int8_t *to), (words, n, to))

/* The element with the even number is in the high half of a byte (hardware reference 0). */
static void put_nibble(uint8_t *to, uint32_t lane, int32_t value)
{
	uint8_t *byte = &to[lane / 2];

	if (lane % 2)
		*byte = (uint8_t)((*byte & 0xf0) | (value & 0xf));
	else
		*byte = (uint8_t)((uint32_t)value << 4);
}

void soft_element_store(enum rk3588_precision precision, double value, uint8_t *atom, uint32_t lane)
{
	uint32_t bytes = soft_precision_bits(precision) / 8, bits;
	float single = (float)value;

	memcpy(&bits, &single, sizeof(bits));
	if (precision == RK3588_FP16)
		bits = half_from_float(single);
	else if (precision == RK3588_BF16)
		bits = bfloat_from_float(single);
	else if (!soft_precision_is_float(precision))
		bits = (uint32_t)(int32_t)value;
	if (precision == RK3588_INT4)
		put_nibble(atom, lane, (int32_t)bits);
	else
		memcpy(atom + (size_t)lane * bytes, &bits, bytes);
}

/* To fp32, and on to fp16. */
static void cast_ints(enum rk3588_precision precision, const int32_t *words, uint32_t n,
		      uint8_t *to)
{
	uint32_t bytes = soft_precision_bits(precision) / 8;

	for (uint32_t i = 0; i < n; i++)
		soft_element_store(precision, words[i], to + (size_t)i * bytes, 0);
}

static void store_ints(const struct soft_output *output, const double *values, uint32_t n,
		       uint8_t *to)
{
	int32_t words[SOFT_STRIP_PIXELS * SOFT_MAX_LANES];

	if (!output->converter.rounds_away)
		convert_ints(output, values, n, words);
	for (uint32_t i = 0; i < n && output->converter.rounds_away; i++)
		words[i] = (int32_t)soft_clamp(soft_convert(&output->converter, values[i]),
					       output->low, output->high);
	if (output->precision == RK3588_INT8)
		narrow(words, n, (int8_t *)to);
	else if (soft_precision_is_float(output->precision))
		cast_ints(output->precision, words, n, to);
	else if (output->precision == RK3588_INT32)
		memcpy(to, words, n * sizeof(*words));
	for (uint32_t i = 0; i < n && output->precision == RK3588_INT16; i++)
		memcpy(to + (size_t)i * 2, &words[i], 2);
	for (uint32_t i = 0; i < n && output->precision == RK3588_INT4; i++)
		put_nibble(to, i, words[i]);
}

SOFT_CLONE_BODY scale_floats_body(const struct soft_output *output, const float *values, uint32_t n,
				  float *scaled)
{
	const double before = output->is_add_first ? output->offset : -0.0;
	const double after = output->is_add_first ? -0.0 : output->offset;

	for (uint32_t i = 0; i < n; i++)
		scaled[i] = (float)((values[i] + before) * output->factor + after);
}

SOFT_CLONES(static, scale_floats,
	    (const struct soft_output *output, const float *values, uint32_t n, float *scaled),
	    (output, values, n, scaled))

SOFT_CLONE_BODY halve_body(const float *values, uint32_t n, uint16_t *halves)
{
	for (uint32_t i = 0; i < n; i++)
		halves[i] = half_from_float(values[i]);
}

SOFT_CLONES(static, halve, (const float *values, uint32_t n, uint16_t *halves), (values, n, halves))

static void store_floats(const struct soft_output *output, const float *values, uint32_t n,
			 uint8_t *to)
{
	float scaled[SOFT_STRIP_PIXELS * SOFT_MAX_LANES];
	uint16_t halves[SOFT_STRIP_PIXELS * SOFT_MAX_LANES];

	scale_floats(output, values, n, scaled);
	if (output->precision == RK3588_FP32) {
		memcpy(to, scaled, n * sizeof(*scaled));
		return;
	}
	if (output->precision == RK3588_FP16)
		halve(scaled, n, halves);
	for (uint32_t i = 0; i < n && output->precision == RK3588_BF16; i++)
		halves[i] = bfloat_from_float(scaled[i]);
	memcpy(to, halves, n * sizeof(*halves));
}

/* The lanes from `first` on: bits of OFFSET_PEND, one element of them or one and zeros. */
static void pad_lanes(const struct soft_output *output, uint32_t first, uint32_t n_lanes,
		      uint8_t *to)
{
	uint32_t element = output->pad, bytes = output->out_bits / 8;

	for (uint32_t i = first; i < n_lanes; i++) {
		if (output->precision == RK3588_INT4)
			put_nibble(to, i, (int32_t)element & 0xf);
		else
			memcpy(to + (size_t)i * bytes, &element, bytes);
	}
}

static void store(const struct soft_output *output, const struct soft_strip *strip, size_t from,
		  uint32_t n, uint8_t *to)
{
	if (output->is_from_ints)
		store_ints(output, &strip->ints[from], n, to);
	else
		store_floats(output, &strip->floats[from], n, to);
}

/* The atoms of a strip, [pixel][atom]. */
static void convert(const struct soft_output *output, const struct soft_result *result,
		    uint32_t n_atoms, uint8_t *atoms)
{
	const struct soft_strip *strip = result->strip;
	uint32_t lanes = n_atoms * SOFT_ATOM_BITS / output->out_bits;
	uint32_t n = result->n_lanes;

	if (n == strip->n_lanes) {
		store(output, strip, 0, strip->n_pixels * n, atoms);
		return;
	}
	for (uint32_t pixel = 0; pixel < strip->n_pixels; pixel++) {
		uint8_t *to = atoms + (size_t)pixel * n_atoms * SOFT_ATOM_BYTES;

		store(output, strip, (size_t)pixel * strip->n_lanes, n, to);
		pad_lanes(output, n, lanes, to);
	}
}

/* Joins atoms that follow one another. */
struct writer {
	struct soft_core *core;
	uint32_t iova;
	uint32_t n_bytes;
	uint8_t *bytes; /* WRITER_BYTES */
};

static int writer_flush(struct writer *writer)
{
	uint32_t n_bytes = writer->n_bytes;

	writer->n_bytes = 0;
	if (n_bytes == 0)
		return 0;
	return soft_core_dma_write(writer->core, SOFT_PORT_RESULTS, writer->iova, writer->bytes,
				   n_bytes);
}

static int writer_put(struct writer *writer, uint32_t iova, const uint8_t *atom)
{
	if (writer->n_bytes > 0 &&
	    (writer->n_bytes == WRITER_BYTES || iova != writer->iova + writer->n_bytes)) {
		int r = writer_flush(writer);

		if (r < 0)
			return r;
	}
	if (writer->n_bytes == 0)
		writer->iova = iova;
	memcpy(writer->bytes + writer->n_bytes, atom, SOFT_ATOM_BYTES);
	writer->n_bytes += SOFT_ATOM_BYTES;
	return 0;
}

static uint64_t position_of(const struct soft_output *output, uint32_t group, uint32_t pixel)
{
	return (uint64_t)group * output->n_pixels + pixel;
}

/*
 * Where each of the pixels from a position in the stream goes, and how many of them go anywhere: of
 * groups at one address the lowest survives.
 */
static uint32_t find_places(const struct soft_output *output, uint64_t position, uint32_t n_pixels,
			    uint32_t *iovas)
{
	uint64_t plane = (uint64_t)output->wdma_width * output->wdma_height;
	uint32_t group = (uint32_t)(position / plane), rest = (uint32_t)(position % plane);
	uint32_t y = rest / output->wdma_width, x = rest % output->wdma_width;

	for (uint32_t i = 0; i < n_pixels; i++) {
		if (group > 0 && output->group_bytes == 0)
			return i;
		iovas[i] = output->iova + group * output->group_bytes + y * output->line_bytes +
			   x * SOFT_ATOM_BYTES;
		x = x + 1 < output->wdma_width ? x + 1 : 0;
		y += x == 0;
		group += y == output->wdma_height;
		y = y < output->wdma_height ? y : 0;
	}
	return n_pixels;
}

/* Atoms of a strip on their way out. */
struct shipment {
	const uint8_t *atoms; /* [pixel][atom] */
	uint32_t n_atoms;     /* of each pixel */
	uint32_t n_written;   /* of these, from the lowest */
	uint32_t n_pixels;
	const uint32_t *iovas; /* of each pixel's first atom */
};

static int put_atom(struct writer *writer, const struct soft_output *output,
		    const struct shipment *shipment, uint32_t pixel, uint32_t atom)
{
	size_t from = (size_t)pixel * shipment->n_atoms + atom;

	return writer_put(writer, shipment->iovas[pixel] + atom * output->surface_bytes,
			  shipment->atoms + from * SOFT_ATOM_BYTES);
}

/* Surface by surface, pixels being neighbours in each. */
static int write_by_surface(struct writer *writer, const struct soft_output *output,
			    const struct shipment *shipment)
{
	int r = 0;

	for (uint32_t atom = 0; atom < shipment->n_written; atom++) {
		for (uint32_t pixel = 0; r == 0 && pixel < shipment->n_pixels; pixel++)
			r = put_atom(writer, output, shipment, pixel, atom);
	}
	return r == 0 ? writer_flush(writer) : r;
}

/* Row-major output has a pixel's atoms side by side. */
static int write_by_pixel(struct writer *writer, const struct soft_output *output,
			  const struct shipment *shipment)
{
	int r = 0;

	for (uint32_t pixel = 0; pixel < shipment->n_pixels; pixel++) {
		for (uint32_t atom = 0; r == 0 && atom < shipment->n_written; atom++)
			r = put_atom(writer, output, shipment, pixel, atom);
	}
	return r == 0 ? writer_flush(writer) : r;
}

static bool is_row_major(const struct soft_output *output)
{
	return output->surface_bytes == SOFT_ATOM_BYTES && output->wdma_width == 1;
}

bool soft_output_has_surfaces(const struct soft_output *output)
{
	return output->is_to_memory && !output->to_ppu && !is_row_major(output);
}

/* How many pixels from the first follow one another. */
static uint32_t run_length(const uint32_t *iovas, uint32_t n_pixels)
{
	uint32_t n = 1;

	while (n < n_pixels && iovas[n] == iovas[0] + n * SOFT_ATOM_BYTES)
		n++;
	return n;
}

static int write_runs(struct soft_core *core, const uint32_t *iovas, uint32_t n_pixels,
		      uint32_t offset, const uint8_t *atoms)
{
	int r = 0;

	for (uint32_t first = 0, n; r == 0 && first < n_pixels; first += n) {
		n = run_length(iovas + first, n_pixels - first);
		r = soft_core_dma_write(core, SOFT_PORT_RESULTS, iovas[first] + offset,
					atoms + (size_t)first * SOFT_ATOM_BYTES,
					n * SOFT_ATOM_BYTES);
	}
	return r;
}

/* Rows without gaps, and all pixels in the same group. */
static bool is_in_one_run(const struct soft_output *output, uint64_t position, uint32_t n_pixels)
{
	uint64_t plane = (uint64_t)output->wdma_width * output->wdma_height;
	uint64_t group = position / plane;

	return output->line_bytes == output->wdma_width * SOFT_ATOM_BYTES &&
	       (group == 0 || output->group_bytes != 0) &&
	       (position + n_pixels - 1) / plane == group;
}

int soft_output_write_surfaces(struct soft_core *core, const struct soft_output *output,
			       const struct soft_surfaces *surfaces)
{
	uint64_t position = position_of(output, surfaces->group, surfaces->first_pixel);
	uint32_t n_atoms = output->surface_bytes == 0 ? 1 : surfaces->n_atoms;
	uint32_t iovas[SOFT_QUICK_PIXELS];
	bool is_one_run = is_in_one_run(output, position, surfaces->n_pixels);
	uint32_t n_pixels =
		find_places(output, position, is_one_run ? 1 : surfaces->n_pixels, iovas);
	int r = 0;

	for (uint32_t atom = 0; r == 0 && atom < n_atoms; atom++) {
		size_t from = (size_t)atom * surfaces->n_pixels * SOFT_ATOM_BYTES;
		uint32_t offset = atom * output->surface_bytes;

		if (is_one_run)
			r = soft_core_dma_write(core, SOFT_PORT_RESULTS, iovas[0] + offset,
						surfaces->atoms + from,
						surfaces->n_pixels * SOFT_ATOM_BYTES);
		else
			r = write_runs(core, iovas, n_pixels, offset, surfaces->atoms + from);
	}
	return r;
}

static int write_atoms(struct soft_core *core, const struct soft_output *output,
		       const struct soft_result *result, uint32_t n_atoms, const uint8_t *atoms)
{
	uint8_t bytes[WRITER_BYTES];
	struct writer writer = {.core = core, .bytes = bytes};
	uint32_t iovas[SOFT_STRIP_PIXELS];
	struct shipment shipment = {
		.atoms = atoms,
		.n_atoms = n_atoms,
		/* Where a pixel's atoms have one address, the lowest channels survive (6.8). */
		.n_written = output->surface_bytes == 0 ? 1 : n_atoms,
		.n_pixels =
			find_places(output, position_of(output, result->group, result->first_pixel),
				    result->strip->n_pixels, iovas),
		.iovas = iovas,
	};

	if (is_row_major(output))
		return write_by_pixel(&writer, output, &shipment);
	return write_by_surface(&writer, output, &shipment);
}

static void hand_to_ppu(const struct soft_output *output, const struct soft_result *result,
			uint32_t n_atoms, const uint8_t *atoms)
{
	uint32_t in_group = output->group_channels * output->out_bits / SOFT_ATOM_BITS;

	for (uint32_t pixel = 0; pixel < result->strip->n_pixels; pixel++) {
		for (uint32_t atom = 0; atom < n_atoms; atom++) {
			size_t surface = (size_t)result->group * in_group + atom;
			size_t to = surface * output->n_pixels + result->first_pixel + pixel;

			memcpy(output->to_ppu + to * SOFT_ATOM_BYTES,
			       atoms + ((size_t)pixel * n_atoms + atom) * SOFT_ATOM_BYTES,
			       SOFT_ATOM_BYTES);
		}
	}
}

int soft_output_write(struct soft_core *core, const struct soft_output *output,
		      const struct soft_result *result)
{
	uint8_t atoms[STAGING_BYTES];
	uint32_t n_bits = result->n_lanes * output->out_bits;
	uint32_t n_atoms = (n_bits + SOFT_ATOM_BITS - 1) / SOFT_ATOM_BITS;

	convert(output, result, n_atoms, atoms);
	if (output->to_ppu)
		hand_to_ppu(output, result, n_atoms, atoms);
	return output->is_to_memory ? write_atoms(core, output, result, n_atoms, atoms) : 0;
}
