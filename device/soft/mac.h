/* SPDX-License-Identifier: MIT */
/*
 * The CORE: multiplies and accumulates what lies in the convolution buffer (hardware reference 5).
 * int8 sums are exact; fp16 products are exact too, and are summed in fp32 over at most SOFT_CHUNK
 * channels and in double beyond, rounded once to fp32.
 */
#ifndef NPUD_DEVICE_SOFT_MAC_H
#define NPUD_DEVICE_SOFT_MAC_H

#include "device/soft/cna.h"

struct soft_mac {
	uint32_t width, height, channels; /* of the stream of results */
};

/* Pure. Checks also that the CORE expects what the CNA sends. */
int soft_mac_configure(const struct soft_group *group, const struct soft_cna *cna,
		       struct soft_complaint *complaint, struct soft_mac *ret_mac);

/* Part of a block: pixels within the block, channels. */
struct soft_tile {
	uint32_t first_pixel, n_pixels;	    /* at most SOFT_TILE_PIXELS */
	uint32_t first_channel, n_channels; /* at most SOFT_CHUNK */
};

/* The sums of the first `n_pixels` pixels to zero. */
void soft_mac_clear(struct soft_cbuf *cbuf, uint32_t n_pixels);
/* Adds the products of a tile's features and the weights that are loaded. */
void soft_mac_accumulate(struct soft_cbuf *cbuf, const struct soft_cna *cna,
			 const struct soft_tile *tile);
/* Sums to results, saturated to int32 or rounded to fp32. */
void soft_mac_finish(struct soft_cbuf *cbuf, const struct soft_cna *cna, uint32_t n_pixels);

#endif
