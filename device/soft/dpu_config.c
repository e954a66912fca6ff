/* SPDX-License-Identifier: MIT */
/*
 * The shape of the stream comes from the CORE or, in flying mode, from DPU_RDMA; the shape of the
 * output from the WDMA registers, or from the cube's where nobody wrote those (hardware reference
 * 6.3, 6.7).
 */
#include "device/soft/dpu_config.h"

#include <errno.h>

#define CONV_MODE_DEPTHWISE 3u

static const struct soft_rule dpu_rules[] = {
	{REG_DPU_FEATURE_MODE_CFG, DPU_COMB_USE, 0, "shared reading by the DPU is not modelled"},
	{REG_DPU_FEATURE_MODE_CFG, DPU_TP_EN | DPU_RGP_TYPE | DPU_NONALIGN, 0,
	 "transposed, regrouped or packed output is not modelled"},
	{REG_DPU_DATA_FORMAT, DPU_MC_SURF_OUT, 0, "serial surfaces are not modelled"},
	{REG_DPU_DST_BASE_ADDR, 0xf, 0, "not 16-byte aligned"},
	{REG_DPU_DATA_CUBE_HEIGHT, DPU_MINMAX_CTL, 0, "minmax is not modelled"},
	{REG_DPU_BS_OW_CFG, DPU_RGP_CNTER | DPU_TP_ORG_EN, 0,
	 "regrouped or transposed output is not modelled"},
	{REG_DPU_WDMA_SIZE_0, DPU_SIZE_C_WDMA, 0, "a WDMA channel size is not modelled"},
};

static int complain(struct soft_complaint *complaint, const struct soft_group *group,
		    uint32_t offset, const char *reason)
{
	return soft_complain(complaint, offset, soft_group_get(group, offset), reason);
}

static int configure_mode(const struct soft_operation *operation,
			  const struct soft_dpu_input *input, struct soft_complaint *complaint,
			  struct soft_dpu *dpu)
{
	uint32_t mode = soft_group_get(&operation->dpu, REG_DPU_FEATURE_MODE_CFG);
	uint32_t conv_mode = field_get(DPU_CONV_MODE, mode);

	dpu->is_flying = mode & DPU_FLYING_MODE;
	dpu->is_depthwise = input && input->is_depthwise;
	dpu->output.is_to_memory = mode & DPU_OUTPUT_TO_MEMORY;
	if (dpu->is_flying != !input)
		return complain(complaint, &operation->dpu, REG_DPU_FEATURE_MODE_CFG,
				"data from the CORE or not: not what was started");
	if (conv_mode != (dpu->is_depthwise ? CONV_MODE_DEPTHWISE : 0))
		return complain(complaint, &operation->dpu, REG_DPU_FEATURE_MODE_CFG,
				"the kind of convolution is not the CORE's");
	if (!(mode & DPU_OUTPUT_MODE))
		return complain(complaint, &operation->dpu, REG_DPU_FEATURE_MODE_CFG,
				"output to nowhere is not modelled");
	return 0;
}

/* The PPU waits for the DPU, or the DPU for the PPU: both must know. */
static int check_ppu(const struct soft_operation *operation)
{
	bool is_fed =
		soft_group_field(&operation->dpu, REG_DPU_FEATURE_MODE_CFG, DPU_OUTPUT_TO_PPU);
	bool is_waiting =
		(operation->op_en & OP_EN_PPU) &&
		!soft_group_field(&operation->ppu, REG_PPU_OPERATION_MODE_CFG, PPU_FLYING_MODE);

	return is_fed == is_waiting ? 0 : -ENODATA;
}

static int configure_format(const struct soft_operation *operation,
			    const struct soft_dpu_input *input, struct soft_complaint *complaint,
			    struct soft_dpu *dpu)
{
	uint32_t format = soft_group_get(&operation->dpu, REG_DPU_DATA_FORMAT);
	uint32_t in = field_get(DPU_IN_PRECISION, format);

	dpu->precision = field_get(DPU_PROC_PRECISION, format);
	if (dpu->precision == RK3588_TF32 || in == RK3588_TF32)
		return complain(
			complaint, &operation->dpu, REG_DPU_DATA_FORMAT,
			"the DPU has no tf32: behind such a convolution it processes fp32 (5)");
	if (input && (dpu->precision != input->precision || in != input->precision))
		return complain(complaint, &operation->dpu, REG_DPU_DATA_FORMAT,
				"precision differs from the CNA's");
	return 0;
}

static int configure_stages(const struct soft_operation *operation,
			    struct soft_complaint *complaint, struct soft_dpu *dpu)
{
	const struct soft_group *group = &operation->dpu;
	bool is_float = soft_precision_is_float(dpu->precision);
	struct soft_output output;
	int r;

