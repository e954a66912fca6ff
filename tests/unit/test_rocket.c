/* SPDX-License-Identifier: MIT */
/* The rocket device over a driver that does what Linux' does, right and wrong. */
#include "driver_rig.h"
#include "fake_rocket.h"

#include "base/clock.h"
#include "device/rocket.h"

#include <check.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>

#define BUDGET_NS 20000000u

static _Atomic uint64_t now_ns;
static const struct device_task tasks[FAKE_TASKS] = {
	{0x1000, 20, 0x300}, {0x1100, 21, 0x100}, {0x1200, 22, 0x200}, {0x1300, 23, 0xf00}};

/* In the place of the one in base/: goes on a little each time, and as far as a test moves it. */
uint64_t clock_now_ns(void)
{
	return ++now_ns;
}

static void open_node(const struct drm_node *node)
{
	ck_assert_int_eq(rocket_device_new(node, &device), 0);
	listen_to_device();
}

static void open_device(void)
{
	const struct drm_node node = fake_node();

	open_node(&node);
}

static unsigned open_domain(void)
{
	unsigned domain = 0;

	ck_assert_int_eq(device_domain_open(device, &domain), 0);
	ck_assert_uint_gt(domain, 0);
	return domain;
}

static struct device_batch batch_of(unsigned domain, uint32_t n_tasks)
{
	return (struct device_batch){.tasks = tasks,
				     .n_tasks = n_tasks,
				     .device_domain = domain,
				     .timeout_ns = BUDGET_NS};
}

/* ---- what it is ---- */

START_TEST(says_what_the_driver_can_do)
{
	const struct device_caps *caps;

	open_device();
	caps = &device->caps;
	ck_assert_str_eq(caps->driver, "rocket 0.0.0 at /dev/accel/accel7");
	ck_assert_uint_eq(caps->n_cores, 3);
	ck_assert_uint_eq(caps->gang_masks, 0);
	ck_assert_uint_eq(caps->n_domains, DEVICE_DOMAINS_UNBOUNDED);
	ck_assert_uint_eq(caps->domain_cores, 1);
	ck_assert_uint_eq(caps->batch_limit_ns, 500 * NS_PER_MS);
	ck_assert_uint_eq(caps->int_mask, 0x300);
	ck_assert(caps->is_core_blind && caps->has_core_reset && caps->has_own_memory);
	ck_assert(!caps->has_one_domain && !caps->has_task_counter && !caps->has_page_tables);
	close_device();
}
END_TEST

/* Also of kernels without fences, the last of them. */
START_TEST(quirks_are_listed)
{
	static const char *const names[] = {
		"blind-cores",	"one-core-per-file", "no-gangs",  "dpu-only",	   "500-ms-limit",
		"no-stop-call", "dropped-jobs",	     "no-import", "no-priorities", "no-fences"};
	const unsigned n = sizeof(names) / sizeof(names[0]) - 1 + (unsigned)_i;
	const struct drm_node node = fake_node();

	fake.has_no_fences = _i;
	open_node(&node);
	for (unsigned i = 0; i < n; i++)
		ck_assert_str_eq(device->caps.quirks[i], names[i]);
	ck_assert_ptr_null(device->caps.quirks[n]);
	/* Without fences, time is all that tells how a job ended: it must not have waited. */
	ck_assert_uint_eq(device->caps.n_cores, _i ? 1 : 3);
	close_device();
}
END_TEST

START_TEST(start_up_says_what_failed)
{
	struct drm_node node = fake_node();

	fake.open_error = EMFILE;
	ck_assert_int_eq(rocket_device_new(&node, &device), -EMFILE);
	node = fake_node();
	fake.create_error = ENOMEM;
	ck_assert_int_eq(rocket_device_new(&node, &device), -ENOMEM);
}
END_TEST

/* ---- jobs ---- */

