/* SPDX-License-Identifier: MIT */
/* Submitting: one message where it fits, else the tasks go by way of a temporary BO. */
#include "error.h"
#include "session.h"

#include <errno.h>
#include <string.h>

#define SCHEDULING_FLAGS                                                                           \
	(NPU_SUBMIT_SLICEABLE | NPU_SUBMIT_IN_ORDER | NPU_SUBMIT_NO_REPEAT | NPU_SUBMIT_ORDER_ONLY)
#define JOB_FLAGS (NPU_SUBMIT_CHAINED | NPU_SUBMIT_COMPLETION | SCHEDULING_FLAGS)

/* What an npud of before these fields would refuse as reserved. */
static bool job_needs_scheduling(const struct npu_job *job)
{
	return job->flags & SCHEDULING_FLAGS || job->deadline_ns || job->priority || job->late ||
	       job->widths;
}

/* Ranges behind the handles, one for each core of each width. */
static size_t count_width_ranges(const struct npu_job *job)
{
	size_t n = 0;

	for (unsigned width = 1; width < NPU_JOB_RANGES; width++)
		n += job->widths >> width & 1 ? width : 0;
	return n;
}

static int job_check(const struct npu_session *session, const struct npu_job *job, bool wants_fence)
{
	uint64_t features = session->hello.features;

	if (job->n_tasks > NPU_JOB_TASKS_MAX)
		return libnpu_error(-EINVAL, "n_tasks: %u, at most %u", job->n_tasks,
				    NPU_JOB_TASKS_MAX);
	if (job->n_bos > NPU_JOB_BOS_MAX)
		return libnpu_error(-EINVAL, "n_bos: %u, at most %u", job->n_bos, NPU_JOB_BOS_MAX);
	if (job->n_writes > job->n_bos || job->n_reads > job->n_bos - job->n_writes)
		return libnpu_error(-EINVAL,
				    "n_writes, n_reads: %u and %u, together at most the "
				    "%u bos",
				    job->n_writes, job->n_reads, job->n_bos);
	if (job->n_writes + job->n_reads > 0 && !(features & NPU_FEATURE_ORDER))
		return libnpu_error(-EOPNOTSUPP, "this npud keeps no order by n_writes, n_reads");
	if (job->n_fences > NPU_JOB_FENCES_MAX)
		return libnpu_error(-EINVAL, "n_fences: %u, at most %u", job->n_fences,
				    NPU_JOB_FENCES_MAX);
	if (job->n_ranges > NPU_JOB_RANGES)
		return libnpu_error(-EINVAL, "n_ranges: %u, at most %u", job->n_ranges,
				    NPU_JOB_RANGES);
	if (job->flags & ~JOB_FLAGS)
		return libnpu_error(-EINVAL, "flags: 0x%x has unknown bits", job->flags);
	if (job->widths & ~((1u << NPU_JOB_RANGES) - 2))
		return libnpu_error(-EINVAL, "widths: 0x%x has bits beyond 1 ... %u", job->widths,
				    NPU_JOB_RANGES - 1);
	if (job_needs_scheduling(job) && !(features & NPU_FEATURE_SCHEDULING))
		return libnpu_error(-EOPNOTSUPP, "this npud takes no deadline, priority, widths "
						 "or flags of that kind");
	if ((wants_fence || job->n_fences > 0) && !(features & NPU_FEATURE_FENCES))
		return libnpu_error(-EOPNOTSUPP, "this npud has no fences");
	return 0;
}

static void submit_fill(struct npu_submit *submit, const struct npu_job *job, uint64_t seqno)
{
	*submit = (struct npu_submit){
		.seqno = seqno,
		.tag = job->tag,
		.flags = job->flags,
		.core_mask = job->core_mask,
		.n_tasks = job->n_tasks,
		.n_bos = job->n_bos,
		.n_writes = job->n_writes,
		.n_reads = job->n_reads,
		.n_fences = job->n_fences,
		.n_ranges = job->n_ranges,
		.timeout_ns = job->timeout_ns,
		.duration_ns = job->duration_ns,
		.deadline_ns = job->deadline_ns,
		.priority = job->priority,
		.late = job->late,
		.widths = job->widths,
	};
	memcpy(submit->ranges, job->ranges, sizeof(submit->ranges));
}

