/* SPDX-License-Identifier: MIT */
/* What goes wrong: faults, cores that do not come back, a new policy under way, busy callbacks. */
#include "sched_mock.h"

#include <stdlib.h>

#define MS NS_PER_MS

static struct mock mock;
static struct queue queues[3];

static void set_up(void)
{
	mock_init(&mock);
	for (unsigned i = 0; i < 3; i++)
		mock_add_queue(&mock, &queues[i], i + 1);
}

static void tear_down(void)
{
	mock_deinit(&mock, queues, 3);
}

static struct mock_job job_on(uint64_t id, uint32_t core_mask, uint64_t duration_ns)
{
	struct mock_job job = mock_job(id, duration_ns);

	job.base.core_mask = core_mask;
	return job;
}

START_TEST(test_fault_ends_the_job_alone)
{
	struct mock_job bad = mock_job(1, 9 * MS), good = mock_job(2, 9 * MS),
			next = mock_job(3, MS);

	mock_submit(&mock, &queues[0], &bad);
	mock_submit(&mock, &queues[1], &good);
	mock_advance(&mock, MS);
	mock_submit(&mock, &queues[0], &next);
	scheduler_core_failed(mock.scheduler, 2, NPU_OUTCOME_PAGE_FAULT, MS / 2);
	ck_assert_int_eq(bad.base.outcome, NPU_OUTCOME_PAGE_FAULT);
	ck_assert_int_eq(mock.outcome_at_reset, NPU_OUTCOME_PAGE_FAULT);
	ck_assert_uint_eq(bad.base.device_ns, MS / 2);
	ck_assert_uint_eq(mock.cores[2].n_resets, 1);
	ck_assert_uint_eq(mock.cores[1].n_resets, 0);
	/* An event that comes late is nobody's. */
	scheduler_core_done(mock.scheduler, 2, MS);
	scheduler_core_failed(mock.scheduler, 2, NPU_OUTCOME_BAD_STREAM, MS);
	mock_advance(&mock, 10 * MS);
	ck_assert_str_eq(mock.trace, "1@2 2@1 3@2 ");
	ck_assert_int_eq(good.base.outcome, NPU_OUTCOME_OK);
	ck_assert_uint_eq(mock.n_retired, 3);
}
END_TEST

START_TEST(test_fault_in_a_gang)
{
	struct mock_job gang = mock_gang(1, 9 * MS, 7);

	gang.share_ns[0] = MS;
	mock_submit(&mock, &queues[0], &gang);
	mock_advance(&mock, 2 * MS);
	scheduler_core_failed(mock.scheduler, 1, NPU_OUTCOME_BAD_STREAM, MS);
	ck_assert_int_eq(gang.base.outcome, NPU_OUTCOME_BAD_STREAM);
	ck_assert_uint_eq(mock.cores[0].n_resets, 0);
	ck_assert_uint_eq(mock.cores[1].n_resets, 1);
	ck_assert_uint_eq(mock.cores[2].n_resets, 1);
	ck_assert_uint_eq(gang.base.device_ns, 6 * MS);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(scheduler_core(mock.scheduler, i)->state, CORE_IDLE);
}
END_TEST

START_TEST(test_refused_start)
{
	struct mock_job gang = mock_gang(1, MS, 7), next = mock_job(2, MS);

	mock.cores[1].n_runs_to_fail = 1;
	mock_submit(&mock, &queues[0], &gang);
	mock_submit(&mock, &queues[1], &next);
	mock_advance(&mock, MS);
	ck_assert_int_eq(gang.base.outcome, NPU_OUTCOME_DEVICE_LOST);
	ck_assert_uint_eq(mock.cores[0].n_resets, 1);
	ck_assert_uint_eq(mock.cores[1].n_resets, 1);
	ck_assert_uint_eq(mock.cores[2].n_resets, 0);
	ck_assert_str_eq(mock.trace, "1@0 2@2 ");
	ck_assert_int_eq(next.base.outcome, NPU_OUTCOME_OK);
}
END_TEST

