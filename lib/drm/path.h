/* SPDX-License-Identifier: MIT */
/* What a path of the program means: a node, a presented file, or something of the host's. */
#ifndef NPU_DRM_PATH_H
#define NPU_DRM_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct dirent64;
struct drm_node;

struct path {
	const struct drm_node *node; /* not NULL: it is one of ours */
	const char *virtual;	     /* presented: the path that the program means; else NULL */
	const char *real;	     /* what to ask libc for */
	char plain[PATH_MAX];	     /* absolute, without ".", ".." and "//" */
	char shown[PATH_MAX];	     /* the same below NPU_RUN_ROOT */
};

/* Fills `ret_path`; true when it is a node or presented. `name` may be NULL or bad. */
bool path_resolve(int folder, const char *name, struct path *ret_path);

/* A quick no for almost every path. */
bool path_may_be_ours(int folder, const char *name);

/*
 * The same for a name that may be a link to one of ours, or to where one could be: asked where the
 * kernel has found nothing (ENOENT), and before it would make a file there. Keeps errno.
 */
bool path_resolve_link(int folder, const char *name, struct path *ret_path);

/* A node, its folder, or something below that: nothing is made, changed or removed there. */
bool path_is_guarded(int folder, const char *name);

/* "/proc/self/fd/5", "/dev/stdin": the number; -1 for other names. */
int path_descriptor(const char *name);

/* Takes NPU_RUN_ROOT off a path, in place; false where it does not begin with it. */
bool path_strip_root(char *name);

/* The working directory may be another one: at the start, and after each change of it. */
void path_note_cwd(void);

/* Removes ".", ".." and repeated slashes from an absolute path. -ENAMETOOLONG, -EINVAL. */
int path_make_plain(const char *name, char *ret_plain, size_t size);

/* If `fd` is an open directory: the program knows it as `virtual`. */
void path_remember_folder(int fd, const char *virtual);

/*
 * When all that the host has in an open folder is listed: the entry that is shown besides, of type
 * DT_DIR or DT_CHR, or NULL. It is good until the next call for `fd`.
 */
struct dirent64 *path_next_invented(int fd);
void path_rewind_invented(int fd);

#endif
