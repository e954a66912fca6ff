/* SPDX-License-Identifier: MIT */
/* open() in all its forms. */
#include "wrap.h"

#include "drm.h"
#include "fds.h"
#include "node.h"
#include "path.h"
#include "real.h"
#include "trace.h"
#include "wrap_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
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

	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		r = -EEXIST;
	else if (flags & O_DIRECTORY)
		r = -ENOTDIR;
	else
		r = drm_file_open(node, flags);
	trace_call("open(%s, 0x%x) = %d", node->path, (unsigned)flags, r);
	errno = r < 0 ? -r : saved;
	return r < 0 ? -1 : r;
}

static int open_shown(const struct path *path, int flags, mode_t mode)
{
	int fd = real()->open64(path->real, flags, mode);

	trace_call("open(%s, 0x%x) = %d", path->virtual, (unsigned)flags, fd);
	if (fd >= 0)
		path_remember_folder(fd, path->virtual);
	return fd;
}

static bool is_making(int flags)
{
	return (flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE;
}

/* "/proc/self/fd/5" of a node is the node, to be opened anew; NULL. */
static const struct drm_node *find_reopened(const char *name)
{
	struct drm_file *file = drm_file_get(path_descriptor(name));
	const struct drm_node *node = file ? file->node : NULL;

	drm_file_put(file);
	return node;
}

/* `fd` is the kernel's answer, which knows nothing of our nodes behind a link. */
static int open_link(int fd, int folder, const char *name, int flags)
{
	struct path path;

	if (fd >= 0 || errno != ENOENT || flags & (O_CREAT | O_NOFOLLOW) ||
	    !path_resolve_link(folder, name, &path))
		return fd;
	return path.node ? open_node(path.node, flags) : open_shown(&path, flags, 0);
}

/* A link to one of ours, through which the kernel would make a file: true where it must not. */
static bool open_made_link(int folder, const char *name, int flags, int *ret_fd)
{
	struct path path;

	if ((flags & (O_CREAT | O_EXCL | O_NOFOLLOW)) != O_CREAT || !name ||
	    !path_resolve_link(folder, name, &path))
		return false;
	if (path.node)
		*ret_fd = open_node(path.node, flags);
	else if (wrap_is_refused("open", AT_FDCWD, path.plain))
		*ret_fd = -1;
	else
		*ret_fd = open_shown(&path, flags, 0);
	return true;
}

static int open_ours(int folder, const char *name, int flags, mode_t mode)
{
	const struct drm_node *node = find_reopened(name);
	struct path path;

	path_resolve(folder, name, &path);
	if (node || path.node)
		return open_node(node ? node : path.node, flags);
	if (is_making(flags) && wrap_is_refused("open", folder, name))
		return -1;
	if (path.virtual)
		return open_shown(&path, flags, mode);
	return open_link(real()->openat64(folder, name, flags, mode), folder, name, flags);
}

/* `next` is libc's, of 32 bits or 64. */
static int open_any(int folder, const char *name, int flags, mode_t mode,
		    int (*next)(int, const char *, int, ...))
{
	int fd;

	if (path_may_be_ours(folder, name))
		return open_ours(folder, name, flags, mode);
	if (open_made_link(folder, name, flags, &fd))
		return fd;
	return open_link(next(folder, name, flags, mode), folder, name, flags);
}

int wrap_openat(int folder, const char *name, int flags, mode_t mode)
{
	return open_any(folder, name, flags, mode, real()->openat64);
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
	return open_any(AT_FDCWD, name, flags, mode, real()->openat);
}

WRAP_EXPORT int open64(const char *name, int flags, ...)
{
	mode_t mode;

	TAKE_MODE(flags, mode); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	return open_any(AT_FDCWD, name, flags, mode, real()->openat64);
}

WRAP_EXPORT int openat(int folder, const char *name, int flags, ...)
{
	mode_t mode;

	TAKE_MODE(flags, mode); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	return open_any(folder, name, flags, mode, real()->openat);
}

WRAP_EXPORT int openat64(int folder, const char *name, int flags, ...)
{
	mode_t mode;

	TAKE_MODE(flags, mode); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	return wrap_openat(folder, name, flags, mode);
}

WRAP_EXPORT int creat(const char *name, mode_t mode)
{
	return open(name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

WRAP_EXPORT int creat64(const char *name, mode_t mode)
{
	return open64(name, O_CREAT | O_WRONLY | O_TRUNC, mode);
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
	int flags = mode[0] == 'r' ? O_RDONLY : O_WRONLY | O_CREAT;

	if (mode[0] == 'w')
		flags |= O_TRUNC;
	for (const char *c = mode; *c && *c != ','; c++) {
		if (*c == '+')
			flags = (flags & ~O_ACCMODE) | O_RDWR;
		if (*c == 'e')
			flags |= O_CLOEXEC;
		if (*c == 'x')
			flags |= O_EXCL;
	}
	return flags;
}

/* A node, or anything that the kernel does not serve in our place. */
enum stream { STREAM_KERNEL, STREAM_SHOWN, STREAM_NODE, STREAM_REFUSED };

static enum stream find_stream(const char *name, const char *mode, struct path *ret_path)
{
	ret_path->real = name;
	if (!path_may_be_ours(AT_FDCWD, name))
		return STREAM_KERNEL;
	path_resolve(AT_FDCWD, name, ret_path);
	if (!ret_path->node)
		ret_path->node = find_reopened(name);
	if (ret_path->node)
		return STREAM_NODE;
	if (is_making(mode_flags(mode)) && wrap_is_refused("fopen", AT_FDCWD, name))
		return STREAM_REFUSED;
	return ret_path->virtual ? STREAM_SHOWN : STREAM_KERNEL;
}

static FILE *open_node_stream(const struct drm_node *node, const char *mode)
{
	int fd = open_node(node, mode_flags(mode));
	FILE *stream = fd >= 0 ? fdopen(fd, mode) : NULL;

	if (fd >= 0 && !stream)
		close(fd);
	return stream;
}

static FILE *open_stream(const char *name, const char *mode,
			 FILE *(*next)(const char *, const char *))
{
	struct path path;
	enum stream kind = find_stream(name, mode, &path);
	FILE *stream;

	if (kind == STREAM_REFUSED)
		return NULL;
	if (kind == STREAM_NODE)
		return open_node_stream(path.node, mode);
	if (kind == STREAM_KERNEL && mode[0] != 'r' && name &&
	    path_resolve_link(AT_FDCWD, name, &path))
		return open_stream(path.plain, mode, next);
	stream = next(path.real, mode);
	if (stream || kind == STREAM_SHOWN || errno != ENOENT || mode[0] != 'r' ||
	    !path_resolve_link(AT_FDCWD, name, &path))
		return stream;
	return path.node ? open_node_stream(path.node, mode) : next(path.real, mode);
}

WRAP_EXPORT FILE *fopen(const char *name, const char *mode)
{
	return open_stream(name, mode, real()->fopen);
}

WRAP_EXPORT FILE *fopen64(const char *name, const char *mode)
{
	return open_stream(name, mode, real()->fopen64);
}

/* libc closes the descriptor and takes another, maybe of the same number. */
static FILE *reopen(const char *name, const char *mode, FILE *stream,
		    FILE *(*next)(const char *, const char *, FILE *))
{
	if (fileno(stream) >= 0 && !fds_is_borrowed())
		fds_set(fileno(stream), NULL);
	return next(name, mode, stream);
}

/* The stream is led to a descriptor of the node through /proc, and means then what that means. */
static FILE *reopen_node(const struct drm_node *node, const char *mode, FILE *stream,
			 FILE *(*next)(const char *, const char *, FILE *))
{
	int fd = open_node(node, mode_flags(mode));
	struct drm_file *file = fd >= 0 ? drm_file_get(fd) : NULL;
	char name[32];

	if (!file)
		return NULL;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	stream = reopen(name, mode, stream, next);
	if (stream)
		fds_set(fileno(stream), &file->description);
	drm_file_put(file);
	close(fd);
	return stream;
}

static FILE *reopen_stream(const char *name, const char *mode, FILE *stream,
			   FILE *(*next)(const char *, const char *, FILE *))
{
	struct path path;
	enum stream kind = name ? find_stream(name, mode, &path) : STREAM_KERNEL;

	if (kind == STREAM_REFUSED)
		return NULL;
	if (kind == STREAM_NODE)
		return reopen_node(path.node, mode, stream, next);
	return reopen(name ? path.real : NULL, mode, stream, next);
}

WRAP_EXPORT FILE *freopen(const char *name, const char *mode, FILE *stream)
{
	return reopen_stream(name, mode, stream, real()->freopen);
}

WRAP_EXPORT FILE *freopen64(const char *name, const char *mode, FILE *stream)
{
	return reopen_stream(name, mode, stream, real()->freopen64);
}

/* ---- files that a child is to be started with ---- */

/* A descriptor that means the node and has no session; -1. */
static int make_descriptor(const struct drm_node *node)
{
	int fd = open_node(node, O_RDWR | O_CLOEXEC), kept;

	if (fd < 0)
		return -1;
	kept = fds_hide(real()->fcntl(fd, F_DUPFD_CLOEXEC, 0));
	close(fd);
	return kept;
}

/* libc opens them in the child, where it cannot be helped: each node's is made once, and kept. */
static int keep_descriptor(const struct drm_node *node)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static struct {
		const struct drm_node *node;
		int fd;
	} kept[NODES_MAX];
	int fd, i = 0;

	pthread_mutex_lock(&mutex);
	while (kept[i].node && kept[i].node != node)
		i++;
	fd = kept[i].node ? kept[i].fd : make_descriptor(node);
	if (fd >= 0) {
		kept[i].node = node;
		kept[i].fd = fd;
	}
	pthread_mutex_unlock(&mutex);
	return fd;
}

WRAP_EXPORT int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *restrict actions,
						 int fd, const char *restrict name, int flags,
						 mode_t mode)
{
	struct path path;
	int kept;

	if (!path_may_be_ours(AT_FDCWD, name) || !path_resolve(AT_FDCWD, name, &path))
		return real()->posix_spawn_file_actions_addopen(actions, fd, name, flags, mode);
	if (!path.node)
		return real()->posix_spawn_file_actions_addopen(actions, fd, path.real, flags,
								mode);
	kept = keep_descriptor(path.node);
	return kept < 0 ? errno : posix_spawn_file_actions_adddup2(actions, kept, fd);
}
