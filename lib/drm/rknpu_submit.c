/* SPDX-License-Identifier: MIT */
/*
 * SUBMIT of the vendor's ABI. Its descriptors lie in an object that a token names; which of them
 * run is said by a table that is read differently for one, two and three cores (hardware reference
 * 3.4). The tasks are cut out of that and become one job of npud; the caller then sleeps on it.
 *
 * The driver runs jobs of a core one after the other, and programs count on that: a job waits for
 * the non-blocking ones before it that share a core with it, and a blocking one returns when all
 * before it are over.
 */
#include "order.h"
#include "personality.h"
#include "record.h"
#include "rknpu.h"
#include "rknpu_misbehave.h"
#include "signals.h"
#include "sync_file.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CORES	      3u
#define CORE_MASK_MAX 7u
#define TAIL_ENTRIES  4u     /* what regcfg_amount leaves out, hardware reference 2.3 */
#define INT_MASK_MAX  0xfffu /* completion bits, hardware reference 3.2 */
#define MS_NS	      1000000ull

struct submission {
	struct drm_file *file;
	struct npu_session *session; /* of the address space that the job runs in */
	struct rknpu_submit *request;
	struct npu_job job;
	struct npu_task *tasks;
	uint32_t *bos;
	/* Descriptor whose int_status is written, one for each range. */
	uint32_t last_index[NPU_JOB_RANGES];
	int fences[NPU_JOB_FENCES_MAX];
	unsigned n_resets; /* of the state, at submit */
	unsigned n_waits;  /* as often the timeout counts */
	uint64_t seqno;
	int fence; /* of this job, or -1 */
	bool is_recorded;
	bool is_orphaned; /* not run, since one before it failed: not the driver's way */
};

/* ---- descriptors into tasks ---- */

/* Which entries of subcore_task the cores of a mask take. */
static void find_subcores(uint32_t core_mask, unsigned *ret_first, unsigned *ret_n)
{
	*ret_n = core_mask ? (unsigned)__builtin_popcount(core_mask) : 1;
	*ret_first = 0;
	if (*ret_n == 3)
		*ret_first = 2;
	else if (core_mask && *ret_n == 1)
		*ret_first = (unsigned)__builtin_ctz(core_mask);
}

/* Streams are cut at the end of the object that they are in; one outside of all will fault. */
static void fill_task(const struct submission *submission, const struct rknpu_task *descriptor,
		      struct npu_task *task)
{
	const struct gem_object *object =
		gem_find_iova(&submission->file->gem, submission->session, descriptor->regcmd_addr);
	uint64_t n = (uint64_t)descriptor->regcfg_amount + TAIL_ENTRIES, room;

	if (object) {
		room = (object->bo.iova + object->bo.size - descriptor->regcmd_addr) / 8;
		n = n < room ? n : room;
	}
	*task = (struct npu_task){
		.regcmd_iova = (uint32_t)descriptor->regcmd_addr,
		.regcmd_count = n < NPU_TASK_REGCMDS_MAX ? (uint32_t)n : NPU_TASK_REGCMDS_MAX,
		.int_mask = descriptor->int_mask,
	};
}

static bool is_task_valid(const struct npu_task *task, const struct rknpu_task *descriptor)
{
	return descriptor->regcmd_addr <= UINT32_MAX && task->regcmd_iova % 16 == 0 &&
	       task->regcmd_iova != 0 && task->regcmd_count > 0;
}

/*
 * Of a chain the hardware looks at the first descriptor's stream and the last one's interrupts
 * only; what others lack is taken from those.
 */