START_TEST(test_reset_is_tried_again)
{
	struct mock_job job = mock_job(1, 9 * MS);

	mock.cores[2].n_resets_to_fail = CORE_RESETS_MAX - 1;
	mock_submit(&mock, &queues[0], &job);
	mock_advance(&mock, MS);
	scheduler_abort(mock.scheduler, &job.base, NPU_OUTCOME_CANCELLED);
	ck_assert_uint_eq(mock.cores[2].n_resets, CORE_RESETS_MAX);
	ck_assert_uint_eq(scheduler_core(mock.scheduler, 2)->resets, CORE_RESETS_MAX);
	ck_assert_uint_eq(scheduler_get_stats(mock.scheduler)->core_resets, CORE_RESETS_MAX);
	ck_assert_int_eq(scheduler_core(mock.scheduler, 2)->state, CORE_IDLE);
}
END_TEST

START_TEST(test_lost_core_takes_its_jobs_along)
{
	struct mock_job running = job_on(1, 4, 9 * MS), pinned = job_on(2, 4, MS),
			gang = mock_gang(3, MS, 6), blocked = job_on(4, 4, MS),
			any = mock_job(5, MS), late = mock_gang(6, MS, 7);

	blocked.base.n_deps = 1;
	mock_submit(&mock, &queues[0], &running);
	mock_advance(&mock, MS);
	mock_submit(&mock, &queues[0], &pinned);
	mock_submit(&mock, &queues[1], &gang);
	mock_submit(&mock, &queues[2], &blocked);
	mock_submit(&mock, &queues[2], &any);
	mock.cores[2].n_resets_to_fail = CORE_RESETS_MAX;
	ck_assert_int_eq(scheduler_reset_core(mock.scheduler, 2), -EIO);
	ck_assert_int_eq(scheduler_core(mock.scheduler, 2)->state, CORE_FAULTED);
	ck_assert_int_eq(running.base.outcome, NPU_OUTCOME_CANCELLED);
	ck_assert_int_eq(pinned.base.outcome, NPU_OUTCOME_DEVICE_LOST);
	ck_assert_int_eq(gang.base.outcome, NPU_OUTCOME_DEVICE_LOST);
	ck_assert_int_eq(blocked.base.outcome, NPU_OUTCOME_DEVICE_LOST);
	ck_assert_int_eq(any.base.state, JOB_READY);
	ck_assert_int_eq(scheduler_submit(mock.scheduler, &queues[0], &late.base), -EINVAL);
	ck_assert_int_eq(scheduler_reset_core(mock.scheduler, 2), -EIO);
	mock_advance(&mock, MS);
	ck_assert_str_eq(mock.trace, "1@2 5@1 ");
	ck_assert_uint_eq(mock.n_retired, 5);
}
END_TEST

START_TEST(test_last_core_lost)
{
	struct mock_job job = mock_job(1, MS), late = mock_job(2, MS);

	mock_submit(&mock, &queues[0], &job);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(job.base.state, JOB_READY);
		mock.cores[i].n_resets_to_fail = CORE_RESETS_MAX;
		ck_assert_int_eq(scheduler_reset_core(mock.scheduler, i), -EIO);
	}
	ck_assert_int_eq(job.base.outcome, NPU_OUTCOME_DEVICE_LOST);
	ck_assert_int_eq(scheduler_submit(mock.scheduler, &queues[0], &late.base), -ENODEV);
}
END_TEST

