/* SPDX-License-Identifier: MIT */
/* Resets of the whole device, who is run again after them, devices that are lost, and quarantine.
 */
#include "sched_mock.h"

#include <stdlib.h>

#define MS NS_PER_MS

static struct mock mock;
static struct queue queues[3];

static void start(bool has_core_reset)
{
	struct scheduler_config config = scheduler_config_default();

	mock_init_kind(&mock, &config, &mock_device_ops, has_core_reset);
	for (unsigned i = 0; i < 3; i++)
		mock_add_queue(&mock, &queues[i], i + 1);
}

static void set_up_cores(void)
{
	start(true);
}

static void set_up_device(void)
{
	start(false);
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

static struct mock_job hanging(uint64_t id, uint32_t core_mask, uint64_t timeout_ns)
{
	struct mock_job job = job_on(id, core_mask, 1);

	job.hangs_after = 0;
	job.base.timeout_ns = timeout_ns;
	return job;
}

static const struct scheduler_stats *stats(void)
{
	return scheduler_get_stats(mock.scheduler);
}

static enum core_state state_of(unsigned core)
{
	return scheduler_core(mock.scheduler, core)->state;
}

/* ---- innocents ---- */

START_TEST(test_innocents_run_again)
{
	struct mock_job bad = hanging(1, 1, 5 * MS), good = job_on(2, 2, 9 * MS),
			waiting = job_on(4, 2, MS);

	mock_submit(&mock, &queues[0], &bad);
	mock_submit(&mock, &queues[1], &good);
	mock_advance(&mock, MS);
	mock_submit(&mock, &queues[1], &waiting);
	mock_advance(&mock, 5 * MS);
	ck_assert_int_eq(bad.base.outcome, NPU_OUTCOME_HANG);
	ck_assert_str_eq(mock.accused, "1@0 ");
	ck_assert_uint_eq(mock.n_device_resets, 1);
	ck_assert_uint_eq(mock.n_repeats, 1);
	ck_assert_uint_eq(stats()->device_resets, 1);
	ck_assert_uint_eq(stats()->core_resets, 0);
	/* It goes before what was submitted after it, and pays for one run only. */
	mock_advance(&mock, 20 * MS);
	ck_assert_str_eq(mock.trace, "1@0 2@1 2@1 4@1 ");
	ck_assert_int_eq(good.base.outcome, NPU_OUTCOME_OK);
	ck_assert_uint_eq(good.n_retired, 1);
	ck_assert_uint_eq(good.ended_device_ns, 9 * MS);
}
END_TEST

START_TEST(test_innocent_gang_runs_again_as_one)
{
	struct mock_job bad = hanging(1, 1, 5 * MS), gang = mock_gang(2, 9 * MS, 6);

	gang.share_ns[1] = 2 * MS;
	mock_submit(&mock, &queues[0], &bad);
	mock_submit(&mock, &queues[1], &gang);
	mock_advance(&mock, 30 * MS);
	ck_assert_str_eq(mock.trace, "1@0 2@1 2@2 2@1 2@2 ");
	ck_assert_int_eq(gang.base.outcome, NPU_OUTCOME_OK);
	ck_assert_uint_eq(gang.ended_device_ns, 18 * MS);
}
END_TEST

/* What has been done up to the last cut is not done again. */
START_TEST(test_innocent_goes_on_at_its_last_cut)
{
	struct mock_job bad = hanging(1, 1, 30 * MS), sliced = job_on(2, 2, 20 * MS);

	sliced.base.n_pieces = 4;
	sliced.base.signature = 7;
	mock_submit(&mock, &queues[0], &bad);
	mock_submit(&mock, &queues[1], &sliced);
	mock_advance(&mock, 30 * MS);
	ck_assert_int_eq(bad.base.outcome, NPU_OUTCOME_HANG);
	ck_assert_uint_eq(sliced.base.pieces_done, 1);
	ck_assert_uint_eq(mock.n_repeats, 1);
	mock_advance(&mock, 200 * MS);
	ck_assert_int_eq(sliced.base.outcome, NPU_OUTCOME_OK);
	ck_assert_uint_eq(sliced.base.pieces_done, 4);
}
END_TEST

START_TEST(test_unrepeatable_innocent_fails)
{
	struct mock_job bad = hanging(1, 1, 5 * MS), good = job_on(2, 2, 9 * MS);

	good.base.is_unrepeatable = true;
	mock_submit(&mock, &queues[0], &bad);
	mock_submit(&mock, &queues[1], &good);
	mock_advance(&mock, 6 * MS);
	ck_assert_int_eq(good.base.outcome, NPU_OUTCOME_DEVICE_RESET);
	ck_assert_uint_eq(good.n_retired, 1);
	ck_assert_uint_eq(mock.n_repeats, 0);
}
END_TEST

/* The counters of two cores stand still when the first is found out: both are guilty. */
START_TEST(test_two_guilty_one_reset)
{
	struct mock_job first = hanging(1, 1, 5 * MS), second = hanging(2, 2, 5 * MS),
			good = job_on(3, 4, 9 * MS);

	mock_submit(&mock, &queues[0], &first);
	mock_submit(&mock, &queues[1], &second);
	mock_submit(&mock, &queues[2], &good);
	mock_advance(&mock, 6 * MS);
	ck_assert_int_eq(first.base.outcome, NPU_OUTCOME_HANG);
	ck_assert_int_eq(second.base.outcome, NPU_OUTCOME_HANG);
	ck_assert_str_eq(mock.accused, "1@0 2@1 ");
	ck_assert_uint_eq(mock.n_device_resets, 1);
	ck_assert_uint_eq(stats()->hangs, 2);
	mock_advance(&mock, 20 * MS);
	ck_assert_int_eq(good.base.outcome, NPU_OUTCOME_OK);
}
END_TEST

/* It stands still for another reason, which it will show again. */
START_TEST(test_fault_unheard_is_no_hang)
{
	struct mock_job first = hanging(1, 1, 5 * MS), faulted = hanging(2, 2, 5 * MS);

	mock_submit(&mock, &queues[0], &first);
	mock_submit(&mock, &queues[1], &faulted);
	mock_advance(&mock, 4 * MS);
	mock.cores[1].has_event = true;
	mock.now_ns += 2 * MS;
	scheduler_tick(mock.scheduler);
	mock.cores[1].has_event = false;
	ck_assert_int_eq(first.base.outcome, NPU_OUTCOME_HANG);
	ck_assert_str_eq(mock.accused, "1@0 ");
	ck_assert_uint_eq(mock.n_repeats, 1);
	ck_assert_str_eq(mock.trace, "1@0 2@1 2@1 ");
	scheduler_core_failed(mock.scheduler, 1, NPU_OUTCOME_PAGE_FAULT, MS);
	ck_assert_int_eq(faulted.base.outcome, NPU_OUTCOME_PAGE_FAULT);
	ck_assert_uint_eq(stats()->hangs, 1);
}
END_TEST

START_TEST(test_often_innocent_runs_alone_once)
{
	struct mock_job bad[REPEATS_MAX + 1], good = job_on(10, 2, 30 * MS);

	mock_submit(&mock, &queues[1], &good);
	for (unsigned i = 0; i <= REPEATS_MAX; i++) {
		bad[i] = hanging(i, 1, 5 * MS);
		mock_submit(&mock, &queues[0], &bad[i]);
	}
	mock_advance(&mock, 200 * MS);
	ck_assert_str_eq(mock.trace, "10@1 0@0 10@1 1@0 10@1 2@0 10@1 3@0 ");
	ck_assert_uint_eq(mock.n_repeats, REPEATS_MAX);
	ck_assert_int_eq(good.base.outcome, NPU_OUTCOME_OK);
	ck_assert_uint_eq(mock.n_device_resets, REPEATS_MAX + 1);
	ck_assert_uint_eq(good.base.started_ns + 30 * MS + 3 * 5 * MS, good.base.done_ns);
}
END_TEST

/* ---- escalation ---- */

START_TEST(test_device_is_reset_when_a_core_does_not_come_back)
{
	struct mock_job bad = hanging(1, 1, 5 * MS), good = job_on(2, 2, 9 * MS);

	mock.cores[0].n_resets_to_fail = CORE_RESETS_MAX;
	mock_submit(&mock, &queues[0], &bad);
	mock_submit(&mock, &queues[1], &good);
	mock_advance(&mock, 20 * MS);
	ck_assert_uint_eq(stats()->core_resets, CORE_RESETS_MAX);
	ck_assert_uint_eq(stats()->device_resets, 1);
	ck_assert_int_eq(bad.base.outcome, NPU_OUTCOME_HANG);
	ck_assert_int_eq(good.base.outcome, NPU_OUTCOME_OK);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(state_of(i), CORE_IDLE);
}
END_TEST

START_TEST(test_core_goes_out_of_service)
{
	struct mock_job bad = hanging(1, 1, 5 * MS), good = job_on(2, 2, 9 * MS),
			pinned = job_on(3, 1, MS), gang = mock_gang(4, MS, 7),
			pair = mock_gang(5, MS, 6);

	mock.cores[0].n_resets_to_fail = CORE_RESETS_MAX;
	mock.cores_back = 6;
	mock_submit(&mock, &queues[0], &bad);
	mock_submit(&mock, &queues[1], &good);
	mock_advance(&mock, MS);
	mock_submit(&mock, &queues[0], &pinned);
	mock_submit(&mock, &queues[1], &gang);
	mock_submit(&mock, &queues[2], &pair);
	mock_advance(&mock, 20 * MS);
	ck_assert_int_eq(state_of(0), CORE_FAULTED);
	ck_assert_int_eq(good.base.outcome, NPU_OUTCOME_OK);
	ck_assert_int_eq(pinned.base.outcome, NPU_OUTCOME_DEVICE_LOST);
	ck_assert_int_eq(gang.base.outcome, NPU_OUTCOME_DEVICE_LOST);
	ck_assert_int_eq(pair.base.outcome, NPU_OUTCOME_OK);
	ck_assert_uint_eq(stats()->device_losses, 0);
}
END_TEST

START_TEST(test_lost_device_comes_back)
{
	struct mock_job bad = hanging(1, 1, 5 * MS), good = job_on(2, 2, 9 * MS),
			blocked = job_on(3, 4, MS), late = mock_job(4, MS), after = mock_job(5, MS);
	uint64_t retry_ns = 0;

	blocked.base.n_deps = 1;
	mock.cores_back = 0;
	mock_submit(&mock, &queues[0], &bad);
	mock_submit(&mock, &queues[1], &good);
	mock_submit(&mock, &queues[2], &blocked);
	mock_advance(&mock, 5 * MS);
	ck_assert_int_eq(bad.base.outcome, NPU_OUTCOME_HANG);
	ck_assert_int_eq(good.base.outcome, NPU_OUTCOME_DEVICE_LOST);
	ck_assert_int_eq(blocked.base.outcome, NPU_OUTCOME_DEVICE_LOST);
	ck_assert_uint_eq(mock.n_retired, 3);
	ck_assert(scheduler_is_lost(mock.scheduler, &retry_ns));
	ck_assert_uint_eq(retry_ns, mock.now_ns + REVIVAL_PAUSE_NS);
	ck_assert_int_eq(scheduler_submit(mock.scheduler, &queues[0], &late.base), -ENODEV);
	/* Tried after 1, 2 and 4 s; the third time one core comes back. */
	mock_advance(&mock, REVIVAL_PAUSE_NS);
	ck_assert_uint_eq(mock.n_device_resets, 2);
	mock_advance(&mock, 2 * REVIVAL_PAUSE_NS - 1);
	ck_assert_uint_eq(mock.n_device_resets, 2);
	mock_advance(&mock, 1);
	ck_assert_uint_eq(mock.n_device_resets, 3);
	mock.cores_back = 4;
	mock_advance(&mock, 4 * REVIVAL_PAUSE_NS);
	ck_assert(!scheduler_is_lost(mock.scheduler, &retry_ns));
	ck_assert_uint_eq(scheduler_next_tick_ns(mock.scheduler), CLOCK_NEVER);
	ck_assert_int_eq(state_of(2), CORE_IDLE);
	ck_assert_int_eq(state_of(0), CORE_FAULTED);
	mock_submit(&mock, &queues[0], &after);
	mock_advance(&mock, 2 * MS);
	ck_assert_int_eq(after.base.outcome, NPU_OUTCOME_OK);
	ck_assert_uint_eq(stats()->device_losses, 1);
}
END_TEST

static void abort_another(struct mock *self, struct mock_job *job)
{
	(void)job;
	scheduler_abort(self->scheduler, self->user, NPU_OUTCOME_CANCELLED);
}

/* Whoever is told of the first end may call back for a job that is about to end as well. */
START_TEST(test_retire_calls_back_during_a_reset)
{
	struct mock_job bad = hanging(1, 1, 5 * MS), good = job_on(2, 2, 9 * MS);

	good.base.is_unrepeatable = true;
	mock.retired = abort_another;
	mock.user = &bad.base;
	mock_submit(&mock, &queues[0], &bad);
	mock_submit(&mock, &queues[1], &good);
	mock_advance(&mock, 6 * MS);
	ck_assert_int_eq(bad.base.outcome, NPU_OUTCOME_HANG);
	ck_assert_uint_eq(bad.n_retired, 1);
	ck_assert_uint_eq(good.n_retired, 1);
}
END_TEST

/* ---- quarantine ---- */

START_TEST(test_held_queue_waits_its_time)
{
	struct mock_job held = mock_job(1, MS), free_job = mock_job(2, MS);
	uint64_t until_ns = mock.now_ns + 50 * MS;

	scheduler_hold_queue(mock.scheduler, &queues[0], until_ns, false);
	mock_submit(&mock, &queues[0], &held);
	mock_submit(&mock, &queues[1], &free_job);
	mock_advance(&mock, 49 * MS);
	ck_assert_str_eq(mock.trace, "2@2 ");
	mock_advance(&mock, 5 * MS);
	ck_assert_int_eq(held.base.outcome, NPU_OUTCOME_OK);
	ck_assert_uint_eq(held.base.started_ns, until_ns);
	ck_assert_uint_eq(scheduler_next_tick_ns(mock.scheduler), CLOCK_NEVER);
}
END_TEST

START_TEST(test_pardoned_queue_starts_at_once)
{
	struct mock_job held = mock_job(1, MS);

	scheduler_hold_queue(mock.scheduler, &queues[0], mock.now_ns + NS_PER_S, true);
	mock_submit(&mock, &queues[0], &held);
	mock_advance(&mock, MS);
	ck_assert_int_eq(held.base.state, JOB_READY);
	scheduler_hold_queue(mock.scheduler, &queues[0], 0, false);
	mock_advance(&mock, MS);
	ck_assert_int_eq(held.base.outcome, NPU_OUTCOME_OK);
}
END_TEST

START_TEST(test_slow_queue_has_one_core)
{
	struct mock_job jobs[3], gang = mock_gang(9, MS, 3);

	scheduler_hold_queue(mock.scheduler, &queues[0], 0, true);
	for (unsigned i = 0; i < 3; i++) {
		jobs[i] = mock_job(i, MS);
		mock_submit(&mock, &queues[0], &jobs[i]);
	}
	mock_submit(&mock, &queues[0], &gang);
	mock_advance(&mock, MS / 2);
	ck_assert_uint_eq(queues[0].n_running, 1);
	mock_advance(&mock, 3 * MS);
	ck_assert_str_eq(mock.trace, "0@2 1@2 2@2 9@0 9@1 ");
	mock_advance(&mock, MS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("recovery");
	TCase *device = tcase_create("device"), *cores = tcase_create("cores");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(device, set_up_device, tear_down);
	tcase_add_test(device, test_innocents_run_again);
	tcase_add_test(device, test_innocent_gang_runs_again_as_one);
	tcase_add_test(device, test_innocent_goes_on_at_its_last_cut);
	tcase_add_test(device, test_unrepeatable_innocent_fails);
	tcase_add_test(device, test_two_guilty_one_reset);
	tcase_add_test(device, test_fault_unheard_is_no_hang);
	tcase_add_test(device, test_often_innocent_runs_alone_once);
	tcase_add_test(device, test_lost_device_comes_back);
	tcase_add_test(device, test_retire_calls_back_during_a_reset);
	suite_add_tcase(suite, device);
	tcase_add_checked_fixture(cores, set_up_cores, tear_down);
	tcase_add_test(cores, test_device_is_reset_when_a_core_does_not_come_back);
	tcase_add_test(cores, test_core_goes_out_of_service);
	tcase_add_test(cores, test_held_queue_waits_its_time);
	tcase_add_test(cores, test_pardoned_queue_starts_at_once);
	tcase_add_test(cores, test_slow_queue_has_one_core);
	suite_add_tcase(suite, cores);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
