/* SPDX-License-Identifier: MIT */
/*
 * The inner loops of depthwise convolutions: every channel of some pixels with its own weights.
 */
#ifndef NPUD_DEVICE_SOFT_DEPTHWISE_H
#define NPUD_DEVICE_SOFT_DEPTHWISE_H

#include "device/soft/cna.h"

/* Pixels of one group; strides are in elements. */
struct soft_depthwise {
	const void *features; /* of the group's first channel; see feature.h */
	const uint32_t *windows;
	uint32_t n_pixels, n_channels; /* channels: a multiple of SOFT_DEPTHWISE_QUANTUM */
	uint32_t pitch;		       /* between the pixels of the feature buffer */
	const uint32_t *taps;	       /* where each tap of a window is, from its first */
	uint32_t n_taps;
	const void *weights; /* [tap][result_pitch] */
	uint32_t result_pitch;
	/* [pixel][result_pitch]; sums of features only where wanted, else NULL. */
	void *results;
	int32_t *sums;
};

/* int8: int32_t results; int16: int64_t results. Exact. */
void soft_depthwise_bytes(const struct soft_depthwise *depthwise);
void soft_depthwise_words(const struct soft_depthwise *depthwise);
/*
 * fp16 features as halves, weights and results as floats; the others of floats. Summed tap by tap
 * in fp32 over SOFT_FLOAT_RUN taps, beyond in double.
 */
void soft_depthwise_halves(const struct soft_depthwise *depthwise);
/* The same, whatever the CPU has; `sums` are left alone. */
void soft_depthwise_bytes_plain(const struct soft_depthwise *depthwise);
void soft_depthwise_halves_plain(const struct soft_depthwise *depthwise);
void soft_depthwise_floats(const struct soft_depthwise *depthwise);

#endif
