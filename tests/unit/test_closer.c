/* SPDX-License-Identifier: MIT */
/*
 * What is handed to a closer is closed, soon, and its giver does not wait for it.
 */
#include "base/closer.h"

#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- close(), of which one may not come back until it is let go ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int stuck_fd = -1;
static bool is_stuck;

/* Found before libc's. */
int close(int fd)
{
	pthread_mutex_lock(&lock);
	is_stuck |= fd >= 0 && fd == stuck_fd;
	pthread_cond_broadcast(&changed);
	while (fd >= 0 && fd == stuck_fd)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	return (int)syscall(SYS_close, fd);
}

static void wait_until_stuck(void)
{
	pthread_mutex_lock(&lock);
	while (!is_stuck)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void set_stuck(int fd)
{
	pthread_mutex_lock(&lock);
	stuck_fd = fd;
	is_stuck = false;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* The other end of a pipe hangs up when its last writer is closed. */
static void wait_for_hangup(int fd)
{
	struct pollfd poll_fd = {.fd = fd};

	ck_assert_int_eq(poll(&poll_fd, 1, 10000), 1);
	ck_assert(poll_fd.revents & POLLHUP);
}

START_TEST(closes_many)
{
	enum { N = 200 };
	struct closer *closer;
	int pipes[N][2];

	ck_assert_int_eq(closer_new(&closer), 0);
	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(pipe(pipes[i]), 0);
		closer_close(closer, 0, pipes[i][1]);
	}
	for (int i = 0; i < N; i++) {
		wait_for_hangup(pipes[i][0]);
		close(pipes[i][0]);
	}
	closer_free(closer);
}
END_TEST

/* The first of one owner's blocks: its others wait, and nobody else's. */
START_TEST(one_owner_holds_up_itself_only)
{
	enum { N = CLOSER_WAITING_MAX + 1, HOSTILE = 7, OTHER = 8 };
	struct pollfd poll_fd;
	struct closer *closer;
	int pipes[N][2], other[2];

	ck_assert_int_eq(closer_new(&closer), 0);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(pipe(pipes[i]), 0);
	set_stuck(pipes[0][1]);
	closer_close(closer, HOSTILE, pipes[0][1]);
	wait_until_stuck();
	for (int i = 1; i < N; i++) {
		ck_assert(!closer_is_full(closer, HOSTILE));
		closer_close(closer, HOSTILE, pipes[i][1]);
	}
	ck_assert(closer_is_full(closer, HOSTILE));
	ck_assert(!closer_is_full(closer, OTHER));
	ck_assert(!closer_is_full(NULL, HOSTILE));
	ck_assert_int_eq(pipe(other), 0);
	closer_close(closer, OTHER, other[1]);
	wait_for_hangup(other[0]);
	poll_fd = (struct pollfd){.fd = pipes[1][0]};
	ck_assert_int_eq(poll(&poll_fd, 1, 0), 0);
	set_stuck(-1);
	for (int i = 0; i < N; i++) {
		wait_for_hangup(pipes[i][0]);
		close(pipes[i][0]);
	}
	ck_assert(!closer_is_full(closer, HOSTILE));
	close(other[0]);
	closer_free(closer);
}
END_TEST

START_TEST(the_end_closes_what_is_left)
{
	struct closer *closer;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(closer_new(&closer), 0);
	closer_close(closer, 0, ends[1]);
	ck_assert_ptr_null(closer_free(closer));
	wait_for_hangup(ends[0]);
	close(ends[0]);
	ck_assert_ptr_null(closer_free(NULL));
}
END_TEST

START_TEST(without_a_closer_it_is_closed_here)
{
	struct pollfd poll_fd;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	closer_close(NULL, 0, ends[1]);
	poll_fd = (struct pollfd){.fd = ends[0]};
	ck_assert_int_eq(poll(&poll_fd, 1, 0), 1);
	close(ends[0]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("closer");
	TCase *tcase = tcase_create("closer");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, closes_many);
	tcase_add_test(tcase, one_owner_holds_up_itself_only);
	tcase_add_test(tcase, the_end_closes_what_is_left);
	tcase_add_test(tcase, without_a_closer_it_is_closed_here);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
