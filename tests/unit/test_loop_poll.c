/* SPDX-License-Identifier: MIT */
/*
 * Polls of the loop: every ready descriptor reaches its owner once, and none reaches another.
 */
#include "base/loop.h"
#include "loop_backends.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define N_POLLS	 1000
#define N_CYCLES 100000

START_TEST(test_ready_once)
{
	struct watch watch;

	watch_init(&watch, new_event(0));
	watch_arm(&watch, POLLIN);
	turn_now();
	ck_assert_uint_eq(watch.n_ready, 0);

	event_set(watch.poll.fd);
	turn_now();
	ck_assert_uint_eq(watch.n_ready, 1);
	ck_assert_uint_eq(watch.revents, POLLIN);
	ck_assert(!loop_poll_is_armed(&watch.poll));
	ck_assert_uint_eq(loop_get_stats(loop)->events, 1);
	assert_idle(); /* though still readable */

	watch_arm(&watch, POLLIN);
	watch_arm(&watch, POLLIN);
	turn_now();
	ck_assert_uint_eq(watch.n_ready, 2);
	event_clear(watch.poll.fd);
	watch_arm(&watch, POLLIN);
	turn_now();
	ck_assert_uint_eq(watch.n_ready, 2);
	watch_close(&watch);
	watch_close(&(struct watch){.poll = {.loop = loop, .fd = -1}});
}
END_TEST

static void then_arm_again(struct watch *watch)
{
	watch_arm(watch, POLLIN);
}

START_TEST(test_arm_in_callback)
{
	struct watch watch;

	watch_init(&watch, new_event(1));
	watch.then = then_arm_again;
	watch_arm(&watch, POLLIN);
	for (unsigned i = 1; i <= 10; i++) {
		ck_assert_int_eq(loop_turn(loop, CLOCK_NEVER), 0);
		ck_assert_uint_eq(watch.n_ready, i);
	}
	watch_close(&watch);
}
END_TEST

