/* SPDX-License-Identifier: MIT */
/*
 * The vendor's driver as far as the rknpu device calls it, one per test: memory is a file, a submit
 * is written down and ends as the test has said.
 */
#ifndef NPUD_TESTS_FAKE_RKNPU_H
#define NPUD_TESTS_FAKE_RKNPU_H

#include "device/drm_node.h"
#include "lib/drm/uapi/drm.h"
#include "lib/drm/uapi/rknpu.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define FAKE_OBJECTS   64
#define FAKE_SUBMITS   16
#define FAKE_TASKS_MAX 5000
#define FAKE_FILE_SIZE (1ull << 30)

struct fake_object {
	bool exists;
	uint64_t offset, size;
	uint32_t flags;
	int32_t domain;
};

struct fake_rknpu {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int fd;
	uint32_t version;
	bool has_no_iommu;
	struct fake_object objects[FAKE_OBJECTS]; /* by handle */
	uint64_t next_offset;
	unsigned n_destroyed, n_resets, n_syncs;
	uint32_t domain, import_domain; /* active; likewise when something was imported */
	/* submits, in the order in which they came */
	unsigned n_submits;
	struct rknpu_submit submits[FAKE_SUBMITS];
	struct rknpu_task first_tasks[FAKE_SUBMITS]; /* of each, the first descriptor */
	int results[FAKE_SUBMITS];		     /* -errno, by order */
	bool are_held;				     /* they do not return while this is set */
	unsigned n_inside;
	uint32_t cores_inside;
	unsigned n_calls;
	int create_error;     /* of the next new object */
	uint32_t handle_bits; /* set in the handles of new objects, which nothing but their end is
				 asked of then */
	bool is_misc;
	size_t create_bytes; /* as long as the last one's struct was */
	/* Domains of memory calls that came while a job of another one was inside. */
	unsigned n_disturbed;
};

static struct fake_rknpu fake;

static uint64_t fake_token(uint32_t handle)
{
	return 0xffffff8000000000ull + handle;
}

/* The domain of what is inside, which is one for all; -1: nothing is. */
static int32_t fake_active_domain(void)
{
	return fake.n_inside > 0 ? (int32_t)fake.submits[fake.n_submits - 1].iommu_domain_id : -1;
}

static int fake_action(struct rknpu_action *action)
{
	switch (action->flags) {
	case RKNPU_GET_HW_VERSION:
		action->value = 0x46495245;
		return 0;
	case RKNPU_GET_DRV_VERSION:
		action->value = fake.version;
		return 0;
	case RKNPU_GET_IOMMU_EN:
		action->value = !fake.has_no_iommu;
		return 0;
	case RKNPU_GET_IOMMU_DOMAIN_ID:
		action->value = fake.domain;
		return 0;
	case RKNPU_SET_IOMMU_DOMAIN_ID:
		fake.n_disturbed +=
			fake.n_inside > 0 && fake_active_domain() != (int32_t)action->value;
		fake.domain = action->value;
		return 0;
	case RKNPU_ACT_RESET:
		fake.n_resets++;
		fake.are_held = false;
		pthread_cond_broadcast(&fake.changed);
		return 0;
	default:
		return -EINVAL;
	}
}

static int fake_create(struct rknpu_mem_create *request)
{
	struct fake_object *object;
	uint32_t handle = request->handle;

	if (fake.create_error) {
		int error = fake.create_error;

		fake.create_error = 0;
		return error;
	}
	fake.n_disturbed += fake.n_inside > 0 && fake_active_domain() != request->iommu_domain_id;
	if (!handle) {
		handle = fake.is_misc ? (uint32_t)dup(fake.fd) : 1;
		while (!fake.is_misc && fake.objects[handle].exists)
			handle++;
		ck_assert_uint_lt(handle, FAKE_OBJECTS);
		fake.objects[handle] = (struct fake_object){
			.exists = true,
			.offset = fake.next_offset,
			.size = (request->size + 4095) & ~4095ull,
			.flags = request->flags,
			.domain = request->iommu_domain_id,
		};
		fake.domain = (uint32_t)request->iommu_domain_id;
		fake.next_offset += fake.objects[handle].size;
	}
	object = &fake.objects[handle];
	request->handle = handle | fake.handle_bits;
	request->size = object->size;
	request->obj_addr = fake_token(handle);
	request->dma_addr = 0xf0000000u + object->offset;
	return 0;
}

