/* SPDX-License-Identifier: MIT */
/* No decision asks for memory: jobs of ever new kinds come, run, hang and are cancelled. */
#include "fail_memory.h"
#include "sched_mock.h"

#define MS	 NS_PER_MS
#define N_QUEUES 12
#define N_JOBS	 96
#define N_TURNS	 4000

static struct mock mock;
static struct queue queues[N_QUEUES];
static struct mock_job jobs[N_JOBS];
static uint64_t random_state;

static unsigned pick(unsigned n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(random_state >> 33) % n;
}

/* What the mock's own assertions ask for does not count. */
static int run(void *context, struct sched_job *job, unsigned share, unsigned core)
{
	unsigned n_before = n_memory_requests;
	int r = mock_ops.run(context, job, share, core);

	n_memory_requests = n_before;
	return r;
}

static void retire(void *context, struct sched_job *job)
{
	unsigned n_before = n_memory_requests;

	mock_ops.retire(context, job);
	n_memory_requests = n_before;
}

static void start(const struct policy_ops *policy)
{
	struct scheduler_config config = scheduler_config_default();
	static struct sched_backend_ops ops;

	ops = mock_ops;
	ops.run = run;
	ops.retire = retire;
	config.policy = policy;
	mock_init_ops(&mock, &config, &ops);
}

static void add_queues(void)
{
	for (unsigned i = 0; i < N_QUEUES; i++) {
		struct queue_params params = mock_queue_params();

		params.tenant_id = 1 + i / 3;
		params.domain = 1 + i;
		params.kind = i % 3;
		params.has_own_cores = true;
		mock_put_queue(&mock, &queues[i], i + 1, &params);
	}
}

static void submit_one(struct mock_job *job)
{
	*job = pick(5) ? mock_job(1 + pick(1000), (1 + pick(30)) * MS)
		       : mock_gang(1 + pick(1000), (1 + pick(30)) * MS, pick(2) ? 3 : 7);
	job->base.signature = 1 + pick(500);
	if (pick(2))
		job->base.deadline_ns = mock.now_ns + (5 + pick(200)) * MS;
	if (!pick(50))
		job->hangs_after = 0;
	/* A refusal is a decision too. */
	if (scheduler_submit(mock.scheduler, &queues[pick(N_QUEUES)], &job->base) < 0)
		job->base.state = JOB_DONE;
}

static void one_turn(void)
{
	struct mock_job *job = &jobs[pick(N_JOBS)];

	if (job->base.state == JOB_DONE || !job->base.id)
		submit_one(job);
	else if (!pick(20))
		scheduler_abort(mock.scheduler, &job->base, NPU_OUTCOME_CANCELLED);
	mock_advance(&mock, pick(4) * MS);
	mock.trace[0] = '\0';
}

START_TEST(test_decisions_need_no_memory)
{
	static const struct policy_ops *const policies[] = {
		&policy_round_robin, &policy_pinned, &policy_fair, &policy_gang, &policy_deadline};
	unsigned n_requests;

	random_state = 1 + (uint64_t)_i;
	start(policies[_i]);
	add_queues();
	memset(jobs, 0, sizeof(jobs));
	n_requests = n_memory_requests;
	for (unsigned i = 0; i < N_TURNS; i++)
		one_turn();
	n_requests = n_memory_requests - n_requests;
	ck_assert_uint_eq(n_requests, 0);
	ck_assert_uint_gt(mock.n_retired, N_TURNS / 16);
	for (unsigned i = 0; i < N_JOBS; i++)
		scheduler_abort(mock.scheduler, &jobs[i].base, NPU_OUTCOME_CANCELLED);
	mock_deinit(&mock, queues, N_QUEUES);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sched_memory");
	TCase *cases = tcase_create("sched_memory");
	SRunner *runner;
	int n_failed;

	tcase_add_loop_test(cases, test_decisions_need_no_memory, 0, 5);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
