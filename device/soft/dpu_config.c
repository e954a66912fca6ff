/* SPDX-License-Identifier: MIT */
/*
 * Registers of the DPU to a description of the output. A stage whose configuration is 0 passes data
 * through, as one that is bypassed (hardware reference 6.3).
 */
#include "device/soft/dpu.h"

#include <errno.h>
#include <math.h>

#define MAX_SHIFT 62u
/* Above, nobody knows whether the multiplier is signed; Mesa writes up to this. */
#define MAX_SCALE 0x8000u

static const struct soft_rule dpu_rules[] = {
	{REG_DPU_FEATURE_MODE_CFG, DPU_FLYING_MODE | DPU_COMB_USE, 0,
	 "only data from the CORE is modelled"},
	{REG_DPU_FEATURE_MODE_CFG, DPU_TP_EN | DPU_RGP_TYPE | DPU_NONALIGN, 0,
	 "transposed, regrouped or packed output is not modelled"},
	{REG_DPU_FEATURE_MODE_CFG, DPU_CONV_MODE, 0, "only direct convolution is modelled"},
	{REG_DPU_FEATURE_MODE_CFG, DPU_OUTPUT_MODE, DPU_OUTPUT_TO_MEMORY,
	 "only output to memory is modelled"},
	{REG_DPU_DATA_FORMAT, DPU_MC_SURF_OUT, 0, "serial surfaces are not modelled"},
	{REG_DPU_OFFSET_PEND, DPU_OFFSET_PEND, 0, "a value for unused lanes is not modelled"},
	{REG_DPU_DST_BASE_ADDR, 0xf, 0, "not 16-byte aligned"},
	{REG_DPU_DATA_CUBE_HEIGHT, DPU_MINMAX_CTL, 0, "minmax is not modelled"},
	{REG_DPU_BS_OW_CFG, DPU_RGP_CNTER | DPU_TP_ORG_EN, 0,
	 "regrouped or transposed output is not modelled"},
	{REG_DPU_WDMA_SIZE_0, DPU_SIZE_C_WDMA, 0, "a WDMA channel size is not modelled"},
};

/* What may follow the CORE, with the kernels per group that the layouts have (6.7). */
static const struct {
	enum rk3588_precision in, out;
	uint32_t out_bytes;
} formats[] = {
	{RK3588_INT8, RK3588_INT8, 1},
	{RK3588_INT8, RK3588_INT32, 4},
	{RK3588_FP16, RK3588_FP16, 2},
	{RK3588_FP16, RK3588_FP32, 4},
};

static int complain(struct soft_complaint *complaint, const struct soft_group *group,
		    uint32_t offset, const char *reason)
{
	soft_complain(complaint, offset, soft_group_get(group, offset), reason);
	return -EOPNOTSUPP;
}

static int configure_format(const struct soft_group *group, struct soft_complaint *complaint,
			    const struct soft_cna *cna, struct soft_dpu *dpu)
{
	uint32_t format = soft_group_get(group, REG_DPU_DATA_FORMAT);

	if (field_get(DPU_PROC_PRECISION, format) != cna->precision ||
	    field_get(DPU_IN_PRECISION, format) != cna->precision)
		return complain(complaint, group, REG_DPU_DATA_FORMAT,
				"precision differs from the CNA's");
	dpu->group_kernels = cna->group_kernels;
	dpu->precision = field_get(DPU_OUT_PRECISION, format);
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		if (formats[i].in == cna->precision && formats[i].out == dpu->precision) {
			dpu->out_bytes = formats[i].out_bytes;
			return 0;
		}
	}
	return complain(complaint, group, REG_DPU_DATA_FORMAT,
			"this output precision is not modelled");
}

/* BS_CFG and BN_CFG: off as a whole, or every unit of it. */
static bool is_stage_off(uint32_t cfg)
{
	const uint32_t units = DPU_STAGE_ALU_BYPASS | DPU_STAGE_MUL_BYPASS | DPU_STAGE_RELU_BYPASS;

	return cfg == 0 || (cfg & DPU_STAGE_BYPASS) ||
	       (cfg & (units | DPU_STAGE_RELUX_EN)) == units;
}

static bool is_elementwise_off(uint32_t cfg)
{
	const uint32_t units = DPU_EW_OP_BYPASS | DPU_EW_LUT_BYPASS | DPU_EW_RELU_BYPASS;
	const uint32_t extras = DPU_EW_RELUX_EN | DPU_EW_EQUAL_EN | DPU_EW_BINARY_EN;

	return cfg == 0 || (cfg & DPU_STAGE_BYPASS) || (cfg & (units | extras)) == units;
}

