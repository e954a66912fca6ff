/* SPDX-License-Identifier: MIT */
/*
 * Durations in log-linear buckets: 8 per power of two, so a percentile is off by at most 6.25 %.
 *
 * Fixed size, no allocation. Covers 0 to 2^40 ns (18 minutes); what is longer counts as that.
 */
#ifndef NPUD_BASE_HISTOGRAM_H
#define NPUD_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 304

struct histogram {
	uint32_t buckets[HISTOGRAM_BUCKETS];
	uint64_t count, max;
};

void histogram_add(struct histogram *h, uint64_t value_ns);
/* The value below which `permille` of the samples lie (500: median); 0 without samples. */
uint64_t histogram_percentile(const struct histogram *h, unsigned permille);

#endif
