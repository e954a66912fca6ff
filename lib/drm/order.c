/* SPDX-License-Identifier: MIT */
/*
 * A list of the jobs whose fences were not seen to be signalled, latest first. As each waited for
 * those before it, the latest of a file stands for all of the file's.
 */
#include "order.h"

#include "drm.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S       1000000000ll
#define QUOTA_PAUSE_NS 1000000

struct order_job {
	TAILQ_ENTRY(order_job) link;
	const struct drm_file *file;
	int fence;
};

TAILQ_HEAD(order_jobs, order_job);

static struct order_jobs jobs = TAILQ_HEAD_INITIALIZER(jobs);
static pthread_mutex_t jobs_mutex = PTHREAD_MUTEX_INITIALIZER;

void order_lock(void)
{
	pthread_mutex_lock(&jobs_mutex);
}

void order_unlock(void)
{
	pthread_mutex_unlock(&jobs_mutex);
}

/* ---- the list ---- */

static void job_free(struct order_job *job)
{
	TAILQ_REMOVE(&jobs, job, link);
	fds_close_internal(job->fence);
	free(job);
}

/* Where somebody wants to know, jobs ask for completions too: they say why, and come first. */
static void job_explain(const struct order_job *job)
{
	struct npu_result result;

	if (!trace_is_explaining())
		return;
	while (npu_completion_next(job->file->session, &result) == 0)
		if (result.outcome != NPU_OUTCOME_OK)
			trace_explain("SUBMIT: a job ended with %s%s%s",
				      npu_outcome_name(result.outcome),
				      result.detail[0] ? ": " : "", result.detail);
}

static bool job_is_over(const struct order_job *job)
{
	struct pollfd polled = {.fd = job->fence, .events = POLLIN};

	return poll(&polled, 1, 0) > 0;
}

static void jobs_reap(void)
{
	struct order_job *job, *next;

	for (job = TAILQ_FIRST(&jobs); job; job = next) {
		next = TAILQ_NEXT(job, link);
		if (!job_is_over(job))
			continue;
		job_explain(job);
		job_free(job);
	}
}

static const struct order_job *find_of_file(const struct drm_file *file, bool is_oldest)
{
	const struct order_job *job, *found = NULL;

	TAILQ_FOREACH(job, &jobs, link)
	{
		if (job->file != file)
			continue;
		found = job;
		if (!is_oldest)
			break;
	}
	return found;
}

static bool has_jobs(const struct drm_file *file)
{
	bool found;

	order_lock();
	jobs_reap();
	found = find_of_file(file, false) != NULL;
	order_unlock();
	return found;
}

/* ---- submitting ---- */

struct order_job *order_job_new(void)
{
	return calloc(1, sizeof(struct order_job));
}

/* A descriptor of the job's fence for use without the lock; -1 for no job. */
static int fence_of(const struct order_job *job)
{
	return job ? dup(job->fence) : -1;
}

int order_latest(const struct drm_file *file)
{
	const struct order_job *job;
	int fence;

	order_lock();
	jobs_reap();
	job = find_of_file(file, false);
	fence = fence_of(job);
	if (fence < 0)
		fence = job ? -errno : -ENOENT;
	order_unlock();
	return fence;
}

void order_add(struct order_job *job, const struct drm_file *file, int fence)
{
	job->file = file;
	job->fence = fds_hide(fence);
	order_lock();
	TAILQ_INSERT_HEAD(&jobs, job, link);
	order_unlock();
}

void order_forget(const struct drm_file *file)
{
	struct order_job *job, *next;

	order_lock();
	for (job = TAILQ_FIRST(&jobs); job; job = next) {
		next = TAILQ_NEXT(job, link);
		if (job->file == file)
			job_free(job);
	}
	order_unlock();
}

void order_forget_all(void)
{
	struct order_job *job;

	while ((job = TAILQ_FIRST(&jobs)) != NULL)
		job_free(job);
}

/* ---- waiting ---- */

/*
 * The driver's wait goes on after a signal whose handler says SA_RESTART; poll() never does, so
 * that is looked up: if no handler without it is there, none can have run.
 */