/* blind-cores, one-core-per-file */
START_TEST(batch_is_one_job_that_writes_the_mark)
{
	struct device_batch batch;

	open_device();
	batch = batch_of(open_domain(), FAKE_TASKS);
	batch.is_chained = _i;
	ck_assert_int_eq(device_start(device, 1, &batch), 0);
	fake_wait_jobs(1);
	ck_assert_uint_eq(fake.jobs[0].request.task_count, FAKE_TASKS);
	ck_assert_uint_eq(fake.jobs[0].request.in_bo_handle_count, 0);
	for (unsigned i = 0; i < FAKE_TASKS; i++) {
		ck_assert_uint_eq(fake.jobs[0].tasks[i].regcmd, tasks[i].regcmd_iova);
		ck_assert_uint_eq(fake.jobs[0].tasks[i].regcmd_count, tasks[i].regcmd_count);
	}
	ck_assert_uint_eq(fake.objects[fake.jobs[0].file][fake.jobs[0].out].address, 0);
	ck_assert_uint_eq(n_events, 0);
	fake_end(0, 1);
	wait_events(1);
	ck_assert_int_eq(events[0].kind, DEVICE_DONE);
	ck_assert_uint_eq(events[0].core, 1);
	ck_assert_uint_eq(events[0].tasks_done, FAKE_TASKS);
	ck_assert_uint_gt(events[0].device_ns, 0);
	close_device();
}
END_TEST

START_TEST(kernels_without_fences_are_asked_for_the_mark)
{
	const struct drm_node node = fake_node();
	struct device_batch batch;

	fake.has_no_fences = true;
	open_node(&node);
	batch = batch_of(open_domain(), 1);
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	fake_wait_jobs(1);
	fake_end(0, 1);
	wait_events(1);
	ck_assert_int_eq(events[0].kind, DEVICE_DONE);
	close_device();
}
END_TEST

START_TEST(sessions_run_beside_each_other_but_not_beside_themselves)
{
	struct device_batch one, other;

	open_device();
	one = batch_of(open_domain(), 1);
	other = batch_of(open_domain(), 1);
	ck_assert_int_eq(device_start(device, 0, &one), 0);
	ck_assert_int_eq(device_start(device, 0, &other), -EBUSY);
	ck_assert_int_eq(device_start(device, 1, &one), -EBUSY);
	ck_assert_int_eq(device_start(device, 1, &other), 0);
	fake_wait_jobs(2);
	ck_assert_int_ne(fake.jobs[0].file, fake.jobs[1].file);
	fake_end(1, 1);
	wait_events(1);
	fake_end(0, 1);
	wait_events(2);
	ck_assert_int_eq(device_start(device, 2, &one), 0);
	fake_wait_jobs(3);
	fake_end(2, 1);
	wait_events(3);
	close_device();
}
END_TEST

/* dropped-jobs, dpu-only, no-gangs: the driver would say nothing */
START_TEST(what_the_driver_would_drop_is_refused)
{
	static const struct device_task bad[] = {{0x1008, 20, 0x300},
						 {0x1000, 0, 0x300},
						 {0x1000, 131073, 0x300},
						 {0x1000, 20, 0xc00}};
	struct device_batch batch;

	open_device();
	batch = batch_of(open_domain(), 0);
	ck_assert_int_eq(device_start(device, 0, &batch), -EINVAL);
	batch.n_tasks = 1;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		batch.tasks = &bad[i];
		ck_assert_int_eq(device_start(device, 0, &batch), -EINVAL);
	}
	batch.tasks = tasks;
	batch.cores = 3;
	ck_assert_int_eq(device_start(device, 0, &batch), -EINVAL);
	batch.cores = 0;
	ck_assert_int_eq(device_start(device, 3, &batch), -EINVAL);
	batch.device_domain = 77;
	ck_assert_int_eq(device_start(device, 0, &batch), -EINVAL);
	ck_assert_uint_eq(fake.n_jobs, 0);
	close_device();
}
END_TEST

START_TEST(failure_of_the_driver_is_told_with_the_reason)
{
	struct device_batch batch;

	open_device();
	batch = batch_of(open_domain(), 1);
	fake.submit_error = ENOMEM;
	ck_assert_int_eq(device_start(device, 2, &batch), 0);
	wait_events(1);
	ck_assert_int_eq(events[0].kind, DEVICE_REFUSED);
	ck_assert_str_eq(events[0].detail, "the driver failed the job: Cannot allocate memory");
	ck_assert_int_eq(device_reset_core(device, 2), 0);
	/* Nor is it the job's fault that its driver goes away. */
	fake.submit_error = 0;
	ck_assert_int_eq(device_start(device, 2, &batch), 0);
	fake_wait_jobs(1);
	fake_end(0, -ENODEV);
	wait_events(2);
	ck_assert_int_eq(events[1].kind, DEVICE_REFUSED);
	ck_assert_str_eq(events[1].detail, "the driver failed the job: No such device");
	close_device();
}
END_TEST

