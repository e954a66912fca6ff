/* SPDX-License-Identifier: MIT */
/*
 * The two ends of a job's life: what has to be in place before the scheduler sees it, and what the
 * client and the books are told when it is over.
 */
#include "sessions/job.h"

#include "base/clock.h"
#include "base/log.h"
#include "scheduler/gang.h"
#include "sessions/error.h"
#include "sessions/job_room.h"
#include "sessions/job_turns.h"
#include "sessions/sessions.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *job_outcome_name(enum npu_outcome outcome)
{
	static const char *const names[NPU_OUTCOME_COUNT] = NPU_OUTCOME_NAMES;

	return outcome < NPU_OUTCOME_COUNT ? names[outcome] : "unknown";
}

struct job *job_from_sched(struct sched_job *sched_job)
{
	return container_of(sched_job, struct job, base);
}

struct job *job_find(struct session *session, uint64_t seqno)
{
	struct job *job;

	list_for_each (job, &session->jobs, link) {
		if (job->seqno == seqno)
			return job;
	}
	return NULL;
}

/* ---- fences to wait for ---- */

static void job_drop_dependency(struct job_dependency *dependency)
{
	loop_poll_disarm(&dependency->poll);
	close(dependency->fd);
	dependency->job = NULL;
}

void job_drop_dependencies(struct job *job)
{
	for (unsigned i = 0; i < NPU_JOB_FENCES_MAX; i++) {
		if (job->dependencies[i].job)
			job_drop_dependency(&job->dependencies[i]);
	}
}

static int job_arm_dependency(struct job_dependency *dependency)
{
	return loop_poll_arm(&dependency->poll, fence_poll_events(dependency->fd));
}

static void job_dependency_ready(struct loop_poll *poll, uint32_t revents)
{
	struct job_dependency *dependency = container_of(poll, struct job_dependency, poll);
	struct job *job = dependency->job;
	struct sessions *sessions = job->session->owner;
	enum npu_outcome outcome = fence_outcome(dependency->fd);

	if (outcome == NPU_OUTCOME_PENDING && !(revents & POLLNVAL) &&
	    job_arm_dependency(dependency) == 0)
		return;
	job_drop_dependency(dependency);
	if (outcome == NPU_OUTCOME_OK ||
	    (outcome != NPU_OUTCOME_PENDING && job->flags & NPU_SUBMIT_ORDER_ONLY))
		scheduler_resolve(sessions->scheduler, &job->base);
	else
		scheduler_cancel(sessions->scheduler, &job->base, NPU_OUTCOME_DEPENDENCY);
	sessions_kick(sessions);
}

static int job_take_fences(struct job *job, struct fdset *fds, struct npu_error *error)
{
	struct loop *loop = job->session->owner->loop;
	char field[NPU_NAME_MAX];

	for (unsigned i = 0; i < fds->n; i++) {
		struct job_dependency *dependency = &job->dependencies[i];

		snprintf(field, sizeof(field), "fences[%u]", i);
		if (fence_check(fds->fds[i]) < 0)
			return error_set(error, EINVAL, field,
					 "the descriptor is neither an npud fence nor a sync_file");
		dependency->fd = fdset_take(fds, i);
		dependency->job = job;
		loop_poll_init(&dependency->poll, loop, dependency->fd, job_dependency_ready);
		if (job_arm_dependency(dependency) < 0)
			return error_set(error, EINVAL, field, "the descriptor can't be polled");
		job->base.n_deps++;
	}
	return 0;
}

/* ---- submit ---- */

/* What it can make do with. */
static unsigned job_least_cores(const struct job *job)
{
	return job->base.widths & 1u << 1 ? 1 : job->base.n_cores;
}

