/* SPDX-License-Identifier: MIT */
/*
 * Registers of the CNA to a description of a 1x1 convolution. What has no functional effect
 * (grains, banks, bursts, clock gates; hardware reference 4.9) is not looked at.
 */
#include "device/soft/cna.h"

#include <errno.h>

#define SIGN_BIT_28 0x8000000u

static const struct soft_rule cna_rules[] = {
	{REG_CNA_CONV_CON1, CNA_NONALIGN_DMA | CNA_ARGB_IN, 0, "few-channel input is not modelled"},
	{REG_CNA_CONV_CON1, CNA_DECONV, 0, "deconvolution is not modelled"},
	{REG_CNA_CONV_CON1, CNA_CONV_MODE, 0, "only direct convolution is modelled"},
	{REG_CNA_CONV_CON3, CNA_DILATION, 0, "dilation is not modelled"},
	{REG_CNA_CONV_CON3, CNA_STRIDE, CNA_STRIDE_1_1, "only stride 1 is modelled"},
	{REG_CNA_DATA_SIZE3, CNA_SURF_MODE_SERIAL, 0, "serial surfaces are not modelled"},
	{REG_CNA_WEIGHT_SIZE2, CNA_WEIGHT_WIDTH | CNA_WEIGHT_HEIGHT, 0x1010000,
	 "only 1x1 kernels are modelled"},
	{REG_CNA_CBUF_CON0, CNA_WEIGHT_REUSE | CNA_DATA_REUSE, 0, "buffer reuse is not modelled"},
	{REG_CNA_CBUF_CON0, CNA_FC_DATA_BANK, 0, "zero skipping is not modelled"},
	{REG_CNA_CVT_CON0, CNA_CVT_BYPASS, CNA_CVT_BYPASS, "the input converter is not modelled"},
	{REG_CNA_FC_CON0, CNA_FC_SKIP_EN, 0, "zero skipping is not modelled"},
	{REG_CNA_PAD_CON0, CNA_PADS, 0, "padding is not modelled"},
	{REG_CNA_FEATURE_DATA_ADDR, 0xf, 0, "not 16-byte aligned"},
	{REG_CNA_DCOMP_CTRL, CNA_DECOMP_CONTROL, 0, "compressed weights are not modelled"},
	{REG_CNA_DCOMP_ADDR0, 0xf, 0, "not 16-byte aligned"},
};

static int complain(struct soft_complaint *complaint, const struct soft_group *group,
		    uint32_t offset, const char *reason)
{
	soft_complain(complaint, offset, soft_group_get(group, offset), reason);
	return -EOPNOTSUPP;
}

static int configure_precision(const struct soft_group *group, struct soft_complaint *complaint,
			       struct soft_cna *cna)
{
	uint32_t in = soft_group_field(group, REG_CNA_CONV_CON1, CNA_IN_PRECISION);

	if (in != soft_group_field(group, REG_CNA_CONV_CON1, CNA_PROC_PRECISION))
		return complain(complaint, group, REG_CNA_CONV_CON1,
				"input and processing precision differ");
	if (in != RK3588_INT8 && in != RK3588_FP16)
		return complain(complaint, group, REG_CNA_CONV_CON1,
				"only int8 and fp16 are modelled");
	cna->precision = in;
	cna->element_bytes = in == RK3588_INT8 ? 1 : 2;
	cna->atom_channels = 16 / cna->element_bytes;
	cna->group_kernels = in == RK3588_INT8 ? SOFT_GROUP_INT8 : SOFT_GROUP_FP16;
	return 0;
}

/* The real channel count is only known modulo 64 (hardware reference 4.1). */
static int configure_channels(const struct soft_group *group, struct soft_complaint *complaint,
			      struct soft_cna *cna)
{
	uint32_t real = soft_group_field(group, REG_CNA_DATA_SIZE1, CNA_DATAIN_CHANNEL_REAL);
	uint32_t unused;

	cna->channels = soft_group_field(group, REG_CNA_DATA_SIZE1, CNA_DATAIN_CHANNEL);
	unused = (cna->channels - 1 - real) % 64;
	if (cna->channels == 0 || cna->channels % cna->atom_channels != 0)
		return complain(complaint, group, REG_CNA_DATA_SIZE1,
				"channels are not whole 16-byte atoms");
	if (unused >= cna->channels)
		return complain(complaint, group, REG_CNA_DATA_SIZE1,
				"more real channels than channels");
	cna->real_channels = cna->channels - unused;
	return 0;
}

static int configure_sizes(const struct soft_group *group, struct soft_complaint *complaint,
			   struct soft_cna *cna)
{
	uint32_t height = soft_group_field(group, REG_CNA_DATA_SIZE0, CNA_DATAIN_HEIGHT);
	uint32_t atomics = soft_group_field(group, REG_CNA_DATA_SIZE3, CNA_DATAOUT_ATOMICS);

