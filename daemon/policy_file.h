/* SPDX-License-Identifier: MIT */
/* The policy file of a daemon: at the start, and again while it runs. */
#ifndef NPUD_DAEMON_POLICY_FILE_H
#define NPUD_DAEMON_POLICY_FILE_H

#include <stddef.h>

struct npud;

/* The file, or what is built in, under the command line. -errno, with a line on stderr. */
int policy_file_load(struct npud *npud);
/* Once the device is there: what it cannot honour. -errno, with a line on stderr. */
int policy_file_fit(struct npud *npud);
/*
 * Incident reports go to the policy file's directory, else to the service manager's for state, else
 * to one beside the socket, so that two daemons never share one.
 */
void policy_file_open_incidents(struct npud *npud);
/*
 * Reads the file again for everybody, in flight or not. On failure nothing has changed, and
 * `ret_text` says why.
 */
int policy_file_reload(struct npud *npud, char *ret_text, size_t size);

#endif
