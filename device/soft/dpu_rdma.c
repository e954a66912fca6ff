/* SPDX-License-Identifier: MIT */
/*
 * Reads go line by line, or at once where lines follow one another; atoms are widened into strips.
 */
#include "device/soft/dpu_rdma.h"

#include "device/soft/half.h"

#include <string.h>

#define BLOCK_CHANNELS	8u
#define MAX_BLOCK_BYTES 64u
#define USES_ALU	0x1u
#define USES_OW		0x2u
#define USES_MUL	0x4u

uint32_t soft_precision_bits(enum rk3588_precision precision)
{
	static const uint32_t bits[] = {
		[RK3588_INT8] = 8,   [RK3588_INT16] = 16, [RK3588_FP16] = 16, [RK3588_BF16] = 16,
		[RK3588_INT32] = 32, [RK3588_FP32] = 32,  [RK3588_INT4] = 4,  [RK3588_TF32] = 32,
	};

	return bits[precision];
}

uint32_t soft_precision_lanes(enum rk3588_precision precision)
{
	return SOFT_ATOM_BITS / soft_precision_bits(precision);
}

static const struct soft_rule rdma_rules[] = {
	{REG_RDMA_ERDMA_CFG, RDMA_ERDMA_SURF_MODE | RDMA_ERDMA_NONALIGN, 0,
	 "packed operands and pairs of surfaces are not modelled"},
	{REG_RDMA_SRC_DMA_CFG, RDMA_UNPOOLING_EN, 0, "un-pooling is not modelled"},
};

/* Pitches between lines and surfaces that a notch lengthens (hardware reference 7.2). */
static void set_pitches(struct soft_cube *cube, uint32_t height, uint32_t line_notch,
			uint32_t surface_notch_bytes)
{
	cube->line_bytes = (cube->width + line_notch) * SOFT_ATOM_BYTES;
	cube->surface_bytes = (height - 1) * cube->line_bytes + cube->width * SOFT_ATOM_BYTES +
			      surface_notch_bytes;
}

static int check_address(const struct soft_group *group, uint32_t offset,
			 struct soft_complaint *complaint)
{
	uint32_t iova = soft_group_get(group, offset);

	if (iova % SOFT_ATOM_BYTES != 0)
		return soft_complain(complaint, offset, iova, "not 16-byte aligned");
	return 0;
}

static struct soft_cube read_main_cube(const struct soft_group *group, const struct soft_rdma *rdma)
{
	struct soft_cube cube = {
		.iova = soft_group_get(group, REG_RDMA_SRC_BASE_ADDR),
		.width = rdma->width,
	};

	set_pitches(&cube, rdma->height,
		    soft_group_field(group, REG_RDMA_SRC_DMA_CFG, RDMA_LINE_NOTCH),
		    soft_group_get(group, REG_RDMA_SURF_NOTCH) & DPU_ATOMS_IN_BYTES);
	return cube;
}

static int configure_main(const struct soft_group *group, const struct soft_rdma_needs *needs,
			  struct soft_complaint *complaint, struct soft_rdma *rdma)
{
	uint32_t mode = soft_group_get(group, REG_RDMA_FEATURE_MODE_CFG);

	if ((mode & RDMA_FLYING_MODE) != needs->is_flying)
		return soft_complain(complaint, REG_RDMA_FEATURE_MODE_CFG, mode,
				     "flying mode differs from the DPU's");
	if (!needs->is_flying)
		return 0;
	rdma->precision = field_get(RDMA_IN_PRECISION, mode);
	if (mode & (RDMA_MRDMA_DISABLE | RDMA_COMB_USE))
		return soft_complain(complaint, REG_RDMA_FEATURE_MODE_CFG, mode,
				     "flying mode without main data of its own");
	if (field_get(RDMA_PROC_PRECISION, mode) != needs->precision ||
	    rdma->precision == RK3588_TF32 ||
	    soft_precision_is_float(rdma->precision) != soft_precision_is_float(needs->precision))
		return soft_complain(complaint, REG_RDMA_FEATURE_MODE_CFG, mode,
				     "precisions do not fit the DPU's");
	rdma->main = read_main_cube(group, rdma);
	return check_address(group, REG_RDMA_SRC_BASE_ADDR, complaint);
}

