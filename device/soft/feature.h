/* SPDX-License-Identifier: MIT */
/*
 * Features on their way from memory into the convolution buffer (hardware reference 4.2 to 4.7):
 * fetched, converted, padded.
 *
 * The buffer then holds soft_cna_rows() x soft_cna_columns() pixels of `lanes` channels each, so
 * that windows need no edges: int8 and int4 as bytes with 128 added, int16 as int16_t, depthwise
 * fp16 as it is in memory, the others as float.
 */
#ifndef NPUD_DEVICE_SOFT_FEATURE_H
#define NPUD_DEVICE_SOFT_FEATURE_H

#include "device/soft/convolution.h"

/* Added to int8 and int4 features, since dot products of CPUs take one unsigned operand. */
#define SOFT_FEATURE_BIAS 128

/*
 * Decodes `n` elements as in memory into the form of the buffer. Of int4, an even number is read
 * and only `n` are stored.
 */
void soft_elements_decode(enum rk3588_precision precision, const uint8_t *from, uint32_t n,
			  void *to);

/* Bytes of an element in the buffer. */
uint32_t soft_feature_bytes(const struct soft_cna *cna);

/* One element through the input converter; the result is int8 or int16. */
int32_t soft_cvt_apply(const struct soft_cna *cna, uint32_t lane, int32_t value);

/* All features of a task. -EOPNOTSUPP when they are too many, else as soft_core_dma_read(). */
int soft_features_load(struct soft_core *core, const struct soft_cna *cna);

/* Sums over the channels of each pixel in the buffer, for SX. Integer precisions. */
int soft_features_sum(struct soft_core *core, const struct soft_cna *cna);

#endif
