/* SPDX-License-Identifier: MIT */
/*
 * The smallest honest job, in a BO of the test client's.
 */
#include "streams.h"
#include "harness.h"

#include <string.h>

#define INTERRUPT_DPU 0x300u
#define TAIL_WORDS    4u

<<<<<<< HEAD
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

	REQUIRE(stream->n >= TAIL_WORDS && stream->n < STREAM_WORDS_MAX);
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

=======
>>>>>>> w-drm
void matmul_set_stream(struct matmul *matmul, const struct stream *stream)
{
	memset(matmul->bo.map, 0, sizeof(stream->words));
	memcpy(matmul->bo.map, stream->words, stream->n * sizeof(stream->words[0]));
	matmul->task = (struct npu_task){.regcmd_iova = matmul->bo.iova,
					 .regcmd_count = stream->n,
					 .int_mask = INTERRUPT_DPU};
}

void matmul_init(struct client *client, uint32_t iova, int8_t input, int8_t weight,
		 struct matmul *ret_matmul)
{
	struct stream stream;
	struct stream_addresses addresses;

	client_bo_new_at(client, MATMUL_BYTES, iova, &ret_matmul->bo);
	ret_matmul->handle = ret_matmul->bo.handle;
	ret_matmul->input = input;
	ret_matmul->weight = weight;
	addresses = (struct stream_addresses){
		.input = ret_matmul->bo.iova + MATMUL_INPUT,
		.weights = ret_matmul->bo.iova + MATMUL_WEIGHTS,
		.output = ret_matmul->bo.iova + MATMUL_OUTPUT,
	};
	stream_matmul(&addresses, &stream);
	matmul_set_stream(ret_matmul, &stream);
	memset(ret_matmul->bo.map + MATMUL_INPUT, input, MATMUL_ROWS * MATMUL_DEPTH);
	memset(ret_matmul->bo.map + MATMUL_WEIGHTS, weight, MATMUL_DEPTH * MATMUL_COLUMNS);
}

struct job_request matmul_request(const struct matmul *matmul)
{
	return (struct job_request){
		.tasks = &matmul->task,
		.n_tasks = 1,
		.handles = &matmul->handle,
		.n_handles = 1,
	};
}

uint64_t matmul_submit(struct client *client, const struct matmul *matmul, int *ret_fence)
{
	struct job_request job = matmul_request(matmul);

	return client_submit(client, &job, ret_fence);
}

bool matmul_output_is(const struct matmul *matmul, int32_t value)
{
	const int32_t *output = (const int32_t *)(matmul->bo.map + MATMUL_OUTPUT);

	for (unsigned i = 0; i < MATMUL_ROWS * MATMUL_COLUMNS; i++)
		if (output[i] != value)
			return false;
	return true;
}

int32_t matmul_expected(const struct matmul *matmul)
{
	return (int32_t)MATMUL_DEPTH * matmul->input * matmul->weight;
}

void matmul_clear_output(struct matmul *matmul)
{
	memset(matmul->bo.map + MATMUL_OUTPUT, 0, MATMUL_ROWS * MATMUL_COLUMNS * sizeof(int32_t));
}

void matmul_check(struct client *client, struct matmul *matmul)
{
	matmul_clear_output(matmul);
	client_wait_outcome(client, matmul_submit(client, matmul, NULL), NPU_OUTCOME_OK);
	REQUIRE(matmul_output_is(matmul, matmul_expected(matmul)));
}

uint64_t hang_submit(struct client *client, struct matmul *memory, uint32_t core_mask,
		     uint64_t timeout_ns, int *ret_fence)
{
	struct stream stream;
	struct job_request job;

	stream_hang(&stream);
	matmul_set_stream(memory, &stream);
	job = matmul_request(memory);
	job.submit.core_mask = core_mask;
	job.submit.timeout_ns = timeout_ns;
	return client_submit(client, &job, ret_fence);
}

struct job_request timed_request(uint64_t duration_ns, uint32_t core_mask)
{
	return (struct job_request){
		.submit = {.duration_ns = duration_ns, .core_mask = core_mask},
	};
}

uint64_t timed_submit(struct client *client, uint64_t duration_ns, uint32_t core_mask,
		      int *ret_fence)
{
	struct job_request job = timed_request(duration_ns, core_mask);

	return client_submit(client, &job, ret_fence);
}
