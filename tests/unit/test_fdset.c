/* SPDX-License-Identifier: MIT */
/*
 * Whatever number of descriptors a message carries, none is left open.
 */
#include "base/fdset.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SEND_MAX 12

union control {
	char bytes[CMSG_SPACE(SEND_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	struct cmsghdr align;
};

static int sockets[2];

static void setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
}

static void teardown(void)
{
	close(sockets[0]);
	close(sockets[1]);
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

static void send_fds(unsigned n)
{
	union control control = {0};
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[SEND_MAX];

	for (unsigned i = 0; i < n; i++)
		fds[i] = eventfd(i, EFD_CLOEXEC);
	if (n > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(sockets[0], &message, 0), 1);
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

static int receive(struct fdset *set, unsigned room)
{
	union control control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = room,
	};

	ck_assert_int_eq(recvmsg(sockets[1], &message, MSG_CMSG_CLOEXEC), 1);
	return fdset_take_message(set, &message);
}

static const struct {
	const char *what;
	unsigned n_sent, room_fds;
	int result;
	unsigned n_owned;
} cases[] = {
	{"no descriptor", 0, SEND_MAX, 0, 0},
	{"one", 1, SEND_MAX, 0, 1},
	{"as many as fit", FDSET_MAX, SEND_MAX, 0, FDSET_MAX},
	{"one too many", FDSET_MAX + 1, SEND_MAX, -EBADMSG, FDSET_MAX},
	{"many too many", SEND_MAX, SEND_MAX, -EBADMSG, FDSET_MAX},
	{"cut off by the kernel", 4, 2, 0, 2},
	{"no room at all", 1, 0, 0, 0},
};

START_TEST(test_take_message)
{
	struct fdset set = FDSET_INIT;
	unsigned n_before = count_open_fds();
	int r;

	send_fds(cases[_i].n_sent);
	/* CMSG_LEN, not CMSG_SPACE: no descriptor fits into the padding. */
	r = receive(&set, cases[_i].room_fds ? CMSG_LEN(cases[_i].room_fds * sizeof(int)) : 0);
	ck_assert_msg(r == cases[_i].result, "%s: %d", cases[_i].what, r);
	ck_assert_uint_eq(set.n, cases[_i].n_owned);
	ck_assert_uint_eq(count_open_fds(), n_before + cases[_i].n_owned);
	fdset_deinit(&set);
	ck_assert_uint_eq(count_open_fds(), n_before);
}
END_TEST

START_TEST(test_take)
{
	struct fdset set = FDSET_INIT;
	uint64_t value;
	int fd;

	send_fds(3);
	ck_assert_int_eq(receive(&set, sizeof(union control)), 0);
	fd = fdset_take(&set, 2);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fdset_take(&set, 2), -1);
	ck_assert_int_eq(fdset_take(&set, 3), -1);
	ck_assert_int_eq(fdset_take(&set, FDSET_MAX), -1);
	fdset_deinit(&set);

	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(read(fd, &value, sizeof(value)), sizeof(value));
	ck_assert_uint_eq(value, 2);
	close(fd);
	ck_assert_int_eq(fdset_take(&set, 0), -1);
}
END_TEST

START_TEST(test_other_control_data)
{
	struct fdset set = FDSET_INIT;
	int on = 1;

	ck_assert_int_eq(setsockopt(sockets[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	send_fds(1);
	ck_assert_int_eq(receive(&set, sizeof(union control)), 0);
	ck_assert_uint_eq(set.n, 1);
	fdset_deinit(&set);
}
END_TEST

/* The kernel merges SCM_RIGHTS of a message; two of them are legal to parse all the same. */
START_TEST(test_two_rights)
{
	struct fdset set = FDSET_INIT;
	union control control = {0};
	struct msghdr message = {.msg_control = control.bytes,
				 .msg_controllen = 2 * CMSG_SPACE(sizeof(int))};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	int fds[2] = {eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC)};

	for (unsigned i = 0; i < 2; i++) {
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fds[i], sizeof(int));
		cmsg = (struct cmsghdr *)(control.bytes + CMSG_SPACE(sizeof(int)));
	}
	ck_assert_int_eq(fdset_take_message(&set, &message), 0);
	ck_assert_uint_eq(set.n, 2);
	ck_assert_int_eq(set.fds[0], fds[0]);
	ck_assert_int_eq(set.fds[1], fds[1]);
	fdset_deinit(&set);
	ck_assert_int_eq(fcntl(fds[1], F_GETFD), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fdset");
	TCase *tcase = tcase_create("fdset");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_take_message, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, test_take);
	tcase_add_test(tcase, test_other_control_data);
	tcase_add_test(tcase, test_two_rights);
	suite_add_tcase(suite, tcase);

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
