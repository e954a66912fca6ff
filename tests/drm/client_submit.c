/* SPDX-License-Identifier: MIT */
/* A program for the vendor's driver: submits in every form. */
#include "rknpu_product.h"

#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>

/* ---- cases ---- */

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

static void product_sync(const struct product *product, uint32_t direction)
{
	struct rknpu_mem_sync sync = {
		.flags = direction, .obj_addr = product->data.token, .size = product->data.size};

	CHECK_EQ(ioctl(product->fd, MEM_SYNC, &sync), 0);
}

/*
 * On a device that does not see into caches (NPU_TEST_INCOHERENT says so) cached memory shows what
 * was synced alone; uncached memory, as in all other cases, needs nothing.
 */
static void cached_memory_is_synced(void)
{
	const bool is_coherent = !getenv("NPU_TEST_INCOHERENT");
	const uint32_t flags = RKNPU_MEM_CACHEABLE | RKNPU_MEM_NON_CONTIGUOUS;
	struct product product;
	int fd = open_node(CARD);

	product_new(fd, &product);
	munmap(product.data.map, MATMUL_BYTES);
	CHECK_EQ(memory_destroy(fd, product.data.handle), 0);
	memory_new(fd, MATMUL_BYTES, flags, &product.data);
	product_put(&product, 3, 5);
	product_sync(&product, RKNPU_MEM_SYNC_TO_DEVICE);
	CHECK_EQ(product_submit(&product), 0);
	CHECK_EQ(product_is(&product, 32 * 3 * 5), is_coherent);
	product_sync(&product, RKNPU_MEM_SYNC_FROM_DEVICE);
	CHECK(product_is(&product, 32 * 3 * 5));
	product_put(&product, 1, 2);
	CHECK_EQ(product_submit(&product), 0);
	product_sync(&product, RKNPU_MEM_SYNC_FROM_DEVICE);
	CHECK(product_is(&product, is_coherent ? 32 * 2 : 32 * 3 * 5));
}

