/* SPDX-License-Identifier: MIT */
/*
 * Writes the recordings beside this file: matrix products of libnpu-ops' streams and layouts, with
 * results computed by three nested loops and found by the layout of the hardware reference (4.2),
 * so that neither the NPU model nor libnpu-ops has a say in what is right.
 *
 * Factors are small multiples of 1/8, so that every sum is exact and no tolerance is needed.
 *
 *   make_golden FOLDER
 */
#include "npu_ops.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define PAGE_BYTES   4096u
#define FIRST_IOVA   0x10000u
#define STREAM_BYTES 1024u /* room for one stream */
#define ATOM_BYTES   16u
#define TAIL_ENTRIES 4u
#define TIMEOUT_MS   6000

enum buffer { BUFFER_STREAMS, BUFFER_A, BUFFER_B, BUFFER_C, BUFFER_COUNT };

struct golden {
	const char *name;
	struct npu_matmul_shape shape;
	bool is_rocket;
	uint32_t n_cores;
};

static const struct golden goldens[] = {
	{"matmul_int8", {5, 64, 96, NPU_MATMUL_INT8_INT32}, false, 1},
	{"matmul_int8_gang", {12, 96, 64, NPU_MATMUL_INT8_INT32}, false, 3},
	{"matmul_fp16_fp32", {7, 160, 48, NPU_MATMUL_FP16_FP32}, true, 1},
	{"matmul_fp16_fp16", {4, 32, 32, NPU_MATMUL_FP16_FP16}, false, 2},
};

struct recording {
	const struct golden *golden;
	struct npu_matmul_layout layout;
	struct npu_matmul_plan plan;
	struct npu_matmul_iovas iovas;
	uint32_t iova[BUFFER_COUNT];
	uint64_t bytes[BUFFER_COUNT];	    /* used */
	unsigned char *image[BUFFER_COUNT]; /* NULL for C, which nobody writes */
	double *a, *b;
	char folder[512];
};

static void *allocate(size_t n, size_t bytes)
{
	void *memory = calloc(n, bytes);
	if (!memory)
		abort();
	return memory;
}

