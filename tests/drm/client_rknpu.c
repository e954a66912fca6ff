/* SPDX-License-Identifier: MIT */
/* A program for the vendor's driver: every ioctl, flag and error that programs count on. */
#include "client.h"

#include "lib/drm/uapi/drm.h"
#include "lib/drm/uapi/rknpu.h"
#include "tests/system/stream_words.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRM(nr, size)	   _IOC(_IOC_READ | _IOC_WRITE, 'd', nr, size)
#define COMMAND(nr, size)  DRM(DRM_COMMAND_FIRST + RKNPU_##nr, size)
#define ACTION		   COMMAND(ACTION, sizeof(struct rknpu_action))
#define SUBMIT		   COMMAND(SUBMIT, sizeof(struct rknpu_submit))
#define MEM_CREATE	   COMMAND(MEM_CREATE, sizeof(struct rknpu_mem_create))
#define MEM_MAP		   COMMAND(MEM_MAP, sizeof(struct rknpu_mem_map))
#define MEM_DESTROY	   COMMAND(MEM_DESTROY, sizeof(struct rknpu_mem_destroy))
#define MEM_SYNC	   COMMAND(MEM_SYNC, sizeof(struct rknpu_mem_sync))
#define PRIME_HANDLE_TO_FD DRM(DRM_NR_PRIME_HANDLE_TO_FD, sizeof(struct drm_prime_handle))
#define PRIME_FD_TO_HANDLE DRM(DRM_NR_PRIME_FD_TO_HANDLE, sizeof(struct drm_prime_handle))

#define CARD		   "/dev/dri/card1"
#define RENDER		   "/dev/dri/renderD129"
#define TASKS_BYTES	   4096u
#define FLAGS		   (RKNPU_JOB_PC | RKNPU_JOB_PINGPONG)

static int open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static int act(int fd, uint32_t number, uint32_t value, uint32_t *ret_value)
{
	struct rknpu_action action = {.flags = number, .value = value};
	int r = ioctl(fd, ACTION, &action);

	*ret_value = action.value;
	return r;
}

/* ---- memory ---- */

struct memory {
	uint32_t handle;
	uint64_t size, token, iova, offset;
	unsigned char *map;
};

static void memory_new(int fd, uint64_t size, uint32_t flags, struct memory *ret_memory)
{
	struct rknpu_mem_create create = {.flags = flags, .size = size};
	struct rknpu_mem_map map = {0};

	CHECK_EQ(ioctl(fd, MEM_CREATE, &create), 0);
	map.handle = create.handle;
	CHECK_EQ(ioctl(fd, MEM_MAP, &map), 0);
	*ret_memory = (struct memory){create.handle,   create.size, create.obj_addr,
				      create.dma_addr, map.offset,  NULL};
	ret_memory->map =
		mmap64(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off64_t)map.offset);
	CHECK(ret_memory->map != MAP_FAILED);
}

static int memory_destroy(int fd, uint32_t handle)
{
	struct rknpu_mem_destroy destroy = {.handle = handle};

	return ioctl(fd, MEM_DESTROY, &destroy);
}

/* ---- one matrix product ---- */

struct product {
	int fd;
	struct memory data, tasks;
	struct rknpu_submit submit;
};

/* A descriptor for the stream at `offset` of the data. */
static void put_task(struct product *product, uint32_t index, uint32_t offset, uint32_t n_words)
{
	struct rknpu_task *task = (struct rknpu_task *)product->tasks.map + index;

	*task = (struct rknpu_task){
		.enable_mask = 0xd,
		.int_mask = 0x300,
		.int_clear = 0x1ffff,
		.regcfg_amount = n_words - 4,
		.regcmd_addr = product->data.iova + offset,
	};
}

static void product_put(struct product *product, int8_t input, int8_t weight)
{
	const struct stream_addresses addresses = {
		.input = (uint32_t)product->data.iova + MATMUL_INPUT,
		.weights = (uint32_t)product->data.iova + MATMUL_WEIGHTS,
		.output = (uint32_t)product->data.iova + MATMUL_OUTPUT,
	};
	struct stream stream;

	stream_matmul(&addresses, &stream);
	memcpy(product->data.map, stream.words, stream.n * sizeof(stream.words[0]));
	memset(product->data.map + MATMUL_INPUT, input, MATMUL_ROWS * MATMUL_DEPTH);
	memset(product->data.map + MATMUL_WEIGHTS, weight, MATMUL_DEPTH * MATMUL_COLUMNS);
	memset(product->data.map + MATMUL_OUTPUT, 0, MATMUL_ROWS * MATMUL_COLUMNS * 4);
	for (uint32_t i = 0; i < 8; i++)
		put_task(product, i, 0, stream.n);
}

