/* SPDX-License-Identifier: MIT */
/*
 * Programs that go to the kernel through syscall() mean the same calls: those on paths and
 * descriptors are sent through libc's names, all others go on as they are.
 */
#include "wrap.h"

#include "fds.h"
#include "path.h"
#include "real.h"
#include "wrap_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGUMENTS 6

/* Calls that take a descriptor first; `ret_result` is set where it is served here. */
static bool serve_descriptor(long number, const long a[ARGUMENTS], long *ret_result)
{
	const int fd = (int)a[0];

	switch (number) {
	case SYS_close:
		*ret_result = close(fd);
		return true;
	case SYS_ioctl:
		*ret_result = wrap_ioctl(fd, (uint32_t)a[1], (void *)a[2]);
		return true;
	case SYS_dup:
		*ret_result = dup(fd);
		return true;
	case SYS_dup3:
		*ret_result = dup3(fd, (int)a[1], (int)a[2]);
		return true;
	case SYS_fcntl:
		*ret_result = fcntl(fd, (int)a[1], a[2]);
		return true;
#ifdef SYS_dup2
	case SYS_dup2:
		*ret_result = dup2(fd, (int)a[1]);
		return true;
#endif
#ifdef SYS_close_range
	case SYS_close_range:
		*ret_result = close_range((unsigned)a[0], (unsigned)a[1], (int)a[2]);
		return true;
#endif
	default:
		return false;
	}
}

#ifdef SYS_openat2
static long openat2_call(const long a[ARGUMENTS])
{
	const int folder = (int)a[0];
	const char *name = (const char *)a[1];
	const struct open_how *how = (const struct open_how *)a[2];
	struct path path;

	if (path_may_be_ours(folder, name) && how && (size_t)a[3] >= sizeof(*how) &&
	    (path_resolve(folder, name, &path) || path_is_guarded(folder, name)))
		return wrap_openat(folder, name, (int)how->flags, (mode_t)how->mode);
	return real()->syscall(SYS_openat2, a[0], a[1], a[2], a[3]);
}
#endif

/* Calls that take a path, and fstat(), whose struct is the kernel's own on 64-bit machines. */
static bool serve_path(long number, const long a[ARGUMENTS], long *ret_result)
{
	switch (number) {
	case SYS_openat:
		*ret_result = wrap_openat((int)a[0], (const char *)a[1], (int)a[2], (mode_t)a[3]);
		return true;
#ifdef SYS_open
	case SYS_open:
		*ret_result = wrap_openat(AT_FDCWD, (const char *)a[0], (int)a[1], (mode_t)a[2]);
		return true;
#endif
#ifdef SYS_access
	case SYS_access:
		*ret_result = access((const char *)a[0], (int)a[1]);
		return true;
#endif
#ifdef SYS_openat2
	case SYS_openat2:
		*ret_result = openat2_call(a);
		return true;
#endif
#ifdef SYS_creat
	case SYS_creat:
		*ret_result = creat((const char *)a[0], (mode_t)a[1]);
		return true;
#endif
#ifdef SYS_faccessat2
	case SYS_faccessat2:
		*ret_result = faccessat((int)a[0], (const char *)a[1], (int)a[2], (int)a[3]);
		return true;
#endif
	case SYS_faccessat:
		*ret_result = faccessat((int)a[0], (const char *)a[1], (int)a[2], 0);
		return true;
#ifdef SYS_readlink
	case SYS_readlink:
		*ret_result = readlink((const char *)a[0], (char *)a[1], (size_t)a[2]);
		return true;
#endif
	case SYS_readlinkat:
		*ret_result = readlinkat((int)a[0], (const char *)a[1], (char *)a[2], (size_t)a[3]);
		return true;
	case SYS_statx:
		*ret_result = statx((int)a[0], (const char *)a[1], (int)a[2], (unsigned)a[3],
				    (struct statx *)a[4]);
		return true;
#ifdef __LP64__
	case SYS_fstat:
		*ret_result = fstat((int)a[0], (struct stat *)a[1]);
		return true;
	case SYS_newfstatat:
		*ret_result = wrap_fstatat((int)a[0], (const char *)a[1], (struct stat64 *)a[2],
					   (int)a[3]);
		return true;
#ifdef SYS_stat
	case SYS_stat:
		*ret_result = stat((const char *)a[0], (struct stat *)a[1]);
		return true;
	case SYS_lstat:
		*ret_result = lstat((const char *)a[0], (struct stat *)a[1]);
		return true;
#endif
#endif
	default:
		return false;
	}
}

/* Calls whose names in libc keep to the same rules of their own. */
static bool serve_change(long number, const long a[ARGUMENTS], long *ret_result)
{
	switch (number) {
	case SYS_mknodat:
		*ret_result = mknodat((int)a[0], (const char *)a[1], (mode_t)a[2], (dev_t)a[3]);
		return true;
#ifdef SYS_mknod
	case SYS_mknod:
		*ret_result = mknod((const char *)a[0], (mode_t)a[1], (dev_t)a[2]);
		return true;
#endif
	case SYS_bind:
		*ret_result = bind((int)a[0], (const struct sockaddr *)a[1], (socklen_t)a[2]);
		return true;
	case SYS_chdir:
		*ret_result = chdir((const char *)a[0]);
		return true;
	case SYS_fchdir:
		*ret_result = fchdir((int)a[0]);
		return true;
	default:
		return wrap_change_syscall(number, a, ret_result);
	}
}

static bool serve_mmap(long number, const long a[ARGUMENTS], long *ret_result)
{
	struct wrap_mmap request = {(void *)a[0], (size_t)a[1], (int)a[2], (int)a[3], (int)a[4], 0,
				    false};

#if defined(SYS_mmap2)
	if (number != SYS_mmap2)
		return false;
	request.offset = (uint64_t)(uint32_t)a[5] << 12; /* counts in units of 4096 */
#else
	if (number != SYS_mmap)
		return false;
	request.offset = (uint64_t)a[5];
#endif
	if (!fds_peek(request.fd))
		return false;
	*ret_result = (long)wrap_mmap(&request);
	return true;
}

WRAP_EXPORT long syscall(long number, ...)
{
	long a[ARGUMENTS], result = -1;
	va_list arguments;

	va_start(arguments, number);
	for (unsigned i = 0; i < ARGUMENTS; i++)
		a[i] = va_arg(arguments, long); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	va_end(arguments);
	if (serve_descriptor(number, a, &result) || serve_path(number, a, &result) ||
	    serve_change(number, a, &result) || serve_mmap(number, a, &result) ||
	    wrap_poll_syscall(number, a, &result))
		return result;
	return real()->syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
