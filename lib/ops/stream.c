/* SPDX-License-Identifier: MIT */
/* Entries are found by what they look like with value 0: streams are short and written once. */
#include "stream.h"

#include "regcmd.h"

static uint16_t target_of(uint16_t offset)
{
	static const uint16_t targets[] = {
		[1] = TARGET_CNA,      [3] = TARGET_CORE, [4] = TARGET_DPU,
		[5] = TARGET_DPU_RDMA, [6] = TARGET_PPU,  [7] = TARGET_PPU_RDMA,
	};

	return targets[offset >> 12];
}

void ops_stream_init(struct ops_stream *stream, uint64_t *entries, const struct ops_span *spans,
		     uint32_t n_spans, uint32_t op_en)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_spans; i++)
		for (uint16_t o = spans[i].first; o <= spans[i].last; o += 4)
			entries[n++] = regcmd_encode(target_of(o), o, 0);
	/* The last task of its chain: no successor (hardware reference 2.2). */
	entries[n] = 0;
	entries[n + 1] = regcmd_encode(TARGET_PC, REG_PC_REGISTER_AMOUNTS, 0);
	entries[n + 2] = regcmd_encode(TARGET_MARKER, 0, 0);
	entries[n + 3] = regcmd_encode(TARGET_OP_EN, REG_PC_OPERATION_ENABLE, op_en);
	stream->entries = entries;
	stream->n_body = n;
}

void ops_stream_set(struct ops_stream *stream, uint16_t offset, uint32_t value)
{
	uint64_t entry = regcmd_encode(target_of(offset), offset, 0);
	uint32_t i = 0;

	while (i < stream->n_body && stream->entries[i] != entry)
		i++;
	if (i < stream->n_body)
		stream->entries[i] = entry | (uint64_t)value << 16;
}
