/* SPDX-License-Identifier: MIT */
/* What classes have of their own: priority, a policy inside, what becomes of late jobs. */
#include "sched_queues.h"
#include "scheduler/gang.h"
#include "scheduler/scheduler_internal.h"

/* One core for all, so that the order of starts is the order of preference. */
static void add_queue(unsigned index, struct queue_params params)
{
	params.core_mask = 1;
	put_queue(index, &params);
}

/* The queues of the trace's starts, as digits. */
static const char *starts(void)
{
	static char digits[N_JOBS + 1];
	unsigned n = 0;

	for (const char *c = mock.trace; *c; c = strchr(c, ' ') + 1)
		digits[n++] = *c;
	digits[n] = '\0';
	return digits;
}

/* ---- priority ---- */

START_TEST(test_priority_goes_first)
{
	struct queue_params params = mock_queue_params();

	set_up(mock_policy(_i));
	for (unsigned i = 0; i < 3; i++) {
		params.priority = i == 1 ? 5 : 0;
		params.tenant_id = i;
		add_queue(i, params);
	}
	for (unsigned i = 0; i < 3; i++) {
		submit(0, MS);
		submit(2, MS);
		submit(1, MS);
	}
	mock_advance(&mock, 20 * MS);
	ck_assert_msg(!strncmp(starts(), "222", 3), "%s: %s", mock_policy(_i)->name, starts());
	tear_down(3);
}
END_TEST

/* A low one that has waited for ageing_ms has one turn, then waits as long again. */
START_TEST(test_ageing)
{
	struct queue_params params = mock_queue_params();
	struct mock_job *low;

	set_up(mock_policy(_i));
	params.tenant_id = 1;
	add_queue(0, params);
	params.tenant_id = 2;
	params.priority = 1000;
	add_queue(1, params);
	low = submit(0, 10 * MS);
	submit(0, 10 * MS);
	for (unsigned i = 0; i < 30; i++)
		submit(1, 100 * MS);
	mock_advance(&mock, 999 * MS);
	ck_assert_uint_eq(low->base.started_ns, 0);
	mock_advance(&mock, 200 * MS);
	ck_assert_uint_eq(low->n_retired, 1);
	ck_assert_uint_eq(jobs[1].base.started_ns, 0);
	mock_advance(&mock, 800 * MS);
	ck_assert_uint_eq(jobs[1].base.started_ns, 0);
	mock_advance(&mock, 200 * MS);
	ck_assert_uint_eq(jobs[1].n_retired, 1);
	tear_down(2);
}
END_TEST

/* Many sessions of one user age as one. */
START_TEST(test_ageing_is_by_tenant)
{
	struct queue_params params = mock_queue_params();
	unsigned n_low = 0;

	set_up(&policy_fair);
	params.tenant_id = 1;
	for (unsigned i = 0; i < 3; i++) {
		add_queue(i, params);
		submit(i, 10 * MS);
	}
	params.tenant_id = 2;
	params.priority = 1;
	add_queue(3, params);
	for (unsigned i = 0; i < 20; i++)
		submit(3, 100 * MS);
	mock_advance(&mock, 1200 * MS);
	for (unsigned i = 0; i < 3; i++)
		n_low += jobs[i].n_retired;
	ck_assert_uint_eq(n_low, 1);
	tear_down(4);
}
END_TEST

START_TEST(test_priority_changes_while_jobs_wait)
{
	struct queue_params params = mock_queue_params();

	set_up(&policy_fair);
	params.tenant_id = 1;
	add_queue(0, params);
	params.tenant_id = 2;
	add_queue(1, params);
	submit(0, MS);
	mock_turn(&mock);
	submit(0, MS);
	submit(1, MS);
	submit(0, MS);
	params.tenant_id = 1;
	params.core_mask = 1;
	params.priority = 9;
	ck_assert_int_eq(scheduler_update_queue(mock.scheduler, &queues[0], &params), 0);
	ck_assert_uint_eq(mock.scheduler->priorities.n_queues, 1);
	mock_advance(&mock, 10 * MS);
	ck_assert_str_eq(starts(), "1112");
	params.priority = 0;
	ck_assert_int_eq(scheduler_update_queue(mock.scheduler, &queues[0], &params), 0);
	ck_assert_uint_eq(mock.scheduler->priorities.n_queues, 0);
	tear_down(2);
}
END_TEST

