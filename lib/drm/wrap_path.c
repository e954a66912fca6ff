/* SPDX-License-Identifier: MIT */
/* Calls that ask about a path: they are led to the presented files. */
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

ssize_t __readlinkat_chk(int folder, const char *name, char *buffer, size_t size, size_t room);
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

static int access_resolved(const struct path *path, int mode, int flags)
{
	trace_call("access(%s, %d)", path->plain, mode);
	return path->node ? access_node(mode)
			  : real()->faccessat(AT_FDCWD, path->real, mode, flags);
}

/* `r` is the kernel's answer, which knows nothing of our nodes behind a link. */
static int access_link(int r, int folder, const char *name, int mode, int flags)
{
	struct path path;

	if (r == 0 || errno != ENOENT || flags & AT_SYMLINK_NOFOLLOW ||
	    !path_resolve_link(folder, name, &path))
		return r;
	return access_resolved(&path, mode, flags);
}

WRAP_EXPORT int faccessat(int folder, const char *name, int mode, int flags)
{
	struct path path;

	if (!path_may_be_ours(folder, name) || !path_resolve(folder, name, &path))
		return access_link(real()->faccessat(folder, name, mode, flags), folder, name, mode,
				   flags);
	return access_resolved(&path, mode, flags);
}

WRAP_EXPORT int access(const char *name, int mode)
{
	if (!path_may_be_ours(AT_FDCWD, name))
		return access_link(real()->access(name, mode), AT_FDCWD, name, mode, 0);
	return faccessat(AT_FDCWD, name, mode, 0);
}

WRAP_EXPORT int euidaccess(const char *name, int mode)
{
	if (!path_may_be_ours(AT_FDCWD, name))
		return access_link(real()->euidaccess(name, mode), AT_FDCWD, name, mode,
				   AT_EACCESS);
	return faccessat(AT_FDCWD, name, mode, AT_EACCESS);
}

WRAP_EXPORT int eaccess(const char *name, int mode)
{
	return euidaccess(name, mode);
}

/* ---- links ---- */

static ssize_t copy_link(const char *target, char *buffer, size_t size)
{
	size_t n = strnlen(target, size);

	memcpy(buffer, target, n);
	return (ssize_t)n;
}

/* The links in /proc tell where a shown folder is in truth. */
static ssize_t read_link_stripped(int folder, const char *name, char *buffer, size_t size)
{
	char target[PATH_MAX];
	ssize_t n = real()->readlinkat(folder, name, target, sizeof(target) - 1);

	if (n < 0)
		return n;
	target[n] = '\0';
	path_strip_root(target);
	return copy_link(target, buffer, size);
}

WRAP_EXPORT ssize_t readlinkat(int folder, const char *restrict name, char *restrict buffer,
			       size_t size)
{
	struct drm_file *file;
	struct path path;
	ssize_t n;

	if (!path_may_be_ours(folder, name))
		return real()->readlinkat(folder, name, buffer, size);
	file = drm_file_get(path_descriptor(name));
	if (file) {
		n = copy_link(file->node->path, buffer, size);
		trace_call("readlink(%s) = %zd", name, n);
		drm_file_put(file);
		return n;
	}
	if (!path_resolve(folder, name, &path))
		return read_link_stripped(folder, name, buffer, size);
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

WRAP_EXPORT ssize_t __readlinkat_chk(int folder, const char *name, char *buffer, size_t size,
				     size_t room)
{
	if (size > room)
		abort();
	return readlinkat(folder, name, buffer, size);
}

static char *copy_path(const char *path, char *resolved)
{
	return resolved ? memcpy(resolved, path, strlen(path) + 1) : strdup(path);
}

/* "/proc/self/fd/5" of a node, or a node. */
static char *find_node_path(const char *name, const struct path *path, char *resolved)
{
	struct drm_file *file;
	char *result;

	if (path->node)
		return copy_path(path->node->path, resolved);
	file = drm_file_get(path_descriptor(name));
	if (!file)
		return NULL;
	result = copy_path(file->node->path, resolved);
	drm_file_put(file);
	return result;
}

WRAP_EXPORT char *realpath(const char *restrict name, char *restrict resolved)
{
	struct path path;
	char *result = NULL;

	path.real = name;
	if (path_may_be_ours(AT_FDCWD, name)) {
		path_resolve(AT_FDCWD, name, &path);
		result = find_node_path(name, &path, resolved);
	}
	if (!result)
		result = real()->realpath(path.real, resolved);
	if (result)
		path_strip_root(result);
	else if (name && errno == ENOENT && path_resolve_link(AT_FDCWD, name, &path))
		result = realpath(path.plain, resolved);
	return result;
}

WRAP_EXPORT char *canonicalize_file_name(const char *name)
{
	return realpath(name, NULL);
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

	if (!path_may_be_ours(AT_FDCWD, name) || !path_resolve(AT_FDCWD, name, &path) ||
	    (!path.node && path.real == path.plain))
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
