/* SPDX-License-Identifier: MIT */
/*
 * What systemd and npud say to each other: readiness, and sockets handed over. A dozen lines of
 * protocol, documented as stable in sd_notify(3) and sd_listen_fds(3).
 */
#ifndef NPUD_DAEMON_NOTIFY_H
#define NPUD_DAEMON_NOTIFY_H

/* Sends "READY=1" or the like to $NOTIFY_SOCKET; nothing happens where there is none. */
void notify_send(const char *state);

/* How many descriptors, from 3 up, were passed to this very process; unsets the variables. */
int notify_listen_fds(void);

#endif
