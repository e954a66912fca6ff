/* SPDX-License-Identifier: MIT */
/*
 * All streams in one BO, task after task. Each share of the job, at each of its widths, is one walk
 * of the checker; a chain has to lead from task to task as the job says, and is bent to the copies
 * when all walks are done.
 */
#include "sessions/job_check.h"

#include "device/regcmd.h"
#include "device/stream_check.h"
#include "sessions/error.h"
#include "sessions/job.h"
#include "sessions/sessions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the checker is told about the job's memory: its BOs by IOVA. */
struct reach {
	const struct bo **bos; /* owned, sorted */
	unsigned n;
};

struct walk {
	const struct job *job;
	const struct device_task *originals; /* where the client's streams are */
	struct stream_check *check;
	struct reach reach;
	bool *is_followed; /* by the task behind it, in a chain; one per task */
	struct npu_error *error;
};

static int compare_bos(const void *a, const void *b)
{
	const struct bo *const *left = a, *const *right = b;

	return ((*left)->iova > (*right)->iova) - ((*left)->iova < (*right)->iova);
}

static int reach_init(struct reach *reach, const struct job *job)
{
	*reach = (struct reach){.bos = calloc(job->n_pins + 1, sizeof(struct bo *))};
	if (!reach->bos)
		return -ENOMEM;
	for (unsigned i = 0; i < job->n_pins; i++)
		reach->bos[reach->n++] = job->pins[i]->bo;
	qsort(reach->bos, reach->n, sizeof(struct bo *), compare_bos);
	return 0;
}

/* The BO that an address may be in: the last one that begins at or before it. */
static const struct bo *find_bo(const struct reach *reach, uint32_t iova)
{
	unsigned low = 0, high = reach->n;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (reach->bos[middle]->iova <= iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? reach->bos[low - 1] : NULL;
}

static const struct bo *find_range(const struct reach *reach, uint32_t iova, uint64_t size_bytes)
{
	const struct bo *bo = find_bo(reach, iova);

	if (!bo || size_bytes > bo->size_bytes || iova - bo->iova > bo->size_bytes - size_bytes)
		return NULL;
	return bo;
}

static bool allows(void *context, uint32_t iova, uint64_t size_bytes, bool is_write)
{
	const struct bo *bo = find_range(context, iova, size_bytes);

	return bo && (bo->is_writable || !is_write);
}

/* ---- copies ---- */

static uint64_t copy_bytes(const struct device_task *task)
{
	/* Fetched in pairs of entries. */
	return ((uint64_t)task->regcmd_count + 1) / 2 * 2 * REGCMD_ENTRY_BYTES;
}

static int measure(const struct job *job, uint64_t *ret_bytes, struct npu_error *error)
{
	uint64_t bytes = 0, most = (uint64_t)CHECK_ENTRIES_MAX * REGCMD_ENTRY_BYTES;

	if (job->n_tasks > CHECK_TASKS_MAX)
		return error_set(error, EINVAL, "n_tasks",
				 "%" PRIu32 " tasks are too many where streams are checked (1 ... "
				 "%u); submit them as several jobs",
				 job->n_tasks, CHECK_TASKS_MAX);
	for (uint32_t i = 0; i < job->n_tasks; i++)
		bytes += copy_bytes(&job->tasks[i]);
	if (bytes > most)
		return error_set(error, EINVAL, "tasks",
				 "%" PRIu64
				 " bytes of register commands are too many where streams "
				 "are checked (up to %" PRIu64 "); submit them as several jobs",
				 bytes, most);
	*ret_bytes = bytes;
	return 0;
}

static int copy_stream(const struct walk *walk, uint32_t index, uint64_t offset)
{
	const struct job *job = walk->job;
	struct device_task *task = &job->tasks[index];
	uint64_t size_bytes = (uint64_t)task->regcmd_count * REGCMD_ENTRY_BYTES;
	const struct bo *from = find_range(&walk->reach, task->regcmd_iova, size_bytes);
	char field[NPU_NAME_MAX];

	if (!from) {
		snprintf(field, sizeof(field), "tasks[%" PRIu32 "]", index);
		return error_set(walk->error, EINVAL, field,
				 "regcmd_iova %#" PRIx32 ": its %" PRIu32
				 " entries are not in a BO of the job",
				 task->regcmd_iova, task->regcmd_count);
	}
	memcpy((char *)job->streams->memory + offset,
	       (const char *)from->memory + (task->regcmd_iova - from->iova), size_bytes);
	task->regcmd_iova = job->streams->iova + (uint32_t)offset;
	return 0;
}

static int copy_streams(struct job *job, const struct walk *walk)
{
	uint64_t size_bytes = 0, offset = 0;
	int r;

	r = measure(job, &size_bytes, walk->error);
	if (r < 0)
		return r;
	r = job_own_bo(job, size_bytes, &job->streams, walk->error);
	for (uint32_t i = 0; r == 0 && i < job->n_tasks; i++) {
		uint64_t bytes = copy_bytes(&job->tasks[i]);

		r = copy_stream(walk, i, offset);
		offset += bytes;
	}
	return r;
}

/* Of a task's copy. */
static uint64_t *entries_of(const struct job *job, uint32_t index)
{
	return (uint64_t *)((char *)job->streams->memory +
			    (job->tasks[index].regcmd_iova - job->streams->iova));
}

/* ---- walks ---- */

static int refuse(const struct walk *walk, uint32_t index, const char *text)
{
	char field[NPU_NAME_MAX];

	snprintf(field, sizeof(field), "tasks[%" PRIu32 "]", index);
	return error_set(walk->error, EINVAL, field, "%s", text);
}

static int check_link(const struct walk *walk, uint32_t index, const struct stream_next *next)
{
	const struct device_task *follower = &walk->originals[index + 1];
	char text[STREAM_CHECK_TEXT_BYTES];

	if (next->iova == follower->regcmd_iova) {
		walk->is_followed[index] = true;
		return 0;
	}
	snprintf(text, sizeof(text),
		 "PC BASE_ADDRESS: %#" PRIx32
		 ", the chain does not lead to the next task (%#" PRIx32 ")",
		 next->iova, follower->regcmd_iova);
	return refuse(walk, index, text);
}

static int check_share(const struct walk *walk, const struct npu_range *range)
{
	const struct job *job = walk->job;
	struct stream_reach reach = {allows, (void *)&walk->reach};
	int r = 0;

	stream_check_init(walk->check, reach);
	for (uint32_t i = 0; r == 0 && i < range->count; i++) {
		uint32_t index = range->start + i;
		char text[STREAM_CHECK_TEXT_BYTES];
		struct stream_next next;

		if (!(job->flags & NPU_SUBMIT_CHAINED))
			stream_check_start(walk->check);
		if (stream_check_task(walk->check, entries_of(job, index),
				      job->tasks[index].regcmd_count, &next, text) < 0)
			return refuse(walk, index, text);
		if ((job->flags & NPU_SUBMIT_CHAINED) && i + 1 < range->count)
			r = check_link(walk, index, &next);
	}
	return r;
}

static int check_shares(const struct walk *walk)
{
	const struct job *job = walk->job;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < job->base.n_cores; i++)
		r = check_share(walk, &job->shares[i]);
	for (unsigned width = 1; r == 0 && width < job->base.n_cores; width++) {
		if (!(job->base.widths >> width & 1))
			continue;
		for (unsigned i = 0; r == 0 && i < width; i++)
			r = check_share(walk, &job->narrow_shares[width - 1][i]);
	}
	return r;
}

