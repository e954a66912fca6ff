/* SPDX-License-Identifier: MIT */
/*
 * The root of the layer: owns the scheduler, hears the device, runs the dispatch pass once a turn.
 */
#include "sessions/sessions.h"

#include "base/clock.h"
#include "npu_protocol.h"
#include "scheduler/contract.h"
#include "sessions/error.h"
#include "sessions/job.h"
#include "sessions/job_turns.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* The vendor's driver looks every 50 ms whether to change it (its devfreq profile). */
#define CLOCK_AGE_MAX_NS (10 * NS_PER_MS)

static void sessions_dispatch_run(struct loop_work *work)
{
	sessions_dispatch(container_of(work, struct sessions, dispatch_work));
}

void sessions_read_clock(struct sessions *sessions)
{
	const uint64_t now_ns = loop_now_ns(sessions->loop);
	struct sched_clock clock;

	if (!sessions->power ||
	    (sessions->clock_read_ns && now_ns - sessions->clock_read_ns < CLOCK_AGE_MAX_NS))
		return;
	sessions->clock_read_ns = now_ns;
	clock.now_hz = power_read_clock_hz(sessions->power);
	clock.full_hz = power_full_hz(sessions->power);
	scheduler_set_clock(sessions->scheduler, &clock);
}

static void sessions_watchdog_expired(struct loop_timer *timer)
{
	struct sessions *sessions = container_of(timer, struct sessions, watchdog_timer);

	sessions_read_clock(sessions);
	scheduler_tick(sessions->scheduler);
	sessions_kick(sessions);
}

static void sessions_device_ready(struct loop_poll *poll, uint32_t revents)
{
	struct sessions *sessions = container_of(poll, struct sessions, device_poll);

	(void)revents;
	/* What ends ran at this clock, or at two. */
	sessions_read_clock(sessions);
	device_dispatch(sessions->device);
	loop_poll_keep(poll, POLLIN);
}

void sessions_dispatch(struct sessions *sessions)
{
	loop_work_cancel(&sessions->dispatch_work);
	/* What waited for its turn may be stuck for another reason, and be the last. */
	if (memories_settle(&sessions->memories))
		sessions_check_drained(sessions);
	if (!held_serve(sessions)) {
		sessions_read_clock(sessions);
		scheduler_run(sessions->scheduler);
	}
	device_dispatch(sessions->device);
	loop_timer_arm(&sessions->watchdog_timer, scheduler_next_tick_ns(sessions->scheduler));
}

void sessions_kick(struct sessions *sessions)
{
	loop_work_queue(&sessions->dispatch_work);
}

static int sessions_make_scheduler(struct sessions *sessions, const struct scheduler_config *config)
{
	const struct scheduler_params params = {
		.n_cores = sessions->device->caps.n_cores,
		.gang_masks = sessions->device->caps.gang_masks,
		.has_core_reset = sessions->device->caps.has_core_reset,
		.has_one_domain = sessions->device->caps.has_one_domain,
		.switch_ns = sessions->device->caps.switch_ns,
		.batch_limit_ns = sessions->device->caps.batch_limit_ns,
		.ops = &sessions_backend_ops,
		.context = sessions,
	};

	return scheduler_new(&params, config, &sessions->scheduler);
}

int sessions_new(const struct sessions_params *params, struct sessions **ret_sessions)
{
	struct sessions *sessions = calloc(1, sizeof(*sessions));
	int r;

	if (!sessions)
		return -ENOMEM;
	sessions->loop = params->loop;
	sessions->device = params->device;
	sessions->power = params->power;
	sessions->policy = params->policy;
	sessions->request = params->request;
	sessions->request_context = params->request_context;
	sessions->next_job_id = 1;
	list_init(&sessions->list);
	memories_init(&sessions->memories);
	held_init(sessions);
	tenants_init(&sessions->tenants, &params->machine);
	tenants_set_quota(&sessions->tenants, &params->policy->quota);
	loop_work_init(&sessions->dispatch_work, params->loop, sessions_dispatch_run);
	loop_timer_init(&sessions->watchdog_timer, params->loop, sessions_watchdog_expired);
	quarantine_init(sessions);
	loop_poll_init(&sessions->device_poll, params->loop, device_event_fd(params->device),
		       sessions_device_ready);
	device_set_listener(params->device, sessions_device_event, sessions);
	sessions->channels.closer = params->closer;
	sessions->channels.receive_buffer = malloc(CHANNEL_RECEIVE_BYTES);
	r = sessions->channels.receive_buffer ? sessions_make_scheduler(sessions, params->scheduler)
					      : -ENOMEM;
	if (r == 0)
		r = loop_poll_arm(&sessions->device_poll, POLLIN);
	if (r < 0) {
		sessions_free(sessions);
		return r;
	}
	*ret_sessions = sessions;
	return 0;
}

