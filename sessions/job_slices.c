/* SPDX-License-Identifier: MIT */
/*
 * A share keeps the registers as of its last cut, and brings them up to the next one from the
 * streams when that comes: each stream is gone through twice, however many cuts there are.
 */
#include "sessions/job_slices.h"

#include "device/cut.h"
#include "sessions/error.h"
#include "sessions/job.h"
#include "sessions/sessions.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct share_slices {
	struct soft_registers registers; /* before task n_applied */
	uint32_t n_applied;
	struct bo *prologue; /* one reference */
	/* The task whose place in the job's array the prologue has taken. */
	struct device_task replaced;
	uint32_t replaced_index;
	bool has_replaced;
};

struct job_slices {
	uint32_t *ends; /* of the pieces: tasks from the start of a share */
	unsigned n_shares;
	struct share_slices shares[];
};

/* ---- streams ---- */

static const uint64_t *find_in_bo(const struct bo *bo, const struct device_task *task)
{
	uint64_t size = (uint64_t)task->regcmd_count * sizeof(uint64_t);

	if (task->regcmd_iova < bo->iova || size > bo->size_bytes ||
	    task->regcmd_iova - bo->iova > bo->size_bytes - size)
		return NULL;
	return (const void *)((const char *)bo->memory + (task->regcmd_iova - bo->iova));
}

/* NULL where no BO that the job names has all of it. */
static const uint64_t *find_stream(const struct job *job, const struct device_task *task)
{
	const uint64_t *entries = NULL;

	if (job->streams)
		return find_in_bo(job->streams, task);
	for (unsigned i = 0; i < job->n_pins && !entries; i++)
		entries = find_in_bo(job->pins[i]->bo, task);
	return entries;
}

static bool step_task(const struct job *job, const struct device_task *task, bool is_first,
		      struct soft_registers *registers, struct cut_task *ret_step)
{
	const struct cut_stream stream = {
		.entries = find_stream(job, task),
		.n_entries = task->regcmd_count,
		.is_started = is_first || !(job->flags & NPU_SUBMIT_CHAINED),
	};

	if (!stream.entries)
		return false;
	cut_step(registers, &stream, ret_step);
	return true;
}

/* ---- pieces ---- */

static uint64_t count_entries(const struct job *job)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < job->n_tasks; i++)
		n += job->tasks[i].regcmd_count;
	return n;
}

/* Every share has as many tasks: only then are their cuts in step. */
static bool shares_are_equal(const struct job *job)
{
	for (unsigned i = 1; i < job->base.n_cores; i++) {
		if (job->shares[i].count != job->shares[0].count)
			return false;
	}
	return true;
}

/* What a scan finds; arrays of one entry per task of a share. */
struct scan {
	const struct job *job;
	struct soft_registers registers;
	struct cut_task *steps;
	bool *is_legal;	     /* of the share at hand */
	bool *is_cut;	     /* of all shares so far */
	uint32_t *n_coworks; /* of the first share */
};

static bool scan_share(struct scan *scan, unsigned share)
{
	const struct job *job = scan->job;
	const struct npu_range *range = &job->shares[share];
	const struct device_task *tasks = &job->tasks[range->start];

	soft_registers_reset(&scan->registers);
	for (uint32_t i = 0; i < range->count; i++) {
		if (!step_task(job, &tasks[i], i == 0, &scan->registers, &scan->steps[i]))
			return false;
	}
	cut_find(tasks, scan->steps, range->count, job->flags & NPU_SUBMIT_CHAINED, scan->is_legal);
	for (uint32_t i = 0; i < range->count; i++) {
		/* Cores that meet elsewhere would wait for each other on two sides of a cut. */
		if (share > 0 && scan->n_coworks[i] != scan->steps[i].n_cowork)
			return false;
		scan->n_coworks[i] = scan->steps[i].n_cowork;
		scan->is_cut[i] = scan->is_legal[i] && (share == 0 || scan->is_cut[i]);
	}
	return true;
}

static bool scan_shares(struct scan *scan)
{
	for (unsigned i = 0; i < scan->job->base.n_cores; i++) {
		if (!scan_share(scan, i))
			return false;
	}
	return true;
}

