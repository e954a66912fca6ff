/* SPDX-License-Identifier: MIT */
/*
 * Reading folders. glob() and scandir() open theirs inside libc, where nothing can be exchanged:
 * glob() is given functions to read with, scandir() another path.
 */
#include "wrap.h"

#include "fds.h"
#include "node.h"
#include "path.h"
#include "real.h"
#include "trace.h"
#include "wrap_calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- opendir, readdir ---- */

WRAP_EXPORT DIR *opendir(const char *name)
{
	struct path path;
	DIR *folder;

	if (!path_may_be_ours(AT_FDCWD, name) || !path_resolve(AT_FDCWD, name, &path)) {
		folder = real()->opendir(name);
		if (folder || errno != ENOENT || !path_resolve_link(AT_FDCWD, name, &path))
			return folder;
	}
	if (path.node) {
		errno = ENOTDIR;
		return NULL;
	}
	folder = real()->opendir(path.real);
	trace_call("opendir(%s) = %p", path.virtual, (void *)folder);
	if (folder)
		path_remember_folder(dirfd(folder), path.virtual);
	return folder;
}

WRAP_EXPORT int closedir(DIR *folder)
{
	int fd = dirfd(folder);

	if (fd >= 0 && fds_peek(fd) && !fds_is_borrowed())
		fds_set(fd, NULL);
	return real()->closedir(folder);
}

/* Names in the folders of nodes are plain files; the program is told what they stand for. */
static unsigned char find_type(DIR *folder, const char *name, unsigned char type)
{
	const int fd = dirfd(folder);
	struct path path;

	if (type != DT_REG || !fds_peek(fd))
		return type;
	if (path_resolve(fd, name, &path) && path.node)
		return DT_CHR;
	return path_is_guarded(fd, name) ? DT_UNKNOWN : type;
}

WRAP_EXPORT struct dirent64 *readdir64(DIR *folder)
{
	struct dirent64 *entry = real()->readdir64(folder);

	if (entry)
		entry->d_type = find_type(folder, entry->d_name, entry->d_type);
	else if (fds_peek(dirfd(folder)))
		entry = path_next_invented(dirfd(folder));
	return entry;
}

#ifdef __LP64__

WRAP_EXPORT struct dirent *readdir(DIR *folder)
{
	return (struct dirent *)readdir64(folder);
}

#else

/* The two differ in the width of two numbers that nobody asks invented entries for. */
static struct dirent *narrow_entry(const struct dirent64 *wide)
{
	static _Thread_local struct dirent entry;

	if (!wide)
		return NULL;
	entry.d_ino = (ino_t)wide->d_ino;
	entry.d_reclen = sizeof(entry);
	entry.d_type = wide->d_type;
	memcpy(entry.d_name, wide->d_name, sizeof(entry.d_name));
	return &entry;
}

WRAP_EXPORT struct dirent *readdir(DIR *folder)
{
	struct dirent *entry = real()->readdir(folder);

	if (entry)
		entry->d_type = find_type(folder, entry->d_name, entry->d_type);
	else if (fds_peek(dirfd(folder)))
		entry = narrow_entry(path_next_invented(dirfd(folder)));
	return entry;
}

#endif

WRAP_EXPORT void rewinddir(DIR *folder)
{
	if (fds_peek(dirfd(folder)))
		path_rewind_invented(dirfd(folder));
	real()->rewinddir(folder);
}

/* ---- the working directory ---- */

char *__getcwd_chk(char *buffer, size_t size, size_t room);

static int chdir_done(int r)
{
	int saved = errno;

	if (r == 0 && !fds_is_borrowed()) /* a vfork() child has a folder of its own */
		path_note_cwd();
	errno = saved;
	return r;
}

WRAP_EXPORT int chdir(const char *name)
{
	struct path path;

	if (!path_may_be_ours(AT_FDCWD, name) || !path_resolve(AT_FDCWD, name, &path)) {
		int r = real()->chdir(name);

		if (r == 0 || errno != ENOENT || !path_resolve_link(AT_FDCWD, name, &path))
			return chdir_done(r);
	}
	if (path.node) {
		errno = ENOTDIR;
		return -1;
	}
	trace_call("chdir(%s)", path.virtual);
	return chdir_done(real()->chdir(path.real));
}

WRAP_EXPORT int fchdir(int fd)
{
	return chdir_done(real()->fchdir(fd));
}

WRAP_EXPORT char *getcwd(char *buffer, size_t size)
{
	char *cwd = real()->getcwd(buffer, size);

	if (cwd)
		path_strip_root(cwd);
	return cwd;
}

WRAP_EXPORT char *__getcwd_chk(char *buffer, size_t size, size_t room)
{
	if (size > room)
		abort();
	return getcwd(buffer, size);
}

WRAP_EXPORT char *get_current_dir_name(void)
{
	char *cwd = real()->get_current_dir_name();

	if (cwd)
		path_strip_root(cwd);
	return cwd;
}

/* ---- scandir ---- */

/* The folder to read instead; `name` itself where it is not one of ours. */
static const char *exchange(const char *name, struct path *path)
{
	if (path_may_be_ours(AT_FDCWD, name) && path_resolve(AT_FDCWD, name, path) && !path->node)
		return path->real;
	return name;
}

WRAP_EXPORT int scandir(const char *restrict name, struct dirent ***restrict ret_entries,
			int (*select)(const struct dirent *),
			int (*compare)(const struct dirent **, const struct dirent **))
{
	struct path path;

	return real()->scandir(exchange(name, &path), ret_entries, select, compare);
}

WRAP_EXPORT int scandir64(const char *restrict name, struct dirent64 ***restrict ret_entries,
			  int (*select)(const struct dirent64 *),
			  int (*compare)(const struct dirent64 **, const struct dirent64 **))
{
	struct path path;

	return real()->scandir64(exchange(name, &path), ret_entries, select, compare);
}

/* ---- glob ---- */

bool wrap_glob_is_ours(const char *pattern, int flags)
{
	return !(flags & GLOB_ALTDIRFUNC) && path_may_be_ours(AT_FDCWD, pattern);
}

void *wrap_glob_opendir(const char *name)
{
	return opendir(name);
}

void wrap_glob_closedir(void *folder)
{
	closedir(folder);
}

static struct dirent *glob_readdir(void *folder)
{
	return readdir(folder);
}

static struct dirent64 *glob_readdir64(void *folder)
{
	return readdir64(folder);
}

WRAP_EXPORT int glob(const char *restrict pattern, int flags, int (*failed)(const char *, int),
		     glob_t *restrict result)
{
	return WRAP_GLOB(real()->glob, glob_readdir, stat, lstat);
}

WRAP_EXPORT int glob64(const char *restrict pattern, int flags, int (*failed)(const char *, int),
		       glob64_t *restrict result)
{
	return WRAP_GLOB(real()->glob64, glob_readdir64, stat64, lstat64);
}
