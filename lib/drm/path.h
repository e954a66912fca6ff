/* SPDX-License-Identifier: MIT */
/* What a path of the program means: a node, a presented file, or something of the host's. */
#ifndef NPU_DRM_PATH_H
#define NPU_DRM_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

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

/* Below /dev/dri or /dev/accel: nothing is made, changed or removed there. */
bool path_is_device_folder(int folder, const char *name);

/* Takes NPU_RUN_ROOT off a path, in place; false where it does not begin with it. */
bool path_strip_root(char *name);

/* The working directory may be another one: at the start, and after each change of it. */
void path_note_cwd(void);

/* Removes ".", ".." and repeated slashes from an absolute path. -ENAMETOOLONG, -EINVAL. */
int path_make_plain(const char *name, char *ret_plain, size_t size);

/* `fd` is an open directory that the program knows as `virtual`. */
void path_remember_folder(int fd, const char *virtual);

#endif
