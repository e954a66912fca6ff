/* SPDX-License-Identifier: MIT */
/*
 * The CNA: what a convolution's registers describe (hardware reference 4). Features and weights are
 * brought in by feature.h and weights.h.
 */
#ifndef NPUD_DEVICE_SOFT_CNA_H
#define NPUD_DEVICE_SOFT_CNA_H

#include "device/soft/complaint.h"

#define SOFT_SLICE	   32u /* input channels side by side in the weight layout (4.10), most */
#define SOFT_PACKED_LANES  4u  /* of the input converter; most channels of a packed pixel */
#define SOFT_DCOMP_STREAMS 16u

/* Channels that are worked on together are a multiple of this. */
#define SOFT_LANE_QUANTUM      4u
#define SOFT_DEPTHWISE_QUANTUM 16u

/* One lane of the input converter (4.6). */
struct soft_cvt_lane {
	int32_t scale, offset;
	uint32_t shift;
};

struct soft_cvt {
	bool is_on, is_input_signed, is_add_first, rounds_up;
	struct soft_cvt_lane lanes[SOFT_PACKED_LANES];
};

struct soft_cna {
	enum rk3588_precision precision;
	bool is_depthwise;
	uint32_t element_bits;
	uint32_t atom_channels;	 /* channels in 16 bytes */
	uint32_t slice_channels; /* input channels side by side in the weight layout */
	uint32_t group_channels; /* kernels, or channels of a depthwise convolution, in a group */
	/* Input: its size, the channels of its layout, those that are not fed as 0. */
	uint32_t width, height;
	uint32_t unfetched_columns; /* of surfaces: what their rows have beside that width */
	uint32_t channels, real_channels;
	uint32_t lanes;		  /* channels that are stored and multiplied */
	uint32_t packed_channels; /* interleaved in a pixel of few channels; 0: surfaces of atoms */
	uint32_t out_width, out_height;
	uint32_t kernel_width, kernel_height, kernels;
	uint32_t stride_x, stride_y;
	uint32_t step_x, step_y; /* between taps */
	uint32_t pad_left, pad_top;
	uint32_t pad_bits; /* a feature as in memory */
	/* Deconvolution: from one input pixel to the next, with zeros between; else 1. */
	uint32_t spread_x, spread_y;
	struct soft_cvt converter;
	uint32_t feature_iova;
	bool is_line_mode; /* single-line fetch, else groups of four lines */
	uint32_t line_stride_bytes, surface_pitch_bytes; /* modulo 2^32 */
	uint32_t said_stride_bytes; /* LINE_STRIDE, which packed pixels do not go by here */
	uint32_t weight_iova;
	uint64_t weight_bytes; /* uncompressed */
	bool is_compressed;
	uint32_t segment_amounts[SOFT_DCOMP_STREAMS];
	bool reuses_weights, reuses_features;
	bool exceeds_banks; /* more features than the data banks hold: silicon would corrupt */
};

/* Pure. -EOPNOTSUPP with a complaint about what is not modelled. */
int soft_cna_configure(const struct soft_group *group, struct soft_complaint *complaint,
		       struct soft_cna *ret_cna);

/* The input with the zeros between its pixels. */
static inline uint32_t soft_cna_spread_width(const struct soft_cna *cna)
{
	return (cna->width - 1) * cna->spread_x + 1;
}

static inline uint32_t soft_cna_spread_height(const struct soft_cna *cna)
{
	return (cna->height - 1) * cna->spread_y + 1;
}

/* Rows and columns of the padded input that windows touch. */
static inline uint32_t soft_cna_rows(const struct soft_cna *cna)
{
	return (cna->out_height - 1) * cna->stride_y + (cna->kernel_height - 1) * cna->step_y + 1;
}

static inline uint32_t soft_cna_columns(const struct soft_cna *cna)
{
	return (cna->out_width - 1) * cna->stride_x + (cna->kernel_width - 1) * cna->step_x + 1;
}

static inline uint32_t soft_cna_taps(const struct soft_cna *cna)
{
	return cna->kernel_width * cna->kernel_height;
}

/* Channels of the weight layout's group `group` that exist: kernels, or depthwise channels. */
static inline uint32_t soft_cna_group_size(const struct soft_cna *cna, uint32_t group)
{
	uint64_t before = (uint64_t)group * cna->group_channels;
	uint32_t all = cna->is_depthwise ? cna->channels : cna->kernels;

	if (before >= all)
		return 0;
	return all - before < cna->group_channels ? all - (uint32_t)before : cna->group_channels;
}

#endif
