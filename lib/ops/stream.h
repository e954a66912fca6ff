/* SPDX-License-Identifier: MIT */
/*
 * The register stream of one task: a body that names every register of its blocks, most of them
 * with 0, so that it depends on nothing that ran before; and the tail (hardware reference 2.2).
 */
#ifndef LIBNPU_OPS_STREAM_H
#define LIBNPU_OPS_STREAM_H

#include <stdint.h>

struct ops_span {
	uint16_t first, last; /* offsets of registers */
};

struct ops_stream {
	uint64_t *entries;
	uint32_t n_body;
};

#define OPS_STREAM_TAIL 4u

/*
 * Writes the body with 0 everywhere and the tail that starts the blocks of `op_en` to `entries`,
 * which has room for all registers of the spans and OPS_STREAM_TAIL more.
 */
void ops_stream_init(struct ops_stream *stream, uint64_t *entries, const struct ops_span *spans,
		     uint32_t n_spans, uint32_t op_en);
/* The register is one of the body's, and was not set before. */
void ops_stream_set(struct ops_stream *stream, uint16_t offset, uint32_t value);

#endif