static int configure_table(const struct soft_group *group, bool is_bs,
			   const struct soft_stage *stage, struct soft_complaint *complaint,
			   struct soft_operand_table *ret_table)
{
	uint32_t cfg = is_bs ? REG_RDMA_BRDMA_CFG : REG_RDMA_NRDMA_CFG;
	uint32_t base = is_bs ? REG_RDMA_BS_BASE_ADDR : REG_RDMA_BN_BASE_ADDR;
	uint32_t use = soft_group_field(group, cfg, RDMA_DATA_USE);
	uint32_t needed = (stage->alu_per_channel ? USES_ALU : 0) |
			  (stage->ow_per_channel ? USES_OW : 0) |
			  (stage->mul_per_channel ? USES_MUL : 0);

	if (needed == 0)
		return 0;
	if (needed & ~use)
		return soft_complain(complaint, cfg, use << 1,
				     "operands that the stage waits for are not read");
	/*
	 * 1 and 7 are known; the others are presumed to be 7 without what they do not use, as 1 is.
	 * Nobody knows the size of a shift.
	 */
	if (use & ~(USES_ALU | USES_OW | USES_MUL))
		return soft_complain(complaint, cfg, use << 1,
				     "this layout of operands is not modelled");
	*ret_table = (struct soft_operand_table){
		.iova = soft_group_get(group, base),
		.has_alu = use & USES_ALU,
		.has_ow = use & USES_OW,
		.has_mul = use & USES_MUL,
	};
	return check_address(group, base, complaint);
}

/* MRDMA reads the even surfaces of the operand, ERDMA the odd ones (hardware reference 7.4). */
static int configure_interleaved(const struct soft_group *group, struct soft_complaint *complaint,
				 struct soft_rdma *rdma)
{
	uint32_t mode = soft_group_get(group, REG_RDMA_FEATURE_MODE_CFG);

	if (mode & RDMA_MRDMA_DISABLE)
		return soft_complain(complaint, REG_RDMA_FEATURE_MODE_CFG, mode,
				     "a shared tensor with MRDMA off is not modelled");
	rdma->is_interleaved = true;
	rdma->operand[0] = read_main_cube(group, rdma);
	set_pitches(&rdma->operand[1], rdma->height,
		    soft_group_field(group, REG_RDMA_DATA_CUBE_HEIGHT, RDMA_EW_LINE_NOTCH),
		    soft_group_get(group, REG_RDMA_EW_SURF_NOTCH) & DPU_ATOMS_IN_BYTES);
	return check_address(group, REG_RDMA_SRC_BASE_ADDR, complaint);
}

static int check_operand(const struct soft_group *group, const struct soft_rdma_needs *needs,
			 struct soft_complaint *complaint)
{
	uint32_t cfg = soft_group_get(group, REG_RDMA_ERDMA_CFG);
	uint32_t bits = soft_precision_bits(needs->ew->operand_precision);

	if (cfg & RDMA_ERDMA_DISABLE)
		return soft_complain(complaint, REG_RDMA_ERDMA_CFG, cfg,
				     "the operand that EW waits for is not read");
	if (field_get(RDMA_ERDMA_DATA_MODE, cfg) != needs->ew->shape ||
	    4u << field_get(RDMA_ERDMA_DATA_SIZE, cfg) != bits)
		return soft_complain(complaint, REG_RDMA_ERDMA_CFG, cfg,
				     "the operand is not of the shape or size that EW expects");
	return check_address(group, REG_RDMA_EW_BASE_ADDR, complaint);
}

