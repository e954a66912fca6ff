/* SPDX-License-Identifier: MIT */
/*
 * Line of output by line of output: the lines of input under it are read one after another, and
 * taken into what each window has so far. All elements, and sums of 256 of the
 * integers, are exact in a double.
 *
 * Unknown on silicon and as in NVDLA, from which the unit descends: extremes ignore what is outside
 * of the input, averages count the pad value there; integer averages are rounded after each of
 * their two multiplications, ties away from zero.
 */
#include "device/soft/ppu.h"

#include "device/soft/dpu_arithmetic.h"
#include "device/soft/dpu_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LANES 32u
/* Between looks at the abort flag. */
#define ABORT_WINDOWS 64u

/* Memory for one line, for widths of up to 8192 atoms. */
struct lines {
	uint8_t *atoms;	  /* of the input, as read; then of the output */
	double *elements; /* of the input */
	double *windows;  /* what each window has so far */
};

static void free_lines(struct lines *lines)
{
	free(lines->atoms);
	free(lines->elements);
	free(lines->windows);
}

static int new_lines(const struct soft_pool *pool, struct lines *ret_lines)
{
	uint32_t width = pool->in_width > pool->out_width ? pool->in_width : pool->out_width;
	struct lines lines = {
		.atoms = malloc((size_t)width * SOFT_ATOM_BYTES),
		.elements = calloc(pool->in_width, MAX_LANES * sizeof(double)),
		.windows = calloc(pool->out_width, MAX_LANES * sizeof(double)),
	};

	if (!lines.atoms || !lines.elements || !lines.windows) {
		free_lines(&lines);
		return -ENOMEM;
	}
	*ret_lines = lines;
	return 0;
}

static int read_line(struct soft_core *core, const struct soft_pool *pool, uint32_t surface,
		     uint32_t y, struct lines *lines)
{
	size_t n_bytes = (size_t)pool->in_width * SOFT_ATOM_BYTES;
	const uint8_t *atoms = lines->atoms;
	int r = 0;

	if (pool->surfaces)
		atoms = pool->surfaces + ((size_t)surface * pool->in_height + y) * n_bytes;
	else
		r = soft_core_dma_read(core, SOFT_PORT_FEATURES,
				       pool->in_iova + surface * pool->in_surface_bytes +
					       y * pool->in_line_bytes,
				       lines->atoms, n_bytes);
	for (uint32_t x = 0; r == 0 && x < pool->in_width; x++) {
		for (uint32_t lane = 0; lane < pool->lanes; lane++)
			lines->elements[x * pool->lanes + lane] = soft_element_value(
				pool->precision, atoms + (size_t)x * SOFT_ATOM_BYTES, lane);
	}
	return r;
}

static double combine(enum soft_pool_method method, double a, double b)
{
	switch (method) {
	case SOFT_POOL_MAX:
		return a < b ? b : a;
	case SOFT_POOL_MIN:
		return a > b ? b : a;
	default:
		return a + b;
	}
}

static void take_atom(const struct soft_pool *pool, const double *elements, double *window)
{
	for (uint32_t lane = 0; lane < pool->lanes; lane++)
		window[lane] = combine(pool->method, window[lane], elements[lane]);
}

static void take_pads(const struct soft_pool *pool, uint32_t n, double *window)
{
	if (pool->method != SOFT_POOL_AVERAGE)
		return;
	for (uint32_t lane = 0; lane < pool->lanes; lane++)
		window[lane] += n * pool->pad;
}

/* The part of a window that lies in the line that was read. */
static void take_window(const struct soft_pool *pool, uint32_t out_x, struct lines *lines)
{
	double *window = &lines->windows[(size_t)out_x * pool->lanes];
	int64_t left = (int64_t)out_x * pool->stride_x - pool->pad_left;
	uint32_t n_pads = 0;

	for (uint32_t i = 0; i < pool->kernel_width; i++) {
		int64_t x = left + i;

		if (x < 0 || x >= pool->in_width)
			n_pads++;
		else
			take_atom(pool, &lines->elements[(size_t)x * pool->lanes], window);
	}
	take_pads(pool, n_pads, window);
}

/* The least of the integers of a precision. */
static double lowest(enum rk3588_precision precision)
{
	return -ldexp(1, (int)soft_precision_bits(precision) - 1);
}

/* What an extreme of nothing is: the end of the range. */
static double first_value(const struct soft_pool *pool)
{
	bool is_float = soft_precision_is_float(pool->precision);

	if (pool->method == SOFT_POOL_AVERAGE)
		return 0;
	if (pool->method == SOFT_POOL_MAX)
		return is_float ? -(double)INFINITY : lowest(pool->precision);
	return is_float ? (double)INFINITY : -lowest(pool->precision) - 1;
}