/* ---- jobs that do not end ---- */

/* 500-ms-limit */
START_TEST(stopped_job_is_told_and_others_go_on)
{
	struct device_batch guilty, innocent;

	open_device();
	guilty = batch_of(open_domain(), 2);
	innocent = batch_of(open_domain(), 1);
	ck_assert_int_eq(device_start(device, 0, &guilty), 0);
	fake_wait_jobs(1);
	ck_assert_int_eq(device_start(device, 1, &innocent), 0);
	fake_wait_jobs(2);
	fake_end(0, -ECANCELED);
	wait_events(1);
	ck_assert_int_eq(events[0].kind, DEVICE_TIMEOUT);
	ck_assert_uint_eq(events[0].core, 0);
	ck_assert_uint_eq(events[0].tasks_done, 0);
	ck_assert_ptr_nonnull(strstr(events[0].detail, "of at most 500: Operation canceled"));
	ck_assert_int_eq(device_reset_core(device, 0), 0);
	ck_assert_int_eq(device_start(device, 0, &guilty), 0);
	fake_wait_jobs(3);
	fake_end(2, 1);
	wait_events(2);
	ck_assert_int_eq(events[1].kind, DEVICE_DONE);
	fake_end(1, 1);
	wait_events(3);
	ck_assert_uint_eq(events[2].core, 1);
	ck_assert_int_eq(events[2].kind, DEVICE_DONE);
	close_device();
}
END_TEST

/* no-fences: the wait ends well, but so late that the driver must have ended it */
START_TEST(without_fences_time_tells)
{
	const struct drm_node node = fake_node();
	struct device_batch batch;

	fake.has_no_fences = true;
	open_node(&node);
	batch = batch_of(open_domain(), 1);
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	fake_wait_jobs(1);
	now_ns += 500 * NS_PER_MS;
	fake_end(0, 1);
	wait_events(1);
	ck_assert_int_eq(events[0].kind, DEVICE_TIMEOUT);
	close_device();
}
END_TEST

/* The driver decides when it is over; until then the watchdog has nothing to see. */
START_TEST(time_stops_before_the_budget)
{
	struct device_progress progress = {0};
	struct device_batch batch;

	open_device();
	batch = batch_of(open_domain(), 1);
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	fake_wait_jobs(1);
	now_ns += BUDGET_NS / 2;
	device_progress(device, 0, &progress);
	ck_assert_uint_ge(progress.device_ns, BUDGET_NS / 2);
	ck_assert_uint_lt(progress.device_ns, BUDGET_NS - 1);
	now_ns += BUDGET_NS;
	device_progress(device, 0, &progress);
	ck_assert_uint_eq(progress.device_ns, BUDGET_NS - 1);
	ck_assert_uint_eq(progress.tasks_done, 0);
	fake_end(0, 1);
	wait_events(1);
	device_progress(device, 0, &progress);
	ck_assert_uint_eq(progress.device_ns, 0);
	close_device();
}
END_TEST

/* `context`: the status that job 0 ends with. */
static void *end_later(void *context)
{
	wait_main_sleeps();
	fake_end(0, *(const int *)context);
	return NULL;
}

/* no-stop-call */
START_TEST(reset_waits_for_the_driver_and_tells_nothing)
{
	struct device_batch one, other;
	int status = -ECANCELED;
	pthread_t thread;

	open_device();
	one = batch_of(open_domain(), 1);
	other = batch_of(open_domain(), 1);
	ck_assert_int_eq(device_start(device, 0, &one), 0);
	fake_wait_jobs(1);
	ck_assert_int_eq(device_start(device, 1, &other), 0);
	fake_wait_jobs(2);
	fake_end(1, 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, end_later, &status), 0);
	ck_assert_int_eq(device_reset_core(device, 0), 0);
	ck_assert_int_eq(fake.jobs[0].status, status);
	pthread_join(thread, NULL);
	wait_events(1);
	ck_assert_uint_eq(events[0].core, 1);
	ck_assert_int_eq(device_reset_core(device, 2), 0);
	close_device();
}
END_TEST

