/* SPDX-License-Identifier: MIT */
/*
 * Features come as 16-byte atoms at strided places; runs of neighbouring atoms are fetched in one
 * access. Weights of a group lie slice after slice of 32 channels, so that a chunk of slices is one
 * piece of memory (hardware reference 4.2, 4.3, 4.10).
 */
#include "device/soft/cna.h"

#include "device/soft/half.h"

#include <string.h>

#define ATOM_BYTES 16u
#define RUN_ATOMS  256u
#define SLICE	   32u

/* A position among the atoms of a block: output pixel and surface. */
struct atom {
	uint32_t pixel, surface;
};

static uint32_t atom_iova(const struct soft_cna *cna, struct atom atom)
{
	uint32_t x = atom.pixel % cna->out_width, y = atom.pixel / cna->out_width;
	uint32_t line = y * cna->line_stride_bytes;

	if (!cna->is_line_mode)
		line = y / 4 * cna->line_stride_bytes + y % 4 * cna->width * ATOM_BYTES;
	return cna->feature_iova + line + x * ATOM_BYTES + atom.surface * cna->surface_pitch_bytes;
}

/* Sign extension of an int8. */
static int16_t widen(uint8_t byte)
{
	return (int16_t)((byte ^ 0x80) - 0x80);
}

static void widen_atom(const struct soft_cna *cna, struct soft_cbuf *cbuf, size_t index,
		       const uint8_t *bytes)
{
	if (cna->precision == RK3588_INT8) {
		for (unsigned i = 0; i < 16; i++)
			cbuf->features.int8[index + i] = widen(bytes[i]);
	} else {
		uint16_t halves[8];

		memcpy(halves, bytes, sizeof(halves));
		for (unsigned i = 0; i < 8; i++)
			cbuf->features.fp16[index + i] = half_to_float(halves[i]);
	}
}

/* Walks a block's atoms along pixels or along surfaces, whichever are neighbours in memory. */
struct walk {
	uint32_t first; /* pixel of the block */
	bool along_surface;
	uint32_t outer, inner, n_inner;
};

static struct atom walk_atom(const struct walk *walk, uint32_t ahead)
{
	uint32_t inner = walk->inner + ahead;

	if (walk->along_surface)
		return (struct atom){walk->first + walk->outer, inner};
	return (struct atom){walk->first + inner, walk->outer};
}

static uint32_t run_length(const struct soft_cna *cna, const struct walk *walk, uint32_t iova)
{
	uint32_t n = 1, rest = walk->n_inner - walk->inner;

	while (n < rest && n < RUN_ATOMS &&
	       atom_iova(cna, walk_atom(walk, n)) == iova + n * ATOM_BYTES)
		n++;
	return n;
}

/* Fetches the next run of atoms; *ret_n tells how many. */
static int load_run(struct soft_core *core, const struct soft_cna *cna, const struct walk *walk,
		    uint32_t *ret_n)
{
	uint32_t iova = atom_iova(cna, walk_atom(walk, 0));
	uint32_t n = run_length(cna, walk, iova);
	uint8_t *staging = core->cbuf->staging;
	int r;

	r = soft_core_dma_read(core, SOFT_PORT_FEATURES, iova, staging, n * ATOM_BYTES);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++) {
		struct atom atom = walk_atom(walk, i);
		size_t index = (size_t)(atom.pixel - walk->first) * cna->channels +
			       atom.surface * cna->atom_channels;

		widen_atom(cna, core->cbuf, index, staging + i * ATOM_BYTES);
	}
	*ret_n = n;
	return 0;
}

/* Channels that are not real are zeros whatever memory holds (4.2). */
static void clear_unreal(struct soft_cbuf *cbuf, const struct soft_cna *cna, uint32_t n)
{
	size_t unreal = cna->channels - cna->real_channels;

	for (uint32_t pixel = 0; pixel < n && unreal > 0; pixel++) {
		size_t index = (size_t)pixel * cna->channels + cna->real_channels;

		if (cna->precision == RK3588_INT8)
			memset(&cbuf->features.int8[index], 0, unreal * sizeof(int16_t));
		else
			memset(&cbuf->features.fp16[index], 0, unreal * sizeof(float));
	}
}

