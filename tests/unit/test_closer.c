/* SPDX-License-Identifier: MIT */
/*
 * What is handed to a closer is closed, soon, and its giver does not wait for it.
 */
#include "base/closer.h"

#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

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
		closer_close(closer, pipes[i][1]);
	}
	for (int i = 0; i < N; i++) {
		wait_for_hangup(pipes[i][0]);
		close(pipes[i][0]);
	}
	closer_free(closer);
}
END_TEST

START_TEST(the_end_closes_what_is_left)
{
	struct closer *closer;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(closer_new(&closer), 0);
	closer_close(closer, ends[1]);
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
	closer_close(NULL, ends[1]);
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
	tcase_add_test(tcase, the_end_closes_what_is_left);
	tcase_add_test(tcase, without_a_closer_it_is_closed_here);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
