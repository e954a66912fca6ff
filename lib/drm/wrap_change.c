/* SPDX-License-Identifier: MIT */
/*
 * Calls that change what a path names. At the nodes, their folders and all below nothing is done:
 * what libdrm does there as root (it makes the folder and the node) is pretended, and calls after
 * which a program would miss something fail as on a file system that cannot be written to.
 */
#include "wrap.h"

#include "path.h"
#include "real.h"
#include "trace.h"
#include "wrap_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

int __xmknod(int version, const char *name, mode_t mode, dev_t *device);
int __xmknodat(int version, int folder, const char *name, mode_t mode, dev_t *device);

static bool is_pretended(const char *call, int folder, const char *name)
{
	if (!path_is_guarded(folder, name))
		return false;
	trace_call("%s(%s) = 0 (not done)", call, name);
	return true;
}

bool wrap_is_refused(const char *call, int folder, const char *name)
{
	if (!path_is_guarded(folder, name))
		return false;
	trace_call("%s(%s) = -%d (cannot be made here)", call, name, EROFS);
	errno = EROFS;
	return true;
}

/* ---- pretended ---- */

/* `name` is among the parameters; behind the folder that it begins at come libc's arguments. */
#define PRETEND(call, parameters, folder, ...)                                                     \
	WRAP_EXPORT int call parameters                                                            \
	{                                                                                          \
		return is_pretended(#call, folder, name) ? 0 : real()->call(__VA_ARGS__);          \
	}

PRETEND(mkdir, (const char *name, mode_t mode), AT_FDCWD, name, mode)
PRETEND(mkdirat, (int folder, const char *name, mode_t mode), folder, folder, name, mode)
PRETEND(chmod, (const char *name, mode_t mode), AT_FDCWD, name, mode)
PRETEND(lchmod, (const char *name, mode_t mode), AT_FDCWD, name, mode)
PRETEND(fchmodat, (int folder, const char *name, mode_t mode, int flags), folder, folder, name,
	mode, flags)
PRETEND(chown, (const char *name, uid_t user, gid_t group), AT_FDCWD, name, user, group)
PRETEND(lchown, (const char *name, uid_t user, gid_t group), AT_FDCWD, name, user, group)
PRETEND(fchownat, (int folder, const char *name, uid_t user, gid_t group, int flags), folder,
	folder, name, user, group, flags)
PRETEND(unlink, (const char *name), AT_FDCWD, name)
PRETEND(unlinkat, (int folder, const char *name, int flags), folder, folder, name, flags)
PRETEND(remove, (const char *name), AT_FDCWD, name)
PRETEND(rmdir, (const char *name), AT_FDCWD, name)
PRETEND(truncate, (const char *name, off_t size), AT_FDCWD, name, size)
PRETEND(truncate64, (const char *name, off64_t size), AT_FDCWD, name, size)
PRETEND(utime, (const char *name, const struct utimbuf *times), AT_FDCWD, name, times)
PRETEND(utimes, (const char *name, const struct timeval times[2]), AT_FDCWD, name, times)
PRETEND(lutimes, (const char *name, const struct timeval times[2]), AT_FDCWD, name, times)
PRETEND(futimesat, (int folder, const char *name, const struct timeval times[2]), folder, folder,
	name, times)
PRETEND(utimensat, (int folder, const char *name, const struct timespec times[2], int flags),
	folder, folder, name, times, flags)
PRETEND(setxattr,
	(const char *name, const char *attribute, const void *value, size_t size, int flags),
	AT_FDCWD, name, attribute, value, size, flags)
PRETEND(lsetxattr,
	(const char *name, const char *attribute, const void *value, size_t size, int flags),
	AT_FDCWD, name, attribute, value, size, flags)
PRETEND(removexattr, (const char *name, const char *attribute), AT_FDCWD, name, attribute)
PRETEND(lremovexattr, (const char *name, const char *attribute), AT_FDCWD, name, attribute)

#ifndef __LP64__ /* programs with times of 64 bits */

int __utime64(const char *name, const void *times);
int __utimes64(const char *name, const void *times);
int __lutimes64(const char *name, const void *times);
int __utimensat64(int folder, const char *name, const void *times, int flags);

PRETEND(__utime64, (const char *name, const void *times), AT_FDCWD, name, times)
PRETEND(__utimes64, (const char *name, const void *times), AT_FDCWD, name, times)
PRETEND(__lutimes64, (const char *name, const void *times), AT_FDCWD, name, times)
PRETEND(__utimensat64, (int folder, const char *name, const void *times, int flags), folder, folder,
	name, times, flags)

#endif

/* ---- device nodes are pretended, other things are not ---- */

static bool is_device(mode_t mode)
{
	return S_ISCHR(mode) || S_ISBLK(mode);
}

WRAP_EXPORT int mknodat(int folder, const char *name, mode_t mode, dev_t device)
{
	if (is_device(mode) && is_pretended("mknod", folder, name))
		return 0;
	if (wrap_is_refused("mknod", folder, name))
		return -1;
	return real()->mknodat(folder, name, mode, device);
}

WRAP_EXPORT int mknod(const char *name, mode_t mode, dev_t device)
{
	return mknodat(AT_FDCWD, name, mode, device);
}

WRAP_EXPORT int __xmknod(int version, const char *name, mode_t mode, dev_t *device)
{
	return mknodat(AT_FDCWD, name, mode, *device);
}

WRAP_EXPORT int __xmknodat(int version, int folder, const char *name, mode_t mode, dev_t *device)
{
	return mknodat(folder, name, mode, *device);
}

/* ---- refused ---- */

#define REFUSE(call, parameters, folder, ...)                                                      \
	WRAP_EXPORT int call parameters                                                            \
	{                                                                                          \
		return wrap_is_refused(#call, folder, name) ? -1 : real()->call(__VA_ARGS__);      \
	}

REFUSE(mkfifo, (const char *name, mode_t mode), AT_FDCWD, name, mode)
REFUSE(mkfifoat, (int folder, const char *name, mode_t mode), folder, folder, name, mode)
REFUSE(symlink, (const char *target, const char *name), AT_FDCWD, target, name)
REFUSE(symlinkat, (const char *target, int folder, const char *name), folder, target, folder, name)
REFUSE(mkstemp, (char *name), AT_FDCWD, name)
REFUSE(mkstemp64, (char *name), AT_FDCWD, name)
REFUSE(mkostemp, (char *name, int flags), AT_FDCWD, name, flags)
REFUSE(mkostemp64, (char *name, int flags), AT_FDCWD, name, flags)
REFUSE(mkstemps, (char *name, int n), AT_FDCWD, name, n)
REFUSE(mkstemps64, (char *name, int n), AT_FDCWD, name, n)
REFUSE(mkostemps, (char *name, int n, int flags), AT_FDCWD, name, n, flags)
REFUSE(mkostemps64, (char *name, int n, int flags), AT_FDCWD, name, n, flags)

WRAP_EXPORT char *mkdtemp(char *name)
{
	return wrap_is_refused("mkdtemp", AT_FDCWD, name) ? NULL : real()->mkdtemp(name);
}

/* Both ends of it: moving away changes the folder, too. */
static bool is_move_refused(const char *call, int from_folder, const char *from, int to_folder,
			    const char *to)
{
	return wrap_is_refused(call, from_folder, from) || wrap_is_refused(call, to_folder, to);
}

WRAP_EXPORT int rename(const char *from, const char *to)
{
	return is_move_refused("rename", AT_FDCWD, from, AT_FDCWD, to) ? -1
								       : real()->rename(from, to);
}

WRAP_EXPORT int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	if (is_move_refused("rename", from_folder, from, to_folder, to))
		return -1;
	return real()->renameat(from_folder, from, to_folder, to);
}

WRAP_EXPORT int renameat2(int from_folder, const char *from, int to_folder, const char *to,
			  unsigned flags)
{
	if (is_move_refused("rename", from_folder, from, to_folder, to))
		return -1;
	return real()->renameat2(from_folder, from, to_folder, to, flags);
}

WRAP_EXPORT int link(const char *from, const char *to)
{
	return is_move_refused("link", AT_FDCWD, from, AT_FDCWD, to) ? -1 : real()->link(from, to);
}

WRAP_EXPORT int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
	if (is_move_refused("link", from_folder, from, to_folder, to))
		return -1;
	return real()->linkat(from_folder, from, to_folder, to, flags);
}

