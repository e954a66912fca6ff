/* SPDX-License-Identifier: MIT */
/* Calls that more than one of libc's names leads to. All keep to libc's rules: -1 and errno. */
#ifndef NPU_DRM_WRAP_CALLS_H
#define NPU_DRM_WRAP_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct wrap_mmap {
	void *address;
	size_t length;
	int protection, flags, fd;
	uint64_t offset;
	bool is_cut; /* of the offset only the low 32 bits are known */
};

int wrap_ioctl(int fd, unsigned long request, void *argument);
/* fcntl64() */
int wrap_fcntl(int fd, int command, void *argument);
/* `fd` is one that fds_peek() knows. */
void *wrap_mmap(const struct wrap_mmap *request);

/* poll(), select() and epoll_ctl() by number; false where the kernel is to be called. */
bool wrap_poll_syscall(long number, const long a[6], long *ret_result);

struct stat64;

int wrap_openat(int folder, const char *name, int flags, mode_t mode);
int wrap_fstatat(int folder, const char *name, struct stat64 *ret_status, int flags);

#endif