	r = soft_stage_configure(group, SOFT_STAGE_BS, is_float, complaint, &dpu->bs);
	if (r == 0 && dpu->is_flying && dpu->bs.has_ow)
		r = complain(complaint, group, REG_DPU_BS_OW_CFG, "OW without a CORE");
	if (r == 0)
		r = soft_stage_configure(group, SOFT_STAGE_BN, is_float, complaint, &dpu->bn);
	if (r == 0)
		r = soft_ew_configure(group, dpu->precision, complaint, &dpu->ew);
	if (r == 0)
		r = soft_output_configure(group, dpu->precision, dpu->ew.has_lut, complaint,
					  &output);
	if (r < 0)
		return r;
	output.is_to_memory = dpu->output.is_to_memory;
	dpu->output = output;
	return 0;
}

static bool needs_rdma(const struct soft_dpu *dpu)
{
	return dpu->is_flying || dpu->bs.alu_per_channel || dpu->bs.mul_per_channel ||
	       dpu->bs.ow_per_channel || dpu->bn.alu_per_channel || dpu->bn.mul_per_channel ||
	       (soft_ew_is_binary(&dpu->ew) && dpu->ew.is_from_memory);
}

static int configure_rdma(const struct soft_operation *operation,
			  const struct soft_dpu_input *input, struct soft_complaint *complaint,
			  struct soft_dpu *dpu)
{
	struct soft_rdma_needs needs = {
		.is_flying = dpu->is_flying,
		.precision = dpu->precision,
		.bs = &dpu->bs,
		.bn = &dpu->bn,
		.ew = &dpu->ew,
		.width = input ? input->width : 0,
		.height = input ? input->height : 0,
	};
	int r;

	if (!needs_rdma(dpu))
		return 0;
	if (!(operation->op_en & OP_EN_DPU_RDMA))
		return -ENODATA;
	r = soft_rdma_configure(&operation->dpu_rdma, &needs, complaint, &dpu->rdma);
	if (r == 0 && dpu->is_flying &&
	    dpu->rdma.precision !=
		    soft_group_field(&operation->dpu, REG_DPU_DATA_FORMAT, DPU_IN_PRECISION))
		r = complain(complaint, &operation->dpu, REG_DPU_DATA_FORMAT,
			     "input precision differs from the DPU_RDMA's");
	return r;
}

static uint32_t groups_of(uint32_t channels, uint32_t group_channels)
{
	return (channels + group_channels - 1) / group_channels;
}

/* The CORE and the DPU must agree; in flying mode nobody keeps the DPU's cube up to date (6.7). */
static int check_cube(const struct soft_group *group, const struct soft_dpu_input *input,
		      struct soft_complaint *complaint)
{
	uint32_t width = soft_group_field(group, REG_DPU_DATA_CUBE_WIDTH, DPU_CUBE_WIDTH) + 1;
	uint32_t height = soft_group_field(group, REG_DPU_DATA_CUBE_HEIGHT, DPU_CUBE_HEIGHT) + 1;
	uint32_t channels = soft_group_field(group, REG_DPU_DATA_CUBE_CHANNEL, DPU_CHANNEL) + 1;

	if (width != input->width)
		return complain(complaint, group, REG_DPU_DATA_CUBE_WIDTH,
				"width differs from the CORE's");
	if (height != input->height)
		return complain(complaint, group, REG_DPU_DATA_CUBE_HEIGHT,
				"height differs from the CORE's");
	if (groups_of(channels, input->group_channels) !=
	    groups_of(input->channels, input->group_channels))
		return complain(complaint, group, REG_DPU_DATA_CUBE_CHANNEL,
				"channels differ from the CORE's");
	return 0;
}

/* Returns the number of groups in the stream, with those that nobody looks at. */
static uint32_t configure_stream(const struct soft_group *group, const struct soft_dpu_input *input,
				 struct soft_dpu *dpu)
{
	uint32_t real = soft_group_field(group, REG_DPU_DATA_CUBE_CHANNEL, DPU_ORIG_CHANNEL) + 1;
	uint32_t channels = input ? input->channels : dpu->rdma.channels;

	dpu->group_channels =
		input ? input->group_channels : soft_precision_lanes(dpu->rdma.precision);
	dpu->width = input ? input->width : dpu->rdma.width;
	dpu->height = input ? input->height : dpu->rdma.height;
	dpu->output.real_channels = real < channels ? real : channels;
	dpu->output.group_channels = dpu->group_channels;
	dpu->output.n_pixels = dpu->width * dpu->height;
	dpu->n_groups = groups_of(dpu->output.real_channels, dpu->group_channels);
	return groups_of(channels, dpu->group_channels);
}