START_TEST(test_reset_core)
{
	struct mock_job gang = mock_gang(1, 9 * MS, 3), next = mock_job(2, MS);

	gang.share_ns[0] = MS;
	ck_assert_int_eq(scheduler_reset_core(mock.scheduler, 3), -EINVAL);
	ck_assert_int_eq(scheduler_reset_core(mock.scheduler, 2), 0);
	mock_submit(&mock, &queues[0], &gang);
	mock_advance(&mock, 2 * MS);
	/* The one that was asked for is reset although its share of the gang is over. */
	ck_assert_int_eq(scheduler_reset_core(mock.scheduler, 0), 0);
	ck_assert_int_eq(gang.base.outcome, NPU_OUTCOME_CANCELLED);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(mock.cores[i].n_resets, 1);
	mock_submit(&mock, &queues[0], &next);
	mock_advance(&mock, MS);
	ck_assert_int_eq(next.base.outcome, NPU_OUTCOME_OK);
}
END_TEST

/* ---- a new configuration ---- */

START_TEST(test_reload_drops_nothing)
{
	struct mock_job running[3], waiting[6], gang = mock_gang(50, MS, 3),
						late = mock_gang(60, MS, 3);
	struct scheduler_config config = scheduler_config_default();

	for (unsigned i = 0; i < 3; i++) {
		running[i] = mock_job(i, 2 * MS);
		mock_submit(&mock, &queues[i], &running[i]);
	}
	mock_advance(&mock, MS);
	for (unsigned i = 0; i < 6; i++) {
		waiting[i] = mock_job(10 + i, MS);
		mock_submit(&mock, &queues[i % 3], &waiting[i]);
	}
	mock_submit(&mock, &queues[0], &gang);
	config.policy = policy_find("pinned");
	ck_assert_int_eq(scheduler_configure(mock.scheduler, &config), 0);
	ck_assert_str_eq(scheduler_policy_name(mock.scheduler), "pinned");
	/* Accepted under the old rules; a new one would not fit the queue's one core. */
	ck_assert_int_eq(scheduler_submit(mock.scheduler, &queues[0], &late.base), -EINVAL);
	mock_advance(&mock, 10 * MS);
	ck_assert_uint_eq(mock.n_retired, 10);
	ck_assert_int_eq(gang.base.outcome, NPU_OUTCOME_OK);
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_int_eq(waiting[i].base.outcome, NPU_OUTCOME_OK);
		ck_assert_uint_eq(waiting[i].base.used_mask, 1u << i % 3);
	}
	config.policy = policy_find("round-robin");
	ck_assert_int_eq(scheduler_configure(mock.scheduler, &config), 0);
	mock_submit(&mock, &queues[0], &late);
	mock_advance(&mock, MS);
	ck_assert_int_eq(late.base.outcome, NPU_OUTCOME_OK);
}
END_TEST

START_TEST(test_shrunken_queue_keeps_its_jobs)
{
	struct mock_job gang = mock_gang(1, MS, 3), single = job_on(2, 4, MS),
			free_job = mock_job(3, MS);
	struct queue_params params = mock_queue_params();

	mock_submit(&mock, &queues[0], &gang);
	mock_submit(&mock, &queues[0], &single);
	mock_submit(&mock, &queues[0], &free_job);
	params.core_mask = 1;
	params.max_cores = 1;
	scheduler_update_queue(mock.scheduler, &queues[0], &params);
	mock_advance(&mock, 10 * MS);
	ck_assert_uint_eq(gang.base.used_mask, 3);
	ck_assert_uint_eq(single.base.used_mask, 4);
	ck_assert_uint_eq(free_job.base.used_mask, 1);
	ck_assert_uint_eq(mock.n_retired, 3);
}
END_TEST

/* ---- callbacks that change everything ---- */

struct chain {
	struct mock_job *victim;
	struct mock_job *resolved;
	struct mock_job *submitted;
	bool removes_queue;
};

static void run_chain(struct mock *self, struct mock_job *job)
{
	struct chain *chain = self->user;

	if (job->base.id != 1)
		return;
	scheduler_cancel(self->scheduler, &chain->victim->base, NPU_OUTCOME_DEPENDENCY);
	scheduler_resolve(self->scheduler, &chain->resolved->base);
	mock_submit(self, &queues[1], chain->submitted);
	scheduler_run(self->scheduler);
	if (chain->removes_queue) {
		scheduler_remove_queue(self->scheduler, &queues[0]);
		memset(&queues[0], 0xee, sizeof(queues[0]));
		memset(job, 0xee, sizeof(*job));
	}
}

