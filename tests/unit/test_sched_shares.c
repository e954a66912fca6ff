/* SPDX-License-Identifier: MIT */
/* Properties of fair, gang and deadline: shares, starvation, slices, reservations, deadlines. */
#include "sched_mock.h"
#include "scheduler/scheduler_internal.h"

#include <math.h>

#define MS	 NS_PER_MS
#define N_QUEUES 3

static struct mock mock;
static struct queue queues[N_QUEUES];

static void start(const struct policy_ops *policy)
{
	struct scheduler_config config = scheduler_config_default();

	config.policy = policy;
	mock_init_config(&mock, &config);
}

static void add_queue(unsigned i, uint64_t tenant_id, double weight)
{
	struct queue_params params = mock_queue_params();

	params.tenant_id = tenant_id;
	params.weight = weight;
	mock_put_queue(&mock, &queues[i], i + 1, &params);
}

/* Every job that ends is submitted anew: its queue is never idle. */
static void submit_again(struct mock *self, struct mock_job *job)
{
	struct queue *queue = job->base.queue;
	struct mock_job fresh = mock_job(job->base.id, job->share_ns[0]);

	if (self->user)
		return;
	fresh.base.n_cores = job->base.n_cores;
	fresh.base.core_mask = job->base.core_mask;
	fresh.base.signature = job->base.signature;
	fresh.base.deadline_ns = job->base.deadline_ns;
	*job = fresh;
	mock_submit(self, queue, job);
}

static void stop(void)
{
	mock.user = &mock;
	mock_advance(&mock, 60 * NS_PER_S);
}

START_TEST(test_fair_shares_by_tenant_and_weight)
{
	struct mock_job jobs[N_QUEUES][4];
	double one, two;

	start(&policy_fair);
	mock.retired = submit_again;
	/* Two queues of tenant 1 are still one tenant; tenant 2 has the weight 2. */
	add_queue(0, 1, 1);
	add_queue(1, 1, 1);
	add_queue(2, 2, 2);
	for (unsigned i = 0; i < N_QUEUES; i++) {
		for (unsigned j = 0; j < 4; j++) {
			jobs[i][j] = mock_job(i * 4 + j + 1, (3 + 2 * i) * MS);
			jobs[i][j].base.signature = i + 1;
			mock_submit(&mock, &queues[i], &jobs[i][j]);
		}
	}
	mock_advance(&mock, 3 * NS_PER_S);
	one = (double)(queues[0].device_ns + queues[1].device_ns);
	two = (double)queues[2].device_ns;
	/* The bound of SFQ(D): (D + 1)(c_f / w_f + c_g / w_g). */
	ck_assert_double_le(fabs(one - two / 2), 4. * (5. * MS + 7. * MS / 2));
	ck_assert_double_le(fabs((double)queues[0].device_ns - (double)queues[1].device_ns),
			    4. * (3. * MS + 5. * MS));
	stop();
	mock_deinit(&mock, queues, N_QUEUES);
}
END_TEST

START_TEST(test_sleeping_saves_nothing_up)
{
	struct mock_job jobs[2][4];
	uint64_t before_ns;

	start(&policy_fair);
	mock.retired = submit_again;
	add_queue(0, 1, 1);
	add_queue(1, 2, 1);
	for (unsigned j = 0; j < 4; j++) {
		jobs[0][j] = mock_job(j + 1, 5 * MS);
		jobs[0][j].base.signature = 1;
		mock_submit(&mock, &queues[0], &jobs[0][j]);
	}
	mock_advance(&mock, NS_PER_S);
	before_ns = queues[0].device_ns;
	for (unsigned j = 0; j < 4; j++) {
		jobs[1][j] = mock_job(j + 5, 5 * MS);
		jobs[1][j].base.signature = 1;
		mock_submit(&mock, &queues[1], &jobs[1][j]);
	}
	mock_advance(&mock, 300 * MS);
	/* Half of 900 core-ms each, save for the lag and what ran. */
	ck_assert_double_le(fabs((double)(queues[0].device_ns - before_ns) - 450. * MS), 60. * MS);
	stop();
	mock_deinit(&mock, queues, 2);
}
END_TEST

