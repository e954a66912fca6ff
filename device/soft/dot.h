/* SPDX-License-Identifier: MIT */
/*
 * The inner loops: features of some pixels times the weights of one block of kernels, in plain C
 * and with what the CPU offers. All variants give the same bits.
 */
#ifndef NPUD_DEVICE_SOFT_DOT_H
#define NPUD_DEVICE_SOFT_DOT_H

#include <stddef.h>
#include <stdint.h>

/* Elements of a window that are neighbours in the feature buffer. */
struct soft_span {
	uint32_t offset, n; /* from the window's first element */
};

struct soft_dot {
	const void *features;
	const uint32_t *bases; /* first element of each pixel's window */
	uint32_t n_pixels;     /* at least 1 */
	const struct soft_span *spans;
	uint32_t n_spans;
	const void *weights; /* of the first span; those of the others follow (weights.h) */
	void *results;	     /* [pixel][pitch]; set, not added to */
	uint32_t pitch;
	const int32_t *initial; /* bytes: what the sum of each kernel begins with */
};

/*
 * bytes: features with 128 added, spans of whole quads, 32 kernels, int32_t results; at most 2^15
 * elements. floats: 16 kernels, float results, products taken to be exact.
 */
struct soft_dot_variant {
	const char *name;
	void (*bytes)(const struct soft_dot *dot);
	void (*floats)(const struct soft_dot *dot);
};

/* The plain one is variant 0; the last is the fastest that this CPU has. */
size_t soft_dot_variants(const struct soft_dot_variant **ret_variants);

#endif