/*
 * All of a body's words about what follows get the place and the size of the copy: programs may say
 * more entries than the task has, but the op_en is among those that were walked.
 */
static void bend_link(const struct job *job, uint32_t index)
{
	const struct device_task *next = &job->tasks[index + 1];
	uint32_t amount = regcmd_amount(next->regcmd_count);
	uint64_t *entries = entries_of(job, index);

	for (uint32_t i = 0; i < job->tasks[index].regcmd_count; i++) {
		struct regcmd command = regcmd_decode(entries[i]);
		uint32_t others = command.value & ~PC_DATA_AMOUNT;

		if (command.kind == REGCMD_OP_EN)
			break;
		if (command.kind != REGCMD_WRITE)
			continue;
		if (command.offset == REG_PC_BASE_ADDRESS)
			entries[i] =
				regcmd_encode(command.target, command.offset, next->regcmd_iova);
		else if (command.offset == REG_PC_REGISTER_AMOUNTS)
			entries[i] = regcmd_encode(command.target, command.offset,
						   others | field_put(PC_DATA_AMOUNT, amount));
	}
}

static int copy_and_walk(struct job *job, const struct walk *walk)
{
	int r;

	r = copy_streams(job, walk);
	if (r == 0)
		r = check_shares(walk);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < job->n_tasks; i++) {
		if (walk->is_followed[i])
			bend_link(job, i);
	}
	bo_sync(job->streams, 0, job->streams->size_bytes, NPU_SYNC_TO_DEVICE);
	return 0;
}

int job_check(struct job *job, struct npu_error *error)
{
	struct device_task *originals = calloc(job->n_tasks, sizeof(*originals));
	struct walk walk = {
		.job = job,
		.originals = originals,
		.check = malloc(sizeof(*walk.check)),
		.is_followed = calloc(job->n_tasks, sizeof(*walk.is_followed)),
		.error = error,
	};
	int r = reach_init(&walk.reach, job);

	if (r < 0 || !originals || !walk.check || !walk.is_followed) {
		r = error_set(error, ENOMEM, "job", "npud is out of memory");
	} else {
		memcpy(originals, job->tasks, job->n_tasks * sizeof(*originals));
		r = copy_and_walk(job, &walk);
	}
	free(originals);
	free(walk.check);
	free(walk.is_followed);
	free(walk.reach.bos);
	return r;
}
