/* SPDX-License-Identifier: MIT */
/*
 * A batch is one job: the driver starts its tasks one by one. The call returns at once, and 0 also
 * where the driver has dropped the job, so nothing goes down that it would drop. How a job ended
 * only its fence tells; where kernels give none, the time it took has to do.
 */
#include "device/rocket_internal.h"

#include "device/regcmd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* The driver's clock ticks in steps of up to 10 ms. */
#define TICK_NS (10 * NS_PER_MS)
/* Three jobs may have come to wait for one core; past this the driver is not coming back. */
#define PATIENCE_NS (3 * (ROCKET_LIMIT_NS + TICK_NS) + TICK_NS)

int rocket_check_batch(const struct device_batch *batch)
{
	if (batch->n_tasks == 0)
		return -EINVAL;
	for (uint32_t i = 0; i < batch->n_tasks; i++) {
		const struct device_task *task = &batch->tasks[i];

		if (task->regcmd_iova % 16 || task->regcmd_count == 0 ||
		    task->regcmd_count > REGCMD_MAX_ENTRIES || !(task->int_mask & ROCKET_INT_MASK))
			return -EINVAL;
	}
	return 0;
}

int rocket_run_prepare(struct rocket_run *run, const struct device_batch *batch)
{
	struct rocket_task *tasks = run->tasks;

	if (batch->n_tasks > run->capacity) {
		tasks = reallocarray(tasks, batch->n_tasks, sizeof(*tasks));
		if (!tasks)
			return -ENOMEM;
		run->tasks = tasks;
		run->capacity = batch->n_tasks;
	}
	for (uint32_t i = 0; i < batch->n_tasks; i++)
		tasks[i] = (struct rocket_task){batch->tasks[i].regcmd_iova,
						batch->tasks[i].regcmd_count};
	run->n_tasks = batch->n_tasks;
	run->timeout_ns = batch->timeout_ns;
	return 0;
}

static int submit(const struct rocket_run *run)
{
	const struct rocket_job job = {
		.tasks = (uintptr_t)run->tasks,
		.task_count = run->n_tasks,
		.task_struct_size = sizeof(*run->tasks),
		.out_bo_handles = (uintptr_t)&run->file->mark,
		.out_bo_handle_count = 1,
	};
	struct rocket_submit request = {
		.jobs = (uintptr_t)&job,
		.job_count = 1,
		.job_struct_size = sizeof(job),
	};

	return drm_node_command(&run->file->node, ROCKET_SUBMIT, &request, sizeof(request));
}

/* ---- waiting: 1 when it has ended well, 0 when it has not ended, or why it failed ---- */

static int wait_fence(const struct rocket_file *file, int fence_fd, uint64_t end_ns)
{
	struct pollfd polled = {.fd = fence_fd, .events = POLLIN};
	uint64_t now_ns;

	do {
		now_ns = clock_now_ns();
		if (now_ns >= end_ns)
			return 0;
		/* Past the end of the wait rather than before it. */
	} while (poll(&polled, 1, (int)((end_ns - now_ns) / NS_PER_MS) + 1) <= 0);
	return drm_fence_status(&file->node, fence_fd);
}

/* The end of the wait is a point in time, for the driver as well; 0 is in the past. */
static int wait_mark(const struct rocket_file *file, uint64_t end_ns)
{
	struct rocket_prep_bo request = {.handle = file->mark, .timeout_ns = (int64_t)end_ns};
	int r = drm_node_command(&file->node, ROCKET_PREP_BO, &request, sizeof(request));

	return r == -ETIMEDOUT || r == -EBUSY ? 0 : r < 0 ? r : 1;
}

static int wait_timed(const struct rocket_run *run, uint64_t end_ns)
{
	int r = wait_mark(run->file, end_ns);

	if (r == 1 && clock_now_ns() - run->start_ns >= ROCKET_LIMIT_NS - TICK_NS)
		return -ETIMEDOUT;
	return r;
}

static int wait_job(const struct rocket_run *run, uint64_t end_ns)
{
	const struct rocket_file *file = run->file;
	int fence_fd, r;

	if (file->mark_fd < 0 || drm_memory_fence(&file->node, file->mark_fd, &fence_fd) < 0)
		return wait_timed(run, end_ns);
	r = wait_fence(file, fence_fd, end_ns);
	close(fence_fd);
	return r;
}

bool rocket_is_busy(const struct rocket_file *file)
{
	return wait_mark(file, 0) == 0;
}

/* Of errors, a few are how a job that was stopped ends; all others are the driver's own. */
static enum rocket_verdict judge(int r)
{
	switch (r) {
	case 1:
		return ROCKET_COMPLETED;
	case 0:
		return ROCKET_LOST;
	case -ECANCELED:
	case -EIO:
	case -ETIMEDOUT:
		return ROCKET_STOPPED;
	default:
		return ROCKET_REFUSED;
	}
}

void rocket_run_job(struct rocket_run *run)
{
	int r;

	run->start_ns = clock_now_ns();
	r = submit(run);
	if (r == 0)
		r = wait_job(run, run->start_ns + PATIENCE_NS);
	run->device_ns = clock_now_ns() - run->start_ns;
	run->error = r < 0 ? r : 0;
	run->verdict = judge(r);
}
