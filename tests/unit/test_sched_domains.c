/* SPDX-License-Identifier: MIT */
/* Address spaces: what changing them costs, and who goes first to spare it. */
#include "sched_queues.h"
#include "scheduler/scheduler_internal.h"

static void start(const struct scheduler_config *config, bool has_one_domain, uint64_t switch_ns)
{
	n_jobs = 0;
	mock_init_domains(&mock, config, has_one_domain, MS / 10, switch_ns);
}

/* A tenant of its own in the address space. */
static void add_queue(unsigned index, uint64_t domain, uint32_t core_mask)
{
	struct queue_params params = mock_queue_params();

	params.tenant_id = index;
	params.domain = domain;
	params.core_mask = core_mask;
	put_queue(index, &params);
}

/* ---- affinity ---- */

/* Two take turns on one core; with affinity each keeps it for up to 2 ms of its share. */
static uint64_t count_switches(uint64_t affinity_ns)
{
	struct scheduler_config config = config_of(&policy_fair);
	uint64_t n_switches, used_ns[2];

	config.affinity_ns = affinity_ns;
	start(&config, false, 0);
	for (unsigned i = 0; i < 2; i++) {
		add_queue(i, 10 + i, 1);
		for (unsigned j = 0; j < 40; j++)
			submit(i, MS / 2);
	}
	mock_advance(&mock, 20 * MS);
	n_switches = scheduler_get_stats(mock.scheduler)->domain_switches;
	for (unsigned i = 0; i < 2; i++)
		used_ns[i] = queues[i].device_ns;
	/* The shares stay as fair as the affinity is long. */
	ck_assert_uint_le(used_ns[0] > used_ns[1] ? used_ns[0] - used_ns[1]
						  : used_ns[1] - used_ns[0],
			  affinity_ns + 2 * MS);
	tear_down(2);
	return n_switches;
}

START_TEST(test_affinity_spares_switches)
{
	uint64_t without = count_switches(0), with = count_switches(2 * MS);

	ck_assert_uint_ge(without, 35);
	ck_assert_uint_le(with, without / 2);
}
END_TEST

/* Weights so far apart that the shares stay close: only affinity_max ends the preference. */
START_TEST(test_affinity_is_bounded)
{
	struct scheduler_config config = config_of(&policy_fair);
	struct mock_job *cold;

	config.affinity_ns = 1000 * MS;
	start(&config, false, 0);
	add_queue(0, 10, 1);
	add_queue(1, 11, 1);
	for (unsigned i = 0; i < 60; i++)
		submit(0, MS);
	mock_turn(&mock);
	cold = submit(1, MS);
	mock_advance(&mock, 60 * MS);
	ck_assert_uint_ge(cold->base.started_ns, NS_PER_S + 10 * MS);
	ck_assert_uint_le(cold->base.started_ns, NS_PER_S + 13 * MS);
	tear_down(2);
}
END_TEST

START_TEST(test_affinity_keeps_priority)
{
	struct scheduler_config config = config_of(&policy_fair);
	struct queue_params params;
	struct mock_job *high;

	config.affinity_ns = 1000 * MS;
	start(&config, false, 0);
	add_queue(0, 10, 1);
	add_queue(1, 11, 1);
	params = queues[1].params;
	params.priority = 1;
	ck_assert_int_eq(scheduler_update_queue(mock.scheduler, &queues[1], &params), 0);
	for (unsigned i = 0; i < 10; i++)
		submit(0, MS);
	mock_turn(&mock);
	high = submit(1, MS);
	mock_advance(&mock, MS);
	ck_assert_uint_eq(high->base.started_ns, NS_PER_S + MS);
	tear_down(2);
}
END_TEST

/* What a job with a deadline goes ahead of its tenant's share is not taken back for warmth. */
START_TEST(test_affinity_keeps_lead)
{
	struct scheduler_config config = config_of(&policy_fair);
	struct mock_job *urgent = &jobs[10];

	start(&config, false, 0);
	add_queue(0, 10, 1);
	add_queue(1, 11, 1);
	for (unsigned i = 0; i < 10; i++)
		submit(0, MS);
	mock_turn(&mock);
	*urgent = mock_job(n_jobs++, MS);
	urgent->base.deadline_ns = mock.now_ns + 5 * MS;
	mock_submit(&mock, &queues[1], urgent);
	mock_advance(&mock, MS);
	ck_assert_uint_eq(urgent->base.started_ns, NS_PER_S + MS);
	tear_down(2);
}
END_TEST

