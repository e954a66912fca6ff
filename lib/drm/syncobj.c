/* SPDX-License-Identifier: MIT */
/* Waiting is poll(): on the object's fence and on the event of a signal by hand. */
#include "wrap.h"

#include "syncobj.h"

#include "real.h"
#include "sync_file.h"
#include "trace.h"
#include "uapi/drm.h"
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define HANDLES_MAX 1024u
#define SECOND_NS   1000000000ll

static struct syncobj *find(struct drm_file *file, uint32_t handle)
{
	struct syncobj *syncobj;

	LIST_FOREACH(syncobj, &file->syncobjs, link)
	if (syncobj->handle == handle)
		return syncobj;
	return NULL;
}

/* Keeps `fence` (or -1) in place of the one before. */
static void set_fence(struct syncobj *syncobj, int fence)
{
	if (syncobj->fence >= 0)
		fds_close_internal(syncobj->fence);
	syncobj->fence = fence;
	if (fence >= 0)
		fds_set_internal(fence);
}

static void set_signalled(struct syncobj *syncobj, bool is_signalled)
{
	uint64_t value = 1;
	ssize_t n;

	n = is_signalled ? write(syncobj->event_fd, &value, sizeof(value))
			 : read(syncobj->event_fd, &value, sizeof(value));
	(void)n; /* it is so already */
}

