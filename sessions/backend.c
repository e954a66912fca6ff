/* SPDX-License-Identifier: MIT */
/*
 * Between scheduler and device: a share of a job becomes a batch, a device event becomes the end
 * of a job, and a session's page tables come along with whatever it runs.
 */
#include "base/log.h"
#include "sessions/job.h"
#include "sessions/job_slices.h"
#include "sessions/sessions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int backend_run(void *context, struct sched_job *sched_job, unsigned share, unsigned core)
{
	struct sessions *sessions = context;
	struct job *job = job_from_sched(sched_job);
	struct device_batch batch = {
		.is_chained = job->flags & NPU_SUBMIT_CHAINED,
		.table_pa = domain_table_pa(&job->session->domain),
		.domain = sched_job->queue->params.domain,
		.device_domain = job->session->domain.device_domain,
		.cores = sched_job->running_mask,
		.timeout_ns = scheduler_budget_ns(sessions->scheduler, core),
	};
	int r;

	if (share == 0)
		job->tasks_before = job->tasks_done;
	charge_release(&job->wait_charge);
	job_slices_fill(job, share, core, &batch);
	job->batches[share] = (struct npu_range){.start = (uint32_t)(batch.tasks - job->tasks),
						 .count = batch.n_tasks};
	r = device_start(sessions->device, core, &batch);
	if (r < 0) {
		log_error("start_failed session=%" PRIu64 " job=%" PRIu64 " core=%u error=\"%s\"",
			  job->session->id, job->base.id, core, strerror(-r));
		return r;
	}
	return 0;
}

static void backend_progress(void *context, unsigned core, struct sched_progress *ret_progress)
{
	struct sessions *sessions = context;
	struct device_progress progress;

	device_progress(sessions->device, core, &progress);
	ret_progress->tasks_done = progress.tasks_done;
	ret_progress->device_ns = progress.device_ns;
}

static bool backend_has_event(void *context, unsigned core)
{
	const struct sessions *sessions = context;

	return device_has_event(sessions->device, core);
}

/* "PC TASK_STATUS" as a key of a log line. */
static void backend_log_key(char *key, size_t size, const char *name)
{
	snprintf(key, size, "%s", name);
	for (char *space = key; (space = strchr(space, ' ')) != NULL;)
		*space = '.';
}

/* The registers at the moment of the reset, for whoever has to explain the hang. */
static void backend_log_capture(struct sessions *sessions, unsigned core, const struct job *job)
{
	struct device_capture capture;
	char text[1024] = "";
	uint64_t n_suppressed;
	size_t n = 0;

	if (!log_limit_take(&job->session->user->log_limit, loop_now_ns(sessions->loop),
			    &n_suppressed))
		return;

	device_capture(sessions->device, core, &capture);
	for (unsigned i = 0; i < capture.n && n < sizeof(text); i++) {
		char key[64];

		backend_log_key(key, sizeof(key), capture.registers[i].name);
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s=%#" PRIx32, key,
				      capture.registers[i].value);
	}
	log_warning("core_reset core=%u session=%" PRIu64 " uid=%u job=%" PRIu64
		    " tasks_done=%" PRIu32 " suppressed=%" PRIu64 "%s",
		    core, job->session->id, job->session->identity.uid, job->base.id,
		    job->tasks_done, n_suppressed, text);
}

/* Tasks that the cores of a job have done in the batch that is about to be cut short. */
static void backend_count_tasks(struct sessions *sessions, struct job *job)
{
	for (unsigned core = 0; core < sessions->device->caps.n_cores; core++) {
		struct device_progress progress;

		if (!(job->base.active_mask & 1u << core))
			continue;
		device_progress(sessions->device, core, &progress);
		job->tasks_done += progress.tasks_done;
	}
}

static void backend_accuse(void *context, struct sched_job *sched_job,
			   const struct sched_evidence *evidence)
{
	struct sessions *sessions = context;
	struct job *job = job_from_sched(sched_job);

	job->is_accused = true;
	backend_count_tasks(sessions, job);
	if (evidence->outcome == NPU_OUTCOME_HANG && !job->is_timed_out)
		snprintf(job->detail, sizeof(job->detail),
			 "no progress within its budget of %.0f ms after %" PRIu32 " of %" PRIu32
			 " tasks",
			 (double)evidence->budget_ns / NS_PER_MS, job->tasks_done, job->n_tasks);
	/* Of the other ends the outcome says why. */
	if (evidence->outcome == NPU_OUTCOME_HANG)
		backend_log_capture(sessions, evidence->core, job);
	if (sessions->witness)
		sessions->witness->accused(sessions->witness_context, job, evidence);
}