/* A tenant that hangs up and comes back owes what it owed. */
/* Keeps three jobs of 20 ms in each of two queues of tenants of their own for so long. */
static void run_beside_each_other(bool has_deadlines, uint64_t duration_ns)
{
	static struct mock_job jobs[2][3];

	start(&policy_fair);
	mock.retired = submit_again;
	for (unsigned i = 0; i < 2; i++)
		add_queue(i, i + 1, 1);
	/* The second comes when the first has all cores. */
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned j = 0; j < 3; j++) {
			jobs[i][j] = mock_job(i * 3 + j + 1, 20 * MS);
			jobs[i][j].base.signature = 1;
			if (i && has_deadlines)
				jobs[i][j].base.deadline_ns = mock.now_ns + 3600 * NS_PER_S;
			mock_submit(&mock, &queues[i], &jobs[i][j]);
		}
		mock_advance(&mock, i ? duration_ns : NS_PER_S);
		if (!i)
			queues[0].device_ns = 0;
	}
}

START_TEST(test_deadlines_borrow)
{
	uint64_t lead_ns = 2 * scheduler_config_default().lag_ns;
	double ahead_ns[2];

	for (unsigned i = 0; i < 2; i++) {
		run_beside_each_other(true, i ? 10 * NS_PER_S : 100 * MS);
		ahead_ns[i] = (double)queues[1].device_ns - (double)queues[0].device_ns;
		stop();
		mock_deinit(&mock, queues, 2);
	}
	/* All of the first 100 ms is its own, but for what ran when it came. */
	ck_assert_double_ge(ahead_ns[0], 120. * MS);
	/* It never gets further than its lead, and the bound of SFQ(D). */
	ck_assert_double_le(ahead_ns[1], (double)lead_ns + 4 * 2 * 20. * MS);
	run_beside_each_other(false, 10 * NS_PER_S);
	ahead_ns[1] = (double)queues[1].device_ns - (double)queues[0].device_ns;
	ck_assert_double_le(fabs(ahead_ns[1]), 4 * 2 * 20. * MS);
	stop();
	mock_deinit(&mock, queues, 2);
}
END_TEST

START_TEST(test_debt_outlives_the_queue)
{
	struct mock_job jobs[2] = {mock_job(1, 50 * MS), mock_job(2, 5 * MS)};
	struct sched_tenant *tenant;

	start(&policy_fair);
	add_queue(0, 1, 1);
	add_queue(1, 2, 1);
	mock_submit(&mock, &queues[0], &jobs[0]);
	mock_advance(&mock, 60 * MS);
	tenant = queues[0].tenant;
	scheduler_remove_queue(mock.scheduler, &queues[0]);
	mock_submit(&mock, &queues[1], &jobs[1]);
	add_queue(0, 1, 1);
	ck_assert_ptr_eq(queues[0].tenant, tenant);
	mock_advance(&mock, 10 * MS);
	mock_deinit(&mock, queues, 2);
}
END_TEST

/* A long job of known pieces is cut, and what comes meanwhile waits for a slice, not for all. */
START_TEST(test_long_jobs_are_sliced)
{
	struct mock_job long_jobs[3], quick = mock_job(9, MS);
	unsigned n_slices;

	start(&policy_fair);
	add_queue(0, 1, 1);
	add_queue(1, 2, 1);
	for (unsigned i = 0; i < 3; i++) {
		/* The mock takes this long per batch: a slice of one piece. */
		long_jobs[i] = mock_job(i + 1, 6 * MS);
		long_jobs[i].base.n_pieces = 20;
		long_jobs[i].base.signature = 5;
		mock_submit(&mock, &queues[0], &long_jobs[i]);
	}
	mock_advance(&mock, 60 * MS);
	n_slices = (unsigned)scheduler_get_stats(mock.scheduler)->slices;
	ck_assert_uint_ge(n_slices, 10);
	ck_assert_uint_eq(mock.n_retired, 0);
	mock_submit(&mock, &queues[1], &quick);
	mock_advance(&mock, 8 * MS);
	ck_assert_uint_eq(quick.n_retired, 1);
	mock_advance(&mock, NS_PER_S);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(long_jobs[i].n_retired, 1);
	/* The last pieces of a job are not worth a cut. */
	ck_assert_uint_ge(scheduler_get_stats(mock.scheduler)->slices, 50);
	mock_deinit(&mock, queues, 2);
}
END_TEST

