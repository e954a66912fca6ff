/* SPDX-License-Identifier: MIT */
/*
 * nftw() reads folders inside libc, where nothing can be exchanged: it is given the shown folder
 * instead, and the program's function is told the names that it knows.
 */
#include "wrap.h"

#include "path.h"
#include "real.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The walk that this thread is on; the program's function may begin another. */
struct walk {
	const char *name; /* that the program gave */
	size_t skipped;	  /* of a shown name, which `name` stands for */
	int (*visit)(const char *, const struct stat *, int, struct FTW *);
	int (*visit64)(const char *, const struct stat64 *, int, struct FTW *);
	int (*visit_plainly)(const char *, const struct stat *, int);
	int (*visit_plainly64)(const char *, const struct stat64 *, int);
};

static _Thread_local struct walk *walk;

/* The name that the program is told. False for what it cannot know. */
static bool find_told(const char *shown, const struct FTW *place, char ret_told[PATH_MAX],
		      struct FTW *ret_place)
{
	int n = snprintf(ret_told, PATH_MAX, "%s%s", walk->name, shown + walk->skipped);
	const char *slash = strrchr(ret_told, '/');

	ret_place->level = place->level;
	ret_place->base = slash && slash[1] ? (int)(slash + 1 - ret_told) : 0;
	return n > 0 && n < PATH_MAX;
}

/* A node's placeholder is a plain file. */
static bool is_placeholder(const char *told, int type)
{
	return type == FTW_F && path_is_guarded(AT_FDCWD, told);
}

static int visit(const char *shown, const struct stat *status, int type, struct FTW *place)
{
	char told[PATH_MAX];
	struct FTW told_place; /* libc goes on from its own */
	struct stat own;

	if (!find_told(shown, place, told, &told_place))
		return 0;
	if (is_placeholder(told, type) && lstat(told, &own) == 0)
		status = &own;
	return walk->visit_plainly ? walk->visit_plainly(told, status, type)
				   : walk->visit(told, status, type, &told_place);
}

static int visit64(const char *shown, const struct stat64 *status, int type, struct FTW *place)
{
	char told[PATH_MAX];
	struct FTW told_place;
	struct stat64 own;

	if (!find_told(shown, place, told, &told_place))
		return 0;
	if (is_placeholder(told, type) && lstat64(told, &own) == 0)
		status = &own;
	return walk->visit_plainly64 ? walk->visit_plainly64(told, status, type)
				     : walk->visit64(told, status, type, &told_place);
}

static int walk_shown(struct walk *next, const struct path *path, int n_fds, int flags)
{
	struct walk *outer = walk;
	int r;

	next->skipped = strlen(path->real);
	walk = next;
	if (next->visit64 || next->visit_plainly64)
		r = real()->nftw64(path->real, visit64, n_fds, flags);
	else
		r = real()->nftw(path->real, visit, n_fds, flags);
	walk = outer;
	return r;
}

static bool is_walked_here(const char *name, struct path *ret_path)
{
	return path_may_be_ours(AT_FDCWD, name) && path_resolve(AT_FDCWD, name, ret_path) &&
	       !ret_path->node;
}

WRAP_EXPORT int nftw(const char *name,
		     int (*function)(const char *, const struct stat *, int, struct FTW *),
		     int n_fds, int flags)
{
	struct path path;

	if (!is_walked_here(name, &path))
		return real()->nftw(name, function, n_fds, flags);
	return walk_shown(&(struct walk){.name = name, .visit = function}, &path, n_fds, flags);
}

WRAP_EXPORT int nftw64(const char *name,
		       int (*function)(const char *, const struct stat64 *, int, struct FTW *),
		       int n_fds, int flags)
{
	struct path path;

	if (!is_walked_here(name, &path))
		return real()->nftw64(name, function, n_fds, flags);
	return walk_shown(&(struct walk){.name = name, .visit64 = function}, &path, n_fds, flags);
}

WRAP_EXPORT int ftw(const char *name, int (*function)(const char *, const struct stat *, int),
		    int n_fds)
{
	struct path path;

	if (!is_walked_here(name, &path))
		return real()->ftw(name, function, n_fds);
	return walk_shown(&(struct walk){.name = name, .visit_plainly = function}, &path, n_fds, 0);
}

WRAP_EXPORT int ftw64(const char *name, int (*function)(const char *, const struct stat64 *, int),
		      int n_fds)
{
	struct path path;

	if (!is_walked_here(name, &path))
		return real()->ftw64(name, function, n_fds);
	return walk_shown(&(struct walk){.name = name, .visit_plainly64 = function}, &path, n_fds,
			  0);
}