static int check_stages(const struct soft_group *group, struct soft_complaint *complaint)
{
	uint32_t ow = soft_group_get(group, REG_DPU_BS_OW_CFG);
	bool has_operand = soft_group_field(group, REG_DPU_BS_OW_OP, DPU_OW_OP) != 0;

	if (!is_stage_off(soft_group_get(group, REG_DPU_BS_CFG)))
		return complain(complaint, group, REG_DPU_BS_CFG, "the BS stage is not modelled");
	if (!is_stage_off(soft_group_get(group, REG_DPU_BN_CFG)))
		return complain(complaint, group, REG_DPU_BN_CFG, "the BN stage is not modelled");
	if (!is_elementwise_off(soft_group_get(group, REG_DPU_EW_CFG)))
		return complain(complaint, group, REG_DPU_EW_CFG, "the EW stage is not modelled");
	if (!(ow & DPU_OD_BYPASS) && (ow & DPU_OW_SRC))
		return complain(complaint, group, REG_DPU_BS_OW_CFG,
				"the OW stage is not modelled");
	if (!(ow & DPU_OD_BYPASS) && has_operand)
		return complain(complaint, group, REG_DPU_BS_OW_OP, "the OW stage is not modelled");
	return 0;
}

static int configure_float(const struct soft_group *group, struct soft_complaint *complaint,
			   struct soft_dpu *dpu)
{
	bool narrows = soft_group_field(group, REG_DPU_OUT_CVT_SCALE, DPU_FP32TOFP16_EN);

	if (narrows != (dpu->precision == RK3588_FP16))
		return complain(complaint, group, REG_DPU_OUT_CVT_SCALE,
				"fp16 conversion does not fit the output precision");
	if (soft_group_get(group, REG_DPU_OUT_CVT_OFFSET) != 0)
		return complain(complaint, group, REG_DPU_OUT_CVT_OFFSET,
				"an offset in float modes is not modelled");
	dpu->factor = ldexp(1, -(int)soft_group_field(group, REG_DPU_OUT_CVT_SHIFT, DPU_MINUS_EXP));
	return 0;
}

static int configure_integer(const struct soft_group *group, struct soft_complaint *complaint,
			     struct soft_dpu *dpu)
{
	uint32_t shift = soft_group_get(group, REG_DPU_OUT_CVT_SHIFT);
	uint32_t scale = soft_group_field(group, REG_DPU_OUT_CVT_SCALE, DPU_OUT_CVT_SCALE);

	if (scale == 0 || scale > MAX_SCALE)
		return complain(complaint, group, REG_DPU_OUT_CVT_SCALE,
				"only multipliers 1 to 0x8000 are modelled");
	dpu->scale = scale;
	dpu->offset = (int32_t)soft_group_get(group, REG_DPU_OUT_CVT_OFFSET);
	dpu->shift = field_get(DPU_OUT_CVT_SHIFT, shift);
	dpu->is_add_first = shift & DPU_CVT_ADD_FIRST;
	dpu->rounds_away = shift & DPU_CVT_ROUND_AWAY;
	if (dpu->shift > MAX_SHIFT || (shift & DPU_MINUS_EXP))
		return complain(complaint, group, REG_DPU_OUT_CVT_SHIFT,
				"this shift of integers is not modelled");
	return 0;
}

static uint32_t groups_of(uint32_t channels, uint32_t group_kernels)
{
	return (channels + group_kernels - 1) / group_kernels;
}

static int configure_cube(const struct soft_group *group, struct soft_complaint *complaint,
			  const struct soft_mac *mac, struct soft_dpu *dpu)
{
	uint32_t width = soft_group_field(group, REG_DPU_DATA_CUBE_WIDTH, DPU_CUBE_WIDTH) + 1;
	uint32_t height = soft_group_field(group, REG_DPU_DATA_CUBE_HEIGHT, DPU_CUBE_HEIGHT) + 1;
	uint32_t channels = soft_group_field(group, REG_DPU_DATA_CUBE_CHANNEL, DPU_CHANNEL) + 1;
	uint32_t real = soft_group_field(group, REG_DPU_DATA_CUBE_CHANNEL, DPU_ORIG_CHANNEL) + 1;

	if (width != mac->width)
		return complain(complaint, group, REG_DPU_DATA_CUBE_WIDTH,
				"width differs from the CORE's");
	if (height != mac->height)
		return complain(complaint, group, REG_DPU_DATA_CUBE_HEIGHT,
				"height differs from the CORE's");
	dpu->n_groups = groups_of(channels, dpu->group_kernels);
	dpu->n_pixels = width * height;
	dpu->real_channels = real < channels ? real : channels;
	if (dpu->n_groups != groups_of(mac->channels, dpu->group_kernels))
		return complain(complaint, group, REG_DPU_DATA_CUBE_CHANNEL,
				"channels differ from the CORE's");
	return 0;
}

