/* SPDX-License-Identifier: MIT */
/*
 * Linux' rocket driver as far as the rocket device calls it, one per test: files are memory, a
 * submit is written down and ends when and as the test says.
 */
#ifndef NPUD_TESTS_FAKE_ROCKET_H
#define NPUD_TESTS_FAKE_ROCKET_H

#include "device/drm_node.h"
#include "lib/drm/uapi/drm.h"
#include "lib/drm/uapi/rocket.h"

#include <check.h>
#include <errno.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define FAKE_FILES   64
#define FAKE_OBJECTS 32
#define FAKE_JOBS    16
#define FAKE_TASKS   4
#define FAKE_BYTES   (1ull << 24)
/* Handles that imports of others' memory get. */
#define FAKE_FOREIGN 31u

/* By descriptor: of files, of dma-bufs and of fences. */
struct fake_descriptor {
	enum { FAKE_NONE, FAKE_FILE, FAKE_DMA_BUF, FAKE_FENCE } kind;
	int file; /* whose it is */
	uint32_t handle;
	unsigned job; /* FAKE_JOBS: none, which is over */
};

struct fake_object {
	bool exists;
	uint64_t address, size_bytes;
	unsigned n_prepared, n_finished;
};

struct fake_job {
	int file;
	struct rocket_job request;
	struct rocket_task tasks[FAKE_TASKS];
	uint32_t out;
	int status; /* 0: it runs; 1, or why it failed */
	int fence_fd;
};

struct fake_rocket {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool has_no_fences, is_deaf; /* `is_deaf`: waits are over before what they wait for */
	int open_error, create_error, submit_error;
	unsigned n_open;
	struct fake_descriptor descriptors[FAKE_FILES];
	struct fake_object objects[FAKE_FILES][FAKE_OBJECTS]; /* by file and handle */
	uint64_t next_address[FAKE_FILES];
	unsigned n_jobs;
	struct fake_job jobs[FAKE_JOBS];
};

static struct fake_rocket fake;

static struct fake_descriptor *fake_add(int fd, struct fake_descriptor descriptor)
{
	ck_assert_int_ge(fd, 0);
	ck_assert_int_lt(fd, FAKE_FILES);
	fake.descriptors[fd] = descriptor;
	return &fake.descriptors[fd];
}

static int fake_open(const char *path)
{
	int fd;

	ck_assert_str_eq(path, "/dev/accel/accel7");
	if (fake.open_error) {
		errno = fake.open_error;
		return -1;
	}
	fd = memfd_create("fake-rocket", MFD_CLOEXEC);
	fake_add(fd, (struct fake_descriptor){.kind = FAKE_FILE, .file = fd});
	ck_assert_int_eq(ftruncate(fd, FAKE_BYTES), 0);
	memset(fake.objects[fd], 0, sizeof(fake.objects[fd]));
	fake.next_address[fd] = 0;
	fake.n_open++;
	return fd;
}

static int fake_create(int file, struct rocket_create_bo *request)
{
	struct fake_object *object;
	uint32_t handle;

	if (fake.create_error)
		return -fake.create_error;
	for (handle = 1; fake.objects[file][handle].exists; handle++)
		ck_assert_uint_lt(handle, FAKE_FOREIGN - 1);
	object = &fake.objects[file][handle];
	*object = (struct fake_object){
		.exists = true, .address = fake.next_address[file], .size_bytes = request->size};
	fake.next_address[file] += (request->size + 4095) & ~4095ull;
	request->handle = handle;
	request->dma_address = object->address;
	request->offset = object->address; /* within the memfd */
	return 0;
}

static int fake_submit(int file, const struct rocket_submit *request)
{
	struct fake_job *job = &fake.jobs[fake.n_jobs];

	if (fake.submit_error)
		return -fake.submit_error;
	ck_assert_uint_lt(fake.n_jobs, FAKE_JOBS);
	ck_assert_uint_eq(request->job_count, 1);
	ck_assert_uint_eq(request->job_struct_size, sizeof(struct rocket_job));
	ck_assert_uint_eq(request->reserved, 0);
	job->file = file;
	memcpy(&job->request, (void *)(uintptr_t)request->jobs, sizeof(job->request));
	ck_assert_uint_le(job->request.task_count, FAKE_TASKS);
	ck_assert_uint_eq(job->request.task_struct_size, sizeof(struct rocket_task));
	memcpy(job->tasks, (void *)(uintptr_t)job->request.tasks,
	       job->request.task_count * sizeof(struct rocket_task));
	ck_assert_uint_eq(job->request.out_bo_handle_count, 1);
	memcpy(&job->out, (void *)(uintptr_t)job->request.out_bo_handles, sizeof(job->out));
	ck_assert(fake.objects[file][job->out].exists);
	job->status = 0;
	job->fence_fd = eventfd(0, EFD_CLOEXEC);
	fake.n_jobs++;
	pthread_cond_broadcast(&fake.changed);
	return 0;
}

/* The last job that writes the object; FAKE_JOBS: none. */
static unsigned fake_find_writer(int file, uint32_t handle)
{
	for (unsigned i = fake.n_jobs; i-- > 0;) {
		if (fake.jobs[i].file == file && fake.jobs[i].out == handle)
			return i;
	}
	return FAKE_JOBS;
}

