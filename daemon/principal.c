/* SPDX-License-Identifier: MIT */
/*
 * The reentrant calls want a buffer of unknown size (a group may have thousands of members), so it
 * grows until it fits.
 */
#include "daemon/principal.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>

#define BUFFER_FIRST 4096
#define BUFFER_MAX   (1u << 22)

/* 0 or an errno value, as getpwnam_r(3) returns it. */
typedef int (*find_function)(const char *name, char *buffer, size_t size, uint32_t *ret_id);

static int find_user(const char *name, char *buffer, size_t size, uint32_t *ret_id)
{
	struct passwd entry, *found = NULL;
	int error = getpwnam_r(name, &entry, buffer, size, &found);

	if (error == 0 && found)
		*ret_id = found->pw_uid;
	return error == 0 && !found ? ENOENT : error;
}

static int find_group(const char *name, char *buffer, size_t size, uint32_t *ret_id)
{
	struct group entry, *found = NULL;
	int error = getgrnam_r(name, &entry, buffer, size, &found);

	if (error == 0 && found)
		*ret_id = found->gr_gid;
	return error == 0 && !found ? ENOENT : error;
}

static int find(find_function function, const char *name, uint32_t *ret_id)
{
	int error = ERANGE;

	for (size_t size = BUFFER_FIRST; error == ERANGE && size <= BUFFER_MAX; size *= 4) {
		char *buffer = malloc(size);

		if (!buffer)
			return -ENOMEM;
		error = function(name, buffer, size, ret_id);
		free(buffer);
	}
	/* getpwnam(3) lists these as further ways to say "not found". */
	if (error == ESRCH || error == EBADF || error == EPERM)
		error = ENOENT;
	return -error;
}

int principal_find_user(const char *name, uid_t *ret_uid)
{
	return find(find_user, name, ret_uid);
}

int principal_find_group(const char *name, gid_t *ret_gid)
{
	return find(find_group, name, ret_gid);
}