START_TEST(core_is_lost_while_the_driver_keeps_its_job)
{
	const struct drm_node node = fake_node();
	struct device_batch batch, other;
	unsigned domain;

	fake.has_no_fences = fake.is_deaf = true;
	open_node(&node);
	domain = open_domain();
	batch = batch_of(domain, 1);
	other = batch_of(open_domain(), 1);
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	wait_events(1);
	ck_assert_int_eq(events[0].kind, DEVICE_TIMEOUT);
	ck_assert_ptr_nonnull(strstr(events[0].detail, "has not ended the job"));
	ck_assert_int_eq(device_reset_core(device, 0), -EIO);
	ck_assert_int_eq(device_start(device, 0, &other), -EBUSY);
	if (_i == 0)
		fake_end(0, -ECANCELED);
	else
		device_domain_close(device, domain);
	/* Without fences there is one core. */
	ck_assert_uint_eq(device_reset_all(device), 1);
	fake.is_deaf = false;
	ck_assert_int_eq(device_start(device, 0, &other), 0);
	fake_wait_jobs(2);
	fake_end(1, 1);
	wait_events(2);
	close_device();
}
END_TEST

START_TEST(free_waits_for_what_runs)
{
	struct device_batch batch;
	int status = 1;
	pthread_t thread;

	open_device();
	batch = batch_of(open_domain(), 1);
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	fake_wait_jobs(1);
	ck_assert_int_eq(pthread_create(&thread, NULL, end_later, &status), 0);
	close_device();
	ck_assert_int_eq(fake.jobs[0].status, 1);
	pthread_join(thread, NULL);
}
END_TEST

/* ---- memory ---- */

static int file_of_last(void)
{
	for (int fd = FAKE_FILES - 1; fd >= 0; fd--) {
		if (fake.descriptors[fd].kind == FAKE_FILE && fcntl(fd, F_GETFD) >= 0)
			return fd;
	}
	return -1;
}

START_TEST(session_is_a_file)
{
	struct device_bo bos[2], other;
	unsigned first, second;
	int file;

	open_device();
	first = open_domain();
	file = file_of_last();
	ck_assert_int_eq(device_bo_new(device, first, 4096, false, &bos[0]), 0);
	ck_assert_int_eq(device_bo_new(device, first, 8192, false, &bos[1]), 0);
	/* The mark has the page at 0. */
	ck_assert_uint_eq(bos[0].iova, 4096);
	ck_assert_uint_eq(bos[1].iova, 8192);
	ck_assert(bos[0].is_writable && !bos[0].is_imported);
	memset(bos[1].host, 1, 8192);
	second = open_domain();
	ck_assert_uint_ne(first, second);
	ck_assert_int_eq(device_bo_new(device, second, 4096, false, &other), 0);
	ck_assert_uint_eq(other.iova, 4096);
	ck_assert_uint_eq(fake_count_objects(file), 3);
	device_bo_free(device, &bos[0]);
	device_bo_free(device, &bos[1]);
	ck_assert_uint_eq(fake_count_objects(file), 1);
	device_domain_close(device, first);
	ck_assert_int_lt(fcntl(file, F_GETFD), 0);
	ck_assert_uint_eq(open_domain(), first);
	device_bo_free(device, &other);
	close_device();
}
END_TEST

START_TEST(session_without_a_file_is_refused)
{
	unsigned domain = 55;

	open_device();
	fake.open_error = EMFILE;
	ck_assert_int_eq(device_domain_open(device, &domain), -EMFILE);
	fake.open_error = 0;
	fake.create_error = ENOMEM;
	ck_assert_int_eq(device_domain_open(device, &domain), -ENOMEM);
	fake.create_error = 0;
	ck_assert_uint_eq(open_domain(), 1);
	close_device();
}
END_TEST

