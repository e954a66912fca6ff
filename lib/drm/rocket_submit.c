/* SPDX-License-Identifier: MIT */
/*
 * SUBMIT of the rocket ABI. Each of its jobs is one of npud's, whose tasks start one by one. As the
 * driver does it: jobs of a file run one after the other, one that cannot be run is dropped without
 * an error, and a failed one does not hold up those behind it.
 */
#include "order.h"
#include "personality.h"
#include "record.h"
#include "rocket.h"
#include "trace.h"
#include "user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Operation enable, hardware reference 2.1 and 4. */
#define OP_EN_TARGET 0x0081u
#define OP_EN_OFFSET 0x0008u
#define OP_EN_PPU    (1u << 5)
#define INT_MASK_DPU 0x300u /* hardware reference 3.2 */
#define INT_MASK_PPU 0xc00u
#define LIMIT_NS     500000000u /* of each job, ABI reference 2.3 */

struct submission {
	struct npu_task *tasks;
	uint32_t n_tasks;
	uint32_t *handles; /* of the inputs, then of the outputs */
	uint32_t n_ins, n_outs;
};

static void submission_deinit(struct submission *submission)
{
	free(submission->tasks);
	free(submission->handles);
}

/* ---- what the program passed ---- */

/* `n` structs, of which the program's have `stride` bytes and ours `size`. */
static int read_array(void *to, uint64_t user, uint32_t n, size_t stride, size_t size)
{
	int r = 0;

	if (stride == size)
		return user_read(to, (const void *)(uintptr_t)user, (size_t)n * size);
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = user_read((char *)to + i * size,
			      (const void *)(uintptr_t)(user + (uint64_t)i * stride), size);
	return r;
}

/* The driver knows DPU's interrupts alone; here a pooling task ends with its own. */
static uint32_t find_int_mask(const unsigned char *stream, uint32_t n_entries)
{
	for (uint32_t i = 0; i < n_entries; i++) {
		uint64_t entry;

		memcpy(&entry, stream + (size_t)i * sizeof(entry), sizeof(entry));
		if (entry >> 48 == OP_EN_TARGET && (entry & 0xffff) == OP_EN_OFFSET)
			return entry >> 16 & OP_EN_PPU ? INT_MASK_PPU : INT_MASK_DPU;
	}
	return INT_MASK_DPU;
}

/* Streams are cut at the end of the object that they are in; one outside of all will fault. */
static void fill_task(const struct drm_file *file, const struct rocket_task *from,
		      struct npu_task *task)
{
	const struct gem_object *object = gem_find_iova(&file->gem, file->session, from->regcmd);
	uint64_t n = from->regcmd_count, at;

	*task = (struct npu_task){.regcmd_iova = from->regcmd, .int_mask = INT_MASK_DPU};
	if (object) {
		at = from->regcmd - object->bo.iova;
		n = n < (object->bo.size - at) / 8 ? n : (object->bo.size - at) / 8;
		task->int_mask = find_int_mask((unsigned char *)object->bo.map + at, (uint32_t)n);
	}
	task->regcmd_count = n < NPU_TASK_REGCMDS_MAX ? (uint32_t)n : NPU_TASK_REGCMDS_MAX;
}

static int read_tasks(struct submission *submission, const struct drm_file *file,
		      const struct rocket_job *job)
{
	struct rocket_task *tasks;
	int r;

	if (job->task_count == 0 || job->task_count > NPU_JOB_TASKS_MAX ||
	    job->task_struct_size < sizeof(*tasks)) {
		trace_explain("SUBMIT: %u tasks of %u bytes (1 ... %u of at least %zu); dropped",
			      job->task_count, job->task_struct_size, NPU_JOB_TASKS_MAX,
			      sizeof(*tasks));
		return -EINVAL;
	}
	tasks = calloc(job->task_count, sizeof(*tasks));
	submission->tasks = calloc(job->task_count, sizeof(*submission->tasks));
	r = tasks && submission->tasks ? read_array(tasks, job->tasks, job->task_count,
						    job->task_struct_size, sizeof(*tasks))
				       : -ENOMEM;
	if (r < 0)
		trace_explain("SUBMIT: %u tasks at 0x%llx cannot be read; dropped", job->task_count,
			      (unsigned long long)job->tasks);
	for (uint32_t i = 0; i < job->task_count && r == 0; i++) {
		fill_task(file, &tasks[i], &submission->tasks[i]);
		if (tasks[i].regcmd_count == 0) {
			trace_explain("SUBMIT: task %u: regcmd_count is 0; dropped", i);
			r = -EINVAL;
		}
	}
	submission->n_tasks = job->task_count;
	free(tasks);
	return r;
}

