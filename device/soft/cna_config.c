/* SPDX-License-Identifier: MIT */
/*
 * Registers of the CNA to a description of a convolution. What has no functional effect (grains,
 * bursts, clock gates; hardware reference 4.9) is not looked at; banks only to warn.
 */
#include "device/soft/cna.h"

#include <errno.h>

#define SIGN_BIT_28 0x8000000u
/* ARGB_IN of a single channel; one more for each further one (hardware reference 4.5). */
#define ARGB_ONE   8u
#define MAX_PACKED 4u
/* Between the fields of DATA_SIZE0: what a height of more than 2047 rows sets. */
#define HEIGHT_BEYOND 0xf800u

static const struct soft_rule cna_rules[] = {
	{REG_CNA_DATA_SIZE3, CNA_SURF_MODE_SERIAL, 0, "serial surfaces are not modelled"},
	{REG_CNA_CBUF_CON0, CNA_FC_DATA_BANK, 0, "zero skipping is not modelled"},
	{REG_CNA_FC_CON0, CNA_FC_SKIP_EN, 0, "zero skipping is not modelled"},
	{REG_CNA_FEATURE_DATA_ADDR, 0xf, 0, "not 16-byte aligned"},
	{REG_CNA_DCOMP_ADDR0, 0xf, 0, "not 16-byte aligned"},
};

/*
 * What depends on the precision; G as in 4.10, the depthwise one 0 where nobody knows. That of
 * tf32, and its slices of 16 channels, are those of a program that was measured on silicon.
 */
static const struct {
	uint32_t element_bits, kernels, depthwise;
} layouts[] = {
	[RK3588_INT8] = {8, 32, 64},  [RK3588_INT16] = {16, 16, 32}, [RK3588_FP16] = {16, 16, 32},
	[RK3588_BF16] = {16, 16, 32}, [RK3588_INT4] = {4, 64, 0},    [RK3588_TF32] = {32, 16, 0},
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
	uint32_t mode = soft_group_field(group, REG_CNA_CONV_CON1, CNA_CONV_MODE);

	if (in != soft_group_field(group, REG_CNA_CONV_CON1, CNA_PROC_PRECISION))
		return complain(complaint, group, REG_CNA_CONV_CON1,
				"input and processing precision differ");
	if (in >= sizeof(layouts) / sizeof(*layouts) || layouts[in].element_bits == 0)
		return complain(complaint, group, REG_CNA_CONV_CON1, "no such precision");
	if (mode != 0 && mode != CNA_DEPTHWISE)
		return complain(complaint, group, REG_CNA_CONV_CON1,
				"neither direct nor depthwise convolution");
	cna->precision = in;
	cna->is_depthwise = mode == CNA_DEPTHWISE;
	cna->element_bits = layouts[in].element_bits;
	cna->atom_channels = 128 / cna->element_bits;
	cna->slice_channels = cna->element_bits == 32 ? SOFT_SLICE / 2 : SOFT_SLICE;
	cna->group_channels = cna->is_depthwise ? layouts[in].depthwise : layouts[in].kernels;
	if (cna->group_channels == 0)
		return complain(complaint, group, REG_CNA_CONV_CON1,
				"depthwise convolution is not modelled in this precision");
	return 0;
}

/* Few-channel input: packed pixels instead of surfaces of atoms (4.5). */
static int configure_packing(const struct soft_group *group, struct soft_complaint *complaint,
			     struct soft_cna *cna)
{
	uint32_t con1 = soft_group_get(group, REG_CNA_CONV_CON1);
	uint32_t argb = field_get(CNA_ARGB_IN, con1);

