/* SPDX-License-Identifier: MIT */
/* The policies by themselves, what their walks come to, and `pinned` under the scheduler. */
#include "sched_mock.h"
#include "scheduler/policy_round_robin.h"
#include "scheduler/scheduler_internal.h"

#include <stdlib.h>

#define MS NS_PER_MS

START_TEST(test_names)
{
	static const struct {
		const char *name;
		bool is_known, is_built;
	} cases[] = {
		{"round-robin", true, true}, {"pinned", true, true},	     {"fair", true, true},
		{"deadline", true, true},    {"gang", true, true},	     {"", false, false},
		{"Pinned", false, false},    {"round-robin ", false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct policy_ops *ops = policy_find(cases[i].name);

		ck_assert_int_eq(policy_name_is_known(cases[i].name), cases[i].is_known);
		ck_assert_int_eq(ops != NULL, cases[i].is_built);
		if (ops)
			ck_assert_str_eq(ops->name, cases[i].name);
	}
}
END_TEST

/* ---- the deficit ring ---- */

static struct deficit_ring ring;
static struct queue queues[4];

static void set_up_ring(void)
{
	struct scheduler_config config = scheduler_config_default();

	deficit_ring_init(&ring, &config);
	for (unsigned i = 0; i < 4; i++) {
		queue_init(&queues[i], i + 1);
		queues[i].params = mock_queue_params();
		deficit_ring_join(&ring, &queues[i]);
		deficit_ring_insert(&ring, &queues[i]);
	}
}

/* A job of the queue starts and ends, having used that much. */
static void use(struct queue *queue, uint64_t device_ns)
{
	struct sched_job job = {.batch_width = 1};

	deficit_ring_charge(&ring, queue, &job);
	deficit_ring_correct(&ring, queue, device_ns, &job);
}

/* The ids in order of preference, as decimal digits. */
static unsigned order(void)
{
	unsigned digits = 0;

	for (struct queue *queue = deficit_ring_next(&ring, NULL); queue;
	     queue = deficit_ring_next(&ring, queue))
		digits = digits * 10 + (unsigned)queue->id;
	return digits;
}

START_TEST(test_ring_order)
{
	ck_assert_uint_eq(order(), 1234);
	use(&queues[0], MS);
	ck_assert_uint_eq(order(), 2341);
	/* More than a quantum: behind all who have credit, in the order of the rounds it takes. */
	use(&queues[1], 35 * MS);
	ck_assert_uint_eq(order(), 3412);
	use(&queues[2], 15 * MS);
	ck_assert_uint_eq(order(), 4132);
	deficit_ring_remove(&queues[3]);
	use(&queues[0], 12 * MS);
	/* Nobody has credit: the first gets the next round, which is everyone's. */
	ck_assert_uint_eq(order(), 312);
	use(&queues[2], MS);
	ck_assert_uint_eq(order(), 132);
	deficit_ring_insert(&ring, &queues[3]);
	ck_assert_uint_eq(order(), 1342);
}
END_TEST

START_TEST(test_ring_balance)
{
	struct sched_job job = {.batch_width = 3, .batch_ns = 1000};

	use(&queues[0], 3 * MS);
	ck_assert_int_eq(deficit_ring_balance_ns(&ring, &queues[0]), 7 * (int64_t)MS);
	/* The minimum is charged at the start, for each core, and not given back. */
	deficit_ring_charge(&ring, &queues[0], &job);
	ck_assert_uint_eq(job.charged_ns, 450000);
	ck_assert_int_eq(deficit_ring_balance_ns(&ring, &queues[0]), 6550000);
	deficit_ring_correct(&ring, &queues[0], job.batch_ns, &job);
	ck_assert_int_eq(deficit_ring_balance_ns(&ring, &queues[0]), 6550000);
	/* Rounds that pass pay debts off, and never save up more than one quantum. */
	use(&queues[1], 55 * MS);
	ck_assert_int_eq(deficit_ring_balance_ns(&ring, &queues[1]), -45 * (int64_t)MS);
	ring.round += 3;
	ck_assert_int_eq(deficit_ring_balance_ns(&ring, &queues[1]), -15 * (int64_t)MS);
	ck_assert_int_eq(deficit_ring_balance_ns(&ring, &queues[0]), 10 * (int64_t)MS);
	ring.round += UINT32_MAX;
	ck_assert_int_eq(deficit_ring_balance_ns(&ring, &queues[1]), 10 * (int64_t)MS);
}
END_TEST

START_TEST(test_debt_is_paid_as_rounds_pass)
{
	struct sched_job job = {.batch_width = 1, .batch_ns = 100 * MS};

	/* Rounds while the job runs earn nothing beyond the quantum that was there already. */
	deficit_ring_charge(&ring, &queues[0], &job);
	ring.round += 3;
	deficit_ring_correct(&ring, &queues[0], job.batch_ns, &job);
	ck_assert_int_eq(deficit_ring_balance_ns(&ring, &queues[0]), -89850000);
	/* Alone, it gets all the rounds that it lacks at once. */
	for (unsigned i = 1; i < 4; i++)
		deficit_ring_remove(&queues[i]);
	deficit_ring_charge(&ring, &queues[0], &job);
	ck_assert_int_eq(deficit_ring_balance_ns(&ring, &queues[0]), 0);
	/* Credit shrinks with the weight. */
	queues[1].params.weight = 0.5;
	ck_assert_int_eq(deficit_ring_balance_ns(&ring, &queues[1]), 5 * (int64_t)MS);
}
END_TEST

START_TEST(test_ring_survives_absurd_numbers)
{
	static const double weights[] = {1e-300, 1e-9, 1, 1e9, 1e300};

	for (unsigned i = 0; i < 5; i++) {
		queues[0].params.weight = weights[i];
		for (unsigned n = 0; n < 20; n++)
			use(&queues[0], UINT64_MAX);
		use(&queues[1], 1);
		/* Nobody is lost from the ring, and who used the most is last. */
		ck_assert_uint_ge(order(), 1000);
		ck_assert_uint_eq(order() % 10, 1);
	}
}
END_TEST

/* ---- pinned ---- */

static struct mock mock;

static void set_up_pinned(void)
{
	struct scheduler_config config = scheduler_config_default();

	config.policy = &policy_pinned;
	mock_init_config(&mock, &config);
}

static void add_queue(struct queue *queue, uint64_t id, uint32_t own_cores)
{
	struct queue_params params = mock_queue_params();

	if (own_cores) {
		params.has_own_cores = true;
		params.core_mask = own_cores;
	}
	queue_init(queue, id);
	scheduler_add_queue(mock.scheduler, queue, &params);
}

START_TEST(test_binding)
{
	struct queue more[4];
	static const uint32_t expected[4] = {2, 4, 2, 1};

	/* Cores 0 and 1 belong to a class; the least used goes first, the lowest of those. */
	add_queue(&queues[0], 1, 1);
	add_queue(&queues[1], 2, 1);
	for (unsigned i = 0; i < 3; i++) {
		add_queue(&more[i], 10 + i, 0);
		ck_assert_uint_eq(more[i].pinned_mask, expected[i]);
	}
	scheduler_remove_queue(mock.scheduler, &queues[0]);
	scheduler_remove_queue(mock.scheduler, &queues[1]);
	add_queue(&more[3], 13, 0);
	ck_assert_uint_eq(more[3].pinned_mask, expected[3]);
	mock_deinit(&mock, more, 4);
}
END_TEST

START_TEST(test_partition)
{
	struct mock_job jobs[9];

	add_queue(&queues[0], 1, 3);
	add_queue(&queues[1], 2, 4);
	add_queue(&queues[2], 3, 4);
	for (unsigned i = 0; i < 9; i++) {
		jobs[i] = mock_job(10 * (i % 3 + 1) + i / 3, MS);
		mock_submit(&mock, &queues[i % 3], &jobs[i]);
	}
	mock_advance(&mock, 10 * MS);
	for (unsigned i = 0; i < 9; i++) {
		ck_assert_int_eq(jobs[i].base.outcome, NPU_OUTCOME_OK);
		ck_assert_uint_eq(jobs[i].base.used_mask & ~(i % 3 ? 4u : 3u), 0);
	}
	ck_assert_uint_eq(scheduler_core(mock.scheduler, 2)->busy_ns, 6 * MS);
	mock_deinit(&mock, queues, 3);
}
END_TEST

/* ---- steal ---- */

enum { LENDS = 1, KEEPS = 2 };

/* Core 2 is the first queue's. The second one has a job for core 0, taken, of a known length. */
static bool steals(int lender, uint64_t duration_ns, uint64_t idle_ns)
{
	struct mock_job busy = mock_job(1, 100 * MS), job = mock_job(2, duration_ns);
	struct queue_params params = mock_queue_params();
	bool has_stolen;

	params.has_own_cores = true;
	params.core_mask = 4;
	params.lends_cores = lender == LENDS;
	queue_init(&queues[0], 1);
	ck_assert_int_eq(scheduler_add_queue(mock.scheduler, &queues[0], &params), 0);
	params.core_mask = 1;
	params.lends_cores = false;
	queue_init(&queues[1], 2);
	ck_assert_int_eq(scheduler_add_queue(mock.scheduler, &queues[1], &params), 0);
	mock_submit(&mock, &queues[1], &busy);
	mock_turn(&mock);
	for (unsigned i = 0; i < 8; i++)
		predict_observe(mock.scheduler->predict, 77, 1, 1, duration_ns);
	job.base.signature = 77;
	mock_submit(&mock, &queues[1], &job);
	mock_advance(&mock, idle_ns);
	has_stolen = job.base.started_ns != 0;
	if (has_stolen)
		ck_assert_uint_eq(job.base.used_mask, 4);
	mock_advance(&mock, 300 * MS);
	mock_deinit(&mock, queues, 2);
	return has_stolen;
}

START_TEST(test_steal)
{
	static const struct {
		int lender;
		uint64_t duration_ns, idle_ns;
		bool is_stolen;
	} cases[] = {
		{LENDS, MS, 3 * MS, true},	 {LENDS, 8 * MS, 3 * MS, true},
		{LENDS, 9 * MS, 50 * MS, false}, /* longer than the quantum */
		{LENDS, MS, MS, false},		 /* not idle for long enough */
		{KEEPS, MS, 50 * MS, false},
	};

	ck_assert_int_eq(steals(cases[_i].lender, cases[_i].duration_ns, cases[_i].idle_ns),
			 cases[_i].is_stolen);
}
END_TEST

/* Nobody knows how long it takes, or it asks for a core by name, or is a gang. */
START_TEST(test_steal_only_known_single_jobs)
{
	struct mock_job busy = mock_job(1, 50 * MS), unknown = mock_job(2, MS);
	struct mock_job named = mock_job(3, MS);
	struct queue_params params = mock_queue_params();

	params.has_own_cores = params.lends_cores = true;
	params.core_mask = 4;
	queue_init(&queues[0], 1);
	ck_assert_int_eq(scheduler_add_queue(mock.scheduler, &queues[0], &params), 0);
	params.core_mask = 1;
	params.lends_cores = false;
	for (unsigned i = 1; i < 3; i++) {
		queue_init(&queues[i], i + 1);
		ck_assert_int_eq(scheduler_add_queue(mock.scheduler, &queues[i], &params), 0);
	}
	mock_submit(&mock, &queues[1], &busy);
	mock_turn(&mock);
	for (unsigned i = 0; i < 8; i++)
		predict_observe(mock.scheduler->predict, 77, 1, 1, MS);
	named.base.signature = 77;
	named.base.core_mask = 1;
	mock_submit(&mock, &queues[1], &unknown);
	mock_submit(&mock, &queues[2], &named);
	mock_advance(&mock, 40 * MS);
	ck_assert_uint_eq(unknown.base.started_ns | named.base.started_ns, 0);
	mock_advance(&mock, 100 * MS);
	mock_deinit(&mock, queues, 3);
}
END_TEST

/* A class's cores are its own before any of its sessions has come, and lent by then if it lends. */
START_TEST(test_steal_from_an_absent_class)
{
	struct scheduler_config config = scheduler_config_default();
	struct mock_job jobs[2] = {mock_job(1, 50 * MS), mock_job(2, MS)};

	config.policy = &policy_pinned;
	config.lent_cores = 6;
	config.kept_cores = _i ? 4 : 6;
	ck_assert_int_eq(scheduler_configure(mock.scheduler, &config), 0);
	add_queue(&queues[0], 1, 1);
	mock_submit(&mock, &queues[0], &jobs[0]);
	mock_turn(&mock);
	for (unsigned i = 0; i < 8; i++)
		predict_observe(mock.scheduler->predict, 77, 1, 1, MS);
	jobs[1].base.signature = 77;
	mock_submit(&mock, &queues[0], &jobs[1]);
	mock_advance(&mock, 10 * MS);
	ck_assert_uint_eq(jobs[1].base.used_mask, _i ? 2 : 0);
	mock_advance(&mock, 100 * MS);
	mock_deinit(&mock, queues, 1);
}
END_TEST

START_TEST(test_partition_is_fair_inside)
{
	static struct mock_job a[500], b[500], c[500];

	/* What core 2 does has no influence on the shares of core 0. */
	add_queue(&queues[0], 1, 1);
	add_queue(&queues[1], 2, 1);
	add_queue(&queues[2], 3, 4);
	for (unsigned i = 0; i < 500; i++) {
		a[i] = mock_job(1000 + i, 9 * MS);
		b[i] = mock_job(2000 + i, 2 * MS);
		c[i] = mock_job(3000 + i, MS);
		mock_submit(&mock, &queues[0], &a[i]);
		mock_submit(&mock, &queues[1], &b[i]);
		mock_submit(&mock, &queues[2], &c[i]);
	}
	mock_advance(&mock, 500 * MS);
	ck_assert_uint_ge(queues[0].device_ns, 230 * MS);
	ck_assert_uint_ge(queues[1].device_ns, 230 * MS);
	ck_assert_uint_ge(queues[2].device_ns, 499 * MS);
	mock_advance(&mock, 10000 * MS);
	mock_deinit(&mock, queues, 3);
}
END_TEST

/* Two sets that overlap on core 0; core 1 is kept busy. */
START_TEST(test_overlapping_partitions_take_turns)
{
	struct mock_job keeper = mock_job(9, 100 * MS), a[6], b[6];

	add_queue(&queues[0], 1, 1);
	add_queue(&queues[1], 2, 3);
	add_queue(&queues[2], 3, 2);
	mock_submit(&mock, &queues[2], &keeper);
	scheduler_run(mock.scheduler);
	for (unsigned i = 0; i < 6; i++) {
		a[i] = mock_job(10 + i, MS);
		b[i] = mock_job(20 + i, MS);
		mock_submit(&mock, &queues[0], &a[i]);
		mock_submit(&mock, &queues[1], &b[i]);
	}
	mock_advance(&mock, 4 * MS - 1);
	ck_assert_str_eq(mock.trace, "9@1 10@0 20@0 11@0 21@0 ");
	mock_advance(&mock, 200 * MS);
	mock_deinit(&mock, queues, 3);
}
END_TEST

/* A policy that comes in later knows which cores are gone. */
START_TEST(test_binding_after_a_loss)
{
	struct scheduler_config config = scheduler_config_default();

	ck_assert_int_eq(scheduler_configure(mock.scheduler, &config), 0);
	add_queue(&queues[0], 1, 0);
	mock.cores[0].n_resets_to_fail = CORE_RESETS_MAX;
	ck_assert_int_eq(scheduler_reset_core(mock.scheduler, 0), -EIO);
	config.policy = &policy_pinned;
	ck_assert_int_eq(scheduler_configure(mock.scheduler, &config), 0);
	ck_assert_uint_eq(queues[0].pinned_mask, 2);
	mock_deinit(&mock, queues, 1);
}
END_TEST

static const struct {
	const char *what;
	uint32_t own_cores, core_mask;
	enum core_mask_rule rule;
	int result;
	uint32_t used_mask;
} pinned_cases[] = {
	{"any", 0, 0, CORE_MASK_DEMAND, 0, 1},
	{"another core is refused", 0, 4, CORE_MASK_DEMAND, -EINVAL, 0},
	{"another core is wished for", 0, 4, CORE_MASK_WISH, 0, 1},
	{"another core is ignored", 0, 4, CORE_MASK_IGNORE, 0, 1},
	{"gang on one core", 0, 3, CORE_MASK_DEMAND, -EINVAL, 0},
	{"gang of the class's cores", 3, 3, CORE_MASK_DEMAND, 0, 3},
	{"gang partly elsewhere", 3, 6, CORE_MASK_IGNORE, -EINVAL, 0},
};

START_TEST(test_pinned_demand)
{
	uint32_t core_mask = pinned_cases[_i].core_mask;
	struct mock_job job = core_mask ? mock_gang(1, MS, core_mask) : mock_job(1, MS);
	struct queue_params params;

	add_queue(&queues[0], 1, pinned_cases[_i].own_cores);
	params = queues[0].params;
	params.core_mask_rule = pinned_cases[_i].rule;
	scheduler_update_queue(mock.scheduler, &queues[0], &params);
	ck_assert_msg(scheduler_submit(mock.scheduler, &queues[0], &job.base) ==
			      pinned_cases[_i].result,
		      "%s", pinned_cases[_i].what);
	mock_advance(&mock, MS);
	ck_assert_msg(job.base.used_mask == pinned_cases[_i].used_mask, "%s",
		      pinned_cases[_i].what);
	mock_deinit(&mock, queues, 1);
}
END_TEST

START_TEST(test_lost_core)
{
	struct mock_job bound = mock_job(1, MS), demand = mock_job(2, MS), own = mock_job(3, MS);

	add_queue(&queues[0], 1, 0);
	add_queue(&queues[1], 2, 1);
	ck_assert_uint_eq(queues[0].pinned_mask, 1);
	demand.base.core_mask = 1;
	mock_submit(&mock, &queues[0], &bound);
	mock_submit(&mock, &queues[0], &demand);
	mock_submit(&mock, &queues[1], &own);
	mock.cores[0].n_resets_to_fail = CORE_RESETS_MAX;
	ck_assert_int_eq(scheduler_reset_core(mock.scheduler, 0), -EIO);
	/* Whoever was put there by npud is put elsewhere; who is to be there is at an end. */
	ck_assert_uint_eq(queues[0].pinned_mask, 2);
	ck_assert_int_eq(demand.base.outcome, NPU_OUTCOME_DEVICE_LOST);
	ck_assert_int_eq(own.base.outcome, NPU_OUTCOME_DEVICE_LOST);
	mock_advance(&mock, MS);
	ck_assert_int_eq(bound.base.outcome, NPU_OUTCOME_OK);
	mock_deinit(&mock, queues, 2);
}
END_TEST

START_TEST(test_changed_cores_while_ready)
{
	struct mock_job jobs[2] = {mock_job(1, MS), mock_job(2, MS)};
	struct queue_params params;

	add_queue(&queues[0], 1, 1);
	add_queue(&queues[1], 2, 1);
	mock_submit(&mock, &queues[0], &jobs[0]);
	mock_submit(&mock, &queues[1], &jobs[1]);
	params = queues[1].params;
	params.core_mask = 6;
	scheduler_update_queue(mock.scheduler, &queues[1], &params);
	mock_advance(&mock, MS);
	ck_assert_uint_eq(jobs[0].base.used_mask, 1);
	ck_assert_uint_eq(jobs[1].base.used_mask, 4);
	mock_deinit(&mock, queues, 2);
}
END_TEST

/* ---- walks ---- */

static void set_up_policy(const struct policy_ops *policy)
{
	struct scheduler_config config = scheduler_config_default();

	config.policy = policy;
	mock_init_config(&mock, &config);
}

/* Of a tenant of its own. */
static void add_class_queue(unsigned index, enum queue_kind kind, unsigned priority)
{
	struct queue_params params = mock_queue_params();

	params.tenant_id = index + 1;
	params.kind = kind;
	params.priority = priority;
	queue_init(&queues[index], index + 1);
	ck_assert_int_eq(scheduler_add_queue(mock.scheduler, &queues[index], &params), 0);
}

/* The walk over those who have waited for too long comes to the higher priority first. */
START_TEST(test_gang_looks_at_all_who_have_aged)
{
	struct mock_job hog = mock_job(1, 1500 * MS), normal = mock_job(2, MS),
			rt = mock_job(3, MS);
	struct mock_job *const jobs[] = {&hog, &normal, &rt};

	set_up_policy(&policy_gang);
	add_class_queue(0, QUEUE_NORMAL, 1000);
	add_class_queue(1, QUEUE_NORMAL, 1000);
	add_class_queue(2, QUEUE_RT, 0);
	for (unsigned i = 0; i < 3; i++) {
		jobs[i]->base.core_mask = 1;
		mock_submit(&mock, &queues[i], jobs[i]);
		mock_advance(&mock, 100 * MS);
	}
	mock_advance(&mock, 2 * NS_PER_S);
	ck_assert_str_eq(mock.trace, "1@0 3@0 2@0 ");
	mock_deinit(&mock, queues, 3);
}
END_TEST

/* Also where some of them are passed over, for the sake of a gang that has waited long. */
START_TEST(test_deadline_keeps_to_the_priority_of_the_walk)
{
	struct mock_job hog = mock_job(1, NS_PER_S), gang = mock_gang(2, MS, 7), jobs[2];
	struct queue *queue = NULL;
	struct policy *policy;
	unsigned n_found = 0;

	set_up_policy(&policy_deadline);
	add_class_queue(0, QUEUE_NORMAL, 0);
	add_class_queue(1, QUEUE_NORMAL, 0);
	add_class_queue(2, QUEUE_RT, 5);
	add_class_queue(3, QUEUE_RT, 0);
	hog.base.core_mask = 1;
	mock_submit(&mock, &queues[0], &hog);
	mock_submit(&mock, &queues[1], &gang);
	mock_advance(&mock, 500 * MS);
	ck_assert_int_eq(gang.base.state, JOB_READY);
	/* The first can wait for the gang, the other one cannot. */
	for (unsigned i = 0; i < 2; i++) {
		jobs[i] = mock_job(3 + i, MS);
		jobs[i].base.core_mask = 1;
		jobs[i].base.late_rule = LATE_RUN;
		jobs[i].base.deadline_ns = mock.now_ns + (i ? MS : 100 * NS_PER_S);
		mock_submit(&mock, &queues[2 + i], &jobs[i]);
	}
	policy = mock.scheduler->policy;
	policy->ops->begin(policy, mock.now_ns, 5);
	while ((queue = policy->ops->next(policy, queue))) {
		n_found += queue == &queues[2];
		ck_assert_ptr_ne(queue, &queues[3]);
	}
	ck_assert_uint_eq(n_found, 1);
	mock_advance(&mock, 10 * NS_PER_S);
	mock_deinit(&mock, queues, 4);
}
END_TEST

static Suite *policy_suite(void)
{
	Suite *suite = suite_create("policy");
	TCase *names = tcase_create("names"), *rings = tcase_create("ring");
	TCase *pinned = tcase_create("pinned"), *walks = tcase_create("walks");

	tcase_add_test(names, test_names);
	tcase_add_checked_fixture(rings, set_up_ring, NULL);
	tcase_add_test(rings, test_ring_order);
	tcase_add_test(rings, test_ring_balance);
	tcase_add_test(rings, test_debt_is_paid_as_rounds_pass);
	tcase_add_test(rings, test_ring_survives_absurd_numbers);
	tcase_add_checked_fixture(pinned, set_up_pinned, NULL);
	tcase_add_test(pinned, test_binding);
	tcase_add_test(pinned, test_partition);
	tcase_add_test(pinned, test_partition_is_fair_inside);
	tcase_add_loop_test(pinned, test_steal, 0, 5);
	tcase_add_test(pinned, test_steal_only_known_single_jobs);
	tcase_add_loop_test(pinned, test_steal_from_an_absent_class, 0, 2);
	tcase_add_loop_test(pinned, test_pinned_demand, 0,
			    sizeof(pinned_cases) / sizeof(pinned_cases[0]));
	tcase_add_test(pinned, test_overlapping_partitions_take_turns);
	tcase_add_test(pinned, test_binding_after_a_loss);
	tcase_add_test(pinned, test_lost_core);
	tcase_add_test(pinned, test_changed_cores_while_ready);
	suite_add_tcase(suite, names);
	suite_add_tcase(suite, rings);
	suite_add_tcase(suite, pinned);
	tcase_add_test(walks, test_gang_looks_at_all_who_have_aged);
	tcase_add_test(walks, test_deadline_keeps_to_the_priority_of_the_walk);
	suite_add_tcase(suite, walks);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(policy_suite());
	int n_failed;

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
