/* SPDX-License-Identifier: MIT */
/* Opening: connect, agree on version and features, get a socket for completions. */
#include "session.h"

#include "error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KNOWN_FEATURES                                                                             \
	(NPU_FEATURE_FENCES | NPU_FEATURE_COMPLETIONS | NPU_FEATURE_FIXED_IOVA |                   \
	 NPU_FEATURE_GANGS | NPU_FEATURE_TASKS_IN_BO | NPU_FEATURE_SCHEDULING)

static int hello_fill(struct npu_hello *hello, const struct npu_open_args *args)
{
	const char *class_name = args && args->class_name ? args->class_name : "";
	size_t length = strlen(class_name);

	*hello = (struct npu_hello){
		.version_min = NPU_PROTOCOL_VERSION,
		.version_max = NPU_PROTOCOL_VERSION,
		.features = KNOWN_FEATURES,
	};
	if (length >= sizeof(hello->class_name))
		return libnpu_error(-EINVAL, "class_name: longer than %zu characters",
				    sizeof(hello->class_name) - 1);
	memcpy(hello->class_name, class_name, length + 1);
	return 0;
}

static int hello_check(struct npu_hello_reply *reply)
{
	if (reply->version != NPU_PROTOCOL_VERSION)
		return libnpu_error(-EPROTO, "npud chose protocol version %u, libnpu speaks %u",
				    reply->version, NPU_PROTOCOL_VERSION);
	reply->features &= KNOWN_FEATURES;
	reply->device[sizeof(reply->device) - 1] = '\0';
	reply->class_name[sizeof(reply->class_name) - 1] = '\0';
	reply->daemon_version[sizeof(reply->daemon_version) - 1] = '\0';
	return 0;
}

static int say_hello(struct npu_session *session, const struct npu_open_args *args,
		     int *ret_completion_fd)
{
	struct npu_hello hello;
	struct libnpu_call call = {
		.op = NPU_OP_HELLO,
		.reply = &session->hello,
		.reply_bytes = sizeof(session->hello),
		.reply_fd = ret_completion_fd,
	};
	int r;

	r = hello_fill(&hello, args);
	if (r < 0)
		return r;
	libnpu_call_append(&call, &hello, sizeof(hello));
	r = libnpu_call(session, &call);
	return r < 0 ? r : hello_check(&session->hello);
}

static int session_open(struct npu_session *session, const struct npu_open_args *args)
{
	int completion_fd = -1, r;

	r = libnpu_connect(args ? args->socket_path : NULL, &session->socket);
	if (r == 0)
		r = say_hello(session, args, &completion_fd);
	if (completion_fd < 0)
		return r;
	/* Takes the socket over, and closes it on failure. */
	if (libnpu_results_init(&session->results, completion_fd) < 0)
		return libnpu_error(-ENOMEM, "cannot make a completion queue");
	session->has_results = true;
	return r;
}

int npu_open(const struct npu_open_args *args, struct npu_session **ret_session)
{
	struct npu_session *session;
	int r;

	if (!ret_session)
		return libnpu_error(-EINVAL, "ret_session: must not be NULL");
	session = calloc(1, sizeof(*session));
	if (!session)
		return libnpu_error(-ENOMEM, "out of memory");
	session->socket = -1;
	pthread_mutex_init(&session->call_lock, NULL);
	r = session_open(session, args);
	if (r < 0) {
		npu_close(session);
		return r;
	}
	*ret_session = session;
	return 0;
}

struct npu_session *npu_close(struct npu_session *session)
{
	if (!session)
		return NULL;
	if (session->socket >= 0)
		close(session->socket);
	if (session->has_results)
		libnpu_results_deinit(&session->results);
	pthread_mutex_destroy(&session->call_lock);
	free(session);
	return NULL;
}

const struct npu_hello_reply *npu_query(const struct npu_session *session)
{
	return &session->hello;
}

unsigned libnpu_session_fds(const struct npu_session *session, int ret_fds[LIBNPU_SESSION_FDS])
{
	ret_fds[0] = session->socket;
	ret_fds[1] = session->results.socket;
	ret_fds[2] = session->results.ready_fd;
	ret_fds[3] = session->results.wake_fd;
	ret_fds[4] = session->results.epoll_fd;
	return LIBNPU_SESSION_FDS;
}
