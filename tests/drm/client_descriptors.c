/* SPDX-License-Identifier: MIT */
/*
 * Descriptors, as programs see them that count on their numbers, wait for fences, tidy up their
 * environment or work in signal handlers.
 */
#include "rknpu_product.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

static bool is_npu(int fd)
{
	uint32_t value;

	return act(fd, RKNPU_GET_HW_VERSION, 0, &value) == 0 && value == 0x46495245;
}

/* ---- numbers ---- */

/* Nothing but nodes takes the low numbers: the program may use any of them for what it likes. */
static void low_numbers_are_the_programs(void)
{
	struct product product;
	int first = open_node(CARD), second = open_node("/dev/accel/accel0");

	CHECK_EQ(second, first + 1);
	product_new(first, &product);
	product.submit.flags |= RKNPU_JOB_NONBLOCK; /* of which the library keeps a fence */
	CHECK_EQ(product_submit(&product), 0);
	CHECK_EQ(fcntl(first, F_DUPFD, 3), second + 1);
	for (int fd = second + 2; fd < 200; fd++)
		CHECK_EQ(dup2(fd % 2 ? first : STDIN_FILENO, fd), fd);
	CHECK_EQ(dup3(first, 200, O_CLOEXEC), 200);
	CHECK_EQ(fcntl(first, F_DUPFD, 201), 201);
	CHECK(is_npu(201));
	product.submit.flags &= ~(uint32_t)RKNPU_JOB_NONBLOCK;
	product_run(&product);
	CHECK_EQ(open_node(CARD), 202);
}

/* Shells name the numbers that they open. Those of another width see no nodes. */
#ifdef __LP64__
static void shells_redirect(void)
{
	CHECK_EQ(system("exec 3<" CARD " 4</dev/null 5<" CARD " 6<&5 && "
			"test $(readlink /proc/self/fd/6) = " CARD),
		 0);
}
#endif

static void few_numbers_are_enough(void)
{
	struct memory memory;
	struct rlimit limit;
	int fd;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 40;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < 4; i++) {
		fd = open_node(CARD);
		memory_new(fd, 4096, 0, &memory);
	}
	closefrom(fd + 1);
	memory_new(fd, 4096, 0, &memory);
	CHECK_EQ(close_range((unsigned)fd + 1, ~0u, CLOSE_RANGE_UNSHARE), 0);
	memory_new(fd, 4096, 0, &memory);
}

/* ---- fences ---- */

static int new_fence(struct product *product)
{
	product->submit.flags |= RKNPU_JOB_NONBLOCK | RKNPU_JOB_FENCE_OUT;
	product->submit.fence_fd = -1;
	CHECK_EQ(product_submit(product), 0);
	return product->submit.fence_fd;
}

/* As with the kernel's sync files, which a pipe is none of. */
static void fences_poll_readable(void)
{
	struct timespec minute = {60, 0};
	struct pollfd polled[3];
	struct product product;
	int fence, pipes[2];

	product_new(open_node(CARD), &product);
	fence = new_fence(&product);
	CHECK_EQ(pipe(pipes), 0);
	polled[0] = (struct pollfd){.fd = fence, .events = POLLIN};
	polled[1] = (struct pollfd){.fd = product.fd, .events = POLLIN};
	polled[2] = (struct pollfd){.fd = pipes[0], .events = POLLIN};
	CHECK_EQ(poll(polled, 1, 60000), 1);
	CHECK_EQ(polled[0].revents, POLLIN);
	CHECK_EQ(poll(polled, 3, -1), 1);
	CHECK_EQ(polled[0].revents, POLLIN);
	close(pipes[1]);
	CHECK_EQ(ppoll(polled, 3, &minute, NULL), 2);
	CHECK_EQ(polled[0].revents, POLLIN);
	CHECK_EQ(polled[1].revents, 0);
	CHECK_EQ(polled[2].revents, POLLHUP);
#ifdef SYS_poll
	CHECK_EQ(syscall(SYS_poll, polled, 3, -1), 2);
	CHECK_EQ(polled[0].revents, POLLIN);
	CHECK_EQ(polled[2].revents, POLLHUP);
#endif
	CHECK_EQ(syscall(SYS_ppoll, polled, 3, NULL, NULL, 0), 2);
	CHECK_EQ(polled[0].revents, POLLIN);
}

/* The event with that number. */
static uint32_t events_of(const struct epoll_event *events, int n, uint64_t data)
{
	for (int i = 0; i < n; i++)
		if (events[i].data.u64 == data)
			return events[i].events;
	return 0;
}

static void require_events(const struct epoll_event *events, int n)
{
	CHECK_EQ(n, 2);
	CHECK_EQ(events_of(events, n, ~0ull), EPOLLIN);
	CHECK_EQ(events_of(events, n, 1), EPOLLHUP);
}

