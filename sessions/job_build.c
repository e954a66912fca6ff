/* SPDX-License-Identifier: MIT */
/*
 * From a submit to a job that relies on nothing in client memory any more: tasks are copied first
 * and checked afterwards, handles become pins.
 */
#include "sessions/error.h"
#include "sessions/job.h"
#include "sessions/job_check.h"
#include "sessions/job_slices.h"
#include "sessions/job_turns.h"
#include "sessions/sessions.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Interrupt bits that blocks raise on completion (hardware reference 3.2); 12, 13 are DMA errors.
 */
#define JOB_INT_MASK_MAX 0xfffu

static int job_check_task(const struct npu_task *task, uint32_t index, struct npu_error *error)
{
	char field[NPU_NAME_MAX];
	const uint64_t size_bytes = (uint64_t)task->regcmd_count * 8;

	snprintf(field, sizeof(field), "tasks[%" PRIu32 "]", index);
	if (task->regcmd_count < 1 || task->regcmd_count > NPU_TASK_REGCMDS_MAX)
		return error_set(error, EINVAL, field,
				 "regcmd_count %" PRIu32 " is out of range (1 ... %u)",
				 task->regcmd_count, NPU_TASK_REGCMDS_MAX);
	if (task->regcmd_iova % 16 || task->regcmd_iova == 0)
		return error_set(error, EINVAL, field,
				 "regcmd_iova %#" PRIx32 " must be a multiple of 16 and not 0",
				 task->regcmd_iova);
	if (size_bytes > IOVA_SPACE_BYTES - task->regcmd_iova)
		return error_set(error, EINVAL, field,
				 "regcmd_count %" PRIu32 " is out of range (1 ... %" PRIu64
				 " from regcmd_iova %#" PRIx32 " to the end of the 4 GiB of IOVAs)",
				 task->regcmd_count,
				 (uint64_t)(IOVA_SPACE_BYTES - task->regcmd_iova) / 8,
				 task->regcmd_iova);
	if (task->int_mask < 1 || task->int_mask > JOB_INT_MASK_MAX)
		return error_set(error, EINVAL, field,
				 "int_mask %#" PRIx32 " is out of range (0x1 ... %#x)",
				 task->int_mask, JOB_INT_MASK_MAX);
	if (task->reserved)
		return error_set(error, EINVAL, field, "reserved %#" PRIx32 " must be 0",
				 task->reserved);
	return 0;
}

/* Whether the device would see the task's end. */
static int job_check_end(const struct npu_task *task, uint32_t index,
			 const struct device_caps *caps, struct npu_error *error)
{
	char field[NPU_NAME_MAX];

	if (!caps->int_mask || task->int_mask & caps->int_mask)
		return 0;
	snprintf(field, sizeof(field), "tasks[%" PRIu32 "]", index);
	return error_set(error, EOPNOTSUPP, field,
			 "int_mask %#" PRIx32 ": the driver of the device '%s' ends tasks by the "
			 "interrupts %#" PRIx32 " of the DPU alone, so one that only pools would "
			 "never end: let the DPU do it, or use another device",
			 task->int_mask, caps->name, caps->int_mask);
}

/* The tasks' bytes: behind the request, or inside a BO. */
static int job_find_tasks(struct session *session, const struct job_params *params,
			  const void **ret_bytes, struct npu_error *error)
{
	const struct npu_submit *submit = &params->submit;
	const uint64_t size = (uint64_t)submit->n_tasks * sizeof(struct npu_task);
	struct handle *handle;

	if (!(submit->flags & NPU_SUBMIT_TASKS_IN_BO)) {
		*ret_bytes = params->tasks;
		return 0;
	}
	handle = handle_get(&session->handles, submit->tasks_handle);
	if (!handle)
		return error_handle(error, "tasks_handle", submit->tasks_handle);
	if (size > handle->bo->size_bytes)
		return error_range(error, "n_tasks", submit->n_tasks, 1,
				   handle->bo->size_bytes / sizeof(struct npu_task));
	if (submit->tasks_offset > handle->bo->size_bytes - size)
		return error_range(error, "tasks_offset", submit->tasks_offset, 0,
				   handle->bo->size_bytes - size);
	*ret_bytes = (const char *)handle->bo->memory + submit->tasks_offset;
	return 0;
}

