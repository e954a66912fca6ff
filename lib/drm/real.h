/* SPDX-License-Identifier: MIT */
/*
 * The functions that this library stands in front of: the next definition of each in the process,
 * which is another preloaded library's or libc's.
 */
#ifndef NPU_DRM_REAL_H
#define NPU_DRM_REAL_H

#include <dirent.h>
#include <ftw.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <utime.h>

/* X(type of the result, name, parameters) */
#define REAL_FUNCTIONS(X)                                                                          \
	X(int, open, (const char *, int, ...))                                                     \
	X(int, open64, (const char *, int, ...))                                                   \
	X(int, openat, (int, const char *, int, ...))                                              \
	X(int, openat64, (int, const char *, int, ...))                                            \
	X(FILE *, fopen, (const char *, const char *))                                             \
	X(FILE *, fopen64, (const char *, const char *))                                           \
	X(int, fclose, (FILE *))                                                                   \
	X(int, close, (int))                                                                       \
	X(int, close_range, (unsigned, unsigned, int))                                             \
	X(void, closefrom, (int))                                                                  \
	X(int, dup, (int))                                                                         \
	X(int, dup2, (int, int))                                                                   \
	X(int, dup3, (int, int, int))                                                              \
	X(int, fcntl, (int, int, ...))                                                             \
	X(int, fcntl64, (int, int, ...))                                                           \
	X(int, ioctl, (int, unsigned long, ...))                                                   \
	X(int, __ioctl_time64, (int, unsigned long, ...))                                          \
	X(int, __fcntl_time64, (int, int, ...))                                                    \
	X(void *, mmap, (void *, size_t, int, int, int, off_t))                                    \
	X(void *, mmap64, (void *, size_t, int, int, int, off64_t))                                \
	X(int, poll, (struct pollfd *, nfds_t, int))                                               \
	X(int, ppoll, (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *))        \
	X(int, __poll_chk, (struct pollfd *, nfds_t, int, size_t))                                 \
	X(int, __ppoll_chk,                                                                        \
	  (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t))            \
	X(int, __ppoll64, (struct pollfd *, nfds_t, const void *, const sigset_t *))               \
	X(int, select, (int, fd_set *, fd_set *, fd_set *, struct timeval *))                      \
	X(int, pselect,                                                                            \
	  (int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *))          \
	X(int, __select64, (int, fd_set *, fd_set *, fd_set *, void *))                            \
	X(int, __pselect64, (int, fd_set *, fd_set *, fd_set *, const void *, const sigset_t *))   \
	X(int, epoll_ctl, (int, int, int, struct epoll_event *))                                   \
	X(int, epoll_wait, (int, struct epoll_event *, int, int))                                  \
	X(int, epoll_pwait, (int, struct epoll_event *, int, int, const sigset_t *))               \
	X(int, epoll_pwait2,                                                                       \
	  (int, struct epoll_event *, int, const struct timespec *, const sigset_t *))             \
	X(int, __epoll_pwait2_time64,                                                              \
	  (int, struct epoll_event *, int, const void *, const sigset_t *))                        \
	X(int, fstat, (int, struct stat *))                                                        \
	X(int, fstat64, (int, struct stat64 *))                                                    \
	X(int, fstatat, (int, const char *, struct stat *, int))                                   \
	X(int, fstatat64, (int, const char *, struct stat64 *, int))                               \
	X(int, statx, (int, const char *, int, unsigned, struct statx *))                          \
	X(int, access, (const char *, int))                                                        \
	X(int, euidaccess, (const char *, int))                                                    \
	X(int, faccessat, (int, const char *, int, int))                                           \
	X(ssize_t, readlink, (const char *, char *, size_t))                                       \
	X(ssize_t, readlinkat, (int, const char *, char *, size_t))                                \
	X(char *, realpath, (const char *, char *))                                                \
	X(int, chdir, (const char *))                                                              \
	X(int, fchdir, (int))                                                                      \
	X(char *, getcwd, (char *, size_t))                                                        \
	X(char *, get_current_dir_name, (void))                                                    \
	X(DIR *, opendir, (const char *))                                                          \
	X(int, closedir, (DIR *))                                                                  \
	X(struct dirent *, readdir, (DIR *))                                                       \
	X(struct dirent64 *, readdir64, (DIR *))                                                   \
	X(int, scandir,                                                                            \
	  (const char *, struct dirent ***, int (*)(const struct dirent *),                        \
	   int (*)(const struct dirent **, const struct dirent **)))                               \
	X(int, scandir64,                                                                          \
	  (const char *, struct dirent64 ***, int (*)(const struct dirent64 *),                    \
	   int (*)(const struct dirent64 **, const struct dirent64 **)))                           \
	X(int, glob, (const char *, int, int (*)(const char *, int), glob_t *))                    \
	X(int, glob64, (const char *, int, int (*)(const char *, int), glob64_t *))                \
	X(int, __glob64_time64, (const char *, int, int (*)(const char *, int), void *))           \
	X(ssize_t, getxattr, (const char *, const char *, void *, size_t))                         \
	X(ssize_t, lgetxattr, (const char *, const char *, void *, size_t))                        \
	X(ssize_t, listxattr, (const char *, char *, size_t))                                      \
	X(ssize_t, llistxattr, (const char *, char *, size_t))                                     \
	X(int, mkdir, (const char *, mode_t))                                                      \
	X(int, mkdirat, (int, const char *, mode_t))                                               \
	X(int, mknodat, (int, const char *, mode_t, dev_t))                                        \
	X(int, mkfifo, (const char *, mode_t))                                                     \
	X(int, mkfifoat, (int, const char *, mode_t))                                              \
	X(int, chmod, (const char *, mode_t))                                                      \
	X(int, lchmod, (const char *, mode_t))                                                     \
	X(int, fchmodat, (int, const char *, mode_t, int))                                         \
	X(int, chown, (const char *, uid_t, gid_t))                                                \
	X(int, lchown, (const char *, uid_t, gid_t))                                               \
	X(int, fchownat, (int, const char *, uid_t, gid_t, int))                                   \
	X(int, unlink, (const char *))                                                             \
	X(int, unlinkat, (int, const char *, int))                                                 \
	X(int, remove, (const char *))                                                             \
	X(int, rmdir, (const char *))                                                              \
	X(int, rename, (const char *, const char *))                                               \
	X(int, renameat, (int, const char *, int, const char *))                                   \
	X(int, renameat2, (int, const char *, int, const char *, unsigned))                        \
	X(int, link, (const char *, const char *))                                                 \
	X(int, linkat, (int, const char *, int, const char *, int))                                \
	X(int, symlink, (const char *, const char *))                                              \
	X(int, symlinkat, (const char *, int, const char *))                                       \
	X(int, truncate, (const char *, off_t))                                                    \
	X(int, truncate64, (const char *, off64_t))                                                \
	X(int, utime, (const char *, const struct utimbuf *))                                      \
	X(int, utimes, (const char *, const struct timeval *))                                     \
	X(int, lutimes, (const char *, const struct timeval *))                                    \
	X(int, futimesat, (int, const char *, const struct timeval *))                             \
	X(int, utimensat, (int, const char *, const struct timespec *, int))                       \
	X(int, __utime64, (const char *, const void *))                                            \
	X(int, __utimes64, (const char *, const void *))                                           \
	X(int, __lutimes64, (const char *, const void *))                                          \
	X(int, __utimensat64, (int, const char *, const void *, int))                              \
	X(int, setxattr, (const char *, const char *, const void *, size_t, int))                  \
	X(int, lsetxattr, (const char *, const char *, const void *, size_t, int))                 \
	X(int, removexattr, (const char *, const char *))                                          \
	X(int, lremovexattr, (const char *, const char *))                                         \
	X(int, mkstemp, (char *))                                                                  \
	X(int, mkstemp64, (char *))                                                                \
	X(int, mkostemp, (char *, int))                                                            \
	X(int, mkostemp64, (char *, int))                                                          \
	X(int, mkstemps, (char *, int))                                                            \
	X(int, mkstemps64, (char *, int))                                                          \
	X(int, mkostemps, (char *, int, int))                                                      \
	X(int, mkostemps64, (char *, int, int))                                                    \
	X(char *, mkdtemp, (char *))                                                               \
	X(int, bind, (int, __CONST_SOCKADDR_ARG, socklen_t))                                       \
	X(FILE *, freopen, (const char *, const char *, FILE *))                                   \
	X(FILE *, freopen64, (const char *, const char *, FILE *))                                 \
	X(int, posix_spawn_file_actions_addopen,                                                   \
	  (posix_spawn_file_actions_t *, int, const char *, int, mode_t))                          \
	X(void, rewinddir, (DIR *))                                                                \
	X(int, nftw,                                                                               \
	  (const char *, int (*)(const char *, const struct stat *, int, struct FTW *), int, int)) \
	X(int, nftw64,                                                                             \
	  (const char *, int (*)(const char *, const struct stat64 *, int, struct FTW *), int,     \
	   int))                                                                                   \
	X(int, ftw, (const char *, int (*)(const char *, const struct stat *, int), int))          \
	X(int, ftw64, (const char *, int (*)(const char *, const struct stat64 *, int), int))      \
	X(long, syscall, (long, ...))

struct real_functions {
#define REAL_MEMBER(type, name, parameters) type(*name) parameters;
	REAL_FUNCTIONS(REAL_MEMBER)
#undef REAL_MEMBER
	void *(*dlsym)(void *, const char *);
	bool is_ready;
};

extern struct real_functions real_table;

/* Looks all of them up; harmless to repeat. */
void real_init(void);

/* The table; a function that this libc does not have is NULL in it. */
static inline const struct real_functions *real(void)
{
	if (__builtin_expect(!real_table.is_ready, 0))
		real_init();
	return &real_table;
}

#endif