static void product_new(int fd, struct product *ret_product)
{
	ret_product->fd = fd;
	memory_new(fd, MATMUL_BYTES, 0, &ret_product->data);
	memory_new(fd, TASKS_BYTES, RKNPU_MEM_KERNEL_MAPPING, &ret_product->tasks);
	product_put(ret_product, 3, 5);
	ret_product->submit = (struct rknpu_submit){
		.flags = FLAGS,
		.timeout_ms = 6000,
		.task_number = 1,
		.task_obj_addr = ret_product->tasks.token,
		.fence_fd = -1,
		.subcore_task = {{0, 1}},
	};
}

static bool product_is(const struct product *product, int32_t value)
{
	for (uint32_t i = 0; i < MATMUL_ROWS * MATMUL_COLUMNS; i++) {
		int32_t element;

		memcpy(&element, product->data.map + MATMUL_OUTPUT + i * 4, 4);
		if (element != value)
			return false;
	}
	return true;
}

static int product_submit(struct product *product)
{
	return ioctl(product->fd, SUBMIT, &product->submit);
}

static void product_run(struct product *product)
{
	CHECK_EQ(product_submit(product), 0);
	CHECK(product_is(product, 32 * 3 * 5));
}

/* A stream that starts nothing: the job is shot after its timeout. */
static void product_make_hang(struct product *product, uint32_t timeout_ms)
{
	memset(product->data.map, 0, MATMUL_INPUT);
	product->submit.timeout_ms = timeout_ms;
}

/* ---- cases ---- */

static void actions(void)
{
	static const struct {
		uint32_t number;
		int result;
		uint32_t value;
	} expected[] = {
		{RKNPU_GET_HW_VERSION, 0, 0x46495245},
		{RKNPU_GET_DRV_VERSION, 0, 908},
		{RKNPU_SET_FREQ, -1, 7},
		{RKNPU_SET_VOLT, -1, 7},
		{RKNPU_ACT_RESET, 0, 7},
		{RKNPU_GET_BW_PRIORITY, -1, 7},
		{RKNPU_SET_BW_PRIORITY, -1, 7},
		{RKNPU_GET_BW_EXPECT, -1, 7},
		{RKNPU_SET_BW_EXPECT, -1, 7},
		{RKNPU_GET_BW_TW, -1, 7},
		{RKNPU_SET_BW_TW, -1, 7},
		{RKNPU_ACT_CLR_TOTAL_RW_AMOUNT, 0, 7},
		{RKNPU_GET_DT_WR_AMOUNT, 0, 7},
		{RKNPU_GET_DT_RD_AMOUNT, 0, 7},
		{RKNPU_GET_WT_RD_AMOUNT, 0, 7},
		{RKNPU_GET_TOTAL_RW_AMOUNT, 0, 7},
		{RKNPU_GET_IOMMU_EN, 0, 1},
		{RKNPU_SET_PROC_NICE, 0, 7},
		{RKNPU_POWER_ON, -1, 7},
		{RKNPU_POWER_OFF, -1, 7},
		{RKNPU_GET_TOTAL_SRAM_SIZE, 0, 0},
		{RKNPU_GET_FREE_SRAM_SIZE, 0, 0},
		{RKNPU_GET_IOMMU_DOMAIN_ID, 0, 0},
		{26, -1, 7},
		{UINT32_MAX, -1, 7},
	};
	int fd = open_node(CARD);
	uint32_t value;

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		errno = 0;
		CHECK_EQ(act(fd, expected[i].number, 7, &value), expected[i].result);
		CHECK_EQ(errno, expected[i].result ? EINVAL : 0);
		CHECK_EQ(value, expected[i].value);
	}
	CHECK_EQ(act(fd, RKNPU_GET_FREQ, 0, &value), 0);
	CHECK(value > 100000000);
	CHECK_EQ(act(fd, RKNPU_GET_VOLT, 0, &value), 0);
	CHECK(value > 100000);
}

