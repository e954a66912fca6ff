/* SPDX-License-Identifier: MIT */
/* Submit, advance, look at what was started where, under round-robin. */
#include "sched_mock.h"

#include <stdlib.h>

#define MS NS_PER_MS

static struct mock mock;
static struct queue queues[4];

static void set_up(void)
{
	mock_init(&mock);
	for (unsigned i = 0; i < 4; i++)
		mock_add_queue(&mock, &queues[i], i + 1);
}

static void tear_down(void)
{
	mock_deinit(&mock, queues, 4);
}

static void update_queue(struct queue *queue, struct queue_params params)
{
	scheduler_update_queue(mock.scheduler, queue, &params);
}

/* `n` jobs with ids from `first_id` up. */
static void submit_many(struct queue *queue, struct mock_job *jobs, unsigned n, uint64_t first_id,
			uint64_t duration_ns)
{
	for (unsigned i = 0; i < n; i++) {
		jobs[i] = mock_job(first_id + i, duration_ns);
		mock_submit(&mock, queue, &jobs[i]);
	}
}

static unsigned n_done(const struct mock_job *jobs, unsigned n)
{
	unsigned n_ok = 0;

	for (unsigned i = 0; i < n; i++)
		n_ok += jobs[i].base.outcome == NPU_OUTCOME_OK;
	return n_ok;
}

/* ---- filling cores ---- */

START_TEST(test_one_session_fills_all_cores)
{
	struct mock_job jobs[4];

	submit_many(&queues[0], jobs, 4, 1, MS);
	ck_assert_str_eq(mock.trace, "");
	scheduler_run(mock.scheduler);
	ck_assert_str_eq(mock.trace, "1@2 2@1 3@0 ");
	mock_advance(&mock, 2 * MS);
	ck_assert_str_eq(mock.trace, "1@2 2@1 3@0 4@2 ");
	ck_assert_uint_eq(n_done(jobs, 4), 4);
	ck_assert_uint_eq(queues[0].device_ns, 4 * MS);
	ck_assert_uint_eq(queues[0].wait_ns, MS);
	ck_assert_uint_eq(scheduler_core(mock.scheduler, 2)->busy_ns, 2 * MS);
	ck_assert_uint_eq(scheduler_get_stats(mock.scheduler)->slices, 4);
}
END_TEST

START_TEST(test_sessions_take_turns)
{
	struct mock_job a[4], b[4];

	submit_many(&queues[0], a, 4, 10, MS);
	submit_many(&queues[1], b, 4, 20, MS);
	mock_advance(&mock, 10 * MS);
	ck_assert_str_eq(mock.trace, "10@2 20@1 11@0 21@2 12@1 22@0 13@2 23@1 ");
}
END_TEST

static void assert_share(double weight, uint64_t a_ns, uint64_t b_ns)
{
	static struct mock_job a[4000], b[4000];
	struct queue_params params = mock_queue_params();
	double total, share = weight / (weight + 1);

	params.weight = weight;
	update_queue(&queues[0], params);
	submit_many(&queues[0], a, 4000, 10000, a_ns);
	submit_many(&queues[1], b, 4000, 20000, b_ns);
	mock_advance(&mock, 1000 * MS);
	total = (double)(queues[0].device_ns + queues[1].device_ns);
	ck_assert_msg(total > 2800.0 * (double)MS, "idle cores: %.0f ns used", total);
	ck_assert_msg((double)queues[0].device_ns / total > share - 0.05 &&
			      (double)queues[0].device_ns / total < share + 0.05,
		      "%f of %f", (double)queues[0].device_ns / total, share);
	for (unsigned i = 0; i < 4000; i++) {
		scheduler_abort(mock.scheduler, &a[i].base, NPU_OUTCOME_CANCELLED);
		scheduler_abort(mock.scheduler, &b[i].base, NPU_OUTCOME_CANCELLED);
		ck_assert_uint_eq(a[i].n_retired + b[i].n_retired, 2);
	}
}

static const struct {
	double weight;
	uint64_t a_ns, b_ns;
} share_cases[] = {
	{1, MS, MS},	 {1, 20 * MS, MS},	 {1, MS, 40 * MS},
	{2, 3 * MS, MS}, {0.25, 2 * MS, 5 * MS}, {4, 700000, 30 * MS},
};

