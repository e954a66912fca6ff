/* SPDX-License-Identifier: MIT */
/*
 * The address space that the tests of the software NPU share, and a batch of one task in it.
 */
#ifndef NPUD_TESTS_NPU_BENCH_H
#define NPUD_TESTS_NPU_BENCH_H

#include "tests/unit/npu_matmul.h"

#include <check.h>

#define STREAM	 0x10000000u
#define A	 0x10400000u
#define B	 0x20000000u
#define C	 0xfff00000u /* at the top of the address space, as real buffers are */
#define INT_DPU	 0x300u
#define DISTANCE 0x10000u /* between the parts of one core, task or case */

struct npu {
	struct rig rig;
	struct rig_stream stream;
	char *a, *b, *c;
	struct device_task tasks[8];
	struct device_batch batch;
};

static inline void npu_init(struct npu *npu)
{
	struct soft_options options = soft_options_default();

	rig_init(&npu->rig, &options);
	npu->stream = (struct rig_stream){
		(uint64_t *)rig_buffer(&npu->rig, STREAM, 0x10000, RIG_READ), 0, 0x10000 / 8};
	npu->a = rig_buffer(&npu->rig, A, 0x80000, RIG_READ);
	npu->b = rig_buffer(&npu->rig, B, 0x80000, RIG_READ);
	npu->c = rig_buffer(&npu->rig, C, 0x80000, RIG_BOTH);
	npu->tasks[0] = (struct device_task){STREAM, 0, INT_DPU};
	npu->batch = (struct device_batch){
		.tasks = npu->tasks, .n_tasks = 1, .table_pa = npu->rig.directory_pa};
}

/* The number of entries, which the first task's descriptor gets too. */
static inline uint32_t npu_end_task(struct npu *npu, uint32_t op_en)
{
	rig_tail(&npu->stream, 0, 0, op_en);
	npu->tasks[0].regcmd_count = npu->stream.n;
	return npu->stream.n;
}

/* Runs the batch on a core and returns its event. */
static inline struct device_event npu_run(struct npu *npu, unsigned core)
{
	unsigned n = npu->rig.n_events;

	ck_assert_int_eq(device_start(npu->rig.device, core, &npu->batch), 0);
	rig_wait_events(&npu->rig, n + 1);
	return npu->rig.events[core];
}

static inline struct matmul example_9_1(void)
{
	return (struct matmul){.in = RK3588_FP16,
			       .out = RK3588_FP32,
			       .m = 4,
			       .k = 64,
			       .n = 16,
			       .real_k = 36,
			       .a_iova = A,
			       .b_iova = B,
			       .c_iova = C};
}

#define PLACES	     .a_iova = A, .b_iova = B, .c_iova = C
#define COUNT(table) ((int)(sizeof(table) / sizeof(*(table))))

#endif