static const struct policy_ops *const gang_policies[] = {&policy_fair, &policy_gang,
							 &policy_deadline};

/* Single-core work without end does not keep a gang out. */
START_TEST(test_gang_starts_within_a_bound)
{
	struct mock_job flood[8], gang = mock_gang(99, 10 * MS, 7);

	start(gang_policies[_i]);
	mock.retired = submit_again;
	add_queue(0, 1, 1);
	add_queue(1, 2, 1);
	for (unsigned j = 0; j < 8; j++) {
		flood[j] = mock_job(j + 1, (2 + j) * MS);
		flood[j].base.signature = j + 1;
		mock_submit(&mock, &queues[0], &flood[j]);
	}
	mock_advance(&mock, 200 * MS);
	mock_submit(&mock, &queues[1], &gang);
	mock_advance(&mock, 150 * MS);
	ck_assert_uint_ge(queues[1].device_ns, 3 * 10 * MS);
	stop();
	mock_deinit(&mock, queues, 2);
}
END_TEST

/* What surely ends in time may use the cores that a gang waits for. */
START_TEST(test_backfill)
{
	struct mock_job runs = mock_job(1, 50 * MS), gang = mock_gang(2, 5 * MS, 7);
	struct mock_job shorts[6];

	start(&policy_gang);
	for (unsigned i = 0; i < N_QUEUES; i++)
		add_queue(i, i + 1, 1);
	/* 20 ms and 1 ms are learnt. */
	for (unsigned i = 0; i < 6; i++) {
		shorts[i] = mock_job(10 + i, MS);
		shorts[i].base.signature = 1;
		mock_submit(&mock, &queues[2], &shorts[i]);
		mock_advance(&mock, 2 * MS);
	}
	for (unsigned i = 0; i < 4; i++) {
		runs = mock_job(1, 50 * MS);
		runs.base.signature = 2;
		mock_submit(&mock, &queues[0], &runs);
		mock_advance(&mock, i < 3 ? 60 * MS : MS);
	}
	mock_submit(&mock, &queues[1], &gang);
	mock_advance(&mock, MS);
	ck_assert_int_eq(gang.base.state, JOB_READY);
	shorts[0] = mock_job(20, MS);
	shorts[0].base.signature = 1;
	mock_submit(&mock, &queues[2], &shorts[0]);
	mock_advance(&mock, 2 * MS);
	ck_assert_uint_eq(shorts[0].n_retired, 1);
	ck_assert_int_eq(gang.base.state, JOB_READY);
	mock_advance(&mock, 60 * MS);
	ck_assert_uint_eq(gang.n_retired, 1);
	mock_deinit(&mock, queues, N_QUEUES);
}
END_TEST

static void add_rt_queue(unsigned i)
{
	struct queue_params params = mock_queue_params();

	params.tenant_id = i + 1;
	params.kind = QUEUE_RT;
	mock_put_queue(&mock, &queues[i], i + 1, &params);
}

START_TEST(test_deadline_order_and_admission)
{
	struct mock_job jobs[12];
	int r = 0;

	start(&policy_deadline);
	add_rt_queue(0);
	add_rt_queue(1);
	for (unsigned i = 0; i < 4; i++) {
		jobs[i] = mock_job(i + 1, 10 * MS);
		jobs[i].base.signature = 3;
		jobs[i].base.deadline_ns = mock.now_ns + 100 * MS;
		mock_submit(&mock, &queues[0], &jobs[i]);
		mock_advance(&mock, 11 * MS);
	}
	/* Six in 22 ms are two rounds on three cores; the seventh would be late. */
	for (unsigned i = 4; i < 11 && !r; i++) {
		jobs[i] = mock_job(i + 1, 10 * MS);
		jobs[i].base.signature = 3;
		jobs[i].base.deadline_ns = mock.now_ns + 25 * MS;
		r = scheduler_submit(mock.scheduler, &queues[i % 2], &jobs[i].base);
		scheduler_run(mock.scheduler);
		ck_assert_int_eq(r, i < 10 ? 0 : -ETIME);
	}
	ck_assert_int_eq(jobs[10].base.state, JOB_NEW);
	mock_advance(&mock, 25 * MS);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_uint_eq(jobs[i].n_retired, 1);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_uint_le(jobs[i].base.done_ns, jobs[i].base.deadline_ns);
	mock_deinit(&mock, queues, 2);
}
END_TEST

