/* SPDX-License-Identifier: MIT */
/* Programs for Linux' rocket driver that share memory: who waits for whom, in one process or two.
 */
#include "rocket_product.h"

#include <sys/wait.h>

static int export_handle(int fd, uint32_t handle)
{
	struct drm_prime_handle prime = {.handle = handle, .flags = O_CLOEXEC | O_RDWR};

	CHECK_EQ(ioctl(fd, PRIME_HANDLE_TO_FD, &prime), 0);
	return prime.fd;
}

static uint32_t import_fd(int fd, int prime_fd)
{
	struct drm_prime_handle prime = {.fd = prime_fd};

	CHECK_EQ(ioctl(fd, PRIME_FD_TO_HANDLE, &prime), 0);
	return prime.handle;
}

/* A job that writes the memory for as long as npud lets it. */
static void stuck_new(int fd, struct memory *ret_output, struct product *ret_stuck)
{
	memory_new(fd, 4096, ret_output);
	product_new(fd, ret_output, 1, ret_stuck);
	product_make_hang(ret_stuck);
}

static void prime(void)
{
	struct drm_prime_handle unknown = {.handle = 99};
	int fd = open_node(), other = open_node(), shared;
	struct memory memory;
	unsigned char *map;

	memory_new(fd, 8192, &memory);
	shared = export_handle(fd, memory.handle);
	CHECK_EQ(import_fd(fd, shared), memory.handle);
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
	CHECK(map != MAP_FAILED);
	memory.map[8191] = 77;
	CHECK_EQ(map[8191], 77);
	CHECK(import_fd(other, shared) != 0);
	CHECK_FAILS(ioctl(fd, PRIME_HANDLE_TO_FD, &unknown), ENOENT);
	unknown.fd = fd;
	CHECK(ioctl(fd, PRIME_FD_TO_HANDLE, &unknown) < 0);
}

/* Another file's job writes the object: who shares it waits, be it with PREP_BO or a job. */
static void order_across_files(void)
{
	int fd = open_node(), other = open_node();
	struct product stuck, product;
	struct memory output, result;
	uint32_t handles[2];
	int64_t start_ns;

	stuck_new(fd, &output, &stuck);
	memory_new(other, 4096, &result);
	product_new(other, &result, 4, &product);
	handles[0] = import_fd(other, export_handle(fd, output.handle));
	handles[1] = product.data.handle;
	product.job.in_bo_handles = (uintptr_t)handles;
	product.job.in_bo_handle_count = 2;
	start_ns = now_ns();
	CHECK_EQ(submit_jobs(fd, &stuck.job, 1), 0);
	CHECK_EQ(submit_jobs(other, &product.job, 1), 0);
	CHECK_FAILS(prepare(other, handles[0], 0), EBUSY);
	CHECK_FAILS(prepare(other, result.handle, 0), EBUSY);
	CHECK_EQ(prepare(other, result.handle, FOREVER), 0);
	/* The stuck one was over before it. */
	CHECK_EQ(prepare(fd, output.handle, 0), 0);
	CHECK(now_ns() - start_ns > 500000000);
	CHECK(output_is(&result, 4));
}

/* However often one looks, and gives up: nothing is used up by it. */
static void looking_costs_nothing(void)
{
	int fd = open_node(), other = open_node();
	struct product stuck, product;
	struct memory output, result;
	uint32_t handle;

	stuck_new(fd, &output, &stuck);
	memory_new(other, 4096, &result);
	product_new(other, &result, 4, &product);
	handle = import_fd(other, export_handle(fd, output.handle));
	CHECK_EQ(submit_jobs(fd, &stuck.job, 1), 0);
	for (int i = 0; i < 600; i++) {
		CHECK_FAILS(prepare(fd, output.handle, 0), EBUSY);
		CHECK_FAILS(prepare(other, handle, 0), EBUSY);
	}
	CHECK_EQ(submit_jobs(other, &product.job, 1), 0);
	CHECK_EQ(prepare(other, result.handle, FOREVER), 0);
	CHECK(output_is(&result, 4));
	CHECK_FAILS(prepare(fd, output.handle, 0), EBUSY);
}

