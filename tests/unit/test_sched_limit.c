/* SPDX-License-Identifier: MIT */
/* Devices that end what runs for too long: batches are cut so that it does not come to that. */
#include "sched_mock.h"
#include "scheduler/policy.h"

#include <errno.h>

#define MS	 NS_PER_MS
#define LIMIT_NS (500 * MS)
#define N_PIECES 40

static struct mock mock;
static struct queue queue;
static uint64_t piece_ns, longest_ns;

/* Batches take as long as their pieces. */
static int run_pieces(void *context, struct sched_job *job, unsigned share, unsigned core)
{
	struct mock_job *self = mock_job_of(job);

	self->share_ns[share] = piece_ns * job->batch_pieces;
	if (self->share_ns[share] > longest_ns)
		longest_ns = self->share_ns[share];
	return mock_run(context, job, share, core);
}

static struct sched_backend_ops ops;

static void set_up(const struct policy_ops *policy, uint64_t limit_ns, uint64_t quantum_ns)
{
	struct scheduler_config config = scheduler_config_default();
	struct scheduler_params params = {
		.has_core_reset = true, .batch_limit_ns = limit_ns, .ops = &ops};
	struct queue_params queue_params = mock_queue_params();

	ops = mock_ops;
	ops.run = run_pieces;
	config.policy = policy;
	config.quantum_ns = quantum_ns;
	mock_init_params(&mock, &config, params);
	queue_params.kind = QUEUE_RT;
	mock_put_queue(&mock, &queue, 1, &queue_params);
	longest_ns = 0;
}

static void run_jobs(unsigned n, uint64_t deadline_ns)
{
	for (unsigned i = 0; i < n; i++) {
		struct mock_job job = mock_job(i + 1, 0);

		job.base.n_pieces = N_PIECES;
		job.base.signature = 5;
		job.base.late_rule = LATE_RUN;
		if (deadline_ns)
			job.base.deadline_ns = mock.now_ns + deadline_ns;
		mock_submit(&mock, &queue, &job);
		mock_advance(&mock, 30 * NS_PER_S);
		ck_assert_uint_eq(job.n_retired, 1);
		ck_assert_int_eq(job.base.outcome, NPU_OUTCOME_OK);
	}
}

/* Whatever the policy's own idea of a slice, and however urgent. */
START_TEST(batches_stay_below_the_limit)
{
	const struct policy_ops *policy = mock_policy(_i / 2);
	const uint64_t deadline_ns = _i % 2 ? 5 * NS_PER_S : 0;

	piece_ns = 40 * MS;
	set_up(policy, LIMIT_NS, 2 * NS_PER_S);
	run_jobs(6, deadline_ns);
	ck_assert_uint_le(longest_ns, LIMIT_NS * 6 / 10);
	ck_assert_uint_gt(longest_ns, piece_ns);
	mock_deinit(&mock, &queue, 1);
}
END_TEST

START_TEST(without_a_limit_there_is_none)
{
	piece_ns = 40 * MS;
	set_up(policy_find("fair"), 0, 2 * NS_PER_S);
	run_jobs(6, 0);
	ck_assert_uint_gt(longest_ns, LIMIT_NS);
	mock_deinit(&mock, &queue, 1);
}
END_TEST

/* A piece that alone is nearly too long goes down alone. */
START_TEST(long_pieces_go_one_by_one)
{
	piece_ns = 350 * MS;
	set_up(policy_find("fair"), LIMIT_NS, 2 * NS_PER_S);
	for (unsigned i = 0; i < 2; i++)
		run_jobs(3, 0);
	ck_assert_uint_eq(longest_ns, piece_ns);
	mock_deinit(&mock, &queue, 1);
}
END_TEST

/* As it was at the full clock it would have done. */
START_TEST(what_cannot_be_cut_is_refused)
{
	struct sched_clock clock = {.now_hz = 1000, .full_hz = 1000};
	struct mock_job job = mock_job(99, 0);

	piece_ns = 350 * MS;
	set_up(policy_find("fair"), _i ? 0 : LIMIT_NS, 2 * NS_PER_S);
	scheduler_set_clock(mock.scheduler, &clock);
	run_jobs(3, 0);
	clock.now_hz = 500;
	scheduler_set_clock(mock.scheduler, &clock);
	job.base.n_pieces = N_PIECES;
	job.base.signature = 5;
	/* What is known of the full clock, stretched. */
	ck_assert_int_eq(scheduler_submit(mock.scheduler, &queue, &job.base), _i ? 0 : -EFBIG);
	ck_assert_int_eq(job.base.state, _i ? JOB_READY : JOB_NEW);
	if (_i)
		mock_advance(&mock, 100 * NS_PER_S);
	mock_deinit(&mock, &queue, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sched_limit");
	TCase *tcase = tcase_create("sched_limit");
	SRunner *runner;
	int n_failed;

	tcase_add_loop_test(tcase, batches_stay_below_the_limit, 0, 2 * MOCK_N_POLICIES);
	tcase_add_test(tcase, without_a_limit_there_is_none);
	tcase_add_test(tcase, long_pieces_go_one_by_one);
	tcase_add_loop_test(tcase, what_cannot_be_cut_is_refused, 0, 2);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