static int configure_operand(const struct soft_group *group, const struct soft_rdma_needs *needs,
			     struct soft_complaint *complaint, struct soft_rdma *rdma)
{
	uint32_t mode = soft_group_get(group, REG_RDMA_FEATURE_MODE_CFG);
	uint32_t notch = soft_group_field(group, REG_RDMA_DATA_CUBE_HEIGHT, RDMA_EW_LINE_NOTCH);
	struct soft_cube *cube = &rdma->operand[1];
	int r;

	r = check_operand(group, needs, complaint);
	if (r < 0)
		return r;
	*cube = (struct soft_cube){
		.iova = soft_group_get(group, REG_RDMA_EW_BASE_ADDR),
		.width = rdma->width,
		.line_bytes = (rdma->width + notch) * SOFT_ATOM_BYTES,
		.surface_bytes =
			soft_group_get(group, REG_RDMA_EW_SURF_STRIDE) & DPU_ATOMS_IN_BYTES,
	};
	rdma->is_per_channel = needs->ew->shape == SOFT_EW_PER_CHANNEL;
	if (rdma->is_per_channel || (mode & RDMA_COMB_USE) == 0)
		return 0;
	if ((mode & RDMA_COMB_USE) == RDMA_COMB_USE_RESIDUAL)
		return configure_interleaved(group, complaint, rdma);
	return soft_complain(complaint, REG_RDMA_FEATURE_MODE_CFG, mode,
			     "this sharing of engines is not modelled");
}

int soft_rdma_configure(const struct soft_group *group, const struct soft_rdma_needs *needs,
			struct soft_complaint *complaint, struct soft_rdma *ret_rdma)
{
	struct soft_rdma rdma = {
		.width = soft_group_field(group, REG_RDMA_DATA_CUBE_WIDTH, RDMA_CUBE_SIZE) + 1,
		.height = soft_group_field(group, REG_RDMA_DATA_CUBE_HEIGHT, RDMA_CUBE_SIZE) + 1,
		.channels = soft_group_field(group, REG_RDMA_DATA_CUBE_CHANNEL, RDMA_CUBE_SIZE) + 1,
	};
	bool has_operand = soft_ew_is_binary(needs->ew) && needs->ew->is_from_memory;
	int r;

	r = soft_rules_check(group, rdma_rules, sizeof(rdma_rules) / sizeof(*rdma_rules),
			     complaint);
	if (r == 0)
		r = configure_main(group, needs, complaint, &rdma);
	if (r == 0)
		r = configure_table(group, true, needs->bs, complaint, &rdma.bs);
	if (r == 0)
		r = configure_table(group, false, needs->bn, complaint, &rdma.bn);
	if (r == 0 && has_operand)
		r = configure_operand(group, needs, complaint, &rdma);
	if (r == 0 && has_operand && !needs->is_flying &&
	    (rdma.width != needs->width || rdma.height != needs->height))
		r = soft_complain(complaint, REG_RDMA_DATA_CUBE_WIDTH, rdma.width - 1,
				  "width or height differ from the CORE's");
	if (r == 0)
		*ret_rdma = rdma;
	return r;
}

static uint32_t block_bytes(const struct soft_operand_table *table)
{
	return BLOCK_CHANNELS *
	       ((table->has_alu ? 4 : 0) + (table->has_ow ? 2 : 0) + (table->has_mul ? 2 : 0));
}

static void unpack_block(const struct soft_operand_table *table, const uint8_t *bytes,
			 uint32_t channel, struct soft_channel_operands *operands)
{
	if (table->has_alu) {
		memcpy(&operands->alu[channel], bytes, BLOCK_CHANNELS * 4);
		bytes += (size_t)BLOCK_CHANNELS * 4;
	}
	if (table->has_ow) {
		memcpy(&operands->ow[channel], bytes, BLOCK_CHANNELS * 2);
		bytes += (size_t)BLOCK_CHANNELS * 2;
	}
	if (table->has_mul)
		memcpy(&operands->mul[channel], bytes, BLOCK_CHANNELS * 2);
}

