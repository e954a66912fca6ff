/* SPDX-License-Identifier: MIT */
/*
 * Registers of PPU and PPU_RDMA to a description of the pooling.
 */
#include "device/soft/ppu.h"

#include <errno.h>
#include <math.h>

static const struct soft_rule ppu_rules[] = {
	{REG_PPU_OPERATION_MODE_CFG, PPU_INDEX_EN, 0, "output of positions is not modelled"},
	{REG_PPU_OPERATION_MODE_CFG, PPU_USE_CNT, 0, "a use count is not modelled"},
	{REG_PPU_MISC_CTRL, PPU_SURF_LEN | PPU_MC_SURF_OUT | PPU_NONALIGN, 0,
	 "packed output and serial surfaces are not modelled"},
	{REG_PPU_DST_BASE_ADDR, 0xf, 0, "not 16-byte aligned"},
};

static int complain(struct soft_complaint *complaint, const struct soft_group *group,
		    uint32_t offset, const char *reason)
{
	return soft_complain(complaint, offset, soft_group_get(group, offset), reason);
}

double soft_pool_reciprocal(uint32_t bits)
{
	uint32_t mantissa = bits & 0x3ff, exponent = bits >> 10 & 0x3f;
	double magnitude = exponent == 0 ? ldexp(mantissa, -30 - 10)
					 : ldexp(1024 + mantissa, (int)exponent - 31 - 10);

	return bits & 0x10000 ? -magnitude : magnitude;
}

static uint32_t cube_size(const struct soft_group *group, uint32_t offset)
{
	return soft_group_field(group, offset, PPU_CUBE_SIZE) + 1;
}

static int configure_method(const struct soft_group *group, struct soft_complaint *complaint,
			    struct soft_pool *pool)
{
	uint32_t mode = soft_group_get(group, REG_PPU_OPERATION_MODE_CFG);

	pool->method = field_get(PPU_POOLING_METHOD, mode);
	if (pool->method > SOFT_POOL_MIN)
		return complain(complaint, group, REG_PPU_OPERATION_MODE_CFG, "no such method");
	pool->precision = soft_group_field(group, REG_PPU_DATA_FORMAT, PPU_PROC_PRECISION);
	if (pool->precision == RK3588_TF32)
		return complain(complaint, group, REG_PPU_DATA_FORMAT, "no such precision");
	pool->recip_width = soft_group_field(group, REG_PPU_RECIP_KERNEL_WIDTH, PPU_RECIPROCAL);
	pool->recip_height = soft_group_field(group, REG_PPU_RECIP_KERNEL_HEIGHT, PPU_RECIPROCAL);
	return 0;
}

static void configure_window(const struct soft_group *group, struct soft_pool *pool)
{
	uint32_t kernel = soft_group_get(group, REG_PPU_POOLING_KERNEL_CFG);
	uint32_t pads = soft_group_get(group, REG_PPU_POOLING_PADDING_CFG);

	pool->kernel_width = field_get(PPU_KERNEL_WIDTH, kernel) + 1;
	pool->kernel_height = field_get(PPU_KERNEL_HEIGHT, kernel) + 1;
	pool->stride_x = field_get(PPU_STRIDE_WIDTH, kernel) + 1;
	pool->stride_y = field_get(PPU_STRIDE_HEIGHT, kernel) + 1;
	pool->pad_left = field_get(PPU_PAD_LEFT, pads);
	pool->pad_top = field_get(PPU_PAD_TOP, pads);
}

/* 35 bits, an integer; how a float would be written there is not known. */
static int configure_pad(const struct soft_group *group, struct soft_complaint *complaint,
			 struct soft_pool *pool)
{
	uint32_t low = soft_group_get(group, REG_PPU_PADDING_VALUE_1_CFG);
	uint32_t high = soft_group_field(group, REG_PPU_PADDING_VALUE_2_CFG, PPU_PAD_VALUE_HIGH);
	bool is_float = soft_precision_is_float(pool->precision);
	int64_t limit = (int64_t)1 << (soft_precision_bits(pool->precision) - 1);
	int32_t value = (int32_t)low;

	if (pool->method != SOFT_POOL_AVERAGE || (low == 0 && high == 0))
		return 0;
	if (is_float || value < -limit || value >= limit || high != (value < 0 ? 7 : 0))
		return complain(complaint, group, REG_PPU_PADDING_VALUE_1_CFG,
				"a pad value that is no element is not modelled");
	pool->pad = value;
	return 0;
}

/* Windows that would begin behind the input produce nothing. */
static uint32_t clip(uint32_t out, uint32_t in, uint32_t pad, uint32_t stride)
{
	uint32_t n = (in + pad + stride - 1) / stride;

	return out < n ? out : n;
}

