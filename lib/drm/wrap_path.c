/* SPDX-License-Identifier: MIT */
/*
 * Calls that ask about a path or change what it names. Asking is led to the presented files;
 * changes below the folders of nodes are swallowed: libdrm makes nodes there when it runs as root.
 */
#include "wrap.h"

#include "drm.h"
#include "node.h"
#include "path.h"
#include "real.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

int __xmknod(int version, const char *name, mode_t mode, dev_t *device);
int __xmknodat(int version, int folder, const char *name, mode_t mode, dev_t *device);
ssize_t __readlink_chk(const char *name, char *buffer, size_t size, size_t room);
char *__realpath_chk(const char *name, char *resolved, size_t room);

/* ---- access ---- */

static int access_node(int mode)
{
	if (!(mode & X_OK))
		return 0;
	errno = EACCES;
	return -1;
}

WRAP_EXPORT int faccessat(int folder, const char *name, int mode, int flags)
{
	struct path path;

	if (!path_may_be_ours(folder, name) || !path_resolve(folder, name, &path))
		return real()->faccessat(folder, name, mode, flags);
	trace_call("access(%s, %d)", path.plain, mode);
	return path.node ? access_node(mode) : real()->faccessat(AT_FDCWD, path.real, mode, flags);
}

WRAP_EXPORT int access(const char *name, int mode)
{
	if (!path_may_be_ours(AT_FDCWD, name))
		return real()->access(name, mode);
	return faccessat(AT_FDCWD, name, mode, 0);
}

WRAP_EXPORT int euidaccess(const char *name, int mode)
{
	if (!path_may_be_ours(AT_FDCWD, name))
		return real()->euidaccess(name, mode);
	return faccessat(AT_FDCWD, name, mode, AT_EACCESS);
}

WRAP_EXPORT int eaccess(const char *name, int mode)
{
	return euidaccess(name, mode);
}

/* ---- links ---- */

/* "/proc/self/fd/5": what a program asks to learn which node it has open; -1. */
static int descriptor_of_link(const char *name)
{
	char own[32];
	const char *number = NULL;
	int n;

	n = snprintf(own, sizeof(own), "/proc/%d/fd/", (int)getpid());
	if (strncmp(name, "/proc/self/fd/", 14) == 0)
		number = name + 14;
	else if (strncmp(name, "/dev/fd/", 8) == 0)
		number = name + 8;
	else if (strncmp(name, own, (size_t)n) == 0)
		number = name + n;
	if (!number || *number < '0' || *number > '9')
		return -1;
	return (int)strtol(number, NULL, 10);
}

static ssize_t read_node_link(const struct drm_node *node, char *buffer, size_t size)
{
	size_t n = strlen(node->path);

	n = n < size ? n : size;
	memcpy(buffer, node->path, n);
	return (ssize_t)n;
}

WRAP_EXPORT ssize_t readlinkat(int folder, const char *restrict name, char *restrict buffer,
			       size_t size)
{
	struct drm_file *file;
	struct path path;
	ssize_t n;

	if (!path_may_be_ours(folder, name))
		return real()->readlinkat(folder, name, buffer, size);
	file = drm_file_get(descriptor_of_link(name));
	if (file) {
		n = read_node_link(file->node, buffer, size);
		trace_call("readlink(%s) = %zd", name, n);
		drm_file_put(file);
		return n;
	}
	if (!path_resolve(folder, name, &path))
		return real()->readlinkat(folder, name, buffer, size);
	if (!path.node)
		return real()->readlinkat(AT_FDCWD, path.real, buffer, size);
	errno = EINVAL;
	return -1;
}

WRAP_EXPORT ssize_t readlink(const char *restrict name, char *restrict buffer, size_t size)
{
	if (!path_may_be_ours(AT_FDCWD, name))
		return real()->readlink(name, buffer, size);
	return readlinkat(AT_FDCWD, name, buffer, size);
}

WRAP_EXPORT ssize_t __readlink_chk(const char *name, char *buffer, size_t size, size_t room)
{
	if (size > room)
		abort();
	return readlink(name, buffer, size);
}

WRAP_EXPORT char *realpath(const char *restrict name, char *restrict resolved)
{
	struct path path;
	char *result;

	if (!path_may_be_ours(AT_FDCWD, name) || !path_resolve(AT_FDCWD, name, &path))
		return real()->realpath(name, resolved);
	if (path.node)
		return resolved ? memcpy(resolved, path.node->path, sizeof(path.node->path))
				: strdup(path.node->path);
	result = real()->realpath(path.real, resolved);
	if (result)
		path_strip_root(result);
	return result;
}

