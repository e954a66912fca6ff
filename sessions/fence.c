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
#include <stdbool.h>
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

void fence_signal(struct fence *fence, enum npu_outcome outcome)
{
	if (fence->write_fd < 0)
		return;
	(void)fchmod(fence->write_fd, outcome);
	close(fence->write_fd);
	fence->write_fd = -1;
}

static bool fence_is_pipe(int fd, mode_t *ret_mode)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		return false;
	*ret_mode = st.st_mode & NPU_FENCE_MODE_MASK;
	return true;
}

uint32_t fence_poll_events(int fd)
{
	mode_t mode;

	return fence_is_pipe(fd, &mode) ? 0 : POLLIN;
}

static int fence_sync_file_status(int fd, int *ret_status)
{
	struct sync_file_info info = {0};

	if (ioctl(fd, SYNC_IOC_FILE_INFO, &info) < 0)
		return -errno;
	*ret_status = info.status;
	return 0;
}

int fence_check(int fd)
{
	mode_t mode;
	int status;

	/* A pipe that can be written to is not a fence: its holder could keep it from ever ending.
	 */
	if (fence_is_pipe(fd, &mode))
		return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY ? 0 : -EINVAL;
	return fence_sync_file_status(fd, &status) == 0 ? 0 : -EINVAL;
}

enum npu_outcome fence_outcome(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = 0};
	mode_t mode;
	int status = 0;

	if (!fence_is_pipe(fd, &mode)) {
		if (fence_sync_file_status(fd, &status) < 0 || status < 0)
			return NPU_OUTCOME_DEPENDENCY;
		return status > 0 ? NPU_OUTCOME_OK : NPU_OUTCOME_PENDING;
	}
	if (poll(&poll_fd, 1, 0) <= 0 || !(poll_fd.revents & (POLLHUP | POLLERR)))
		return NPU_OUTCOME_PENDING;
	/* Read the mode after the hang-up: it is set before the write end goes. */
	if (!fence_is_pipe(fd, &mode) || mode != NPU_OUTCOME_OK)
		return NPU_OUTCOME_DEPENDENCY;
	return NPU_OUTCOME_OK;
}
