/* SPDX-License-Identifier: MIT */
/*
 * Random sessions, classes, jobs, faults and reloads from fixed seeds, under every policy. After
 * every turn: no core runs two jobs, what is on the books is what runs, no core is idle for want of
 * a look. In the end: every job was retired once, so no two gangs wait for each other; and equal
 * seeds give equal schedules.
 */
#include "sched_mock.h"

#include <stdlib.h>

#define MS	 NS_PER_MS
#define N_QUEUES 5
#define N_JOBS	 300
#define N_SEEDS	 120

/* As ck_assert(), which writes to a pipe each time. */
#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg("%s", #condition);                                            \
	} while (0)

static struct mock mock;
static struct queue queues[N_QUEUES];
static struct mock_job jobs[N_JOBS];
static unsigned n_jobs;		       /* accepted */
static uint64_t random_state, history; /* history: hash of all that was observed */
/* Whether durations are learnt, which holds some jobs back; whether all cores share a domain. */
static bool has_signatures, has_one_domain;

static unsigned pick(unsigned n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (unsigned)((random_state * 0x2545f4914f6cdd1dull) >> 33) % n;
}

static void observe(uint64_t value)
{
	history = (history ^ value) * 0x100000001b3ull;
}

static void observe_retired(struct mock *self, struct mock_job *job)
{
	observe(job->base.id);
	observe(job->base.outcome);
	observe(job->base.used_mask);
	observe(job->base.started_ns);
	observe(job->base.done_ns);
	observe(job->base.device_ns);
}

/* ---- what must hold after every turn ---- */

static void check_books(void)
{
	uint32_t taken = 0;
	unsigned n_ready = 0, n_blocked = 0;

	for (unsigned i = 0; i < n_jobs; i++) {
		const struct sched_job *job = &jobs[i].base;

		n_ready += job->state == JOB_READY;
		n_blocked += job->state == JOB_BLOCKED;
		REQUIRE(jobs[i].n_retired == (job->state == JOB_DONE));
		if (job->state != JOB_RUNNING) {
			REQUIRE(job->running_mask == 0);
			continue;
		}
		REQUIRE(!(taken & job->running_mask));
		REQUIRE((unsigned)__builtin_popcount(job->running_mask) == job->n_cores);
		if (job->n_cores > 1)
			REQUIRE(job->running_mask == job->core_mask);
		if (has_one_domain)
			REQUIRE(job->queue->params.domain ==
				scheduler_core(mock.scheduler, 0)->domain);
		taken |= job->running_mask;
	}
	for (unsigned i = 0; i < 3; i++) {
		const struct core *core = scheduler_core(mock.scheduler, i);

		REQUIRE((core->state == CORE_BUSY) == (taken >> i & 1));
		REQUIRE((core->job != NULL) == (taken >> i & 1));
		if (mock.cores[i].job)
			REQUIRE(&mock.cores[i].job->base == core->job);
	}
	REQUIRE(scheduler_n_ready(mock.scheduler) == n_ready);
	REQUIRE(scheduler_n_blocked(mock.scheduler) == n_blocked);
}

static bool has_room(const struct queue *queue, const struct sched_job *job)
{
	unsigned n_running = (unsigned)__builtin_popcount(queue->running_mask);

	return !n_running || n_running + job->n_cores <= queue->params.max_cores;
}

static bool could_start(const struct queue *queue, const struct sched_job *job, uint32_t cores)
{
	uint32_t usable = job->allowed_mask & cores;

	return has_room(queue, job) && usable && (job->n_cores == 1 || usable == job->allowed_mask);
}

/* Whether any ready job, if nothing but its queue held it back, could start on these cores. */
static bool anyone_could_start(uint32_t cores)
{
	for (unsigned i = 0; i < N_QUEUES; i++) {
		const struct queue *queue = &queues[i];
		bool is_head = true;
		const struct sched_job *job;

		list_for_each (job, &queue->ready, link) {
			if ((is_head || queue->n_overtakes < QUEUE_OVERTAKES_MAX) &&
			    could_start(queue, job, cores))
				return true;
			is_head = false;
		}
	}
	return false;
}

static bool one_is_to_run_alone(void)
{
	for (unsigned i = 0; i < n_jobs; i++) {
		if (jobs[i].base.needs_alone)
			return true;
	}
	return false;
}