static void domains_are_virtual(void)
{
	int fd = open_node(CARD), other = open_node(CARD);
	uint32_t value;

	CHECK_EQ(act(fd, RKNPU_SET_IOMMU_DOMAIN_ID, 15, &value), 0);
	CHECK_EQ(act(fd, RKNPU_GET_IOMMU_DOMAIN_ID, 0, &value), 0);
	CHECK_EQ(value, 15);
	CHECK_EQ(act(other, RKNPU_GET_IOMMU_DOMAIN_ID, 7, &value), 0);
	CHECK_EQ(value, 0);
	CHECK_FAILS(act(fd, RKNPU_SET_IOMMU_DOMAIN_ID, 16, &value), EINVAL);
	CHECK_FAILS(act(fd, RKNPU_SET_IOMMU_DOMAIN_ID, UINT32_MAX, &value), EINVAL);
}

static void version_in_both_widths(void)
{
	char name[8] = "", date[16] = "", desc[4] = "";
	struct drm_version64 wide = {
		.name_len = sizeof(name),
		.name = (uintptr_t)name,
		.date_len = sizeof(date),
		.date = (uintptr_t)date,
		.desc_len = sizeof(desc) - 1,
		.desc = (uintptr_t)desc,
	};
	struct drm_version32 narrow = {0};
	int fd = open_node(RENDER);

	CHECK_EQ(ioctl(fd, DRM(DRM_NR_VERSION, sizeof(wide)), &wide), 0);
	CHECK_EQ(wide.major, 0);
	CHECK_EQ(wide.minor, 9);
	CHECK_EQ(wide.patchlevel, 8);
	CHECK_EQ(wide.name_len, 5);
	CHECK(strcmp(name, "rknpu") == 0);
	CHECK(strcmp(date, "20240828") == 0);
	CHECK_EQ(wide.desc_len, 12);
	CHECK(strcmp(desc, "RKN") == 0);
	CHECK_EQ(ioctl(fd, DRM(DRM_NR_VERSION, sizeof(narrow)), &narrow), 0);
	CHECK_EQ(narrow.minor, 9);
	CHECK_EQ(narrow.name_len, 5);
	CHECK_EQ(narrow.date_len, 8);
	CHECK_EQ(narrow.desc_len, 12);
	wide.name = 8;
	CHECK_FAILS(ioctl(fd, DRM(DRM_NR_VERSION, sizeof(wide)), &wide), EFAULT);
}

static void generic_ioctls(void)
{
	int card = open_node(CARD), render = open_node(RENDER);
	char unique[32] = "";
	struct drm_unique64 name = {.unique_len = sizeof(unique), .unique = (uintptr_t)unique};
	struct drm_set_version version = {1, 4, -1, -1};
	struct drm_cap cap = {.capability = DRM_CAP_PRIME};
	struct drm_gem_flink flink = {.handle = 1};
	struct drm_auth auth = {0};

	CHECK_EQ(ioctl(card, DRM(DRM_NR_GET_UNIQUE, sizeof(name)), &name), 0);
	CHECK_EQ(name.unique_len, 12);
	CHECK(strcmp(unique, "fdab0000.npu") == 0);
	CHECK_EQ(ioctl(card, DRM(DRM_NR_SET_VERSION, sizeof(version)), &version), 0);
	CHECK_EQ(version.di_minor, 4);
	CHECK_EQ(version.dd_minor, 9);
	CHECK_EQ(ioctl(card, DRM(DRM_NR_GET_CAP, sizeof(cap)), &cap), 0);
	CHECK_EQ(cap.value, 3);
	cap.capability = 1;
	CHECK_FAILS(ioctl(card, DRM(DRM_NR_GET_CAP, sizeof(cap)), &cap), EOPNOTSUPP);
	CHECK_FAILS(ioctl(card, DRM(DRM_NR_SET_CLIENT_CAP, sizeof(cap)), &cap), EOPNOTSUPP);
	CHECK_EQ(ioctl(card, DRM(DRM_NR_GET_MAGIC, sizeof(auth)), &auth), 0);
	CHECK_EQ(ioctl(card, DRM(DRM_NR_AUTH_MAGIC, sizeof(auth)), &auth), 0);
	CHECK_EQ(ioctl(card, _IO('d', DRM_NR_SET_MASTER)), 0);
	CHECK_FAILS(ioctl(render, _IO('d', DRM_NR_SET_MASTER)), EACCES);
	CHECK(ioctl(render, DRM(DRM_NR_GEM_FLINK, sizeof(flink)), &flink) < 0);
	CHECK_FAILS(ioctl(card, DRM(0x3f, 8), &cap), ENOTTY);
	CHECK_FAILS(ioctl(card, COMMAND(MEM_SYNC, 8) + 1, &cap), ENOTTY);
	CHECK_FAILS(ioctl(card, _IOC(3, 'r', 0, 8), &cap), ENOTTY);
	CHECK_FAILS(ioctl(card, FIONREAD, &cap), ENOTTY);
}