START_TEST(test_share_follows_weight)
{
	assert_share(share_cases[_i].weight, share_cases[_i].a_ns, share_cases[_i].b_ns);
}
END_TEST

/* A client that waits for each result before it sends the next job isn't worse off for it. */
static void resubmit(struct mock *self, struct mock_job *job)
{
	uint64_t *n = self->user;

	if (job->base.id != 1 || job->base.outcome != NPU_OUTCOME_OK)
		return;
	++*n;
	*job = mock_job(1, 10 * MS);
	mock_submit(self, &queues[0], job);
}

START_TEST(test_closed_loop_beside_flood)
{
	static struct mock_job flood[3000];
	struct mock_job job = mock_job(1, 10 * MS);
	uint64_t n = 0;

	mock.retired = resubmit;
	mock.user = &n;
	mock_submit(&mock, &queues[0], &job);
	submit_many(&queues[1], flood, 3000, 10, MS);
	mock_advance(&mock, 1000 * MS);
	/* One core's worth is less than half of three: all of it, but for the flood's last jobs. */
	ck_assert_uint_ge(n, 85);
	mock.retired = NULL;
	scheduler_abort(mock.scheduler, &job.base, NPU_OUTCOME_CANCELLED);
	mock_advance(&mock, 1000 * MS);
}
END_TEST

START_TEST(test_tiny_jobs_pay_the_minimum)
{
	static struct mock_job tiny[30000], honest[400];

	submit_many(&queues[0], tiny, 30000, 10000, 1000);
	submit_many(&queues[1], honest, 400, 1, 10 * MS);
	mock_advance(&mock, 1000 * MS);
	/* 0.15 ms a piece, though each took a microsecond. */
	ck_assert_uint_ge(n_done(honest, 400), 290);
	ck_assert_uint_ge(n_done(tiny, 30000), 18000);
	ck_assert_uint_le(n_done(tiny, 30000), 22000);
	mock_advance(&mock, 1000 * MS);
	ck_assert_uint_eq(n_done(tiny, 30000) + n_done(honest, 400), 30400);
}
END_TEST

START_TEST(test_max_cores)
{
	struct mock_job a[3], b[1];
	struct queue_params params = mock_queue_params();

	params.max_cores = 1;
	update_queue(&queues[0], params);
	submit_many(&queues[0], a, 3, 10, MS);
	submit_many(&queues[1], b, 1, 20, MS);
	mock_advance(&mock, 10 * MS);
	ck_assert_str_eq(mock.trace, "10@2 20@1 11@2 12@2 ");
}
END_TEST

/* ---- demands ---- */

static const struct {
	const char *what;
	enum core_mask_rule rule;
	uint32_t core_mask;
	unsigned n_cores;
	uint32_t queue_cores;
	unsigned max_cores;
	int result;
	const char *trace;
} demand_cases[] = {
	{"any", CORE_MASK_DEMAND, 0, 1, 7, 3, 0, "1@2 "},
	{"any within the queue's", CORE_MASK_DEMAND, 0, 1, 3, 3, 0, "1@1 "},
	{"one core", CORE_MASK_DEMAND, 1, 1, 7, 3, 0, "1@0 "},
	{"one core not the queue's", CORE_MASK_DEMAND, 4, 1, 3, 3, -EINVAL, ""},
	{"wish", CORE_MASK_WISH, 1, 1, 7, 3, 0, "1@0 "},
	{"wish not the queue's", CORE_MASK_WISH, 4, 1, 3, 3, 0, "1@1 "},
	{"ignored", CORE_MASK_IGNORE, 1, 1, 7, 3, 0, "1@2 "},
	{"a core the device lacks", CORE_MASK_IGNORE, 8, 1, 7, 3, -EINVAL, ""},
	{"gang of two", CORE_MASK_DEMAND, 3, 2, 7, 3, 0, "1@0 1@1 "},
	{"gang {0,2}", CORE_MASK_DEMAND, 5, 2, 7, 3, 0, "1@0 1@2 "},
	{"gang of three", CORE_MASK_IGNORE, 7, 3, 7, 3, 0, "1@0 1@1 1@2 "},
	{"gang not the queue's", CORE_MASK_IGNORE, 3, 2, 6, 3, -EINVAL, ""},
	{"gang over max_cores", CORE_MASK_DEMAND, 7, 3, 7, 2, -EINVAL, ""},
	{"gang without cores", CORE_MASK_DEMAND, 0, 2, 7, 3, -EINVAL, ""},
	{"gang of other width", CORE_MASK_DEMAND, 7, 2, 7, 3, -EINVAL, ""},
	{"one share on two cores", CORE_MASK_DEMAND, 3, 1, 7, 3, -EINVAL, ""},
	{"no share", CORE_MASK_DEMAND, 1, 0, 7, 3, -EINVAL, ""},
	{"too many shares", CORE_MASK_DEMAND, 15, 4, 15, 4, -EINVAL, ""},
	{"no core for the queue", CORE_MASK_DEMAND, 0, 1, 0, 3, -EINVAL, ""},
};

