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

/* poll(), select() and epoll by number; false where the kernel is to be called. */
bool wrap_poll_syscall(long number, const long a[6], long *ret_result);
bool wrap_epoll_syscall(long number, const long a[6], long *ret_result);
/* A node that poll(), select() and epoll never find ready. */
bool wrap_poll_is_never_ready(int fd);

/*
 * mkdir() and the like by number: a node, its folder or something below is not changed. False where
 * the kernel is to be called.
 */
bool wrap_change_syscall(long number, const long a[6], long *ret_result);
/* Whether something that cannot be pretended would be made there; with errno set. */
bool wrap_is_refused(const char *call, int folder, const char *name);

struct stat64;

int wrap_openat(int folder, const char *name, int flags, mode_t mode);
int wrap_fstatat(int folder, const char *name, struct stat64 *ret_status, int flags);

/* Whether libc is to be given functions to read the folders of a glob() with. */
bool wrap_glob_is_ours(const char *pattern, int flags);
void *wrap_glob_opendir(const char *name);
void wrap_glob_closedir(void *folder);

/*
 * What a function with the parameters of glob() returns. The names of glob() differ in the types
 * that these functions of theirs know: libc's own, and those that read and ask.
 */
#define WRAP_GLOB(libc_glob, read_entry, ask, ask_link)                                            \
	({                                                                                         \
		const bool is_ours = wrap_glob_is_ours(pattern, flags);                            \
		int status;                                                                        \
                                                                                                   \
		if (is_ours) {                                                                     \
			result->gl_opendir = wrap_glob_opendir;                                    \
			result->gl_closedir = wrap_glob_closedir;                                  \
			result->gl_readdir = read_entry;                                           \
			result->gl_stat = ask;                                                     \
			result->gl_lstat = ask_link;                                               \
		}                                                                                  \
		status = libc_glob(pattern, is_ours ? flags | GLOB_ALTDIRFUNC : flags, failed,     \
				   result);                                                        \
		if (is_ours)                                                                       \
			result->gl_flags &= ~GLOB_ALTDIRFUNC;                                      \
		status;                                                                            \
	})

#endif