/* The number decides; a struct may be shorter or longer than ours. */
static void every_struct_size(void)
{
	struct {
		struct rknpu_mem_create create;
		uint64_t more[4];
	} longer = {.create = {.size = 100}, .more = {1, 2, 3, 4}};
	struct rknpu_mem_create create;
	int fd = open_node(CARD);

	for (size_t size = RKNPU_MEM_CREATE_BYTES_OLDEST; size <= sizeof(create); size += 8) {
		memset(&create, 0xff, sizeof(create));
		create.handle = 0;
		create.flags = 0;
		create.size = 5000;
		create.iommu_domain_id = size == sizeof(create) ? 0 : -1;
		CHECK_EQ(ioctl(fd, COMMAND(MEM_CREATE, size), &create), 0);
		CHECK_EQ(create.size, 8192);
		CHECK(create.dma_addr < 1ull << 32);
		CHECK(create.obj_addr != 0);
		CHECK_EQ(create.sram_size, size > RKNPU_MEM_CREATE_BYTES_OLDEST ? 0 : -1);
		CHECK_EQ(memory_destroy(fd, create.handle), 0);
	}
	CHECK_EQ(ioctl(fd, COMMAND(MEM_CREATE, sizeof(longer)), &longer), 0);
	CHECK_EQ(longer.create.size, 4096);
	CHECK_EQ(longer.more[3], 4);
	create.iommu_domain_id = -1;
	CHECK_FAILS(ioctl(fd, MEM_CREATE, &create), EINVAL);
	create = (struct rknpu_mem_create){.size = 0};
	CHECK_FAILS(ioctl(fd, MEM_CREATE, &create), EINVAL);
	create.size = UINT64_MAX;
	CHECK_FAILS(ioctl(fd, MEM_CREATE, &create), EINVAL);
	create.size = 1ull << 40;
	CHECK_FAILS(ioctl(fd, MEM_CREATE, &create), ENOMEM);
}

static void all_memory_flags(void)
{
	struct memory memory;
	int fd = open_node(CARD);

	for (uint32_t bit = 0; bit < 32; bit++) {
		memory_new(fd, 4096, 1u << bit, &memory);
		CHECK_EQ(memory.map[4095], 0);
		memset(memory.map, 0x5a, 4096);
		munmap(memory.map, 4096);
		CHECK_EQ(memory_destroy(fd, memory.handle), 0);
	}
}

static long map_at(int fd, size_t length, int flags, uint64_t offset)
{
	return (long)mmap64(NULL, length, PROT_READ, flags, fd, (off64_t)offset);
}

static void handles_and_maps(void)
{
	struct rknpu_mem_map map = {.handle = 77};
	struct rknpu_mem_create again = {0};
	struct memory memory, second;
	int fd = open_node(CARD);

	memory_new(fd, 5000, 0, &memory);
	CHECK_EQ(memory.handle, 1);
	CHECK(memory.offset >= 1ull << 32);
	memory_new(fd, 4096, 0, &second);
	CHECK_EQ(second.handle, 2);
	CHECK(memory.token != second.token && memory.iova != second.iova);
	again.handle = 1;
	CHECK_EQ(ioctl(fd, MEM_CREATE, &again), 0);
	CHECK_EQ(again.obj_addr, memory.token);
	CHECK_EQ(again.dma_addr, memory.iova);
	CHECK_EQ(again.size, 8192);
	CHECK_FAILS(ioctl(fd, MEM_MAP, &map), ENOENT);
	CHECK_FAILS(map_at(fd, 8193, MAP_SHARED, memory.offset), EINVAL);
	CHECK_FAILS(map_at(fd, 4096, MAP_SHARED, 0x7000), EINVAL);
	CHECK_FAILS(map_at(fd, 4096, MAP_PRIVATE, memory.offset), EINVAL);
	/* A mapping outlives its handle. */
	memset(memory.map, 1, 5000);
	CHECK_EQ(memory_destroy(fd, memory.handle), 0);
	CHECK_EQ(memory.map[4999], 1);
	CHECK_FAILS(memory_destroy(fd, memory.handle), EINVAL);
	CHECK_FAILS(memory_destroy(fd, 0), EINVAL);
	memory_new(fd, 4096, 0, &memory);
	CHECK_EQ(memory.handle, 1);
}