static int submit_call(struct npu_session *session, const struct npu_job *job,
		       const struct npu_submit *submit, int *ret_fence)
{
	struct npu_submit_reply reply;
	struct libnpu_call call = {
		.op = NPU_OP_SUBMIT,
		.fds = job->fences,
		.n_fds = job->n_fences,
		.reply = &reply,
		.reply_bytes = sizeof(reply),
		.reply_fd = ret_fence,
	};

	libnpu_call_append(&call, submit, sizeof(*submit));
	if (!(submit->flags & NPU_SUBMIT_TASKS_IN_BO))
		libnpu_call_append(&call, job->tasks, job->n_tasks * sizeof(*job->tasks));
	libnpu_call_append(&call, job->bos, job->n_bos * sizeof(*job->bos));
	libnpu_call_append(&call, job->width_ranges,
			   count_width_ranges(job) * sizeof(*job->width_ranges));
	return libnpu_call(session, &call);
}

/* npud copies the tasks before it answers, so the BO is not needed longer than the call. */
static int submit_through_bo(struct npu_session *session, const struct npu_job *job,
			     struct npu_submit *submit, int *ret_fence)
{
	size_t size = job->n_tasks * sizeof(*job->tasks);
	struct npu_bo bo;
	int r;

	if (!(session->hello.features & NPU_FEATURE_TASKS_IN_BO))
		return libnpu_error(-EMSGSIZE, "n_tasks: %u are too many for this npud",
				    job->n_tasks);
	r = npu_bo_create(session, size, 0, &bo);
	if (r < 0)
		return r;
	memcpy(bo.map, job->tasks, size);
	submit->flags |= NPU_SUBMIT_TASKS_IN_BO;
	submit->tasks_handle = bo.handle;
	r = submit_call(session, job, submit, ret_fence);
	/* Closing it leaves npu_last_error() alone unless the session is over. */
	npu_bo_close(session, &bo);
	return r;
}

static bool job_fits_message(const struct npu_job *job)
{
	return sizeof(struct npu_header) + sizeof(struct npu_submit) +
		       (uint64_t)job->n_tasks * sizeof(*job->tasks) +
		       (uint64_t)job->n_bos * sizeof(*job->bos) +
		       count_width_ranges(job) * sizeof(*job->width_ranges) <=
	       NPU_MESSAGE_MAX;
}

static int submit_send(struct npu_session *session, const struct npu_job *job,
		       struct npu_submit *submit, int *ret_fence)
{
	if (job_fits_message(job))
		return submit_call(session, job, submit, ret_fence);
	return submit_through_bo(session, job, submit, ret_fence);
}

int npu_submit(struct npu_session *session, const struct npu_job *job, uint64_t *ret_seqno,
	       int *ret_fence)
{
	bool is_queued = job->flags & NPU_SUBMIT_COMPLETION;
	bool has_completion = is_queued || !ret_fence;
	struct npu_submit submit;
	uint64_t seqno;
	int r;

	r = job_check(session, job, ret_fence != NULL);
	if (r < 0)
		return r;
	if (has_completion) {
		r = libnpu_results_expect(&session->results, job->tag, is_queued, &seqno);
		if (r < 0)
			return r;
	} else {
		seqno = libnpu_results_number(&session->results);
	}
	submit_fill(&submit, job, seqno);
	submit.flags |=
		(has_completion ? NPU_SUBMIT_COMPLETION : 0) | (ret_fence ? NPU_SUBMIT_FENCE : 0);
	r = submit_send(session, job, &submit, ret_fence);
	if (r < 0 && has_completion)
		libnpu_results_forget(&session->results, seqno);
	if (r == 0 && ret_seqno)
		*ret_seqno = seqno;
	return r;
}

int npu_cancel(struct npu_session *session, uint64_t seqno)
{
	struct npu_cancel request = {.seqno = seqno};
	struct libnpu_call call = {.op = NPU_OP_CANCEL};

	libnpu_call_append(&call, &request, sizeof(request));
	return libnpu_call(session, &call);
}

static const char *const outcome_names[NPU_OUTCOME_COUNT] = NPU_OUTCOME_NAMES;

const char *npu_outcome_name(enum npu_outcome outcome)
{
	return (unsigned)outcome < NPU_OUTCOME_COUNT ? outcome_names[outcome] : "unknown";
}
