/* SPDX-License-Identifier: MIT */
/*
 * A fence of npud's is a pipe to the kernel; programs that hold it for a sync file ask it how it
 * ended, or make one of two. When it ended is not known.
 */
#include "wrap.h"

#include "sync_file.h"

#include "drm.h"
#include "merge.h"
#include "npu.h"
#include "order.h"
#include "trace.h"
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* As sync files have it: 0 while it is pending, 1 at the end, or why it failed. -ENOTTY: no fence.
 */
static int find_status(int fd, int32_t *ret_status)
{
	enum npu_outcome outcome;
	int r = npu_fence_wait(fd, 0, &outcome);

	if (r == -EBADF)
		return -ENOTTY;
	if (r < 0)
		*ret_status = r == -ETIMEDOUT ? 0 : -ENODEV;
	else
		*ret_status = outcome == NPU_OUTCOME_OK ? 1 : -EIO;
	return 0;
}

static int write_fence(const struct sync_file_info *info)
{
	const struct sync_fence_info fence = {
		.obj_name = "npud", .driver_name = "npud", .status = info->status};

	return user_write((void *)(uintptr_t)info->sync_fence_info, &fence, sizeof(fence));
}

static int get_info(int fd, void *argument)
{
	static const char name[sizeof(((struct sync_file_info *)NULL)->name)] = "npud";
	struct sync_file_info info;
	int32_t status;
	int r = find_status(fd, &status);

	if (r == 0)
		r = user_read(&info, argument, sizeof(info));
	if (r == 0 && (info.flags || info.pad)) {
		trace_explain("SYNC_IOC_FILE_INFO: flags 0x%x or pad 0x%x is not 0", info.flags,
			      info.pad);
		r = -EINVAL;
	}
	if (r < 0)
		return r;
	memcpy(info.name, name, sizeof(info.name));
	info.status = status;
	if (info.num_fences > 0)
		r = write_fence(&info);
	info.num_fences = 1;
	return r < 0 ? r : user_write(argument, &info, sizeof(info));
}

int sync_file_export(struct drm_file *file, const struct stat64 *memory, void *argument)
{
	struct dma_buf_export_sync_file request;
	int r = user_read(&request, argument, sizeof(request));

	if (r < 0)
		return r;
	if (!(request.flags & DMA_BUF_SYNC_RW) || request.flags & ~DMA_BUF_SYNC_RW) {
		trace_explain(
			"DMA_BUF_IOCTL_EXPORT_SYNC_FILE: flags 0x%x: reading, writing or both "
			"(0x1 ... 0x3)",
			request.flags);
		return -EINVAL;
	}
	r = order_fence_memory(file, memory->st_dev, memory->st_ino, &request.fd);
	if (r < 0)
		trace_explain("DMA_BUF_IOCTL_EXPORT_SYNC_FILE: %s", strerrordesc_np(-r));
	trace_call("ioctl(DMA_BUF_IOCTL_EXPORT_SYNC_FILE, {flags=%u}) = %d", request.flags,
		   r < 0 ? r : request.fd);
	return r < 0 ? drm_error(r) : user_write(argument, &request, sizeof(request));
}

static int merge(int fd, void *argument)
{
	struct sync_merge_data data;
	int32_t status;
	int r = find_status(fd, &status);

	if (r == 0)
		r = user_read(&data, argument, sizeof(data));
	if (r == 0 && (data.flags || data.pad)) {
		trace_explain("SYNC_IOC_MERGE: flags 0x%x or pad 0x%x is not 0", data.flags,
			      data.pad);
		r = -EINVAL;
	}
	if (r == 0 && find_status(data.fd2, &status) < 0) {
		trace_explain("SYNC_IOC_MERGE: fd2 %d is no fence of npud's", data.fd2);
		r = -ENOENT;
	}
	if (r == 0)
		r = merge_fences(fd, data.fd2, &data.fence);
	if (r == 0 && user_write(argument, &data, sizeof(data)) < 0) {
		close(data.fence);
		r = -EFAULT;
	}
	return r;
}

/* What npu_protocol.h says of fences: the mode is the outcome, hanging up is the end. */
int sync_file_new_signalled(enum npu_outcome outcome)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	(void)fchmod(fds[1], outcome);
	close(fds[1]);
	return fds[0];
}

bool sync_file_is_fence(int fd)
{
	int32_t status;

	return find_status(fd, &status) == 0;
}

int sync_file_ioctl(int fd, unsigned long request, void *argument)
{
	const unsigned n_explained = trace_count_explained();
	const char *name = NULL;
	int r = -ENOTTY;

	if (_IOC_NR(request) == _IOC_NR(SYNC_IOC_FILE_INFO)) {
		name = "SYNC_IOC_FILE_INFO";
		r = get_info(fd, argument);
	} else if (_IOC_NR(request) == _IOC_NR(SYNC_IOC_MERGE)) {
		name = "SYNC_IOC_MERGE";
		r = merge(fd, argument);
	} else if (sync_file_is_fence(fd)) {
		trace_explain("sync file %d: ioctl 0x%lx is not served", fd, request);
	}
	if (!name || r == -ENOTTY)
		return r;
	if (r < 0 && trace_count_explained() == n_explained)
		trace_explain("%s: %s (argument at %p)", name, strerrordesc_np(-r), argument);
	trace_call("ioctl(%s, %d) = %d", name, fd, r);
	return r;
}