/*
 * Nobody could start on what is idle, or else some waiting gang has reserved what they need, or
 * somebody runs alone.
 */
static void check_work_conservation(void)
{
	uint32_t idle = 0;

	for (unsigned i = 0; i < 3; i++) {
		if (scheduler_core(mock.scheduler, i)->state == CORE_IDLE)
			idle |= 1u << i;
	}
	if (!anyone_could_start(idle) || one_is_to_run_alone())
		return;
	for (unsigned i = 0; i < N_QUEUES; i++) {
		const struct sched_job *head;

		if (list_is_empty(&queues[i].ready))
			continue;
		head = list_first(&queues[i].ready, struct sched_job, link);
		if (head->n_cores > 1 && !could_start(&queues[i], head, idle) &&
		    !anyone_could_start(idle & ~head->allowed_mask))
			return;
	}
	ck_abort_msg("cores %x are idle though a job could start", idle);
}

static void turn(void)
{
	mock_turn(&mock);
	check_books();
	if (!has_signatures && !has_one_domain)
		check_work_conservation();
}

static void advance(uint64_t duration_ns)
{
	uint64_t until_ns = mock.now_ns + duration_ns;

	turn();
	while (mock_next_ns(&mock) <= until_ns) {
		if (mock_next_ns(&mock) > mock.now_ns)
			mock.now_ns = mock_next_ns(&mock);
		turn();
	}
	mock.now_ns = until_ns;
}

/* ---- what may happen ---- */

static const struct policy_ops *random_policy(void)
{
	static const struct policy_ops *const policies[] = {
		&policy_round_robin, &policy_pinned, &policy_gang, &policy_fair, &policy_deadline};

	return policies[pick(5)];
}

static struct queue_params random_params(void)
{
	static const double weights[] = {0.25, 1, 1, 2};
	struct queue_params params = mock_queue_params();

	params.weight = weights[pick(4)];
	params.core_mask = pick(3) ? 7 : 1 + pick(7);
	params.has_own_cores = pick(2);
	params.max_cores = 1 + pick(3);
	params.core_mask_rule = (enum core_mask_rule)pick(3);
	params.tenant_id = pick(3);
	params.domain = 1 + pick(3);
	params.priority = pick(2) ? 0 : pick(4);
	params.order = pick(2) ? NULL : random_policy();
	params.kind = (enum queue_kind)pick(3);
	params.late_rule = (enum late_rule)pick(3);
	params.deadline_ns = pick(2) ? 0 : (5 + pick(40)) * MS;
	params.period_ns = pick(3) ? 0 : (5 + pick(40)) * MS;
	params.lends_cores = pick(2);
	return params;
}

static void submit(void)
{
	static const uint32_t gangs[] = {3, 5, 6, 7};
	struct mock_job *job;
	int r;

	if (n_jobs == N_JOBS)
		return;
	job = &jobs[n_jobs];
	*job = pick(4) ? mock_job(n_jobs, pick(20) * MS / 2)
		       : mock_gang(n_jobs, pick(20) * MS / 2, gangs[pick(4)]);
	if (job->base.n_cores == 1 && !pick(3))
		job->base.core_mask = 1u << pick(3);
	for (unsigned i = 0; i < NPU_JOB_RANGES; i++) {
		job->share_ns[i] += pick(3) * MS / 3;
		job->base.n_tasks[i] = 1 + pick(50);
	}
	if (has_signatures)
		job->base.signature = 1 + job->share_ns[0] / MS;
	job->base.n_deps = pick(4) ? 0 : 1 + pick(2);
	if (!pick(25)) {
		job->hangs_after = pick(3);
		job->base.timeout_ns = (5 + pick(50)) * MS;
	}
	job->base.is_unrepeatable = !pick(4);
	r = scheduler_submit(mock.scheduler, &queues[pick(N_QUEUES)], &job->base);
	ck_assert(r == 0 || r == -EINVAL || (r == -ETIME && has_signatures));
	observe((uint64_t)r);
	if (r)
		return;
	n_jobs++;
}

