/* SPDX-License-Identifier: MIT */
/*
 * Streams as vendor compilers make them: whole where a cut may be, else only what changed.
 */
#include "network.h"
#include "harness.h"
#include "streams.h"

#include <string.h>

#define STREAM_BYTES 0x400u

static uint64_t word(uint16_t target, uint32_t value, uint16_t offset)
{
	return (uint64_t)target << 48 | (uint64_t)value << 16 | offset;
}

/* The short ones write into the group before last. */
void network_write_stream(struct network *network, unsigned i, uint32_t input_iova)
{
	uint32_t iova = network->bo.iova, output = iova + NETWORK_OUTPUT + i * 0x1000;
	const struct stream_addresses addresses = {input_iova, iova + NETWORK_WEIGHT, output};
	struct stream stream;
	uint64_t *tail;

	stream_matmul(&addresses, &stream);
	tail = &stream.words[stream.n - 4];
	if (i % 4 >= 2) {
		stream.words[0] = word(0x1001, 0xe, 0x4004);
		stream.words[1] = word(0x1001, output, 0x4020);
		memmove(&stream.words[2], tail, 4 * sizeof(*tail));
		tail = &stream.words[2];
		stream.n = 6;
	}
	if (i + 1 < NETWORK_TASKS) {
		tail[0] = word(0x0101, iova + (i + 1) * STREAM_BYTES, 0x10);
		tail[1] = word(0x0101, 63, 0x14);
	}
	memcpy(network->bo.map + i * STREAM_BYTES, stream.words, stream.n * sizeof(*stream.words));
	network->tasks[i] = (struct npu_task){iova + i * STREAM_BYTES, stream.n, 0x300, 0};
}

void network_write_streams(struct network *network)
{
	for (unsigned i = 0; i < NETWORK_TASKS; i++)
		network_write_stream(network, i,
				     network->bo.iova + NETWORK_INPUTS + i % 2 * 0x1000);
}

void network_init(struct client *client, struct network *ret_network)
{
	client_bo_new(client, NETWORK_BYTES, &ret_network->bo);
	ret_network->handle = ret_network->bo.handle;
	network_write_streams(ret_network);
	memset(ret_network->bo.map + NETWORK_INPUTS, 3, 0x1000);
	memset(ret_network->bo.map + NETWORK_INPUTS + 0x1000, 5, 0x1000);
	memset(ret_network->bo.map + NETWORK_WEIGHT, 7, 0x1000);
}

struct job_request network_request(const struct network *network, uint32_t flags)
{
	return (struct job_request){
		.submit = {.flags = flags},
		.tasks = network->tasks,
		.n_tasks = NETWORK_TASKS,
		.handles = &network->handle,
		.n_handles = 1,
	};
}

void network_check(struct network *network)
{
	for (unsigned i = 0; i < NETWORK_TASKS; i++) {
		int32_t *output = (int32_t *)(network->bo.map + NETWORK_OUTPUT + i * 0x1000);

		for (unsigned j = 0; j < MATMUL_ROWS * MATMUL_COLUMNS; j++)
			REQUIRE_EQ(output[j], 32 * (i % 2 ? 5 : 3) * 7);
		memset(output, 0, 0x1000);
	}
}