	cna->is_line_mode = con1 & CNA_GROUP_LINE_OFF;
	if (argb == 0 && !(con1 & CNA_NONALIGN_DMA))
		return 0;
	if (argb < ARGB_ONE || argb >= ARGB_ONE + MAX_PACKED || !(con1 & CNA_NONALIGN_DMA) ||
	    !cna->is_line_mode)
		return complain(complaint, group, REG_CNA_CONV_CON1,
				"not one of the known few-channel modes");
	if (cna->precision == RK3588_INT4 || cna->is_depthwise || (con1 & CNA_DECONV))
		return complain(complaint, group, REG_CNA_CONV_CON1,
				"few-channel input is not modelled for this convolution");
	cna->packed_channels = argb - ARGB_ONE + 1;
	return 0;
}

/* The real channel count is only known modulo 64 (hardware reference 4.1). */
static int configure_channels(const struct soft_group *group, struct soft_complaint *complaint,
			      struct soft_cna *cna)
{
	uint32_t real = soft_group_field(group, REG_CNA_DATA_SIZE1, CNA_DATAIN_CHANNEL_REAL);
	uint32_t unused, quantum;

	cna->channels = soft_group_field(group, REG_CNA_DATA_SIZE1, CNA_DATAIN_CHANNEL);
	unused = (cna->channels - 1 - real) % 64;
	if (cna->channels == 0 || cna->channels % cna->atom_channels != 0)
		return complain(complaint, group, REG_CNA_DATA_SIZE1,
				"channels are not whole 16-byte atoms");
	if (unused >= cna->channels)
		return complain(complaint, group, REG_CNA_DATA_SIZE1,
				"more real channels than channels");
	cna->real_channels = cna->channels - unused;
	if (cna->packed_channels && cna->channels > SOFT_SLICE)
		return complain(complaint, group, REG_CNA_DATA_SIZE1,
				"too many channels for a few-channel mode");
	if (cna->packed_channels && cna->real_channels > cna->packed_channels)
		cna->real_channels = cna->packed_channels;
	quantum = cna->is_depthwise ? SOFT_DEPTHWISE_QUANTUM : SOFT_LANE_QUANTUM;
	cna->lanes = (cna->real_channels + quantum - 1) & ~(quantum - 1);
	return 0;
}

/*
 * The DMA rectangle is a second description of the input; rows may be padded. Where groups of rows
 * are fetched in one piece, nothing says which of the widths is their pitch.
 */
static int configure_input(const struct soft_group *group, struct soft_complaint *complaint,
			   struct soft_cna *cna)
{
	uint32_t width = soft_group_field(group, REG_CNA_DATA_SIZE0, CNA_DATAIN_WIDTH);
	bool is_pitch_known;

	cna->height = soft_group_field(group, REG_CNA_DATA_SIZE0, CNA_DATAIN_HEIGHT);
	cna->width = soft_group_field(group, REG_CNA_FC_DATA_SIZE0, CNA_DMA_WIDTH);
	is_pitch_known = cna->is_line_mode || cna->height == 1;
	if (width == 0 || cna->height == 0)
		return complain(complaint, group, REG_CNA_DATA_SIZE0, "input is empty");
	if (soft_group_field(group, REG_CNA_FC_DATA_SIZE0, CNA_DMA_HEIGHT) != cna->height ||
	    cna->width == 0 || cna->width > width || (cna->width < width && !is_pitch_known))
		return complain(complaint, group, REG_CNA_FC_DATA_SIZE0,
				"fetched rectangle differs from the input");
	cna->unfetched_columns = cna->packed_channels ? 0 : width - cna->width;
	if (soft_group_field(group, REG_CNA_FC_DATA_SIZE1, CNA_DMA_CHANNEL) != cna->channels)
		return complain(complaint, group, REG_CNA_FC_DATA_SIZE1,
				"fetched channels differ from the input");
	return 0;
}

static int configure_kernel(const struct soft_group *group, struct soft_complaint *complaint,
			    struct soft_cna *cna)
{
	uint32_t size = soft_group_get(group, REG_CNA_WEIGHT_SIZE2);
	uint64_t kernel_bytes;