/* Order across files, from another process that has only the descriptor of the memory. */
static void wait_for_the_parents_job(int shared)
{
	int fd = open_node();
	struct product product;
	struct memory result;
	uint32_t handles[2];

	memory_new(fd, 4096, &result);
	product_new(fd, &result, 4, &product);
	handles[0] = import_fd(fd, shared);
	handles[1] = product.data.handle;
	product.job.in_bo_handles = (uintptr_t)handles;
	product.job.in_bo_handle_count = 2;
	CHECK_EQ(fence_status(shared), 0);
	CHECK_FAILS(prepare(fd, handles[0], 0), EBUSY);
	CHECK_EQ(submit_jobs(fd, &product.job, 1), 0);
	CHECK_FAILS(prepare(fd, result.handle, 0), EBUSY);
	CHECK_EQ(prepare(fd, result.handle, FOREVER), 0);
	CHECK(output_is(&result, 4));
	CHECK_EQ(prepare(fd, handles[0], 0), 0);
	CHECK(fence_status(shared) < 0);
}

static void order_across_processes(void)
{
	int fd = open_node(), shared, status;
	struct product stuck;
	struct memory output;
	int64_t start_ns;
	pid_t pid;

	stuck_new(fd, &output, &stuck);
	shared = export_handle(fd, output.handle);
	start_ns = now_ns();
	CHECK_EQ(submit_jobs(fd, &stuck.job, 1), 0);
	pid = fork();
	if (pid == 0) {
		wait_for_the_parents_job(shared);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK(now_ns() - start_ns > 500000000);
	CHECK_EQ(prepare(fd, output.handle, 0), 0);
}

/* Files that share nothing do not wait for each other. */
static void files_are_independent(void)
{
	int fd = open_node(), other = open_node();
	struct product stuck, product;
	struct memory output, result;

	stuck_new(fd, &output, &stuck);
	memory_new(other, 4096, &result);
	product_new(other, &result, 4, &product);
	CHECK_EQ(submit_jobs(fd, &stuck.job, 1), 0);
	CHECK_EQ(submit_jobs(other, &product.job, 1), 0);
	CHECK_EQ(prepare(other, result.handle, FOREVER), 0);
	CHECK_FAILS(prepare(fd, output.handle, 0), EBUSY);
	CHECK(output_is(&result, 4));
	CHECK_FAILS(prepare(other, stuck.data.handle + 8, 0), ENOENT);
}

/* How the last job ended is known until another one has. */
static void fences_of_memory(void)
{
	struct dma_buf_export_sync_file request = {.flags = 0};
	struct drm_prime_handle prime = {.flags = O_CLOEXEC};
	struct product stuck, product;
	struct memory output;
	int fd = open_node();

	memory_new(fd, 4096, &output);
	product_new(fd, &output, 1, &stuck);
	product_new(fd, &output, 8, &product);
	product_make_hang(&stuck);
	prime.handle = output.handle;
	CHECK_EQ(ioctl(fd, PRIME_HANDLE_TO_FD, &prime), 0);
	CHECK_FAILS(ioctl(prime.fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &request), EINVAL);
	CHECK_FAILS(ioctl(0, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &request), ENOTTY);
	CHECK_EQ(fence_status(prime.fd), 1);
	CHECK_EQ(submit_jobs(fd, &stuck.job, 1), 0);
	CHECK_EQ(fence_status(prime.fd), 0);
	CHECK_EQ(prepare(fd, output.handle, FOREVER), 0);
	CHECK(fence_status(prime.fd) < 0);
	CHECK(fence_status(prime.fd) < 0);
	CHECK_EQ(submit_jobs(fd, &product.job, 1), 0);
	CHECK_EQ(prepare(fd, output.handle, FOREVER), 0);
	CHECK_EQ(fence_status(prime.fd), 1);
	CHECK(output_is(&output, 8));
}

static const struct client_case cases[] = {
	CLIENT_CASE(prime),
	CLIENT_CASE(order_across_files),
	CLIENT_CASE(looking_costs_nothing),
	CLIENT_CASE(order_across_processes),
	CLIENT_CASE(files_are_independent),
	CLIENT_CASE(fences_of_memory),
};

int main(int argc, char **argv)
{
	return client_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