static int job_refuse_late(const struct job *job, uint64_t now_ns, struct npu_error *error)
{
	const uint64_t given_ns =
		job->base.deadline_ns > now_ns ? job->base.deadline_ns - now_ns : 0;

	error_set(error, ETIME, "deadline",
		  "%.3f ms, of class \"%s\" or the job's own, are too short for it behind those "
		  "that wait, by %.3f ms",
		  (double)given_ns / NS_PER_MS, job->session->class->name,
		  (double)job->base.missed_ns / NS_PER_MS);
	error->value = given_ns;
	if (job->base.missed_ns) {
		error->min = given_ns + job->base.missed_ns;
		error->max = NPU_DEADLINE_MAX_NS;
	}
	return -ETIME;
}

static int job_refuse_lost(const struct job *job, uint64_t now_ns, struct npu_error *error)
{
	uint64_t retry_ns = now_ns;

	error_set(error, ENODEV, "device",
		  "no core of the NPU came back from its last reset; npud keeps trying");
	if (scheduler_is_lost(job->session->owner->scheduler, &retry_ns))
		error->retry_after_ns = retry_ns > now_ns ? retry_ns - now_ns : 1;
	return -ENODEV;
}

static int job_refuse_long(const struct job *job, struct npu_error *error)
{
	const struct device_caps *caps = &job->session->owner->device->caps;

	return error_set(
		error, EFBIG, "tasks",
		"a part of them that npud cannot cut is predicted to take longer than the "
		"%.0f ms after which the driver of the device '%s' ends it: submit smaller "
		"tasks, with NPU_SUBMIT_SLICEABLE or as several jobs",
		(double)caps->batch_limit_ns / NS_PER_MS, caps->name);
}

static int job_refuse_demand(const struct job *job, int r, struct npu_error *error)
{
	const struct session *session = job->session;
	const struct device_caps *caps = &session->owner->device->caps;

	if (job->base.n_cores > 1 && !caps->gang_masks)
		return error_set(
			error, -r, "core_mask",
			"%#" PRIx32 " asks for %u cores that start together, and the "
			"device '%s' starts none together: ask for one, or say with `widths` "
			"that one will do",
			job->base.core_mask, job->base.n_cores, caps->name);
	if (!gang_width_is_allowed(&session->queue.params, job->base.n_cores))
		return error_set(error, -r, "core_mask",
				 "class \"%s\" does not let its jobs run on %u cores (gang_widths)",
				 session->class->name, job->base.n_cores);
	if (job->base.n_cores > session->queue.params.max_cores)
		return error_set(error, -r, "core_mask",
				 "class \"%s\" lets its sessions use %u cores at once, not %u "
				 "(max_cores)",
				 session->class->name, session->queue.params.max_cores,
				 job->base.n_cores);
	error_set(error, -r, "core_mask",
		  "no set of cores that class \"%s\" may use (mask %#" PRIx32 ") fits %#" PRIx32,
		  session->class->name, session->queue.params.core_mask, job->base.core_mask);
	error->value = job->base.core_mask;
	return r;
}

static int job_make_fence(struct job *job, int *ret_fence_fd, struct npu_error *error)
{
	int r;

	if (!(job->flags & NPU_SUBMIT_FENCE))
		return 0;
	r = fence_init(&job->fence, ret_fence_fd);
	return r < 0 ? error_set(error, -r, "flags", "npud can't make a fence descriptor: %s",
				 strerror(-r))
		     : 0;
}

/* Whoever plays a recording again wants the load as it came. */
static void job_record_refusal(struct job *job, uint64_t now_ns)
{
	struct sessions *sessions = job->session->owner;

	if (!trace_is_on(&sessions->trace))
		return;
	job->base.id = sessions->next_job_id++;
	job->base.submitted_ns = job->base.done_ns = now_ns;
	job->base.outcome = NPU_OUTCOME_LATE;
	trace_add_job(&sessions->trace, job);
}

/* `deadline_ns` is the client's, from now on. */
static int job_submit_built(struct job *job, int64_t deadline_ns, int *ret_fence_fd,
			    struct npu_error *error)
{
	struct session *session = job->session;
	struct sessions *sessions = session->owner;
	const uint64_t now_ns = loop_now_ns(sessions->loop);
	int fence_fd = -1, r;