	cna->kernel_width = field_get(CNA_WEIGHT_WIDTH, size);
	cna->kernel_height = field_get(CNA_WEIGHT_HEIGHT, size);
	cna->kernels = field_get(CNA_WEIGHT_KERNELS, size);
	if (cna->kernel_width == 0 || cna->kernel_height == 0 || cna->kernels == 0)
		return complain(complaint, group, REG_CNA_WEIGHT_SIZE2, "no kernels");
	if (cna->is_depthwise && cna->kernels != 1)
		return complain(complaint, group, REG_CNA_WEIGHT_SIZE2,
				"a depthwise convolution has one kernel");
	kernel_bytes = (uint64_t)soft_cna_taps(cna) * cna->channels * cna->element_bits / 8;
	cna->weight_bytes = kernel_bytes * cna->kernels;
	if (soft_group_field(group, REG_CNA_WEIGHT_SIZE1, CNA_WEIGHT_BYTES_PER_KERNEL) !=
	    kernel_bytes)
		return complain(complaint, group, REG_CNA_WEIGHT_SIZE1, "not the size of a kernel");
	if (soft_group_get(group, REG_CNA_WEIGHT_SIZE0) != cna->weight_bytes)
		return complain(complaint, group, REG_CNA_WEIGHT_SIZE0,
				"not the size of all kernels");
	return 0;
}

static int configure_steps(const struct soft_group *group, struct soft_complaint *complaint,
			   struct soft_cna *cna)
{
	uint32_t con3 = soft_group_get(group, REG_CNA_CONV_CON3);
	bool is_deconvolution = soft_group_field(group, REG_CNA_CONV_CON1, CNA_DECONV);

	cna->stride_x = field_get(CNA_STRIDE_X, con3);
	cna->stride_y = field_get(CNA_STRIDE_Y, con3);
	cna->step_x = field_get(CNA_ATROUS_X_DILATION, con3) + 1;
	cna->step_y = field_get(CNA_ATROUS_Y_DILATION, con3) + 1;
	cna->spread_x = is_deconvolution ? field_get(CNA_DECONV_X_STRIDE, con3) + 1 : 1;
	cna->spread_y = is_deconvolution ? field_get(CNA_DECONV_Y_STRIDE, con3) + 1 : 1;
	cna->pad_left = soft_group_field(group, REG_CNA_PAD_CON0, CNA_PAD_LEFT);
	cna->pad_top = soft_group_field(group, REG_CNA_PAD_CON0, CNA_PAD_TOP);
	cna->pad_bits = soft_group_get(group, REG_CNA_PAD_CON1);
	if (cna->stride_x == 0 || cna->stride_y == 0)
		return complain(complaint, group, REG_CNA_CONV_CON3, "a stride of 0");
	return 0;
}

/* Of rows that are wider than what is fetched of them, the rest is not known to be anything. */
static bool needs_unfetched(const struct soft_cna *cna)
{
	return cna->unfetched_columns > 0 &&
	       soft_cna_columns(cna) > cna->pad_left + soft_cna_spread_width(cna);
}

/*
 * A program asks for more rows than the field of the input's height holds, looks at the first ones
 * only, and finds them right on silicon.
 */
static bool has_rows_beyond(const struct soft_group *group)
{
	return soft_group_get(group, REG_CNA_DATA_SIZE0) & HEIGHT_BEYOND;
}

/* Right and bottom padding are implied, but every window starts inside. */
static int configure_output(const struct soft_group *group, struct soft_complaint *complaint,
			    struct soft_cna *cna)
{
	uint32_t atomics = soft_group_field(group, REG_CNA_DATA_SIZE3, CNA_DATAOUT_ATOMICS);