START_TEST(memory_that_cannot_be_had_leaves_nothing)
{
	struct device_bo bo;
	unsigned domain;
	int file;

	open_device();
	domain = open_domain();
	file = file_of_last();
	fake.create_error = ENOMEM;
	ck_assert_int_eq(device_bo_new(device, domain, 4096, false, &bo), -ENOMEM);
	fake.create_error = 0;
	/* More than the driver can be asked for, an address beyond 4 GiB, nothing to map. */
	ck_assert_int_eq(device_bo_new(device, domain, 1ull << 32, false, &bo), -ENOMEM);
	fake.next_address[file] = (1ull << 32) - 4096;
	ck_assert_int_eq(device_bo_new(device, domain, 8192, false, &bo), -ERANGE);
	fake.next_address[file] = 4096;
	ck_assert_int_eq(device_bo_new(device, domain, 0, false, &bo), -EINVAL);
	ck_assert_uint_eq(fake_count_objects(file), 1);
	close_device();
}
END_TEST

/* no-import */
START_TEST(only_own_memory_can_be_imported)
{
	struct device_bo bo, again, foreign;
	unsigned mine, others;
	int fd, file;

	open_device();
	mine = open_domain();
	ck_assert_int_eq(device_bo_new(device, mine, 4096, false, &bo), 0);
	ck_assert_int_eq(device_bo_export(device, &bo, true, &fd), 0);
	others = open_domain();
	file = file_of_last();
	ck_assert_int_eq(device_bo_import(device, others, fd, &foreign), -EXDEV);
	ck_assert_uint_eq(fake_count_objects(file), 1);
	ck_assert_int_eq(device_bo_import(device, mine, fd, &again), 0);
	close(fd);
	ck_assert_uint_eq(again.handle, bo.handle);
	ck_assert_uint_eq(again.iova, bo.iova);
	ck_assert(again.is_imported && again.is_writable);
	device_bo_free(device, &bo);
	ck_assert_int_eq(device_bo_export(device, &again, true, &fd), 0);
	close(fd);
	device_bo_free(device, &again);
	close_device();
}
END_TEST

START_TEST(sync_is_of_the_whole_object)
{
	struct device_bo bo;
	unsigned domain;
	int file;

	open_device();
	domain = open_domain();
	file = file_of_last();
	ck_assert_int_eq(device_bo_new(device, domain, 8192, false, &bo), 0);
	device_bo_sync(device, &bo, 0, 4096, true);
	ck_assert_uint_eq(fake.objects[file][bo.handle].n_finished, 1);
	ck_assert_uint_eq(fake.objects[file][bo.handle].n_prepared, 0);
	device_bo_sync(device, &bo, 0, 4096, false);
	ck_assert_uint_eq(fake.objects[file][bo.handle].n_finished, 1);
	ck_assert_uint_eq(fake.objects[file][bo.handle].n_prepared, 1);
	device_bo_free(device, &bo);
	close_device();
}
END_TEST

static void add_job_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, batch_is_one_job_that_writes_the_mark, 0, 2);
	tcase_add_test(tcase, kernels_without_fences_are_asked_for_the_mark);
	tcase_add_test(tcase, sessions_run_beside_each_other_but_not_beside_themselves);
	tcase_add_test(tcase, what_the_driver_would_drop_is_refused);
	tcase_add_test(tcase, failure_of_the_driver_is_told_with_the_reason);
	tcase_add_test(tcase, stopped_job_is_told_and_others_go_on);
	tcase_add_test(tcase, without_fences_time_tells);
	tcase_add_test(tcase, time_stops_before_the_budget);
	tcase_add_test(tcase, reset_waits_for_the_driver_and_tells_nothing);
	tcase_add_loop_test(tcase, core_is_lost_while_the_driver_keeps_its_job, 0, 2);
	tcase_add_test(tcase, free_waits_for_what_runs);
}

int main(void)
{
	Suite *suite = suite_create("rocket");
	TCase *tcase = tcase_create("rocket");
	SRunner *runner;
	int n_failed;

	tcase_add_test(tcase, says_what_the_driver_can_do);
	tcase_add_loop_test(tcase, quirks_are_listed, 0, 2);
	tcase_add_test(tcase, start_up_says_what_failed);
	add_job_tests(tcase);
	tcase_add_test(tcase, session_is_a_file);
	tcase_add_test(tcase, session_without_a_file_is_refused);
	tcase_add_test(tcase, memory_that_cannot_be_had_leaves_nothing);
	tcase_add_test(tcase, only_own_memory_can_be_imported);
	tcase_add_test(tcase, sync_is_of_the_whole_object);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