	r = job_make_fence(job, &fence_fd, error);
	if (r < 0)
		return r;
	job->base.id = sessions->next_job_id;
	if (deadline_ns)
		job->base.deadline_ns = now_ns + (uint64_t)deadline_ns;
	r = scheduler_submit(sessions->scheduler, &session->queue, &job->base);
	if (r == 0) {
		sessions->next_job_id++;
		*ret_fence_fd = fence_fd;
		return 0;
	}
	fence_signal(&job->fence, r == -ETIME ? NPU_OUTCOME_LATE : NPU_OUTCOME_CANCELLED);
	if (fence_fd >= 0)
		close(fence_fd);
	if (r == -ETIME) {
		/* It may have shed others before. */
		sessions_kick(sessions);
		job_record_refusal(job, now_ns);
		return job_refuse_late(job, now_ns, error);
	}
	if (r == -EFBIG)
		return job_refuse_long(job, error);
	return r == -ENODEV ? job_refuse_lost(job, now_ns, error)
			    : job_refuse_demand(job, r, error);
}

int job_submit(struct session *session, const struct job_params *params, struct fdset *fds,
	       uint64_t *ret_job_id, int *ret_fence_fd, struct npu_error *error)
{
	struct job *job;
	int fence_fd = -1, r;

	if (session->owner->is_draining)
		return error_set(error, ESHUTDOWN, "submit", "npud takes no new jobs: it %s",
				 session->owner->drained ? "is shutting down"
							 : "was told to drain");
	if (job_find(session, params->submit.seqno))
		return error_set(error, EEXIST, "seqno", "%" PRIu64 " is in flight already",
				 params->submit.seqno);
	r = job_room_check(session, error);
	if (r < 0)
		return r;
	sessions_read_clock(session->owner);
	r = job_build(session, params, &job, error);
	if (r < 0)
		return r;
	r = quarantine_check(session, job_least_cores(job), error);
	if (r == 0)
		r = job_room_take(job, error);
	if (r == 0)
		r = job_take_fences(job, fds, error);
	if (r == 0)
		r = job_turns_take(job, &params->submit, error);
	if (r == 0)
		r = job_submit_built(job, params->submit.deadline_ns, &fence_fd, error);
	if (r < 0) {
		job_free(job);
		return r;
	}
	list_add_tail(&session->jobs, &job->link);
	session->n_jobs++;
	session->stats.submitted++;
	*ret_job_id = job->base.id;
	*ret_fence_fd = fence_fd;
	job_room_make(session);
	sessions_kick(session->owner);
	return 0;
}

/* ---- the end ---- */

/* What befell a job that did nothing wrong. */
static void job_fill_detail(struct job *job)
{
	const char *text = NULL;

	if (job->base.outcome == NPU_OUTCOME_DEVICE_RESET)
		text = "reset because of another job; this one may not be repeated, or was too "
		       "often";
	else if (job->base.outcome == NPU_OUTCOME_DEVICE_LOST)
		text = "a core that it needs did not come back from a reset, or did not start";
	if (text)
		snprintf(job->detail, sizeof(job->detail), "%s", text);
}

static bool job_is_strike(const struct job *job)
{
	return job->base.outcome == NPU_OUTCOME_HANG || job->base.outcome == NPU_OUTCOME_PAGE_FAULT;
}

static void job_send_completion(struct job *job)
{
	struct npu_completion completion = {
		.seqno = job->seqno,
		.tag = job->tag,
		.job_id = job->base.id,
		.outcome = job->base.outcome,
		.flags = job->fault_is_write ? NPU_FAULT_WRITE : 0,
		.fault_iova = job->fault_iova,
		.device_ns = job->base.device_ns,
		.tasks_done = job->tasks_done,
		.core_mask = job->base.used_mask,
	};

	if (job->base.started_ns)
		completion.queued_ns = job->base.started_ns - job->base.submitted_ns;
	memcpy(completion.detail, job->detail, sizeof(completion.detail));
	completions_push(&job->session->completions, &completion);
}