static int job_copy_tasks(struct job *job, const struct job_params *params, struct npu_error *error)
{
	const struct device_caps *caps = &job->session->owner->device->caps;
	const void *bytes = NULL;
	int r;

	r = job_find_tasks(job->session, params, &bytes, error);
	if (r < 0)
		return r;
	assert(bytes && job->tasks);
	for (uint32_t i = 0; i < job->n_tasks; i++) {
		struct npu_task task;

		/* One copy, then only the copy is looked at: the client may be writing there. */
		memcpy(&task, (const char *)bytes + (size_t)i * sizeof(task), sizeof(task));
		r = job_check_task(&task, i, error);
		if (r == 0)
			r = job_check_end(&task, i, caps, error);
		if (r < 0)
			return r;
		job->tasks[i] = (struct device_task){
			.regcmd_iova = task.regcmd_iova,
			.regcmd_count = task.regcmd_count,
			.int_mask = task.int_mask,
		};
	}
	return 0;
}

static int job_pin_bos(struct job *job, const struct job_params *params, struct npu_error *error)
{
	for (uint32_t i = 0; i < params->submit.n_bos; i++) {
		struct handle *handle;
		uint32_t id;
		char field[NPU_NAME_MAX];

		memcpy(&id, params->handles + i, sizeof(id));
		handle = handle_get(&job->session->handles, id);
		if (!handle) {
			snprintf(field, sizeof(field), "bos[%" PRIu32 "]", i);
			return error_handle(error, field, id);
		}
		handle_pin(handle);
		job->pins[job->n_pins++] = handle;
	}
	return 0;
}

static int job_check_range(const struct job *job, const char *field, const struct npu_range *range,
			   struct npu_error *error)
{
	const bool is_empty = range->count == 0 && job->n_tasks > 0;

	if (is_empty || range->start > job->n_tasks || range->count > job->n_tasks - range->start)
		return error_set(error, EINVAL, field,
				 "%" PRIu32 " tasks from %" PRIu32
				 " are not within the job's %" PRIu32,
				 range->count, range->start, job->n_tasks);
	return 0;
}

static int job_set_share(struct job *job, unsigned i, const struct npu_range *range,
			 struct npu_error *error)
{
	char field[NPU_NAME_MAX];
	int r;

	snprintf(field, sizeof(field), "ranges[%u]", i);
	r = job_check_range(job, field, range, error);
	if (r < 0)
		return r;
	job->shares[i] = *range;
	job->base.n_tasks[i] = range->count;
	return 0;
}

static int job_set_width(struct job *job, unsigned width, const char **ranges,
			 struct npu_error *error)
{
	for (unsigned i = 0; i < width; i++) {
		struct npu_range range;
		char field[48];
		int r;

		memcpy(&range, *ranges, sizeof(range));
		*ranges += sizeof(range);
		snprintf(field, sizeof(field), "widths[%u].ranges[%u]", width, i);
		r = job_check_range(job, field, &range, error);
		if (r < 0)
			return r;
		job->narrow_shares[width - 1][i] = range;
	}
	return 0;
}

