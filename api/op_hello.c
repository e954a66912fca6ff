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
	 NPU_FEATURE_GANGS | NPU_FEATURE_TASKS_IN_BO)

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

static int hello_check_completion_socket(int fd, struct npu_error *error)
{
	int domain = 0, type = 0;
	socklen_t domain_size = sizeof(domain), type_size = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && domain == AF_UNIX &&
	    type == SOCK_SEQPACKET)
		return 0;
	return error_set(error, EINVAL, "descriptors",
			 "the completion socket is not a Unix SOCK_SEQPACKET socket");
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
	const struct quota *quota = &session->owner->policy->quota;

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
	int r, fd;

	r = wire_decode_hello(request->body, request->body_size, request->fds->n, &hello,
			      &request->error);
	if (r == 0)
		r = hello_check_version(&hello, &request->error);
	if (r == 0)
		r = hello_check_completion_socket(request->fds->fds[0], &request->error);
	if (r < 0)
		return r;
	fd = fdset_take(request->fds, 0);
	r = session_activate(request->session, hello.class_name, fd, &request->error);
	if (r < 0) {
		close(fd);
		return r;
	}
	hello_fill(request, &hello, &reply);
	return request_reply(request, &reply, sizeof(reply), -1);
}
