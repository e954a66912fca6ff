/* SPDX-License-Identifier: MIT */
/* Who is shot, when, and who is not; budgets are device time. */
#include "sched_mock.h"

#include <stdlib.h>

#define MS NS_PER_MS

static struct mock mock;
static struct queue queues[2];

static void set_up(void)
{
	mock_init(&mock);
	for (unsigned i = 0; i < 2; i++)
		mock_add_queue(&mock, &queues[i], i + 1);
}

static void tear_down(void)
{
	mock_deinit(&mock, queues, 2);
}

/* Advances until the job is over, or for `most_ns`; returns how long that was. */
static uint64_t run_out(struct mock_job *job, uint64_t most_ns)
{
	uint64_t start_ns = mock.now_ns;

	while (job->base.state != JOB_DONE && mock.now_ns < start_ns + most_ns)
		mock_advance(&mock, MS / 10);
	return mock.now_ns - start_ns;
}

static const struct {
	const char *what;
	uint64_t class_cap_ns, timeout_ns;
	uint32_t n_tasks, hangs_after; /* each task takes 10 ms */
	uint64_t hung_after_ns;	       /* when the budget begins to run */
	uint64_t budget_ns;
} hang_cases[] = {
	{"one task", 0, 0, 1, 0, 0, 2000 * MS},
	{"class cap", 500 * MS, 0, 1, 0, 0, 500 * MS},
	{"class cap above the guess", 9000 * MS, 0, 1, 0, 0, 2000 * MS},
	{"first of many tasks", 0, 0, 100, 0, 0, 2000 * MS},
	{"second task", 0, 0, 100, 1, 10 * MS, 2000 * MS},
	{"in the middle", 0, 0, 1000, 470, 4700 * MS, 2000 * MS},
	{"last task", 0, 0, 100, 99, 990 * MS, 2000 * MS},
	{"client's timeout", 0, 100 * MS, 1, 0, 0, 100 * MS},
	{"client's timeout below the floor", 0, 2 * MS, 1, 0, 0, 2 * MS},
	{"client's timeout above the cap", 0, 60000 * MS, 1, 0, 0, 8000 * MS},
	{"client's timeout above the class cap", 50 * MS, 60000 * MS, 1, 0, 0, 50 * MS},
	{"timeout is the whole job's", 0, 100 * MS, 100, 100, 0, 100 * MS},
};

/* Slow from its start, and slow from its middle on. */
static const struct {
	uint64_t start_hz, then_hz, budget_ns;
} clock_cases[] = {
	{1000, 1000, 2000 * MS},
	{500, 500, 4000 * MS},
	{1000, 500, 4000 * MS},
	{0, 0, 2000 * MS},
	/* The cap stays what it is. */
	{100, 100, 8000 * MS},
};

START_TEST(test_throttled_core_does_not_hang)
{
	const struct sched_clock start = {clock_cases[_i].start_hz, 1000};
	const struct sched_clock then = {clock_cases[_i].then_hz, 1000};
	struct mock_job job = mock_job(1, 3600000 * MS);
	uint64_t took_ns;

	scheduler_set_clock(mock.scheduler, &start);
	mock_submit(&mock, &queues[0], &job);
	run_out(&job, 1000 * MS);
	scheduler_set_clock(mock.scheduler, &then);
	took_ns = 1000 * MS + run_out(&job, 20000 * MS);
	ck_assert_int_eq(job.base.outcome, NPU_OUTCOME_HANG);
	ck_assert_uint_ge(took_ns, clock_cases[_i].budget_ns);
	ck_assert_uint_le(took_ns, clock_cases[_i].budget_ns * 5 / 4 + MS);
}
END_TEST