/* A tenant whose jobs wait for their deadlines' turn has not slept: its share is kept. */
START_TEST(test_waiting_by_deadline_is_no_sleep)
{
	struct mock_job others[6], jobs[2];
	double virtual_ns;

	start(&policy_deadline);
	add_rt_queue(0);
	add_queue(1, 2, 1);
	add_queue(2, 1, 1);
	queues[2].params.kind = QUEUE_RT;
	for (unsigned i = 0; i < 6; i++) {
		others[i] = mock_job(10 + i, 50 * MS);
		mock_submit(&mock, &queues[1], &others[i]);
	}
	mock_turn(&mock);
	ck_assert_uint_eq(queues[1].n_running, 3);
	jobs[0] = mock_job(1, MS);
	jobs[0].base.deadline_ns = mock.now_ns + NS_PER_S;
	mock_submit(&mock, &queues[0], &jobs[0]);
	virtual_ns = queues[0].tenant->virtual_ns;
	mock_advance(&mock, 10 * MS);
	ck_assert_int_eq(jobs[0].base.state, JOB_READY);
	mock.scheduler->shares.virtual_ns = virtual_ns + 20 * MS;
	jobs[1] = mock_job(2, MS);
	jobs[1].base.deadline_ns = mock.now_ns + NS_PER_S;
	mock_submit(&mock, &queues[2], &jobs[1]);
	ck_assert(queues[0].tenant->virtual_ns == virtual_ns);
	mock_advance(&mock, NS_PER_S);
	mock_deinit(&mock, queues, 3);
}
END_TEST

/* Three jobs of 10 ms make their kind known. */
static void learn(struct mock_job *jobs)
{
	for (unsigned i = 0; i < 3; i++) {
		jobs[i] = mock_job(i + 1, 10 * MS);
		jobs[i].base.signature = 3;
		mock_submit(&mock, &queues[0], &jobs[i]);
		mock_advance(&mock, 11 * MS);
	}
}

static struct mock_job late_job(uint64_t id, uint64_t deadline_ms, enum late_rule rule)
{
	struct mock_job job = mock_job(id, 10 * MS);

	job.base.signature = 3;
	job.base.deadline_ns = mock.now_ns + deadline_ms * MS;
	job.base.late_rule = rule;
	job.base.core_mask = 1;
	return job;
}

START_TEST(test_refusal_says_by_how_much)
{
	struct mock_job known[3], job;

	start(&policy_deadline);
	add_rt_queue(0);
	learn(known);
	job = late_job(4, 6, LATE_UNSAID);
	ck_assert_int_eq(scheduler_submit(mock.scheduler, &queues[0], &job.base), -ETIME);
	/* 10 ms and a tenth for the margin, less the 6. */
	ck_assert_uint_ge(job.base.missed_ns, 5 * MS);
	ck_assert_uint_le(job.base.missed_ns, 6 * MS);
	job.base.deadline_ns += job.base.missed_ns;
	mock_submit(&mock, &queues[0], &job);
	mock_advance(&mock, 20 * MS);
	ck_assert_int_eq(job.base.outcome, NPU_OUTCOME_OK);
	mock_deinit(&mock, queues, 1);
}
END_TEST

