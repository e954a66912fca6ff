/* SPDX-License-Identifier: MIT */
/*
 * What calls cost, for script/bench: run it alone and under npu-run. Prints "name ns" lines; those
 * of an NPU node only where there is one.
 */
#include "client.h"

#include "lib/drm/uapi/rknpu.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 5
#define CALLS  100000

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void call_ioctl(int fd)
{
	int n;

	ioctl(fd, FIONREAD, &n);
}

static void call_mmap(int fd)
{
	void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

	if (map != MAP_FAILED)
		munmap(map, 4096);
}

static void call_query(int fd)
{
	struct rknpu_action action = {.flags = RKNPU_GET_DRV_VERSION};

	ioctl(fd, 0xC0086440, &action);
}

/* The best round: what else the machine does only adds. */
static void measure(const char *name, void (*call)(int), int fd)
{
	uint64_t best_ns = UINT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start_ns = now_ns(), used_ns;

		for (int i = 0; i < CALLS; i++)
			call(fd);
		used_ns = now_ns() - start_ns;
		best_ns = used_ns < best_ns ? used_ns : best_ns;
	}
	printf("%s %.1f\n", name, (double)best_ns / CALLS);
}

int main(void)
{
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int node = open("/dev/dri/card1", O_RDWR | O_CLOEXEC);

	measure("ioctl", call_ioctl, zero);
	measure("mmap_munmap", call_mmap, zero);
	if (node >= 0)
		measure("query", call_query, node);
	return 0;
}
