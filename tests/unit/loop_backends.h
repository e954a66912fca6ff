/* SPDX-License-Identifier: MIT */
/*
 * Runs the tests of the loop on epoll, on io_uring as this kernel offers it, and on io_uring as
 * older kernels do. Those are played by an io_uring_queue_init_params() of the test program, which
 * the loop finds before that of the library. To be included once by a program.
 */
#ifndef NPUD_TESTS_UNIT_LOOP_BACKENDS_H
#define NPUD_TESTS_UNIT_LOOP_BACKENDS_H

#include "base/clock.h"
#include "base/loop.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct backend {
	const char *what;
	enum loop_kind kind;
	unsigned refused_flags, missing_features;
};

static const struct backend *backend; /* what the tests run on now */
static struct loop *loop;

int io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *p)
{
	int (*real)(unsigned, struct io_uring *, struct io_uring_params *);
	int r;

	if (p->flags & backend->refused_flags)
		return -EINVAL;
	*(void **)&real = dlsym(RTLD_NEXT, "io_uring_queue_init_params");
	r = real(entries, ring, p);
	ring->features &= ~backend->missing_features;
	return r;
}

static inline void loop_setup(void)
{
	int r = loop_new(backend->kind, &loop);

	ck_assert_msg(r == 0, "%s: %s", backend->what, strerror(-r));
}

/* What must be right after every test. */
static inline void loop_teardown(void)
{
	ck_assert_uint_eq(loop_get_stats(loop)->cqe_overflows, 0);
	loop = loop_free(loop);
	ck_assert_ptr_null(loop);
}

/* False, with the reason printed: this kernel refuses it. */
static inline bool backend_is_available(void)
{
	int r = loop_new(backend->kind, &loop);

	if (r < 0)
		printf("skipped: %s: %s\n", backend->what, strerror(-r));
	else
		loop = loop_free(loop);
	return r == 0;
}

static inline int run_suite_on_backend(const char *name, const TTest *const *tests)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(backend->what);
	SRunner *runner = srunner_create(suite);
	int n_failed;

	printf("%s:\n", backend->what);
	fflush(stdout);
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, loop_setup, loop_teardown);
	for (; *tests; tests++)
		tcase_add_test(tcase, *tests);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed;
}

/* Runs `tests`, which end with NULL, on every backend; returns how many failed. */
static inline int run_suite(const char *name, const TTest *const *tests)
{
	static const struct backend backends[] = {
		{"epoll", LOOP_EPOLL, 0, 0},
		{"io_uring", LOOP_URING, 0, 0},
		{"io_uring before 6.1", LOOP_URING, IORING_SETUP_DEFER_TASKRUN, 0},
		{"io_uring before 5.17", LOOP_URING,
		 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
		 IORING_FEAT_CQE_SKIP},
	};
	int n_failed = 0;

	for (unsigned i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		backend = &backends[i];
		if (backend_is_available())
			n_failed += run_suite_on_backend(name, tests);
	}
	return n_failed;
}

/* A poll that counts, and may do one thing more. */
struct watch {
	struct loop_poll poll;
	unsigned n_ready;
	uint32_t revents;
	void (*then)(struct watch *watch);
	struct watch *other;
};

static inline void watch_ready(struct loop_poll *poll, uint32_t revents)
{
	struct watch *watch = container_of(poll, struct watch, poll);

	ck_assert(!loop_poll_is_armed(poll));
	watch->n_ready++;
	watch->revents = revents;
	if (watch->then)
		watch->then(watch);
}

static inline void watch_init(struct watch *watch, int fd)
{
	*watch = (struct watch){0};
	loop_poll_init(&watch->poll, loop, fd, watch_ready);
}

static inline void watch_arm(struct watch *watch, uint32_t events)
{
	ck_assert_int_eq(loop_poll_arm(&watch->poll, events), 0);
	ck_assert(loop_poll_is_armed(&watch->poll));
}

static inline void watch_close(struct watch *watch)
{
	loop_poll_disarm(&watch->poll);
	ck_assert(!loop_poll_is_armed(&watch->poll));
	close(watch->poll.fd);
}

static inline int new_event(unsigned value)
{
	int fd = eventfd(value, EFD_CLOEXEC | EFD_NONBLOCK);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static inline void event_set(int fd)
{
	ck_assert_int_eq(eventfd_write(fd, 1), 0);
}

static inline void event_clear(int fd)
{
	eventfd_t value;

	ck_assert_int_eq(eventfd_read(fd, &value), 0);
}

/* Everything that is ready now is delivered: a turn that does not wait, and one more. */
static inline void turn_now(void)
{
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
}

/* Nothing wakes the loop before it was told to. */
static inline void assert_idle(void)
{
	uint64_t until_ns = clock_now_ns() + 20 * NS_PER_MS;
	uint64_t n_events = loop_get_stats(loop)->events;

	ck_assert_int_eq(loop_turn(loop, until_ns), 0);
	ck_assert_uint_ge(loop_now_ns(loop), until_ns);
	ck_assert_uint_eq(loop_get_stats(loop)->events, n_events);
}

#endif