/* What was promised and can no longer be kept: each by its own rule. */
START_TEST(test_late_jobs_follow_their_rule)
{
	struct mock_job known[3], hog, late[3];

	start(&policy_deadline);
	add_rt_queue(0);
	add_queue(1, 2, 1);
	learn(known);
	hog = mock_job(4, 40 * MS);
	hog.base.core_mask = 1;
	hog.base.n_deps = 1;
	mock_submit(&mock, &queues[0], &hog);
	for (unsigned i = 0; i < 3; i++) {
		late[i] = late_job(5 + i, 35 + i, (enum late_rule)(LATE_DROP + i));
		late[i].base.n_deps = 1; /* not looked at before it is ready */
		mock_submit(&mock, &queues[0], &late[i]);
	}
	scheduler_resolve(mock.scheduler, &hog.base);
	mock_advance(&mock, MS);
	for (unsigned i = 0; i < 3; i++)
		scheduler_resolve(mock.scheduler, &late[i].base);
	mock_advance(&mock, 100 * MS);
	ck_assert_int_eq(late[0].base.outcome, NPU_OUTCOME_LATE);
	ck_assert_uint_eq(late[0].base.started_ns, 0);
	ck_assert_int_eq(late[1].base.outcome, NPU_OUTCOME_OK);
	ck_assert_uint_eq(late[1].base.deadline_ns, 0);
	ck_assert_int_eq(late[2].base.outcome, NPU_OUTCOME_OK);
	ck_assert_uint_gt(late[2].base.done_ns, late[2].base.deadline_ns);
	ck_assert_uint_eq(scheduler_get_stats(mock.scheduler)->n_late, 1);
	mock_deinit(&mock, queues, 2);
}
END_TEST

/* Among the jobs of one queue, under every policy; a slice's rest is no exception. */
START_TEST(test_priority_within_a_queue)
{
	static const int priorities[] = {0, -1, 5, 0, 5};
	struct mock_job jobs[6];

	start(gang_policies[_i]);
	add_queue(0, 1, 1);
	jobs[5] = mock_job(9, 10 * MS);
	jobs[5].base.core_mask = 1;
	mock_submit(&mock, &queues[0], &jobs[5]);
	scheduler_run(mock.scheduler);
	for (unsigned i = 0; i < 5; i++) {
		jobs[i] = mock_job(i + 1, MS);
		jobs[i].base.core_mask = 1;
		jobs[i].base.priority = priorities[i];
		mock_submit(&mock, &queues[0], &jobs[i]);
	}
	mock_advance(&mock, 100 * MS);
	ck_assert_str_eq(mock.trace, "9@0 3@0 5@0 1@0 4@0 2@0 ");
	mock_deinit(&mock, queues, 1);
}
END_TEST

/* Equal inputs give equal schedules. */
START_TEST(test_schedules_repeat)
{
	char first[sizeof(mock.trace)] = "";

	for (unsigned round = 0; round < 2; round++) {
		struct mock_job jobs[30];

		start(gang_policies[_i]);
		for (unsigned i = 0; i < N_QUEUES; i++)
			add_queue(i, i + 1, 1 + i);
		for (unsigned i = 0; i < 30; i++) {
			jobs[i] = i % 7 == 3 ? mock_gang(i + 1, (1 + i % 5) * MS, 3)
					     : mock_job(i + 1, (1 + i % 9) * MS);
			jobs[i].base.signature = 1 + i % 4;
			mock_submit(&mock, &queues[i % N_QUEUES], &jobs[i]);
			mock_advance(&mock, MS / 2);
		}
		mock_advance(&mock, NS_PER_S);
		ck_assert_uint_eq(mock.n_retired, 30);
		if (round)
			ck_assert_str_eq(mock.trace, first);
		memcpy(first, mock.trace, sizeof(first));
		mock_deinit(&mock, queues, N_QUEUES);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sched_shares");
	TCase *cases = tcase_create("sched_shares");
	SRunner *runner;
	int n_failed;

	tcase_add_test(cases, test_fair_shares_by_tenant_and_weight);
	tcase_add_test(cases, test_sleeping_saves_nothing_up);
	tcase_add_test(cases, test_deadlines_borrow);
	tcase_add_test(cases, test_debt_outlives_the_queue);
	tcase_add_test(cases, test_long_jobs_are_sliced);
	tcase_add_loop_test(cases, test_gang_starts_within_a_bound, 0, 3);
	tcase_add_test(cases, test_backfill);
	tcase_add_test(cases, test_deadline_order_and_admission);
	tcase_add_test(cases, test_waiting_by_deadline_is_no_sleep);
	tcase_add_test(cases, test_refusal_says_by_how_much);
	tcase_add_test(cases, test_late_jobs_follow_their_rule);
	tcase_add_loop_test(cases, test_priority_within_a_queue, 0, 3);
	tcase_add_loop_test(cases, test_schedules_repeat, 0, 3);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
