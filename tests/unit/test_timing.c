/* SPDX-License-Identifier: MIT */
/* Cores that only take time, on a clock of their own and on the real one. */
#include "base/clock.h"
#include "device/timing.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define MS NS_PER_MS

static struct device *device;
static struct device_event events[16];
static unsigned n_events;

static void on_event(void *context, const struct device_event *event)
{
	ck_assert_ptr_eq(context, events);
	events[n_events++] = *event;
}

static void set_up(bool is_virtual)
{
	n_events = 0;
	ck_assert_int_eq(timing_device_new(3, is_virtual, &device), 0);
	device_set_listener(device, on_event, events);
}

static void set_up_virtual(void)
{
	set_up(true);
}

static void set_up_real(void)
{
	set_up(false);
}

static void tear_down(void)
{
	device = device_free(device);
	ck_assert_ptr_null(device);
}

static int start(unsigned core, uint32_t n_tasks, uint64_t duration_ns)
{
	struct device_batch batch = {.n_tasks = n_tasks, .duration_ns = duration_ns};

	return device_start(device, core, &batch);
}

static bool is_readable(int timeout_ms)
{
	struct pollfd poll_fd = {.fd = device_event_fd(device), .events = POLLIN};

	return poll(&poll_fd, 1, timeout_ms) == 1;
}

/* Changing the address space comes before the batch, and is none of its device time. */
START_TEST(test_domains)
{
	struct device_batch batch = {.n_tasks = 2, .duration_ns = 4 * MS, .domain = 5};
	struct device_progress progress;
	bool has_one_domain = _i;

	timing_device_set_domains(device, has_one_domain, MS);
	ck_assert_int_eq(device->caps.has_one_domain, has_one_domain);
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	timing_device_advance(device, MS / 2);
	device_progress(device, 0, &progress);
	ck_assert_uint_eq(progress.device_ns, 0);
	timing_device_advance(device, 9 * MS / 2);
	device_dispatch(device);
	ck_assert_uint_eq(n_events, 1);
	ck_assert_uint_eq(events[0].device_ns, 4 * MS);
	/* On another core it is a change only where each has its own. */
	ck_assert_int_eq(device_start(device, 1, &batch), 0);
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	timing_device_advance(device, 4 * MS);
	device_dispatch(device);
	ck_assert_uint_eq(n_events, has_one_domain ? 3 : 2);
	device_reset_core(device, 1);
}
END_TEST

START_TEST(test_caps)
{
	ck_assert_str_eq(device->caps.name, "timing");
	ck_assert_uint_eq(device->caps.n_cores, 3);
	ck_assert_uint_eq(device->caps.gang_masks, 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7);
	ck_assert(!device->caps.runs_streams && !device->caps.has_page_tables);
	ck_assert(device->caps.has_core_reset && device->caps.has_task_counter);
}
END_TEST

START_TEST(test_number_of_cores)
{
	struct device *other = NULL;

	ck_assert_int_eq(timing_device_new(0, true, &other), -EINVAL);
	ck_assert_int_eq(timing_device_new(DEVICE_MAX_CORES + 1, true, &other), -EINVAL);
	ck_assert_ptr_null(other);
	ck_assert_int_eq(timing_device_new(1, true, &other), 0);
	ck_assert_uint_eq(other->caps.gang_masks, 0);
	device_free(other);
	ck_assert_int_eq(timing_device_new(DEVICE_MAX_CORES, true, &other), 0);
	ck_assert_uint_eq(other->caps.gang_masks >> 63, 1);
	device_free(other);
}
END_TEST

START_TEST(test_virtual_order)
{
	ck_assert_int_eq(start(0, 1, 3 * MS), 0);
	ck_assert_int_eq(start(1, 1, MS), 0);
	ck_assert_int_eq(start(2, 1, 9 * MS), 0);
	ck_assert_int_eq(start(1, 1, MS), -EBUSY);
	ck_assert_int_eq(start(3, 1, MS), -EINVAL);
	timing_device_advance(device, MS - 1);
	ck_assert(!is_readable(0));
	device_dispatch(device);
	ck_assert_uint_eq(n_events, 0);
	timing_device_advance(device, 4 * MS);
	ck_assert(is_readable(0));
	device_dispatch(device);
	ck_assert(!is_readable(0));
	ck_assert_uint_eq(n_events, 2);
	ck_assert_uint_eq(events[0].core, 1);
	ck_assert_uint_eq(events[0].device_ns, MS);
	ck_assert_uint_eq(events[1].core, 0);
	ck_assert_uint_eq(events[1].device_ns, 3 * MS);
	ck_assert_int_eq(events[1].kind, DEVICE_DONE);
	ck_assert_int_eq(start(1, 1, MS), 0);
}
END_TEST

START_TEST(test_progress)
{
	static const struct {
		uint64_t at_ns, device_ns;
		uint32_t tasks_done;
	} cases[] = {
		{0, 0, 0},
		{MS, MS, 0},
		{2 * MS, 2 * MS, 1},
		{9 * MS, 9 * MS, 4},
		{10 * MS - 1, 10 * MS - 1, 4},
		{10 * MS, 10 * MS, 5},
		{99 * MS, 10 * MS, 5}, /* it has stopped, though nobody has looked */
	};
	struct device_progress progress;
	uint64_t now_ns = 0;

	ck_assert_int_eq(start(0, 5, 10 * MS), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		timing_device_advance(device, cases[i].at_ns - now_ns);
		now_ns = cases[i].at_ns;
		device_progress(device, 0, &progress);
		ck_assert_uint_eq(progress.device_ns, cases[i].device_ns);
		ck_assert_uint_eq(progress.tasks_done, cases[i].tasks_done);
	}
	device_dispatch(device);
	ck_assert_uint_eq(events[0].tasks_done, 5);
	device_progress(device, 0, &progress);
	ck_assert_uint_eq(progress.device_ns, 0);
	ck_assert_uint_eq(progress.tasks_done, 0);
}
END_TEST

