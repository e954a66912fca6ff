/* SPDX-License-Identifier: MIT */
/*
 * What every holder of a fence can rely on, and what none of them can do.
 */
#include "sessions/fence.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1;
}

START_TEST(every_outcome_reaches_every_holder)
{
	for (int outcome = NPU_OUTCOME_OK; outcome < NPU_OUTCOME_COUNT; outcome++) {
		struct fence fence = FENCE_INIT;
		struct stat st;
		int first, second;

		ck_assert_int_eq(fence_init(&fence, &first), 0);
		second = fcntl(first, F_DUPFD_CLOEXEC, 0);
		ck_assert_int_ge(second, 0);
		ck_assert(!is_readable(first));
		ck_assert_int_eq(fence_outcome(first), NPU_OUTCOME_PENDING);
		fence_signal(&fence, (enum npu_outcome)outcome);
		fence_signal(&fence, NPU_OUTCOME_OK); /* the second one changes nothing */
		close(first);
		for (int i = 0; i < 3; i++) {
			char byte;

			ck_assert(is_readable(second));
			ck_assert_int_eq(read(second, &byte, 1), 0);
		}
		ck_assert_int_eq(fstat(second, &st), 0);
		ck_assert_int_eq(st.st_mode & NPU_FENCE_MODE_MASK, outcome);
		ck_assert_int_eq(fence_outcome(second), outcome == NPU_OUTCOME_OK
								? NPU_OUTCOME_OK
								: NPU_OUTCOME_DEPENDENCY);
		close(second);
	}
}
END_TEST

START_TEST(a_dead_daemon_is_not_a_success)
{
	struct fence fence = FENCE_INIT;
	int fd;

	ck_assert_int_eq(fence_init(&fence, &fd), 0);
	close(fence.write_fd); /* what the kernel does when npud dies */
	ck_assert(is_readable(fd));
	ck_assert_int_eq(fence_outcome(fd), NPU_OUTCOME_DEPENDENCY);
	close(fd);
}
END_TEST

START_TEST(a_holder_can_not_write)
{
	struct fence fence = FENCE_INIT;
	int fd;

	ck_assert_int_eq(fence_init(&fence, &fd), 0);
	ck_assert_int_lt(write(fd, "x", 1), 0);
	fence_signal(&fence, NPU_OUTCOME_OK);
	close(fd);
}
END_TEST

START_TEST(only_fences_are_fences)
{
	struct fence fence = FENCE_INIT;
	int fd, null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(fence_init(&fence, &fd), 0);
	ck_assert_int_eq(fence_check(fd), 0);
	ck_assert_int_lt(fence_check(fence.write_fd), 0);
	ck_assert_int_lt(fence_check(null_fd), 0);
	ck_assert_int_lt(fence_check(-1), 0);
	ck_assert_uint_eq(fence_poll_events(fd), 0);
	fence_signal(&fence, NPU_OUTCOME_OK);
	close(fd);
	close(null_fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fence");
	TCase *tcase = tcase_create("fence");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, every_outcome_reaches_every_holder);
	tcase_add_test(tcase, a_dead_daemon_is_not_a_success);
	tcase_add_test(tcase, a_holder_can_not_write);
	tcase_add_test(tcase, only_fences_are_fences);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
