/* SPDX-License-Identifier: MIT */
/*
 * A lock file beside the socket decides who owns a path; the socket file itself can't tell a stale
 * one from a live one without connecting.
 */
#include "sessions/listener.h"

#include "base/clock.h"
#include "base/closer.h"
#include "base/log.h"
#include "sessions/identity.h"
#include "sessions/sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* As long as sessions have requests, so many times as long as a connection took the next one waits.
 */
#define PAUSE_FACTOR 2
/* Who waits to be taken waits behind all before him: a flood of connections may not fill a long
 * line, its authors wait in connect(2) like everybody. */
#define BACKLOG	 128
#define RETRY_NS (100 * NS_PER_MS)
/* Whose connection it was is not known. */
#define UNKNOWN_UID UINT32_MAX

static void listener_welcome(struct listener *listener, int fd)
{
	struct sessions *sessions = listener->sessions;
	struct identity identity;
	struct session *session;
	uint64_t n_suppressed;
	int r;

	r = identity_read(fd, listener->path, &identity);
	if (r < 0) {
		closer_close(sessions->channels.closer, UNKNOWN_UID, fd);
		return;
	}
	r = session_new(sessions, fd, &identity, &session);
	if (r < 0 &&
	    log_limit_take(&listener->log_limit, loop_now_ns(sessions->loop), &n_suppressed))
		log_warning("session_refused uid=%u pid=%d error=\"%s\"%s suppressed=%" PRIu64,
			    identity.uid, identity.pid, strerror(-r),
			    r == -EDQUOT ? " quota=sessions_per_uid" : "", n_suppressed);
}

/* No descriptor left: give one up for a moment to take the peer out of the backlog. */
static void listener_turn_away(struct listener *listener)
{
	int fd;

	if (listener->reserve_fd >= 0)
		close(listener->reserve_fd);
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		closer_close(listener->sessions->channels.closer, UNKNOWN_UID, fd);
	listener->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	/* A pause instead of a spin where even that did not help, and one line a pause. */
	loop_timer_arm(&listener->retry, loop_now_ns(listener->sessions->loop) + RETRY_NS);
	log_warning("session_refused error=\"no descriptors left\" limit=RLIMIT_NOFILE");
}

/* Whether sessions wanted something since the last connection. */
static bool listener_has_rivals(struct listener *listener)
{
	const uint64_t n_before = listener->n_messages_seen;

	listener->n_messages_seen = listener->sessions->channels.n_messages;
	return listener->n_messages_seen != n_before;
}

static void listener_pause(struct listener *listener, uint64_t start_ns)
{
	const uint64_t now_ns = clock_now_ns();

	loop_timer_arm(&listener->retry, now_ns + (now_ns - start_ns) * PAUSE_FACTOR);
}

static void listener_ready(struct loop_poll *poll, uint32_t revents)
{
	struct listener *listener = container_of(poll, struct listener, poll);
	const uint64_t start_ns = clock_now_ns();
	int fd;

	(void)revents;
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		listener_welcome(listener, fd);
	else if (errno == EMFILE || errno == ENFILE)
		listener_turn_away(listener);
	if (fd >= 0 && listener_has_rivals(listener))
		listener_pause(listener, start_ns);
	if (listener->retry.when_ns == CLOCK_NEVER)
		loop_poll_keep(&listener->poll, POLLIN);
}

static void listener_retry(struct loop_timer *timer)
{
	struct listener *listener = container_of(timer, struct listener, retry);

	loop_poll_keep(&listener->poll, POLLIN);
}

static struct listener *listener_alloc(struct sessions *sessions, const char *path)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	listener->sessions = sessions;
	listener->fd = listener->lock_fd = -1;
	listener->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	listener->path = strdup(path);
	loop_poll_init(&listener->poll, sessions->loop, -1, listener_ready);
	loop_timer_init(&listener->retry, sessions->loop, listener_retry);
	return listener->path ? listener : listener_free(listener);
}

static int listener_start(struct listener *listener)
{
	loop_poll_init(&listener->poll, listener->sessions->loop, listener->fd, listener_ready);
	return loop_poll_arm(&listener->poll, POLLIN);
}

static int listener_lock(struct listener *listener)
{
	char lock_path[sizeof(((struct sockaddr_un *)0)->sun_path) + 8];

	snprintf(lock_path, sizeof(lock_path), "%s.lock", listener->path);
	listener->lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (listener->lock_fd < 0)
		return -errno;
	if (flock(listener->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	return 0;
}

static int listener_bind(struct listener *listener, unsigned mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;

	memcpy(address.sun_path, listener->path, strlen(listener->path) + 1);
	if (lstat(listener->path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return -EEXIST;
		unlink(listener->path);
	}
	listener->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return -errno;
	if (bind(listener->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	listener->owns_path = true;
	if (chmod(listener->path, mode) < 0 || listen(listener->fd, BACKLOG) < 0)
		return -errno;
	return listener_start(listener);
}

int listener_new(struct sessions *sessions, const char *path, unsigned mode,
		 struct listener **ret_listener)
{
	struct listener *listener;
	int r;

	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return -ENAMETOOLONG;
	listener = listener_alloc(sessions, path);
	if (!listener)
		return -ENOMEM;
	r = listener_lock(listener);
	if (r == 0)
		r = listener_bind(listener, mode);
	if (r < 0) {
		listener_free(listener);
		return r;
	}
	*ret_listener = listener;
	return 0;
}

static int listener_check_inherited(int fd, char *ret_path, size_t size)
{
	struct sockaddr_un address = {0};
	socklen_t address_size = sizeof(address), option_size = sizeof(int);
	int type = 0, listening = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &option_size) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &option_size) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &address_size) < 0)
		return -errno;
	if (type != SOCK_SEQPACKET || !listening || address.sun_family != AF_UNIX)
		return -EINVAL;
	snprintf(ret_path, size, "%.*s", (int)sizeof(address.sun_path), address.sun_path);
	return 0;
}

int listener_new_from_fd(struct sessions *sessions, int fd, struct listener **ret_listener)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	struct listener *listener;
	int r;

	r = listener_check_inherited(fd, path, sizeof(path));
	if (r < 0) {
		close(fd);
		return r;
	}
	listener = listener_alloc(sessions, path);
	if (!listener) {
		close(fd);
		return -ENOMEM;
	}
	listener->fd = fd;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	r = listener_start(listener);
	if (r < 0) {
		listener_free(listener);
		return r;
	}
	*ret_listener = listener;
	return 0;
}

struct listener *listener_free(struct listener *listener)
{
	if (!listener)
		return NULL;
	loop_poll_disarm(&listener->poll);
	loop_timer_arm(&listener->retry, CLOCK_NEVER);
	if (listener->owns_path)
		unlink(listener->path);
	if (listener->fd >= 0)
		close(listener->fd);
	if (listener->reserve_fd >= 0)
		close(listener->reserve_fd);
	if (listener->lock_fd >= 0)
		close(listener->lock_fd);
	free(listener->path);
	free(listener);
	return NULL;
}