/* ---- a policy inside a class ---- */

/* The class of the first two queues has its own policy; the third queue is another class's. */
static void set_up_class(const struct policy_ops *policy, const struct policy_ops *order)
{
	struct queue_params params = mock_queue_params();

	set_up(policy);
	for (unsigned i = 0; i < 3; i++) {
		params.tenant_id = i < 2 ? 1 : 2;
		params.order = i < 2 ? order : NULL;
		add_queue(i, params);
	}
}

/* Many short ones against a long one: by slowdown the short ones, by use each has half the time. */
START_TEST(test_class_gang_levels_slowdown)
{
	set_up_class(&policy_fair, &policy_gang);
	for (unsigned i = 0; i < 8; i++) {
		jobs[n_jobs] = mock_job(100 + n_jobs, i < 4 ? 10 * MS : MS);
		jobs[n_jobs].base.signature = i < 4 ? 77 : 78;
		mock_submit(&mock, &queues[i < 4 ? 0 : 1], &jobs[n_jobs]);
		n_jobs++;
		mock_advance(&mock, 100 * MS);
	}
	mock.trace[0] = '\0';
	submit(2, 20 * MS);
	mock_turn(&mock);
	for (unsigned i = 0; i < 4; i++) {
		submit(i < 2 ? 0 : 1, i < 2 ? 10 * MS : MS)->base.signature = i < 2 ? 77 : 78;
	}
	mock_advance(&mock, 60 * MS);
	ck_assert_str_eq(starts(), "32211");
	tear_down(3);
}
END_TEST

START_TEST(test_class_deadline_orders)
{
	struct mock_job *late, *soon;

	set_up_class(&policy_fair, &policy_deadline);
	submit(2, 5 * MS);
	mock_turn(&mock);
	late = submit(0, MS);
	soon = submit(1, MS);
	late->base.deadline_ns = mock.now_ns + 90 * MS;
	soon->base.deadline_ns = mock.now_ns + 50 * MS;
	mock_advance(&mock, 20 * MS);
	ck_assert_str_eq(starts(), "321");
	tear_down(3);
}
END_TEST

/* A session keeps its turn for rr_quantum, 10 ms. */
START_TEST(test_class_round_robin_takes_turns)
{
	set_up_class(mock_policy(_i), &policy_round_robin);
	for (unsigned i = 0; i < 6; i++) {
		submit(0, 5 * MS);
		submit(1, 5 * MS);
	}
	mock_advance(&mock, 100 * MS);
	ck_assert_msg(!strcmp(starts(), "112211221122"), "%s: %s", mock_policy(_i)->name, starts());
	tear_down(3);
}
END_TEST

/* Inside a class of a policy that knows no use, `fair` goes by core-time. */
START_TEST(test_class_fair_goes_by_use)
{
	set_up_class(mock_policy(_i), &policy_fair);
	for (unsigned i = 0; i < 4; i++) {
		submit(0, 30 * MS);
		submit(1, 10 * MS);
		submit(1, 10 * MS);
	}
	mock_advance(&mock, 65 * MS);
	/* After one long one three short ones make up for it. */
	ck_assert_msg(!strncmp(starts(), "12221", 5), "%s: %s", mock_policy(_i)->name, starts());
	tear_down(3);
}
END_TEST

