/* SPDX-License-Identifier: MIT */
/*
 * The vendor's table of ranges has one reading per number of cores; this picks it and cuts the
 * tasks out, so that the job holds exactly what will run.
 */
#include "replay_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS    1000000u
#define TAIL_ENTRIES 4u /* what regcfg_amount leaves out, hardware reference 2.3 */
#define INT_MASK_DPU 0x300u
#define INT_MASK_PPU 0xc00u
#define OP_EN_TARGET 0x0081u
#define OP_EN_OFFSET 0x0008u
#define OP_EN_PPU    (1u << 5)

size_t replay_plan_count(const struct replay_fixture *fixture, const struct replay_submit *submit)
{
	return fixture->is_rocket ? submit->n_jobs : 1;
}

/* Cuts a stream at the end of the buffer it is in. */
static int plan_task(const struct replay_submit *submit, uint32_t iova, uint64_t n_entries,
		     struct npu_task *ret_task, struct replay_error *error)
{
	for (size_t i = 0; i < submit->n_buffers; i++) {
		const struct replay_buffer *buffer = &submit->buffers[i];
		if (iova < buffer->iova || iova - buffer->iova >= buffer->size)
			continue;
		uint64_t room = (buffer->size - (iova - buffer->iova)) / sizeof(uint64_t);
		if (n_entries > room)
			n_entries = room;
		if (n_entries > NPU_TASK_REGCMDS_MAX)
			n_entries = NPU_TASK_REGCMDS_MAX;
		ret_task->regcmd_iova = iova;
		ret_task->regcmd_count = (uint32_t)n_entries;
		return 0;
	}
	return replay_fail(error, -EINVAL, "the stream at 0x%08x is in no buffer", iova);
}

/* Which entries of subcore[] the cores of a mask take, hardware reference 3.4. */
static int first_subcore(uint32_t core_mask, unsigned *ret_first, unsigned *ret_n)
{
	*ret_n = core_mask ? (unsigned)__builtin_popcount(core_mask) : 1;
	*ret_first = 0;
	if (core_mask > 7)
		return -EINVAL;
	if (*ret_n == 3)
		*ret_first = 2;
	else if (core_mask && *ret_n == 1)
		*ret_first = (unsigned)__builtin_ctz(core_mask);
	return 0;
}

/* Appends the tasks of one subcore entry to the plan, as its next range. */
static int plan_range(const struct replay_submit *submit, const struct replay_subcore *subcore,
		      struct replay_plan *plan, struct replay_error *error)
{
	struct npu_job *job = &plan->job;
	const int64_t begin = submit->first_index, end = begin + (int64_t)submit->n_tasks;
	if (subcore->count < 1 || subcore->start < begin || subcore->start > end ||
	    subcore->count > end - subcore->start)
		return replay_fail(error, -EINVAL, "subcore range %lld+%lld is not in its tasks",
				   (long long)subcore->start, (long long)subcore->count);
	if (job->n_tasks + (uint64_t)subcore->count > NPU_JOB_TASKS_MAX)
		return replay_fail(error, -EINVAL, "too many tasks");
	job->ranges[job->n_ranges++] = (struct npu_range){job->n_tasks, (uint32_t)subcore->count};
	for (int64_t i = subcore->start - begin; i < subcore->start - begin + subcore->count; i++) {
		struct npu_task *task = &plan->tasks[job->n_tasks++];
		int result =
			plan_task(submit, submit->tasks[i].regcmd_iova,
				  (uint64_t)submit->tasks[i].amount + TAIL_ENTRIES, task, error);
		if (result < 0)
			return result;
		task->int_mask = submit->tasks[i].int_mask;
	}
	return 0;
}

static int plan_rknpu(const struct replay_submit *submit, struct replay_plan *plan,
		      struct replay_error *error)
{
	unsigned first, n;
	struct npu_job *job = &plan->job;
	if (first_subcore(submit->core_mask, &first, &n) < 0)
		return replay_fail(error, -EINVAL, "core mask 0x%x names cores there are not",
				   submit->core_mask);
	for (unsigned i = 0; i < n; i++) {
		int result = plan_range(submit, &submit->subcores[first + i], plan, error);
		if (result < 0)
			return result;
	}
	job->core_mask = submit->core_mask;
	job->flags = NPU_SUBMIT_CHAINED;
	if (submit->timeout_ms < UINT64_MAX / NS_PER_MS)
		job->timeout_ns = submit->timeout_ms * NS_PER_MS;
	return 0;
}

static int plan_rocket(const struct replay_submit *submit, const struct replay_job *recorded,
		       struct replay_plan *plan, struct replay_error *error)
{
	for (uint32_t i = 0; i < recorded->n_tasks; i++) {
		const struct replay_task *task = &submit->tasks[recorded->first_task + i];
		int result =
			plan_task(submit, task->regcmd_iova, task->amount, &plan->tasks[i], error);
		if (result < 0)
			return result;
	}
	plan->job.n_tasks = recorded->n_tasks;
	return 0;
}

int replay_plan_init(const struct replay_fixture *fixture, const struct replay_submit *submit,
		     size_t index, struct replay_plan *ret_plan, struct replay_error *error)
{
	/* At most every task once per core. */
	struct replay_plan plan = {
		.tasks = calloc(NPU_JOB_RANGES * submit->n_tasks + 1, sizeof(*plan.tasks)),
	};
	if (!plan.tasks)
		return replay_fail(error, -ENOMEM, "out of memory");
	int result = fixture->is_rocket ? plan_rocket(submit, &submit->jobs[index], &plan, error)
					: plan_rknpu(submit, &plan, error);
	if (result < 0) {
		replay_plan_deinit(&plan);
		return result;
	}
	if (plan.job.n_ranges == 1)
		plan.job.n_ranges = 0;
	plan.job.tasks = plan.tasks;
	*ret_plan = plan;
	return 0;
}

void replay_plan_deinit(struct replay_plan *plan)
{
	free(plan->tasks);
	*plan = (struct replay_plan){0};
}

uint32_t replay_stream_int_mask(const void *stream, size_t n_entries)
{
	for (size_t i = 0; i < n_entries; i++) {
		uint64_t entry;
		memcpy(&entry, (const char *)stream + i * sizeof(entry), sizeof(entry));
		if (entry >> 48 == OP_EN_TARGET && (entry & 0xffff) == OP_EN_OFFSET)
			return entry >> 16 & OP_EN_PPU ? INT_MASK_PPU : INT_MASK_DPU;
	}
	return INT_MASK_DPU;
}