static unsigned take_cuts(const struct scan *scan, uint32_t n_tasks, uint32_t *ends)
{
	unsigned n_pieces = 0;

	for (uint32_t i = 1; i < n_tasks; i++) {
		if (scan->is_cut[i])
			ends[n_pieces++] = i;
	}
	ends[n_pieces++] = n_tasks;
	return n_pieces;
}

/* Fills in the ends; how many pieces there are, 1 where there is no cut, or -ENOMEM. */
static int find_pieces(const struct job *job, uint32_t *ends)
{
	const uint32_t n = job->shares[0].count;
	struct scan scan = {
		.job = job,
		.steps = calloc(n, sizeof(*scan.steps)),
		.is_legal = calloc(n, sizeof(*scan.is_legal)),
		.is_cut = calloc(n, sizeof(*scan.is_cut)),
		.n_coworks = calloc(n, sizeof(*scan.n_coworks)),
	};
	int n_pieces = -ENOMEM;

	if (scan.steps && scan.is_legal && scan.is_cut && scan.n_coworks)
		n_pieces = scan_shares(&scan) ? (int)take_cuts(&scan, n, ends) : 1;
	free(scan.steps);
	free(scan.is_legal);
	free(scan.is_cut);
	free(scan.n_coworks);
	return n_pieces;
}

/* ---- prologues ---- */

/* The longest body that may stand behind the prologue of a share. */
static uint32_t longest_body(const struct job *job, const struct npu_range *range)
{
	uint32_t longest = 0;

	for (uint32_t i = range->start; i < range->start + range->count; i++) {
		if (job->tasks[i].regcmd_count > longest)
			longest = job->tasks[i].regcmd_count;
	}
	return longest;
}

static int make_prologue(struct job *job, unsigned share, struct npu_error *error)
{
	struct share_slices *slices = &job->slices->shares[share];
	uint64_t n_entries = CUT_PROLOGUE_MAX + (uint64_t)longest_body(job, &job->shares[share]);

	soft_registers_reset(&slices->registers);
	return job_own_bo(job, n_entries * sizeof(uint64_t), &slices->prologue, error);
}

/* Brings the registers up to that task. A stream that has gone bad leaves them as they come. */
static void apply_tasks(const struct job *job, unsigned share, uint32_t end)
{
	struct share_slices *slices = &job->slices->shares[share];
	const struct device_task *tasks = &job->tasks[job->shares[share].start];
	struct cut_task step;

	for (; slices->n_applied < end; slices->n_applied++)
		step_task(job, &tasks[slices->n_applied], slices->n_applied == 0,
			  &slices->registers, &step);
}

static void copy_body(const struct job *job, const struct device_task *task, uint64_t *to)
{
	const uint64_t *from = find_stream(job, task);

	assert(from);
	memcpy(to, from, (size_t)task->regcmd_count * sizeof(*to));
}

/* The first task of a later piece: prologue and body take its place. */
static void enter_piece(struct job *job, unsigned share, unsigned core, uint32_t first)
{
	struct share_slices *slices = &job->slices->shares[share];
	struct device_task *task = &job->tasks[job->shares[share].start + first];
	uint64_t *entries = slices->prologue->memory;
	uint32_t n;

	apply_tasks(job, share, first);
	n = cut_write_prologue(&slices->registers, core, entries);
	copy_body(job, task, entries + n);
	n += task->regcmd_count;
	slices->replaced = *task;
	slices->replaced_index = first;
	slices->has_replaced = true;
	task->regcmd_iova = slices->prologue->iova;
	task->regcmd_count = n;
	bo_sync(slices->prologue, 0, slices->prologue->size_bytes, NPU_SYNC_TO_DEVICE);
}

static void leave_piece(struct job *job, unsigned share)
{
	struct share_slices *slices = &job->slices->shares[share];

	if (slices->has_replaced)
		job->tasks[job->shares[share].start + slices->replaced_index] = slices->replaced;
	slices->has_replaced = false;
}

/* ---- the whole ---- */

struct job_slices *job_slices_free(struct job_slices *slices)
{
	if (!slices)
		return NULL;
	for (unsigned i = 0; i < slices->n_shares; i++)
		bo_unref(slices->shares[i].prologue);
	free(slices->ends);
	free(slices);
	return NULL;
}