/* What hung costs twice the time that it kept from others, by every account. */
START_TEST(test_hung_time_counts_twice)
{
	struct mock_job *hung;

	set_up_class(mock_policy(_i), NULL);
	hung = submit(0, MS);
	hung->hangs_after = 0;
	hung->base.timeout_ns = 100 * MS;
	submit(1, 100 * MS)->base.timeout_ns = 300 * MS;
	mock_advance(&mock, NS_PER_S);
	ck_assert_int_eq(hung->base.outcome, NPU_OUTCOME_HANG);
	ck_assert_double_ge(queues[0].order.virtual_ns, 200e6);
	ck_assert_double_le(queues[0].order.virtual_ns, 310e6);
	ck_assert_double_le(queues[1].order.virtual_ns, 101e6);
	tear_down(3);
}
END_TEST

/* A session that hung has had its turns. */
START_TEST(test_hung_time_costs_turns)
{
	struct mock_job *hung;

	set_up(mock_policy(_i));
	for (unsigned i = 0; i < 2; i++)
		add_queue(i, mock_queue_params());
	hung = submit(0, MS);
	hung->hangs_after = 0;
	hung->base.timeout_ns = 50 * MS;
	for (unsigned i = 0; i < 20; i++) {
		submit(0, 10 * MS);
		submit(1, 10 * MS);
	}
	mock_advance(&mock, 160 * MS);
	/* Some 50 ms of hanging, charged as 100: the other gets as much before it is its turn. */
	ck_assert_msg(!strncmp(starts(), "1222222222", 10), "%s: %s", mock_policy(_i)->name,
		      starts());
	tear_down(2);
}
END_TEST

/* The class as a whole gets what its weight gives it, however many sessions it has. */
START_TEST(test_class_shares_as_one)
{
	uint64_t class_ns, other_ns;

	set_up_class(&policy_fair, &policy_round_robin);
	for (unsigned i = 0; i < 20; i++) {
		submit(0, 2 * MS);
		submit(1, 2 * MS);
		submit(2, 2 * MS);
	}
	mock_advance(&mock, 60 * MS);
	class_ns = queues[0].device_ns + queues[1].device_ns;
	other_ns = queues[2].device_ns;
	ck_assert_uint_ge(class_ns, 28 * MS);
	ck_assert_uint_ge(other_ns, 28 * MS);
	tear_down(3);
}
END_TEST

/* ---- late ---- */

static struct queue_params rt_params(enum late_rule rule)
{
	struct queue_params params = mock_queue_params();

	params.kind = QUEUE_RT;
	params.late_rule = rule;
	params.deadline_ns = 20 * MS;
	return params;
}

/* What a kind of job takes is known. */
static void teach(uint64_t signature, uint64_t duration_ns)
{
	for (unsigned i = 0; i < 8; i++)
		predict_observe(mock.scheduler->predict, signature, 1, 1, duration_ns);
}

static int try_submit(unsigned index, uint64_t duration_ns, uint64_t signature)
{
	struct mock_job *job = &jobs[n_jobs];
	int r;

	*job = mock_job(100 * (index + 1) + n_jobs, duration_ns);
	job->base.signature = signature;
	r = scheduler_submit(mock.scheduler, &queues[index], &job->base);
	n_jobs += r == 0;
	return r;
}

START_TEST(test_late_at_submit)
{
	static const enum late_rule rules[] = {LATE_DROP, LATE_DEMOTE, LATE_RUN};

	set_up(&policy_deadline);
	teach(5, 30 * MS);
	add_queue(0, rt_params(rules[_i]));
	ck_assert_int_eq(try_submit(0, 30 * MS, 5), rules[_i] == LATE_DROP ? -ETIME : 0);
	mock_advance(&mock, 100 * MS);
	ck_assert_uint_eq(mock.scheduler->stats.n_late, rules[_i] == LATE_DROP);
	ck_assert_uint_eq(mock.scheduler->stats.n_demoted, rules[_i] == LATE_DEMOTE);
	if (rules[_i] != LATE_DROP)
		ck_assert_int_eq(jobs[0].base.outcome, NPU_OUTCOME_OK);
	tear_down(1);
}
END_TEST

