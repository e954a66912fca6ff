/* SPDX-License-Identifier: MIT */
/* How many cores a job gets where its class does not let it have what it asks for. */
#include "sched_queues.h"
#include "scheduler/gang.h"
#include "scheduler/scheduler_internal.h"

START_TEST(test_gang_widths)
{
	struct queue_params params = mock_queue_params();
	struct mock_job gang = mock_gang(1, MS, 3);

	set_up(&policy_gang);
	params.gang_widths = 1 << 1 | 1 << 3;
	put_queue(0, &params);
	ck_assert_int_eq(scheduler_submit(mock.scheduler, &queues[0], &gang.base), -EINVAL);
	/* As wide as it asks, and not as narrow as it could. */
	jobs[n_jobs] = mock_gang(1, MS, 7);
	jobs[n_jobs].base.widths = 1 << 2;
	mock_submit(&mock, &queues[0], &jobs[n_jobs++]);
	ck_assert(!gang_is_moldable(mock.scheduler, &jobs[0].base));
	mock_advance(&mock, 10 * MS);
	ck_assert_uint_eq(jobs[0].base.used_mask, 7);
	tear_down(1);
}
END_TEST

/* A gang that is wider than its class allows runs on what the class allows. */
START_TEST(test_narrower_than_it_asks)
{
	struct queue_params params = mock_queue_params();
	struct mock_job gang = mock_gang(1, MS, 7);

	set_up(mock_policy(_i));
	params.max_cores = 2;
	put_queue(0, &params);
	gang.base.widths = 0;
	ck_assert_int_eq(scheduler_submit(mock.scheduler, &queues[0], &gang.base), -EINVAL);
	for (; n_jobs < 3; n_jobs++) {
		jobs[n_jobs] = mock_gang(1 + n_jobs, 2 * MS, 7);
		jobs[n_jobs].base.widths = n_jobs == 1 ? 1 << 1 : 1 << 1 | 1 << 2;
		mock_submit(&mock, &queues[0], &jobs[n_jobs]);
	}
	mock_advance(&mock, 20 * MS);
	for (unsigned i = 0; i < 3; i++) {
		unsigned n_cores = (unsigned)__builtin_popcount(jobs[i].base.used_mask);

		ck_assert_int_eq(jobs[i].base.outcome, NPU_OUTCOME_OK);
		ck_assert_uint_ge(n_cores, 1);
		ck_assert_uint_le(n_cores, i == 1 ? 1 : 2);
	}
	tear_down(1);
}
END_TEST

/* The rules change while it waits: it keeps a width, and ends. */
START_TEST(test_narrow_after_a_reload)
{
	struct queue_params params = mock_queue_params();

	set_up(mock_policy(_i));
	params.gang_widths = 1 << 1 | 1 << 2;
	put_queue(0, &params);
	for (; n_jobs < 4; n_jobs++) {
		jobs[n_jobs] = mock_gang(1 + n_jobs, 2 * MS, 7);
		jobs[n_jobs].base.widths = 1 << 1 | 1 << 2;
		mock_submit(&mock, &queues[0], &jobs[n_jobs]);
	}
	scheduler_run(mock.scheduler);
	params.gang_widths = 1 << 3;
	params.max_cores = 1;
	ck_assert_int_eq(scheduler_update_queue(mock.scheduler, &queues[0], &params), 0);
	mock_advance(&mock, 20 * MS);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(jobs[i].base.outcome, NPU_OUTCOME_OK);
	tear_down(1);
}
END_TEST

/* Single jobs of others without end: two cores are kept for who needs two of them. */
START_TEST(test_narrow_gangs_do_not_starve)
{
	struct queue_params params = mock_queue_params();
	struct mock_job *gang = &jobs[60];

	set_up(&policy_fair);
	for (unsigned i = 0; i < 2; i++) {
		params.max_cores = i ? 2 : 3;
		params.tenant_id = i;
		put_queue(i, &params);
	}
	for (unsigned i = 0; i < 60; i++)
		submit(0, (3 + i % 3) * MS);
	mock_advance(&mock, MS);
	*gang = mock_gang(1 + n_jobs++, MS, 7);
	gang->base.widths = 1 << 2;
	mock_submit(&mock, &queues[1], gang);
	mock_advance(&mock, 50 * MS);
	ck_assert_int_eq(gang->base.outcome, NPU_OUTCOME_OK);
	ck_assert_int_eq(jobs[59].base.state, JOB_READY);
	tear_down(2);
}
END_TEST

/* A job that its class keeps to one core is judged by what it takes on one. */
START_TEST(test_admission_knows_the_width)
{
	struct queue_params params = mock_queue_params();
	int r = 0;

	set_up(&policy_deadline);
	params.kind = QUEUE_RT;
	params.max_cores = 1;
	put_queue(0, &params);
	for (unsigned i = 0; i < 4; i++) {
		jobs[i] = mock_gang(1 + n_jobs, 30 * MS, 7);
		jobs[i].base.signature = 5;
		jobs[i].base.widths = 1 << 1;
		/* Three are measured, the fourth has less than they took. */
		jobs[i].base.deadline_ns = mock.now_ns + (i < 3 ? 90 : 20) * MS;
		r = scheduler_submit(mock.scheduler, &queues[0], &jobs[i].base);
		if (i == 3)
			break;
		ck_assert_int_eq(r, 0);
		n_jobs++;
		scheduler_run(mock.scheduler);
		mock_advance(&mock, 40 * MS);
		ck_assert_int_eq(jobs[i].base.outcome, NPU_OUTCOME_OK);
		ck_assert_uint_eq(jobs[i].base.batch_width, 1);
	}
	ck_assert_int_eq(r, -ETIME);
	ck_assert_uint_ge(jobs[3].base.missed_ns, 10 * MS);
	tear_down(1);
}
END_TEST

int main(void)
{
	SRunner *runner;
	Suite *suite = suite_create("widths");
	TCase *cases = tcase_create("widths");
	int n_failed;

	tcase_add_test(cases, test_gang_widths);
	tcase_add_loop_test(cases, test_narrower_than_it_asks, 0, MOCK_N_POLICIES);
	tcase_add_loop_test(cases, test_narrow_after_a_reload, 0, MOCK_N_POLICIES);
	tcase_add_test(cases, test_narrow_gangs_do_not_starve);
	tcase_add_test(cases, test_admission_knows_the_width);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
