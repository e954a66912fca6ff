/* SPDX-License-Identifier: MIT */
/*
 * A prefix code names one of eight classes; a class says how many bits of a difference follow. The
 * differences are against a base byte; one class stands for runs of zeros.
 */
#include "device/soft/decompress.h"

#include <errno.h>
#include <stdbool.h>

#define MODE_RUNS  0x11u
#define MODE_PLAIN 0x00u
#define N_CODES	   8u
#define MAX_CLASS  7u

struct bits {
	const uint8_t *bytes;
	size_t at, n; /* in bits; past the end read as 0 and counted */
};

struct segment {
	struct bits bits;
	bool has_runs;
	uint8_t base;
	uint8_t classes[N_CODES];
	uint32_t run; /* of run code 0 */
};

static unsigned next_bit(struct bits *bits)
{
	size_t at = bits->at++;

	return at < bits->n ? bits->bytes[at / 8] >> at % 8 & 1 : 0;
}

static unsigned next_bits(struct bits *bits, unsigned n)
{
	unsigned value = 0;

	for (unsigned i = 0; i < n; i++)
		value |= next_bit(bits) << i;
	return value;
}

/* 00, 10, 111, 110, 011, 0101, 01001, 01000, in the order of the stream. */
static unsigned next_code(struct bits *bits)
{
	if (next_bit(bits)) {
		if (!next_bit(bits))
			return 1;
		return next_bit(bits) ? 2 : 3;
	}
	if (!next_bit(bits))
		return 0;
	if (next_bit(bits))
		return 4;
	if (next_bit(bits))
		return 5;
	return next_bit(bits) ? 6 : 7;
}

static int parse_header(struct segment *segment, const uint8_t *bytes, size_t size_bytes)
{
	if (size_bytes < SOFT_SEGMENT_HEADER || (bytes[0] != MODE_RUNS && bytes[0] != MODE_PLAIN))
		return -EBADMSG;
	segment->has_runs = bytes[0] == MODE_RUNS;
	segment->base = bytes[1];
	for (unsigned i = 0; i < N_CODES; i++)
		segment->classes[i] = bytes[4 + i / 2] >> (i % 2 * 4) & 0xf;
	segment->run = bytes[8] | (uint32_t)bytes[9] << 8;
	segment->bits = (struct bits){
		.bytes = bytes + SOFT_SEGMENT_HEADER,
		.n = (size_bytes - SOFT_SEGMENT_HEADER) * 8,
	};
	return 0;
}

/* A difference; with runs, +/- a magnitude, else the one's complement for negative ones. */
static int next_difference(struct segment *segment, unsigned class)
{
	bool is_negative = next_bit(&segment->bits);
	int magnitude;

	if (segment->has_runs && class == MAX_CLASS) {
		magnitude = (int)next_bits(&segment->bits, 7);
		if (is_negative && magnitude == 0)
			return -128;
		return is_negative ? -magnitude : magnitude;
	}
	magnitude =
		class == 0 ? 0 : (int)(next_bits(&segment->bits, class - 1) | 1u << (class - 1));
	if (segment->has_runs)
		return is_negative ? -magnitude : magnitude;
	return is_negative ? -magnitude - 1 : magnitude;
}

/* The next byte's difference, of which *ret_n follow one another. */
static int next_run(struct segment *segment, uint32_t *ret_n, int *ret_difference)
{
	unsigned class = segment->classes[next_code(&segment->bits)];

	*ret_n = 1;
	*ret_difference = 0;
	if (class > MAX_CLASS)
		return -EBADMSG;
	if (!segment->has_runs || class > 0) {
		*ret_difference = next_difference(segment, class);
		return 0;
	}
	/* Of the run codes only the first has been seen. */
	if (next_bit(&segment->bits) != 0 || segment->run == 0)
		return -EBADMSG;
	*ret_n = segment->run;
	return 0;
}

int soft_segment_decode(const uint8_t *bytes, size_t size_bytes, size_t n_parts, uint8_t *to)
{
	struct segment segment;
	size_t n = n_parts * SOFT_SEGMENT_PART, at = 0;
	int r;

	r = parse_header(&segment, bytes, size_bytes);
	while (r == 0 && at < n) {
		uint32_t run;
		int difference;

		r = next_run(&segment, &run, &difference);
		if (r == 0 && segment.bits.at > segment.bits.n)
			r = -EBADMSG;
		for (; r == 0 && run > 0 && at < n; run--, at++)
			to[at / SOFT_SEGMENT_PART * SOFT_LINE_BYTES + at % SOFT_SEGMENT_PART] =
				(uint8_t)(segment.base + difference);
	}
	return r;
}