WRAP_EXPORT int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
	const struct sockaddr_un *local = address.__sockaddr_un__;
	char name[sizeof(local->sun_path) + 1] = "";

	if (local && length > offsetof(struct sockaddr_un, sun_path) && length <= sizeof(*local) &&
	    local->sun_family == AF_UNIX)
		memcpy(name, local->sun_path, length - offsetof(struct sockaddr_un, sun_path));
	return wrap_is_refused("bind", AT_FDCWD, name) ? -1 : real()->bind(fd, address, length);
}

/* ---- by number ---- */

/* Newer than many machines' headers; the numbers are the same everywhere. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat	  463
#define SYS_removexattrat 466
#endif

enum change { CHANGE_NONE, CHANGE_PRETENDED, CHANGE_REFUSED };

/* Which arguments are the paths; `folder` counts from 1: 0 is the working directory. */
static const struct change_syscall {
	const char *name;
	enum change change;
	struct {
		uint8_t folder, name;
	} paths[2]; /* the second may be the same */
} change_syscalls[] = {
#define ONE(call, kind, folder, name)                                                              \
	[SYS_##call] = {#call, CHANGE_##kind, {{folder, name}, {folder, name}}}
#define TWO(call, kind, ...) [SYS_##call] = {#call, CHANGE_##kind, {__VA_ARGS__}}
	ONE(mkdirat, PRETENDED, 1, 1),
	ONE(fchmodat, PRETENDED, 1, 1),
	ONE(fchownat, PRETENDED, 1, 1),
	ONE(unlinkat, PRETENDED, 1, 1),
	ONE(truncate, PRETENDED, 0, 0),
	ONE(setxattr, PRETENDED, 0, 0),
	ONE(lsetxattr, PRETENDED, 0, 0),
	ONE(removexattr, PRETENDED, 0, 0),
	ONE(lremovexattr, PRETENDED, 0, 0),
	ONE(utimensat, PRETENDED, 1, 1),
	ONE(symlinkat, REFUSED, 2, 2),
	TWO(renameat2, REFUSED, {1, 1}, {3, 3}),
	TWO(linkat, REFUSED, {1, 1}, {3, 3}),
#ifdef SYS_renameat
	TWO(renameat, REFUSED, {1, 1}, {3, 3}),
#endif
	ONE(fchmodat2, PRETENDED, 1, 1),
	ONE(setxattrat, PRETENDED, 1, 1),
	ONE(removexattrat, PRETENDED, 1, 1),
#ifdef SYS_utimensat_time64
	ONE(utimensat_time64, PRETENDED, 1, 1),
#endif
#ifdef SYS_chown32
	ONE(chown32, PRETENDED, 0, 0),
	ONE(lchown32, PRETENDED, 0, 0),
	ONE(truncate64, PRETENDED, 0, 0),
#endif
#ifdef SYS_mkdir /* what newer machines have only in the forms above */
	ONE(mkdir, PRETENDED, 0, 0),
	ONE(chmod, PRETENDED, 0, 0),
	ONE(chown, PRETENDED, 0, 0),
	ONE(lchown, PRETENDED, 0, 0),
	ONE(unlink, PRETENDED, 0, 0),
	ONE(rmdir, PRETENDED, 0, 0),
	ONE(utime, PRETENDED, 0, 0),
	ONE(utimes, PRETENDED, 0, 0),
	ONE(futimesat, PRETENDED, 1, 1),
	ONE(symlink, REFUSED, 0, 1),
	TWO(rename, REFUSED, {0, 0}, {0, 1}),
	TWO(link, REFUSED, {0, 0}, {0, 1}),
#endif
};

#define N_CHANGE_SYSCALLS (sizeof(change_syscalls) / sizeof(change_syscalls[0]))

static bool is_change_answered(const struct change_syscall *call, int folder, const char *name)
{
	return call->change == CHANGE_PRETENDED ? is_pretended(call->name, folder, name)
						: wrap_is_refused(call->name, folder, name);
}

bool wrap_change_syscall(long number, const long a[6], long *ret_result)
{
	const struct change_syscall *call;

	if ((unsigned long)number >= N_CHANGE_SYSCALLS)
		return false;
	call = &change_syscalls[number];
	for (unsigned i = 0; i < 2 && call->change != CHANGE_NONE; i++) {
		int folder = call->paths[i].folder ? (int)a[call->paths[i].folder - 1] : AT_FDCWD;

		if (!is_change_answered(call, folder, (const char *)a[call->paths[i].name]))
			continue;
		*ret_result = call->change == CHANGE_PRETENDED ? 0 : -1;
		return true;
	}
	return false;
}