static int fill_range(struct submission *submission, const struct gem_object *object,
		      const struct rknpu_subcore_task *range)
{
	const uint64_t n = object->bo.size / sizeof(struct rknpu_task);
	struct npu_task *tasks = submission->tasks + submission->job.n_tasks;
	struct rknpu_task descriptor;

	if (range->task_number == 0 || range->task_start >= n ||
	    range->task_number > n - range->task_start) {
		trace_explain("SUBMIT: subcore_task [%u, +%u) is empty or not within the buffer's "
			      "%llu tasks",
			      range->task_start, range->task_number, (unsigned long long)n);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < range->task_number; i++) {
		memcpy(&descriptor,
		       (const char *)object->bo.map +
			       (range->task_start + (uint64_t)i) * sizeof(descriptor),
		       sizeof(descriptor));
		fill_task(submission, &descriptor, &tasks[i]);
		if (!is_task_valid(&tasks[i], &descriptor)) {
			if (i == 0) {
				trace_explain("SUBMIT: task %u: regcmd_addr 0x%llx is no stream (a "
					      "multiple of 16 below 4 GiB, within an object)",
					      range->task_start,
					      (unsigned long long)descriptor.regcmd_addr);
				return -EINVAL;
			}
			tasks[i] = tasks[0];
			tasks[i].int_mask = descriptor.int_mask;
		}
	}
	if (tasks[range->task_number - 1].int_mask < 1 ||
	    tasks[range->task_number - 1].int_mask > INT_MASK_MAX) {
		trace_explain("SUBMIT: int_mask 0x%x of the last task lets no interrupt through "
			      "(0x1 ... 0x%x)",
			      tasks[range->task_number - 1].int_mask, INT_MASK_MAX);
		return -ETIMEDOUT;
	}
	for (uint32_t i = 0; i < range->task_number; i++)
		if (tasks[i].int_mask < 1 || tasks[i].int_mask > INT_MASK_MAX)
			tasks[i].int_mask = tasks[range->task_number - 1].int_mask;
	return 0;
}

static int add_range(struct submission *submission, const struct gem_object *object,
		     const struct rknpu_subcore_task *range)
{
	struct npu_job *job = &submission->job;
	int r;

	if (range->task_number > NPU_JOB_TASKS_MAX - job->n_tasks) {
		trace_explain("SUBMIT: %u tasks and %u before them are more than %u",
			      range->task_number, job->n_tasks, NPU_JOB_TASKS_MAX);
		return -EINVAL;
	}
	submission->tasks = reallocarray(submission->tasks, job->n_tasks + range->task_number + 1,
					 sizeof(*submission->tasks));
	if (!submission->tasks)
		return -ENOMEM;
	r = fill_range(submission, object, range);
	if (r < 0)
		return r;
	submission->last_index[job->n_ranges] = range->task_start + range->task_number - 1;
	job->ranges[job->n_ranges++] = (struct npu_range){job->n_tasks, range->task_number};
	job->n_tasks += range->task_number;
	return 0;
}

static int fill_tasks(struct submission *submission)
{
	const struct rknpu_submit *request = submission->request;
	const struct gem_object *object =
		gem_find_token(&submission->file->gem, request->task_obj_addr);
	unsigned first, n;
	int r = 0;

	if (!object || !object->bo.map) {
		trace_explain("SUBMIT: task_obj_addr 0x%llx is none of this session's objects",
			      (unsigned long long)request->task_obj_addr);
		return -EINVAL;
	}
	find_subcores(request->core_mask, &first, &n);
	for (unsigned i = 0; i < n && r == 0; i++)
		r = add_range(submission, object, &request->subcore_task[first + i]);
	return r;
}

/* ---- jobs before this one ---- */

static bool is_fence_signalled(int fence)
{
	struct pollfd polled = {.fd = fence, .events = POLLIN};

	return poll(&polled, 1, 0) != 0;
}

static void pending_free(struct rknpu_pending *pending)
{
	LIST_REMOVE(pending, link);
	if (pending->fence >= 0)
		fds_close_internal(pending->fence);
	free(pending);
}

static void pending_reap(struct rknpu_state *state)
{
	struct rknpu_pending *pending, *next;

	for (pending = LIST_FIRST(&state->pendings); pending; pending = next) {
		next = LIST_NEXT(pending, link);
		if (pending->fence >= 0 && is_fence_signalled(pending->fence))
			pending_free(pending);
	}
}