static void free_one(struct syncobj *syncobj)
{
	/* The analyser loses track of neighbours. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	LIST_REMOVE(syncobj, link);
	set_fence(syncobj, -1);
	fds_close_internal(syncobj->event_fd);
	free(syncobj);
}

void syncobj_deinit(struct drm_file *file)
{
	while (!LIST_EMPTY(&file->syncobjs))
		/* Here as well. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		free_one(LIST_FIRST(&file->syncobjs));
}

static int create_locked(struct drm_file *file, struct drm_syncobj_create *request)
{
	struct syncobj *syncobj = calloc(1, sizeof(*syncobj));

	if (!syncobj)
		return -ENOMEM;
	syncobj->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (syncobj->event_fd < 0) {
		free(syncobj);
		return -ENOMEM;
	}
	fds_set_internal(syncobj->event_fd);
	syncobj->fence = -1;
	syncobj->handle = ++file->last_syncobj;
	set_signalled(syncobj, request->flags & DRM_SYNCOBJ_CREATE_SIGNALED);
	LIST_INSERT_HEAD(&file->syncobjs, syncobj, link);
	request->handle = syncobj->handle;
	return 0;
}

int syncobj_handle_create(struct drm_file *file, void *data, size_t user_size)
{
	struct drm_syncobj_create *request = data;
	int r;

	if (request->flags & ~DRM_SYNCOBJ_CREATE_SIGNALED) {
		trace_explain("SYNCOBJ_CREATE: flags 0x%x: only SIGNALED (0x%x) is known",
			      request->flags, DRM_SYNCOBJ_CREATE_SIGNALED);
		return -EINVAL;
	}
	r = drm_file_lock(file);
	if (r < 0)
		return r;
	r = create_locked(file, request);
	drm_file_unlock(file);
	return r;
}

/* Calls `act` for the object, under the lock; -ENOENT. */
static int with_object(struct drm_file *file, uint32_t handle, int (*act)(struct syncobj *, void *),
		       void *context)
{
	struct syncobj *syncobj;
	int r;

	r = drm_file_lock(file);
	if (r < 0)
		return r;
	syncobj = find(file, handle);
	if (!syncobj)
		trace_explain("SYNCOBJ: handle %u is unknown", handle);
	r = syncobj ? act(syncobj, context) : -ENOENT;
	drm_file_unlock(file);
	return r;
}

static int act_destroy(struct syncobj *syncobj, void *context)
{
	free_one(syncobj);
	return 0;
}

int syncobj_handle_destroy(struct drm_file *file, void *data, size_t user_size)
{
	const struct drm_syncobj_create *request = data;
	int r = with_object(file, request->handle, act_destroy, NULL);

	return r == -ENOENT ? -EINVAL : r;
}

static bool is_readable(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	return poll(&polled, 1, 0) == 1;
}

static int act_export(struct syncobj *syncobj, void *context)
{
	struct drm_syncobj_handle *request = context;
	int fd;

	if (syncobj->fence < 0 && !is_readable(syncobj->event_fd)) {
		trace_explain("SYNCOBJ_HANDLE_TO_FD: handle %u has no fence and is not signalled",
			      request->handle);
		return -EINVAL;
	}
	fd = syncobj->fence >= 0 ? real()->fcntl(syncobj->fence, F_DUPFD_CLOEXEC, 0)
				 : sync_file_new_signalled(NPU_OUTCOME_OK);
	if (fd < 0)
		return -errno;
	request->fd = fd;
	return 0;
}

static int act_import(struct syncobj *syncobj, void *context)
{
	const struct drm_syncobj_handle *request = context;
	int fence;

	if (!sync_file_is_fence(request->fd)) {
		trace_explain("SYNCOBJ_FD_TO_HANDLE: fd %d is no fence of npud's", request->fd);
		return -EINVAL;
	}
	fence = real()->fcntl(request->fd, F_DUPFD_CLOEXEC, 0);
	if (fence < 0)
		return -errno;
	set_signalled(syncobj, false);
	set_fence(syncobj, fence);
	return 0;
}

/* Only fences go in and out: the object itself has no descriptor. */
static int exchange_fence(struct drm_file *file, struct drm_syncobj_handle *request,
			  int (*act)(struct syncobj *, void *))
{
	if (request->flags != DRM_SYNCOBJ_SYNC_FILE) {
		trace_explain("SYNCOBJ: flags 0x%x: only sync files (0x%x) can be passed",
			      request->flags, DRM_SYNCOBJ_SYNC_FILE);
		return -EINVAL;
	}
	return with_object(file, request->handle, act, request);
}

int syncobj_handle_to_fd(struct drm_file *file, void *data, size_t user_size)
{
	return exchange_fence(file, data, act_export);
}

int syncobj_fd_to_handle(struct drm_file *file, void *data, size_t user_size)
{
	return exchange_fence(file, data, act_import);
}

/* ---- arrays of handles ---- */

/* Calls `act` for each of the handles, which the program named. */
static int for_each(struct drm_file *file, const struct drm_syncobj_array *array,
		    int (*act)(struct syncobj *, void *))
{
	uint32_t handle;
	int r = array->count_handles == 0 ? -EINVAL : 0;

	if (r < 0)
		trace_explain("SYNCOBJ: count_handles is 0");
	for (uint32_t i = 0; i < array->count_handles && r == 0; i++) {
		r = user_read(&handle, (const uint32_t *)(uintptr_t)array->handles + i,
			      sizeof(handle));
		if (r == 0)
			r = with_object(file, handle, act, NULL);
	}
	return r;
}

static int act_reset(struct syncobj *syncobj, void *context)
{
	set_signalled(syncobj, false);
	set_fence(syncobj, -1);
	return 0;
}

static int act_signal(struct syncobj *syncobj, void *context)
{
	set_fence(syncobj, -1);
	set_signalled(syncobj, true);
	return 0;
}

int syncobj_handle_reset(struct drm_file *file, void *data, size_t user_size)
{
	return for_each(file, data, act_reset);
}

int syncobj_handle_signal(struct drm_file *file, void *data, size_t user_size)
{
	return for_each(file, data, act_signal);
}

/* ---- wait ---- */

/* Descriptors of one object's own, to poll without the lock. */
static int act_collect(struct syncobj *syncobj, void *context)
{
	struct pollfd *polled = context;
	int fd = syncobj->fence >= 0 ? syncobj->fence : syncobj->event_fd;

	polled->fd = real()->fcntl(fd, F_DUPFD_CLOEXEC, 0);
	polled->events = POLLIN;
	return polled->fd < 0 ? -errno : syncobj->fence < 0;
}

static int collect(struct drm_file *file, const struct drm_syncobj_wait *request,
		   struct pollfd *polled)
{
	uint32_t handle;
	int r = 0;

	for (uint32_t i = 0; i < request->count_handles && r >= 0; i++) {
		r = user_read(&handle, (const uint32_t *)(uintptr_t)request->handles + i,
			      sizeof(handle));
		if (r == 0)
			r = with_object(file, handle, act_collect, &polled[i]);
		/* Nothing to wait for: an error, unless the program expects it to come. */
		if (r == 1 && !(request->flags & DRM_SYNCOBJ_WAIT_FOR_SUBMIT) &&
		    !is_readable(polled[i].fd)) {
			trace_explain("SYNCOBJ_WAIT: handle %u has no fence, and flags 0x%x are "
				      "without WAIT_FOR_SUBMIT (0x%x)",
				      handle, request->flags, DRM_SYNCOBJ_WAIT_FOR_SUBMIT);
			r = -EINVAL;
		}
	}
	return r < 0 ? r : 0;
}

/* What is left of an absolute time, for ppoll(). */
static struct timespec time_left(int64_t deadline_ns)
{
	struct timespec now;
	int64_t left_ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left_ns = deadline_ns - now.tv_sec * SECOND_NS - now.tv_nsec;
	left_ns = left_ns > 0 ? left_ns : 0;
	return (struct timespec){left_ns / SECOND_NS, left_ns % SECOND_NS};
}

static int wait_collected(struct drm_syncobj_wait *request, struct pollfd *polled)
{
	const bool wants_all = request->flags & DRM_SYNCOBJ_WAIT_ALL;
	uint32_t n_left = request->count_handles;

	for (;;) {
		struct timespec left = time_left(request->timeout_ns);
		int n = ppoll(polled, request->count_handles, &left, NULL);

		if (n < 0)
			return -errno;
		if (n == 0) {
			trace_explain("SYNCOBJ_WAIT: the time is over, %u of %u handles are not "
				      "signalled",
				      n_left, request->count_handles);
			return -ETIME;
		}
		for (uint32_t i = 0; i < request->count_handles; i++) {
			if (polled[i].fd < 0 || !polled[i].revents)
				continue;
			request->first_signaled = i;
			if (!wants_all || --n_left == 0)
				return 0;
			real()->close(polled[i].fd);
			polled[i].fd = -1; /* poll() passes it over */
			polled[i].revents = 0;
		}
	}
}

static int check_wait(const struct drm_syncobj_wait *request)
{
	const uint32_t known = DRM_SYNCOBJ_WAIT_ALL | DRM_SYNCOBJ_WAIT_FOR_SUBMIT;

	if (request->count_handles == 0 || request->count_handles > HANDLES_MAX) {
		trace_explain("SYNCOBJ_WAIT: count_handles %u is out of range (1 ... %u)",
			      request->count_handles, HANDLES_MAX);
		return -EINVAL;
	}
	if (request->flags & ~known) {
		trace_explain("SYNCOBJ_WAIT: flags 0x%x: only 0x%x are known", request->flags,
			      known);
		return -EINVAL;
	}
	return 0;
}

int syncobj_handle_wait(struct drm_file *file, void *data, size_t user_size)
{
	struct drm_syncobj_wait *request = data;
	struct pollfd *polled;
	int r = check_wait(request);

	if (r < 0)
		return r;
	polled = calloc(request->count_handles, sizeof(*polled));
	if (!polled)
		return -ENOMEM;
	for (uint32_t i = 0; i < request->count_handles; i++)
		polled[i].fd = -1;
	r = collect(file, request, polled);
	if (r == 0)
		r = wait_collected(request, polled);
	for (uint32_t i = 0; i < request->count_handles; i++)
		if (polled[i].fd >= 0)
			real()->close(polled[i].fd);
	free(polled);
	return r;
}
