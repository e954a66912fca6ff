/* SPDX-License-Identifier: MIT */
/* A node must look like a character device: its descriptor really is a memfd. */
#include "wrap.h"

#include "drm.h"
#include "node.h"
#include "path.h"
#include "real.h"
#include "trace.h"
#include "wrap_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool stat_descriptor(int fd, struct stat64 *ret_status)
{
	struct drm_file *file;

	if (!fds_peek(fd))
		return false;
	file = drm_file_get(fd);
	if (!file)
		return false;
	node_stat(file->node, 0, ret_status);
	trace_call("fstat(%d) = 0 {%s}", fd, file->node->path);
	drm_file_put(file);
	return true;
}

static bool names_descriptor(const char *name, int flags)
{
	return flags & AT_EMPTY_PATH && name && !*name;
}

/* What answers for a name; `ret_status` is filled for a node, `ret_path` for what is shown. */
enum target { TARGET_KERNEL, TARGET_SHOWN, TARGET_NODE };

static enum target take_path(const struct path *path, struct stat64 *ret_status)
{
	if (!path->node)
		return TARGET_SHOWN;
	node_stat(path->node, 0, ret_status);
	trace_call("stat(%s) = 0", path->node->path);
	return TARGET_NODE;
}

static enum target find_target(int folder, const char *name, int flags, struct path *ret_path,
			       struct stat64 *ret_status)
{
	if (names_descriptor(name, flags))
		return stat_descriptor(folder, ret_status) ? TARGET_NODE : TARGET_KERNEL;
	if (!path_may_be_ours(folder, name))
		return TARGET_KERNEL;
	if (!(flags & AT_SYMLINK_NOFOLLOW) && stat_descriptor(path_descriptor(name), ret_status))
		return TARGET_NODE;
	return path_resolve(folder, name, ret_path) ? take_path(ret_path, ret_status)
						    : TARGET_KERNEL;
}

/* The same when the kernel has found nothing: the name may be a link. */
static enum target find_link_target(int folder, const char *name, int flags, struct path *ret_path,
				    struct stat64 *ret_status)
{
	if (errno != ENOENT || flags & AT_SYMLINK_NOFOLLOW || !name || !*name ||
	    !path_resolve_link(folder, name, ret_path))
		return TARGET_KERNEL;
	return take_path(ret_path, ret_status);
}

int wrap_fstatat(int folder, const char *name, struct stat64 *ret_status, int flags)
{
	struct path path;
	enum target target = find_target(folder, name, flags, &path, ret_status);

	if (target == TARGET_KERNEL) {
		int r = real()->fstatat64(folder, name, ret_status, flags);

		target = r < 0 ? find_link_target(folder, name, flags, &path, ret_status)
			       : TARGET_KERNEL;
		if (target == TARGET_KERNEL)
			return r;
	}
	if (target == TARGET_NODE)
		return 0;
	return real()->fstatat64(AT_FDCWD, path.real, ret_status, flags);
}

static void narrow(const struct stat64 *wide, struct stat *ret_narrow)
{
	memset(ret_narrow, 0, sizeof(*ret_narrow));
	ret_narrow->st_dev = wide->st_dev;
	ret_narrow->st_ino = (ino_t)wide->st_ino;
	ret_narrow->st_mode = wide->st_mode;
	ret_narrow->st_nlink = wide->st_nlink;
	ret_narrow->st_uid = wide->st_uid;
	ret_narrow->st_gid = wide->st_gid;
	ret_narrow->st_rdev = wide->st_rdev;
	ret_narrow->st_size = (off_t)wide->st_size;
	ret_narrow->st_blksize = wide->st_blksize;
	ret_narrow->st_blocks = (blkcnt_t)wide->st_blocks;
	ret_narrow->st_atim = wide->st_atim;
	ret_narrow->st_mtim = wide->st_mtim;
	ret_narrow->st_ctim = wide->st_ctim;
}

static int stat_narrow(int folder, const char *name, struct stat *ret_status, int flags)
{
	struct stat64 wide;
	struct path path;
	enum target target = find_target(folder, name, flags, &path, &wide);

	if (target == TARGET_KERNEL) {
		int r = real()->fstatat(folder, name, ret_status, flags);

		target =
			r < 0 ? find_link_target(folder, name, flags, &path, &wide) : TARGET_KERNEL;
		if (target == TARGET_KERNEL)
			return r;
	}
	if (target == TARGET_SHOWN)
		return real()->fstatat(AT_FDCWD, path.real, ret_status, flags);
	narrow(&wide, ret_status);
	return 0;
}

WRAP_EXPORT int stat(const char *restrict name, struct stat *restrict ret_status)
{
	return stat_narrow(AT_FDCWD, name, ret_status, 0);
}

WRAP_EXPORT int lstat(const char *restrict name, struct stat *restrict ret_status)
{
	return stat_narrow(AT_FDCWD, name, ret_status, AT_SYMLINK_NOFOLLOW);
}