static int pending_add(struct rknpu_state *state, const struct submission *submission, int fence)
{
	struct rknpu_pending *pending = malloc(sizeof(*pending));

	if (!pending) {
		if (fence >= 0)
			close(fence);
		return -ENOMEM;
	}
	*pending = (struct rknpu_pending){.session = submission->session,
					  .seqno = submission->seqno,
					  .core_mask = submission->request->core_mask,
					  .fence = fds_hide(fence)};
	LIST_INSERT_HEAD(&state->pendings, pending, link);
	return 0;
}

static void pending_forget(const struct submission *submission)
{
	struct rknpu_state *state = submission->file->driver_data;
	struct rknpu_pending *pending;

	if (!state)
		return;
	LIST_FOREACH(pending, &state->pendings, link)
	if (pending->fence < 0 && pending->session == submission->session &&
	    pending->seqno == submission->seqno) {
		pending_free(pending);
		return;
	}
}

void rknpu_cancel_all(struct drm_file *file)
{
	struct rknpu_state *state = file->driver_data;
	const struct rknpu_pending *pending;

	if (!state)
		return;
	LIST_FOREACH(pending, &state->pendings, link)
	npu_cancel(pending->session, pending->seqno);
}

/* The last non-blocking job on each core that this one wants. */
static void add_order_fences(struct submission *submission, const struct rknpu_state *state)
{
	uint32_t cores = submission->request->core_mask;
	const struct rknpu_pending *pending;

	LIST_FOREACH(pending, &state->pendings, link)
	{
		if (pending->fence < 0 || !(pending->core_mask & cores))
			continue;
		cores &= ~pending->core_mask;
		submission->fences[submission->job.n_fences++] = pending->fence;
	}
}

/* Sleeps until the non-blocking jobs before this one are over; the file's lock is not held. */
static void wait_for_earlier(struct drm_file *file, uint64_t seqno)
{
	const struct rknpu_pending *pending;
	struct rknpu_state *state;
	enum npu_outcome outcome;
	int fence;

	do {
		fence = -1;
		if (drm_file_lock(file) < 0)
			return;
		state = rknpu_state_get(file);
		if (state) {
			pending_reap(state);
			LIST_FOREACH(pending, &state->pendings, link)
			if (pending->fence >= 0)
				fence = pending->fence;
		}
		fence = fence >= 0 ? dup(fence) : -1;
		drm_file_unlock(file);
		if (fence >= 0) {
			npu_fence_wait(fence, -1, &outcome);
			close(fence);
		}
	} while (fence >= 0);
}

/* ---- the call ---- */

static int outcome_error(enum npu_outcome outcome)
{
	switch (outcome) {
	case NPU_OUTCOME_OK:
		return 0;
	case NPU_OUTCOME_HANG:
	case NPU_OUTCOME_PAGE_FAULT: /* silicon just never finishes then */
	case NPU_OUTCOME_BAD_STREAM:
	case NPU_OUTCOME_LATE:
		return -ETIMEDOUT;
	case NPU_OUTCOME_DEVICE_LOST:
		return -ENODEV;
	default:
		return -EINVAL;
	}
}

static int check_request(const struct rknpu_submit *request)
{
	if (request->task_number == 0) {
		trace_explain("SUBMIT: task_number is 0, at least 1");
		return -EINVAL;
	}
	if (request->core_mask > CORE_MASK_MAX) {
		trace_explain("SUBMIT: core_mask 0x%x is out of range (0 ... 7)",
			      request->core_mask);
		return -EINVAL;
	}
	if (!(request->flags & (RKNPU_JOB_PC | RKNPU_JOB_NONBLOCK))) {
		trace_explain("SUBMIT: flags 0x%x: neither PC mode (0x%x), which alone can be "
			      "waited for, nor NONBLOCK (0x%x)",
			      request->flags, RKNPU_JOB_PC, RKNPU_JOB_NONBLOCK);
		return -EINVAL;
	}
	return rknpu_check_domain("SUBMIT", (int32_t)request->iommu_domain_id);
}