/* Those of groups with fewer channels than a block begin within one. */
static void drop_channels(uint32_t n, struct soft_channel_operands *operands)
{
	uint32_t rest = SOFT_MAX_LANES - n;

	memmove(operands->alu, operands->alu + n, rest * sizeof(*operands->alu));
	memmove(operands->ow, operands->ow + n, rest * sizeof(*operands->ow));
	memmove(operands->mul, operands->mul + n, rest * sizeof(*operands->mul));
}

int soft_rdma_read_table(struct soft_core *core, const struct soft_operand_table *table,
			 uint32_t first, uint32_t n, struct soft_channel_operands *ret_operands)
{
	uint8_t bytes[SOFT_MAX_LANES / BLOCK_CHANNELS * MAX_BLOCK_BYTES];
	uint32_t size = block_bytes(table), skipped = first % BLOCK_CHANNELS;
	uint32_t n_blocks = (skipped + n + BLOCK_CHANNELS - 1) / BLOCK_CHANNELS;
	struct soft_channel_operands operands = {0};
	int r;

	r = soft_core_dma_read(core, SOFT_PORT_WEIGHTS, table->iova + first / BLOCK_CHANNELS * size,
			       bytes, (size_t)n_blocks * size);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n_blocks; i++)
		unpack_block(table, bytes + (size_t)i * size, i * BLOCK_CHANNELS, &operands);
	drop_channels(skipped, &operands);
	*ret_operands = operands;
	return 0;
}

/* `n` atoms of the surface at `iova`, from pixel `first` on. */
static int read_atoms(struct soft_core *core, const struct soft_cube *cube, uint32_t iova,
		      uint32_t first, struct soft_strip *strip, uint8_t *ret_bytes)
{
	bool is_dense = cube->line_bytes == cube->width * SOFT_ATOM_BYTES;

	for (uint32_t done = 0, n; done < strip->n_pixels; done += n) {
		uint32_t y = (first + done) / cube->width, x = (first + done) % cube->width;
		uint32_t rest = strip->n_pixels - done, in_line = cube->width - x;
		int r;

		n = is_dense || rest < in_line ? rest : in_line;
		r = soft_core_dma_read(
			core, SOFT_PORT_FEATURES, iova + y * cube->line_bytes + x * SOFT_ATOM_BYTES,
			ret_bytes + (size_t)done * SOFT_ATOM_BYTES, (size_t)n * SOFT_ATOM_BYTES);
		if (r < 0)
			return r;
	}
	return 0;
}

static int32_t int_of_element(enum rk3588_precision precision, const uint8_t *atom, uint32_t lane)
{
	int16_t value16;
	int32_t value32;

	switch (precision) {
	case RK3588_INT4: /* the element with the even number is in the high half */
		value32 = atom[lane / 2] >> (lane % 2 ? 0 : 4) & 0xf;
		return (value32 ^ 8) - 8;
	case RK3588_INT8:
		return (int8_t)atom[lane];
	case RK3588_INT16:
		memcpy(&value16, atom + (size_t)lane * 2, sizeof(value16));
		return value16;
	default:
		memcpy(&value32, atom + (size_t)lane * 4, sizeof(value32));
		return value32;
	}
}

static float float_of_element(enum rk3588_precision precision, const uint8_t *atom, uint32_t lane)
{
	uint16_t half;
	float value;

	if (precision == RK3588_FP32) {
		memcpy(&value, atom + (size_t)lane * 4, sizeof(value));
		return value;
	}
	memcpy(&half, atom + (size_t)lane * 2, sizeof(half));
	if (precision == RK3588_FP16)
		return half_to_float(half);
	return bfloat_to_float(half);
}