enum chain_end { ENDS_WELL, ENDS_BY_FAULT, ENDS_BY_WATCHDOG, ENDS_AT_START, N_CHAIN_ENDS };

/* The first job ends in each of the ways there are; what its end brings about is always the same.
 */
START_TEST(test_retire_may_call_back)
{
	struct mock_job first = mock_job(1, MS), victim = mock_job(2, MS),
			resolved = mock_job(3, MS), submitted = mock_job(4, MS);
	struct chain chain = {&victim, &resolved, &submitted, true};

	resolved.base.n_deps = 1;
	mock.retired = run_chain;
	mock.user = &chain;
	mock.cores[2].n_runs_to_fail = _i == ENDS_AT_START;
	first.hangs_after = _i == ENDS_BY_WATCHDOG ? 0 : MOCK_HEALTHY;
	mock_submit(&mock, &queues[0], &first);
	victim.base.n_deps = 1;
	mock_submit(&mock, &queues[1], &victim);
	mock_submit(&mock, &queues[2], &resolved);
	scheduler_run(mock.scheduler);
	if (_i == ENDS_BY_FAULT)
		scheduler_core_failed(mock.scheduler, 2, NPU_OUTCOME_PAGE_FAULT, 0);
	mock_advance(&mock, 3000 * MS);
	ck_assert_int_eq(victim.base.outcome, NPU_OUTCOME_DEPENDENCY);
	ck_assert_int_eq(resolved.base.outcome, NPU_OUTCOME_OK);
	ck_assert_int_eq(submitted.base.outcome, NPU_OUTCOME_OK);
	ck_assert_uint_eq(mock.n_retired, 4);
	mock.retired = NULL;
	mock_add_queue(&mock, &queues[0], 1);
}
END_TEST

/* Every job that is lost with a core takes the next one along, from under the scheduler's feet. */
static void cancel_next(struct mock *self, struct mock_job *job)
{
	struct mock_job *jobs = self->user;

	if (job->base.id < 9)
		scheduler_cancel(self->scheduler, &jobs[job->base.id + 1].base,
				 NPU_OUTCOME_CANCELLED);
}

START_TEST(test_callbacks_while_jobs_are_lost)
{
	struct mock_job jobs[10];

	for (unsigned i = 0; i < 10; i++) {
		jobs[i] = job_on(i, 4, MS);
		mock_submit(&mock, &queues[i % 3], &jobs[i]);
	}
	mock.retired = cancel_next;
	mock.user = jobs;
	mock.cores[2].n_resets_to_fail = CORE_RESETS_MAX;
	ck_assert_int_eq(scheduler_reset_core(mock.scheduler, 2), -EIO);
	ck_assert_uint_eq(mock.n_retired, 10);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_uint_eq(jobs[i].n_retired, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sched_faults");
	TCase *tcase = tcase_create("faults");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_fault_ends_the_job_alone);
	tcase_add_test(tcase, test_fault_in_a_gang);
	tcase_add_test(tcase, test_refused_start);
	tcase_add_test(tcase, test_reset_is_tried_again);
	tcase_add_test(tcase, test_lost_core_takes_its_jobs_along);
	tcase_add_test(tcase, test_last_core_lost);
	tcase_add_test(tcase, test_reset_core);
	tcase_add_test(tcase, test_reload_drops_nothing);
	tcase_add_test(tcase, test_shrunken_queue_keeps_its_jobs);
	tcase_add_loop_test(tcase, test_retire_may_call_back, 0, N_CHAIN_ENDS);
	tcase_add_test(tcase, test_callbacks_while_jobs_are_lost);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
