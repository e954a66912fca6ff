/* SPDX-License-Identifier: MIT */
/*
 * What 32-bit programs with a time_t of 64 bits call. Asked for such times, libc's headers give
 * stat() and its kin other names, which is what makes the functions below those programs'.
 */
#ifndef __LP64__

#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS
#define _FILE_OFFSET_BITS 64
#define _TIME_BITS	  64

#include "path.h"
#include "real.h"
#include "wrap_calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define WRAP_EXPORT __attribute__((visibility("default")))

static void fill_stat(const struct statx *status, struct stat *ret_status)
{
	memset(ret_status, 0, sizeof(*ret_status));
	ret_status->st_dev = makedev(status->stx_dev_major, status->stx_dev_minor);
	ret_status->st_ino = status->stx_ino;
	ret_status->st_mode = status->stx_mode;
	ret_status->st_nlink = status->stx_nlink;
	ret_status->st_uid = status->stx_uid;
	ret_status->st_gid = status->stx_gid;
	ret_status->st_rdev = makedev(status->stx_rdev_major, status->stx_rdev_minor);
	ret_status->st_size = (off_t)status->stx_size;
	ret_status->st_blksize = (blksize_t)status->stx_blksize;
	ret_status->st_blocks = (blkcnt_t)status->stx_blocks;
	ret_status->st_atim.tv_sec = status->stx_atime.tv_sec;
	ret_status->st_atim.tv_nsec = (long)status->stx_atime.tv_nsec;
	ret_status->st_mtim.tv_sec = status->stx_mtime.tv_sec;
	ret_status->st_mtim.tv_nsec = (long)status->stx_mtime.tv_nsec;
	ret_status->st_ctim.tv_sec = status->stx_ctime.tv_sec;
	ret_status->st_ctim.tv_nsec = (long)status->stx_ctime.tv_nsec;
}

/* As libc makes these calls: statx() tells all times in full. */
WRAP_EXPORT int fstatat(int folder, const char *restrict name, struct stat *restrict ret_status,
			int flags)
{
	struct statx status;

	if (statx(folder, name, flags, STATX_BASIC_STATS, &status) < 0)
		return -1;
	fill_stat(&status, ret_status);
	return 0;
}

WRAP_EXPORT int stat(const char *restrict name, struct stat *restrict ret_status)
{
	return fstatat(AT_FDCWD, name, ret_status, 0);
}

WRAP_EXPORT int lstat(const char *restrict name, struct stat *restrict ret_status)
{
	return fstatat(AT_FDCWD, name, ret_status, AT_SYMLINK_NOFOLLOW);
}

WRAP_EXPORT int fstat(int fd, struct stat *ret_status)
{
	return fstatat(fd, "", ret_status, AT_EMPTY_PATH);
}

static struct dirent *glob_readdir(void *folder)
{
	return readdir(folder);
}

WRAP_EXPORT int glob(const char *restrict pattern, int flags, int (*failed)(const char *, int),
		     glob_t *restrict result)
{
	return WRAP_GLOB(real()->__glob64_time64, glob_readdir, stat, lstat);
}

#else

typedef int wrap_time64_is_for_narrow_programs; /* a file must declare something */

#endif