START_TEST(test_hang)
{
	struct queue_params params = mock_queue_params();
	struct mock_job job = mock_job(1, hang_cases[_i].n_tasks * 10 * MS), next = mock_job(2, MS);
	const struct scheduler_stats *stats = scheduler_get_stats(mock.scheduler);
	uint64_t budget_ns = hang_cases[_i].budget_ns, took_ns, limit_ns;

	params.watchdog_cap_ns = hang_cases[_i].class_cap_ns;
	scheduler_update_queue(mock.scheduler, &queues[0], &params);
	job.base.n_tasks[0] = hang_cases[_i].n_tasks;
	job.base.timeout_ns = hang_cases[_i].timeout_ns;
	job.base.core_mask = next.base.core_mask = 2;
	job.hangs_after = hang_cases[_i].hangs_after;
	mock_submit(&mock, &queues[0], &job);
	mock_submit(&mock, &queues[1], &next);
	took_ns = run_out(&job, 20000 * MS);
	limit_ns = hang_cases[_i].hung_after_ns + budget_ns + budget_ns / 2;
	ck_assert_msg(took_ns <= limit_ns, "%s: %llu ns", hang_cases[_i].what,
		      (unsigned long long)took_ns);
	ck_assert_msg(took_ns >= hang_cases[_i].hung_after_ns + budget_ns, "%s: %llu ns",
		      hang_cases[_i].what, (unsigned long long)took_ns);
	ck_assert_int_eq(job.base.outcome, NPU_OUTCOME_HANG);
	ck_assert_uint_eq(stats->hangs, 1);
	ck_assert_uint_eq(stats->last_hangs[0].job_id, 1);
	ck_assert_uint_eq(stats->last_hangs[0].queue_id, 1);
	ck_assert_uint_eq(stats->last_hangs[0].core, 1);
	ck_assert_uint_eq(stats->last_hangs[0].budget_ns, budget_ns);
	ck_assert_uint_le(mock.now_ns - stats->last_hangs[0].time_ns, MS);
	ck_assert_uint_eq(stats->core_resets, 1);
	/* The core goes on at once. */
	ck_assert_int_eq(next.base.state, JOB_RUNNING);
	mock_advance(&mock, MS);
	ck_assert_int_eq(next.base.outcome, NPU_OUTCOME_OK);
}
END_TEST

START_TEST(test_long_healthy_job)
{
	struct mock_job job = mock_job(1, 60000 * MS);

	job.base.n_tasks[0] = 50; /* 1.2 s each, with a budget of 2 s */
	mock_submit(&mock, &queues[0], &job);
	mock_advance(&mock, 60000 * MS);
	ck_assert_int_eq(job.base.outcome, NPU_OUTCOME_OK);
	ck_assert_uint_eq(scheduler_get_stats(mock.scheduler)->hangs, 0);
}
END_TEST

/* Device time stands still, or nearly, while the host has other things to do. */
START_TEST(test_stalled_host)
{
	struct mock_job job = mock_job(1, 1900 * MS);
	unsigned n_ticks = 0;

	mock_submit(&mock, &queues[0], &job);
	mock_advance(&mock, 1900 * MS - 1);
	mock.cores[2].start_ns += 100 * NS_PER_S; /* the next 100 s did not count */
	for (mock.now_ns += 100 * NS_PER_S; n_ticks < 1000; n_ticks++) {
		mock.now_ns += 50 * NS_PER_US;
		mock.cores[2].start_ns += 50 * NS_PER_US;
		scheduler_tick(mock.scheduler);
	}
	ck_assert_int_eq(job.base.state, JOB_RUNNING);
	mock_advance(&mock, MS);
	ck_assert_int_eq(job.base.outcome, NPU_OUTCOME_OK);
}
END_TEST

START_TEST(test_slow_device_time)
{
	struct mock_job healthy = mock_job(1, 1999 * MS), hung = mock_job(2, MS);

	mock.device_percent = 10;
	hung.hangs_after = 0;
	mock_submit(&mock, &queues[0], &healthy);
	mock_submit(&mock, &queues[1], &hung);
	mock_advance(&mock, 19990 * MS);
	ck_assert_int_eq(healthy.base.outcome, NPU_OUTCOME_OK);
	ck_assert_int_eq(hung.base.state, JOB_RUNNING);
	ck_assert_uint_le(run_out(&hung, 20000 * MS), 10010 * MS);
	ck_assert_int_eq(hung.base.outcome, NPU_OUTCOME_HANG);
}
END_TEST