struct sessions *sessions_free(struct sessions *sessions)
{
	struct session *session, *next;

	if (!sessions)
		return NULL;
	list_for_each_safe (session, next, &sessions->list, link) {
		session_close(session, "npud ends", true);
		assert(session->n_jobs == 0);
		loop_work_cancel(&session->free_work);
		session->free_work.run(&session->free_work);
	}
	loop_poll_disarm(&sessions->device_poll);
	loop_timer_arm(&sessions->watchdog_timer, UINT64_MAX);
	loop_work_cancel(&sessions->dispatch_work);
	quarantine_deinit(sessions);
	scheduler_free(sessions->scheduler);
	tenants_deinit(&sessions->tenants);
	trace_stop(&sessions->trace);
	free(sessions->channels.receive_buffer);
	free(sessions);
	return NULL;
}

/* Whether the reservations that the sessions would have fit together. */
static int check_contracts(struct sessions *sessions, const struct session_policy *policy,
			   const struct scheduler_config *config, struct npu_error *error)
{
	const unsigned n_cores = scheduler_n_cores_live(sessions->scheduler);
	const struct session *session;
	double cores = 0;

	list_for_each (session, &sessions->list, link) {
		if (session->tenant)
			cores += contract_cores(&session_class_under(session, policy)->queue);
	}
	if (cores <= config->rt_cap * n_cores + 1e-9)
		return 0;
	return error_set(error, ENOSPC, "rt_cap",
			 "the sessions that are connected would reserve %.3f cores (allowed: up to "
			 "%.3f, rt_cap, %.15g, of %u cores)",
			 cores, config->rt_cap * n_cores, config->rt_cap, n_cores);
}

int sessions_apply_policy(struct sessions *sessions, const struct session_policy *policy,
			  const struct scheduler_config *scheduler, struct npu_error *error)
{
	struct session *session;
	int r;

	r = check_contracts(sessions, policy, scheduler, error);
	if (r < 0)
		return r;
	r = scheduler_configure(sessions->scheduler, scheduler);
	if (r < 0)
		return error_set(error, -r, "policy", "%s", strerror(-r));
	sessions->policy = policy;
	tenants_set_quota(&sessions->tenants, &policy->quota);
	list_for_each (session, &sessions->list, link)
		session_apply_policy(session);
	quarantine_apply(sessions);
	sessions_kick(sessions);
	return 0;
}

/*
 * Blocked on something that may never come, or paused: no reason to stay, unless what it waits for
 * has come just now. Those behind others that share memory: see sessions_count_work().
 */
static bool job_is_stuck(const struct job *job)
{
	if (job->base.state == JOB_READY && job->base.queue->held_until_ns)
		return true;
	/* Over, and waits for an earlier job to be told first. */
	if (job->base.state == JOB_DONE)
		return true;
	if (job->base.state != JOB_BLOCKED)
		return false;
	for (unsigned i = 0; i < NPU_JOB_FENCES_MAX; i++) {
		const struct job_dependency *dependency = &job->dependencies[i];

		if (dependency->job && fence_outcome(dependency->fd) == NPU_OUTCOME_PENDING)
			return true;
	}
	return false;
}

void sessions_count_work(const struct sessions *sessions, uint32_t *ret_n_jobs,
			 uint32_t *ret_n_blocked)
{
	uint32_t n_jobs = 0, n_blocked = 0, n_behind = 0;
	const struct session *session;
	const struct job *job;

	list_for_each (session, &sessions->list, link) {
		list_for_each (job, &session->jobs, link) {
			if (job_is_stuck(job))
				n_blocked++;
			else if (job_turns_are_blocked(job))
				n_behind++;
			else
				n_jobs++;
		}
	}
	/* As long as any job goes on, it may be one that they are behind. */
	*ret_n_jobs = n_jobs > 0 ? n_jobs + n_behind : 0;
	*ret_n_blocked = n_jobs > 0 ? n_blocked : n_blocked + n_behind;
}

void sessions_check_drained(struct sessions *sessions)
{
	uint32_t n_jobs, n_blocked;

	if (!sessions->is_draining || !sessions->drained)
		return;
	sessions_count_work(sessions, &n_jobs, &n_blocked);
	if (n_jobs == 0)
		sessions->drained(sessions->drained_context);
}

void sessions_refuse_new(struct sessions *sessions)
{
	sessions->is_draining = true;
}

void sessions_drain(struct sessions *sessions, void (*drained)(void *), void *context)
{
	sessions_refuse_new(sessions);
	sessions->drained = drained;
	sessions->drained_context = context;
	sessions_check_drained(sessions);
}

struct session *sessions_find(struct sessions *sessions, uint64_t id)
{
	struct session *session;

	list_for_each (session, &sessions->list, link) {
		if (session->id == id)
			return session;
	}
	return NULL;
}