/* All windows of a line of output, with one line of input or one outside of it. */
static int take_line(const struct soft_core *core, const struct soft_pool *pool, bool is_outside,
		     struct lines *lines)
{
	for (uint32_t x = 0; x < pool->out_width; x++) {
		if (x % ABORT_WINDOWS == 0 && soft_core_is_aborted(core))
			return -ECANCELED;
		if (is_outside)
			take_pads(pool, pool->kernel_width,
				  &lines->windows[(size_t)x * pool->lanes]);
		else
			take_window(pool, x, lines);
	}
	return 0;
}

static int gather_line(struct soft_core *core, const struct soft_pool *pool, uint32_t surface,
		       uint32_t out_y, struct lines *lines)
{
	int64_t top = (int64_t)out_y * pool->stride_y - pool->pad_top;
	double first = first_value(pool);
	int r = 0;

	for (uint32_t i = 0; i < pool->out_width * pool->lanes; i++)
		lines->windows[i] = first;
	for (uint32_t i = 0; r == 0 && i < pool->kernel_height; i++) {
		bool is_outside = top + i < 0 || top + i >= pool->in_height;

		if (!is_outside)
			r = read_line(core, pool, surface, (uint32_t)(top + i), lines);
		if (r == 0)
			r = take_line(core, pool, is_outside, lines);
	}
	return r;
}

static double average(const struct soft_pool *pool, double sum)
{
	int64_t value;

	if (soft_precision_is_float(pool->precision))
		return sum * soft_pool_reciprocal(pool->recip_width) *
		       soft_pool_reciprocal(pool->recip_height);
	/* 40 bits times 17; 41 times 17. */
	value = soft_shift_round((int64_t)sum * pool->recip_width, 16, true);
	value = soft_shift_round(value * pool->recip_height, 16, true);
	return soft_clamp((double)value, lowest(pool->precision), -lowest(pool->precision) - 1);
}

static int write_line(struct soft_core *core, const struct soft_pool *pool, uint32_t surface,
		      uint32_t out_y, struct lines *lines)
{
	for (uint32_t i = 0; i < pool->out_width * pool->lanes; i++) {
		double value = lines->windows[i];

		if (pool->method == SOFT_POOL_AVERAGE)
			value = average(pool, value);
		soft_element_store(pool->precision, value,
				   lines->atoms + (i / pool->lanes) * SOFT_ATOM_BYTES,
				   i % pool->lanes);
	}
	return soft_core_dma_write(core, SOFT_PORT_RESULTS,
				   pool->out_iova + surface * pool->out_surface_bytes +
					   out_y * pool->out_line_bytes,
				   lines->atoms, (size_t)pool->out_width * SOFT_ATOM_BYTES);
}

static int run_surface(struct soft_core *core, const struct soft_pool *pool, uint32_t surface,
		       struct lines *lines)
{
	int r = 0;

	for (uint32_t y = 0; r == 0 && y < pool->out_height; y++) {
		r = gather_line(core, pool, surface, y, lines);
		if (r == 0)
			r = write_line(core, pool, surface, y, lines);
	}
	return r;
}

static int run(struct soft_core *core, const struct soft_pool *pool)
{
	struct lines lines;
	int r;

	r = new_lines(pool, &lines);
	if (r < 0)
		return r;
	for (uint32_t surface = 0; r == 0 && surface < pool->n_surfaces; surface++)
		r = run_surface(core, pool, surface, &lines);
	free_lines(&lines);
	return r;
}

int soft_pooling_run(struct soft_core *core, struct soft_operation *operation)
{
	struct soft_pool pool;
	uint64_t in, out;
	int r;

	if (!soft_group_field(&operation->ppu, REG_PPU_OPERATION_MODE_CFG, PPU_FLYING_MODE))
		return -ENODATA;
	r = soft_pool_configure(operation, NULL, &core->draft, &pool);
	if (r < 0)
		return r;
	in = (uint64_t)pool.in_width * pool.in_height;
	out = (uint64_t)pool.out_width * pool.out_height;
	operation->work.bytes += (in + out) * pool.n_surfaces * SOFT_ATOM_BYTES;
	return run(core, &pool);
}

int soft_pooling_run_behind(struct soft_core *core, const struct soft_operation *operation,
			    const struct soft_pool_source *source)
{
	struct soft_pool pool;
	int r;

	r = soft_pool_configure(operation, source, &core->draft, &pool);
	return r < 0 ? r : run(core, &pool);
}
