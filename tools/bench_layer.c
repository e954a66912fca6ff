/* SPDX-License-Identifier: MIT */
/*
 * One register stream per layer, as a vendor's compiler would write it (hardware reference 4 to 7):
 * convolution, a bias per channel by RDMA, and the output converter.
 */
#include "bench_layer.h"

#include <errno.h>
#include <string.h>

#define ATOM_BYTES   16u
#define STREAM_BYTES 768u
#define PAGE	     4096u
#define OP_EN	     0x1du /* CNA, CORE, DPU, DPU_RDMA */
#define INT_MASK     0x300u
/* fp16 from 2^-4 to below 2^-2 in magnitude, random otherwise. */
#define HALF_FIRST 0x2c00u
#define HALF_RANGE 0x0800u
#define HALF_SIGN  0x8000u

const struct bench_layer bench_layers[] = {
	{"first 3x3 s2   224x224x3    -> 32", false, true, 224, 3, 32, 3, 2},
	{"pointwise      56x56x64     -> 128", false, false, 56, 64, 128, 1, 1},
	{"pointwise      28x28x128    -> 128", false, false, 28, 128, 128, 1, 1},
	{"pointwise      14x14x512    -> 512", false, false, 14, 512, 512, 1, 1},
	{"pointwise      7x7x1024     -> 1024", false, false, 7, 1024, 1024, 1, 1},
	{"depthwise 3x3  28x28x128", true, false, 28, 128, 128, 3, 1},
	{"depthwise 3x3  14x14x512", true, false, 14, 512, 512, 3, 1},
	{"depthwise 3x3 s2 28x28x128", true, false, 28, 128, 128, 3, 2},
	{"dense 3x3      28x28x64     -> 64", false, false, 28, 64, 64, 3, 1},
	{"dense 3x3      14x14x128    -> 128", false, false, 14, 128, 128, 3, 1},
};
const unsigned bench_n_layers = sizeof(bench_layers) / sizeof(bench_layers[0]);

/* Sizes that the registers want. */
struct geometry {
	const struct bench_layer *layer;
	bool is_half;
	uint32_t element_bytes, padded; /* channels as laid out */
	uint32_t out_size, group;
	uint32_t kernel_bytes;
	uint32_t weights, operands, output, stream; /* offsets in the buffer; input first */
	uint32_t size_bytes;
};

uint32_t bench_layer_out_size(const struct bench_layer *layer)
{
	return (layer->size - 1) / layer->stride + 1;
}

uint64_t bench_layer_macs(const struct bench_layer *layer)
{
	uint64_t pixels = (uint64_t)bench_layer_out_size(layer) * bench_layer_out_size(layer);
	return pixels * layer->kernel_size * layer->kernel_size * layer->kernels *
	       (layer->is_depthwise ? 1 : layer->channels);
}

static uint32_t whole_pages(uint32_t bytes)
{
	return (bytes + PAGE - 1) / PAGE * PAGE;
}

static struct geometry measure(const struct bench_layer *layer, bool is_half)
{
	uint32_t bytes = is_half ? 2 : 1, out_size = bench_layer_out_size(layer);
	struct geometry geometry = {
		.layer = layer,
		.is_half = is_half,
		.element_bytes = bytes,
		.padded = layer->is_first ? ATOM_BYTES / bytes : layer->channels,
		.out_size = out_size,
		.group = (layer->is_depthwise ? 64 : 32) / bytes,
	};
	geometry.kernel_bytes = layer->kernel_size * layer->kernel_size * geometry.padded * bytes;
	geometry.weights = whole_pages(layer->size * layer->size * layer->channels * bytes);
	geometry.operands =
		geometry.weights +
		whole_pages(geometry.kernel_bytes * (layer->is_depthwise ? 1 : layer->kernels));
	geometry.output = geometry.operands + whole_pages(layer->kernels * sizeof(int32_t));
	geometry.stream =
		geometry.output + whole_pages(out_size * out_size * layer->kernels * bytes);
	geometry.size_bytes = geometry.stream + whole_pages(BENCH_TASK_RUNS * STREAM_BYTES);
	return geometry;
}

struct stream {
	uint64_t *entries;
	uint32_t n;
};

static void put(struct stream *stream, uint16_t offset, uint32_t value)
{
	static const uint16_t targets[] = {[0] = 0x0101,  /* PC */
					   [1] = 0x0201,  /* CNA */
					   [3] = 0x0801,  /* CORE */
					   [4] = 0x1001,  /* DPU */
					   [5] = 0x2001}; /* DPU_RDMA */
	stream->entries[stream->n++] =
		(uint64_t)targets[offset >> 12] << 48 | (uint64_t)value << 16 | offset;
}

