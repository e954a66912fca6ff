/* SPDX-License-Identifier: MIT */
/*
 * The opcode table, and the one place where a reply or an error is put on the wire.
 */
#include "api/request.h"
#include "api/wire.h"
#include "base/clock.h"
#include "sessions/error.h"
#include "sessions/sessions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The largest reply body that goes inline. */
#define REPLY_MAX 512

struct operation {
	const char *name;
	int (*handle)(struct request *request);
	enum npu_op op;
	bool before_hello; /* the only thing allowed there, and only there */
	bool needs_admin;
	bool passes_fd; /* its reply brings a descriptor */
};

static const struct operation operations[] = {
	{"hello", op_hello, NPU_OP_HELLO, .before_hello = true},
	{"bo_create", op_bo_create, NPU_OP_BO_CREATE, .passes_fd = true},
	{"bo_close", op_bo_close, NPU_OP_BO_CLOSE},
	{"bo_sync", op_bo_sync, NPU_OP_BO_SYNC},
	{"bo_export", op_bo_export, NPU_OP_BO_EXPORT, .passes_fd = true},
	{"bo_import", op_bo_import, NPU_OP_BO_IMPORT},
	{"bo_fence", op_bo_fence, NPU_OP_BO_FENCE, .passes_fd = true},
	{"submit", op_submit, NPU_OP_SUBMIT},
	{"cancel", op_cancel, NPU_OP_CANCEL},
	{"stats", op_stats, NPU_OP_STATS, .passes_fd = true},
	{"policy_show", op_policy_show, NPU_OP_POLICY_SHOW, .passes_fd = true},
	{"policy_reload", op_policy_reload, NPU_OP_POLICY_RELOAD, .needs_admin = true},
	{"kill", op_kill, NPU_OP_KILL, .needs_admin = true},
	{"reset", op_reset, NPU_OP_RESET, .needs_admin = true},
	{"pardon", op_pardon, NPU_OP_PARDON, .needs_admin = true},
	{"incidents", op_incidents, NPU_OP_INCIDENTS, .needs_admin = true, .passes_fd = true},
	{"drain", op_drain, NPU_OP_DRAIN, .needs_admin = true},
	{"trace_start", op_trace_start, NPU_OP_TRACE_START, .needs_admin = true},
	{"trace_stop", op_trace_stop, NPU_OP_TRACE_STOP, .needs_admin = true, .passes_fd = true},
};

static const struct operation *operation_find(unsigned op)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (operations[i].op == op)
			return &operations[i];
	}
	return NULL;
}

static int request_send(struct request *request, enum npu_kind kind, const void *body, size_t size,
			int fd)
{
	char packet[sizeof(struct npu_header) + REPLY_MAX];
	const struct npu_header header = {
		.length = (uint32_t)(sizeof(header) + size),
		.op = request->header.op,
		.kind = kind,
		.serial = request->header.serial,
	};

	memcpy(packet, &header, sizeof(header));
	if (size)
		memcpy(packet + sizeof(header), body, size);
	return channel_send(&request->session->channel, packet, sizeof(header) + size, fd);
}

int request_reply(struct request *request, const void *body, size_t size, int fd)
{
	int r = request_send(request, NPU_KIND_REPLY, body, size, fd);

	return r < 0 ? error_set(&request->error, -r, "reply", "%s", strerror(-r)) : 0;
}

int request_reply_json(struct request *request, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
	struct npu_document_reply reply;
	int fd = -1, r = 0;

	json_decref(json);
	if (!text)
		return error_set(&request->error, ENOMEM, "document", "npud is out of memory");
	reply.size = strlen(text);
	fd = memfd_create("npud-document", MFD_CLOEXEC);
	if (fd < 0 || write(fd, text, reply.size) != (ssize_t)reply.size)
		r = error_set(&request->error, errno, "document", "%s", strerror(errno));
	if (r == 0)
		r = request_reply(request, &reply, sizeof(reply), fd);
	if (fd >= 0)
		close(fd);
	free(text);
	return r;
}