	cna->out_width = soft_group_field(group, REG_CNA_DATA_SIZE2, CNA_DATAOUT_WIDTH);
	if (cna->out_width > 0 && needs_unfetched(cna))
		return complain(complaint, group, REG_CNA_FC_DATA_SIZE0,
				"columns that windows need are not fetched");
	if (cna->out_width == 0 ||
	    (cna->out_width - 1) * cna->stride_x >= cna->pad_left + soft_cna_spread_width(cna))
		return complain(complaint, group, REG_CNA_DATA_SIZE2,
				"output wider than the input gives, or empty");
	cna->out_height = atomics / cna->out_width;
	if (atomics == 0 || atomics % cna->out_width != 0 ||
	    (!has_rows_beyond(group) && (uint64_t)(cna->out_height - 1) * cna->stride_y >=
						cna->pad_top + soft_cna_spread_height(cna)))
		return complain(complaint, group, REG_CNA_DATA_SIZE3,
				"output is no rectangle that the input gives");
	return 0;
}

static struct soft_cvt_lane converter_lane(const struct soft_group *group, uint32_t lane)
{
	uint32_t con = soft_group_get(group, REG_CNA_CVT_CON1 + 4 * lane);
	uint32_t shifts = soft_group_get(group, REG_CNA_CVT_CON0);

	return (struct soft_cvt_lane){
		.scale = (int16_t)field_get(CNA_CVT_SCALE, con),
		.offset = (int16_t)field_get(CNA_CVT_OFFSET, con),
		.shift = field_get(CNA_CVT_TRUNCATE_0, shifts >> (CNA_CVT_LANE_BITS * lane)),
	};
}

static bool lanes_are_equal(const struct soft_cvt *converter)
{
	const struct soft_cvt_lane *lanes = converter->lanes;

	for (unsigned i = 1; i < SOFT_PACKED_LANES; i++) {
		if (lanes[i].scale != lanes[0].scale || lanes[i].offset != lanes[0].offset ||
		    lanes[i].shift != lanes[0].shift)
			return false;
	}
	return true;
}

/*
 * The mask of enabled positions covers the pixels that a fetch holds: 12 positions of three
 * channels, else 16. With whole surfaces it is only clear what lanes are when all are equal.
 */
static int configure_converter(const struct soft_group *group, struct soft_complaint *complaint,
			       struct soft_cna *cna)
{
	uint32_t con0 = soft_group_get(group, REG_CNA_CVT_CON0);
	uint32_t positions = cna->packed_channels == 3 ? 0xfff : 0xffff;
	struct soft_cvt *converter = &cna->converter;

	if (con0 & CNA_CVT_BYPASS)
		return 0;
	converter->is_on = true;
	converter->is_input_signed = con0 & CNA_CVT_DATA_SIGN;
	converter->is_add_first = con0 & CNA_CVT_ADD_FIRST;
	converter->rounds_up = con0 & CNA_CVT_ROUND_UP;
	for (uint32_t lane = 0; lane < SOFT_PACKED_LANES; lane++)
		converter->lanes[lane] = converter_lane(group, lane);
	if (cna->precision != RK3588_INT8 && cna->precision != RK3588_INT16)
		return complain(complaint, group, REG_CNA_CVT_CON0,
				"the input converter is not modelled in this precision");
	if ((soft_group_get(group, REG_CNA_CVT_CON5) & positions) != positions)
		return complain(complaint, group, REG_CNA_CVT_CON5,
				"converting only some positions is not modelled");
	if (!cna->packed_channels && !lanes_are_equal(converter))
		return complain(complaint, group, REG_CNA_CVT_CON0,
				"different lanes are only modelled for few channels");
	return 0;
}

static int configure_compression(const struct soft_group *group, struct soft_complaint *complaint,
				 struct soft_cna *cna)
{
	uint32_t control = soft_group_get(group, REG_CNA_DCOMP_CTRL);

