/* SPDX-License-Identifier: MIT */
/*
 * Linked into npud_failing with --wrap: every system call and request for memory that npud makes
 * itself, or jansson for it, is counted, and one of them fails as the kernel would let it fail.
 */
#include "failing_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

static struct fault none;
static struct fault *fault = &none;

/* True when this call is the one; errno is set then. */
static bool fault_is_due(const char *call, int error)
{
	/* Most calls come while nothing is wanted, some from the cores' threads. */
	if (atomic_load(&fault->countdown) <= 0 || atomic_fetch_sub(&fault->countdown, 1) != 1)
		return false;
	/* Behind whichever thread wrote the last name: the test counts hits before it asks for
	 * more.
	 */
	(void)atomic_load(&fault->n_hits);
	snprintf(fault->last, sizeof(fault->last), "%s", call);
	atomic_fetch_add(&fault->n_hits, 1);
	errno = error;
	return true;
}

#define UNPACK(...) __VA_ARGS__

/* A function that answers `failure` and sets errno when its turn has come. */
#define WRAP(type, name, parameters, arguments, failure, error)                                    \
	type __real_##name(UNPACK parameters);                                                     \
	type __wrap_##name(UNPACK parameters);                                                     \
	type __wrap_##name(UNPACK parameters)                                                      \
	{                                                                                          \
		return fault_is_due(#name, error) ? (failure) : __real_##name(UNPACK arguments);   \
	}

/* ---- memory ---- */

WRAP(void *, malloc, (size_t size), (size), NULL, ENOMEM)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), NULL, ENOMEM)
WRAP(void *, realloc, (void *memory, size_t size), (memory, size), NULL, ENOMEM)
WRAP(void *, reallocarray, (void *memory, size_t n, size_t size), (memory, n, size), NULL, ENOMEM)
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size), NULL, ENOMEM)
WRAP(char *, strdup, (const char *text), (text), NULL, ENOMEM)
WRAP(void *, mmap64, (void *address, size_t size, int protection, int flags, int fd, off_t offset),
     (address, size, protection, flags, fd, offset), MAP_FAILED, ENOMEM)

/* ---- descriptors and files ---- */

WRAP(int, open64, (const char *path, int flags, mode_t mode), (path, flags, mode), -1, EMFILE)
WRAP(FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, EMFILE)
WRAP(int, ftruncate64, (int fd, off_t size), (fd, size), -1, ENOSPC)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, EPERM)
WRAP(int, chmod, (const char *path, mode_t mode), (path, mode), -1, EPERM)
WRAP(int, fcntl64, (int fd, int command, long argument), (fd, command, argument), -1, EMFILE)
WRAP(int, fstat64, (int fd, struct stat *ret_status), (fd, ret_status), -1, EIO)
WRAP(int, lstat64, (const char *path, struct stat *ret_status), (path, ret_status), -1, EIO)
WRAP(int, fstatfs64, (int fd, struct statfs *ret_status), (fd, ret_status), -1, EIO)
WRAP(int, flock, (int fd, int operation), (fd, operation), -1, ENOLCK)
WRAP(int, pipe2, (int *ret_fds, int flags), (ret_fds, flags), -1, EMFILE)
WRAP(int, eventfd, (unsigned count, int flags), (count, flags), -1, EMFILE)
WRAP(int, timerfd_create, (int clock, int flags), (clock, flags), -1, EMFILE)
WRAP(int, signalfd, (int fd, const void *mask, int flags), (fd, mask, flags), -1, EMFILE)
WRAP(ssize_t, read, (int fd, void *buffer, size_t size), (fd, buffer, size), -1, EINTR)
WRAP(ssize_t, readlink, (const char *path, char *buffer, size_t size), (path, buffer, size), -1,
     EACCES)
WRAP(int, ioctl, (int fd, unsigned long request, void *argument), (fd, request, argument), -1,
     ENOTTY)

/* ---- sockets ---- */

WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1, EMFILE)
WRAP(int, socketpair, (int domain, int type, int protocol, int *ret_fds),
     (domain, type, protocol, ret_fds), -1, EMFILE)
WRAP(int, bind, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size), -1,
     EACCES)
WRAP(int, listen, (int fd, int backlog), (fd, backlog), -1, EADDRINUSE)
WRAP(int, accept4, (int fd, struct sockaddr *address, socklen_t *size, int flags),
     (fd, address, size, flags), -1, EMFILE)
WRAP(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size),
     (fd, level, name, value, size), -1, ENOMEM)
WRAP(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
     (fd, level, name, value, size), -1, ENOMEM)
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), -1,
     ENOMEM)
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), -1,
     ENOMEM)
WRAP(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags), -1,
     ENOMEM)

/* ---- the loop ---- */

WRAP(int, poll, (struct pollfd * fds, nfds_t n, int timeout_ms), (fds, n, timeout_ms), -1, ENOMEM)
WRAP(int, epoll_create1, (int flags), (flags), -1, EMFILE)
WRAP(int, epoll_ctl, (int epoll_fd, int operation, int fd, struct epoll_event *event),
     (epoll_fd, operation, fd, event), -1, ENOMEM)
WRAP(int, epoll_pwait2,
     (int fd, struct epoll_event *events, int n, const struct timespec *timeout, const void *mask),
     (fd, events, n, timeout, mask), -1, EINTR)
WRAP(int, io_uring_queue_init_params, (unsigned n, struct io_uring *ring, void *parameters),
     (n, ring, parameters), -ENOMEM, ENOMEM)
WRAP(int, io_uring_register, (unsigned fd, unsigned operation, const void *argument, unsigned n),
     (fd, operation, argument, n), -ENOMEM, ENOMEM)
WRAP(int, io_uring_submit, (struct io_uring * ring), (ring), -EAGAIN, EAGAIN)
WRAP(int, io_uring_submit_and_wait_timeout,
     (struct io_uring * ring, struct io_uring_cqe **cqe, unsigned n, void *timeout, void *mask),
     (ring, cqe, n, timeout, mask), -EAGAIN, EAGAIN)
WRAP(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context),
     (thread, attributes, run, context), EAGAIN, EAGAIN)

/* ---- */

static void *fault_json_malloc(size_t size)
{
	return __wrap_malloc(size);
}

__attribute__((constructor)) static void fault_init(void)
{
	const char *path = getenv("NPU_FAULT");
	int fd = path ? __real_open64(path, O_RDWR | O_CLOEXEC, 0) : -1;
	void *memory;

	json_set_alloc_funcs(fault_json_malloc, free);
	if (fd < 0)
		return;
	memory = __real_mmap64(NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		abort();
	fault = memory;
	close(fd);
}