/* A client that does not read could otherwise make npud hold descriptors without end. */
int request_check_read(struct request *request)
{
	if (channel_is_read(&request->session->channel))
		return 0;
	return error_set(&request->error, EAGAIN, "reply",
			 "read the replies you have first: this one brings a descriptor");
}

static int request_check_fds(struct request *request)
{
	if (!request->fds->is_cut)
		return 0;
	return error_set(&request->error, EMFILE, "descriptors",
			 "npud has no descriptor left for what came along");
}

static int request_check(struct request *request, const struct operation *operation)
{
	const struct session *session = request->session;
	uint64_t wait_ns = 0;

	/* First: what is refused for another reason has cost as much. */
	if (!session->is_retried &&
	    !session_take_token(request->session, clock_now_ns(), &wait_ns)) {
		error_set(&request->error, EAGAIN, "requests_per_s",
			  "more requests than the quota allows");
		request->error.retry_after_ns = wait_ns;
		return -EAGAIN;
	}
	if (!operation)
		return error_set(&request->error, EOPNOTSUPP, "op",
				 "%u is not an operation of npud %s", request->header.op,
				 NPUD_VERSION);
	if (operation->before_hello != (session->state == SESSION_HELLO))
		return error_set(&request->error, EPROTO, "op",
				 operation->before_hello ? "%s may be sent once only"
							 : "%s needs a hello before it",
				 operation->name);
	if (operation->needs_admin && !session->is_admin)
		return error_set(&request->error, EPERM, operation->name,
				 "needs root, npud's own user, or its admin group");
	if (operation->passes_fd && request_check_read(request) < 0)
		return -EAGAIN;
	return 0;
}

/* There is no way back into step with such a client; it hears why, if it listens at all. */
static void request_refuse_malformed(struct request *request, const void *data, size_t size)
{
	struct npu_header header = {0};

	if (size >= sizeof(header))
		memcpy(&header, data, sizeof(header));
	request->header = header;
	if (size < sizeof(header) || size > NPU_MESSAGE_MAX)
		error_range(&request->error, "size", size, sizeof(header), NPU_MESSAGE_MAX);
	else if (header.length != size)
		error_range(&request->error, "length", header.length, size, size);
	else
		error_range(&request->error, "kind", header.kind, NPU_KIND_REQUEST,
			    NPU_KIND_REQUEST);
	request->error.error = EBADMSG;
	(void)request_send(request, NPU_KIND_ERROR, &request->error, sizeof(request->error), -1);
	session_close(request->session, "malformed message", false);
}

void api_request(void *context, struct session *session, const void *data, size_t size,
		 struct fdset *fds)
{
	struct request request = {.api = context, .session = session, .fds = fds};
	const struct operation *operation;
	int r;

	session->stats.requests += !session->is_retried;
	if (wire_decode_header(data, size, &request.header) < 0) {
		session->stats.errors++;
		request_refuse_malformed(&request, data, size);
		return;
	}
	request.body = (const char *)data + sizeof(request.header);
	request.body_size = size - sizeof(request.header);
	operation = operation_find(request.header.op);
	r = request_check_fds(&request);
	if (r == 0)
		r = request_check(&request, operation);
	if (r == 0)
		r = operation->handle(&request);
	/* Others run, and the kernel driver can't be asked beside them. */
	if (r == -EINPROGRESS) {
		if (held_add(session, data, size, fds) == 0)
			return;
		r = error_set(&request.error, ENOMEM, operation->name, "npud is out of memory");
	}
	if (r < 0) {
		session->stats.errors++;
		/* A client that gets no answer would wait for ever. */
		if (request_send(&request, NPU_KIND_ERROR, &request.error, sizeof(request.error),
				 -1) < 0)
			session_close(session, "no answer could be sent", false);
	}
}