WRAP_EXPORT char *__realpath_chk(const char *name, char *resolved, size_t room)
{
	if (room < PATH_MAX)
		abort();
	return realpath(name, resolved);
}

/* ---- attributes, which `ls -l` asks for: there are none ---- */

static bool has_no_attributes(const char *name)
{
	struct path path;

	if (!path_may_be_ours(AT_FDCWD, name) || !path_resolve(AT_FDCWD, name, &path))
		return false;
	errno = ENODATA;
	return true;
}

WRAP_EXPORT ssize_t getxattr(const char *name, const char *attribute, void *value, size_t size)
{
	return has_no_attributes(name) ? -1 : real()->getxattr(name, attribute, value, size);
}

WRAP_EXPORT ssize_t lgetxattr(const char *name, const char *attribute, void *value, size_t size)
{
	return has_no_attributes(name) ? -1 : real()->lgetxattr(name, attribute, value, size);
}

WRAP_EXPORT ssize_t listxattr(const char *name, char *list, size_t size)
{
	return has_no_attributes(name) ? 0 : real()->listxattr(name, list, size);
}

WRAP_EXPORT ssize_t llistxattr(const char *name, char *list, size_t size)
{
	return has_no_attributes(name) ? 0 : real()->llistxattr(name, list, size);
}

/* ---- changes ---- */

static bool is_swallowed(const char *call, int folder, const char *name)
{
	if (!path_is_device_folder(folder, name))
		return false;
	trace_call("%s(%s) = 0 (not done)", call, name);
	return true;
}

WRAP_EXPORT int mkdir(const char *name, mode_t mode)
{
	return is_swallowed("mkdir", AT_FDCWD, name) ? 0 : real()->mkdir(name, mode);
}

WRAP_EXPORT int mkdirat(int folder, const char *name, mode_t mode)
{
	return is_swallowed("mkdir", folder, name) ? 0 : real()->mkdirat(folder, name, mode);
}

WRAP_EXPORT int mknodat(int folder, const char *name, mode_t mode, dev_t device)
{
	return is_swallowed("mknod", folder, name) ? 0
						   : real()->mknodat(folder, name, mode, device);
}

WRAP_EXPORT int mknod(const char *name, mode_t mode, dev_t device)
{
	return is_swallowed("mknod", AT_FDCWD, name) ? 0 : real()->mknod(name, mode, device);
}

WRAP_EXPORT int __xmknod(int version, const char *name, mode_t mode, dev_t *device)
{
	return mknod(name, mode, *device);
}

WRAP_EXPORT int __xmknodat(int version, int folder, const char *name, mode_t mode, dev_t *device)
{
	return mknodat(folder, name, mode, *device);
}

WRAP_EXPORT int chmod(const char *name, mode_t mode)
{
	return is_swallowed("chmod", AT_FDCWD, name) ? 0 : real()->chmod(name, mode);
}

WRAP_EXPORT int fchmodat(int folder, const char *name, mode_t mode, int flags)
{
	return is_swallowed("chmod", folder, name) ? 0
						   : real()->fchmodat(folder, name, mode, flags);
}

WRAP_EXPORT int chown(const char *name, uid_t user, gid_t group)
{
	return is_swallowed("chown", AT_FDCWD, name) ? 0 : real()->chown(name, user, group);
}

WRAP_EXPORT int lchown(const char *name, uid_t user, gid_t group)
{
	return is_swallowed("chown", AT_FDCWD, name) ? 0 : real()->lchown(name, user, group);
}

WRAP_EXPORT int unlink(const char *name)
{
	return is_swallowed("unlink", AT_FDCWD, name) ? 0 : real()->unlink(name);
}

WRAP_EXPORT int unlinkat(int folder, const char *name, int flags)
{
	return is_swallowed("unlink", folder, name) ? 0 : real()->unlinkat(folder, name, flags);
}

WRAP_EXPORT int remove(const char *name)
{
	return is_swallowed("remove", AT_FDCWD, name) ? 0 : real()->remove(name);
}

WRAP_EXPORT int rmdir(const char *name)
{
	return is_swallowed("rmdir", AT_FDCWD, name) ? 0 : real()->rmdir(name);
}