/*
 * Something in the way makes it late. What is dropped does not run; what is demoted runs behind
 * another user's job that has no deadline and has used nothing; what runs goes before that.
 */
START_TEST(test_late_while_it_waits)
{
	static const struct {
		enum late_rule rule;
		enum npu_outcome outcome;
		const char *starts;
	} cases[] = {
		{LATE_DROP, NPU_OUTCOME_LATE, "12"},
		{LATE_DEMOTE, NPU_OUTCOME_OK, "123"},
		{LATE_RUN, NPU_OUTCOME_OK, "132"},
	};
	struct queue_params params = mock_queue_params();

	set_up(&policy_deadline);
	teach(5, 10 * MS);
	params.tenant_id = 1;
	add_queue(0, params);
	params.tenant_id = 2;
	add_queue(1, params);
	params = rt_params(cases[_i].rule);
	params.tenant_id = 1;
	add_queue(2, params);
	ck_assert_int_eq(try_submit(0, 40 * MS, 0), 0);
	mock_turn(&mock);
	ck_assert_int_eq(try_submit(2, 10 * MS, 5), 0);
	ck_assert_int_eq(try_submit(1, MS, 0), 0);
	mock_advance(&mock, 200 * MS);
	ck_assert_int_eq(jobs[1].base.outcome, cases[_i].outcome);
	ck_assert_str_eq(starts(), cases[_i].starts);
	tear_down(3);
}
END_TEST

/* ---- contracts ---- */

static struct queue_params contract(uint64_t run_ns, uint64_t period_ns)
{
	struct queue_params params = rt_params(LATE_DROP);

	params.run_ns = run_ns;
	params.period_ns = period_ns;
	params.deadline_ns = period_ns;
	return params;
}

/* All but one. */
static void lose_cores(void)
{
	for (unsigned i = 1; i < 3; i++) {
		mock.cores[i].n_resets_to_fail = CORE_RESETS_MAX;
		ck_assert_int_eq(scheduler_reset_core(mock.scheduler, i), -EIO);
	}
}

/* 0.8 of three cores are 2.4: two of one core each and one of 0.4 fit. */
START_TEST(test_reservations_fit_or_do_not)
{
	struct queue_params params = contract(10 * MS, 10 * MS);
	struct sched_contracts contracts;

	set_up(&policy_deadline);
	add_queue(0, params);
	add_queue(1, params);
	queue_init(&queues[2], 3);
	ck_assert_int_eq(scheduler_add_queue(mock.scheduler, &queues[2], &params), -ENOSPC);
	params.run_ns = 4 * MS;
	add_queue(2, params);
	params.run_ns = 1;
	queue_init(&queues[3], 4);
	ck_assert_int_eq(scheduler_add_queue(mock.scheduler, &queues[3], &params), -ENOSPC);
	scheduler_get_contracts(mock.scheduler, &contracts);
	ck_assert_uint_eq(contracts.n, 3);
	ck_assert(contracts.reserved_cores > 2.399 && contracts.reserved_cores < 2.401);
	/* Who leaves gives it back. */
	scheduler_remove_queue(mock.scheduler, &queues[1]);
	params = contract(5 * MS, 5 * MS);
	add_queue(1, params);
	tear_down(3);
}
END_TEST

/* What is out of service can be promised to nobody. */
START_TEST(test_reservations_need_cores)
{
	struct queue_params params = contract(10 * MS, 10 * MS);

	set_up(&policy_deadline);
	lose_cores();
	queue_init(&queues[0], 1);
	ck_assert_int_eq(scheduler_add_queue(mock.scheduler, &queues[0], &params), -ENOSPC);
	params.run_ns = 8 * MS;
	ck_assert_int_eq(scheduler_add_queue(mock.scheduler, &queues[0], &params), 0);
	tear_down(1);
}
END_TEST