/* A core whose space is warm is taken before one that is not. */
START_TEST(test_warm_core_first)
{
	struct scheduler_config config = config_of(&policy_fair);

	start(&config, false, 0);
	for (unsigned i = 0; i < 3; i++) {
		add_queue(i, 10 + i, 7);
		submit(i, MS);
	}
	mock_advance(&mock, 5 * MS);
	for (unsigned i = 0; i < 3; i++)
		submit(2 - i, MS);
	mock_advance(&mock, 5 * MS);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(jobs[i].base.used_mask, jobs[5 - i].base.used_mask);
	ck_assert_uint_eq(scheduler_get_stats(mock.scheduler)->domain_switches, 3);
	tear_down(3);
}
END_TEST

/* ---- the cost ---- */

START_TEST(test_cost_is_measured)
{
	struct scheduler_config config = config_of(&policy_round_robin);

	start(&config, _i, 3 * MS / 10);
	add_queue(0, 10, 1);
	add_queue(1, 11, 1);
	ck_assert_uint_eq(scheduler_switch_ns(mock.scheduler), MS / 10);
	/* In turns of two, so that there are starts of both kinds. */
	for (unsigned i = 0; i < 80; i++) {
		submit(i / 2 % 2, MS);
		mock_advance(&mock, 5 * MS);
	}
	ck_assert_uint_eq(scheduler_get_stats(mock.scheduler)->domain_switches, 40);
	ck_assert_uint_eq(scheduler_switch_ns(mock.scheduler), 3 * MS / 10);
	tear_down(2);
}
END_TEST

/* ---- one address space at a time ---- */

static bool domains_are_mixed(void)
{
	uint64_t domain = 0;

	for (unsigned i = 0; i < 3; i++) {
		const struct mock_job *job = mock.cores[i].job;

		if (!job)
			continue;
		if (domain && domain != job->base.queue->params.domain)
			return true;
		domain = job->base.queue->params.domain;
	}
	return false;
}

/* Whatever the policy: never two at once, none waits for longer than epochs of the others. */
START_TEST(test_one_domain_at_a_time)
{
	struct scheduler_config config = config_of(mock_policy(_i));
	uint64_t last_ns[3] = {NS_PER_S, NS_PER_S, NS_PER_S}, used_ns[3] = {0};

	config.epoch_ns = 20 * MS;
	start(&config, true, MS / 10);
	for (unsigned i = 0; i < 3; i++) {
		add_queue(i, 10 + i, 7);
		for (unsigned j = 0; j < 100; j++)
			submit(i, 2 * MS);
	}
	while (mock.now_ns < NS_PER_S + 150 * MS) {
		mock_advance(&mock, MS / 2);
		ck_assert(!domains_are_mixed());
		for (unsigned i = 0; i < 3; i++) {
			if (queues[i].device_ns != used_ns[i])
				last_ns[i] = mock.now_ns;
			used_ns[i] = queues[i].device_ns;
			/*
			 * Two epochs of the others, and the batches that run when they end. All
			 * jobs came at once, so `gang` has them one queue after the other.
			 */
			if (config.policy == &policy_gang)
				continue;
			ck_assert_msg(mock.now_ns - last_ns[i] <= 2 * (20 * MS + 3 * MS) + 3 * MS,
				      "%s: %u", config.policy->name, i);
		}
	}
	/* Grouped: an epoch has many batches. */
	ck_assert_uint_le(scheduler_get_stats(mock.scheduler)->domain_switches, 10);
	tear_down(3);
}
END_TEST

/* Who would be late does not wait for the epoch's end. */
START_TEST(test_deadline_ends_the_epoch)
{
	struct scheduler_config config = config_of(&policy_deadline);
	struct queue_params params;
	struct mock_job *urgent;

	config.epoch_ns = 500 * MS;
	start(&config, true, 0);
	add_queue(0, 10, 7);
	add_queue(1, 11, 7);
	params = queues[1].params;
	params.kind = QUEUE_RT;
	params.deadline_ns = 50 * MS;
	ck_assert_int_eq(scheduler_update_queue(mock.scheduler, &queues[1], &params), 0);
	for (unsigned i = 0; i < 90; i++)
		submit(0, 4 * MS);
	mock_advance(&mock, 10 * MS);
	urgent = submit(1, 2 * MS);
	mock_advance(&mock, 20 * MS);
	ck_assert_int_eq(urgent->base.outcome, NPU_OUTCOME_OK);
	tear_down(2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("domains");
	TCase *cases = tcase_create("domains");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(cases, test_affinity_spares_switches);
	tcase_add_test(cases, test_affinity_is_bounded);
	tcase_add_test(cases, test_affinity_keeps_priority);
	tcase_add_test(cases, test_affinity_keeps_lead);
	tcase_add_test(cases, test_warm_core_first);
	tcase_add_loop_test(cases, test_cost_is_measured, 0, 2);
	tcase_add_loop_test(cases, test_one_domain_at_a_time, 0, MOCK_N_POLICIES);
	tcase_add_test(cases, test_deadline_ends_the_epoch);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