/* What it is besides a descriptor, npud says. */
static int check_fence(int fd)
{
	if (fcntl(fd, F_GETFD) >= 0)
		return 0;
	trace_explain("SUBMIT: fence_fd %d is not an open descriptor, and flags name it as a fence "
		      "to wait for (FENCE_IN, 0x%x)",
		      fd, RKNPU_JOB_FENCE_IN);
	return -EINVAL;
}

static int fill_job(struct submission *submission, const struct rknpu_state *state)
{
	const struct rknpu_submit *request = submission->request;
	struct npu_job *job = &submission->job;
	int r;

	r = fill_tasks(submission);
	if (r < 0)
		return r;
	free(submission->bos);
	submission->bos = calloc(submission->file->gem.n_objects + 1, sizeof(*submission->bos));
	if (!submission->bos)
		return -ENOMEM;
	job->tasks = submission->tasks;
	job->n_bos = gem_collect(&submission->file->gem, submission->session, submission->bos,
				 NPU_JOB_BOS_MAX);
	job->bos = submission->bos;
	job->core_mask = request->core_mask;
	job->flags = NPU_SUBMIT_CHAINED;
	job->timeout_ns = submission->n_waits * request->timeout_ms * MS_NS;
	job->fences = submission->fences;
	if (request->flags & RKNPU_JOB_FENCE_IN) {
		r = check_fence(request->fence_fd);
		submission->fences[job->n_fences++] = request->fence_fd;
	}
	add_order_fences(submission, state);
	return r;
}

/* The descriptors from the first to the last that any range names. */
static void record_tasks(const struct submission *submission, FILE *stream)
{
	const struct gem_object *object =
		gem_find_token(&submission->file->gem, submission->request->task_obj_addr);
	uint32_t first = UINT32_MAX, last = 0;

	for (unsigned i = 0; i < submission->job.n_ranges; i++) {
		uint32_t index = submission->last_index[i];

		last = index > last ? index : last;
		index -= submission->job.ranges[i].count - 1;
		first = index < first ? index : first;
	}
	for (uint32_t i = first; object && i <= last; i++) {
		struct rknpu_task task;

		memcpy(&task, (const char *)object->bo.map + i * sizeof(task), sizeof(task));
		fprintf(stream,
			"%s{\"index\": %u, \"enable_mask\": %u, \"int_mask\": %u, \"int_clear\": "
			"%u, "
			"\"op_idx\": %u, \"regcfg_amount\": %u, \"regcfg_offset\": %u, "
			"\"regcmd_iova\": %u}",
			i == first ? "" : ", ", i, task.enable_mask, task.int_mask, task.int_clear,
			task.op_idx, task.regcfg_amount, task.regcfg_offset,
			(uint32_t)task.regcmd_addr);
	}
}

static void record_job(const struct submission *submission)
{
	const struct rknpu_submit *request = submission->request;
	FILE *stream = record_begin(submission->file);

	if (!stream)
		return;
	fprintf(stream,
		", \"flags\": %u, \"timeout_ms\": %u, \"task_start\": %u, \"task_number\": %u, "
		"\"core_mask\": %u, \"subcore\": [",
		request->flags, request->timeout_ms, request->task_start, request->task_number,
		request->core_mask);
	for (unsigned i = 0; i < RKNPU_SUBCORES; i++)
		fprintf(stream, "%s[%u, %u]", i ? ", " : "", request->subcore_task[i].task_start,
			request->subcore_task[i].task_number);
	fprintf(stream, "], \"tasks\": [");
	record_tasks(submission, stream);
	fprintf(stream, "]");
	record_end(submission->file, stream);
}