static void iovas_are_recycled(void)
{
	struct rknpu_mem_create create;
	int fd = open_node(CARD);

	for (int i = 0; i < 3000; i++) {
		create = (struct rknpu_mem_create){.size = 16 << 20};
		CHECK_EQ(ioctl(fd, MEM_CREATE, &create), 0);
		CHECK(create.dma_addr + create.size <= 1ull << 32);
		CHECK_EQ(memory_destroy(fd, create.handle), 0);
	}
}

static void syncs(void)
{
	struct memory cached, plain;
	struct rknpu_mem_sync sync;
	int fd = open_node(CARD);

	memory_new(fd, 8192, RKNPU_MEM_CACHEABLE | RKNPU_MEM_NON_CONTIGUOUS, &cached);
	memory_new(fd, 8192, 0, &plain);
	for (uint32_t direction = 1; direction <= 3; direction++) {
		sync = (struct rknpu_mem_sync){
			.flags = direction, .obj_addr = cached.token, .size = 8192};
		CHECK_EQ(ioctl(fd, MEM_SYNC, &sync), 0);
	}
	sync.offset = 4096;
	CHECK_FAILS(ioctl(fd, MEM_SYNC, &sync), EINVAL);
	sync.offset = UINT64_MAX;
	CHECK_FAILS(ioctl(fd, MEM_SYNC, &sync), EINVAL);
	sync = (struct rknpu_mem_sync){.flags = 1, .obj_addr = plain.token, .size = 1};
	CHECK_FAILS(ioctl(fd, MEM_SYNC, &sync), EINVAL);
	sync.obj_addr = 0;
	CHECK_FAILS(ioctl(fd, MEM_SYNC, &sync), EINVAL);
	sync.obj_addr = cached.token + 1;
	CHECK_FAILS(ioctl(fd, MEM_SYNC, &sync), EINVAL);
}

static void blocking_submit(void)
{
	struct product product;
	const struct rknpu_task *task;

	product_new(open_node(CARD), &product);
	task = (const struct rknpu_task *)product.tasks.map;
	product_run(&product);
	CHECK_EQ(product.submit.task_counter, 1);
	CHECK(product.submit.hw_elapse_time_ns > 0);
	CHECK_EQ(task->int_status, 0x100);
	/* Streams are read at submit, with no further call. */
	product_put(&product, -2, 7);
	CHECK_EQ(product_submit(&product), 0);
	CHECK(product_is(&product, 32 * -2 * 7));
	product.submit.flags = RKNPU_JOB_PC;
	CHECK_EQ(product_submit(&product), 0);
}

static void every_core_mask(void)
{
	/* The entries of subcore_task that count; descriptor i is entry i's. */
	static const struct {
		uint32_t mask, entries;
	} used[] = {{0, 0x1}, {1, 0x1}, {2, 0x2}, {4, 0x4},
		    {3, 0x3}, {5, 0x3}, {6, 0x3}, {7, 0x1c}};
	struct product product;
	const struct rknpu_task *tasks;

	product_new(open_node(CARD), &product);
	tasks = (const struct rknpu_task *)product.tasks.map;
	for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
		product_put(&product, 3, 5);
		product.submit.core_mask = used[i].mask;
		product.submit.task_number = (uint32_t)__builtin_popcount(used[i].entries);
		for (uint32_t entry = 0; entry < RKNPU_SUBCORES; entry++)
			product.submit.subcore_task[entry] =
				used[i].entries >> entry & 1
					? (struct rknpu_subcore_task){entry, 1}
					: (struct rknpu_subcore_task){UINT32_MAX, UINT32_MAX};
		product_run(&product);
		for (uint32_t entry = 0; entry < RKNPU_SUBCORES; entry++)
			CHECK_EQ(tasks[entry].int_status != 0, used[i].entries >> entry & 1);
	}
	product.submit.core_mask = 8;
	CHECK_FAILS(product_submit(&product), EINVAL);
}

