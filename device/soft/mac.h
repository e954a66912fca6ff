/* SPDX-License-Identifier: MIT */
/*
 * The CORE: multiplies and accumulates what lies in the convolution buffer (hardware reference 5).
 * Integer sums are exact; float products too (fp16, bf16, tf32), and are summed as floats over at
 * most SOFT_FLOAT_RUN elements, in double beyond, rounded once to float. SX is truncated like the
 * sums: Mesa, where it truncates, halves biases and the output's divisor but not OW_OP, and does
 * not list those layers as failing on silicon.
 */
#ifndef NPUD_DEVICE_SOFT_MAC_H
#define NPUD_DEVICE_SOFT_MAC_H

#include "device/soft/convolution.h"
#include "device/soft/dot.h"

#define SOFT_FLOAT_RUN 512u
/* Sums of as many products of bytes stay in 32 bits. */
#define SOFT_BYTES_RUN 32768u
/*
 * Of a window of 31x31 taps, each of which may be cut once more per run: an int16 or float kernel
 * has at most 2^18 elements.
 */
#define SOFT_MAX_SPANS 1536u

#define SOFT_MAX_TAPS  (31u * 31)

struct soft_mac {
	uint32_t width, height, channels; /* of the stream of results */
	bool computes_sums;		  /* SX */
	uint32_t shift;			  /* of integer results and SX */
	bool rounds_up;
	struct soft_dot_variant dot;
	uint32_t n_spans;
	struct soft_span spans[SOFT_MAX_SPANS];
};

/* Pure. Checks also that the CORE expects what the CNA sends. */
int soft_mac_configure(const struct soft_group *group, const struct soft_cna *cna,
		       struct soft_complaint *complaint, struct soft_mac *ret_mac);

/*
 * Results, and SX where wanted, of `n` (at most SOFT_TILE_PIXELS) output pixels from `first`, of
 * the group whose weights are loaded.
 */
void soft_mac_run(struct soft_cbuf *cbuf, const struct soft_cna *cna, const struct soft_mac *mac,
		  uint32_t group, uint32_t first, uint32_t n);

#endif
