/* SPDX-License-Identifier: MIT */
/*
 * The socket that clients connect to: takes one connection a turn, rests in between while sessions
 * have requests, and spends a reserve descriptor to turn clients away when descriptors run out
 * instead of spinning on them.
 */
#ifndef NPUD_SESSIONS_LISTENER_H
#define NPUD_SESSIONS_LISTENER_H

#include "base/log.h"
#include "base/loop.h"

struct sessions;

struct listener {
	struct sessions *sessions; /* borrowed */
	int fd;			   /* owned */
	int reserve_fd;
	char *path; /* owned; unlinked at the end if `owns_path` */
	bool owns_path;
	int lock_fd; /* PATH.lock: one daemon per path; -1 for inherited sockets */
	struct log_limit log_limit;
	struct loop_poll poll;
	struct loop_timer retry;  /* armed instead of `poll` while no connection is to be taken */
	uint64_t n_messages_seen; /* of the sessions, with the last connection */
};

/*
 * Binds and listens at `path`. A stale socket file is replaced; -EADDRINUSE when another daemon
 * answers there; -ENAMETOOLONG. `mode` is the socket file's.
 */
int listener_new(struct sessions *sessions, const char *path, unsigned mode,
		 struct listener **ret_listener);
/* Takes over a listening SOCK_SEQPACKET socket (systemd's). -EINVAL for any other. */
int listener_new_from_fd(struct sessions *sessions, int fd, struct listener **ret_listener);
/* Takes NULL, returns NULL. */
struct listener *listener_free(struct listener *listener);

#endif