WRAP_EXPORT int stat64(const char *restrict name, struct stat64 *restrict ret_status)
{
	return wrap_fstatat(AT_FDCWD, name, ret_status, 0);
}

WRAP_EXPORT int lstat64(const char *restrict name, struct stat64 *restrict ret_status)
{
	return wrap_fstatat(AT_FDCWD, name, ret_status, AT_SYMLINK_NOFOLLOW);
}

WRAP_EXPORT int fstat64(int fd, struct stat64 *ret_status)
{
	return stat_descriptor(fd, ret_status) ? 0 : real()->fstat64(fd, ret_status);
}

WRAP_EXPORT int fstat(int fd, struct stat *ret_status)
{
	struct stat64 wide;

	if (!stat_descriptor(fd, &wide))
		return real()->fstat(fd, ret_status);
	narrow(&wide, ret_status);
	return 0;
}

WRAP_EXPORT int fstatat(int folder, const char *restrict name, struct stat *restrict ret_status,
			int flags)
{
	return stat_narrow(folder, name, ret_status, flags);
}

WRAP_EXPORT int fstatat64(int folder, const char *restrict name, struct stat64 *restrict ret_status,
			  int flags)
{
	return wrap_fstatat(folder, name, ret_status, flags);
}

static void fill_statx(const struct stat64 *status, struct statx *ret_status)
{
	*ret_status = (struct statx){
		.stx_mask = STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | STATX_GID |
			    STATX_INO | STATX_SIZE | STATX_BLOCKS,
		.stx_blksize = (uint32_t)status->st_blksize,
		.stx_nlink = (uint32_t)status->st_nlink,
		.stx_mode = (uint16_t)status->st_mode,
		.stx_ino = status->st_ino,
		.stx_rdev_major = major(status->st_rdev),
		.stx_rdev_minor = minor(status->st_rdev),
		.stx_dev_major = major(status->st_dev),
		.stx_dev_minor = minor(status->st_dev),
	};
}

WRAP_EXPORT int statx(int folder, const char *restrict name, int flags, unsigned mask,
		      struct statx *restrict ret_status)
{
	struct stat64 status;
	struct path path;
	enum target target = find_target(folder, name, flags, &path, &status);

	if (target == TARGET_KERNEL) {
		int r = real()->statx(folder, name, flags, mask, ret_status);

		target = r < 0 ? find_link_target(folder, name, flags, &path, &status)
			       : TARGET_KERNEL;
		if (target == TARGET_KERNEL)
			return r;
	}
	if (target == TARGET_SHOWN)
		return real()->statx(AT_FDCWD, path.real, flags, mask, ret_status);
	fill_statx(&status, ret_status);
	return 0;
}

/* ---- as programs linked with glibc before 2.33 call them ---- */

#ifdef __i386__
#define STAT_VERSION_MAX 3
#else
#define STAT_VERSION_MAX 1
#endif

int __xstat(int version, const char *name, struct stat *ret_status);
int __lxstat(int version, const char *name, struct stat *ret_status);
int __fxstat(int version, int fd, struct stat *ret_status);
int __xstat64(int version, const char *name, struct stat64 *ret_status);
int __lxstat64(int version, const char *name, struct stat64 *ret_status);
int __fxstat64(int version, int fd, struct stat64 *ret_status);
int __fxstatat(int version, int folder, const char *name, struct stat *ret_status, int flags);
int __fxstatat64(int version, int folder, const char *name, struct stat64 *ret_status, int flags);

static bool is_version_known(int version)
{
	if (version >= 0 && version <= STAT_VERSION_MAX)
		return true;
	errno = EINVAL;
	return false;
}

WRAP_EXPORT int __xstat(int version, const char *name, struct stat *ret_status)
{
	return is_version_known(version) ? stat(name, ret_status) : -1;
}

WRAP_EXPORT int __lxstat(int version, const char *name, struct stat *ret_status)
{
	return is_version_known(version) ? lstat(name, ret_status) : -1;
}

WRAP_EXPORT int __fxstat(int version, int fd, struct stat *ret_status)
{
	return is_version_known(version) ? fstat(fd, ret_status) : -1;
}

WRAP_EXPORT int __xstat64(int version, const char *name, struct stat64 *ret_status)
{
	return is_version_known(version) ? stat64(name, ret_status) : -1;
}

WRAP_EXPORT int __lxstat64(int version, const char *name, struct stat64 *ret_status)
{
	return is_version_known(version) ? lstat64(name, ret_status) : -1;
}

WRAP_EXPORT int __fxstat64(int version, int fd, struct stat64 *ret_status)
{
	return is_version_known(version) ? fstat64(fd, ret_status) : -1;
}

WRAP_EXPORT int __fxstatat(int version, int folder, const char *name, struct stat *ret_status,
			   int flags)
{
	return is_version_known(version) ? fstatat(folder, name, ret_status, flags) : -1;
}

WRAP_EXPORT int __fxstatat64(int version, int folder, const char *name, struct stat64 *ret_status,
			     int flags)
{
	return is_version_known(version) ? fstatat64(folder, name, ret_status, flags) : -1;
}
