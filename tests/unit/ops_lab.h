/* SPDX-License-Identifier: MIT */
/*
 * Operators of libnpu-ops on the software NPU, without a daemon: streams and images in buffers of
 * their own, random tensors, and numbers as the NPU rounds them.
 */
#ifndef NPUD_TESTS_OPS_LAB_H
#define NPUD_TESTS_OPS_LAB_H

#include "npu_ops.h"
#include "tests/unit/npu_rig.h"

#include <check.h>
#include <math.h>

#define STREAMS	     0x10000000u
#define STREAM_BYTES 0x2400u
#define TASKS_MAX    64u
#define IMAGE(i)     (0x20000000u + (i)*0x10000000u)
#define IMAGE_BYTES  0x200000u
#define IMAGES	     4u
#define UNTOUCHED    0x55
#define INT_DPU	     0x300u
#define MARGIN_BYTES 0x1000u /* behind an output, which stay untouched */

/* As ck_assert_msg(), which tells its parent of every success: too slow for every element. */
#define REQUIRE(condition, ...)                                                                    \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg(__VA_ARGS__);                                                 \
	} while (0)

struct lab {
	struct rig rig;
	char *streams, *images[IMAGES];
	struct device_task tasks[TASKS_MAX];
};

static inline void lab_init(struct lab *lab)
{
	struct soft_options options = soft_options_default();

	rig_init(&lab->rig, &options);
	lab->streams = rig_buffer(&lab->rig, STREAMS, TASKS_MAX * STREAM_BYTES, RIG_READ);
	for (uint32_t i = 0; i < IMAGES; i++)
		lab->images[i] = rig_buffer(&lab->rig, IMAGE(i), IMAGE_BYTES, RIG_BOTH);
}

static inline uint64_t *lab_stream(struct lab *lab, uint32_t task)
{
	ck_assert_uint_lt(task, TASKS_MAX);
	return (uint64_t *)(void *)(lab->streams + (size_t)task * STREAM_BYTES);
}

/* Runs the streams; `output` is the image that they write, of so many bytes. */
static inline void lab_run(struct lab *lab, const struct device_task *task, uint32_t n_tasks,
			   uint32_t output, size_t output_bytes, uint64_t seed)
{
	struct device_batch batch = {
		.tasks = lab->tasks, .n_tasks = n_tasks, .table_pa = lab->rig.directory_pa};
	char *image = lab->images[output];

	ck_assert_uint_le(output_bytes + MARGIN_BYTES, IMAGE_BYTES);
	memset(image, UNTOUCHED, output_bytes + MARGIN_BYTES);
	for (uint32_t i = 0; i < n_tasks; i++) {
		lab->tasks[i] = *task;
		lab->tasks[i].regcmd_iova = STREAMS + i * STREAM_BYTES;
	}
	ck_assert_int_eq(device_start(lab->rig.device, 0, &batch), 0);
	rig_wait_events(&lab->rig, lab->rig.n_events + 1);
	REQUIRE(lab->rig.events[0].kind == DEVICE_DONE && !*lab->rig.events[0].detail,
		"seed %llu: %s", (unsigned long long)seed, lab->rig.events[0].detail);
	for (size_t i = output_bytes; i < output_bytes + MARGIN_BYTES; i++)
		REQUIRE(image[i] == UNTOUCHED, "seed %llu: writes behind its image",
			(unsigned long long)seed);
}

/* splitmix64 */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static inline uint32_t pick(uint64_t *state, uint32_t low, uint32_t high)
{
	return low + (uint32_t)(random_next(state) % (high - low + 1));
}

static inline size_t type_bytes(enum npu_type type)
{
	return type == NPU_FP16 ? 2 : 1;
}

/* Elements of a tensor, or where one is, whatever the type. */
struct values {
	enum npu_type type;
	void *elements;
};

static inline double value_get(const struct values *values, size_t i)
{
	if (values->type == NPU_INT8)
		return ((const int8_t *)values->elements)[i];
	return (double)npu_fp16_to_float(((const uint16_t *)values->elements)[i]);
}

/* Any int8; fp16 in eighths from -2 to 2, whose products and sums fp32 has exactly. */
static inline struct values values_new(uint64_t *state, enum npu_type type, size_t n)
{
	struct values values = {type, malloc((n + 1) * type_bytes(type))};

	ck_assert_ptr_nonnull(values.elements);
	for (size_t i = 0; i < n; i++) {
		if (type == NPU_INT8)
			((int8_t *)values.elements)[i] = (int8_t)random_next(state);
		else
			((uint16_t *)values.elements)[i] =
				npu_fp16_from_float((float)((int)pick(state, 0, 32) - 16) / 8.0f);
	}
	return values;
}

/* Finite fp16 of any size. */
static inline struct values values_new_wide(uint64_t *state, enum npu_type type, size_t n)
{
	struct values values = values_new(state, type, n);

	for (size_t i = 0; type == NPU_FP16 && i < n; i++)
		((uint16_t *)values.elements)[i] = (uint16_t)(random_next(state) & 0x83ff) |
						   (uint16_t)(pick(state, 0, 30) << 10);
	return values;
}

static inline double to_fp16(double value)
{
	return (double)npu_fp16_to_float(npu_fp16_from_float((float)value));
}

static inline double to_int8(double value)
{
	return fmin(fmax(value, -128), 127);
}

/* value * scale / 2^shift to nearest, ties to even. */
static inline double rescale(double value, uint32_t scale, uint32_t shift)
{
	return nearbyint(ldexp(value * scale, -(int)shift));
}

#endif