/* The shape that the write engine cuts the sequence into; both words 0: the cube's. */
static int configure_wdma(const struct soft_group *group, struct soft_complaint *complaint,
			  uint32_t n_groups, struct soft_dpu *dpu)
{
	uint32_t size_0 = soft_group_get(group, REG_DPU_WDMA_SIZE_0);
	uint32_t size_1 = soft_group_get(group, REG_DPU_WDMA_SIZE_1);
	uint64_t length = (uint64_t)n_groups * dpu->width * dpu->height, written;

	/* Where an older compiler wrote them. */
	if (size_0 == 0 && size_1 == 0) {
		size_0 = soft_group_get(group, REG_DPU_WDMA_SIZE_0_OLD);
		size_1 = soft_group_get(group, REG_DPU_WDMA_SIZE_1_OLD);
	}
	dpu->output.wdma_width = dpu->width;
	dpu->output.wdma_height = dpu->height;
	if (size_0 == 0 && size_1 == 0)
		return 0;
	dpu->output.wdma_width = field_get(DPU_WIDTH_WDMA, size_1) + 1;
	dpu->output.wdma_height = field_get(DPU_HEIGHT_WDMA, size_1) + 1;
	written = groups_of(field_get(DPU_CHANNEL_WDMA, size_0) + 1, dpu->group_channels);
	written *= (uint64_t)dpu->output.wdma_width * dpu->output.wdma_height;
	if (written != length)
		return complain(complaint, group, REG_DPU_WDMA_SIZE_1,
				"writes another number of results than there are");
	return 0;
}

/* Software that runs without a CORE leaves the number of surfaces at 0. */
static bool fits_surfaces(const struct soft_dpu *dpu, uint32_t last_atom)
{
	uint32_t bits = dpu->group_channels * dpu->output.out_bits;

	return bits >= SOFT_ATOM_BITS &&
	       (last_atom == bits / SOFT_ATOM_BITS - 1 || (dpu->is_flying && last_atom == 0));
}

static int configure_layout(const struct soft_group *group, struct soft_complaint *complaint,
			    struct soft_dpu *dpu)
{
	uint32_t notch = soft_group_get(group, REG_DPU_DATA_CUBE_NOTCH_ADDR);
	uint32_t ow = soft_group_get(group, REG_DPU_BS_OW_CFG);
	struct soft_output *output = &dpu->output;

	if (field_get(DPU_NOTCH_ADDR_0, notch) != field_get(DPU_NOTCH_ADDR_1, notch))
		return complain(complaint, group, REG_DPU_DATA_CUBE_NOTCH_ADDR,
				"two different notches are not modelled");
	if (!fits_surfaces(dpu, field_get(DPU_SIZE_E_0, ow)) ||
	    !fits_surfaces(dpu, field_get(DPU_SIZE_E_1, ow)) ||
	    !fits_surfaces(dpu, field_get(DPU_SIZE_E_2, ow)))
		return complain(complaint, group, REG_DPU_BS_OW_CFG,
				"surfaces per kernel group do not fit the output precision");
	output->iova = soft_group_get(group, REG_DPU_DST_BASE_ADDR);
	output->line_bytes =
		(output->wdma_width + field_get(DPU_NOTCH_ADDR_0, notch)) * SOFT_ATOM_BYTES;
	output->surface_bytes = soft_group_get(group, REG_DPU_DST_SURF_STRIDE) & DPU_ATOMS_IN_BYTES;
	output->group_bytes = soft_group_get(group, REG_DPU_SURFACE_ADD) & DPU_ATOMS_IN_BYTES;
	return 0;
}

static uint64_t count_bytes(const struct soft_dpu *dpu)
{
	uint64_t n = (uint64_t)dpu->width * dpu->height * dpu->output.real_channels;
	uint64_t bits = dpu->output.is_to_memory ? dpu->output.out_bits : 0;

	if (dpu->is_flying)
		bits += soft_precision_bits(dpu->rdma.precision);
	if (soft_ew_is_binary(&dpu->ew) && dpu->ew.is_from_memory)
		bits += soft_precision_bits(dpu->ew.operand_precision);
	return n * bits / 8;
}

int soft_dpu_configure(const struct soft_operation *operation, const struct soft_dpu_input *input,
		       struct soft_complaint *complaint, struct soft_dpu *ret_dpu)
{
	struct soft_dpu dpu = {.operation = operation, .loaded_group = UINT32_MAX};
	const struct soft_group *group = &operation->dpu;
	uint32_t n_groups;
	int r;

	r = soft_rules_check(group, dpu_rules, sizeof(dpu_rules) / sizeof(*dpu_rules), complaint);
	if (r == 0)
		r = configure_mode(operation, input, complaint, &dpu);
	if (r == 0)
		r = configure_format(operation, input, complaint, &dpu);
	if (r == 0)
		r = configure_stages(operation, complaint, &dpu);
	if (r == 0)
		r = configure_rdma(operation, input, complaint, &dpu);
	if (r == 0 && input)
		r = check_cube(group, input, complaint);
	if (r < 0)
		return r;
	n_groups = configure_stream(group, input, &dpu);
	r = configure_wdma(group, complaint, n_groups, &dpu);
	if (r == 0)
		r = configure_layout(group, complaint, &dpu);
	if (r == 0)
		r = check_ppu(operation);
	if (r < 0)
		return r;
	dpu.work_bytes = count_bytes(&dpu);
	*ret_dpu = dpu;
	return 0;
}