double soft_element_value(enum rk3588_precision precision, const uint8_t *atom, uint32_t lane)
{
	if (soft_precision_is_float(precision))
		return (double)float_of_element(precision, atom, lane);
	return int_of_element(precision, atom, lane);
}

/* Lanes of an atom that go to lanes of a strip. */
struct lanes {
	uint32_t from, to, n;
};

static void widen(enum rk3588_precision precision, const uint8_t *atoms, struct lanes lanes,
		  struct soft_strip *strip)
{

	for (uint32_t pixel = 0; pixel < strip->n_pixels; pixel++) {
		const uint8_t *atom = atoms + (size_t)pixel * SOFT_ATOM_BYTES;
		size_t to = (size_t)pixel * strip->n_lanes + lanes.to;

		for (uint32_t i = 0; i < lanes.n; i++) {
			uint32_t lane = lanes.from + i;

			if (soft_precision_is_float(precision))
				strip->floats[to + i] = float_of_element(precision, atom, lane);
			else
				strip->ints[to + i] = int_of_element(precision, atom, lane);
		}
	}
}

int soft_rdma_read_main(struct soft_core *core, const struct soft_rdma *rdma, uint32_t group,
			uint32_t first, struct soft_strip *strip)
{
	uint8_t atoms[SOFT_STRIP_PIXELS * SOFT_ATOM_BYTES];
	uint32_t iova = rdma->main.iova + group * rdma->main.surface_bytes;
	int r;

	r = read_atoms(core, &rdma->main, iova, first, strip, atoms);
	if (r == 0)
		widen(rdma->precision, atoms, (struct lanes){0, 0, strip->n_lanes}, strip);
	return r;
}

/* One atom for all pixels. */
static int read_repeated(struct soft_core *core, uint32_t iova, uint32_t n_pixels, uint8_t *atoms)
{
	int r;

	r = soft_core_dma_read(core, SOFT_PORT_FEATURES, iova, atoms, SOFT_ATOM_BYTES);
	for (uint32_t pixel = 1; r == 0 && pixel < n_pixels; pixel++)
		memcpy(atoms + (size_t)pixel * SOFT_ATOM_BYTES, atoms, SOFT_ATOM_BYTES);
	return r;
}

/* Address of a surface of the operand, and the cube it belongs to. */
static uint32_t find_surface(const struct soft_rdma *rdma, uint32_t surface,
			     const struct soft_cube **ret_cube)
{
	const struct soft_cube *cube = &rdma->operand[1];

	if (rdma->is_interleaved) {
		cube = &rdma->operand[surface % 2];
		surface /= 2;
	}
	*ret_cube = cube;
	return cube->iova + surface * cube->surface_bytes;
}

int soft_rdma_read_operand(struct soft_core *core, const struct soft_rdma *rdma,
			   enum rk3588_precision precision, const struct soft_operand_range *range,
			   struct soft_strip *strip)
{
	uint8_t atoms[SOFT_STRIP_PIXELS * SOFT_ATOM_BYTES];
	uint32_t in_atom = soft_precision_lanes(precision);
	struct lanes lanes = {0};

	memset(strip->ints, 0, sizeof(strip->ints));
	for (; lanes.to < strip->n_lanes && lanes.to < range->n_channels; lanes.to += lanes.n) {
		uint32_t channel = range->first_channel + lanes.to;
		const struct soft_cube *cube;
		uint32_t iova = find_surface(rdma, channel / in_atom, &cube);
		int r;

		lanes.from = channel % in_atom;
		lanes.n = in_atom - lanes.from;
		if (lanes.n > strip->n_lanes - lanes.to)
			lanes.n = strip->n_lanes - lanes.to;
		if (rdma->is_per_channel)
			r = read_repeated(core, iova, strip->n_pixels, atoms);
		else
			r = read_atoms(core, cube, iova, range->first_pixel, strip, atoms);
		if (r < 0)
			return r;
		widen(precision, atoms, lanes, strip);
	}
	return 0;
}