static void put_modes(struct stream *stream, const struct geometry *geometry)
{
	const struct bench_layer *layer = geometry->layer;
	uint32_t precision = geometry->is_half ? 0x120 : 0;
	uint32_t packed = layer->is_first ? 0x60000000u | (7 + layer->channels) << 12 : 0;
	put(stream, 0x4004, 0xe); /* S_POINTER: ping-pong */
	put(stream, 0x5004, 0xe);
	put(stream, 0x100c, packed | precision | (layer->is_depthwise ? 3 : 0)); /* CONV_CON1 */
	put(stream, 0x1010, 0x100);						 /* CONV_CON2 */
	put(stream, 0x1014, layer->stride << 3 | layer->stride);		 /* CONV_CON3 */
	put(stream, 0x1040, 0x1b); /* CBUF_CON0: 11 banks of features, one of weights */
	/* Unsigned pixels become signed ones; else no conversion. */
	put(stream, 0x104c, layer->is_first && !geometry->is_half ? 0xe38e0 : 0xb);
	for (uint16_t lane = 0; lane < 3; lane++)
		put(stream, (uint16_t)(0x1050 + 4 * lane), 0x4000ff80);
	put(stream, 0x105c, 0x10000);
	put(stream, 0x1180, layer->is_first && !geometry->is_half ? 0xfff : 0);
}

static void put_sizes(struct stream *stream, const struct geometry *geometry, uint32_t iova)
{
	const struct bench_layer *layer = geometry->layer;
	uint32_t pad = layer->kernel_size / 2, plane = layer->size * layer->size;
	uint32_t kernels = layer->is_depthwise ? 1 : layer->kernels;
	put(stream, 0x1020, layer->size << 16 | layer->size);
	put(stream, 0x1024, (layer->channels - 1) % 64 << 16 | geometry->padded);
	put(stream, 0x1028, geometry->out_size);
	put(stream, 0x102c, geometry->out_size * geometry->out_size);
	put(stream, 0x1030, geometry->kernel_bytes * kernels);
	put(stream, 0x1034, geometry->kernel_bytes);
	put(stream, 0x1038, layer->kernel_size << 24 | layer->kernel_size << 16 | kernels);
	put(stream, 0x1068, pad << 4 | pad);
	put(stream, 0x1070, iova);
	put(stream, 0x107c, layer->is_first ? layer->size : 4 * layer->size);
	put(stream, 0x1080, (plane - 4 * layer->size) & 0x0fffffff);
	put(stream, 0x1084, layer->size << 16 | layer->size);
	put(stream, 0x1088, geometry->padded);
	put(stream, 0x1110, iova + geometry->weights);
	put(stream, 0x1184, 0);
}

static void put_output(struct stream *stream, const struct geometry *geometry, uint32_t iova)
{
	const struct bench_layer *layer = geometry->layer;
	uint32_t edge = geometry->out_size - 1, channel = layer->kernels - 1;
	uint32_t surface = geometry->out_size * geometry->out_size * ATOM_BYTES;
	uint32_t atoms = geometry->group * geometry->element_bytes / ATOM_BYTES;
	uint32_t precision = geometry->is_half ? 2 : 0;
	/* Sums of features too for int8, as compilers ask for them whether used or not. */
	put(stream, 0x3010, precision << 8 | layer->is_depthwise << 1 | !geometry->is_half);
	put(stream, 0x3014, edge << 16 | edge);
	put(stream, 0x3018, channel);
	put(stream, 0x301c, 0);
	put(stream, 0x400c, layer->is_depthwise ? 0x1fc : 0x1e4);
	put(stream, 0x4010, precision << 29 | precision << 26 | precision);
	put(stream, 0x4020, iova + geometry->output);
	put(stream, 0x4024, surface);
	put(stream, 0x4030, edge);
	put(stream, 0x4034, edge);
	put(stream, 0x403c, channel << 16 | channel);
	put(stream, 0x4050, (atoms - 1) * 0x124 | (geometry->is_half ? 2 : 0));
	put(stream, 0x4058, channel);
	put(stream, 0x405c, edge << 16 | edge);
	put(stream, 0x40c0, atoms * surface);
}

