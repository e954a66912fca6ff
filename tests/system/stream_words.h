/* SPDX-License-Identifier: MIT */
/*
 * Register-command streams by hand, for who needs no more than the words.
 */
#ifndef NPUD_TESTS_STREAM_WORDS_H
#define NPUD_TESTS_STREAM_WORDS_H

#include <stdint.h>

#define STREAM_WORDS_MAX 128

struct stream_addresses {
	uint32_t input, weights, output;
};

struct stream {
	uint64_t words[STREAM_WORDS_MAX];
	uint32_t n;
};

/* One more register write in front of the tail; it counts, whatever was written before. */
void stream_set(struct stream *stream, uint16_t offset, uint32_t value);
void stream_matmul(const struct stream_addresses *addresses, struct stream *ret_stream);
/* Never reaches an op_en, so no block starts and no interrupt comes. */
void stream_hang(struct stream *ret_stream);
/* The tail of a matrix product without its registers. */
void stream_bare_start(struct stream *ret_stream);

/* Layout of the BO: stream, input, weights and output, a page each. */
#define MATMUL_BYTES   0x4000u
#define MATMUL_INPUT   0x1000u
#define MATMUL_WEIGHTS 0x2000u
#define MATMUL_OUTPUT  0x3000u
#define MATMUL_ROWS    8u
#define MATMUL_COLUMNS 32u
#define MATMUL_DEPTH   32u

#endif