static int fake_prepare(int file, const struct rocket_prep_bo *request)
{
	const unsigned job = fake_find_writer(file, request->handle);

	if (!fake.objects[file][request->handle].exists)
		return -ENOENT;
	ck_assert_uint_eq(request->reserved, 0);
	while (job < FAKE_JOBS && fake.jobs[job].status == 0) {
		if (request->timeout_ns == 0)
			return -EBUSY;
		if (fake.is_deaf)
			return -ETIMEDOUT;
		pthread_cond_wait(&fake.changed, &fake.lock);
	}
	fake.objects[file][request->handle].n_prepared++;
	return 0; /* whatever became of the job */
}

static int fake_finish(int file, const struct rocket_fini_bo *request)
{
	ck_assert_uint_eq(request->reserved, 0);
	fake.objects[file][request->handle].n_finished++;
	return 0;
}

static int fake_export(int file, struct drm_prime_handle *request)
{
	request->fd = dup(file);
	fake_add(request->fd, (struct fake_descriptor){.kind = FAKE_DMA_BUF,
						       .file = file,
						       .handle = request->handle});
	return 0;
}

static int fake_import(int file, struct drm_prime_handle *request)
{
	const struct fake_descriptor *descriptor = &fake.descriptors[request->fd];
	const bool is_own = descriptor->kind == FAKE_DMA_BUF && descriptor->file == file;

	request->handle = is_own ? descriptor->handle : FAKE_FOREIGN;
	fake.objects[file][request->handle].exists = true;
	return 0;
}

static int fake_export_fence(const struct fake_descriptor *dma_buf,
			     struct dma_buf_export_sync_file *request)
{
	unsigned job;

	if (fake.has_no_fences)
		return -ENOTTY;
	ck_assert_uint_eq(request->flags, DMA_BUF_SYNC_READ);
	job = fake_find_writer(dma_buf->file, dma_buf->handle);
	request->fd = job < FAKE_JOBS ? dup(fake.jobs[job].fence_fd) : eventfd(1, EFD_CLOEXEC);
	fake_add(request->fd, (struct fake_descriptor){.kind = FAKE_FENCE, .job = job});
	return 0;
}

static int fake_file_call(int file, unsigned long request, void *argument)
{
	switch (_IOC_NR(request)) {
	case DRM_COMMAND_FIRST + ROCKET_CREATE_BO:
		return fake_create(file, argument);
	case DRM_COMMAND_FIRST + ROCKET_SUBMIT:
		return fake_submit(file, argument);
	case DRM_COMMAND_FIRST + ROCKET_PREP_BO:
		return fake_prepare(file, argument);
	case DRM_COMMAND_FIRST + ROCKET_FINI_BO:
		return fake_finish(file, argument);
	case DRM_NR_GEM_CLOSE:
		fake.objects[file][((struct drm_gem_close *)argument)->handle].exists = false;
		return 0;
	case DRM_NR_PRIME_HANDLE_TO_FD:
		return fake_export(file, argument);
	case DRM_NR_PRIME_FD_TO_HANDLE:
		return fake_import(file, argument);
	default:
		return -EINVAL;
	}
}

static int fake_call(int fd, unsigned long request, void *argument)
{
	const struct fake_descriptor *descriptor = &fake.descriptors[fd];

	switch (descriptor->kind) {
	case FAKE_FILE:
		return fake_file_call(fd, request, argument);
	case FAKE_DMA_BUF:
		return request == DMA_BUF_IOCTL_EXPORT_SYNC_FILE
			       ? fake_export_fence(descriptor, argument)
			       : -ENOTTY;
	case FAKE_FENCE:
		((struct sync_file_info *)argument)->status =
			descriptor->job < FAKE_JOBS ? fake.jobs[descriptor->job].status : 1;
		return 0;
	default:
		return -ENOTTY;
	}
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
	int r;

	pthread_mutex_lock(&fake.lock);
	r = fake_call(fd, request, argument);
	pthread_mutex_unlock(&fake.lock);
	errno = -r;
	return r < 0 ? -1 : 0;
}

static struct drm_node fake_node(void)
{
	struct drm_node node = {
		.path = "/dev/accel/accel7", .ioctl = fake_ioctl, .open = fake_open};

	fake = (struct fake_rocket){.n_open = 0};
	pthread_mutex_init(&fake.lock, NULL);
	pthread_cond_init(&fake.changed, NULL);
	node.fd = fake_open(node.path);
	return node;
}

/* `status`: 1, or why the driver ended it. */
static void fake_end(unsigned job, int status)
{
	pthread_mutex_lock(&fake.lock);
	ck_assert_uint_lt(job, fake.n_jobs);
	fake.jobs[job].status = status;
	ck_assert_int_eq(eventfd_write(fake.jobs[job].fence_fd, 1), 0);
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

/* Waits until that many jobs have come. */
static void fake_wait_jobs(unsigned n)
{
	pthread_mutex_lock(&fake.lock);
	while (fake.n_jobs < n)
		pthread_cond_wait(&fake.changed, &fake.lock);
	ck_assert_uint_eq(fake.n_jobs, n);
	pthread_mutex_unlock(&fake.lock);
}

static unsigned fake_count_objects(int file)
{
	unsigned n = 0;

	for (uint32_t handle = 0; handle < FAKE_OBJECTS; handle++)
		n += fake.objects[file][handle].exists;
	return n;
}

#endif
