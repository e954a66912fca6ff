/* SPDX-License-Identifier: MIT */
/* One mock, a few queues, and jobs that all have to end. */
#ifndef NPUD_TESTS_SCHED_QUEUES_H
#define NPUD_TESTS_SCHED_QUEUES_H

#include "sched_mock.h"

#define MS	 NS_PER_MS
#define N_QUEUES 4
#define N_JOBS	 400

static struct mock mock;
static struct queue queues[N_QUEUES];
static struct mock_job jobs[N_JOBS];
static unsigned n_jobs;

static inline struct scheduler_config config_of(const struct policy_ops *policy)
{
	struct scheduler_config config = scheduler_config_default();

	config.policy = policy;
	return config;
}

static inline void set_up(const struct policy_ops *policy)
{
	const struct scheduler_config config = config_of(policy);

	n_jobs = 0;
	mock_init_config(&mock, &config);
}

static inline void put_queue(unsigned index, const struct queue_params *params)
{
	mock_put_queue(&mock, &queues[index], index + 1, params);
}

/* The queue's number is the job's thousands. */
static inline struct mock_job *submit(unsigned index, uint64_t duration_ns)
{
	struct mock_job *job = &jobs[n_jobs];

	ck_assert_uint_lt(n_jobs, N_JOBS);
	*job = mock_job(1000 * (index + 1) + n_jobs++, duration_ns);
	mock_submit(&mock, &queues[index], job);
	return job;
}

/* After the last job: the first `n_queues` are gone as well. */
static inline void tear_down(unsigned n_queues)
{
	mock_advance(&mock, 100 * NS_PER_S);
	for (unsigned i = 0; i < n_jobs; i++)
		ck_assert_uint_eq(jobs[i].n_retired, 1);
	mock_deinit(&mock, queues, n_queues);
}

#endif