static void explain_refusal(const struct rknpu_submit *request)
{
	if (request->flags & RKNPU_JOB_FENCE_IN)
		trace_explain("SUBMIT: %s (fence_fd %d, core_mask 0x%x)", npu_last_error(),
			      request->fence_fd, request->core_mask);
	else
		trace_explain("SUBMIT: %s (core_mask 0x%x)", npu_last_error(), request->core_mask);
}

/* Queues the job; the file's lock is held. -EAGAIN: the session's queue is full. */
static int queue_job(struct submission *submission)
{
	const bool is_nonblocking = submission->request->flags & RKNPU_JOB_NONBLOCK;
	struct rknpu_state *state = rknpu_state_get(submission->file);
	int r;

	if (!state)
		return -ENOMEM;
	r = drm_file_space(submission->file, submission->request->iommu_domain_id,
			   &submission->session);
	if (r < 0)
		return r;
	pending_reap(state);
	submission->job = (struct npu_job){0};
	r = fill_job(submission, state);
	if (r < 0)
		return r;
	if (!submission->is_recorded) /* else npud had no room for it, and this is another try */
		record_job(submission);
	submission->is_recorded = true;
	r = npu_submit(submission->session, &submission->job, &submission->seqno,
		       is_nonblocking ? &submission->fence : NULL);
	if (r < 0 && r != -EAGAIN)
		explain_refusal(submission->request);
	if (r < 0)
		return r;
	submission->n_resets = state->n_resets;
	/* Without memory for it, the job runs and is not known to a later reset. */
	pending_add(state, submission, is_nonblocking ? dup(submission->fence) : -1);
	return 0;
}

static int queue_job_patiently(struct submission *submission)
{
	for (;;) {
		int r = drm_file_lock(submission->file);

		if (r < 0)
			return r;
		r = queue_job(submission);
		drm_file_unlock(submission->file);
		if (r != -EAGAIN) {
			if (r == -EBADF)
				r = -EINVAL;
			return r < 0 ? drm_error(r) : 0;
		}
		(void)order_pause(npu_retry_after_ns());
	}
}

/* The bit that the last task's block raised: which of a pair depends on the register group. */
static uint32_t int_status(const struct submission *submission, unsigned range)
{
	const struct npu_range *tasks = &submission->job.ranges[range];
	const uint32_t int_mask = submission->tasks[tasks->start + tasks->count - 1].int_mask;
	const bool is_second =
		submission->request->flags & RKNPU_JOB_PINGPONG && tasks->count % 2 == 0;
	const uint32_t first = int_mask & (~int_mask + 1);

	return is_second && int_mask & first << 1 ? first << 1 : first;
}

static void write_back(struct submission *submission, const struct npu_result *result)
{
	struct rknpu_submit *request = submission->request;
	const struct gem_object *object;

	request->task_counter =
		result->outcome == NPU_OUTCOME_OK ? request->task_number : result->tasks_done;
	request->hw_elapse_time_ns = (int64_t)result->device_ns;
	if (result->outcome != NPU_OUTCOME_OK || drm_file_lock(submission->file) < 0)
		return;
	object = gem_find_token(&submission->file->gem, request->task_obj_addr);
	for (unsigned i = 0; object && i < submission->job.n_ranges; i++) {
		uint32_t status = int_status(submission, i);

		memcpy((char *)object->bo.map +
			       submission->last_index[i] * sizeof(struct rknpu_task) +
			       offsetof(struct rknpu_task, int_status),
		       &status, sizeof(status));
	}
	drm_file_unlock(submission->file);
}

/*
 * A timeout of 0 has nobody to blame: what is not over at once is taken back, or left to end.
 */
static int wait_no_time(struct submission *submission, struct npu_result *ret_result)
{
	struct npu_session *session = submission->session;

	if (npu_wait(session, submission->seqno, 0, ret_result) == 0)
		return 0;
	npu_cancel(session, submission->seqno);
	return npu_wait(session, submission->seqno, -1, ret_result);
}