/* Two at once are fine, the third is best effort; a period later one more is not. */
START_TEST(test_contract_rate)
{
	set_up(&policy_deadline);
	add_queue(0, contract(0, 50 * MS));
	for (unsigned i = 0; i < 3; i++)
		submit(0, MS);
	mock_advance(&mock, 50 * MS);
	submit(0, MS);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(!jobs[i].base.deadline_ns, i == 2);
	tear_down(1);
}
END_TEST

START_TEST(test_contract_length)
{
	set_up(&policy_deadline);
	teach(5, 11 * MS);
	teach(6, 10 * MS);
	add_queue(0, contract(10 * MS, 50 * MS));
	ck_assert_int_eq(try_submit(0, 11 * MS, 5), 0);
	ck_assert_int_eq(try_submit(0, 10 * MS, 6), 0);
	ck_assert(!jobs[0].base.deadline_ns && !jobs[0].base.is_reserved);
	ck_assert(jobs[1].base.is_reserved && jobs[1].base.deadline_ns);
	tear_down(1);
}
END_TEST

/*
 * Both cannot be on time. Without a reservation the newcomer is refused; with one it is let in and
 * the other one, of a user that has used more, gives way.
 */
START_TEST(test_reserved_goes_before_others)
{
	struct queue_params params = rt_params(LATE_DROP);
	bool is_reserved = _i;

	set_up(&policy_deadline);
	lose_cores();
	teach(5, 15 * MS);
	params.tenant_id = 1;
	add_queue(0, params);
	params = contract(is_reserved ? 15 * MS : 0, 20 * MS);
	params.tenant_id = 2;
	add_queue(1, params);
	queues[1].tenant->virtual_ns = 1e9;
	ck_assert_int_eq(try_submit(0, 15 * MS, 5), 0);
	ck_assert_int_eq(try_submit(1, 15 * MS, 5), is_reserved ? 0 : -ETIME);
	mock_advance(&mock, 100 * MS);
	ck_assert_int_eq(jobs[0].base.outcome, is_reserved ? NPU_OUTCOME_LATE : NPU_OUTCOME_OK);
	if (is_reserved)
		ck_assert_int_eq(jobs[1].base.outcome, NPU_OUTCOME_OK);
	tear_down(2);
}
END_TEST

/* The answer at submit knows which cores a job may use: two of three jobs do not fit on one core.
 */
START_TEST(test_admission_knows_the_cores)
{
	struct queue_params params = mock_queue_params();
	const bool is_job_s = _i;

	set_up(&policy_deadline);
	params.kind = QUEUE_RT;
	params.deadline_ns = 50 * MS;
	params.core_mask = is_job_s ? 7 : 1;
	put_queue(0, &params);
	for (unsigned i = 0; i < 3; i++) {
		submit(0, 30 * MS)->base.signature = 7;
		mock_advance(&mock, 40 * MS);
	}
	for (unsigned i = 0; i < 3; i++) {
		struct mock_job *job = &jobs[n_jobs];

		*job = mock_job(100 + n_jobs, 30 * MS);
		job->base.signature = 7;
		job->base.core_mask = is_job_s ? 1 : 0;
		ck_assert_int_eq(scheduler_submit(mock.scheduler, &queues[0], &job->base),
				 i ? -ETIME : 0);
		n_jobs += !i;
	}
	tear_down(1);
}
END_TEST

/* ---- reload ---- */

/* The starts of three queues of different lengths, with a reload in the middle or without. */
static void run_through(const struct policy_ops *policy, bool has_reload, char *ret_starts)
{
	struct scheduler_config config = scheduler_config_default();
	struct queue_params params = mock_queue_params();

	set_up(policy);
	config.policy = policy;
	for (unsigned i = 0; i < 3; i++) {
		params.tenant_id = i;
		params.weight = i + 1;
		add_queue(i, params);
		for (unsigned j = 0; j < 8; j++)
			submit(i, (4 + i) * MS);
	}
	mock_advance(&mock, 33 * MS);
	if (has_reload)
		ck_assert_int_eq(scheduler_configure(mock.scheduler, &config), 0);
	mock_advance(&mock, NS_PER_S);
	strcpy(ret_starts, starts());
	tear_down(3);
}

