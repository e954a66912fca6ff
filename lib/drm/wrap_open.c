/* SPDX-License-Identifier: MIT */
/* open() in all its forms. */
#include "wrap.h"

#include "drm.h"
#include "node.h"
#include "path.h"
#include "real.h"
#include "trace.h"
#include "wrap_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

int __open_2(const char *name, int flags);
int __open64_2(const char *name, int flags);
int __openat_2(int folder, const char *name, int flags);
int __openat64_2(int folder, const char *name, int flags);

static int open_node(const struct drm_node *node, int flags)
{
	int saved = errno, r;

	if (flags & O_DIRECTORY)
		r = -ENOTDIR;
	else
		r = drm_file_open(node, flags);
	trace_call("open(%s, 0x%x) = %d", node->path, (unsigned)flags, r);
	errno = r < 0 ? -r : saved;
	return r < 0 ? -1 : r;
}

static int open_shown(const struct path *path, int flags)
{
	int fd = real()->open64(path->real, flags, 0);

	trace_call("open(%s, 0x%x) = %d", path->virtual, (unsigned)flags, fd);
	if (fd >= 0)
		path_remember_folder(fd, path->virtual);
	return fd;
}

int wrap_openat(int folder, const char *name, int flags, mode_t mode)
{
	struct path path;

	if (!path_may_be_ours(folder, name) || !path_resolve(folder, name, &path))
		return real()->openat64(folder, name, flags, mode);
	return path.node ? open_node(path.node, flags) : open_shown(&path, flags);
}

/* The mode is there only where a file may be made. */
#define TAKE_MODE(flags, ret_mode)                                                                 \
	do {                                                                                       \
		va_list arguments;                                                                 \
		va_start(arguments, flags);                                                        \
		ret_mode = (flags) & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;      \
		va_end(arguments);                                                                 \
	} while (0)

WRAP_EXPORT int open(const char *name, int flags, ...)
{
	mode_t mode;

	TAKE_MODE(flags, mode); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	if (!path_may_be_ours(AT_FDCWD, name))
		return real()->open(name, flags, mode);
	return wrap_openat(AT_FDCWD, name, flags, mode);
}

WRAP_EXPORT int open64(const char *name, int flags, ...)
{
	mode_t mode;

	TAKE_MODE(flags, mode); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	if (!path_may_be_ours(AT_FDCWD, name))
		return real()->open64(name, flags, mode);
	return wrap_openat(AT_FDCWD, name, flags, mode);
}

WRAP_EXPORT int openat(int folder, const char *name, int flags, ...)
{
	mode_t mode;

	TAKE_MODE(flags, mode); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	if (!path_may_be_ours(folder, name))
		return real()->openat(folder, name, flags, mode);
	return wrap_openat(folder, name, flags, mode);
}

WRAP_EXPORT int openat64(int folder, const char *name, int flags, ...)
{
	mode_t mode;

	TAKE_MODE(flags, mode); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	return wrap_openat(folder, name, flags, mode);
}

WRAP_EXPORT int __open_2(const char *name, int flags)
{
	return open(name, flags);
}

WRAP_EXPORT int __open64_2(const char *name, int flags)
{
	return open64(name, flags);
}

WRAP_EXPORT int __openat_2(int folder, const char *name, int flags)
{
	return openat(folder, name, flags);
}

WRAP_EXPORT int __openat64_2(int folder, const char *name, int flags)
{
	return openat64(folder, name, flags);
}

/* ---- streams ---- */

static int mode_flags(const char *mode)
{
	int flags = mode[0] == 'r' ? O_RDONLY : O_WRONLY;

	for (const char *c = mode; *c; c++) {
		if (*c == '+')
			flags = (flags & ~O_ACCMODE) | O_RDWR;
		if (*c == 'e')
			flags |= O_CLOEXEC;
	}
	return flags;
}

static FILE *open_stream(const char *name, const char *mode,
			 FILE *(*next)(const char *, const char *))
{
	struct path path;
	FILE *stream;
	int fd;

	if (!path_may_be_ours(AT_FDCWD, name) || !path_resolve(AT_FDCWD, name, &path))
		return next(name, mode);
	if (!path.node)
		return next(path.real, mode);
	fd = open_node(path.node, mode_flags(mode));
	if (fd < 0)
		return NULL;
	stream = fdopen(fd, mode);
	if (!stream)
		close(fd);
	return stream;
}

WRAP_EXPORT FILE *fopen(const char *name, const char *mode)
{
	return open_stream(name, mode, real()->fopen);
}

WRAP_EXPORT FILE *fopen64(const char *name, const char *mode)
{
	return open_stream(name, mode, real()->fopen64);
}
