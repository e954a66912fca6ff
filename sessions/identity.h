/* SPDX-License-Identifier: MIT */
/*
 * Who is at the other end of a connection, as the kernel says it.
 */
#ifndef NPUD_SESSIONS_IDENTITY_H
#define NPUD_SESSIONS_IDENTITY_H

#include "sessions/class.h"

/*
 * Reads uid, gid, pid (SO_PEERCRED), groups (SO_PEERGROUPS), executable and cgroup (/proc) of a
 * connected socket. What /proc does not tell stays "?" or empty; only a failing SO_PEERCRED is an
 * error. `listener_path` is stored as identity.socket.
 */
int identity_read(int socket_fd, const char *listener_path, struct identity *ret_identity);

#endif