/* The numbers of cores that will do as well. */
static int job_set_widths(struct job *job, const struct job_params *params, struct npu_error *error)
{
	const uint32_t widths = params->submit.widths;
	const uint32_t narrower = (1u << job->base.n_cores) - 2;
	const char *ranges = (const char *)params->width_ranges;

	if (widths & ~narrower)
		return error_set(error, EINVAL, "widths",
				 "%#" PRIx32 " names more than the widths below the %u cores of "
				 "core_mask (allowed bits: %#" PRIx32 ")",
				 widths, job->base.n_cores, narrower);
	job->base.widths = widths;
	for (unsigned width = 1; width < job->base.n_cores; width++) {
		int r = widths >> width & 1 ? job_set_width(job, width, &ranges, error) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* Which cores, and which tasks on each. */
static int job_set_demand(struct job *job, const struct npu_submit *submit, struct npu_error *error)
{
	const unsigned n_cores = job->session->owner->device->caps.n_cores;
	const uint32_t all_cores = (1u << n_cores) - 1;
	const struct npu_range everything = {0, job->n_tasks};

	if (submit->core_mask > all_cores)
		return error_range(error, "core_mask", submit->core_mask, 0, all_cores);
	job->base.core_mask = submit->core_mask;
	job->base.n_cores = submit->core_mask ? (unsigned)__builtin_popcount(submit->core_mask) : 1;
	if (job->base.n_cores > NPU_JOB_RANGES)
		return error_set(error, EINVAL, "core_mask",
				 "%#" PRIx32 " asks for more than %u cores", submit->core_mask,
				 NPU_JOB_RANGES);
	if (submit->n_ranges == 0 && job->base.n_cores == 1)
		return job_set_share(job, 0, &everything, error);
	if (submit->n_ranges != job->base.n_cores)
		return error_range(error, "n_ranges", submit->n_ranges, job->base.n_cores,
				   job->base.n_cores);
	for (unsigned i = 0; i < submit->n_ranges; i++) {
		int r = job_set_share(job, i, &submit->ranges[i], error);

		if (r < 0)
			return r;
	}
	return 0;
}

static int job_check_against_device(const struct session *session, const struct npu_submit *submit,
				    struct npu_error *error)
{
	const struct device_caps *caps = &session->owner->device->caps;
	const uint64_t tasks_max = session_quota(session)->tasks_per_job;
	const uint64_t most = tasks_max < NPU_JOB_TASKS_MAX ? tasks_max : NPU_JOB_TASKS_MAX;
	const uint32_t least = caps->runs_streams ? 1 : 0;

	if (submit->n_tasks < least || submit->n_tasks > most)
		return error_range(error, "n_tasks", submit->n_tasks, least, most);
	if (caps->runs_streams && submit->duration_ns)
		return error_set(error, EINVAL, "duration_ns",
				 "%" PRIu64 " must be 0: only the timing device takes a duration, "
				 "this is %s",
				 submit->duration_ns, caps->name);
	return 0;
}

/* Fences cost a descriptor each: the one it signals and those it waits for. */
static int job_charge(struct job *job, const struct npu_submit *submit, struct npu_error *error)
{
	const unsigned n_fences = submit->n_fences + !!(job->flags & NPU_SUBMIT_FENCE);
	struct account *account = &job->session->account;
	const uint64_t bytes = sizeof(*job) + job->n_tasks * sizeof(*job->tasks) +
			       job->n_pins * sizeof(struct handle *) +
			       (submit->n_writes + submit->n_reads) * JOB_TURN_BYTES;
	struct account_refusal refusal;

	if (account_charge(account, SLOT_BYTES, bytes, &job->memory_charge, &refusal) < 0)
		return error_quota(error, &refusal);
	if (n_fences > 0 &&
	    account_charge(account, SLOT_FENCES, n_fences, &job->fence_charge, &refusal) < 0)
		return error_quota(error, &refusal);
	return 0;
}

int job_own_bo(const struct job *job, uint64_t size_bytes, struct bo **ret_bo,
	       struct npu_error *error)
{
	struct account_refusal refusal;
	struct bo *bo;
	int r;

	r = bo_new(&job->session->domain, size_bytes, false, 0, &bo);
	if (r < 0)
		return error_set(error, -r, "job", "npud has no memory for the job's streams: %s",
				 strerror(-r));
	if (session_charge_bo(job->session, bo->size_bytes, bo->charges, &refusal) < 0) {
		bo_unref(bo);
		return error_quota(error, &refusal);
	}
	*ret_bo = bo;
	return 0;
}

/* Where nothing else keeps sessions apart, or the policy wants both. */
static bool job_is_checked(const struct job *job)
{
	const struct device_caps *caps = &job->session->owner->device->caps;

	const bool is_alone = caps->has_page_tables || job->session->domain.device_domain;

	return caps->runs_streams && (job->session->class->is_validated || !is_alone);
}

struct job *job_free(struct job *job)
{
	if (!job)
		return NULL;
	job_drop_dependencies(job);
	job_turns_end(job, NPU_OUTCOME_PENDING);
	for (unsigned i = 0; i < job->n_pins; i++)
		handle_unpin(&job->session->handles, job->pins[i]);
	charge_release(&job->memory_charge);
	charge_release(&job->fence_charge);
	charge_release(&job->job_charge);
	charge_release(&job->wait_charge);
	job_slices_free(job->slices);
	bo_unref(job->streams);
	free(job->pins);
	free(job->tasks);
	free(job);
	return NULL;
}

/* FNV-1a over words. */
static uint64_t job_mix(uint64_t hash, uint64_t word)
{
	return (hash ^ word) * 1099511628211ull;
}

/*
 * Jobs of one tenant with equal task counts, stream lengths and interrupt masks take equal time.
 * The tenant is part of it, or one could teach npud to take another's jobs for hung.
 */
static uint64_t job_signature(const struct job *job)
{
	uint64_t hash = job_mix(job->session->queue.params.tenant_id, job->n_tasks);

	for (uint32_t i = 0; i < job->n_tasks; i++) {
		hash = job_mix(hash, job->tasks[i].regcmd_count);
		hash = job_mix(hash, job->tasks[i].int_mask);
	}
	for (unsigned i = 0; i < job->base.n_cores; i++)
		hash = job_mix(hash, job->base.n_tasks[i]);
	hash = job_mix(hash, job->base.n_cores);
	/* Of the `timing` device. Its order of magnitude: run times of one stream differ a little.
	 */
	hash = job_mix(hash,
		       job->duration_ns ? 64 - (unsigned)__builtin_clzll(job->duration_ns) : 0);
	/* Predictions are per piece. */
	hash = job_mix(hash, job->base.n_pieces);
	return hash ? hash : 1;
}

static enum late_rule job_late_rule(uint32_t late)
{
	static const enum late_rule rules[NPU_LATE_COUNT] = {
		[NPU_LATE_AS_CLASS] = LATE_UNSAID,
		[NPU_LATE_DROP] = LATE_DROP,
		[NPU_LATE_DEMOTE] = LATE_DEMOTE,
		[NPU_LATE_RUN] = LATE_RUN,
	};

	return rules[late];
}

static bool job_is_sliceable(const struct job *job)
{
	enum slice_rule rule = job->session->class->slice_rule;

	return rule == SLICE_ALWAYS || (rule == SLICE_ASKED && job->flags & NPU_SUBMIT_SLICEABLE);
}

int job_build(struct session *session, const struct job_params *params, struct job **ret_job,
	      struct npu_error *error)
{
	const struct npu_submit *submit = &params->submit;
	struct job *job;
	int r;

	r = job_check_against_device(session, submit, error);
	if (r == 0)
		r = session_place(session, error);
	if (r < 0)
		return r;
	job = calloc(1, sizeof(*job));
	if (!job)
		return error_set(error, ENOMEM, "job", "npud is out of memory");
	job->session = session;
	job->fence = FENCE_INIT;
	list_init(&job->link);
	list_init(&job->base.link);
	job->seqno = submit->seqno;
	job->tag = submit->tag;
	job->flags = submit->flags;
	job->n_tasks = submit->n_tasks;
	job->duration_ns = submit->duration_ns;
	job->base.timeout_ns = submit->timeout_ns;
	job->base.is_unrepeatable = submit->flags & NPU_SUBMIT_NO_REPEAT;
	job->base.priority = submit->priority;
	job->base.late_rule = job_late_rule(submit->late);
	job->tasks = calloc(submit->n_tasks + 1, sizeof(*job->tasks));
	job->pins = calloc(submit->n_bos + 1, sizeof(struct handle *));
	if (!job->tasks || !job->pins)
		r = error_set(error, ENOMEM, "job", "npud is out of memory");
	if (r == 0)
		r = job_copy_tasks(job, params, error);
	if (r == 0)
		r = job_set_demand(job, submit, error);
	if (r == 0)
		r = job_set_widths(job, params, error);
	if (r == 0)
		r = job_pin_bos(job, params, error);
	if (r == 0)
		r = job_charge(job, submit, error);
	if (r < 0) {
		job_free(job);
		return r;
	}
	if (job_is_checked(job))
		r = job_check(job, error);
	if (r == 0 && job_is_sliceable(job))
		r = job_slices_make(job, error);
	if (r < 0) {
		job_free(job);
		return r;
	}
	job->base.signature = job_signature(job);
	*ret_job = job;
	return 0;
}