START_TEST(test_demand)
{
	struct mock_job job = mock_job(1, MS);
	struct queue_params params = mock_queue_params();

	params.core_mask_rule = demand_cases[_i].rule;
	params.core_mask = demand_cases[_i].queue_cores;
	params.max_cores = demand_cases[_i].max_cores;
	update_queue(&queues[0], params);
	job.base.core_mask = demand_cases[_i].core_mask;
	job.base.n_cores = demand_cases[_i].n_cores;
	ck_assert_msg(scheduler_submit(mock.scheduler, &queues[0], &job.base) ==
			      demand_cases[_i].result,
		      "%s", demand_cases[_i].what);
	mock_advance(&mock, MS);
	ck_assert_msg(!strcmp(mock.trace, demand_cases[_i].trace), "%s: %s", demand_cases[_i].what,
		      mock.trace);
	ck_assert_int_eq(job.base.state, demand_cases[_i].result ? JOB_NEW : JOB_DONE);
}
END_TEST

START_TEST(test_wish_is_not_waited_for)
{
	struct mock_job jobs[2] = {mock_job(1, MS), mock_job(2, MS)};
	struct queue_params params = mock_queue_params();

	params.core_mask_rule = CORE_MASK_WISH;
	update_queue(&queues[0], params);
	jobs[0].base.core_mask = jobs[1].base.core_mask = 1;
	mock_submit(&mock, &queues[0], &jobs[0]);
	mock_submit(&mock, &queues[0], &jobs[1]);
	mock_advance(&mock, MS);
	ck_assert_str_eq(mock.trace, "1@0 2@2 ");
}
END_TEST

START_TEST(test_younger_jobs_pass_a_head_that_waits)
{
	struct mock_job jobs[40];

	for (unsigned i = 0; i < 40; i++) {
		jobs[i] = mock_job(i, i ? MS : 500 * MS);
		jobs[i].base.core_mask = i < 2 ? 1 : 2;
		mock_submit(&mock, &queues[0], &jobs[i]);
	}
	mock_advance(&mock, 2 * MS);
	ck_assert_str_eq(mock.trace, "0@0 2@1 3@1 4@1 ");
	mock_advance(&mock, 400 * MS);
	ck_assert_uint_eq(n_done(jobs, 40), QUEUE_OVERTAKES_MAX);
	mock_advance(&mock, 200 * MS);
	ck_assert_uint_eq(n_done(jobs, 40), 40);
	ck_assert_uint_eq(queues[0].n_overtakes, 0);
}
END_TEST

/* ---- gangs ---- */

START_TEST(test_gang_waits_for_all_its_cores)
{
	struct mock_job single = mock_job(1, 5 * MS), gang = mock_gang(2, MS, 3);

	single.base.core_mask = 2;
	mock_submit(&mock, &queues[0], &single);
	mock_submit(&mock, &queues[1], &gang);
	mock_advance(&mock, 4 * MS);
	ck_assert_str_eq(mock.trace, "1@1 ");
	mock_advance(&mock, MS);
	ck_assert_str_eq(mock.trace, "1@1 2@0 2@1 ");
	ck_assert_uint_eq(scheduler_get_stats(mock.scheduler)->gang_wait_ns, 5 * MS);
	mock_advance(&mock, MS);
	ck_assert_int_eq(gang.base.outcome, NPU_OUTCOME_OK);
	ck_assert_uint_eq(gang.base.used_mask, 3);
}
END_TEST