static bool is_wait_restarted(void)
{
	struct sigaction action;

	for (int number = 1; number < NSIG; number++)
		if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
		    action.sa_handler != SIG_IGN && !(action.sa_flags & SA_RESTART))
			return false;
	return true;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* 0 once it polls readable; -ETIMEDOUT. */
static int wait_fence(int fence, int64_t deadline_ns)
{
	struct pollfd polled = {.fd = fence, .events = POLLIN};
	int r;

	do {
		const int64_t now = now_ns(), left_ns = deadline_ns > now ? deadline_ns - now : 0;
		struct timespec left = {(time_t)(left_ns / NS_PER_S), (long)(left_ns % NS_PER_S)};

		r = ppoll(&polled, 1, deadline_ns == INT64_MAX ? NULL : &left, NULL);
	} while (r < 0 && errno == EINTR && is_wait_restarted());
	if (r < 0)
		return -errno;
	return r > 0 ? 0 : -ETIMEDOUT;
}

int order_pause(uint64_t pause_ns)
{
	struct timespec pause = {(time_t)(pause_ns / NS_PER_S), (long)(pause_ns % NS_PER_S)};

	return ppoll(NULL, 0, &pause, NULL) < 0 && !is_wait_restarted() ? -EINTR : 0;
}

static int fence_object(const struct gem_object *object, int *ret_fence)
{
	return object ? npu_bo_fence(object->session, &object->bo, ret_fence) : -ENOENT;
}

int order_fence_memory(struct drm_file *file, dev_t dev, ino_t ino, int *ret_fence)
{
	int r;

	do {
		r = drm_file_lock(file);
		if (r < 0)
			return r;
		r = fence_object(gem_find_memory(&file->gem, dev, ino), ret_fence);
		drm_file_unlock(file);
	} while (r == -EAGAIN && order_pause(npu_retry_after_ns()) == 0);
	return r;
}

/* -EALREADY: nobody else has it, and the file's jobs are over, so npud need not be asked. */
static int fence_handle(struct drm_file *file, uint32_t handle, int *ret_fence)
{
	const struct gem_object *object;
	int r;

	r = drm_file_lock(file);
	if (r < 0)
		return r;
	object = gem_find(&file->gem, handle);
	if (object && object->ino == 0 && !has_jobs(file))
		r = -EALREADY;
	else
		r = fence_object(object, ret_fence);
	drm_file_unlock(file);
	return r;
}

/*
 * Why there was no fence passes: too many requests; or the memory is written and the session has
 * all the fences that it may have, so one of them has to go.
 */
static int pause_fence(const struct drm_file *file, int error, int64_t deadline_ns)
{
	int fence, r;

	if (error == -EAGAIN)
		return order_pause(npu_retry_after_ns());
	if (deadline_ns <= now_ns())
		return -ETIMEDOUT;
	order_lock();
	fence = fence_of(find_of_file(file, true));
	order_unlock();
	if (fence < 0)
		return order_pause(QUOTA_PAUSE_NS);
	r = wait_fence(fence, deadline_ns);
	close(fence);
	return r;
}

static int wait_object(struct drm_file *file, uint32_t handle, int64_t deadline_ns)
{
	int fence, r;

	while ((r = fence_handle(file, handle, &fence)) == -EAGAIN || r == -EDQUOT) {
		r = pause_fence(file, r, deadline_ns);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r == -EALREADY ? 0 : r;
	r = wait_fence(fence, deadline_ns);
	close(fence);
	order_lock();
	jobs_reap();
	order_unlock();
	return r;
}

int order_wait_object(struct drm_file *file, uint32_t handle, int64_t deadline_ns)
{
	const bool is_late = deadline_ns <= now_ns();
	const int r = wait_object(file, handle, deadline_ns);

	return r == -ETIMEDOUT && is_late ? -EBUSY : r;
}

bool order_wait_file(const struct drm_file *file, bool is_one)
{
	bool has_waited = false;
	int fence, r;

	do {
		order_lock();
		jobs_reap();
		fence = fence_of(find_of_file(file, is_one));
		order_unlock();
		if (fence < 0)
			return has_waited;
		has_waited = true;
		do {
			r = wait_fence(fence, INT64_MAX);
		} while (r == -EINTR);
		close(fence);
	} while (!is_one);
	return true;
}
