/* SPDX-License-Identifier: MIT */
/*
 * Jobs over the wire.
 */
#include "api/request.h"
#include "api/wire.h"
#include "sessions/error.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

int op_submit(struct request *request)
{
	struct npu_submit_reply reply = {0};
	struct job_params params;
	int r, fence_fd = -1;

	r = wire_decode_submit(request->body, request->body_size, request->fds->n, &params,
			       &request->error);
	if (r == 0 && params.submit.flags & NPU_SUBMIT_FENCE)
		r = request_check_read(request);
	if (r == 0)
		r = job_submit(request->session, &params, request->fds, &reply.job_id, &fence_fd,
			       &request->error);
	request->session->stats.rejected += r == -EAGAIN || r == -ETIME;
	if (r < 0)
		return r;
	reply.seqno = params.submit.seqno;
	/* Start it first: no core waits, and a short job is over when its owner wakes up. */
	sessions_dispatch(request->api->sessions);
	/* Accepted is accepted: an error now would be a lie, so no answer ends the session. */
	if (request_reply(request, &reply, sizeof(reply), fence_fd) < 0)
		session_close(request->session, "a reply could not be sent", false);
	if (fence_fd >= 0)
		close(fence_fd);
	return 0;
}

int op_cancel(struct request *request)
{
	struct session *session = request->session;
	struct npu_cancel cancel;
	struct job *job;
	int r;

	r = wire_decode_cancel(request->body, request->body_size, request->fds->n, &cancel,
			       &request->error);
	if (r < 0)
		return r;
	job = job_find(session, cancel.seqno);
	if (!job || job->base.state == JOB_DONE)
		return error_set(&request->error, ENOENT, "seqno",
				 "no job %" PRIu64 " is in flight in this session", cancel.seqno);
	r = scheduler_cancel(session->owner->scheduler, &job->base, NPU_OUTCOME_CANCELLED);
	if (r < 0)
		return error_set(&request->error, -r, "seqno",
				 "job %" PRIu64 " runs already, and cores don't preempt",
				 cancel.seqno);
	sessions_kick(session->owner);
	return request_reply(request, NULL, 0, -1);
}