static void bad_submits(void)
{
	struct product product, other;
	struct rknpu_submit good;

	product_new(open_node(CARD), &product);
	product_new(open_node(CARD), &other);
	good = product.submit;
	product.submit.task_number = 0;
	CHECK_FAILS(product_submit(&product), EINVAL);
	product.submit = good;
	product.submit.task_obj_addr = other.tasks.token;
	CHECK_FAILS(product_submit(&product), EINVAL);
	product.submit.task_obj_addr = 0;
	CHECK_FAILS(product_submit(&product), EINVAL);
	product.submit = good;
	product.submit.subcore_task[0].task_start = TASKS_BYTES / sizeof(struct rknpu_task);
	CHECK_FAILS(product_submit(&product), EINVAL);
	product.submit.subcore_task[0] = (struct rknpu_subcore_task){1, UINT32_MAX};
	CHECK_FAILS(product_submit(&product), EINVAL);
	product.submit.subcore_task[0] = (struct rknpu_subcore_task){0, 0};
	CHECK_FAILS(product_submit(&product), EINVAL);
	product.submit = good;
	product.submit.flags = 0;
	CHECK_FAILS(product_submit(&product), EINVAL);
	product.submit = good;
	product.submit.iommu_domain_id = 16;
	CHECK_FAILS(product_submit(&product), EINVAL);
	product.submit = good;
	CHECK_FAILS(ioctl(product.fd, SUBMIT, (void *)8), EFAULT);
	CHECK_EQ(memory_destroy(product.fd, product.tasks.handle), 0);
	CHECK_FAILS(product_submit(&product), EINVAL);
	product_run(&other);
}

static void hang_times_out(void)
{
	struct product product;

	product_new(open_node(CARD), &product);
	product_make_hang(&product, 100);
	CHECK_FAILS(product_submit(&product), ETIMEDOUT);
	product_put(&product, 3, 5);
	product.submit.timeout_ms = UINT32_MAX;
	product_run(&product);
	product.submit.timeout_ms = 0;
	if (product_submit(&product) < 0)
		CHECK_EQ(errno, ETIMEDOUT);
	/* No interrupt is let through: the work is done, nobody is told. */
	((struct rknpu_task *)product.tasks.map)->int_mask = 0;
	product.submit.timeout_ms = 100;
	CHECK_FAILS(product_submit(&product), ETIMEDOUT);
}

static void stray_stream_times_out(void)
{
	struct product product;

	product_new(open_node(CARD), &product);
	product.submit.timeout_ms = 100;
	((struct rknpu_task *)product.tasks.map)->regcmd_addr = 0x10;
	CHECK_FAILS(product_submit(&product), ETIMEDOUT);
	((struct rknpu_task *)product.tasks.map)->regcmd_addr = 1ull << 33;
	CHECK_FAILS(product_submit(&product), EINVAL);
}

static void fences(void)
{
	struct product product;
	struct pollfd polled = {.events = POLLIN};
	struct epoll_event event = {.events = EPOLLIN};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), fence;
	fd_set set;

	product_new(open_node(CARD), &product);
	product.submit.flags = FLAGS | RKNPU_JOB_NONBLOCK | RKNPU_JOB_FENCE_OUT;
	CHECK_EQ(product_submit(&product), 0);
	fence = product.submit.fence_fd;
	CHECK(fence > 2);
	CHECK_EQ(product.submit.task_counter, 0);
	CHECK_EQ(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fence, &event), 0);
	CHECK_EQ(epoll_wait(epoll_fd, &event, 1, 60000), 1);
	FD_ZERO(&set);
	FD_SET(fence, &set);
	CHECK_EQ(select(fence + 1, &set, NULL, NULL, NULL), 1);
	polled.fd = fence;
	CHECK_EQ(poll(&polled, 1, 0), 1);
	CHECK(product_is(&product, 32 * 3 * 5));

	product_put(&product, 1, 1);
	product.submit.flags = FLAGS | RKNPU_JOB_FENCE_IN | RKNPU_JOB_FENCE_OUT;
	product.submit.fence_fd = fence;
	CHECK_EQ(product_submit(&product), 0);
	CHECK(product.submit.fence_fd >= 0 && product.submit.fence_fd != fence);
	CHECK(product_is(&product, 32));
	product.submit.flags = FLAGS | RKNPU_JOB_FENCE_IN;
	product.submit.fence_fd = fence;
	CHECK_EQ(product_submit(&product), 0);
	CHECK_EQ(product.submit.fence_fd, -1);
	product.submit.fence_fd = STDIN_FILENO;
	CHECK_FAILS(product_submit(&product), EINVAL);
	CHECK_EQ(product.submit.fence_fd, -1);
	product.submit.fence_fd = 999;
	CHECK_FAILS(product_submit(&product), EINVAL);
}

