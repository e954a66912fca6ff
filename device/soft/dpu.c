/* SPDX-License-Identifier: MIT */
/*
 * A tile goes through the stages strip by strip, so that what a stage leaves is still near when the
 * next one takes it up.
 */
#include "device/soft/dpu.h"

#include "device/soft/clones.h"
#include "device/soft/dpu_config.h"
#include "device/soft/ppu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the PPU may wait for at once. Real networks stay far below. */
#define MAX_PPU_BYTES (64u << 20)

static bool feeds_ppu(const struct soft_operation *operation)
{
	return soft_group_field(&operation->dpu, REG_DPU_FEATURE_MODE_CFG, DPU_OUTPUT_TO_PPU);
}

static int take_ppu_memory(const struct soft_operation *operation, struct soft_complaint *complaint,
			   struct soft_dpu *dpu)
{
	uint64_t group_bytes = (uint64_t)dpu->group_channels * dpu->output.out_bits / 8;
	uint64_t n_bytes = group_bytes * dpu->n_groups * dpu->output.n_pixels;

	if (n_bytes > MAX_PPU_BYTES)
		return soft_complain(complaint, REG_DPU_FEATURE_MODE_CFG,
				     soft_group_get(&operation->dpu, REG_DPU_FEATURE_MODE_CFG),
				     "more than 64 MiB for the PPU are not modelled");
	dpu->output.to_ppu = calloc(1, n_bytes);
	return dpu->output.to_ppu ? 0 : -ENOMEM;
}

int soft_dpu_begin(struct soft_core *core, const struct soft_operation *operation,
		   const struct soft_dpu_input *input, struct soft_dpu *ret_dpu)
{
	const struct soft_quick_variant *variants = NULL;
	size_t n_variants;
	int r;

	n_variants = soft_quick_variants(&variants);
	r = soft_dpu_configure(operation, input, &core->draft, ret_dpu);
	ret_dpu->quickest = variants[n_variants - 1];
	if (r == 0 && feeds_ppu(operation))
		r = take_ppu_memory(operation, &core->draft, ret_dpu);
	return r;
}

static uint32_t lanes_of_group(const struct soft_dpu *dpu, uint32_t group)
{
	uint32_t before = group * dpu->group_channels;
	uint32_t rest = before < dpu->output.real_channels ? dpu->output.real_channels - before : 0;

	return rest < dpu->group_channels ? rest : dpu->group_channels;
}

static int fill_lanes(struct soft_core *core, const struct soft_dpu *dpu, uint32_t group,
		      const struct soft_stage *stage, struct soft_lane_operands *ret_lanes)
{
	const struct soft_operand_table *table = stage == &dpu->bs ? &dpu->rdma.bs : &dpu->rdma.bn;
	struct soft_channel_operands channels = {0};
	int r = 0;

	if (stage->alu_per_channel || stage->ow_per_channel || stage->mul_per_channel)
		r = soft_rdma_read_table(core, table, group * dpu->group_channels,
					 lanes_of_group(dpu, group), &channels);
	/* Nobody looks at those of a stage that is off. */
	if (r == 0 && stage->is_on)
		soft_stage_fill_lanes(stage, soft_precision_is_float(dpu->precision), &channels,
				      ret_lanes);
	return r;
}

/* Whole atoms on their way to surfaces in memory. */
static void prepare_quick(struct soft_dpu *dpu, uint32_t group)
{
	const struct soft_quick_stages stages = {
		.bs = &dpu->bs,
		.bn = &dpu->bn,
		.bs_lanes = &dpu->bs_lanes,
		.n_lanes = dpu->group_channels,
		.has_ew = dpu->ew.is_on,
	};

	soft_quick_prepare(&stages, &dpu->output, soft_precision_is_float(dpu->precision),
			   &dpu->quick);
	if (lanes_of_group(dpu, group) * dpu->output.out_bits % SOFT_ATOM_BITS != 0 ||
	    !soft_output_has_surfaces(&dpu->output))
		dpu->quick.is_possible = false;
}

static int load_group(struct soft_core *core, struct soft_dpu *dpu, uint32_t group)
{
	int r;

	if (dpu->loaded_group == group)
		return 0;
	dpu->loaded_group = UINT32_MAX;
	r = fill_lanes(core, dpu, group, &dpu->bs, &dpu->bs_lanes);
	if (r == 0)
		r = fill_lanes(core, dpu, group, &dpu->bn, &dpu->bn_lanes);
	if (r < 0)
		return r;
	prepare_quick(dpu, group);
	dpu->loaded_group = group;
	return 0;
}

