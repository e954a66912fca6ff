/* SPDX-License-Identifier: MIT */
/*
 * What calls cost, for script/bench: run it alone and under npu-run. Prints "name ns" lines; those
 * of an NPU node only where there is one.
 */
#include "cost.h"
#include "rknpu_calls.h"

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

	ioctl(fd, ACTION, &action);
}

/* ---- a blocking submit ---- */

static struct rknpu_submit submit_request;

/* One task of one entry; on npud's `timing` device it takes no time. */
static void prepare_submit(int fd)
{
	struct memory memory;

	memory_new(fd, 4096, RKNPU_MEM_KERNEL_MAPPING, &memory);
	*(struct rknpu_task *)memory.map = (struct rknpu_task){
		.enable_mask = 0xd,
		.int_mask = 0x300,
		.regcfg_amount = 1,
		.regcmd_addr = memory.iova + 2048,
	};
	submit_request = (struct rknpu_submit){
		.flags = RKNPU_JOB_PC,
		.timeout_ms = 6000,
		.task_number = 1,
		.task_obj_addr = memory.token,
		.fence_fd = -1,
		.subcore_task = {{0, 1}},
	};
}

static void call_submit(int fd)
{
	CHECK_EQ(ioctl(fd, SUBMIT, &submit_request), 0);
}

int main(void)
{
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int node = open(CARD, O_RDWR | O_CLOEXEC);

	cost_measure("ioctl", call_ioctl, zero, 100000);
	cost_measure("mmap_munmap", call_mmap, zero, 100000);
	if (node < 0)
		return 0;
	prepare_submit(node);
	cost_measure("query", call_query, node, 10000);
	cost_measure("submit", call_submit, node, 500);
	return 0;
}