static void epoll_finds_fences_readable(void)
{
	struct epoll_event fence_event = {.events = EPOLLIN, .data.u64 = ~0ull};
	struct epoll_event pipe_event = {.events = EPOLLIN, .data.u64 = 1}, events[4];
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), fence, pipes[2];
	struct timespec minute = {60, 0};
	struct product product;

	product_new(open_node(CARD), &product);
	fence = new_fence(&product);
	CHECK_EQ(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fence, &fence_event), 0);
	CHECK_EQ(epoll_wait(epoll_fd, events, 4, 60000), 1);
	CHECK_EQ(events[0].events, EPOLLIN);
	CHECK_EQ(pipe(pipes), 0);
	CHECK_EQ(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pipes[0], &pipe_event), 0);
	close(pipes[1]);
	require_events(events, epoll_wait(epoll_fd, events, 4, -1));
	require_events(events, epoll_pwait(epoll_fd, events, 4, -1, NULL));
	require_events(events, epoll_pwait2(epoll_fd, events, 4, &minute, NULL));
	require_events(events, (int)syscall(SYS_epoll_pwait, epoll_fd, events, 4, -1, NULL, 0));
	fence_event.events = EPOLLIN | EPOLLONESHOT;
	CHECK_EQ(epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fence, &fence_event), 0);
	require_events(events, epoll_wait(epoll_fd, events, 4, -1));
	CHECK_EQ(epoll_wait(epoll_fd, events, 4, -1), 1);
}

/* ---- how a node is open ---- */

static void kernels_ioctls(void)
{
	int fd = open("/dev/rknpu", O_RDWR), on = 1, off = 0;

	CHECK_EQ(ioctl(fd, FIONBIO, &on), 0);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK_EQ(ioctl(fd, FIONBIO, &off), 0);
	CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	CHECK_EQ(ioctl(fd, FIOCLEX), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(ioctl(fd, FIONCLEX), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_FAILS(ioctl(fd, FIONREAD, &on), ENOTTY);
}

static void access_modes(void)
{
	int all = open_node(CARD), reads = open(CARD, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int path = open(CARD, O_PATH);
	struct memory memory;
	struct stat status;

	CHECK_EQ(fcntl(all, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
	CHECK_EQ(fcntl(reads, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
	CHECK_EQ(fcntl(reads, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(reads, all + 1);
	CHECK(is_npu(reads));
	memory_new(all, 4096, 0, &memory);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, path, 0) == MAP_FAILED);
	CHECK_EQ(errno, EBADF);
	CHECK_EQ(path, reads + 1);
	CHECK(!is_npu(path));
	CHECK_EQ(errno, EBADF);
	CHECK_EQ(fstat(path, &status), 0);
	CHECK(S_ISCHR(status.st_mode));
	CHECK(!is_npu(dup(path)));
	CHECK_EQ(close(path), 0);
}

static void mappings_need_the_mode(void)
{
	struct rknpu_mem_create create = {.size = 4096};
	struct rknpu_mem_map map = {0};
	int fd = open(CARD, O_RDONLY);

	CHECK_EQ(ioctl(fd, MEM_CREATE, &create), 0);
	map.handle = create.handle;
	CHECK_EQ(ioctl(fd, MEM_MAP, &map), 0);
	CHECK(mmap64(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off64_t)map.offset) ==
	      MAP_FAILED);
	CHECK_EQ(errno, EACCES);
	CHECK(mmap64(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off64_t)map.offset) != MAP_FAILED);
}

/* ---- the process ---- */

/* As daemons begin. */
static void settings_are_kept(void)
{
	CHECK_EQ(clearenv(), 0);
	CHECK_EQ(chdir("/"), 0);
	closefrom(3);
	CHECK(is_npu(open_node(CARD)));
	CHECK_EQ(access("/dev/accel/accel0", R_OK), 0);
	CHECK(open("/dev/dri", O_RDONLY | O_DIRECTORY) >= 0);
}

static int handlers_node;
static volatile sig_atomic_t n_handled;

static void create_and_destroy(int fd)
{
	struct rknpu_mem_create create = {.size = 4096};

	CHECK_EQ(ioctl(fd, MEM_CREATE, &create), 0);
	CHECK_EQ(memory_destroy(fd, create.handle), 0);
}

static void on_alarm(int number)
{
	const int saved = errno;

	create_and_destroy(handlers_node);
	close(open_node(CARD));
	n_handled++;
	errno = saved;
}

/* Handlers make the calls that they interrupt, at every point of them. */
static void handlers_may_call(void)
{
	const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	struct product product;

	handlers_node = open_node(CARD);
	product_new(handlers_node, &product);
	CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
	while (n_handled < 300) {
		create_and_destroy(handlers_node);
		close(open_node(CARD));
		CHECK(is_npu(handlers_node));
		close(new_fence(&product));
	}
	CHECK_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
}

static const struct client_case cases[] = {
	CLIENT_CASE(low_numbers_are_the_programs),
#ifdef __LP64__
	CLIENT_CASE(shells_redirect),
#endif
	CLIENT_CASE(few_numbers_are_enough),
	CLIENT_CASE(fences_poll_readable),
	CLIENT_CASE(epoll_finds_fences_readable),
	CLIENT_CASE(kernels_ioctls),
	CLIENT_CASE(access_modes),
	CLIENT_CASE(mappings_need_the_mode),
	CLIENT_CASE(settings_are_kept),
	CLIENT_CASE(handlers_may_call),
};

int main(int argc, char **argv)
{
	return client_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