int soft_cna_load_features(struct soft_core *core, const struct soft_cna *cna, uint32_t first,
			   uint32_t n)
{
	uint32_t n_surfaces = cna->channels / cna->atom_channels;
	struct walk walk = {.first = first};
	uint32_t n_outer;

	walk.along_surface = cna->surface_pitch_bytes == ATOM_BYTES;
	walk.n_inner = walk.along_surface ? n_surfaces : n;
	n_outer = walk.along_surface ? n : n_surfaces;
	for (walk.outer = 0; walk.outer < n_outer; walk.outer++) {
		uint32_t run;

		for (walk.inner = 0; walk.inner < walk.n_inner; walk.inner += run) {
			int r = load_run(core, cna, &walk, &run);

			if (r < 0)
				return r;
		}
	}
	clear_unreal(core->cbuf, cna, n);
	return 0;
}

uint32_t soft_cna_group_size(const struct soft_cna *cna, uint32_t kernel_group)
{
	uint32_t before = kernel_group * cna->group_kernels;

	if (before >= cna->kernels)
		return 0;
	return cna->kernels - before < cna->group_kernels ? cna->kernels - before
							  : cna->group_kernels;
}

static void widen_int8(struct soft_cbuf *cbuf, uint32_t n_kernels, uint32_t n)
{
	const uint8_t *from = cbuf->staging;

	for (uint32_t slice = 0; slice < n; slice += SLICE) {
		uint32_t width = n - slice < SLICE ? n - slice : SLICE;

		for (uint32_t kernel = 0; kernel < n_kernels; kernel++) {
			int16_t *to = &cbuf->weights.int8[kernel][slice];

			for (uint32_t i = 0; i < width; i++)
				to[i] = widen(from[i]);
			from += width;
		}
	}
}

static void widen_fp16(struct soft_cbuf *cbuf, uint32_t n_kernels, uint32_t n)
{
	const uint8_t *from = cbuf->staging;

	for (uint32_t slice = 0; slice < n; slice += SLICE) {
		uint32_t width = n - slice < SLICE ? n - slice : SLICE;

		for (uint32_t kernel = 0; kernel < n_kernels; kernel++) {
			uint16_t halves[SLICE] = {0};
			float row[SLICE];

			memcpy(halves, from, width * sizeof(*halves));
			for (uint32_t i = 0; i < SLICE; i++)
				row[i] = half_to_float(halves[i]);
			for (uint32_t i = 0; i < width; i++)
				cbuf->weights.fp16[slice + i][kernel] = row[i];
			from += width * sizeof(*halves);
		}
	}
}

int soft_cna_load_weights(struct soft_core *core, const struct soft_cna *cna, uint32_t kernel_group,
			  uint32_t first, uint32_t n)
{
	uint32_t n_kernels = soft_cna_group_size(cna, kernel_group);
	uint64_t before = (uint64_t)kernel_group * cna->group_kernels * cna->channels;
	uint64_t offset = (before + (uint64_t)n_kernels * first) * cna->element_bytes;
	int r;

	r = soft_core_dma_read(core, SOFT_PORT_WEIGHTS, cna->weight_iova + (uint32_t)offset,
			       core->cbuf->staging, (size_t)n_kernels * n * cna->element_bytes);
	if (r < 0)
		return r;
	if (n_kernels < cna->group_kernels)
		memset(&core->cbuf->weights, 0, sizeof(core->cbuf->weights));
	if (cna->precision == RK3588_INT8)
		widen_int8(core->cbuf, n_kernels, n);
	else
		widen_fp16(core->cbuf, n_kernels, n);
	return 0;
}
