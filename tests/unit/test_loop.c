/* SPDX-License-Identifier: MIT */
/*
 * A turn of the loop: what runs when, and when the loop wakes up at all.
 */
#include "base/clock.h"
#include "base/loop.h"
#include "loop_backends.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/timerfd.h>

START_TEST(test_name)
{
	ck_assert_str_eq(loop_name(loop), backend->kind == LOOP_EPOLL ? "epoll" : "io_uring");
	ck_assert_str_eq(loop_fallback_reason(loop), "");
}
END_TEST

/* What happened, in order: the callbacks of all tests below append a letter. */
static char story[64];
static size_t story_length;

static void tell(char letter)
{
	ck_assert_uint_lt(story_length, sizeof(story) - 1);
	story[story_length++] = letter;
	story[story_length] = '\0';
}

static void assert_story(const char *wanted)
{
	ck_assert_str_eq(story, wanted);
	story_length = 0;
	story[0] = '\0';
}

struct alarm {
	struct loop_timer timer;
	char letter;
	void (*then)(struct alarm *alarm);
	struct alarm *other;
};

static void alarm_expired(struct loop_timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);

	ck_assert_uint_eq(timer->when_ns, CLOCK_NEVER);
	tell(alarm->letter);
	if (alarm->then)
		alarm->then(alarm);
}

static void alarm_init(struct alarm *alarm, char letter)
{
	*alarm = (struct alarm){.letter = letter};
	loop_timer_init(&alarm->timer, loop, alarm_expired);
}

START_TEST(test_timer_order)
{
	static const struct {
		char letter;
		uint64_t when_ns;
	} armed[] = {{'d', 40}, {'a', 10}, {'c', 30}, {'e', 40}, {'b', 20}, {'x', 5}, {'y', 15}};
	struct alarm alarms[sizeof(armed) / sizeof(armed[0])];

	for (unsigned i = 0; i < sizeof(armed) / sizeof(armed[0]); i++) {
		alarm_init(&alarms[i], armed[i].letter);
		loop_timer_arm(&alarms[i].timer, armed[i].when_ns);
	}
	loop_timer_arm(&alarms[5].timer, 50); /* later */
	loop_timer_arm(&alarms[6].timer, CLOCK_NEVER);
	ck_assert_int_eq(loop_turn(loop, CLOCK_NEVER), 0);
	assert_story("abcdex");
	turn_now();
	assert_story("");
}
END_TEST

START_TEST(test_timer_not_early)
{
	struct alarm alarm;

	alarm_init(&alarm, 'n');
	for (unsigned i = 0; i < 20; i++) {
		uint64_t when_ns = clock_now_ns() + i * 100 * NS_PER_US + 1;

		loop_timer_arm(&alarm.timer, when_ns);
		while (alarm.timer.when_ns != CLOCK_NEVER)
			ck_assert_int_eq(loop_turn(loop, CLOCK_NEVER), 0);
		ck_assert_uint_ge(loop_now_ns(loop), when_ns);
		assert_story("n");
	}
}
END_TEST

