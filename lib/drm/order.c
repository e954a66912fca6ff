/* SPDX-License-Identifier: MIT */
/*
 * A list of the jobs whose fences were not seen to be signalled, latest first. As each waited for
 * those before it, the latest of a file stands for all of the file's, and the latest writer of an
 * object for all its writers.
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

#define NS_PER_S 1000000000ll

struct order_job {
	TAILQ_ENTRY(order_job) link;
	const struct drm_file *file;
	bool is_over; /* it failed, which somebody may still ask for */
	int fence;
	uint32_t n_outs;
	uint64_t outs[]; /* tokens */
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

static bool job_writes(const struct order_job *job, uint64_t token)
{
	for (uint32_t i = 0; i < job->n_outs; i++)
		if (job->outs[i] == token)
			return true;
	return false;
}

static bool job_has_failed(const struct order_job *job)
{
	enum npu_outcome outcome;

	return npu_fence_wait(job->fence, 0, &outcome) < 0 || outcome != NPU_OUTCOME_OK;
}

/* Whether a later job of its file has taken its place. */
static bool job_is_old(const struct order_job *job)
{
	const struct order_job *later = job;

	while ((later = TAILQ_PREV(later, order_jobs, link)) != NULL)
		if (later->file == job->file)
			return true;
	return false;
}

static void jobs_reap(void)
{
	struct order_job *job, *next;

	TAILQ_FOREACH(job, &jobs, link)
	{
		if (job->is_over || !job_is_over(job))
			continue;
		job->is_over = true;
		job_explain(job);
	}
	/* From the oldest on, as long as those that took their places are there. */
	for (job = TAILQ_LAST(&jobs, order_jobs); job; job = next) {
		next = TAILQ_PREV(job, order_jobs, link);
		if (job->is_over && (job_is_old(job) || !job_has_failed(job)))
			job_free(job);
	}
}

static const struct order_job *find_writer(uint64_t token)
{
	const struct order_job *job;

	TAILQ_FOREACH(job, &jobs, link)
	{
		if (!job->is_over && job_writes(job, token))
			return job;
	}
	return NULL;
}

static const struct order_job *find_of_file(const struct drm_file *file, bool is_oldest)
{
	const struct order_job *job, *found = NULL;

	TAILQ_FOREACH(job, &jobs, link)
	{
		if (job->file != file || job->is_over)
			continue;
		found = job;
		if (!is_oldest)
			break;
	}
	return found;
}

/* ---- submitting ---- */

static unsigned add_fence(int fence, int *fences, unsigned n, unsigned n_max)
{
	for (unsigned i = 0; i < n && i < n_max; i++)
		if (fences[i] == fence)
			return n;
	if (n < n_max)
		fences[n] = fence;
	return n + 1;
}

unsigned order_collect(const struct drm_file *file, const struct order_tokens *tokens,
		       int *ret_fences, unsigned n_max)
{
	const struct order_job *job;
	unsigned n = 0;

	jobs_reap();
	job = find_of_file(file, false);
	if (job)
		n = add_fence(job->fence, ret_fences, n, n_max);
	for (uint32_t i = 0; i < tokens->n; i++) {
		job = find_writer(tokens->tokens[i]);
		if (job && job->file != file)
			n = add_fence(job->fence, ret_fences, n, n_max);
	}
	return n;
}

int order_add(const struct drm_file *file, const struct order_tokens *tokens, int fence)
{
	const uint32_t n_outs = tokens->n - tokens->n_ins;
	struct order_job *job = malloc(sizeof(*job) + n_outs * sizeof(job->outs[0]));

	if (!job) {
		close(fence);
		return -ENOMEM;
	}
	fds_set_internal(fence);
	job->file = file;
	job->is_over = false;
	job->fence = fence;
	job->n_outs = n_outs;
	if (n_outs)
		memcpy(job->outs, tokens->tokens + tokens->n_ins, n_outs * sizeof(job->outs[0]));
	TAILQ_INSERT_HEAD(&jobs, job, link);
	return 0;
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

/* 0 once it polls readable. */
static int wait_fence(int fence, int64_t deadline_ns)
{
	struct pollfd polled = {.fd = fence, .events = POLLIN};
	const bool is_late = deadline_ns <= now_ns();
	int r;

	do {
		const int64_t now = now_ns(), left_ns = deadline_ns > now ? deadline_ns - now : 0;
		struct timespec left = {(time_t)(left_ns / NS_PER_S), (long)(left_ns % NS_PER_S)};

		r = ppoll(&polled, 1, deadline_ns == INT64_MAX ? NULL : &left, NULL);
	} while (r < 0 && errno == EINTR && is_wait_restarted());
	if (r < 0)
		return -errno;
	return r > 0 ? 0 : is_late ? -EBUSY : -ETIMEDOUT;
}

/* A descriptor of the job's fence for use without the lock; -1 for no job. */
static int fence_of(const struct order_job *job)
{
	return job ? dup(job->fence) : -1;
}

int order_wait_object(uint64_t token, int64_t deadline_ns)
{
	int fence, r;

	do {
		order_lock();
		jobs_reap();
		fence = fence_of(find_writer(token));
		order_unlock();
		if (fence < 0)
			return 0;
		r = wait_fence(fence, deadline_ns);
		close(fence);
	} while (r == 0);
	return r;
}

int order_make_ended(enum npu_outcome outcome)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	(void)fchmod(fds[1], outcome);
	close(fds[1]);
	return fds[0];
}

int order_export(uint64_t token)
{
	const struct order_job *job;
	int fence = -1;

	order_lock();
	jobs_reap();
	TAILQ_FOREACH(job, &jobs, link)
	{
		if (job_writes(job, token))
			break;
	}
	if (job)
		fence = fcntl(job->fence, F_DUPFD_CLOEXEC, 0);
	order_unlock();
	if (job)
		return fence < 0 ? -errno : fence;
	return order_make_ended(NPU_OUTCOME_OK);
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
