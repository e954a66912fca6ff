/* SPDX-License-Identifier: MIT */
/*
 * Users and groups of this machine by name. May block where their directory is on a network, so
 * it is for reading the policy file only.
 */
#ifndef NPUD_DAEMON_PRINCIPAL_H
#define NPUD_DAEMON_PRINCIPAL_H

#include <sys/types.h>

/* -ENOENT when there is none of that name; -errno when that cannot be found out. */
int principal_find_user(const char *name, uid_t *ret_uid);
int principal_find_group(const char *name, gid_t *ret_gid);

#endif