/* A blocking submit is also the way to wait for what was submitted before it. */
static void later_submit_waits_for_earlier(void)
{
	struct product product, second;
	int fd = open_node(CARD);

	product_new(fd, &product);
	product_new(fd, &second);
	for (int i = 0; i < 50; i++) {
		product_put(&product, 1, (int8_t)(i % 7));
		product.submit.core_mask = (uint32_t)i % 4;
		product.submit.subcore_task[1] = (struct rknpu_subcore_task){0, 1};
		product.submit.flags = FLAGS | RKNPU_JOB_NONBLOCK;
		CHECK_EQ(product_submit(&product), 0);
		product_run(&second);
		CHECK(product_is(&product, 32 * (i % 7)));
	}
}

static void reset_is_private(void)
{
	struct product product, other;
	uint32_t value;

	product_new(open_node(CARD), &product);
	product_new(open_node(CARD), &other);
	CHECK_EQ(act(product.fd, RKNPU_ACT_RESET, 0, &value), 0);
	product_run(&other);
	product_run(&product);
}

static void *reset_from_thread(void *context)
{
	const struct product *product = context;
	uint32_t value;

	CHECK_EQ(act(product->fd, RKNPU_ACT_RESET, 0, &value), 0);
	return NULL;
}

/* A job behind a hanging one is taken back by its owner's reset, with the driver's errno. */
static void reset_cancels_own_jobs(void)
{
	struct product hanging, queued;
	int fd = open_node(CARD);
	pthread_t thread;

	product_new(fd, &hanging);
	product_new(fd, &queued);
	product_make_hang(&hanging, 1000);
	hanging.submit.core_mask = queued.submit.core_mask = 1;
	hanging.submit.flags = FLAGS | RKNPU_JOB_NONBLOCK;
	CHECK_EQ(product_submit(&hanging), 0);
	queued.submit.flags = FLAGS | RKNPU_JOB_NONBLOCK | RKNPU_JOB_FENCE_OUT;
	CHECK_EQ(product_submit(&queued), 0);
	CHECK_EQ(pthread_create(&thread, NULL, reset_from_thread, &queued), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	queued.submit.flags = FLAGS;
	queued.submit.core_mask = 2;
	queued.submit.subcore_task[1] = (struct rknpu_subcore_task){0, 1};
	product_run(&queued);
}

static void sharing_by_prime(void)
{
	int first = open_node(CARD), second = open_node(RENDER);
	struct drm_prime_handle prime = {.flags = O_CLOEXEC | O_RDWR};
	struct rknpu_mem_create create = {0};
	struct rknpu_mem_map map;
	struct memory memory;
	unsigned char *direct;

	memory_new(first, 6000, 0, &memory);
	memory.map[17] = 42;
	prime.handle = memory.handle;
	CHECK_EQ(ioctl(first, PRIME_HANDLE_TO_FD, &prime), 0);
	CHECK_EQ(fcntl(prime.fd, F_GETFD), FD_CLOEXEC);
	direct = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, prime.fd, 0);
	CHECK(direct != MAP_FAILED);
	CHECK_EQ(direct[17], 42);
	CHECK_EQ(lseek(prime.fd, 0, SEEK_END), 8192);
	CHECK_EQ(ioctl(prime.fd, _IOW('b', 0, uint64_t), &(uint64_t){1}), 0);
	CHECK_FAILS(ioctl(STDIN_FILENO, _IOW('b', 0, uint64_t), &(uint64_t){1}), ENOTTY);
	/* Into the file it is from: its old handle. */
	prime.handle = 0;
	CHECK_EQ(ioctl(first, PRIME_FD_TO_HANDLE, &prime), 0);
	CHECK_EQ(prime.handle, memory.handle);
	/* Into another one: an object with addresses of its own. */
	CHECK_EQ(ioctl(second, PRIME_FD_TO_HANDLE, &prime), 0);
	create.handle = map.handle = prime.handle;
	CHECK_EQ(ioctl(second, MEM_CREATE, &create), 0);
	CHECK_EQ(create.size, 8192);
	CHECK_EQ(create.obj_addr, memory.token);
	CHECK_FAILS(ioctl(second, MEM_MAP, &map), EINVAL);
	prime.fd = STDIN_FILENO;
	CHECK(ioctl(second, PRIME_FD_TO_HANDLE, &prime) < 0);
	prime.handle = 55;
	CHECK_FAILS(ioctl(first, PRIME_HANDLE_TO_FD, &prime), ENOENT);
	prime.handle = memory.handle;
	prime.flags = O_TRUNC;
	CHECK_FAILS(ioctl(first, PRIME_HANDLE_TO_FD, &prime), EINVAL);
}

