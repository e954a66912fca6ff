/* SPDX-License-Identifier: MIT */
/*
 * By hand: tools know no more of the NPU than any client.
 */
#include "bench_stream.h"

uint32_t bench_stream_write(const struct npu_bo *bo)
{
	const uint32_t output = bo->iova + 0x400, left = bo->iova + 0x800, right = bo->iova + 0xc00;
	const struct {
		uint16_t target, offset;
		uint32_t value;
	} writes[] = {
		{0x1001, 0x400c, 0x1e5},      {0x1001, 0x4010, 0x48000002},
		{0x1001, 0x403c, 0x70007},    {0x1001, 0x4030, 0},
		{0x1001, 0x4070, 0x108202c0}, {0x2001, 0x500c, 0},
		{0x2001, 0x5010, 0},	      {0x2001, 0x5014, 0x70007},
		{0x2001, 0x5034, 0x40000008}, {0x1001, 0x4020, output},
		{0x2001, 0x5018, left},	      {0x2001, 0x5038, right},
		{0x2001, 0x5044, 0x17849},    {0x0081, 0x0008, 0x18},
	};
	const uint32_t n = sizeof(writes) / sizeof(writes[0]);
	uint64_t *entries = bo->map;
	for (uint32_t i = 0; i < n; i++)
		entries[i] = (uint64_t)writes[i].target << 48 | (uint64_t)writes[i].value << 16 |
			     writes[i].offset;
	return n;
}
