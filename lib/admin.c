/* SPDX-License-Identifier: MIT */
/*
 * Questions and administration. Documents come as a descriptor of a memory object, so their size is
 * not bound by a message.
 */
#include "error.h"
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than npud ever has to say; what is larger is not a document. */
#define DOCUMENT_MAX_BYTES (256u << 20)

static int read_text(int fd, char *text, size_t size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = pread(fd, text + done, size - done, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return libnpu_error(-errno, "document: %s", strerror(errno));
		if (n == 0)
			return libnpu_error(-EPROTO, "document: ends after %zu of %zu bytes", done,
					    size);
		done += (size_t)n;
	}
	text[size] = '\0';
	return 0;
}

static int read_document(int fd, uint64_t size, char **ret_text)
{
	if (size > DOCUMENT_MAX_BYTES)
		return libnpu_error(-EPROTO, "document: %llu bytes are too many",
				    (unsigned long long)size);
	char *text = malloc((size_t)size + 1);
	if (!text)
		return libnpu_error(-ENOMEM, "document: out of memory");
	int result = read_text(fd, text, (size_t)size);
	if (result < 0) {
		free(text);
		return result;
	}
	*ret_text = text;
	return 0;
}

/* `body` may be empty. */
static int ask_document(struct npu_session *session, enum npu_op op, const void *body, size_t size,
			char **ret_json)
{
	struct npu_document_reply reply = {0};
	int fd = -1;
	struct libnpu_call call = {
		.op = op,
		.reply = &reply,
		.reply_bytes = sizeof(reply),
		.reply_fd = &fd,
	};
	if (size)
		libnpu_call_append(&call, body, size);
	int result = libnpu_call(session, &call);
	if (result < 0)
		return result;
	result = read_document(fd, reply.size, ret_json);
	close(fd);
	return result;
}

int npu_stats(struct npu_session *session, char **ret_json)
{
	return ask_document(session, NPU_OP_STATS, NULL, 0, ret_json);
}

int npu_policy_show(struct npu_session *session, char **ret_json)
{
	return ask_document(session, NPU_OP_POLICY_SHOW, NULL, 0, ret_json);
}

int npu_policy_reload(struct npu_session *session)
{
	const struct libnpu_call call = {.op = NPU_OP_POLICY_RELOAD};
	return libnpu_call(session, &call);
}

int npu_trace_start(struct npu_session *session)
{
	const struct libnpu_call call = {.op = NPU_OP_TRACE_START};
	return libnpu_call(session, &call);
}

int npu_trace_stop(struct npu_session *session, char **ret_json)
{
	return ask_document(session, NPU_OP_TRACE_STOP, NULL, 0, ret_json);
}

int npu_kill(struct npu_session *session, uint64_t session_id)
{
	const struct npu_kill body = {.session_id = session_id};
	struct libnpu_call call = {.op = NPU_OP_KILL};
	libnpu_call_append(&call, &body, sizeof(body));
	return libnpu_call(session, &call);
}

int npu_drain(struct npu_session *session, struct npu_drain_reply *ret_reply)
{
	struct libnpu_call call = {
		.op = NPU_OP_DRAIN,
		.reply = ret_reply,
		.reply_bytes = sizeof(*ret_reply),
	};
	return libnpu_call(session, &call);
}

int npu_reset_core(struct npu_session *session, uint32_t core)
{
	const struct npu_reset body = {.core = core};
	struct libnpu_call call = {.op = NPU_OP_RESET};
	libnpu_call_append(&call, &body, sizeof(body));
	return libnpu_call(session, &call);
}

static int pardon(struct npu_session *session, const struct npu_pardon *body)
{
	struct libnpu_call call = {.op = NPU_OP_PARDON};
	libnpu_call_append(&call, body, sizeof(*body));
	return libnpu_call(session, &call);
}

int npu_pardon(struct npu_session *session, uint64_t session_id)
{
	const struct npu_pardon body = {.session_id = session_id};
	if (session_id == 0)
		return libnpu_error(-EINVAL, "session_id: 0 is no session's number");
	return pardon(session, &body);
}

int npu_pardon_identity(struct npu_session *session, uint32_t uid, const char *cgroup)
{
	struct npu_pardon body = {.uid = uid};
	if (strlen(cgroup) >= sizeof(body.cgroup))
		return libnpu_error(-EINVAL, "cgroup: longer than %zu characters",
				    sizeof(body.cgroup) - 1);
	memcpy(body.cgroup, cgroup, strlen(cgroup));
	return pardon(session, &body);
}

int npu_incidents(struct npu_session *session, uint64_t id, char **ret_json)
{
	const struct npu_incidents body = {.id = id};
	return ask_document(session, NPU_OP_INCIDENTS, &body, sizeof(body), ret_json);
}
