/* SPDX-License-Identifier: MIT */
/*
 * What lib/drm/personality.h promises of the vendor's driver; each case is run with the traits that
 * it is about.
 */
#include "rknpu_product.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#define MS_NS 1000000ull

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The time that a submit takes which fails like that. */
static uint64_t time_failure(struct product *product, int error)
{
	const uint64_t start_ns = now_ns();

	CHECK_FAILS(product_submit(product), error);
	return now_ns() - start_ns;
}

static void *submit_on_thread(void *context)
{
	struct product *product = context;
	int r = product_submit(product);

	return (void *)(intptr_t)(r < 0 ? -errno : 0);
}

static void start(struct product *product, pthread_t *ret_thread)
{
	CHECK_EQ(pthread_create(ret_thread, NULL, submit_on_thread, product), 0);
}

static int finish(pthread_t thread)
{
	void *result;

	CHECK_EQ(pthread_join(thread, &result), 0);
	return (int)(intptr_t)result;
}

/* Two that are in the driver together: whoever hangs, the other one is a victim. */
static void whole_device_reset(void)
{
	struct product guilty, innocent;
	pthread_t threads[2];

	product_new(open_node(CARD), &guilty);
	product_new(open_node(CARD), &innocent);
	product_make_hang(&guilty, 200);
	product_make_hang(&innocent, 20000);
	guilty.submit.core_mask = 1;
	innocent.submit.core_mask = 2;
	innocent.submit.subcore_task[1] = (struct rknpu_subcore_task){0, 1};
	start(&innocent, &threads[1]);
	start(&guilty, &threads[0]);
	CHECK_EQ(finish(threads[0]), -ETIMEDOUT);
	CHECK_EQ(finish(threads[1]), -EINVAL);
}

static void dead_masks(void)
{
	struct product product;

	product_new(open_node(CARD), &product);
	product.submit.timeout_ms = 50;
	for (uint32_t mask = 5; mask <= 6; mask++) {
		product.submit.core_mask = mask;
		product.submit.task_number = 2;
		product.submit.subcore_task[1] = (struct rknpu_subcore_task){1, 1};
		CHECK(time_failure(&product, EINVAL) >= 50 * MS_NS);
	}
	product.submit.core_mask = 3;
	product.submit.timeout_ms = 6000;
	product_run(&product);
}

static void no_fences(void)
{
	struct product product;

	product_new(open_node(CARD), &product);
	product.submit.flags = FLAGS | RKNPU_JOB_FENCE_OUT;
	CHECK_FAILS(product_submit(&product), EINVAL);
	product.submit.flags = FLAGS | RKNPU_JOB_FENCE_IN;
	CHECK_FAILS(product_submit(&product), EINVAL);
	product.submit.flags = FLAGS;
	product_run(&product);
}

static void one_domain(void)
{
	struct rknpu_mem_create create = {.size = 4096, .iommu_domain_id = 3};
	struct product product;
	uint64_t start_ns;
	pthread_t thread;
	uint32_t value;
	int fd = open_node(CARD);

	product_new(fd, &product);
	product_make_hang(&product, 300);
	CHECK_EQ(act(fd, RKNPU_SET_IOMMU_DOMAIN_ID, 3, &value), 0);
	start_ns = now_ns();
	start(&product, &thread);
	/* Back in 0, where the job is, once that has come. */
	do
		CHECK_EQ(act(fd, RKNPU_GET_IOMMU_DOMAIN_ID, 0, &value), 0);
	while (value != 0);
	CHECK_EQ(ioctl(fd, MEM_CREATE, &create), 0);
	CHECK(now_ns() - start_ns >= 300 * MS_NS);
	CHECK_EQ(finish(thread), -ETIMEDOUT);
	CHECK_EQ(act(fd, RKNPU_SET_IOMMU_DOMAIN_ID, 5, &value), 0);
	CHECK_EQ(act(fd, RKNPU_GET_IOMMU_DOMAIN_ID, 0, &value), 0);
	CHECK_EQ(value, 5);
}

static void switch_fails(void)
{
	struct rknpu_mem_create create = {.size = 4096};
	const uint64_t start_ns = now_ns();
	int fd = open_node(CARD);
	uint32_t value;

	create.iommu_domain_id = 3;
	CHECK_FAILS(ioctl(fd, MEM_CREATE, &create), EINVAL);
	CHECK(now_ns() - start_ns >= 60 * MS_NS);
	/* The one before stays active, and takes no change. */
	CHECK_EQ(act(fd, RKNPU_GET_IOMMU_DOMAIN_ID, 0, &value), 0);
	CHECK_EQ(value, 0);
	CHECK_FAILS(ioctl(fd, MEM_CREATE, &create), EINVAL);
	create = (struct rknpu_mem_create){.size = 4096};
	CHECK_EQ(ioctl(fd, MEM_CREATE, &create), 0);
}

static volatile uint64_t signalled_ns;

static void note_signal(int number)
{
	signalled_ns = now_ns();
}

static void uninterruptible(void)
{
	const struct sigaction action = {.sa_handler = note_signal};
	const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
	struct product product;
	uint64_t start_ns;

	CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
	product_new(open_node(CARD), &product);
	product_make_hang(&product, 300);
	start_ns = now_ns();
	CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
	CHECK_FAILS(product_submit(&product), ETIMEDOUT);
	CHECK(signalled_ns >= start_ns + 300 * MS_NS);
}

static void never_start(void)
{
	struct product product;

	product_new(open_node(CARD), &product);
	product.submit.timeout_ms = 50;
	CHECK(time_failure(&product, EINVAL) >= 50 * MS_NS);
	CHECK(product_is(&product, 0));
}

static void threefold_wait(void)
{
	struct product product;

	product_new(open_node(CARD), &product);
	product_run(&product);
	product_make_hang(&product, 100);
	CHECK(time_failure(&product, ETIMEDOUT) >= 300 * MS_NS);
}

static void foreign_reset(void)
{
	struct product product;

	product_new(open_node(CARD), &product);
	CHECK_FAILS(product_submit(&product), EINVAL);
	CHECK(product_is(&product, 0));
}

static void slow_reset(void)
{
	const uint64_t start_ns = now_ns();
	uint32_t value;

	CHECK_EQ(act(open_node(CARD), RKNPU_ACT_RESET, 0, &value), 0);
	CHECK(now_ns() - start_ns >= 100 * MS_NS);
}

static void no_memory(void)
{
	struct rknpu_mem_create create = {.size = 4096};

	CHECK_FAILS(ioctl(open_node(CARD), MEM_CREATE, &create), ENOMEM);
}

static void fragments(void)
{
	struct rknpu_mem_create small = {.size = 65536}, large = {.size = 65537};
	int fd = open_node(CARD);

	CHECK_EQ(ioctl(fd, MEM_CREATE, &small), 0);
	CHECK_FAILS(ioctl(fd, MEM_CREATE, &large), ENOMEM);
}

static const struct client_case cases[] = {
	CLIENT_CASE(whole_device_reset), CLIENT_CASE(dead_masks),     CLIENT_CASE(no_fences),
	CLIENT_CASE(one_domain),	 CLIENT_CASE(switch_fails),   CLIENT_CASE(uninterruptible),
	CLIENT_CASE(never_start),	 CLIENT_CASE(threefold_wait), CLIENT_CASE(foreign_reset),
	CLIENT_CASE(slow_reset),	 CLIENT_CASE(no_memory),      CLIENT_CASE(fragments),
};

int main(int argc, char **argv)
{
	return client_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