static int load_operands(struct soft_core *core, const struct soft_dpu *dpu, uint32_t group,
			 uint32_t first, struct soft_strip *operands)
{
	const struct soft_operand_range range = {
		.first_pixel = first,
		.first_channel = group * dpu->group_channels,
		.n_channels = lanes_of_group(dpu, group),
	};

	if (!soft_ew_is_binary(&dpu->ew))
		return 0;
	if (dpu->ew.is_from_memory)
		return soft_rdma_read_operand(core, &dpu->rdma, dpu->ew.operand_precision, &range,
					      operands);
	soft_ew_fill_operands(&dpu->ew, soft_precision_is_float(dpu->precision), operands);
	return 0;
}

/* Feature sums of a strip, as of a tile. */
struct sums {
	const int32_t *values;
	uint32_t pitch;
};

static void run_stages(struct soft_dpu *dpu, struct sums sums, struct soft_strip *operands,
		       struct soft_strip *strip)
{
	const struct soft_lut *lut = &dpu->operation->lut;

	if (soft_precision_is_float(dpu->precision)) {
		soft_stage_run_floats(&dpu->bs, &dpu->bs_lanes, strip);
		soft_stage_run_floats(&dpu->bn, &dpu->bn_lanes, strip);
		soft_ew_run_floats(&dpu->ew, lut, operands, strip);
	} else {
		soft_stage_run_ints(&dpu->bs, &dpu->bs_lanes, sums.values, sums.pitch, strip);
		soft_stage_run_ints(&dpu->bn, &dpu->bn_lanes, NULL, 1, strip);
		soft_ew_run_ints(&dpu->ew, lut, operands, strip);
	}
}

static int run_strip(struct soft_core *core, struct soft_dpu *dpu, struct sums sums,
		     const struct soft_result *result, struct soft_strip *strip)
{
	struct soft_strip operands;
	int r;

	operands.n_pixels = strip->n_pixels;
	operands.n_lanes = strip->n_lanes;
	r = load_group(core, dpu, result->group);
	if (r == 0)
		r = load_operands(core, dpu, result->group, result->first_pixel, &operands);
	if (r < 0)
		return r;
	run_stages(dpu, sums, &operands, strip);
	return soft_output_write(core, &dpu->output, result);
}

SOFT_CLONE_BODY widen_body(const int32_t *from, uint32_t n, double *to)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = from[i];
}

SOFT_CLONES(static, widen, (const int32_t *from, uint32_t n, double *to), (from, n, to))

/* `n` values of a tile to the strip's from `to` on. */
static void take_lanes(const struct soft_dpu_tile *tile, bool is_float, size_t from, uint32_t n,
		       struct soft_strip *strip, size_t to)
{
	if (is_float)
		memcpy(&strip->floats[to], &tile->floats[from], n * sizeof(float));
	else
		widen(&tile->ints[from], n, &strip->ints[to]);
}

/* The pixels of a tile from `first` on. */
static void take_values(const struct soft_dpu *dpu, const struct soft_dpu_tile *tile,
			uint32_t first, struct soft_strip *strip)
{
	bool is_float = soft_precision_is_float(dpu->precision);
	size_t from = (size_t)first * tile->pitch;

	if (tile->pitch == strip->n_lanes) {
		take_lanes(tile, is_float, from, strip->n_pixels * strip->n_lanes, strip, 0);
		return;
	}
	for (uint32_t pixel = 0; pixel < strip->n_pixels; pixel++)
		take_lanes(tile, is_float, from + (size_t)pixel * tile->pitch, strip->n_lanes,
			   strip, (size_t)pixel * strip->n_lanes);
}

static uint32_t strip_size(uint32_t rest)
{
	return rest < SOFT_STRIP_PIXELS ? rest : SOFT_STRIP_PIXELS;
}

static bool is_quick(const struct soft_dpu *dpu, const struct soft_dpu_tile *tile)
{
	return dpu->quick.is_possible && tile->pitch == dpu->group_channels &&
	       (!dpu->quick.has_ow || (tile->sums && !dpu->is_depthwise));
}

