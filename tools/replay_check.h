/* SPDX-License-Identifier: MIT */
/*
 * Compares what is in a buffer with what the recorded program expects there. Pure.
 */
#ifndef NPU_TOOLS_REPLAY_CHECK_H
#define NPU_TOOLS_REPLAY_CHECK_H

#include "replay_fixture.h"

/* The element of that type at `data`, little endian. */
double replay_element(enum replay_type type, const unsigned char *data);

/* What to compare; the arrays hold check->count elements each. */
struct replay_evidence {
	const void *buffer;
	uint64_t buffer_bytes;
	const void *offsets;  /* int64, little endian: where in the buffer */
	const void *expected; /* float64, little endian */
};

struct replay_comparison {
	uint64_t n_wrong;
	double worst;	      /* largest difference; infinite for a NaN */
	uint64_t worst_index; /* which element has it */
};

/*
 * Element i, of type check->type, times scale, plus add, must be within atol + rtol * |expected| of
 * what is expected. -EINVAL when an offset leads out of the buffer.
 */
int replay_compare(const struct replay_check *check, const struct replay_evidence *evidence,
		   struct replay_comparison *ret_comparison);

#endif