START_TEST(test_gang_hang)
{
	struct mock_job gang = mock_gang(1, 10 * MS, 3), other = mock_job(2, 1900 * MS);

	gang.base.timeout_ns = 50 * MS;
	gang.hangs_after = 0;
	mock_submit(&mock, &queues[0], &gang);
	mock_submit(&mock, &queues[1], &other);
	ck_assert_uint_le(run_out(&gang, 1000 * MS), 75 * MS);
	ck_assert_int_eq(gang.base.outcome, NPU_OUTCOME_HANG);
	ck_assert_uint_eq(gang.base.device_ns, 100 * MS);
	ck_assert_uint_eq(mock.cores[0].n_resets, 1);
	ck_assert_uint_eq(mock.cores[1].n_resets, 1);
	ck_assert_uint_eq(mock.cores[2].n_resets, 0);
	ck_assert_uint_eq(scheduler_get_stats(mock.scheduler)->hangs, 1);
	mock_advance(&mock, 1900 * MS);
	ck_assert_int_eq(other.base.outcome, NPU_OUTCOME_OK);
}
END_TEST

START_TEST(test_core_does_not_come_back)
{
	struct mock_job hung = mock_job(1, MS), waiting = mock_job(2, MS), any = mock_job(3, MS);

	hung.base.timeout_ns = 10 * MS;
	hung.base.core_mask = waiting.base.core_mask = 4;
	hung.hangs_after = 0;
	mock.cores[2].n_resets_to_fail = 99;
	mock_submit(&mock, &queues[0], &hung);
	mock_submit(&mock, &queues[1], &waiting);
	mock_advance(&mock, 20 * MS);
	ck_assert_int_eq(hung.base.outcome, NPU_OUTCOME_HANG);
	ck_assert_int_eq(waiting.base.outcome, NPU_OUTCOME_DEVICE_LOST);
	ck_assert_uint_eq(mock.cores[2].n_resets, CORE_RESETS_MAX);
	ck_assert_int_eq(scheduler_core(mock.scheduler, 2)->state, CORE_FAULTED);
	mock_submit(&mock, &queues[1], &any);
	mock_advance(&mock, MS);
	ck_assert_uint_eq(any.base.used_mask, 2);
}
END_TEST

START_TEST(test_last_hangs_is_a_ring)
{
	const struct scheduler_stats *stats = scheduler_get_stats(mock.scheduler);
	struct mock_job jobs[10];

	for (unsigned i = 0; i < 10; i++) {
		jobs[i] = mock_job(100 + i, MS);
		jobs[i].base.timeout_ns = MS;
		jobs[i].hangs_after = 0;
		mock_submit(&mock, &queues[0], &jobs[i]);
		mock_advance(&mock, 2 * MS);
	}
	ck_assert_uint_eq(stats->hangs, 10);
	ck_assert_uint_eq(stats->last_hangs[1].job_id, 109);
	ck_assert_uint_eq(stats->last_hangs[2].job_id, 102);
}
END_TEST

/* Nothing polls while nothing runs, and a core that cannot show progress isn't asked for it. */
START_TEST(test_samples_are_rare)
{
	struct mock_job one_task = mock_job(1, 10 * MS), many = mock_job(2, 10 * MS);

	ck_assert_uint_eq(scheduler_next_tick_ns(mock.scheduler), CLOCK_NEVER);
	mock_submit(&mock, &queues[0], &one_task);
	scheduler_run(mock.scheduler);
	ck_assert_uint_eq(scheduler_next_tick_ns(mock.scheduler), mock.now_ns + 2000 * MS);
	many.base.n_tasks[0] = 10;
	mock_submit(&mock, &queues[0], &many);
	scheduler_run(mock.scheduler);
	ck_assert_uint_eq(scheduler_next_tick_ns(mock.scheduler), mock.now_ns + 500 * MS);
	mock_advance(&mock, 10 * MS);
	ck_assert_uint_eq(scheduler_next_tick_ns(mock.scheduler), CLOCK_NEVER);
}
END_TEST

