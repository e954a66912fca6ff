/* SPDX-License-Identifier: MIT */
/*
 * The hello: agree on a version and features, find the class, become a session that may own things.
 */
#include "api/request.h"
#include "api/wire.h"
#include "sessions/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FEATURES                                                                                   \
	(NPU_FEATURE_FENCES | NPU_FEATURE_COMPLETIONS | NPU_FEATURE_FIXED_IOVA |                   \
	 NPU_FEATURE_GANGS | NPU_FEATURE_TASKS_IN_BO | NPU_FEATURE_SCHEDULING |                    \
	 NPU_FEATURE_UNCACHED | NPU_FEATURE_ORDER)

static int hello_check_version(const struct npu_hello *hello, struct npu_error *error)
{
	if (hello->version_min <= NPU_PROTOCOL_VERSION &&
	    hello->version_max >= NPU_PROTOCOL_VERSION)
		return 0;
	error_set(error, EPROTONOSUPPORT, "version",
		  "the client speaks protocol versions %u ... %u, npud %s speaks %u",
		  hello->version_min, hello->version_max, NPUD_VERSION, NPU_PROTOCOL_VERSION);
	error->value = hello->version_max;
	error->min = error->max = NPU_PROTOCOL_VERSION;
	return -EPROTONOSUPPORT;
}

/* Two ends of the completion socket; nothing can be put into npud's by whoever has the other. */
static int hello_make_socket(int ret_fds[2], struct npu_error *error)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0)
		return error_set(error, errno, "hello", "npud can't make a socket: %s",
				 strerror(errno));
	shutdown(ret_fds[0], SHUT_RD);
	return 0;
}

static uint32_t hello_saturate32(uint64_t value)
{
	return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void hello_fill(const struct request *request, const struct npu_hello *hello,
		       struct npu_hello_reply *reply)
{
	const struct session *session = request->session;
	const struct device_caps *caps = &session->owner->device->caps;
	const struct quota *quota = session_quota(session);

	*reply = (struct npu_hello_reply){
		.version = NPU_PROTOCOL_VERSION,
		.features = hello->features & FEATURES,
		.session_id = session->id,
		.n_cores = caps->n_cores,
		.gang_masks = caps->gang_masks,
		.bo_bytes_max = BO_MAX_BYTES,
		.jobs_max = hello_saturate32(quota->jobs_per_session),
		.bos_max = hello_saturate32(quota->bos_per_session),
		.runs_streams = caps->runs_streams,
	};
	snprintf(reply->device, sizeof(reply->device), "%s", caps->name);
	snprintf(reply->class_name, sizeof(reply->class_name), "%s", session->class->name);
	snprintf(reply->daemon_version, sizeof(reply->daemon_version), "%s", NPUD_VERSION);
}

int op_hello(struct request *request)
{
	struct npu_hello_reply reply;
	struct npu_hello hello;
	int fds[2] = {-1, -1}, r;

	r = wire_decode_hello(request->body, request->body_size, request->fds->n, &hello,
			      &request->error);
	if (r == 0)
		r = hello_check_version(&hello, &request->error);
	if (r == 0)
		r = hello_make_socket(fds, &request->error);
	if (r < 0)
		return r;
	r = session_activate(request->session, hello.class_name, fds[0], &request->error);
	if (r == 0) {
		hello_fill(request, &hello, &reply);
		r = request_reply(request, &reply, sizeof(reply), fds[1]);
	} else {
		close(fds[0]);
	}
	close(fds[1]);
	return r;
}