static int wait_job(struct submission *submission, struct npu_result *ret_result)
{
	return submission->request->timeout_ms == 0
		       ? wait_no_time(submission, ret_result)
		       : npu_wait(submission->session, submission->seqno, -1, ret_result);
}

/* What npud knows of the end, or what this ABI's programs may know. */
static const char *outcome_reason(const struct npu_result *result)
{
	if (result->detail[0])
		return result->detail;
	switch (result->outcome) {
	case NPU_OUTCOME_DEPENDENCY:
		return "a job whose fence it waited for failed";
	case NPU_OUTCOME_CANCELLED:
		return "by the session's own reset, or as timeout is 0";
	default:
		return "npud says no more";
	}
}

static int finish_blocking(struct submission *submission)
{
	struct npu_result result = {0};
	const struct rknpu_state *state;
	bool is_reset = false;
	int r;

	r = wait_job(submission, &result);
	submission->is_orphaned = r == 0 && result.outcome == NPU_OUTCOME_DEPENDENCY &&
				  !(submission->request->flags & RKNPU_JOB_FENCE_IN);
	if (r < 0) {
		trace_explain("SUBMIT: %s", npu_last_error());
		return drm_error(r);
	}
	if (drm_file_lock(submission->file) == 0) {
		pending_forget(submission);
		record_outputs(submission->file);
		state = submission->file->driver_data;
		is_reset = state && state->n_resets != submission->n_resets;
		drm_file_unlock(submission->file);
	}
	write_back(submission, &result);
	if (submission->request->flags & RKNPU_JOB_FENCE_OUT && !submission->is_orphaned)
		submission->fence = sync_file_new_signalled(result.outcome);
	wait_for_earlier(submission->file, submission->seqno);
	r = outcome_error(result.outcome);
	if (r == -EINVAL && !is_reset && submission->request->timeout_ms == 0)
		r = -ETIMEDOUT;
	if (r < 0)
		trace_explain("SUBMIT: the job ended with %s: %s", npu_outcome_name(result.outcome),
			      outcome_reason(&result));
	else if (is_reset)
		trace_explain("SUBMIT: the session's own reset came in between");
	if (r == -ETIMEDOUT && !is_reset && personality_resets_all())
		rknpu_reset(submission->file);
	return is_reset ? -EINVAL : r;
}

static int submit(struct submission *submission)
{
	struct rknpu_submit *request = submission->request;
	int r;

	r = queue_job_patiently(submission);
	if (request->flags & RKNPU_JOB_FENCE_IN)
		request->fence_fd = -1;
	if (r < 0)
		return r;
	if (!(request->flags & RKNPU_JOB_NONBLOCK))
		r = finish_blocking(submission);
	if (submission->is_orphaned) {
		submission->is_orphaned = false;
		return submit(submission);
	}
	if (request->flags & RKNPU_JOB_FENCE_OUT)
		request->fence_fd = submission->fence;
	else if (submission->fence >= 0)
		close(submission->fence);
	return r;
}

/* In the address space that it names, which is the driver's only one meanwhile. */
static int submit_in_domain(struct submission *submission)
{
	const struct rknpu_submit *request = submission->request;
	int r;

	r = rknpu_domain_enter(request->iommu_domain_id);
	if (r < 0)
		return r;
	r = rknpu_misbehave(submission->file, request);
	if (r == 0)
		r = submit(submission);
	rknpu_domain_leave();
	free(submission->tasks);
	free(submission->bos);
	return r;
}

int rknpu_handle_submit(struct drm_file *file, void *data, size_t user_size)
{
	struct submission submission = {.file = file, .request = data, .fence = -1};
	const bool is_masked = personality_happens(PERSONALITY_UNINTERRUPTIBLE);
	sigset_t before;
	int r;

	r = check_request(data);
	if (r < 0)
		return r;
	submission.n_waits = rknpu_count_waits();
	if (is_masked)
		before = signals_refuse();
	r = submit_in_domain(&submission);
	if (is_masked)
		signals_accept(&before);
	return r;
}