START_TEST(test_hangup)
{
	struct watch watch;
	int sockets[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	watch_init(&watch, sockets[0]);
	watch_arm(&watch, POLLRDHUP);
	ck_assert_int_eq(send(sockets[1], "x", 1, 0), 1);
	turn_now();
	ck_assert_uint_eq(watch.n_ready, 0);
	close(sockets[1]);
	turn_now();
	ck_assert_uint_eq(watch.n_ready, 1);
	ck_assert_uint_eq(watch.revents, POLLRDHUP | POLLHUP);
	watch_close(&watch);
}
END_TEST

START_TEST(test_replace_events)
{
	struct watch watch;

	/* Replaced before and after the kernel knew of it. */
	for (unsigned n_turns = 0; n_turns < 2; n_turns++) {
		watch_init(&watch, new_event(0));
		watch_arm(&watch, POLLIN);
		for (unsigned i = 0; i < n_turns; i++)
			turn_now();
		watch_arm(&watch, POLLOUT);
		turn_now();
		ck_assert_uint_eq(watch.n_ready, 1);
		ck_assert_uint_eq(watch.revents, POLLOUT);
		event_set(watch.poll.fd);
		turn_now();
		ck_assert_uint_eq(watch.n_ready, 1);
		watch_close(&watch);
	}
}
END_TEST

static void then_replace_other(struct watch *watch)
{
	if (loop_poll_is_armed(&watch->other->poll))
		watch_arm(watch->other, POLLPRI);
}

/* Both are ready in one turn; whichever comes first takes the other's event away. */
START_TEST(test_replace_events_in_turn)
{
	struct watch a, b;

	watch_init(&a, new_event(1));
	watch_init(&b, new_event(1));
	a.then = b.then = then_replace_other;
	a.other = &b;
	b.other = &a;
	watch_arm(&a, POLLIN);
	watch_arm(&b, POLLIN);
	turn_now();
	ck_assert_uint_eq(a.n_ready + b.n_ready, 1);
	watch_close(&a);
	watch_close(&b);
}
END_TEST

/* The descriptor number goes to a new owner, who must not see what the old one waited for. */
START_TEST(test_number_reuse)
{
	struct watch old, new;
	int fd;

	for (unsigned n_turns = 0; n_turns < 2; n_turns++) {
		watch_init(&old, new_event(0));
		fd = old.poll.fd;
		watch_arm(&old, POLLIN);
		for (unsigned i = 0; i < n_turns; i++)
			turn_now();
		event_set(fd);
		watch_close(&old);

		watch_init(&new, new_event(0));
		ck_assert_int_eq(new.poll.fd, fd);
		watch_arm(&new, POLLIN);
		turn_now();
		ck_assert_uint_eq(old.n_ready + new.n_ready, 0);
		event_set(fd);
		turn_now();
		ck_assert_uint_eq(old.n_ready, 0);
		ck_assert_uint_eq(new.n_ready, 1);
		watch_close(&new);
	}
}
END_TEST

static void then_hand_over_other(struct watch *watch)
{
	struct watch *other = watch->other;
	int fd = other->poll.fd;

	if (other->n_ready > 0)
		return;
	watch_close(other);
	watch_init(other, new_event(0));
	ck_assert_int_eq(other->poll.fd, fd);
	watch_arm(other, POLLIN);
}

/* The same within one turn, when the stale event is already out of the kernel. */
START_TEST(test_number_reuse_in_turn)
{
	struct watch a, b;

	watch_init(&a, new_event(1));
	watch_init(&b, new_event(1));
	a.then = b.then = then_hand_over_other;
	a.other = &b;
	b.other = &a;
	watch_arm(&a, POLLIN);
	watch_arm(&b, POLLIN);
	turn_now();
	ck_assert_uint_eq(a.n_ready + b.n_ready, 1);
	watch_close(&a);
	watch_close(&b);
}
END_TEST

static void then_free_other(struct watch *watch)
{
	struct watch *other = watch->other;

	watch->other = NULL;
	if (!other)
		return;
	watch_close(other);
	free(other);
}

/* Freed at once after disarming: before the kernel knew, while it waits, and with its event here.
 */
START_TEST(test_owner_freed)
{
	struct watch *watch = malloc(sizeof(*watch)), *other, last;

	ck_assert_ptr_nonnull(watch);
	for (unsigned n_turns = 0; n_turns < 2; n_turns++) {
		watch_init(watch, new_event(0));
		watch_arm(watch, POLLIN);
		for (unsigned i = 0; i < n_turns; i++)
			turn_now();
		event_set(watch->poll.fd);
		watch_close(watch);
		free(watch);
		turn_now();
		watch = malloc(sizeof(*watch));
		ck_assert_ptr_nonnull(watch);
	}
	other = malloc(sizeof(*other));
	ck_assert_ptr_nonnull(other);
	watch_init(watch, new_event(1));
	watch_init(other, new_event(1));
	watch_init(&last, new_event(1));
	watch->then = other->then = last.then = then_free_other;
	last.other = watch;
	watch->other = other; /* goes first where events come in order of arming */
	watch_arm(watch, POLLIN);
	watch_arm(other, POLLIN);
	watch_arm(&last, POLLIN);
	turn_now();
	ck_assert_uint_eq(last.n_ready, 1);
	ck_assert_ptr_null(last.other);
	watch_close(&last);
}
END_TEST

/*
 * A wakeup is on its way while the poll is disarmed, and finds nothing to report any more. The
 * kernel must let go of the file all the same, or the other side never learns that it is gone.
 */
START_TEST(test_close_hangs_up)
{
	struct pollfd peer = {.events = POLLIN};
	struct watch watch;
	int sockets[2];
	char byte;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	peer.fd = sockets[1];
	watch_init(&watch, sockets[0]);
	watch_arm(&watch, POLLIN);
	turn_now();
	ck_assert_int_eq(send(sockets[1], "x", 1, 0), 1);
	ck_assert_int_eq(recv(sockets[0], &byte, 1, MSG_DONTWAIT), 1);
	watch_close(&watch);
	turn_now();
	ck_assert_int_eq(poll(&peer, 1, 5000), 1);
	ck_assert_int_eq(peer.revents, POLLIN | POLLHUP);
	close(sockets[1]);
}
END_TEST

/* A duplicate keeps the file alive; the loop must not go on watching it. */
START_TEST(test_close_with_duplicate)
{
	struct watch watch;
	int duplicate;

	watch_init(&watch, new_event(0));
	duplicate = dup(watch.poll.fd);
	watch_arm(&watch, POLLIN);
	turn_now();
	watch_close(&watch);
	turn_now();
	event_set(duplicate);
	assert_idle();
	ck_assert_uint_eq(watch.n_ready, 0);
	close(duplicate);
}
END_TEST

START_TEST(test_bad_descriptors)
{
	FILE *file = tmpfile();
	struct watch closed, regular;

	ck_assert_ptr_nonnull(file);
	watch_init(&closed, -1);
	watch_init(&regular, fileno(file));
	if (backend->kind == LOOP_EPOLL) {
		ck_assert_int_eq(loop_poll_arm(&closed.poll, POLLIN), -EBADF);
		ck_assert_int_eq(loop_poll_arm(&regular.poll, POLLIN), -EPERM);
		ck_assert(!loop_poll_is_armed(&closed.poll));
	} else {
		watch_arm(&closed, POLLIN);
		watch_arm(&regular, POLLIN);
		turn_now();
		ck_assert_uint_eq(closed.revents, POLLNVAL);
		ck_assert_uint_eq(regular.revents, POLLIN);
	}
	loop_poll_disarm(&closed.poll);
	loop_poll_disarm(&regular.poll);
	fclose(file);
}
END_TEST

static void allow_many_descriptors(void)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* More than fit into the submission queue, and more than one turn returns. */
/* What epoll refuses at first is armed as soon as it can be; io_uring takes it at once. */
START_TEST(test_keep_tries_again)
{
	struct watch watch;
	const int fd = new_event(1), number = fcntl(fd, F_DUPFD_CLOEXEC, 100);

	close(number);
	watch_init(&watch, number);
	loop_poll_keep(&watch.poll, POLLIN);
	if (loop_poll_is_armed(&watch.poll)) {
		watch.poll.fd = -1;
		loop_poll_disarm(&watch.poll);
		close(fd);
		return;
	}
	ck_assert_int_eq(loop_turn(loop, clock_now_ns() + 5 * NS_PER_MS), 0);
	ck_assert_int_eq(dup2(fd, number), number);
	while (watch.n_ready == 0)
		ck_assert_int_eq(loop_turn(loop, CLOCK_NEVER), 0);
	ck_assert_uint_eq(watch.revents, POLLIN);
	/* Given up in between, it is not tried any more. */
	loop_poll_disarm(&watch.poll);
	close(number);
	loop_poll_keep(&watch.poll, POLLIN);
	loop_poll_disarm(&watch.poll);
	assert_idle();
	close(fd);
}
END_TEST

START_TEST(test_many)
{
	const struct loop_stats *stats = loop_get_stats(loop);
	struct watch *watches = calloc(N_POLLS, sizeof(*watches));
	uint64_t n_events = 0;

	ck_assert_ptr_nonnull(watches);
	allow_many_descriptors();
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < N_POLLS; i++) {
			watch_init(&watches[i], new_event(0));
			watch_arm(&watches[i], POLLIN);
		}
		turn_now();
		for (unsigned i = 0; i < N_POLLS; i++) {
			if (i % 3 != round) {
				event_set(watches[i].poll.fd);
				n_events++;
			}
		}
		while (stats->events < n_events)
			ck_assert_int_eq(loop_turn(loop, CLOCK_NEVER), 0);
		turn_now();
		for (unsigned i = 0; i < N_POLLS; i++) {
			ck_assert_uint_eq(watches[i].n_ready, i % 3 != round);
			watch_close(&watches[i]);
		}
	}
	free(watches);
}
END_TEST

START_TEST(test_cycles)
{
	const struct loop_stats *stats = loop_get_stats(loop);
	struct watch watch;

	watch_init(&watch, new_event(0));
	for (unsigned i = 0; i < N_CYCLES; i++) {
		watch_arm(&watch, POLLIN);
		event_set(watch.poll.fd);
		ck_assert_int_eq(loop_turn(loop, CLOCK_NEVER), 0);
		event_clear(watch.poll.fd);
	}
	ck_assert_uint_eq(watch.n_ready, N_CYCLES);
	ck_assert_uint_eq(stats->events, N_CYCLES);
	ck_assert_uint_eq(stats->turns, N_CYCLES);
	watch_close(&watch);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_ready_once,
		test_arm_in_callback,
		test_hangup,
		test_replace_events,
		test_replace_events_in_turn,
		test_number_reuse,
		test_number_reuse_in_turn,
		test_owner_freed,
		test_close_hangs_up,
		test_close_with_duplicate,
		test_bad_descriptors,
		test_keep_tries_again,
		test_many,
		test_cycles,
		NULL,
	};

	return run_suite("loop_poll", tests) ? EXIT_FAILURE : EXIT_SUCCESS;
}