/* ---- a daemon that comes late, to a core that has faulted in time ---- */

/* The budget has run out, and the fault is still to be heard of. */
static void start_late(struct mock_job *job, unsigned faulting_core)
{
	job->base.timeout_ns = 10 * MS;
	job->hangs_after = 0;
	mock_submit(&mock, &queues[0], job);
	mock_advance(&mock, 5 * MS);
	mock.cores[faulting_core].has_event = true;
	mock.now_ns += 20 * MS;
	scheduler_tick(mock.scheduler);
	ck_assert_int_eq(job->base.state, JOB_RUNNING);
	ck_assert_uint_le(scheduler_next_tick_ns(mock.scheduler), mock.now_ns + MS);
}

static void hear(unsigned core)
{
	mock.cores[core].has_event = false;
	scheduler_core_failed(mock.scheduler, core, NPU_OUTCOME_PAGE_FAULT, 5 * MS);
}

START_TEST(test_fault_is_no_hang)
{
	struct mock_job job = mock_job(1, MS);

	job.base.core_mask = 2;
	start_late(&job, 1);
	hear(1);
	ck_assert_int_eq(job.base.outcome, NPU_OUTCOME_PAGE_FAULT);
	ck_assert_uint_eq(scheduler_get_stats(mock.scheduler)->hangs, 0);
}
END_TEST

/* A core that waits for another one of its gang is as silent as one that hangs. */
START_TEST(test_fault_of_a_gang_is_no_hang)
{
	struct mock_job gang = mock_gang(1, MS, 6);

	start_late(&gang, 2);
	hear(2);
	ck_assert_int_eq(gang.base.outcome, NPU_OUTCOME_PAGE_FAULT);
	ck_assert_uint_eq(scheduler_get_stats(mock.scheduler)->hangs, 0);
}
END_TEST

/* Interrupts that are no end keep a stream from nothing. */
START_TEST(test_chatter_is_a_hang)
{
	struct mock_job job = mock_job(1, MS);

	job.base.core_mask = 2;
	start_late(&job, 1);
	ck_assert_uint_le(run_out(&job, 1000 * MS), 2 * MS);
	ck_assert_int_eq(job.base.outcome, NPU_OUTCOME_HANG);
	mock.cores[1].has_event = false;
}
END_TEST

START_TEST(test_reload_lowers_the_budget)
{
	struct scheduler_config config = scheduler_config_default();
	struct mock_job job = mock_job(1, MS);

	job.hangs_after = 0;
	mock_submit(&mock, &queues[0], &job);
	mock_advance(&mock, 10 * MS);
	config.watchdog.unknown_ns = 100 * MS;
	ck_assert_int_eq(scheduler_configure(mock.scheduler, &config), 0);
	ck_assert_uint_le(run_out(&job, 1000 * MS), 140 * MS);
	ck_assert_int_eq(job.base.outcome, NPU_OUTCOME_HANG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watchdog");
	TCase *tcase = tcase_create("watchdog");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_throttled_core_does_not_hang, 0,
			    sizeof(clock_cases) / sizeof(clock_cases[0]));
	tcase_add_loop_test(tcase, test_hang, 0, sizeof(hang_cases) / sizeof(hang_cases[0]));
	tcase_add_test(tcase, test_long_healthy_job);
	tcase_add_test(tcase, test_stalled_host);
	tcase_add_test(tcase, test_slow_device_time);
	tcase_add_test(tcase, test_gang_hang);
	tcase_add_test(tcase, test_core_does_not_come_back);
	tcase_add_test(tcase, test_last_hangs_is_a_ring);
	tcase_add_test(tcase, test_samples_are_rare);
	tcase_add_test(tcase, test_fault_is_no_hang);
	tcase_add_test(tcase, test_fault_of_a_gang_is_no_hang);
	tcase_add_test(tcase, test_chatter_is_a_hang);
	tcase_add_test(tcase, test_reload_lowers_the_budget);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