/* Each handle is four bytes that the program must have: more than it can have is a fault. */
static int read_handles(struct submission *submission, const struct rocket_job *job)
{
	const size_t n_ins = job->in_bo_handle_count, n_outs = job->out_bo_handle_count;
	int r;

	if ((uint64_t)n_ins + n_outs <= UINT32_MAX / sizeof(uint64_t))
		submission->handles = calloc(n_ins + n_outs + 1, sizeof(*submission->handles));
	if (!submission->handles) {
		trace_explain("SUBMIT: no memory for %zu in_bo_handles and %zu out_bo_handles; "
			      "dropped",
			      n_ins, n_outs);
		return -ENOMEM;
	}
	r = user_read(submission->handles, (const void *)(uintptr_t)job->in_bo_handles,
		      n_ins * sizeof(uint32_t));
	if (r == 0)
		r = user_read(submission->handles + n_ins,
			      (const void *)(uintptr_t)job->out_bo_handles,
			      n_outs * sizeof(uint32_t));
	if (r == -EFAULT)
		trace_explain("SUBMIT: %zu in_bo_handles at 0x%llx or %zu out_bo_handles at 0x%llx "
			      "cannot be read; dropped",
			      n_ins, (unsigned long long)job->in_bo_handles, n_outs,
			      (unsigned long long)job->out_bo_handles);
	submission->n_ins = (uint32_t)n_ins;
	submission->n_outs = (uint32_t)n_outs;
	return r;
}

static int check_handles(const struct submission *submission, const struct drm_file *file)
{
	const uint32_t n_ins = submission->n_ins, n = n_ins + submission->n_outs;

	if (n > NPU_JOB_BOS_MAX) {
		trace_explain("SUBMIT: %u in_bo_handles and out_bo_handles, together at most %u; "
			      "dropped",
			      n, NPU_JOB_BOS_MAX);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (gem_find(&file->gem, submission->handles[i]))
			continue;
		trace_explain("SUBMIT: %s handle %u is unknown; dropped", i < n_ins ? "in" : "out",
			      submission->handles[i]);
		return -ENOENT;
	}
	return 0;
}

static int submission_init(struct submission *submission, const struct drm_file *file,
			   const struct rocket_job *job)
{
	int r;

	r = read_tasks(submission, file, job);
	if (r == 0)
		r = read_handles(submission, job);
	if (r == 0)
		r = check_handles(submission, file);
	if (r < 0) {
		submission_deinit(submission);
		*submission = (struct submission){0};
	}
	return r;
}

/* ---- recording ---- */

static void record_handles(const struct submission *submission, uint32_t first, uint32_t end,
			   FILE *stream)
{
	for (uint32_t i = first; i < end; i++)
		fprintf(stream, "%s%u", i > first ? ", " : "", submission->handles[i]);
}

static void record_job(const struct submission *submission, FILE *stream)
{
	const uint32_t n = submission->n_ins + submission->n_outs;

	fprintf(stream, "{\"in\": [");
	record_handles(submission, 0, submission->n_ins, stream);
	fprintf(stream, "], \"out\": [");
	record_handles(submission, submission->n_ins, n, stream);
	fprintf(stream, "], \"tasks\": [");
	for (uint32_t i = 0; i < submission->n_tasks; i++)
		fprintf(stream, "%s{\"regcmd_iova\": %u, \"regcmd_count\": %u}", i ? ", " : "",
			submission->tasks[i].regcmd_iova, submission->tasks[i].regcmd_count);
	fprintf(stream, "]}");
}

static void record_jobs(struct drm_file *file, const struct submission *submissions, uint32_t n)
{
	FILE *stream = n > 0 ? record_begin(file) : NULL;

	if (!stream)
		return;
	fprintf(stream, ", \"jobs\": [");
	for (uint32_t i = 0; i < n; i++) {
		fprintf(stream, "%s", i ? ", " : "");
		record_job(&submissions[i], stream);
	}
	fprintf(stream, "]");
	record_end(file, stream);
}

/* ---- the queue ---- */

static int collect_range(const struct drm_file *file, const uint32_t *handles, uint32_t n,
			 uint32_t *ret_bos)
{
	for (uint32_t i = 0; i < n; i++) {
		struct gem_object *object = gem_find(&file->gem, handles[i]);

		if (!object) {
			trace_explain("SUBMIT: handle %u was closed meanwhile; dropped",
				      handles[i]);
			return -ENOENT;
		}
		object->is_named = true;
		ret_bos[i] = object->bo.handle;
	}
	return 0;
}

/* What it writes, what it reads, and all that its streams may name besides. */
static int collect_bos(struct drm_file *file, const struct submission *submission,
		       struct npu_job *job, uint32_t *ret_bos)
{
	const uint32_t n_ins = submission->n_ins, n_outs = submission->n_outs, n = n_ins + n_outs;
	int r;

	r = collect_range(file, submission->handles + n_ins, n_outs, ret_bos);
	if (r == 0)
		r = collect_range(file, submission->handles, n_ins, ret_bos + n_outs);
	job->n_writes = n_outs;
	job->n_reads = n_ins;
	job->n_bos = n + gem_collect(&file->gem, file->session, ret_bos + n, NPU_JOB_BOS_MAX - n);
	job->bos = ret_bos;
	return r;
}

