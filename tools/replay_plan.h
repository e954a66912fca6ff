/* SPDX-License-Identifier: MIT */
/*
 * What a recorded submit means as jobs of libnpu. Pure.
 */
#ifndef NPU_TOOLS_REPLAY_PLAN_H
#define NPU_TOOLS_REPLAY_PLAN_H

#include "npu.h"
#include "replay_fixture.h"

/* One job; its BOs are for the caller to add. */
struct replay_plan {
	struct npu_job job;	/* tasks point to `tasks` */
	struct npu_task *tasks; /* owned; int_mask 0: to be found in the stream */
};

/* How many jobs a submit becomes: 1, or on rocket as many as it has. */
size_t replay_plan_count(const struct replay_fixture *fixture, const struct replay_submit *submit);
/*
 * Job `index` of a submit. rknpu: the ranges of tasks that count for its core mask, as chains
 * (hardware reference 2.4, 3.4); rocket: tasks that are started one by one. Streams end with the
 * buffer they are in, so that fetching too much stays harmless. -EINVAL, -ENOMEM.
 */
int replay_plan_init(const struct replay_fixture *fixture, const struct replay_submit *submit,
		     size_t index, struct replay_plan *ret_plan, struct replay_error *error);
void replay_plan_deinit(struct replay_plan *plan);

/*
 * The interrupts that end a stream: those of the PPU if its op_en starts that, else those of the
 * DPU (hardware reference 2.1, 3.2).
 */
uint32_t replay_stream_int_mask(const void *stream, size_t n_entries);

#endif