const struct bo *job_slices_prologue(const struct job *job, unsigned share)
{
	const struct job_slices *slices = job->slices;

	return slices && share < slices->n_shares ? slices->shares[share].prologue : NULL;
}

static int cut_streams(struct job *job, struct npu_error *error)
{
	struct job_slices *slices;
	int n_pieces, r = 0;

	if (count_entries(job) > SLICES_ENTRIES_MAX ||
	    longest_body(job, &(struct npu_range){0, job->n_tasks}) + CUT_PROLOGUE_MAX >
		    NPU_TASK_REGCMDS_MAX)
		return 0;
	slices = calloc(1, sizeof(*slices) + job->base.n_cores * sizeof(*slices->shares));
	if (slices)
		slices->ends = calloc(job->shares[0].count, sizeof(*slices->ends));
	n_pieces = slices && slices->ends ? find_pieces(job, slices->ends) : -ENOMEM;
	if (n_pieces <= 1) {
		job_slices_free(slices);
		return n_pieces < 0 ? error_set(error, ENOMEM, "job", "npud is out of memory") : 0;
	}
	slices->n_shares = job->base.n_cores;
	job->slices = slices;
	job->base.n_pieces = (unsigned)n_pieces;
	for (unsigned i = 0; i < slices->n_shares && r == 0; i++)
		r = make_prologue(job, i, error);
	return r;
}

int job_slices_make(struct job *job, struct npu_error *error)
{
	uint32_t n = job->shares[0].count;

	if (n < 2 || !shares_are_equal(job))
		return 0;
	/* Streams for another number of cores have cuts of their own. */
	if (job->session->owner->device->caps.runs_streams)
		return job->base.widths ? 0 : cut_streams(job, error);
	job->base.n_pieces = n;
	return 0;
}

/* The part of the whole that `n` of `total` pieces are. */
static uint64_t part_of(uint64_t whole, uint32_t n, uint32_t total)
{
	/* rest * n < total * n < 2^64 */
	return whole / total * n + whole % total * n / total;
}

static void fill_timed(const struct job *job, const struct npu_range *range,
		       struct device_batch *ret_batch)
{
	const struct sched_job *base = &job->base;
	uint32_t total = base->n_pieces ? base->n_pieces : 1, done = base->pieces_done;
	uint32_t end = done + base->batch_pieces;
	uint32_t first = (uint32_t)part_of(range->count, done, total);

	ret_batch->tasks = job->tasks + range->start + first;
	ret_batch->n_tasks = (uint32_t)part_of(range->count, end, total) - first;
	ret_batch->duration_ns = DEVICE_FOREVER;
	/* Fewer cores take longer, by as much as there are fewer. */
	if (job->duration_ns < DEVICE_FOREVER / base->n_cores)
		ret_batch->duration_ns = (part_of(job->duration_ns, end, total) -
					  part_of(job->duration_ns, done, total)) *
					 base->n_cores / base->batch_width;
}

static void fill_streams(struct job *job, unsigned share, unsigned core,
			 const struct npu_range *range, struct device_batch *ret_batch)
{
	const struct sched_job *base = &job->base;
	uint32_t first = 0, end = range->count;

	if (job->slices) {
		const uint32_t *ends = job->slices->ends;

		first = base->pieces_done ? ends[base->pieces_done - 1] : 0;
		end = ends[base->pieces_done + base->batch_pieces - 1];
		leave_piece(job, share);
		if (first)
			enter_piece(job, share, core, first);
	}
	ret_batch->tasks = job->tasks + range->start + first;
	ret_batch->n_tasks = end - first;
}

void job_slices_fill(struct job *job, unsigned share, unsigned core, struct device_batch *ret_batch)
{
	const unsigned width = job->base.batch_width;
	const struct npu_range *range = width == job->base.n_cores
						? &job->shares[share]
						: &job->narrow_shares[width - 1][share];

	if (job->session->owner->device->caps.runs_streams)
		fill_streams(job, share, core, range, ret_batch);
	else
		fill_timed(job, range, ret_batch);
}