/* With the file's lock. */
static int queue_ordered(struct drm_file *file, const struct npu_job *job)
{
	struct npu_job ordered = *job;
	struct order_job *queued = order_job_new();
	int latest, fence, r;

	if (!queued)
		return -ENOMEM;
	latest = order_latest(file);
	r = latest == -ENOENT ? 0 : latest;
	ordered.fences = &latest;
	ordered.n_fences = latest >= 0;
	if (r >= 0)
		r = npu_submit(file->session, &ordered, NULL, &fence);
	if (latest >= 0)
		close(latest);
	if (r < 0)
		free(queued);
	if (r < 0 && r != -EAGAIN && r != -EDQUOT)
		trace_explain("SUBMIT: %s; dropped",
			      latest == -EMFILE ? "no descriptor is left" : npu_last_error());
	else if (r == 0)
		order_add(queued, file, fence);
	return r;
}

/*
 * The file's lock is held. The driver has no timeout of the client's: the policy's is in force, or
 * where programs are to live with it, the driver's own.
 */
static int queue_locked(struct drm_file *file, const struct submission *submission)
{
	struct npu_job job = {
		.tasks = submission->tasks,
		.n_tasks = submission->n_tasks,
		.timeout_ns = personality_resets_all() ? LIMIT_NS : 0,
		.flags =
			NPU_SUBMIT_ORDER_ONLY | (trace_is_explaining() ? NPU_SUBMIT_COMPLETION : 0),
	};
	uint32_t *bos = calloc(NPU_JOB_BOS_MAX, sizeof(*bos));
	int r;

	if (!bos)
		return -ENOMEM;
	r = collect_bos(file, submission, &job, bos);
	if (r == 0)
		r = queue_ordered(file, &job);
	free(bos);
	return r;
}

/* Sleeps until it is worth trying again; false where it will not help. */
static bool pause_queue(const struct drm_file *file, int error)
{
	if (error == -EAGAIN) {
		(void)order_pause(npu_retry_after_ns());
		return true;
	}
	/* The session's own earlier jobs may hold what is wanted. */
	return error == -EDQUOT && order_wait_file(file, true);
}

/* -ENODEV when npud is gone; other errors are those of a dropped job. */
static int queue_patiently(struct drm_file *file, const struct submission *submission)
{
	int r;

	do {
		r = drm_file_lock(file);
		if (r < 0)
			return r;
		r = queue_locked(file, submission);
		drm_file_unlock(file);
	} while (r < 0 && pause_queue(file, r));
	if (r == -EDQUOT)
		trace_explain("SUBMIT: %s; dropped", npu_last_error());
	return r < 0 ? drm_error(r) : 0;
}

/* ---- the call ---- */

static int check_request(const struct rocket_submit *request)
{
	if (request->job_struct_size < sizeof(struct rocket_job)) {
		trace_explain("SUBMIT: job_struct_size is %u, at least %zu",
			      request->job_struct_size, sizeof(struct rocket_job));
		return -EINVAL;
	}
	if (request->reserved != 0) {
		trace_explain("SUBMIT: reserved is 0x%llx, not 0",
			      (unsigned long long)request->reserved);
		return -EINVAL;
	}
	return 0;
}

/* Jobs that cannot be understood are left out; how many are not. */
static int prepare(struct drm_file *file, const struct rocket_job *jobs, uint32_t n,
		   struct submission *submissions, uint32_t *ret_n)
{
	uint32_t n_good = 0;
	int r;

	if (file->record)
		order_wait_file(file, false);
	r = drm_file_lock(file);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++)
		if (submission_init(&submissions[n_good], file, &jobs[i]) == 0)
			n_good++;
	record_jobs(file, submissions, n_good);
	drm_file_unlock(file);
	*ret_n = n_good;
	return 0;
}

static int submit_jobs(struct drm_file *file, const struct rocket_job *jobs, uint32_t n)
{
	struct submission *submissions = calloc(n, sizeof(*submissions));
	uint32_t n_good = 0;
	int r;

	if (!submissions)
		return -ENOMEM;
	r = prepare(file, jobs, n, submissions, &n_good);
	for (uint32_t i = 0; i < n_good && r != -ENODEV; i++)
		r = queue_patiently(file, &submissions[i]);
	for (uint32_t i = 0; i < n_good; i++)
		submission_deinit(&submissions[i]);
	free(submissions);
	return r == -ENODEV ? r : 0;
}

int rocket_handle_submit(struct drm_file *file, void *data, size_t user_size)
{
	const struct rocket_submit *request = data;
	struct rocket_job *jobs;
	int r;

	if (request->job_count == 0)
		return 0;
	r = check_request(request);
	if (r < 0)
		return r;
	jobs = calloc(request->job_count, sizeof(*jobs));
	if (!jobs) {
		trace_explain("SUBMIT: job_count %u: there is no memory for so many",
			      request->job_count);
		return -ENOMEM;
	}
	r = read_array(jobs, request->jobs, request->job_count, request->job_struct_size,
		       sizeof(*jobs));
	if (r == 0)
		r = submit_jobs(file, jobs, request->job_count);
	else
		trace_explain("SUBMIT: %u jobs at 0x%llx cannot be read", request->job_count,
			      (unsigned long long)request->jobs);
	free(jobs);
	return r;
}
