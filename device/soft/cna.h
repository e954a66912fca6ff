/* SPDX-License-Identifier: MIT */
/*
 * The CNA: what a convolution's registers describe, and the way of features and weights from memory
 * into the convolution buffer (hardware reference 4).
 */
#ifndef NPUD_DEVICE_SOFT_CNA_H
#define NPUD_DEVICE_SOFT_CNA_H

#include "device/soft/convolution.h"

struct soft_cna {
	enum rk3588_precision precision; /* RK3588_INT8 or RK3588_FP16 */
	uint32_t element_bytes;
	uint32_t group_kernels; /* kernels that share a group of the weight layout */
	uint32_t atom_channels; /* channels in 16 bytes */
	uint32_t width;		/* of the input; its rows and pitch */
	uint32_t out_width, out_height;
	uint32_t channels, real_channels; /* padded; those that are not fed as 0 */
	uint32_t kernels;
	uint32_t feature_iova, weight_iova;
	bool is_line_mode; /* single-line fetch, else groups of four lines */
	uint32_t line_stride_bytes, surface_pitch_bytes; /* modulo 2^32 */
};

/* Pure. -EOPNOTSUPP with a complaint about what is not modelled. */
int soft_cna_configure(const struct soft_group *group, struct soft_complaint *complaint,
		       struct soft_cna *ret_cna);

/* Features of `n` output pixels from `first`, all channels. Errors as soft_core_dma_read(). */
int soft_cna_load_features(struct soft_core *core, const struct soft_cna *cna, uint32_t first,
			   uint32_t n);
/*
 * Weights of one kernel group for `n` (at most SOFT_CHUNK) channels from `first`, a multiple of 32;
 * kernels that do not exist are zeros.
 */
int soft_cna_load_weights(struct soft_core *core, const struct soft_cna *cna, uint32_t kernel_group,
			  uint32_t first, uint32_t n);
/* Kernels that exist in a group of the weight layout. */
uint32_t soft_cna_group_size(const struct soft_cna *cna, uint32_t kernel_group);

#endif