/* All stages at once. */
static int process_quickly(struct soft_core *core, struct soft_dpu *dpu,
			   const struct soft_dpu_tile *tile)
{
	uint8_t atoms[SOFT_QUICK_PIXELS * SOFT_MAX_LANES * sizeof(uint16_t)];
	uint32_t n_lanes = lanes_of_group(dpu, tile->group);
	uint32_t n_atoms = n_lanes * dpu->output.out_bits / SOFT_ATOM_BITS;
	int r = 0;

	for (uint32_t first = 0; r == 0 && first < tile->n_pixels; first += SOFT_QUICK_PIXELS) {
		uint32_t rest = tile->n_pixels - first;
		const struct soft_quick_run run = {
			.ints = tile->ints + (size_t)first * tile->pitch,
			.sums = dpu->quick.has_ow ? tile->sums + first : NULL,
			.n_pixels = rest < SOFT_QUICK_PIXELS ? rest : SOFT_QUICK_PIXELS,
			.n_lanes = n_lanes,
			.pitch = tile->pitch,
			.atoms = atoms,
		};

		if (soft_precision_is_float(dpu->precision))
			dpu->quickest.floats(&dpu->quick, &run);
		else
			dpu->quickest.ints(&dpu->quick, &run);
		r = soft_output_write_surfaces(core, &dpu->output,
					       &(struct soft_surfaces){
						       .group = tile->group,
						       .first_pixel = tile->first_pixel + first,
						       .n_pixels = run.n_pixels,
						       .n_atoms = n_atoms,
						       .atoms = atoms,
					       });
	}
	return r;
}

static int process_by_stages(struct soft_core *core, struct soft_dpu *dpu,
			     const struct soft_dpu_tile *tile)
{
	uint32_t sums_pitch = dpu->is_depthwise ? tile->pitch : 1;
	struct soft_strip strip;
	int r = 0;

	strip.n_lanes = dpu->group_channels;
	for (uint32_t first = 0; r == 0 && first < tile->n_pixels; first += SOFT_STRIP_PIXELS) {
		struct sums sums = {NULL, sums_pitch};
		struct soft_result result = {
			.group = tile->group,
			.first_pixel = tile->first_pixel + first,
			.n_lanes = lanes_of_group(dpu, tile->group),
			.strip = &strip,
		};

		strip.n_pixels = strip_size(tile->n_pixels - first);
		if (tile->sums)
			sums.values = tile->sums + (size_t)first * sums_pitch;
		take_values(dpu, tile, first, &strip);
		r = run_strip(core, dpu, sums, &result, &strip);
	}
	return r;
}

int soft_dpu_process(struct soft_core *core, struct soft_dpu *dpu, const struct soft_dpu_tile *tile)
{
	int r;

	if (tile->group >= dpu->n_groups)
		return 0;
	r = load_group(core, dpu, tile->group);
	if (r < 0)
		return r;
	return is_quick(dpu, tile) ? process_quickly(core, dpu, tile)
				   : process_by_stages(core, dpu, tile);
}

int soft_dpu_fly(struct soft_core *core, struct soft_dpu *dpu, uint32_t group, uint32_t first)
{
	struct soft_strip strip;
	struct soft_result result = {
		.group = group,
		.first_pixel = first,
		.n_lanes = lanes_of_group(dpu, group),
		.strip = &strip,
	};
	int r;

	strip.n_lanes = dpu->group_channels;
	strip.n_pixels = strip_size(dpu->output.n_pixels - first);
	r = soft_rdma_read_main(core, &dpu->rdma, group, first, &strip);
	if (r < 0)
		return r;
	return run_strip(core, dpu, (struct sums){NULL, 1}, &result, &strip);
}

struct soft_pool_source soft_dpu_pool_source(const struct soft_dpu *dpu)
{
	return (struct soft_pool_source){
		.surfaces = dpu->output.to_ppu,
		.precision = dpu->output.precision,
		.width = dpu->width,
		.height = dpu->height,
		.channels = dpu->n_groups * dpu->group_channels,
		.is_flying = dpu->is_flying,
	};
}

static int run_ppu(struct soft_core *core, const struct soft_dpu *dpu)
{
	const struct soft_pool_source source = soft_dpu_pool_source(dpu);

	return soft_pooling_run_behind(core, dpu->operation, &source);
}

int soft_dpu_end(struct soft_core *core, struct soft_dpu *dpu, int r)
{
	if (r == 0 && dpu->output.to_ppu)
		r = run_ppu(core, dpu);
	free(dpu->output.to_ppu);
	dpu->output.to_ppu = NULL;
	return r;
}