START_TEST(test_gang_ends_with_its_last_share)
{
	struct mock_job gang = mock_gang(1, 0, 7), single = mock_job(2, MS);

	gang.share_ns[0] = MS;
	gang.share_ns[1] = 4 * MS;
	gang.share_ns[2] = 2 * MS;
	mock_submit(&mock, &queues[0], &gang);
	mock_submit(&mock, &queues[1], &single);
	mock_advance(&mock, 3 * MS);
	ck_assert_str_eq(mock.trace, "1@0 1@1 1@2 ");
	mock_advance(&mock, MS);
	ck_assert_str_eq(mock.trace, "1@0 1@1 1@2 2@2 ");
	ck_assert_uint_eq(gang.base.device_ns, 12 * MS);
	mock_advance(&mock, MS);
}
END_TEST

START_TEST(test_gang_is_not_starved)
{
	static struct mock_job flood[3][500];
	struct mock_job gang = mock_gang(1, MS, 7);

	for (unsigned i = 0; i < 3; i++)
		submit_many(&queues[i], flood[i], 500, 1000 * (i + 1), 3 * MS);
	mock_advance(&mock, MS);
	mock_submit(&mock, &queues[3], &gang);
	/* Two turns of the others and the drain, at most. */
	mock_advance(&mock, 12 * MS);
	ck_assert_int_eq(gang.base.outcome, NPU_OUTCOME_OK);
	mock_advance(&mock, 2000 * MS);
}
END_TEST

/* Its own session's other jobs don't starve it either. */
START_TEST(test_gang_is_not_starved_by_siblings)
{
	static struct mock_job flood[2][500];
	struct mock_job gang = mock_gang(1, MS, 3);

	submit_many(&queues[1], flood[1], 500, 2000, 2 * MS);
	mock_advance(&mock, MS);
	mock_submit(&mock, &queues[0], &gang);
	submit_many(&queues[0], flood[0], 500, 1000, MS);
	mock_advance(&mock, 40 * MS);
	ck_assert_int_eq(gang.base.outcome, NPU_OUTCOME_OK);
	mock_advance(&mock, 2000 * MS);
}
END_TEST

START_TEST(test_only_the_first_gang_reserves)
{
	struct mock_job long_job = mock_job(1, 10 * MS), first = mock_gang(2, MS, 3),
			second = mock_gang(3, MS, 6), single = mock_job(4, MS);

	long_job.base.core_mask = 1;
	mock_submit(&mock, &queues[0], &long_job);
	mock_submit(&mock, &queues[1], &first);
	mock_submit(&mock, &queues[2], &second);
	mock_submit(&mock, &queues[3], &single);
	mock_advance(&mock, 20 * MS);
	ck_assert_str_eq(mock.trace, "1@0 4@2 2@0 2@1 3@1 3@2 ");
}
END_TEST

/* ---- dependencies, cancelling, aborting ---- */

START_TEST(test_blocked_until_resolved)
{
	struct mock_job blocked = mock_job(1, MS), ready = mock_job(2, MS);

	blocked.base.n_deps = 2;
	mock_submit(&mock, &queues[0], &blocked);
	mock_submit(&mock, &queues[0], &ready);
	ck_assert_uint_eq(scheduler_n_blocked(mock.scheduler), 1);
	ck_assert_uint_eq(scheduler_n_ready(mock.scheduler), 1);
	mock_advance(&mock, MS);
	scheduler_resolve(mock.scheduler, &blocked.base);
	mock_advance(&mock, MS);
	ck_assert_str_eq(mock.trace, "2@2 ");
	scheduler_resolve(mock.scheduler, &blocked.base);
	ck_assert_int_eq(blocked.base.state, JOB_READY);
	mock_advance(&mock, MS);
	ck_assert_str_eq(mock.trace, "2@2 1@2 ");
}
END_TEST

