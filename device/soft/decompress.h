/* SPDX-License-Identifier: MIT */
/*
 * Compressed weights (hardware reference 4.11): sixteen segments, each of which carries four bytes
 * of every 64-byte line of the weight image. Pure.
 */
#ifndef NPUD_DEVICE_SOFT_DECOMPRESS_H
#define NPUD_DEVICE_SOFT_DECOMPRESS_H

#include <stddef.h>
#include <stdint.h>

#define SOFT_LINE_BYTES	      64u
#define SOFT_SEGMENT_PART     4u /* bytes of a line that a segment carries */
#define SOFT_SEGMENT_HEADER   16u
#define SOFT_SEGMENT_MAX_BITS 13u /* of the longest code for one byte */

/*
 * Decodes `n_parts` times four bytes from a segment to to[0..3], to[64..67] and so on. -EBADMSG
 * for codes or classes that nobody has seen and where the segment ends early.
 */
int soft_segment_decode(const uint8_t *segment, size_t size_bytes, size_t n_parts, uint8_t *to);

#endif
