/* SPDX-License-Identifier: MIT */
/* RFC 1952 around stored blocks of RFC 1951. */
#include "gzip.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#define BLOCK_MAX 65535u

static uint32_t crc_of(const unsigned char *data, size_t size)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
	}
	return ~crc;
}

static void put_u32(FILE *stream, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		fputc((int)(value >> 8 * i & 0xff), stream);
}

static void put_block(FILE *stream, const unsigned char *data, size_t size, int is_last)
{
	const unsigned n = (unsigned)size, complement = ~n;

	fputc(is_last, stream);
	fputc((int)(n & 0xff), stream);
	fputc((int)(n >> 8), stream);
	fputc((int)(complement & 0xff), stream);
	fputc((int)(complement >> 8 & 0xff), stream);
	fwrite(data, 1, size, stream);
}

int gzip_write(const char *path, const void *data, size_t size)
{
	static const unsigned char header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
	const unsigned char *bytes = data;
	FILE *stream = fopen(path, "we");
	size_t done = 0, n;

	if (!stream)
		return -errno;
	fwrite(header, 1, sizeof(header), stream);
	do {
		n = size - done < BLOCK_MAX ? size - done : BLOCK_MAX;
		put_block(stream, bytes + done, n, done + n == size);
		done += n;
	} while (done < size);
	put_u32(stream, crc_of(data, size));
	put_u32(stream, (uint32_t)size);
	n = (size_t)ferror(stream);
	return fclose(stream) == 0 && n == 0 ? 0 : -EIO;
}