static const uint64_t endless[] = {DEVICE_FOREVER, DEVICE_FOREVER - 1, DEVICE_FOREVER - 5 * MS};

START_TEST(test_forever)
{
	struct device_progress progress;
	struct device_capture capture;

	timing_device_advance(device, 5 * MS);
	ck_assert_int_eq(start(0, 7, endless[_i]), 0);
	timing_device_advance(device, 3600 * NS_PER_S);
	ck_assert(!is_readable(0));
	device_progress(device, 0, &progress);
	ck_assert_uint_eq(progress.device_ns, 3600 * NS_PER_S);
	ck_assert_uint_eq(progress.tasks_done, 0);
	device_capture(device, 0, &capture);
	ck_assert_uint_eq(capture.n, 0);
	ck_assert_int_eq(device_reset_core(device, 0), 0);
	device_dispatch(device);
	ck_assert_uint_eq(n_events, 0);
	ck_assert_int_eq(start(0, 1, MS), 0);
}
END_TEST

/* No event comes of what was reset, even when it was due. */
START_TEST(test_reset_of_what_is_due)
{
	ck_assert_int_eq(start(0, 1, MS), 0);
	timing_device_advance(device, MS);
	ck_assert(is_readable(0));
	ck_assert_int_eq(device_reset_core(device, 0), 0);
	ck_assert(!is_readable(0));
	device_dispatch(device);
	ck_assert_uint_eq(n_events, 0);
}
END_TEST

static void start_again(void *context, const struct device_event *event)
{
	n_events++;
	ck_assert_int_eq(start(event->core, 1, 0), 0);
}

static void reset_other(void *context, const struct device_event *event)
{
	n_events++;
	ck_assert_int_eq(device_reset_core(device, !event->core), 0);
}

START_TEST(test_listener_may_start_the_next)
{
	device_set_listener(device, start_again, NULL);
	ck_assert_int_eq(start(0, 1, 0), 0);
	ck_assert_uint_eq(n_events, 0);
	for (unsigned i = 1; i < 4; i++) {
		device_dispatch(device);
		ck_assert_uint_eq(n_events, i);
		ck_assert(is_readable(0));
	}
}
END_TEST

START_TEST(test_listener_may_reset_another)
{
	device_set_listener(device, reset_other, NULL);
	ck_assert_int_eq(start(0, 1, MS), 0);
	ck_assert_int_eq(start(1, 1, MS), 0);
	timing_device_advance(device, MS);
	device_dispatch(device);
	ck_assert_uint_eq(n_events, 1);
	ck_assert(!is_readable(0));
}
END_TEST

START_TEST(test_real_time)
{
	uint64_t start_ns = clock_now_ns();
	struct device_progress progress;

	ck_assert_int_eq(start(2, 4, DEVICE_FOREVER), 0);
	ck_assert_int_eq(start(1, 1, 5 * MS), 0);
	ck_assert_int_eq(start(0, 1, 20 * MS), 0);
	device_dispatch(device); /* after starts: puts the timer where the first one ends */
	while (n_events < 2) {
		ck_assert(is_readable(10000));
		device_dispatch(device);
	}
	ck_assert_uint_ge(clock_now_ns() - start_ns, 20 * MS);
	ck_assert_uint_eq(events[0].core, 1);
	ck_assert_uint_eq(events[0].device_ns, 5 * MS);
	ck_assert_uint_eq(events[1].core, 0);
	device_progress(device, 2, &progress);
	ck_assert_uint_ge(progress.device_ns, 20 * MS);
	ck_assert(!is_readable(0));
	ck_assert_int_eq(device_reset_core(device, 2), 0);
}
END_TEST

START_TEST(test_real_time_without_duration)
{
	for (unsigned i = 1; i <= 8; i++) {
		ck_assert_int_eq(start(0, 1, 0), 0);
		ck_assert_uint_eq(n_events, i - 1);
		device_dispatch(device);
		ck_assert_uint_eq(n_events, i);
		ck_assert_uint_eq(events[i - 1].device_ns, 0);
	}
	ck_assert(!is_readable(0));
}
END_TEST

static Suite *timing_suite(void)
{
	Suite *suite = suite_create("timing");
	TCase *virtual_time = tcase_create("virtual"), *real_time = tcase_create("real");

	tcase_add_checked_fixture(virtual_time, set_up_virtual, tear_down);
	tcase_add_test(virtual_time, test_caps);
	tcase_add_loop_test(virtual_time, test_domains, 0, 2);
	tcase_add_test(virtual_time, test_number_of_cores);
	tcase_add_test(virtual_time, test_virtual_order);
	tcase_add_test(virtual_time, test_progress);
	tcase_add_loop_test(virtual_time, test_forever, 0, sizeof(endless) / sizeof(endless[0]));
	tcase_add_test(virtual_time, test_reset_of_what_is_due);
	tcase_add_test(virtual_time, test_listener_may_start_the_next);
	tcase_add_test(virtual_time, test_listener_may_reset_another);
	tcase_add_checked_fixture(real_time, set_up_real, tear_down);
	tcase_add_test(real_time, test_real_time);
	tcase_add_test(real_time, test_real_time_without_duration);
	suite_add_tcase(suite, virtual_time);
	suite_add_tcase(suite, real_time);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(timing_suite());
	int n_failed;

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