/* The memory of a product in a second file, which runs it: it is cached there if it was before. */
static void shared_memory_keeps_its_kind(void)
{
	const bool is_coherent = !getenv("NPU_TEST_INCOHERENT");
	const uint64_t begin = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW;
	const uint64_t end = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	static const uint32_t kinds[] = {0, RKNPU_MEM_CACHEABLE};
	int first = open_node(CARD), second = open_node(RENDER);

	for (size_t i = 0; i < 2; i++) {
		struct drm_prime_handle prime = {.flags = O_CLOEXEC | O_RDWR};
		struct rknpu_mem_create create = {0};
		struct rknpu_mem_sync sync = {.flags = 3};
		struct memory memory;
		struct product product;

		memory_new(first, MATMUL_BYTES, kinds[i], &memory);
		prime.handle = memory.handle;
		CHECK_EQ(ioctl(first, PRIME_HANDLE_TO_FD, &prime), 0);
		CHECK_EQ(ioctl(second, PRIME_FD_TO_HANDLE, &prime), 0);
		create.handle = prime.handle;
		CHECK_EQ(ioctl(second, MEM_CREATE, &create), 0);
		sync.obj_addr = create.obj_addr;
		CHECK_EQ(ioctl(second, MEM_SYNC, &sync), kinds[i] ? 0 : -1);
		product_new(second, &product);
		product.data = memory;
		product.data.iova = create.dma_addr;
		product_put(&product, 3, 5);
		if (kinds[i])
			CHECK_EQ(ioctl(prime.fd, DMA_BUF_IOCTL_SYNC, &end), 0);
		CHECK_EQ(product_submit(&product), 0);
		CHECK_EQ(product_is(&product, 32 * 3 * 5), is_coherent || !kinds[i]);
		CHECK_EQ(ioctl(prime.fd, DMA_BUF_IOCTL_SYNC, &begin), 0);
		CHECK(product_is(&product, 32 * 3 * 5));
	}
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
	product.submit.flags |= RKNPU_JOB_FENCE_IN;
	CHECK_FAILS(product_submit(&product), EINVAL); /* fence_fd is -1 */
	product.submit.fence_fd = product.fd;
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

/* Without a quarantine a program may hang as often as it likes. */
static void many_hangs(void)
{
	struct product product;

	product_new(open_node(CARD), &product);
	product_make_hang(&product, 20);
	for (int i = 0; i < 8; i++)
		CHECK_FAILS(product_submit(&product), ETIMEDOUT);
	product_put(&product, 3, 5);
	product.submit.timeout_ms = 6000;
	product_run(&product);
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

/* As the kernel's sync files tell it: 1, 0, or why it failed. */
static int32_t fence_status(int fence)
{
	struct sync_fence_info one = {0};
	struct sync_file_info info = {.num_fences = 1, .sync_fence_info = (uintptr_t)&one};

	CHECK_EQ(ioctl(fence, SYNC_IOC_FILE_INFO, &info), 0);
	CHECK_EQ(info.num_fences, 1);
	CHECK_EQ(one.status, info.status);
	return info.status;
}

static void sync_file_information(void)
{
	struct sync_file_info info = {.flags = 1};
	struct product product;
	int pipes[2];

	product_new(open_node(CARD), &product);
	product.submit.flags = FLAGS | RKNPU_JOB_FENCE_OUT;
	CHECK_EQ(product_submit(&product), 0);
	CHECK(product.submit.hw_elapse_time_ns > 0);
	CHECK_EQ(product.submit.task_counter, 1);
	CHECK_EQ(fence_status(product.submit.fence_fd), 1);
	CHECK_FAILS(ioctl(product.submit.fence_fd, SYNC_IOC_FILE_INFO, &info), EINVAL);
	CHECK_FAILS(ioctl(product.submit.fence_fd, SYNC_IOC_FILE_INFO, (void *)8), EFAULT);
	product_make_hang(&product, 1500);
	product.submit.flags = FLAGS | RKNPU_JOB_FENCE_OUT | RKNPU_JOB_NONBLOCK;
	CHECK_EQ(product_submit(&product), 0);
	CHECK_EQ(fence_status(product.submit.fence_fd), 0);
	CHECK_EQ(poll(&(struct pollfd){.fd = product.submit.fence_fd, .events = POLLIN}, 1, 60000),
		 1);
	CHECK(fence_status(product.submit.fence_fd) < 0);
	info.flags = 0;
	CHECK_EQ(pipe(pipes), 0);
	CHECK_EQ(write(pipes[1], "x", 1), 1);
	CHECK_FAILS(ioctl(pipes[0], SYNC_IOC_FILE_INFO, &info), ENOTTY);
	CHECK_FAILS(ioctl(STDIN_FILENO, SYNC_IOC_FILE_INFO, &info), ENOTTY);
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

static int merge_fences(int first, int second)
{
	struct sync_merge_data data = {.name = "both", .fd2 = second};

	CHECK_EQ(ioctl(first, SYNC_IOC_MERGE, &data), 0);
	CHECK_EQ(fcntl(data.fence, F_GETFD), FD_CLOEXEC);
	return data.fence;
}

static int submit_for_fence(struct product *product, uint32_t core_mask)
{
	product->submit.flags = FLAGS | RKNPU_JOB_NONBLOCK | RKNPU_JOB_FENCE_OUT;
	product->submit.core_mask = core_mask;
	product->submit.fence_fd = -1;
	CHECK_EQ(product_submit(product), 0);
	return product->submit.fence_fd;
}

/* Of two it is over when both are; a child that has its descriptor does not keep it waiting. */
static void fences_are_merged(void)
{
	struct sync_merge_data bad = {.fd2 = STDIN_FILENO};
	struct product product, hanging;
	int fd = open_node(CARD), first, second, both, status;
	int pipes[2];
	pid_t pid;

	product_new(fd, &product);
	product_new(fd, &hanging);
	first = submit_for_fence(&product, 1);
	both = merge_fences(first, submit_for_fence(&product, 1));
	CHECK_EQ(poll(&(struct pollfd){.fd = both, .events = POLLIN}, 1, 60000), 1);
	CHECK_EQ(fence_status(both), 1);
	product_make_hang(&hanging, 1500);
	second = submit_for_fence(&hanging, 1);
	both = merge_fences(first, second);
	CHECK_EQ(fence_status(both), 0);
	CHECK_EQ(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		close(pipes[1]);
		_exit(read(pipes[0], &status, 1) == 0 ? 0 : 1);
	}
	CHECK_EQ(poll(&(struct pollfd){.fd = both, .events = POLLIN}, 1, 60000), 1);
	CHECK(fence_status(second) < 0);
	CHECK(fence_status(both) < 0);
	close(pipes[1]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	/* One that is merged is as good as any: of merges, and to wait for before a job. */
	both = merge_fences(merge_fences(first, first), submit_for_fence(&product, 1));
	product.submit.flags = FLAGS | RKNPU_JOB_FENCE_IN;
	product.submit.fence_fd = both;
	product_run(&product);
	CHECK_FAILS(ioctl(first, SYNC_IOC_MERGE, &bad), ENOENT);
	CHECK_FAILS(ioctl(STDIN_FILENO, SYNC_IOC_MERGE, &bad), ENOTTY);
	CHECK_FAILS(ioctl(first, SYNC_IOC_MERGE, (void *)8), EFAULT);
	bad = (struct sync_merge_data){.fd2 = first, .flags = 1};
	CHECK_FAILS(ioctl(first, SYNC_IOC_MERGE, &bad), EINVAL);
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

/* A job that hangs takes those behind it on its core down only as long as it hangs. */
static void failed_job_does_not_stop_the_next(void)
{
	struct product hanging, next;
	int fd = open_node(CARD);

	product_new(fd, &hanging);
	product_new(fd, &next);
	product_make_hang(&hanging, 100);
	hanging.submit.core_mask = next.submit.core_mask = 1;
	hanging.submit.flags = FLAGS | RKNPU_JOB_NONBLOCK;
	CHECK_EQ(product_submit(&hanging), 0);
	product_run(&next);
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

/* What thirty programs at once do, see one_core_for_all. */
static void asks_for_core_0(void)
{
	struct product product;

	product_new(open_node(CARD), &product);
	product.submit.core_mask = 1;
	for (int i = 0; i < 20; i++)
		product_run(&product);
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
	CHECK_EQ(kill((pid_t)strtol(pid, NULL, 10), SIGKILL), 0);
	while (product_submit(&product) == 0)
		;
	CHECK_EQ(errno, ENODEV);
	CHECK_FAILS(open(CARD, O_RDWR), ENODEV);
	CHECK_EQ(close(fd), 0);
}

static const struct client_case cases[] = {
	CLIENT_CASE(blocking_submit),
	CLIENT_CASE(cached_memory_is_synced),
	CLIENT_CASE(shared_memory_keeps_its_kind),
	CLIENT_CASE(every_core_mask),
	CLIENT_CASE(bad_submits),
	CLIENT_CASE(hang_times_out),
	CLIENT_CASE(many_hangs),
	CLIENT_CASE(stray_stream_times_out),
	CLIENT_CASE(fences),
	CLIENT_CASE(sync_file_information),
	CLIENT_CASE(fences_are_merged),
	CLIENT_CASE(later_submit_waits_for_earlier),
	CLIENT_CASE(failed_job_does_not_stop_the_next),
	CLIENT_CASE(reset_is_private),
	CLIENT_CASE(reset_cancels_own_jobs),
	CLIENT_CASE(one_descriptor_in_threads),
	CLIENT_CASE(asks_for_core_0),
	CLIENT_CASE(survives_the_daemon),
};

int main(int argc, char **argv)
{
	return client_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
