/* SPDX-License-Identifier: MIT */
/*
 * Results are converted into 16-byte atoms, then scattered; neighbouring atoms go out in one write.
 */
#include "device/soft/dpu.h"

#include "device/soft/half.h"

#include <string.h>

#define ATOM_BYTES   16u
#define WRITER_BYTES 4096u

/* x / 2^shift to nearest, ties to even or away from zero (hardware reference 6.6). */
static int64_t shift_rounded(int64_t x, uint32_t shift, bool rounds_away)
{
	uint64_t magnitude = x < 0 ? -(uint64_t)x : (uint64_t)x;
	uint64_t half, rest, quotient;

	if (shift == 0)
		return x;
	half = 1ull << (shift - 1);
	rest = magnitude & (2 * half - 1);
	quotient = magnitude >> shift;
	if (rest > half || (rest == half && (rounds_away || (quotient & 1))))
		quotient++;
	return x < 0 ? -(int64_t)quotient : (int64_t)quotient;
}

static int64_t convert_integer(const struct soft_dpu *dpu, int64_t x)
{
	int64_t max = dpu->precision == RK3588_INT8 ? INT8_MAX : INT32_MAX;

	if (dpu->is_add_first)
		x = shift_rounded((x + dpu->offset) * dpu->scale, dpu->shift, dpu->rounds_away);
	else
		x = shift_rounded(x * dpu->scale, dpu->shift, dpu->rounds_away) + dpu->offset;
	return x > max ? max : x < -max - 1 ? -max - 1 : x;
}

static void store_integer(const struct soft_dpu *dpu, int32_t result, uint8_t *to)
{
	int64_t value = convert_integer(dpu, result);
	int32_t word = (int32_t)value;

	if (dpu->precision == RK3588_INT8)
		*to = (uint8_t)value;
	else
		memcpy(to, &word, sizeof(word));
}

static void store_float(const struct soft_dpu *dpu, float result, uint8_t *to)
{
	float value = (float)(result * dpu->factor);
	uint16_t half;

	if (dpu->precision == RK3588_FP32) {
		memcpy(to, &value, sizeof(value));
		return;
	}
	half = half_from_float(value);
	memcpy(to, &half, sizeof(half));
}

/* The atoms of `n` pixels, [pixel][atom], in the staging buffer; lanes that are not real are 0. */
static void convert(struct soft_cbuf *cbuf, const struct soft_dpu *dpu, uint32_t n_lanes,
		    uint32_t n)
{
	uint32_t pixel_bytes = dpu->group_kernels * dpu->out_bytes;

	memset(cbuf->staging, 0, (size_t)n * pixel_bytes);
	for (uint32_t pixel = 0; pixel < n; pixel++) {
		for (uint32_t lane = 0; lane < n_lanes; lane++) {
			uint8_t *to = cbuf->staging + (size_t)pixel * pixel_bytes +
				      (size_t)lane * dpu->out_bytes;

			if (dpu->group_kernels == SOFT_GROUP_INT8)
				store_integer(dpu, cbuf->results.int8[pixel][lane], to);
			else
				store_float(dpu, cbuf->results.fp16[pixel][lane], to);
		}
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
	memcpy(writer->bytes + writer->n_bytes, atom, ATOM_BYTES);
	writer->n_bytes += ATOM_BYTES;
	return 0;
}

static uint32_t pixel_iova(const struct soft_dpu *dpu, uint64_t position)
{
	uint64_t plane = (uint64_t)dpu->wdma_width * dpu->wdma_height;
	uint32_t group = (uint32_t)(position / plane), rest = (uint32_t)(position % plane);
	uint32_t y = rest / dpu->wdma_width, x = rest % dpu->wdma_width;

	return dpu->dst_iova + group * dpu->group_bytes + y * dpu->line_bytes + x * ATOM_BYTES;
}

/* Surface by surface, pixels being neighbours in each. */
static int write_by_surface(struct writer *writer, const struct soft_dpu *dpu,
			    const uint32_t *iovas, uint32_t n, uint32_t n_atoms)
{
	uint32_t pixel_bytes = dpu->group_kernels * dpu->out_bytes;
	const uint8_t *atoms = writer->core->cbuf->staging;

	for (uint32_t atom = 0; atom < n_atoms; atom++) {
		for (uint32_t pixel = 0; pixel < n; pixel++) {
			int r = writer_put(writer, iovas[pixel] + atom * dpu->surface_bytes,
					   atoms + (size_t)pixel * pixel_bytes + atom * ATOM_BYTES);

			if (r < 0)
				return r;
		}
	}
	return writer_flush(writer);
}

/* Row-major output has a pixel's atoms side by side. */
static int write_by_pixel(struct writer *writer, const struct soft_dpu *dpu, const uint32_t *iovas,
			  uint32_t n, uint32_t n_atoms)
{
	uint32_t pixel_bytes = dpu->group_kernels * dpu->out_bytes;
	const uint8_t *atoms = writer->core->cbuf->staging;

	for (uint32_t pixel = 0; pixel < n; pixel++) {
		for (uint32_t atom = 0; atom < n_atoms; atom++) {
			int r = writer_put(writer, iovas[pixel] + atom * ATOM_BYTES,
					   atoms + (size_t)pixel * pixel_bytes + atom * ATOM_BYTES);

			if (r < 0)
				return r;
		}
	}
	return writer_flush(writer);
}

int soft_dpu_write(struct soft_core *core, const struct soft_dpu *dpu, uint32_t kernel_group,
		   uint32_t first, uint32_t n)
{
	uint32_t before = kernel_group * dpu->group_kernels, n_lanes, n_atoms;
	uint64_t position = (uint64_t)kernel_group * dpu->n_pixels + first;
	uint8_t bytes[WRITER_BYTES];
	struct writer writer = {.core = core, .bytes = bytes};
	uint32_t iovas[SOFT_TILE_PIXELS];

	if (before >= dpu->real_channels)
		return 0;
	n_lanes = dpu->real_channels - before;
	if (n_lanes > dpu->group_kernels)
		n_lanes = dpu->group_kernels;
	n_atoms = (n_lanes * dpu->out_bytes + ATOM_BYTES - 1) / ATOM_BYTES;
	/* Where a pixel's atoms have one address, the lowest channels survive (6.8). */
	if (dpu->surface_bytes == 0)
		n_atoms = 1;
	convert(core->cbuf, dpu, n_lanes, n);
	for (uint32_t pixel = 0; pixel < n; pixel++)
		iovas[pixel] = pixel_iova(dpu, position + pixel);
	if (dpu->surface_bytes == ATOM_BYTES && dpu->wdma_width == 1)
		return write_by_pixel(&writer, dpu, iovas, n, n_atoms);
	return write_by_surface(&writer, dpu, iovas, n, n_atoms);
}