/* A time centuries away does not overflow the kernel's clock and wake the loop at once. */
START_TEST(test_timer_far_away)
{
	struct itimerspec in_20_ms = {.it_value = {.tv_nsec = 20 * NS_PER_MS}};
	struct watch watch;
	struct alarm alarm;

	alarm_init(&alarm, 'f');
	loop_timer_arm(&alarm.timer, CLOCK_NEVER - 1);
	watch_init(&watch, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	ck_assert_int_eq(timerfd_settime(watch.poll.fd, 0, &in_20_ms, NULL), 0);
	watch_arm(&watch, POLLIN);
	ck_assert_int_eq(loop_turn(loop, CLOCK_NEVER), 0);
	ck_assert_uint_eq(watch.n_ready, 1);
	assert_story("");
	loop_timer_arm(&alarm.timer, CLOCK_NEVER);
	watch_close(&watch);
}
END_TEST

static void then_rearm_past(struct alarm *alarm)
{
	loop_timer_arm(&alarm->timer, 1);
}

static void then_disarm_other(struct alarm *alarm)
{
	loop_timer_arm(&alarm->other->timer, CLOCK_NEVER);
}

START_TEST(test_timer_in_callback)
{
	struct alarm again, first, second;

	alarm_init(&again, 'r');
	again.then = then_rearm_past;
	alarm_init(&first, '1');
	alarm_init(&second, '2');
	first.then = then_disarm_other;
	first.other = &second;
	loop_timer_arm(&again.timer, 1);
	loop_timer_arm(&first.timer, 2);
	loop_timer_arm(&second.timer, 3);
	ck_assert_int_eq(loop_turn(loop, CLOCK_NEVER), 0);
	assert_story("r1");
	ck_assert_int_eq(loop_turn(loop, CLOCK_NEVER), 0);
	assert_story("r");
	loop_timer_arm(&again.timer, CLOCK_NEVER);
}
END_TEST

struct chore {
	struct loop_work work;
	char letter;
	struct chore *next; /* queued when this one runs */
};

static void chore_run(struct loop_work *work)
{
	struct chore *chore = container_of(work, struct chore, work);

	tell(chore->letter);
	if (chore->next)
		loop_work_queue(&chore->next->work);
}

static void chore_init(struct chore *chore, char letter, struct chore *next)
{
	*chore = (struct chore){.letter = letter, .next = next};
	loop_work_init(&chore->work, loop, chore_run);
}

START_TEST(test_work_order)
{
	struct chore a, b, c, d, cancelled;

	chore_init(&d, 'd', NULL);
	chore_init(&c, 'c', &d);
	chore_init(&b, 'b', NULL);
	chore_init(&a, 'a', &c);
	chore_init(&cancelled, 'x', NULL);
	loop_work_queue(&a.work);
	loop_work_queue(&cancelled.work);
	loop_work_queue(&b.work);
	loop_work_queue(&a.work);
	loop_work_cancel(&cancelled.work);
	loop_work_cancel(&cancelled.work);

	ck_assert_int_eq(loop_turn(loop, CLOCK_NEVER), 0);
	assert_story("abc"); /* and what they queued, but not what that queued */
	ck_assert_int_eq(loop_turn(loop, CLOCK_NEVER), 0);
	assert_story("d");
}
END_TEST

static void then_tell(struct watch *watch)
{
	tell('p');
	if (watch->poll.slot == NULL && watch->n_ready < 3)
		watch_arm(watch, POLLIN);
}

/* Work that never ends leaves every turn its polls and timers. */
START_TEST(test_turn_order)
{
	struct chore busy;
	struct alarm alarm;
	struct watch watch;

	chore_init(&busy, 'w', &busy);
	alarm_init(&alarm, 't');
	alarm.then = then_rearm_past;
	watch_init(&watch, new_event(1));
	watch.then = then_tell;
	watch_arm(&watch, POLLIN);
	loop_timer_arm(&alarm.timer, 1);
	loop_work_queue(&busy.work);

	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(loop_turn(loop, CLOCK_NEVER), 0);
	assert_story("ptwwptwwptwwtww");
	loop_work_cancel(&busy.work);
	loop_timer_arm(&alarm.timer, CLOCK_NEVER);
	watch_close(&watch);
}
END_TEST

static void then_quit(struct watch *watch)
{
	loop_quit(watch->poll.loop);
}

START_TEST(test_quit)
{
	struct chore chore;
	struct watch watch;

	chore_init(&chore, 'w', NULL);
	watch_init(&watch, new_event(1));
	watch.then = then_quit;
	for (unsigned i = 1; i <= 2; i++) {
		watch_arm(&watch, POLLIN);
		loop_work_queue(&chore.work);
		ck_assert_int_eq(loop_run(loop), 0);
		assert_story("w"); /* the turn is finished first */
		ck_assert_uint_eq(watch.n_ready, i);
	}
	loop_quit(loop);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(watch.n_ready, 2);
	watch_close(&watch);
}
END_TEST

/* With nothing but polls that stay silent, the loop wakes up when it was told to, and only then. */
START_TEST(test_idle)
{
	struct watch watches[10];

	for (unsigned i = 0; i < 10; i++) {
		watch_init(&watches[i], new_event(0));
		watch_arm(&watches[i], POLLIN);
	}
	turn_now();
	assert_idle();
	for (unsigned i = 0; i < 10; i++)
		watch_close(&watches[i]);
}
END_TEST

static void ignore_signal(int number)
{
}

/* A signal may end the wait, and that is no error. */
START_TEST(test_signal)
{
	struct sigaction action = {.sa_handler = ignore_signal}, old;
	struct itimerval every_5_ms = {.it_value = {.tv_usec = 5000},
				       .it_interval = {.tv_usec = 5000}};

	ck_assert_int_eq(sigaction(SIGALRM, &action, &old), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &every_5_ms, NULL), 0);
	ck_assert_int_eq(loop_turn(loop, clock_now_ns() + 50 * NS_PER_MS), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL), 0);
	ck_assert_int_eq(sigaction(SIGALRM, &old, NULL), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_name,
		test_timer_order,
		test_timer_not_early,
		test_timer_far_away,
		test_timer_in_callback,
		test_work_order,
		test_turn_order,
		test_quit,
		test_idle,
		test_signal,
		NULL,
	};

	return run_suite("loop", tests) ? EXIT_FAILURE : EXIT_SUCCESS;
}