static int backend_reset(void *context, unsigned core)
{
	struct sessions *sessions = context;
	const struct core *sched_core = scheduler_core(sessions->scheduler, core);
	int r;

	if (sched_core->job && !job_from_sched(sched_core->job)->is_accused) {
		struct job *job = job_from_sched(sched_core->job);
		struct device_progress progress;

		device_progress(sessions->device, core, &progress);
		job->tasks_done += progress.tasks_done;
		backend_log_capture(sessions, core, job);
	}
	r = device_reset_core(sessions->device, core);
	if (r < 0)
		log_error("core_reset_failed core=%u error=\"%s\"", core, strerror(-r));
	if (sessions->witness)
		sessions->witness->core_reset(sessions->witness_context, core, r);
	return r;
}

static uint32_t backend_live_cores(const struct sessions *sessions)
{
	uint32_t cores = 0;

	for (unsigned i = 0; i < scheduler_n_cores(sessions->scheduler); i++) {
		if (scheduler_core(sessions->scheduler, i)->state != CORE_FAULTED)
			cores |= 1u << i;
	}
	return cores;
}

static uint32_t backend_reset_device(void *context)
{
	struct sessions *sessions = context;
	uint32_t cores = backend_live_cores(sessions);
	uint32_t cores_back = device_reset_all(sessions->device);

	log_warning("device_reset cores=%#" PRIx32 " back=%#" PRIx32, cores, cores_back);
	if (cores & ~cores_back)
		log_error("cores_lost cores=%#" PRIx32, cores & ~cores_back);
	if (sessions->witness)
		sessions->witness->device_reset(sessions->witness_context, cores, cores_back);
	return cores_back;
}

static void backend_repeat(void *context, struct sched_job *sched_job)
{
	struct sessions *sessions = context;
	struct job *job = job_from_sched(sched_job);

	job->tasks_done = job->tasks_before;
	log_info("job_repeated session=%" PRIu64 " job=%" PRIu64 " times=%u", job->session->id,
		 job->base.id, job->base.n_repeats);
	if (sessions->witness)
		sessions->witness->repeated(sessions->witness_context, job);
}

static void backend_retire(void *context, struct sched_job *sched_job)
{
	(void)context;
	job_retire(job_from_sched(sched_job));
}

static uint64_t backend_now(void *context)
{
	const struct sessions *sessions = context;

	return loop_now_ns(sessions->loop);
}

const struct sched_backend_ops sessions_backend_ops = {
	.run = backend_run,
	.progress = backend_progress,
	.has_event = backend_has_event,
	.reset = backend_reset,
	.reset_device = backend_reset_device,
	.accuse = backend_accuse,
	.repeat = backend_repeat,
	.retire = backend_retire,
	.now = backend_now,
};

/*
 * What a device has to say of a success stays until another core of the job says more. A failure
 * comes with the index of its task: in the job, or in the core's share of a gang's.
 */
static void note_detail(struct job *job, const struct device_event *event)
{
	bool is_gang = job->base.n_cores > 1;
	char place[33]; /* two numbers of 32 bits */

	if (event->kind == DEVICE_DONE) {
		if (event->detail[0])
			memcpy(job->detail, event->detail, sizeof(job->detail));
		return;
	}
	if (is_gang)
		snprintf(place, sizeof(place), "core %u, task %" PRIu32, event->core,
			 event->tasks_done);
	else
		snprintf(place, sizeof(place), "task %" PRIu32,
			 job->tasks_done + event->tasks_done);
	snprintf(job->detail, sizeof(job->detail), "%s%s%.*s", place, event->detail[0] ? ": " : "",
		 (int)(sizeof(job->detail) - sizeof(place) - 3), event->detail);
}

static enum npu_outcome outcome_of(enum device_event_kind kind)
{
	switch (kind) {
	case DEVICE_PAGE_FAULT:
		return NPU_OUTCOME_PAGE_FAULT;
	case DEVICE_TIMEOUT:
		return NPU_OUTCOME_HANG;
	case DEVICE_REFUSED:
		return NPU_OUTCOME_DEVICE_LOST;
	default:
		return NPU_OUTCOME_BAD_STREAM;
	}
}

void sessions_device_event(void *context, const struct device_event *event)
{
	struct sessions *sessions = context;
	const struct core *core = scheduler_core(sessions->scheduler, event->core);
	struct job *job;

	sessions_kick(sessions);
	if (!core->job)
		return;
	job = job_from_sched(core->job);
	note_detail(job, event);
	job->tasks_done += event->tasks_done;
	if (event->kind == DEVICE_DONE) {
		scheduler_core_done(sessions->scheduler, event->core, event->device_ns);
		return;
	}
	job->is_timed_out = event->kind == DEVICE_TIMEOUT;
	job->fault_iova = event->iova;
	job->fault_is_write = event->is_write;
	scheduler_core_failed(sessions->scheduler, event->core, outcome_of(event->kind),
			      event->device_ns);
}