/* A bias by BS; BN and EW pass through; int8: times 3 / 2^15. */
static void put_stages(struct stream *stream, const struct geometry *geometry, uint32_t iova)
{
	uint32_t edge = geometry->out_size - 1;
	put(stream, 0x4040, 0x20150);
	put(stream, 0x4060, 0x53);
	put(stream, 0x4070, 0x383);
	put(stream, 0x4078, 1);
	put(stream, 0x4084, geometry->is_half ? 0x10001 : 3);
	put(stream, 0x4088, geometry->is_half ? 0 : 15);
	put(stream, 0x500c, edge);
	put(stream, 0x5010, edge);
	put(stream, 0x5014, geometry->layer->kernels - 1);
	put(stream, 0x501c, 2);
	put(stream, 0x5020, iova + geometry->operands);
	put(stream, 0x5034, 1);
	put(stream, 0x5044, 0x7810);
}

/* The next task's stream is as long as this one. */
static void put_tail(struct stream *stream, uint32_t next_iova)
{
	uint32_t n_entries = stream->n + 4;
	put(stream, 0x0010, next_iova);
	put(stream, 0x0014, next_iova ? (n_entries + 1) / 2 - 1 : 0);
	stream->entries[stream->n++] = 0x0041ull << 48;
	stream->entries[stream->n++] = 0x0081ull << 48 | (uint64_t)OP_EN << 16 | 0x0008;
}

/* Operands as bits; those of fp16 are numbers, and biases of fp32 are the same small ones. */
static void fill(uint8_t *bytes, const struct geometry *geometry)
{
	uint16_t *halves = (uint16_t *)bytes;
	uint32_t state = 1;
	for (uint32_t i = 0; i < geometry->output / sizeof(*halves); i++) {
		state = state * 1664525u + 1013904223u;
		uint16_t bits = (uint16_t)(state >> 16);
		halves[i] =
			geometry->is_half
				? (uint16_t)((bits & HALF_SIGN) | (HALF_FIRST + bits % HALF_RANGE))
				: bits;
	}
	int32_t *biases = (int32_t *)(bytes + geometry->operands);
	for (uint32_t i = 0; i < geometry->layer->kernels; i++)
		biases[i] = geometry->is_half ? 0x3e000000 : (int32_t)i;
}

int bench_task_init(struct bench_task *task, struct npu_session *session,
		    const struct bench_layer *layer, bool is_half)
{
	struct geometry geometry = measure(layer, is_half);
	*task = (struct bench_task){.session = session};
	int result = npu_bo_create(session, geometry.size_bytes, 0, &task->bo);
	if (result < 0)
		return result;
	fill(task->bo.map, &geometry);
	/* As often as it is run, each stream leading to the next. */
	for (uint32_t i = 0; i < BENCH_TASK_RUNS; i++) {
		struct stream stream = {.entries =
						(uint64_t *)((uint8_t *)task->bo.map +
							     geometry.stream + i * STREAM_BYTES)};
		task->iovas[i] = task->bo.iova + geometry.stream + i * STREAM_BYTES;
		put_modes(&stream, &geometry);
		put_sizes(&stream, &geometry, task->bo.iova);
		put_output(&stream, &geometry, task->bo.iova);
		put_stages(&stream, &geometry, task->bo.iova);
		put_tail(&stream, i + 1 < BENCH_TASK_RUNS ? task->iovas[i] + STREAM_BYTES : 0);
		task->n_entries = stream.n;
	}
	return 0;
}

void bench_task_deinit(struct bench_task *task)
{
	if (task->bo.handle)
		npu_bo_close(task->session, &task->bo);
}

int bench_task_run(struct bench_task *task, struct npu_result *ret_result)
{
	struct npu_task tasks[BENCH_TASK_RUNS] = {0};
	for (unsigned i = 0; i < BENCH_TASK_RUNS; i++)
		tasks[i] = (struct npu_task){.regcmd_iova = task->iovas[i],
					     .regcmd_count = task->n_entries,
					     .int_mask = INT_MASK};
	const struct npu_job job = {.tasks = tasks,
				    .n_tasks = BENCH_TASK_RUNS,
				    .bos = &task->bo.handle,
				    .n_bos = 1,
				    .flags = NPU_SUBMIT_CHAINED};
	uint64_t seqno;
	int result = npu_submit(task->session, &job, &seqno, NULL);
	if (result == 0)
		result = npu_wait(task->session, seqno, -1, ret_result);
	if (result == 0 && ret_result->outcome != NPU_OUTCOME_OK)
		result = -EIO;
	return result;
}
