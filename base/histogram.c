/* SPDX-License-Identifier: MIT */
/*
 * A bucket is a floating-point number of three mantissa bits: values below 8 are exact, above that
 * the highest four bits choose the bucket, whose middle stands for all its samples.
 */
#include "base/histogram.h"

#define MANTISSA_BITS 3
#define MANTISSAS     (1u << MANTISSA_BITS)
#define VALUE_MAX     ((1ull << 40) - 1)

static unsigned bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < MANTISSAS)
		return (unsigned)value;
	shift = 63 - (unsigned)__builtin_clzll(value) - MANTISSA_BITS;
	return (shift + 1) * MANTISSAS + (unsigned)((value >> shift) & (MANTISSAS - 1));
}

static uint64_t bucket_middle(unsigned bucket)
{
	unsigned shift;

	if (bucket < MANTISSAS)
		return bucket;
	shift = bucket / MANTISSAS - 1;
	return ((uint64_t)(MANTISSAS + bucket % MANTISSAS) << shift) + ((1ull << shift) / 2);
}

/* Old samples lose half their weight; the proportions stay. */
static void histogram_halve(struct histogram *h)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		h->buckets[i] /= 2;
}

void histogram_add(struct histogram *h, uint64_t value_ns)
{
	uint64_t value = value_ns < VALUE_MAX ? value_ns : VALUE_MAX;
	unsigned bucket = bucket_of(value);

	if (h->buckets[bucket] == UINT32_MAX)
		histogram_halve(h);
	h->buckets[bucket]++;
	h->count++;
	if (value > h->max)
		h->max = value;
}

uint64_t histogram_percentile(const struct histogram *h, unsigned permille)
{
	uint64_t total = 0, below = 0, rank, middle;
	unsigned bucket = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += h->buckets[i];
	if (total == 0)
		return 0;
	if (permille >= 1000)
		return h->max;

	rank = (total * permille + 999) / 1000;
	while (bucket < HISTOGRAM_BUCKETS - 1 && (below += h->buckets[bucket]) < (rank ? rank : 1))
		bucket++;
	middle = bucket_middle(bucket);
	return middle < h->max ? middle : h->max;
}