static void *run_products(void *context)
{
	struct product product;

	product_new(*(int *)context, &product);
	for (int i = 0; i < 50; i++)
		product_run(&product);
	return NULL;
}

static void one_descriptor_in_threads(void)
{
	int fd = open_node(CARD);
	pthread_t threads[6];

	for (int i = 0; i < 6; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, run_products, &fd), 0);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

/* ---- /dev/rknpu ---- */

static void misc_node(void)
{
	const unsigned long misc_create =
		_IOC(3, 'r', RKNPU_MEM_CREATE, sizeof(struct rknpu_mem_create));
	struct rknpu_mem_create create = {.size = 4000}, again = {0};
	struct rknpu_mem_destroy destroy = {0};
	struct rknpu_mem_map map = {0};
	struct rknpu_action action = {.flags = RKNPU_GET_HW_VERSION};
	int fd = open_node("/dev/rknpu");
	unsigned char *bytes;
	struct stat status;

	CHECK_EQ(fstat(fd, &status), 0);
	CHECK(S_ISCHR(status.st_mode));
	CHECK_EQ(ioctl(fd, _IOC(3, 'r', RKNPU_ACTION, 8), &action), 0);
	CHECK_EQ(action.value, 0x46495245);
	CHECK_FAILS(ioctl(fd, ACTION, &action), ENOTTY);
	CHECK_EQ(ioctl(fd, misc_create, &create), 0);
	CHECK((int)create.handle > 2);
	bytes = mmap(NULL, 4000, PROT_READ | PROT_WRITE, MAP_SHARED, (int)create.handle, 0);
	CHECK(bytes != MAP_FAILED);
	bytes[3999] = 9;
	again.handle = create.handle;
	CHECK_EQ(ioctl(fd, misc_create, &again), 0);
	CHECK_EQ(again.obj_addr, create.obj_addr);
	CHECK_EQ(again.handle, create.handle);
	map.handle = create.handle;
	CHECK_FAILS(ioctl(fd, _IOC(3, 'r', RKNPU_MEM_MAP, 16), &map), EINVAL);
	destroy.handle = create.handle;
	CHECK_EQ(ioctl(fd, _IOC(3, 'r', RKNPU_MEM_DESTROY, 16), &destroy), 0);
	create = (struct rknpu_mem_create){.size = 4096, .flags = RKNPU_MEM_NON_CONTIGUOUS};
	CHECK_FAILS(ioctl(fd, misc_create, &create), EINVAL);
}

/* npud ends in between; without one to end there is nothing to try. */
static void survives_the_daemon(void)
{
	const char *pid = getenv("DAEMON_PID");
	struct product product;
	int fd = open_node(CARD);

	if (!pid)
		return;
	product_new(fd, &product);
	product_run(&product);
	CHECK_EQ(kill(atoi(pid), SIGKILL), 0);
	while (product_submit(&product) == 0)
		;
	CHECK_EQ(errno, ENODEV);
	CHECK_FAILS(open(CARD, O_RDWR), ENODEV);
	CHECK_EQ(close(fd), 0);
}

static const struct client_case cases[] = {
	CLIENT_CASE(actions),
	CLIENT_CASE(domains_are_virtual),
	CLIENT_CASE(version_in_both_widths),
	CLIENT_CASE(generic_ioctls),
	CLIENT_CASE(every_struct_size),
	CLIENT_CASE(all_memory_flags),
	CLIENT_CASE(handles_and_maps),
	CLIENT_CASE(iovas_are_recycled),
	CLIENT_CASE(syncs),
	CLIENT_CASE(blocking_submit),
	CLIENT_CASE(every_core_mask),
	CLIENT_CASE(bad_submits),
	CLIENT_CASE(hang_times_out),
	CLIENT_CASE(stray_stream_times_out),
	CLIENT_CASE(fences),
	CLIENT_CASE(later_submit_waits_for_earlier),
	CLIENT_CASE(reset_is_private),
	CLIENT_CASE(reset_cancels_own_jobs),
	CLIENT_CASE(sharing_by_prime),
	CLIENT_CASE(one_descriptor_in_threads),
	CLIENT_CASE(misc_node),
	CLIENT_CASE(survives_the_daemon),
};

int main(int argc, char **argv)
{
	return client_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