static void configure_output(const struct soft_group *group, struct soft_pool *pool)
{
	uint32_t width = cube_size(group, REG_PPU_CUBE_OUT_WIDTH);
	uint32_t height = cube_size(group, REG_PPU_CUBE_OUT_HEIGHT);
	uint32_t notch = soft_group_field(group, REG_PPU_OPERATION_MODE_CFG, PPU_NOTCH_ADDR);

	pool->out_line_bytes = (width + notch) * SOFT_ATOM_BYTES;
	pool->out_width = clip(width, pool->in_width, pool->pad_left, pool->stride_x);
	pool->out_height = clip(height, pool->in_height, pool->pad_top, pool->stride_y);
	pool->out_iova = soft_group_get(group, REG_PPU_DST_BASE_ADDR);
	pool->out_surface_bytes =
		soft_group_get(group, REG_PPU_DST_SURF_STRIDE) & DPU_ATOMS_IN_BYTES;
}

static int configure_memory(const struct soft_operation *operation,
			    struct soft_complaint *complaint, struct soft_pool *pool)
{
	const struct soft_group *rdma = &operation->ppu_rdma;
	uint32_t precision =
		soft_group_field(rdma, REG_PPU_RDMA_DATA_FORMAT, PPU_RDMA_IN_PRECISION);

	if (!(operation->op_en & OP_EN_PPU_RDMA))
		return -ENODATA;
	if (4u << precision != soft_precision_bits(pool->precision))
		return complain(complaint, rdma, REG_PPU_RDMA_DATA_FORMAT,
				"element size differs from the PPU's");
	if (cube_size(rdma, REG_PPU_RDMA_IN_WIDTH) != pool->in_width ||
	    cube_size(rdma, REG_PPU_RDMA_IN_HEIGHT) != pool->in_height ||
	    cube_size(rdma, REG_PPU_RDMA_IN_CHANNEL) !=
		    cube_size(&operation->ppu, REG_PPU_CUBE_IN_CHANNEL))
		return complain(complaint, rdma, REG_PPU_RDMA_IN_WIDTH,
				"width, height or channels differ from the PPU's");
	pool->in_iova = soft_group_get(rdma, REG_PPU_RDMA_SRC_BASE_ADDR);
	pool->in_line_bytes = soft_group_get(rdma, REG_PPU_RDMA_LINE_STRIDE) & DPU_ATOMS_IN_BYTES;
	pool->in_surface_bytes =
		soft_group_get(rdma, REG_PPU_RDMA_SURF_STRIDE) & DPU_ATOMS_IN_BYTES;
	if (pool->in_iova % SOFT_ATOM_BYTES != 0)
		return complain(complaint, rdma, REG_PPU_RDMA_SRC_BASE_ADDR, "not 16-byte aligned");
	return 0;
}

static int configure_behind(const struct soft_group *group, const struct soft_pool_source *source,
			    struct soft_complaint *complaint, struct soft_pool *pool)
{
	uint32_t format = soft_group_get(group, REG_PPU_DATA_FORMAT);

	if (pool->precision != source->precision || !(format & PPU_DPU_FLYIN) == source->is_flying)
		return complain(complaint, group, REG_PPU_DATA_FORMAT,
				"precision or flying mode differ from the DPU's");
	if (pool->in_width != source->width || pool->in_height != source->height ||
	    cube_size(group, REG_PPU_CUBE_IN_CHANNEL) > source->channels)
		return complain(complaint, group, REG_PPU_CUBE_IN_WIDTH,
				"width, height or channels differ from the DPU's");
	pool->surfaces = source->surfaces;
	pool->in_line_bytes = pool->in_width * SOFT_ATOM_BYTES;
	return 0;
}

int soft_pool_configure(const struct soft_operation *operation,
			const struct soft_pool_source *source, struct soft_complaint *complaint,
			struct soft_pool *ret_pool)
{
	const struct soft_group *group = &operation->ppu;
	struct soft_pool pool = {
		.in_width = cube_size(group, REG_PPU_CUBE_IN_WIDTH),
		.in_height = cube_size(group, REG_PPU_CUBE_IN_HEIGHT),
	};
	uint32_t in_channels = cube_size(group, REG_PPU_CUBE_IN_CHANNEL);
	uint32_t out_channels = cube_size(group, REG_PPU_CUBE_OUT_CHANNEL);
	uint32_t channels = in_channels < out_channels ? in_channels : out_channels;
	int r;

	r = soft_rules_check(group, ppu_rules, sizeof(ppu_rules) / sizeof(*ppu_rules), complaint);
	if (r == 0)
		r = configure_method(group, complaint, &pool);
	if (r == 0)
		r = source ? configure_behind(group, source, complaint, &pool)
			   : configure_memory(operation, complaint, &pool);
	if (r == 0)
		r = configure_pad(group, complaint, &pool);
	if (r < 0)
		return r;
	pool.lanes = soft_precision_lanes(pool.precision);
	configure_window(group, &pool);
	configure_output(group, &pool);
	pool.n_surfaces = (channels + pool.lanes - 1) / pool.lanes;
	*ret_pool = pool;
	return 0;
}