START_TEST(test_cancel)
{
	struct mock_job jobs[5];
	struct mock_job blocked = mock_job(9, MS);

	blocked.base.n_deps = 1;
	mock_submit(&mock, &queues[0], &blocked);
	submit_many(&queues[0], jobs, 5, 1, MS);
	scheduler_run(mock.scheduler);
	ck_assert_int_eq(scheduler_cancel(mock.scheduler, &jobs[0].base, NPU_OUTCOME_CANCELLED),
			 -EBUSY);
	ck_assert_int_eq(scheduler_cancel(mock.scheduler, &jobs[3].base, NPU_OUTCOME_CANCELLED), 0);
	ck_assert_int_eq(scheduler_cancel(mock.scheduler, &jobs[3].base, NPU_OUTCOME_CANCELLED),
			 -EINVAL);
	ck_assert_int_eq(scheduler_cancel(mock.scheduler, &blocked.base, NPU_OUTCOME_DEPENDENCY),
			 0);
	ck_assert_int_eq(jobs[3].base.outcome, NPU_OUTCOME_CANCELLED);
	ck_assert_int_eq(blocked.base.outcome, NPU_OUTCOME_DEPENDENCY);
	mock_advance(&mock, 2 * MS);
	ck_assert_str_eq(mock.trace, "1@2 2@1 3@0 5@2 ");
	ck_assert_uint_eq(mock.n_retired, 6);
}
END_TEST

START_TEST(test_abort)
{
	struct mock_job gang = mock_gang(1, 10 * MS, 3), other = mock_job(2, 10 * MS),
			waiting = mock_job(3, MS);

	gang.share_ns[0] = MS;
	mock_submit(&mock, &queues[0], &gang);
	mock_submit(&mock, &queues[1], &other);
	mock_submit(&mock, &queues[1], &waiting);
	mock_advance(&mock, 2 * MS);
	scheduler_abort(mock.scheduler, &gang.base, NPU_OUTCOME_CANCELLED);
	ck_assert_int_eq(gang.base.outcome, NPU_OUTCOME_CANCELLED);
	ck_assert_uint_eq(gang.base.device_ns, 4 * MS);
	/* Core 0's share was over, core 2 is somebody else's. */
	ck_assert_uint_eq(mock.cores[0].n_resets, 0);
	ck_assert_uint_eq(mock.cores[1].n_resets, 1);
	ck_assert_uint_eq(mock.cores[2].n_resets, 0);
	scheduler_abort(mock.scheduler, &waiting.base, NPU_OUTCOME_DEVICE_LOST);
	ck_assert_int_eq(waiting.base.outcome, NPU_OUTCOME_DEVICE_LOST);
	scheduler_abort(mock.scheduler, &waiting.base, NPU_OUTCOME_CANCELLED);
	ck_assert_uint_eq(waiting.n_retired, 1);
	mock_advance(&mock, 8 * MS);
	ck_assert_int_eq(other.base.outcome, NPU_OUTCOME_OK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scheduler");
	TCase *tcase = tcase_create("scheduler");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_one_session_fills_all_cores);
	tcase_add_test(tcase, test_sessions_take_turns);
	tcase_add_loop_test(tcase, test_share_follows_weight, 0,
			    sizeof(share_cases) / sizeof(share_cases[0]));
	tcase_add_test(tcase, test_closed_loop_beside_flood);
	tcase_add_test(tcase, test_tiny_jobs_pay_the_minimum);
	tcase_add_test(tcase, test_max_cores);
	tcase_add_loop_test(tcase, test_demand, 0, sizeof(demand_cases) / sizeof(demand_cases[0]));
	tcase_add_test(tcase, test_wish_is_not_waited_for);
	tcase_add_test(tcase, test_younger_jobs_pass_a_head_that_waits);
	tcase_add_test(tcase, test_gang_waits_for_all_its_cores);
	tcase_add_test(tcase, test_gang_ends_with_its_last_share);
	tcase_add_test(tcase, test_gang_is_not_starved);
	tcase_add_test(tcase, test_gang_is_not_starved_by_siblings);
	tcase_add_test(tcase, test_only_the_first_gang_reserves);
	tcase_add_test(tcase, test_blocked_until_resolved);
	tcase_add_test(tcase, test_cancel);
	tcase_add_test(tcase, test_abort);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
