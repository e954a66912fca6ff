/* SPDX-License-Identifier: MIT */
/*
 * Weights of one group on their way into the convolution buffer (hardware reference 4.10, 4.11).
 *
 * There they lie as the inner loops want them. The elements of a window are numbered row by row,
 * tap by tap, lane by lane: e = tap * lanes + lane.
 *
 *   int8, int4   [32 kernels][e / 4][kernel][e % 4], bytes; int4 has two such blocks
 *   int16        [e][16 kernels], int16_t
 *   floats       [e][16 kernels], float
 *   depthwise    [tap][channels of a group], int16_t or float
 *
 * Kernels and channels that do not exist are zeros.
 */
#ifndef NPUD_DEVICE_SOFT_WEIGHTS_H
#define NPUD_DEVICE_SOFT_WEIGHTS_H

#include "device/soft/convolution.h"

#define SOFT_WEIGHT_BLOCK 32u /* kernels, with elements of one byte */
#define SOFT_WEIGHT_QUAD  4u
#define SOFT_WEIGHT_ROW	  16u /* kernels, with wider elements */

/* Decompresses what is compressed; to be called once before the groups. */
int soft_weights_prepare(struct soft_core *core, const struct soft_cna *cna);
/* The group need not exist. Also sums up each kernel's weights, for int8 and int4. */
int soft_weights_load(struct soft_core *core, const struct soft_cna *cna, uint32_t group);

#endif
