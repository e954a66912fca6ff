/* SPDX-License-Identifier: MIT */
/*
 * A pipe's inode is the one thing that all holders of its read end share and none of them can
 * write to: the outcome goes into its mode.
 */
#include "sessions/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

int fence_init(struct fence *fence, int *ret_read_fd)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	/* Mode 0 is "pending", and keeps others from reopening it for writing through /proc. */
	if (fchmod(fds[1], NPU_OUTCOME_PENDING) < 0) {
		int r = -errno;

		close(fds[0]);
		close(fds[1]);
		return r;
	}
	fence->write_fd = fds[1];
	*ret_read_fd = fds[0];
	return 0;
}

bool fence_is_abandoned(const struct fence *fence)
{
	struct pollfd polled = {.fd = fence->write_fd};

	return poll(&polled, 1, 0) > 0 && polled.revents & POLLERR;
}

void fence_signal(struct fence *fence, enum npu_outcome outcome)
{
	if (fence->write_fd < 0)
		return;
	(void)fchmod(fence->write_fd, outcome);
	close(fence->write_fd);
	fence->write_fd = -1;
}

enum fence_kind { FENCE_NONE, FENCE_PIPE, FENCE_SYNC_FILE };

/*
 * By name: the kernel's own names for files without a path don't begin with '/', and asking for one
 * never reaches a file system that a client may be serving, as fstat() or ioctl() would.
 */
static enum fence_kind fence_get_kind(int fd)
{
	char path[32], target[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return FENCE_NONE;
	target[n] = '\0';
	if (strncmp(target, "pipe:[", 6) == 0)
		return FENCE_PIPE;
	return strcmp(target, "anon_inode:sync_file") == 0 ? FENCE_SYNC_FILE : FENCE_NONE;
}

uint32_t fence_poll_events(int fd)
{
	return fence_get_kind(fd) == FENCE_PIPE ? 0 : POLLIN;
}

int fence_check(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || flags & O_PATH || fence_get_kind(fd) == FENCE_NONE)
		return -EINVAL;
	/* A pipe that can be written to is not a fence: its holder could keep it from ever ending.
	 */
	if (fence_get_kind(fd) == FENCE_PIPE && (flags & O_ACCMODE) != O_RDONLY)
		return -EINVAL;
	return 0;
}

static enum npu_outcome fence_sync_file_outcome(int fd)
{
	struct sync_file_info info = {0};

	if (ioctl(fd, SYNC_IOC_FILE_INFO, &info) < 0 || info.status < 0)
		return NPU_OUTCOME_DEPENDENCY;
	return info.status > 0 ? NPU_OUTCOME_OK : NPU_OUTCOME_PENDING;
}

enum npu_outcome fence_outcome(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = 0};
	struct stat st;

	if (fence_get_kind(fd) != FENCE_PIPE)
		return fence_sync_file_outcome(fd);
	if (poll(&poll_fd, 1, 0) <= 0)
		return NPU_OUTCOME_PENDING;
	/* Read the mode after the hang-up: it is set before the write end goes. */
	if (fstat(fd, &st) == 0 && (st.st_mode & NPU_FENCE_MODE_MASK) == NPU_OUTCOME_OK)
		return NPU_OUTCOME_OK;
	return NPU_OUTCOME_DEPENDENCY;
}
