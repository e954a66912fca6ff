/* SPDX-License-Identifier: MIT */
/*
 * One table of registers; where it comes from is in streams.h.
 */
#include "stream_words.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define TARGET_PC    0x0101u
#define TARGET_CNA   0x0201u
#define TARGET_CORE  0x0801u
#define TARGET_DPU   0x1001u
#define TARGET_READY 0x0041u
#define TARGET_START 0x0081u

#define TAIL_WORDS   4u

struct stream_register {
	uint16_t offset;
	uint32_t value;
};

/* The addresses (1070, 1110, 4020) are set by stream_matmul(). */
static const struct stream_register matmul_registers[] = {
	{0x1040, 0xb1},	   {0x100c, 0x0},	  {0x4004, 0xe},      {0x1010, 0x90},
	{0x1014, 0x9},	   {0x1020, 0x10008},	  {0x1024, 0x1f0020}, {0x1028, 0x1},
	{0x102c, 0x8},	   {0x1030, 0x400},	  {0x1034, 0x20},     {0x1038, 0x1010020},
	{0x1044, 0x1},	   {0x104c, 0xb},	  {0x1050, 0x10000},  {0x1054, 0x10000},
	{0x1058, 0x10000}, {0x105c, 0x10000},	  {0x1070, 0},	      {0x1078, 0xf000f},
	{0x107c, 0x4},	   {0x1080, 0x4},	  {0x1084, 0x10008},  {0x1088, 0x20},
	{0x1110, 0},	   {0x3010, 0x0},	  {0x3014, 0x70000},  {0x3018, 0x1f},
	{0x400c, 0x1e4},   {0x4010, 0x80000000u}, {0x4020, 0},	      {0x4024, 0x80},
	{0x4030, 0x0},	   {0x4034, 0x7},	  {0x403c, 0x1f001f}, {0x4040, 0x53},
	{0x4050, 0x7fe},   {0x4058, 0x1f},	  {0x405c, 0x70000},  {0x4060, 0x53},
	{0x4070, 0x383},   {0x4078, 0x1},	  {0x4084, 0x1},      {0x40c0, 0x400},
};

static uint16_t target_of(uint16_t offset)
{
	switch (offset >> 12) {
	case 1:
		return TARGET_CNA;
	case 3:
		return TARGET_CORE;
	default:
		return TARGET_DPU;
	}
}

static uint32_t value_of(const struct stream_register *reg,
			 const struct stream_addresses *addresses)
{
	switch (reg->offset) {
	case 0x1070:
		return addresses->input;
	case 0x1110:
		return addresses->weights;
	case 0x4020:
		return addresses->output;
	default:
		return reg->value;
	}
}

static void add(struct stream *stream, uint16_t target, uint32_t value, uint16_t offset)
{
	stream->words[stream->n++] = (uint64_t)target << 48 | (uint64_t)value << 16 | offset;
}

static void add_tail(struct stream *stream)
{
	add(stream, 0, 0, 0);
	add(stream, TARGET_PC, 0, 0x14);
	add(stream, TARGET_READY, 0, 0);
	add(stream, TARGET_START, 0xd, 0x8);
}

void stream_set(struct stream *stream, uint16_t offset, uint32_t value)
{
	uint64_t tail[TAIL_WORDS];

	assert(stream->n >= TAIL_WORDS && stream->n < STREAM_WORDS_MAX);
	stream->n -= TAIL_WORDS;
	memcpy(tail, stream->words + stream->n, sizeof(tail));
	add(stream, target_of(offset), value, offset);
	memcpy(stream->words + stream->n, tail, sizeof(tail));
	stream->n += TAIL_WORDS;
}

void stream_matmul(const struct stream_addresses *addresses, struct stream *ret_stream)
{
	ret_stream->n = 0;
	for (size_t i = 0; i < sizeof(matmul_registers) / sizeof(matmul_registers[0]); i++) {
		const struct stream_register *reg = &matmul_registers[i];

		add(ret_stream, target_of(reg->offset), value_of(reg, addresses), reg->offset);
	}
	add_tail(ret_stream);
}

void stream_hang(struct stream *ret_stream)
{
	ret_stream->n = 0;
	for (int i = 0; i < 8; i++)
		add(ret_stream, 0, 0, 0);
}

void stream_bare_start(struct stream *ret_stream)
{
	ret_stream->n = 0;
	add_tail(ret_stream);
}
