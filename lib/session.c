/* SPDX-License-Identifier: MIT */
/* Opening: connect, agree on version and features, get a socket for completions. */
#include "session.h"

#include "clock.h"
#include "error.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KNOWN_FEATURES                                                                             \
	(NPU_FEATURE_FENCES | NPU_FEATURE_COMPLETIONS | NPU_FEATURE_FIXED_IOVA |                   \
	 NPU_FEATURE_GANGS | NPU_FEATURE_TASKS_IN_BO | NPU_FEATURE_SCHEDULING |                    \
	 NPU_FEATURE_UNCACHED | NPU_FEATURE_ORDER)

#define RETRY_NS 20000000

static int hello_fill(struct npu_hello *hello, const struct npu_session *session)
{
	const char *class_name = session->class_name ? session->class_name : "";
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

static int say_hello(struct npu_session *session, int *ret_completion_fd)
{
	struct npu_hello hello;
	struct libnpu_call call = {
		.op = NPU_OP_HELLO,
		.reply = &session->hello,
		.reply_bytes = sizeof(session->hello),
		.reply_fd = ret_completion_fd,
	};
	int r;

	r = hello_fill(&hello, session);
	if (r < 0)
		return r;
	libnpu_call_append(&call, &hello, sizeof(hello));
	r = libnpu_call(session, &call);
	return r < 0 ? r : hello_check(&session->hello);
}

static int session_connect(struct npu_session *session)
{
	int completion_fd = -1, r;

	r = libnpu_connect(session->socket_path, &session->socket);
	if (r == 0)
		r = say_hello(session, &completion_fd);
	if (completion_fd < 0)
		return r;
	/* Those of the session before, if there was one. */
	if (session->has_results)
		libnpu_results_deinit(&session->results);
	session->has_results = true;
	/* Takes the socket over, and closes it on failure. */
	if (libnpu_results_init(&session->results, completion_fd) < 0)
		return libnpu_error(-ENOMEM, "cannot make a completion queue");
	return r;
}

static int session_keep_args(struct npu_session *session, const struct npu_open_args *args)
{
	if (args && args->socket_path)
		session->socket_path = strdup(args->socket_path);
	if (args && args->class_name)
		session->class_name = strdup(args->class_name);
	if (args && ((args->socket_path && !session->socket_path) ||
		     (args->class_name && !session->class_name)))
		return libnpu_error(-ENOMEM, "out of memory");
	return 0;
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
	r = session_keep_args(session, args);
	if (r == 0)
		r = session_connect(session);
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
	free(session->socket_path);
	free(session->class_name);
	free(session);
	return NULL;
}

/* ---- again ---- */

static bool session_is_over(const struct npu_session *session)
{
	struct pollfd pollfd = {.fd = session->socket, .events = POLLRDHUP};

	return session->broken || session->socket < 0 ||
	       (poll(&pollfd, 1, 0) > 0 && pollfd.revents & (POLLHUP | POLLRDHUP | POLLERR));
}

/* Errors of a daemon that is on its way out, or not there yet. */
static bool error_may_pass(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED || error == -ECONNRESET ||
	       error == -ESHUTDOWN;
}

static int session_connect_again(struct npu_session *session)
{
	int r;

	if (session->socket >= 0)
		close(session->socket);
	session->socket = -1;
	session->broken = 0;
	r = session_connect(session);
	if (r < 0)
		session->broken = -ECONNRESET;
	return r;
}

int npu_reconnect(struct npu_session *session, int64_t timeout_ns)
{
	const uint64_t deadline_ns = libnpu_clock_deadline(timeout_ns);
	int r;

	if (!session_is_over(session))
		return 0;
	if (session->n_bos > 0)
		return libnpu_error(-EBUSY,
				    "%u buffer objects of the lost session are still open; "
				    "close them first, npud has them no more",
				    session->n_bos);
	do {
		r = session_connect_again(session);
		if (r == 0 || !error_may_pass(r) || libnpu_clock_is_past(deadline_ns))
			return r;
		nanosleep(&(struct timespec){.tv_nsec = RETRY_NS}, NULL);
	} while (true);
}

const struct npu_hello_reply *npu_query(const struct npu_session *session)
{
	return &session->hello;
}

unsigned libnpu_session_fds(struct npu_session *session, int *ret_fds[LIBNPU_SESSION_FDS])
{
	ret_fds[0] = &session->socket;
	ret_fds[1] = &session->results.socket;
	ret_fds[2] = &session->results.ready_fd;
	ret_fds[3] = &session->results.wake_fd;
	ret_fds[4] = &session->results.epoll_fd;
	return LIBNPU_SESSION_FDS;
}