static void job_count(const struct job *job)
{
	struct session_stats *stats = &job->session->stats;

	if (job->base.outcome == NPU_OUTCOME_OK) {
		stats->completed++;
		histogram_add(&stats->latency, job->base.done_ns - job->base.submitted_ns);
		if (job->detail[0])
			memcpy(stats->ignored, job->detail, sizeof(stats->ignored));
	} else {
		stats->failed[job->base.outcome]++;
	}
}

static void job_log(const struct job *job)
{
	const struct session *session = job->session;
	const enum npu_outcome outcome = job->base.outcome;
	enum log_level level = LOG_LEVEL_DEBUG;
	uint64_t n_suppressed = 0;
	char comm[256], detail[512];

	if (outcome == NPU_OUTCOME_HANG || outcome == NPU_OUTCOME_PAGE_FAULT ||
	    outcome == NPU_OUTCOME_BAD_STREAM || outcome == NPU_OUTCOME_DEVICE_LOST)
		level = LOG_LEVEL_WARNING;
	if (!log_is_enabled(level))
		return;
	if (level == LOG_LEVEL_WARNING &&
	    !log_limit_take(&session->user->log_limit, job->base.done_ns, &n_suppressed))
		return;
	log_write(level,
		  "job_done session=%" PRIu64 " uid=%u job=%" PRIu64 " cores=%#" PRIx32
		  " started_ns=%" PRIu64 " done_ns=%" PRIu64
		  " outcome=%s detail=\"%s\" comm=\"%s\" suppressed=%" PRIu64,
		  session->id, session->identity.uid, job->base.id, job->base.used_mask,
		  job->base.started_ns, job->base.done_ns, job_outcome_name(outcome),
		  log_quote(job->detail, detail, sizeof(detail)),
		  log_quote(session->identity.comm, comm, sizeof(comm)), n_suppressed);
}

/* Whether an earlier job, which is to be told first, is still in flight. */
static bool job_is_held(const struct job *job)
{
	const struct job *earlier;

	if (!(job->flags & NPU_SUBMIT_IN_ORDER))
		return false;
	list_for_each (earlier, &job->session->jobs, link) {
		if (earlier->flags & NPU_SUBMIT_IN_ORDER)
			return earlier != job;
	}
	return false;
}

/* The next job that waited to be told in order, or NULL. */
static struct job *job_find_told(struct session *session)
{
	struct job *job;

	list_for_each (job, &session->jobs, link) {
		if (job->flags & NPU_SUBMIT_IN_ORDER)
			return job->base.state == JOB_DONE ? job : NULL;
	}
	return NULL;
}

static void job_tell(struct job *job)
{
	struct session *session = job->session;

	if (job->flags & NPU_SUBMIT_COMPLETION)
		job_send_completion(job);
	fence_signal(&job->fence, job->base.outcome);
	list_del(&job->link);
	session->n_jobs--;
	job_free(job);
}

void job_retire(struct job *job)
{
	struct session *session = job->session;
	const struct sessions *sessions = session->owner;
	const struct record *record = NULL;

	assert(job->base.state == JOB_DONE);
	job_fill_detail(job);
	if (job_is_strike(job))
		record = quarantine_strike(job);
	if (sessions->witness)
		sessions->witness->retired(sessions->witness_context, job, record);
	job_count(job);
	job_log(job);
	trace_add_job(&session->owner->trace, job);
	job_drop_dependencies(job);
	job_turns_end(job, job->base.outcome);
	charge_release(&job->wait_charge);
	if (job_is_held(job))
		return;
	job_tell(job);
	while ((job = job_find_told(session)))
		job_tell(job);
	session_job_gone(session);
}