/* The shape that the write engine cuts the sequence into; both words 0: the cube's (6.7). */
static int configure_wdma(const struct soft_group *group, struct soft_complaint *complaint,
			  const struct soft_mac *mac, struct soft_dpu *dpu)
{
	uint32_t size_0 = soft_group_get(group, REG_DPU_WDMA_SIZE_0);
	uint32_t size_1 = soft_group_get(group, REG_DPU_WDMA_SIZE_1);
	uint64_t length = (uint64_t)dpu->n_groups * dpu->n_pixels, n_groups;

	dpu->wdma_width = mac->width;
	dpu->wdma_height = mac->height;
	if (size_0 == 0 && size_1 == 0)
		return 0;
	n_groups = groups_of(field_get(DPU_CHANNEL_WDMA, size_0) + 1, dpu->group_kernels);
	dpu->wdma_width = field_get(DPU_WIDTH_WDMA, size_1) + 1;
	dpu->wdma_height = field_get(DPU_HEIGHT_WDMA, size_1) + 1;
	if (n_groups * dpu->wdma_width * dpu->wdma_height != length)
		return complain(complaint, group, REG_DPU_WDMA_SIZE_1,
				"writes another number of results than there are");
	return 0;
}

static int configure_layout(const struct soft_group *group, struct soft_complaint *complaint,
			    struct soft_dpu *dpu)
{
	uint32_t notch = soft_group_get(group, REG_DPU_DATA_CUBE_NOTCH_ADDR);
	uint32_t ow = soft_group_get(group, REG_DPU_BS_OW_CFG);
	uint32_t last_atom = dpu->group_kernels * dpu->out_bytes / 16 - 1;

	if (field_get(DPU_NOTCH_ADDR_0, notch) != field_get(DPU_NOTCH_ADDR_1, notch))
		return complain(complaint, group, REG_DPU_DATA_CUBE_NOTCH_ADDR,
				"two different notches are not modelled");
	if (field_get(DPU_SIZE_E_0, ow) != last_atom || field_get(DPU_SIZE_E_1, ow) != last_atom ||
	    field_get(DPU_SIZE_E_2, ow) != last_atom)
		return complain(complaint, group, REG_DPU_BS_OW_CFG,
				"surfaces per kernel group do not fit the output precision");
	dpu->dst_iova = soft_group_get(group, REG_DPU_DST_BASE_ADDR);
	dpu->line_bytes = (dpu->wdma_width + field_get(DPU_NOTCH_ADDR_0, notch)) * 16;
	dpu->surface_bytes = soft_group_get(group, REG_DPU_DST_SURF_STRIDE) & DPU_ATOMS_IN_BYTES;
	dpu->group_bytes = soft_group_get(group, REG_DPU_SURFACE_ADD) & DPU_ATOMS_IN_BYTES;
	return 0;
}

int soft_dpu_configure(const struct soft_group *group, const struct soft_cna *cna,
		       const struct soft_mac *mac, struct soft_complaint *complaint,
		       struct soft_dpu *ret_dpu)
{
	struct soft_dpu dpu = {0};
	int r;

	r = soft_rules_check(group, dpu_rules, sizeof(dpu_rules) / sizeof(*dpu_rules), complaint);
	if (r == 0)
		r = check_stages(group, complaint);
	if (r == 0)
		r = configure_format(group, complaint, cna, &dpu);
	if (r == 0 && cna->precision == RK3588_INT8)
		r = configure_integer(group, complaint, &dpu);
	else if (r == 0)
		r = configure_float(group, complaint, &dpu);
	if (r == 0)
		r = configure_cube(group, complaint, mac, &dpu);
	if (r == 0)
		r = configure_wdma(group, complaint, mac, &dpu);
	if (r == 0)
		r = configure_layout(group, complaint, &dpu);
	if (r == 0)
		*ret_dpu = dpu;
	return r;
}
