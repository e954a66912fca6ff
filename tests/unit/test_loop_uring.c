/* SPDX-License-Identifier: MIT */
/*
 * io_uring alone: what happens where it is refused, what the ring allows, and what more
 * completions than it has room for do.
 */
#include "base/loop.h"

#include <check.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <liburing.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_POLLS 20000

static struct io_uring *ring;
static unsigned missing_features;

/* Found before that of the library: shows the tests the loop's ring. */
int io_uring_queue_init_params(unsigned entries, struct io_uring *r, struct io_uring_params *p)
{
	int (*real)(unsigned, struct io_uring *, struct io_uring_params *);
	int result;

	*(void **)&real = dlsym(RTLD_NEXT, "io_uring_queue_init_params");
	result = real(entries, r, p);
	r->features &= ~missing_features;
	ring = r;
	return result;
}

/* NULL, with the reason printed, where this kernel refuses io_uring. */
static struct loop *new_loop(void)
{
	struct loop *loop = NULL;
	int r = loop_new(LOOP_URING, &loop);

	if (r < 0)
		printf("skipped: io_uring: %s\n", strerror(-r));
	return loop;
}

static unsigned count_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void deny_io_uring(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static const struct {
	int error;
	const char *remedy;
} refusals[] = {
	{EPERM, "kernel.io_uring_disabled"},
	{ENOSYS, "CONFIG_IO_URING"},
	{ENOMEM, "RLIMIT_MEMLOCK"},
	{EINVAL, "Linux 5.11"},
	{EBADF, "none known"},
};

static void assert_fallback(int error, const char *remedy)
{
	struct loop *loop = NULL;

	ck_assert_int_eq(loop_new(LOOP_URING, &loop), -error);
	ck_assert_ptr_null(loop);
	ck_assert_int_eq(loop_new(LOOP_AUTO, &loop), 0);
	ck_assert_str_eq(loop_name(loop), "epoll");
	ck_assert_ptr_nonnull(strstr(loop_fallback_reason(loop), strerror(error)));
	ck_assert_ptr_nonnull(strstr(loop_fallback_reason(loop), remedy));
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	loop_free(loop);
}

/* In a child: a filter stays for life. A failed assertion there ends it with another status. */
START_TEST(test_refused)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		deny_io_uring(refusals[_i].error);
		assert_fallback(refusals[_i].error, refusals[_i].remedy);
		_exit(42);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 42);
}
END_TEST

START_TEST(test_kernel_too_old)
{
	unsigned n_before;
	struct loop *loop = new_loop();

	if (!loop)
		return;
	loop_free(loop);
	n_before = count_open_fds();
	missing_features = IORING_FEAT_EXT_ARG;
	assert_fallback(EOPNOTSUPP, "Linux 5.11");
	missing_features = 0;
	ck_assert_uint_eq(count_open_fds(), n_before);
}
END_TEST

START_TEST(test_auto)
{
	struct loop *loop = new_loop();

	if (!loop)
		return;
	loop_free(loop);
	ck_assert_int_eq(loop_new(LOOP_AUTO, &loop), 0);
	ck_assert_str_eq(loop_name(loop), "io_uring");
	ck_assert_str_eq(loop_fallback_reason(loop), "");
	loop_free(loop);
}
END_TEST

START_TEST(test_nothing_left_open)
{
	unsigned n_before = count_open_fds();

	for (unsigned i = 0; i < 50; i++) {
		struct loop *loop = new_loop();

		if (!loop)
			return;
		loop_free(loop);
	}
	ck_assert_uint_eq(count_open_fds(), n_before);
}
END_TEST

static int submit_one(void (*prepare)(struct io_uring_sqe *))
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int result;

	ck_assert_ptr_nonnull(sqe);
	prepare(sqe);
	ck_assert_int_eq(io_uring_submit_and_wait(ring, 1), 1);
	ck_assert_int_eq(io_uring_peek_cqe(ring, &cqe), 0);
	result = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return result;
}

static void prepare_nop(struct io_uring_sqe *sqe)
{
	io_uring_prep_nop(sqe);
}

static void prepare_openat(struct io_uring_sqe *sqe)
{
	io_uring_prep_openat(sqe, -1, "/dev/null", 0, 0);
}

static void prepare_linked(struct io_uring_sqe *sqe)
{
	io_uring_prep_cancel64(sqe, 1, 0);
	sqe->flags |= IOSQE_IO_LINK;
}

static void prepare_cancel(struct io_uring_sqe *sqe)
{
	io_uring_prep_cancel64(sqe, 1, 0);
}

static const struct {
	const char *what;
	void (*prepare)(struct io_uring_sqe *);
	int result;
} operations[] = {
	{"no operation", prepare_nop, -EACCES},
	{"open a file", prepare_openat, -EACCES},
	{"a linked cancel", prepare_linked, -EACCES},
	{"a cancel of nothing", prepare_cancel, -ENOENT},
};

START_TEST(test_operations)
{
	struct loop *loop = new_loop();
	int result;

	if (!loop)
		return;
	result = submit_one(operations[_i].prepare);
	ck_assert_msg(result == operations[_i].result, "%s: %d", operations[_i].what, result);
	loop_free(loop);
}
END_TEST

START_TEST(test_no_registration)
{
	struct loop *loop = new_loop();
	int fd = eventfd(0, EFD_CLOEXEC);

	if (loop)
		ck_assert_int_eq(io_uring_register_eventfd(ring, fd), -EACCES);
	loop_free(loop);
	close(fd);
}
END_TEST

static unsigned n_ready;

static void count_ready(struct loop_poll *poll, uint32_t revents)
{
	n_ready++;
}

/* More polls are ready at once than the completion queue has entries: counted, and none lost. */
START_TEST(test_overflow)
{
	struct loop_poll *polls = calloc(N_POLLS, sizeof(*polls));
	int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	struct loop *loop = new_loop();

	ck_assert_ptr_nonnull(polls);
	for (unsigned i = 0; loop && i < N_POLLS; i++) {
		loop_poll_init(&polls[i], loop, fd, count_ready);
		ck_assert_int_eq(loop_poll_arm(&polls[i], POLLIN), 0);
	}
	if (loop) {
		while (n_ready < N_POLLS)
			ck_assert_int_eq(loop_turn(loop, CLOCK_NEVER), 0);
		ck_assert_uint_eq(loop_get_stats(loop)->events, N_POLLS);
		ck_assert_uint_gt(loop_get_stats(loop)->cqe_overflows, 0);
	}
	loop_free(loop);
	close(fd);
	free(polls);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop_uring");
	TCase *tcase = tcase_create("loop_uring");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_refused, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(tcase, test_kernel_too_old);
	tcase_add_test(tcase, test_auto);
	tcase_add_test(tcase, test_nothing_left_open);
	tcase_add_loop_test(tcase, test_operations, 0, sizeof(operations) / sizeof(operations[0]));
	tcase_add_test(tcase, test_no_registration);
	tcase_add_test(tcase, test_overflow);
	suite_add_tcase(suite, tcase);

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
