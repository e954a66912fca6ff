/* SPDX-License-Identifier: MIT */
/* The two state machines: every pair of states is allowed exactly where the tables say so. */
#include "base/list.h"
#include "scheduler/core.h"
#include "scheduler/job.h"

#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `set` in a child: whether it came back, rather than died of an assertion. */
static bool survives(void (*set)(int from, int to), int from, int to)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0});
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		set(from, to);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) || WTERMSIG(status) == SIGABRT);
	return WIFEXITED(status);
}

static void set_job(int from, int to)
{
	struct sched_job job = {.state = (enum job_state)from};

	sched_job_set_state(&job, (enum job_state)to, 1);
}

static void set_core(int from, int to)
{
	struct core core = {.state = (enum core_state)from};

	core_set_state(&core, (enum core_state)to, 1);
}

START_TEST(test_job_transitions)
{
	static const bool allowed[5][5] = {
		[JOB_NEW] = {[JOB_BLOCKED] = true, [JOB_READY] = true, [JOB_DONE] = true},
		[JOB_BLOCKED] = {[JOB_READY] = true, [JOB_DONE] = true},
		[JOB_READY] = {[JOB_RUNNING] = true, [JOB_DONE] = true},
		[JOB_RUNNING] = {[JOB_READY] = true, [JOB_DONE] = true},
	};

	for (int from = JOB_NEW; from <= JOB_DONE; from++) {
		for (int to = JOB_NEW; to <= JOB_DONE; to++)
			ck_assert_msg(survives(set_job, from, to) == allowed[from][to], "%s to %s",
				      job_state_name((enum job_state)from),
				      job_state_name((enum job_state)to));
	}
}
END_TEST

START_TEST(test_core_transitions)
{
	static const bool allowed[4][4] = {
		[CORE_IDLE] = {[CORE_BUSY] = true, [CORE_RESETTING] = true},
		[CORE_BUSY] = {[CORE_IDLE] = true, [CORE_RESETTING] = true},
		[CORE_RESETTING] = {[CORE_IDLE] = true, [CORE_FAULTED] = true},
		[CORE_FAULTED] = {[CORE_RESETTING] = true},
	};

	for (int from = CORE_IDLE; from <= CORE_FAULTED; from++) {
		for (int to = CORE_IDLE; to <= CORE_FAULTED; to++)
			ck_assert_msg(survives(set_core, from, to) == allowed[from][to], "%s to %s",
				      core_state_name((enum core_state)from),
				      core_state_name((enum core_state)to));
	}
}
END_TEST

START_TEST(test_job_times)
{
	struct sched_job job = {0};

	sched_job_set_state(&job, JOB_BLOCKED, 10);
	sched_job_set_state(&job, JOB_READY, 20);
	sched_job_set_state(&job, JOB_RUNNING, 30);
	sched_job_set_state(&job, JOB_READY, 40);
	sched_job_set_state(&job, JOB_RUNNING, 50);
	sched_job_set_state(&job, JOB_DONE, 60);
	ck_assert_uint_eq(job.submitted_ns, 10);
	ck_assert_uint_eq(job.ready_ns, 40);
	ck_assert_uint_eq(job.started_ns, 30);
	ck_assert_uint_eq(job.done_ns, 60);
}
END_TEST

START_TEST(test_core_busy_time)
{
	struct core core = {0};

	core_set_state(&core, CORE_BUSY, 10);
	core_set_state(&core, CORE_IDLE, 25);
	core_set_state(&core, CORE_BUSY, 100);
	core_set_state(&core, CORE_RESETTING, 107);
	core_set_state(&core, CORE_IDLE, 200);
	ck_assert_uint_eq(core.busy_ns, 22);
	ck_assert_uint_eq(core.jobs, 2);
	ck_assert_uint_eq(core.since_ns, 200);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sched_job");
	TCase *tcase = tcase_create("states");
	SRunner *runner;
	int n_failed;

#ifdef NDEBUG /* no assertion to die of */
	(void)test_job_transitions;
	(void)test_core_transitions;
#else
	tcase_add_test(tcase, test_job_transitions);
	tcase_add_test(tcase, test_core_transitions);
#endif
	tcase_add_test(tcase, test_job_times);
	tcase_add_test(tcase, test_core_busy_time);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