	cna->width = soft_group_field(group, REG_CNA_DATA_SIZE0, CNA_DATAIN_WIDTH);
	cna->out_width = soft_group_field(group, REG_CNA_DATA_SIZE2, CNA_DATAOUT_WIDTH);
	if (cna->out_width == 0 || cna->out_width > cna->width)
		return complain(complaint, group, REG_CNA_DATA_SIZE2,
				"output wider than input, or empty");
	cna->out_height = atomics / cna->out_width;
	if (atomics == 0 || atomics % cna->out_width != 0 || cna->out_height > height)
		return complain(complaint, group, REG_CNA_DATA_SIZE3,
				"output is no rectangle within the input");
	return 0;
}

/* The DMA rectangle is a second description of the input. */
static int check_dma(const struct soft_group *group, struct soft_complaint *complaint,
		     const struct soft_cna *cna)
{
	uint32_t height = soft_group_field(group, REG_CNA_DATA_SIZE0, CNA_DATAIN_HEIGHT);

	if (soft_group_field(group, REG_CNA_FC_DATA_SIZE0, CNA_DMA_WIDTH) != cna->width ||
	    soft_group_field(group, REG_CNA_FC_DATA_SIZE0, CNA_DMA_HEIGHT) != height)
		return complain(complaint, group, REG_CNA_FC_DATA_SIZE0,
				"fetched rectangle differs from the input");
	if (soft_group_field(group, REG_CNA_FC_DATA_SIZE1, CNA_DMA_CHANNEL) != cna->channels)
		return complain(complaint, group, REG_CNA_FC_DATA_SIZE1,
				"fetched channels differ from the input");
	return 0;
}

static int configure_weights(const struct soft_group *group, struct soft_complaint *complaint,
			     struct soft_cna *cna)
{
	uint32_t kernel_bytes = cna->channels * cna->element_bytes;
	uint64_t bytes;

	cna->kernels = soft_group_field(group, REG_CNA_WEIGHT_SIZE2, CNA_WEIGHT_KERNELS);
	bytes = (uint64_t)cna->kernels * kernel_bytes;
	if (cna->kernels == 0)
		return complain(complaint, group, REG_CNA_WEIGHT_SIZE2, "no kernels");
	if (soft_group_field(group, REG_CNA_WEIGHT_SIZE1, CNA_WEIGHT_BYTES_PER_KERNEL) !=
	    kernel_bytes)
		return complain(complaint, group, REG_CNA_WEIGHT_SIZE1, "not the size of a kernel");
	if (soft_group_get(group, REG_CNA_WEIGHT_SIZE0) != bytes)
		return complain(complaint, group, REG_CNA_WEIGHT_SIZE0,
				"not the size of all kernels");
	return 0;
}

static uint32_t signed_28_bits(uint32_t value)
{
	return (value ^ SIGN_BIT_28) - SIGN_BIT_28;
}

/* Strides count atoms; a surface's pitch is the fetched chunk plus the stride (4.3). */
static void configure_addresses(const struct soft_group *group, struct soft_cna *cna)
{
	uint32_t line = soft_group_field(group, REG_CNA_DMA_CON1, CNA_LINE_STRIDE);
	uint32_t surface = soft_group_field(group, REG_CNA_DMA_CON2, CNA_SURF_STRIDE);

	cna->is_line_mode = soft_group_field(group, REG_CNA_CONV_CON1, CNA_GROUP_LINE_OFF);
	cna->feature_iova = soft_group_get(group, REG_CNA_FEATURE_DATA_ADDR);
	cna->weight_iova = soft_group_get(group, REG_CNA_DCOMP_ADDR0);
	cna->line_stride_bytes = line * 16;
	cna->surface_pitch_bytes =
		((cna->is_line_mode ? 1 : 4) * cna->width + signed_28_bits(surface)) * 16;
}

int soft_cna_configure(const struct soft_group *group, struct soft_complaint *complaint,
		       struct soft_cna *ret_cna)
{
	struct soft_cna cna = {0};
	int r;

	r = soft_rules_check(group, cna_rules, sizeof(cna_rules) / sizeof(*cna_rules), complaint);
	if (r == 0)
		r = configure_precision(group, complaint, &cna);
	if (r == 0)
		r = configure_channels(group, complaint, &cna);
	if (r == 0)
		r = configure_sizes(group, complaint, &cna);
	if (r == 0)
		r = check_dma(group, complaint, &cna);
	if (r == 0)
		r = configure_weights(group, complaint, &cna);
	if (r < 0)
		return r;
	configure_addresses(group, &cna);
	*ret_cna = cna;
	return 0;
}