static uint64_t page_round(uint64_t bytes)
{
	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* ---- numbers ---- */

/* Deterministic, and without the symmetries that a counter would have. */
static int next_random(uint32_t *state, int limit)
{
	*state = *state * 1664525u + 1013904223u;
	return (int)(*state >> 16) % (2 * limit + 1) - limit;
}

static bool golden_is_int8(const struct golden *golden)
{
	return golden->shape.type == NPU_MATMUL_INT8_INT32;
}

static void fill(const struct golden *golden, double *matrix, size_t n, uint32_t seed)
{
	uint32_t state = seed;
	for (size_t i = 0; i < n; i++) {
		if (golden_is_int8(golden))
			matrix[i] = next_random(&state, 127);
		else if (golden->shape.type == NPU_MATMUL_FP16_FP32)
			matrix[i] = next_random(&state, 32) / 8.0;
		else
			matrix[i] = next_random(&state, 5);
	}
}

/* The same matrix as libnpu-ops wants it. */
static void *to_elements(const struct golden *golden, const double *matrix, size_t n)
{
	unsigned char *elements = allocate(n, 2);
	for (size_t i = 0; i < n; i++) {
		if (golden_is_int8(golden)) {
			((int8_t *)elements)[i] = (int8_t)matrix[i];
		} else {
			uint16_t bits = npu_fp16_from_float((float)matrix[i]);
			memcpy(elements + 2 * i, &bits, sizeof(bits));
		}
	}
	return elements;
}

/* ---- memory and streams ---- */

static void place_buffers(struct recording *recording)
{
	uint32_t iova = FIRST_IOVA;
	recording->bytes[BUFFER_STREAMS] = (uint64_t)recording->plan.n_tasks * STREAM_BYTES;
	recording->bytes[BUFFER_A] = recording->layout.a_bytes;
	recording->bytes[BUFFER_B] = recording->layout.b_bytes;
	recording->bytes[BUFFER_C] = recording->layout.c_bytes;
	for (unsigned i = 0; i < BUFFER_COUNT; i++) {
		recording->iova[i] = iova;
		iova += (uint32_t)page_round(recording->bytes[i]);
		if (i != BUFFER_C)
			recording->image[i] = allocate(1, recording->bytes[i]);
	}
	recording->iovas = (struct npu_matmul_iovas){
		recording->iova[BUFFER_A], recording->iova[BUFFER_B], recording->iova[BUFFER_C]};
}

static void fill_buffers(struct recording *recording)
{
	const struct golden *golden = recording->golden;
	const struct npu_matmul_shape *shape = &golden->shape;
	size_t n_a = (size_t)shape->m * shape->k, n_b = (size_t)shape->k * shape->n;
	recording->a = allocate(n_a, sizeof(double));
	recording->b = allocate(n_b, sizeof(double));
	fill(golden, recording->a, n_a, 1);
	fill(golden, recording->b, n_b, 2);
	void *a = to_elements(golden, recording->a, n_a);
	void *b = to_elements(golden, recording->b, n_b);
	npu_matmul_pack_a(&recording->layout, a, recording->image[BUFFER_A]);
	npu_matmul_pack_b(&recording->layout, b, recording->image[BUFFER_B]);
	free(a);
	free(b);
}

static int emit_streams(struct recording *recording)
{
	for (uint32_t i = 0; i < recording->plan.n_tasks; i++) {
		struct npu_matmul_tile tile;
		unsigned char *stream = recording->image[BUFFER_STREAMS] + i * STREAM_BYTES;
		npu_matmul_plan_tile(&recording->plan, i, &tile);
		int result = npu_matmul_emit(&recording->layout, &tile, &recording->iovas,
					     (uint64_t *)(void *)stream,
					     STREAM_BYTES / sizeof(uint64_t));
		if (result < 0)
			return result;
	}
	return 0;
}

/* ---- what comes out ---- */

static double product(const struct recording *recording, uint32_t row, uint32_t column)
{
	const struct npu_matmul_shape *shape = &recording->golden->shape;
	double sum = 0;
	for (uint32_t i = 0; i < shape->k; i++)
		sum += recording->a[(size_t)row * shape->k + i] *
		       recording->b[(size_t)i * shape->n + column];
	return sum;
}

/* Columns are channels, rows are pixels: hardware reference 4.2. */
static int64_t element_offset(const struct recording *recording, uint32_t row, uint32_t column)
{
	uint32_t bytes = recording->layout.out_bytes, per_atom = ATOM_BYTES / bytes;
	return (int64_t)ATOM_BYTES * (column / per_atom * recording->golden->shape.m + row) +
	       column % per_atom * bytes;
}

/* ---- files ---- */

static int write_packed(const struct recording *recording, const char *name, const void *data,
			size_t size)
{
	char path[640];
	snprintf(path, sizeof(path), "%s/%s", recording->folder, name);
	gzFile file = gzopen(path, "wb9");
	if (!file)
		return -errno;
	int n = gzwrite(file, data, (unsigned)size);
	return gzclose(file) == Z_OK && n >= 0 && (size_t)n == size ? 0 : -EIO;
}

static int write_expected(const struct recording *recording)
{
	const struct npu_matmul_shape *shape = &recording->golden->shape;
	size_t n = (size_t)shape->m * shape->n, i = 0;
	int64_t *offsets = allocate(n, sizeof(*offsets));
	double *expected = allocate(n, sizeof(*expected));
	for (uint32_t row = 0; row < shape->m; row++)
		for (uint32_t column = 0; column < shape->n; column++, i++) {
			offsets[i] = element_offset(recording, row, column);
			expected[i] = product(recording, row, column);
		}
	int result = write_packed(recording, "checks/0000.offsets.bin.gz", offsets,
				  n * sizeof(*offsets));
	if (result == 0)
		result = write_packed(recording, "checks/0000.expected.bin.gz", expected,
				      n * sizeof(*expected));
	free(offsets);
	free(expected);
	return result;
}

static int write_data(const struct recording *recording)
{
	size_t size = 0;
	unsigned char *data = NULL;
	for (unsigned i = 0; i < BUFFER_C; i++) {
		data = realloc(data, size + recording->bytes[i]);
		if (!data)
			abort();
		memcpy(data + size, recording->image[i], recording->bytes[i]);
		size += recording->bytes[i];
	}
	int result = write_packed(recording, "writes/0000.bin.gz", data, size);
	free(data);
	return result;
}

/* ---- fixture.json ---- */

static json_t *memory_document(const struct recording *recording)
{
	json_t *buffers = json_array(), *writes = json_array();
	uint64_t from = 0;
	for (unsigned i = 0; i < BUFFER_COUNT; i++) {
		json_array_append_new(buffers,
				      json_pack("{s:i, s:I, s:I, s:i}", "handle", (int)i + 1,
						"iova", (json_int_t)recording->iova[i], "size",
						(json_int_t)page_round(recording->bytes[i]),
						"flags", 0));
		if (i == BUFFER_C)
			continue;
		json_array_append_new(writes, json_pack("{s:i, s:i, s:I, s:I}", "handle",
							(int)i + 1, "offset", 0, "length",
							(json_int_t)recording->bytes[i], "from",
							(json_int_t)from));
		from += recording->bytes[i];
	}
	return json_pack("{s:o, s:o, s:s}", "buffers", buffers, "writes", writes, "data",
			 "writes/0000.bin.gz");
}

static void add_rknpu(json_t *submit, const struct recording *recording)
{
	const struct npu_matmul_plan *plan = &recording->plan;
	json_t *tasks = json_array(), *subcore = json_array();
	for (uint32_t i = 0; i < plan->n_tasks; i++)
		json_array_append_new(
			tasks,
			json_pack(
				"{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:I}", "index", (int)i,
				"enable_mask", 0x0d, "int_mask", NPU_MATMUL_INT_MASK, "int_clear",
				0x1ffff, "op_idx", 0, "regcfg_amount",
				(int)(NPU_MATMUL_STREAM_ENTRIES - TAIL_ENTRIES), "regcfg_offset", 0,
				"regcmd_iova",
				(json_int_t)(recording->iova[BUFFER_STREAMS] + i * STREAM_BYTES)));
	/* Three cores take entries 2 to 4, fewer take 0 and 1: hardware reference 3.4. */
	for (unsigned i = 0; i < 5; i++) {
		unsigned core = i - (plan->n_cores == 3 ? 2 : 0);
		bool is_used = core < plan->n_cores;
		json_array_append_new(
			subcore, json_pack("[i, i]", is_used ? (int)plan->ranges[core].start : 0,
					   is_used ? (int)plan->ranges[core].count : 0));
	}
	json_object_update_new(submit,
			       json_pack("{s:i, s:i, s:i, s:i, s:i, s:o, s:o}", "flags", 5,
					 "timeout_ms", TIMEOUT_MS, "task_start", 0, "task_number",
					 (int)plan->n_tasks, "core_mask", (1 << plan->n_cores) - 1,
					 "subcore", subcore, "tasks", tasks));
}

static void add_rocket(json_t *submit, const struct recording *recording)
{
	json_t *tasks = json_array();
	for (uint32_t i = 0; i < recording->plan.n_tasks; i++)
		json_array_append_new(
			tasks,
			json_pack("{s:I, s:i}", "regcmd_iova",
				  (json_int_t)(recording->iova[BUFFER_STREAMS] + i * STREAM_BYTES),
				  "regcmd_count", (int)NPU_MATMUL_STREAM_ENTRIES));
	json_object_set_new(submit, "jobs",
			    json_pack("[{s:[i, i, i], s:[i], s:o}]", "in", BUFFER_STREAMS + 1,
				      BUFFER_A + 1, BUFFER_B + 1, "out", BUFFER_C + 1, "tasks",
				      tasks));
}

static json_t *check_document(const struct recording *recording)
{
	static const char *const types[] = {
		[NPU_MATMUL_INT8_INT32] = "int32",
		[NPU_MATMUL_FP16_FP32] = "fp32",
		[NPU_MATMUL_FP16_FP16] = "fp16",
	};
	const struct npu_matmul_shape *shape = &recording->golden->shape;
	return json_pack("{s:i, s:i, s:s, s:i, s:f, s:i, s:i, s:i, s:s, s:s}", "submit", 0,
			 "handle", BUFFER_C + 1, "type", types[shape->type], "count",
			 (int)(shape->m * shape->n), "scale", 1.0, "add", 0, "atol", 0, "rtol", 0,
			 "offsets", "checks/0000.offsets.bin.gz", "expected",
			 "checks/0000.expected.bin.gz");
}

static int write_fixture(const struct recording *recording)
{
	char path[640];
	json_t *submit = memory_document(recording);
	if (recording->golden->is_rocket)
		add_rocket(submit, recording);
	else
		add_rknpu(submit, recording);
	json_t *document =
		json_pack("{s:i, s:s, s:s, s:s, s:[o], s:[o]}", "format", 1, "name",
			  recording->golden->name, "origin", "npud: tests/golden/make_golden.c",
			  "abi", recording->golden->is_rocket ? "rocket" : "rknpu", "submits",
			  submit, "checks", check_document(recording));
	snprintf(path, sizeof(path), "%s/fixture.json", recording->folder);
	int result = json_dump_file(document, path, JSON_INDENT(1));
	json_decref(document);
	return result < 0 ? -EIO : 0;
}

/* ---- all of it ---- */

static void make_folders(struct recording *recording, const char *root)
{
	static const char *const parts[] = {"", "/writes", "/checks"};
	char path[640];
	snprintf(recording->folder, sizeof(recording->folder), "%s/%s", root,
		 recording->golden->name);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", recording->folder, parts[i]);
		mkdir(path, 0777);
	}
}

static int record(const struct golden *golden, const char *root)
{
	struct recording recording = {.golden = golden};
	int result = npu_matmul_layout(&golden->shape, &recording.layout);
	if (result == 0)
		result = npu_matmul_plan(&recording.layout, golden->n_cores, &recording.plan);
	if (result < 0)
		return result;
	place_buffers(&recording);
	fill_buffers(&recording);
	make_folders(&recording, root);
	result = emit_streams(&recording);
	if (result == 0)
		result = write_data(&recording);
	if (result == 0)
		result = write_expected(&recording);
	if (result == 0)
		result = write_fixture(&recording);
	for (unsigned i = 0; i < BUFFER_COUNT; i++)
		free(recording.image[i]);
	free(recording.a);
	free(recording.b);
	return result;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_golden FOLDER\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++) {
		int result = record(&goldens[i], argv[1]);
		if (result < 0) {
			fprintf(stderr, "make_golden: %s: %s\n", goldens[i].name,
				strerror(-result));
			return 1;
		}
	}
	return 0;
}
