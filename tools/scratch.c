/* SPDX-License-Identifier: MIT */
/*
 * Each folder has a file that its users hold locked. The lock goes with its last holder, however
 * that ends: a file that can be locked says that nobody is left. Folders of others, and those that
 * only look alike, have no such file, or can be written to by others.
 */
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME   "scratch.lock"
#define LOCK_NEW    "scratch.lock.new"
#define LOCK_FD_MIN 512 /* programs take lower numbers for files of their own: exec 3>FILE */
#define RANDOM_PART "XXXXXX"

static int open_folder(int parent, const char *name)
{
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- removal: by descriptor, so that no link leads it elsewhere ---- */

/* Removes what is in a folder, but for a file `kept`, if not NULL. */
static void empty_folder(int parent, const char *name, const char *kept)
{
	int fd = open_folder(parent, name);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	if (!folder) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    (kept && strcmp(entry->d_name, kept) == 0))
			continue;
		if (unlinkat(fd, entry->d_name, 0) == 0)
			continue;
		empty_folder(fd, entry->d_name, NULL);
		unlinkat(fd, entry->d_name, AT_REMOVEDIR);
	}
	closedir(folder);
}

/* The lock goes last, so that a removal that is cut short is taken up by the next process. */
static void remove_folder(int parent, const char *name, int folder)
{
	empty_folder(folder, ".", LOCK_NAME);
	empty_folder(folder, ".", NULL);
	unlinkat(parent, name, AT_REMOVEDIR);
}

/* ---- what others have left ---- */

static bool is_of_kind(const char *name, const char *kind)
{
	size_t n = strlen(kind);
	return strncmp(name, kind, n) == 0 && name[n] == '-' &&
	       strlen(name + n + 1) == strlen(RANDOM_PART);
}

/* This user's, and nobody else could put something there. */
static bool is_own(int folder)
{
	struct stat status;
	return fstat(folder, &status) == 0 && status.st_uid == geteuid() &&
	       (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static void sweep_folder(int parent, const char *name)
{
	int folder = open_folder(parent, name), lock = -1;
	if (folder < 0)
		return;
	if (is_own(folder))
		lock = openat(folder, LOCK_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (lock >= 0) {
		if (flock(lock, LOCK_EX | LOCK_NB) == 0)
			remove_folder(parent, name, folder);
		close(lock);
	}
	close(folder);
}

static void sweep(const char *parent, const char *kind)
{
	DIR *folder = opendir(parent);
	if (!folder)
		return;
	for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
		if (is_of_kind(entry->d_name, kind))
			sweep_folder(dirfd(folder), entry->d_name);
	closedir(folder);
}

/* ---- one's own ---- */

/* Under its name the file is there only once it is locked. */
static int lock_folder(int folder, int *ret_lock)
{
	int fd = openat(folder, LOCK_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, LOCK_FD_MIN);
	if (high >= 0) {
		close(fd);
		fd = high;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || renameat(folder, LOCK_NEW, folder, LOCK_NAME) < 0) {
		int result = -errno;
		close(fd);
		return result;
	}
	*ret_lock = fd;
	return 0;
}

static const char *choose_parent(const char *parent, const char *kind)
{
	const size_t room = sizeof(((struct scratch *)NULL)->path);
	if (!parent || !*parent || access(parent, W_OK) < 0 ||
	    strlen(parent) + strlen(kind) + sizeof("/-" RANDOM_PART) > room)
		return "/tmp";
	return parent;
}

int scratch_init(const char *parent, const char *kind, struct scratch *ret_scratch)
{
	struct scratch scratch = {.lock = -1};
	parent = choose_parent(parent, kind);
	sweep(parent, kind);
	snprintf(scratch.path, sizeof(scratch.path), "%s/%s-" RANDOM_PART, parent, kind);
	if (!mkdtemp(scratch.path))
		return -errno;
	int folder = open_folder(AT_FDCWD, scratch.path);
	int result = folder < 0 ? -errno : lock_folder(folder, &scratch.lock);
	if (folder >= 0)
		close(folder);
	if (result < 0) {
		scratch_deinit(&scratch);
		return result;
	}
	*ret_scratch = scratch;
	return 0;
}

void scratch_lend(const struct scratch *scratch)
{
	fcntl(scratch->lock, F_SETFD, 0);
}

void scratch_leave(struct scratch *scratch)
{
	if (scratch->path[0] && scratch->lock >= 0) {
		close(scratch->lock);
		sweep_folder(AT_FDCWD, scratch->path);
	}
	*scratch = (struct scratch){.lock = -1};
}

void scratch_deinit(struct scratch *scratch)
{
	if (!scratch->path[0])
		return;
	int folder = open_folder(AT_FDCWD, scratch->path);
	if (folder >= 0) {
		remove_folder(AT_FDCWD, scratch->path, folder);
		close(folder);
	}
	if (scratch->lock >= 0)
		close(scratch->lock);
	*scratch = (struct scratch){.lock = -1};
}