static void trouble_a_job(void)
{
	struct mock_job *job;

	if (!n_jobs)
		return;
	job = &jobs[pick(n_jobs)];
	switch (pick(4)) {
	case 0:
		if (!pick(4))
			scheduler_cancel(mock.scheduler, &job->base, NPU_OUTCOME_CANCELLED);
		break;
	case 1:
		if (!pick(8))
			scheduler_abort(mock.scheduler, &job->base, NPU_OUTCOME_CANCELLED);
		break;
	default:
		if (job->base.state == JOB_BLOCKED)
			scheduler_resolve(mock.scheduler, &job->base);
	}
}

static void trouble_a_core(void)
{
	unsigned core = pick(3);

	/* Core 0 always comes back, so that something goes on. */
	if (core && !pick(20))
		mock.cores[core].n_resets_to_fail = 1 + pick(CORE_RESETS_MAX + 1);
	mock.cores_back = pick(10) ? 7 : 1 | pick(8);
	if (pick(2))
		scheduler_reset_core(mock.scheduler, core);
	else if (mock.cores[core].job)
		scheduler_core_failed(mock.scheduler, core, NPU_OUTCOME_PAGE_FAULT, MS);
	else
		mock.cores[core].n_runs_to_fail = 1;
}

static void change_rules(void)
{
	struct scheduler_config config = scheduler_config_default();
	struct queue_params params = random_params();
	struct queue *queue = &queues[pick(N_QUEUES)];

	if (pick(2)) {
		/* What runs stays in its address space, so here they do not move. */
		params.domain = queue->params.domain;
		scheduler_update_queue(mock.scheduler, queue, &params);
		return;
	}
	config.policy = random_policy();
	config.predict.window = 1 + pick(40);
	config.rr_quantum_ns = (1 + pick(20)) * MS;
	ck_assert_int_eq(scheduler_configure(mock.scheduler, &config), 0);
}

static void happen(void)
{
	unsigned what = pick(100);

	if (what < 55)
		submit();
	else if (what < 75)
		trouble_a_job();
	else if (what < 95)
		advance(pick(4000) * NS_PER_US);
	else if (what < 97)
		trouble_a_core();
	else if (what < 99)
		change_rules();
}

/* ---- runs ---- */

/* Lets everything that is left run out. */
static void drain(void)
{
	for (unsigned i = 0; i < n_jobs; i++) {
		while (jobs[i].base.state == JOB_BLOCKED)
			scheduler_resolve(mock.scheduler, &jobs[i].base);
	}
	/* Longer than all jobs one after the other, hangs included. */
	advance(N_JOBS * 60 * MS);
	for (unsigned i = 0; i < n_jobs; i++)
		ck_assert_msg(jobs[i].n_retired == 1, "job %u: %s", i,
			      job_state_name(jobs[i].base.state));
	ck_assert_uint_eq(mock.n_retired, n_jobs);
}

static uint64_t run(uint64_t seed)
{
	struct scheduler_config config = scheduler_config_default();
	struct queue_params params;
	unsigned kind;

	random_state = seed * 0x9e3779b97f4a7c15ull + 1;
	history = 0xcbf29ce484222325ull;
	n_jobs = 0;
	has_signatures = pick(2);
	has_one_domain = !pick(4);
	config.policy = random_policy();
	/* Cores that are reset one by one, with and without the device behind; the device alone. */
	kind = pick(3);
	if (kind && !has_one_domain)
		mock_init_kind(&mock, &config, &mock_device_ops, kind < 2);
	else
		mock_init_domains(&mock, &config, has_one_domain, 0, pick(2) * MS / 5);
	mock.retired = observe_retired;
	for (unsigned i = 0; i < N_QUEUES; i++) {
		params = random_params();
		mock_put_queue(&mock, &queues[i], i + 1, &params);
	}
	for (unsigned i = 0; i < 3 * N_JOBS; i++) {
		happen();
		turn();
	}
	drain();
	mock_deinit(&mock, queues, N_QUEUES);
	return history;
}

START_TEST(test_random)
{
	uint64_t seed = 1 + (uint64_t)_i;
	uint64_t first = run(seed);

	ck_assert_uint_eq(run(seed), first);
	ck_assert_uint_ne(run(seed + 1000), first);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sched_random");
	TCase *tcase = tcase_create("random");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_random, 0, N_SEEDS);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