static int fake_submit(struct rknpu_submit *request)
{
	const struct fake_object *table = &fake.objects[request->task_obj_addr & 0xffff];
	unsigned index = fake.n_submits++;

	ck_assert_uint_lt(index, FAKE_SUBMITS);
	ck_assert(table->flags & RKNPU_MEM_KERNEL_MAPPING);
	fake.submits[index] = *request;
	ck_assert_int_eq(pread(fake.fd, &fake.first_tasks[index], sizeof(struct rknpu_task),
			       (off_t)table->offset),
			 sizeof(struct rknpu_task));
	/* One job per core, and no descriptor that is not in the table. */
	ck_assert_uint_eq(fake.cores_inside & request->core_mask, 0);
	for (unsigned i = 0; i < RKNPU_SUBCORES; i++)
		ck_assert_uint_le(request->subcore_task[i].task_start +
					  request->subcore_task[i].task_number,
				  table->size / sizeof(struct rknpu_task));
	fake.cores_inside |= request->core_mask;
	fake.n_inside++;
	pthread_cond_broadcast(&fake.changed);
	while (fake.are_held)
		pthread_cond_wait(&fake.changed, &fake.lock);
	fake.n_inside--;
	fake.cores_inside &= ~request->core_mask;
	request->hw_elapse_time_ns = 1000;
	return fake.results[index];
}

static int fake_call(unsigned long request, void *argument)
{
	const unsigned first = fake.is_misc ? DRM_COMMAND_FIRST : 0;

	ck_assert_int_eq(_IOC_TYPE(request), fake.is_misc ? 'r' : 'd');
	if (first + _IOC_NR(request) == DRM_COMMAND_FIRST + RKNPU_MEM_CREATE)
		fake.create_bytes = _IOC_SIZE(request);
	fake.n_calls++;
	switch (first + _IOC_NR(request)) {
	case DRM_COMMAND_FIRST + RKNPU_ACTION:
		return fake_action(argument);
	case DRM_COMMAND_FIRST + RKNPU_MEM_CREATE:
		return fake_create(argument);
	case DRM_COMMAND_FIRST + RKNPU_MEM_MAP: {
		struct rknpu_mem_map *map = argument;

		map->offset = fake.objects[map->handle].offset;
		return 0;
	}
	case DRM_COMMAND_FIRST + RKNPU_MEM_DESTROY:
		fake.objects[((struct rknpu_mem_destroy *)argument)->handle & ~fake.handle_bits]
			.exists = false;
		fake.n_destroyed++;
		return 0;
	case DRM_COMMAND_FIRST + RKNPU_MEM_SYNC:
		fake.n_syncs++;
		return 0;
	case DRM_COMMAND_FIRST + RKNPU_SUBMIT:
		return fake_submit(argument);
	case DRM_NR_PRIME_FD_TO_HANDLE: {
		/* The one descriptor that tests import is that of object 4, the first of a
		 * client's. */
		((struct drm_prime_handle *)argument)->handle = 4;
		fake.import_domain = fake.domain;
		return 0;
	}
	default:
		return -EINVAL;
	}
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
	int r;

	pthread_mutex_lock(&fake.lock);
	r = fake_call(request, argument);
	pthread_mutex_unlock(&fake.lock);
	errno = -r;
	return r < 0 ? -1 : 0;
}

static struct drm_node fake_node(uint32_t version)
{
	fake = (struct fake_rknpu){.version = version,
				   .fd = memfd_create("fake-rknpu", MFD_CLOEXEC)};
	pthread_mutex_init(&fake.lock, NULL);
	pthread_cond_init(&fake.changed, NULL);
	ck_assert_int_ge(fake.fd, 0);
	ck_assert_int_eq(ftruncate(fake.fd, FAKE_FILE_SIZE), 0);
	return (struct drm_node){.fd = fake.fd, .path = "/dev/dri/renderD200", .ioctl = fake_ioctl};
}

static void fake_hold(bool are_held)
{
	pthread_mutex_lock(&fake.lock);
	fake.are_held = are_held;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

/* Waits until that many jobs are in the kernel. */
static void fake_wait_inside(unsigned n)
{
	pthread_mutex_lock(&fake.lock);
	while (fake.n_inside != n)
		pthread_cond_wait(&fake.changed, &fake.lock);
	pthread_mutex_unlock(&fake.lock);
}

#endif