START_TEST(test_reload_keeps_turns)
{
	char without[N_JOBS + 1], with[N_JOBS + 1];

	run_through(mock_policy(_i), false, without);
	run_through(mock_policy(_i), true, with);
	ck_assert_str_eq(with, without);
}
END_TEST

/* What was used, and what was learnt; also of a tenant that trails. */
START_TEST(test_reload_keeps_shares_and_predictions)
{
	struct scheduler_config config = scheduler_config_default();
	struct queue_params params = mock_queue_params();
	struct prediction prediction;
	double used_ns[2];

	set_up(&policy_fair);
	for (unsigned i = 0; i < 2; i++) {
		params.tenant_id = i;
		add_queue(i, params);
		submit(i, 5 * MS);
		submit(i, 5 * MS);
	}
	teach(5, 7 * MS);
	queues[1].tenant->virtual_ns -= 1e6;
	mock.scheduler->shares.virtual_ns += 5e6;
	for (unsigned i = 0; i < 2; i++)
		used_ns[i] = queues[i].tenant->virtual_ns;
	config.policy = &policy_deadline;
	config.predict.window = 64;
	ck_assert_int_eq(scheduler_configure(mock.scheduler, &config), 0);
	for (unsigned i = 0; i < 2; i++)
		ck_assert(queues[i].tenant->virtual_ns == used_ns[i]);
	predict_get(mock.scheduler->predict, 5, 1, 1, &prediction);
	ck_assert(prediction.is_known && prediction.mean_ns == 7 * MS);
	tear_down(2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("classes");
	TCase *priority = tcase_create("priority"), *order = tcase_create("order");
	TCase *late = tcase_create("late"), *contracts = tcase_create("contracts");
	TCase *reload = tcase_create("reload");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_loop_test(priority, test_priority_goes_first, 0, MOCK_N_POLICIES);
	tcase_add_loop_test(priority, test_ageing, 0, MOCK_N_POLICIES);
	tcase_add_test(priority, test_ageing_is_by_tenant);
	tcase_add_test(priority, test_priority_changes_while_jobs_wait);
	tcase_add_test(order, test_class_gang_levels_slowdown);
	tcase_add_test(order, test_class_deadline_orders);
	tcase_add_loop_test(order, test_class_round_robin_takes_turns, 1, MOCK_N_POLICIES);
	tcase_add_loop_test(order, test_class_fair_goes_by_use, 0, 3);
	tcase_add_loop_test(order, test_hung_time_counts_twice, 0, MOCK_N_POLICIES);
	tcase_add_loop_test(order, test_hung_time_costs_turns, 0, 2);
	tcase_add_loop_test(order, test_hung_time_costs_turns, 3, MOCK_N_POLICIES);
	tcase_add_test(order, test_class_shares_as_one);
	tcase_add_loop_test(late, test_late_at_submit, 0, 3);
	tcase_add_loop_test(late, test_late_while_it_waits, 0, 3);
	suite_add_tcase(suite, priority);
	suite_add_tcase(suite, order);
	suite_add_tcase(suite, late);
	tcase_add_test(contracts, test_reservations_fit_or_do_not);
	tcase_add_test(contracts, test_reservations_need_cores);
	tcase_add_test(contracts, test_contract_rate);
	tcase_add_test(contracts, test_contract_length);
	tcase_add_loop_test(contracts, test_reserved_goes_before_others, 0, 2);
	tcase_add_loop_test(contracts, test_admission_knows_the_cores, 0, 2);
	suite_add_tcase(suite, contracts);
	tcase_add_loop_test(reload, test_reload_keeps_turns, 0, MOCK_N_POLICIES);
	tcase_add_test(reload, test_reload_keeps_shares_and_predictions);
	suite_add_tcase(suite, reload);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