	if (field_get(CNA_DECOMP_CONTROL, control) == 0 || (control & CNA_WT_DEC_BYPASS))
		return 0;
	cna->is_compressed = true;
	for (uint32_t i = 0; i < SOFT_DCOMP_STREAMS; i++)
		cna->segment_amounts[i] = soft_group_get(group, REG_CNA_DCOMP_AMOUNT0 + 4 * i);
	if (field_get(CNA_DECOMP_CONTROL, control) != 1)
		return complain(complaint, group, REG_CNA_DCOMP_CTRL,
				"this compression is not modelled");
	if (soft_group_get(group, REG_CNA_DCOMP_REGNUM) != CNA_DCOMP_16_SEGMENTS)
		return complain(complaint, group, REG_CNA_DCOMP_REGNUM,
				"only sixteen segments are modelled");
	if (cna->precision != RK3588_INT8 || soft_cna_group_size(cna, 1) > 0)
		return complain(complaint, group, REG_CNA_DCOMP_CTRL,
				"compression is only modelled for one group of int8 kernels");
	return 0;
}

static uint32_t signed_28_bits(uint32_t value)
{
	return (value ^ SIGN_BIT_28) - SIGN_BIT_28;
}

/*
 * Strides count atoms; a surface's pitch is the fetched chunk plus the stride (4.3). Rows of packed
 * pixels are as long as the input is wide: programs write the same into LINE_STRIDE, all but Mesa's
 * convolution of one channel to one, whose rows lie so, too, and which is not among those that Mesa
 * lists as failing on silicon.
 */
static void configure_addresses(const struct soft_group *group, struct soft_cna *cna)
{
	uint32_t line = soft_group_field(group, REG_CNA_DMA_CON1, CNA_LINE_STRIDE);
	uint32_t width = soft_group_field(group, REG_CNA_DATA_SIZE0, CNA_DATAIN_WIDTH);
	uint32_t surface = soft_group_field(group, REG_CNA_DMA_CON2, CNA_SURF_STRIDE);

	cna->feature_iova = soft_group_get(group, REG_CNA_FEATURE_DATA_ADDR);
	cna->weight_iova = soft_group_get(group, REG_CNA_DCOMP_ADDR0);
	cna->line_stride_bytes = cna->said_stride_bytes = line * 16;
	if (cna->packed_channels) {
		cna->line_stride_bytes = width * cna->packed_channels * cna->element_bits / 8;
		cna->said_stride_bytes = line * cna->packed_channels * cna->element_bits / 8;
	}
	cna->surface_pitch_bytes =
		((cna->is_line_mode ? 1 : 4) * cna->width + signed_28_bits(surface)) * 16;
}

static void configure_buffer(const struct soft_group *group, struct soft_cna *cna)
{
	uint32_t cbuf = soft_group_get(group, REG_CNA_CBUF_CON0);
	uint32_t channels = cna->packed_channels ? cna->packed_channels : cna->channels;
	uint64_t row_bits = (uint64_t)cna->width * channels * cna->element_bits;
	uint64_t row_bytes = (row_bits + 511) / 512 * 64;

	cna->reuses_weights = cbuf & CNA_WEIGHT_REUSE;
	cna->reuses_features = cbuf & CNA_DATA_REUSE;
	cna->exceeds_banks =
		row_bytes * cna->height > field_get(CNA_DATA_BANK, cbuf) * CNA_BANK_BYTES;
}

int soft_cna_configure(const struct soft_group *group, struct soft_complaint *complaint,
		       struct soft_cna *ret_cna)
{
	static int (*const steps[])(const struct soft_group *, struct soft_complaint *,
				    struct soft_cna *) = {
		configure_precision, configure_packing,	  configure_channels,
		configure_input,     configure_kernel,	  configure_steps,
		configure_output,    configure_converter, configure_compression,
	};
	struct soft_cna cna = {0};
	int r;

	r = soft_rules_check(group, cna_rules, sizeof(cna_rules) / sizeof(*cna_rules), complaint);
	for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(*steps); i++)
		r = steps[i](group, complaint, &cna);
	if (r < 0)
		return r;
	configure_addresses(group, &cna);
	configure_buffer(group, &cna);
	*ret_cna = cna;
	return 0;
}
