/* SPDX-License-Identifier: MIT */
/*
 * Pessimism rejects good frames, so durations are means, not percentiles, and no more than a tenth
 * above the undisturbed time where the bandwidth guard keeps disturbance away.
 */
#include "scheduler/admission.h"

#include "base/clock.h"
#include "scheduler/gang.h"
#include "scheduler/scheduler_internal.h"
#include "scheduler/slice.h"

#include <assert.h>
#include <string.h>

#define ROUNDS_MAX    8
#define GUARDED_RATIO 1.1

struct candidate {
	struct sched_job *job;
	unsigned n_widths, widths[NPU_JOB_RANGES]; /* as list_widths() */
	uint64_t cost_ns[NPU_JOB_RANGES];	   /* on each of them */
};

/* Where and when one job would run. */
struct place {
	uint32_t cores;
	uint64_t start_ns, end_ns;
};

struct forecast {
	struct scheduler *scheduler;
	uint64_t release_ns[SCHEDULER_CORES_MAX]; /* by core; of those in service */
	uint64_t first_release_ns;
	struct candidate jobs[ADMISSION_JOBS_MAX]; /* by deadline */
	unsigned n_jobs;
	uint64_t missed_ns; /* of the first job that would be late: by how much */
};

static uint64_t cost_on(const struct scheduler *scheduler, const struct sched_job *job,
			unsigned width)
{
	struct prediction prediction;
	double piece_ns;

	scheduler_predict(scheduler, job, width, &prediction);
	piece_ns = (double)prediction.mean_ns;
	if (scheduler->config.has_bandwidth_guard && prediction.n_samples &&
	    piece_ns > GUARDED_RATIO * (double)prediction.p10_ns)
		piece_ns = GUARDED_RATIO * (double)prediction.p10_ns;
	return (uint64_t)(piece_ns * sched_job_pieces_left(job));
}

/* Those that the dispatcher would try, the preferred one first; at least one. */
static unsigned list_widths(const struct scheduler *scheduler, const struct sched_job *job,
			    unsigned *ret_widths)
{
	unsigned n_live = (unsigned)__builtin_popcount(scheduler->live_cores);
	unsigned n = gang_list_widths(scheduler, job, n_live, ret_widths);

	if (!n)
		ret_widths[n++] = gang_widest(job);
	return n;
}

uint64_t admission_cost_ns(const struct scheduler *scheduler, const struct sched_job *job)
{
	unsigned widths[NPU_JOB_RANGES], n = list_widths(scheduler, job, widths);
	uint64_t least_ns = CLOCK_NEVER;

	for (unsigned i = 0; i < n; i++) {
		uint64_t cost_ns = cost_on(scheduler, job, widths[i]);

		if (cost_ns < least_ns)
			least_ns = cost_ns;
	}
	return least_ns;
}

static bool is_before(const struct sched_job *a, const struct sched_job *b)
{
	assert(a && b);
	if (a->deadline_ns != b->deadline_ns)
		return a->deadline_ns < b->deadline_ns;
	return a->id < b->id;
}

static void fill_costs(const struct scheduler *scheduler, struct candidate *candidate)
{
	candidate->n_widths = list_widths(scheduler, candidate->job, candidate->widths);
	for (unsigned i = 0; i < candidate->n_widths; i++)
		candidate->cost_ns[i] = cost_on(scheduler, candidate->job, candidate->widths[i]);
}

static bool add_job(struct forecast *forecast, struct sched_job *job)
{
	unsigned i = forecast->n_jobs;

	if (i == ADMISSION_JOBS_MAX)
		return false;
	for (; i > 0 && is_before(job, forecast->jobs[i - 1].job); i--)
		forecast->jobs[i] = forecast->jobs[i - 1];
	forecast->jobs[i] = (struct candidate){.job = job};
	fill_costs(forecast->scheduler, &forecast->jobs[i]);
	forecast->n_jobs++;
	return true;
}

static void remove_job(struct forecast *forecast, unsigned index)
{
	forecast->n_jobs--;
	for (unsigned i = index; i < forecast->n_jobs; i++)
		forecast->jobs[i] = forecast->jobs[i + 1];
}

static bool add_waiting_jobs(struct forecast *forecast, struct tree *queues)
{
	struct sched_job *job;

	for (struct tree_node *node = tree_first(queues); node; node = tree_next(node)) {
		struct queue *queue = container_of(node, struct queue, ready_node);

		list_for_each (job, &queue->ready, link) {
			if (slice_serves_deadline(forecast->scheduler, job) &&
			    !add_job(forecast, job))
				return false;
		}
	}
	return true;
}

static void add_cores(struct forecast *forecast, uint64_t now_ns)
{
	struct scheduler *scheduler = forecast->scheduler;

	forecast->first_release_ns = CLOCK_NEVER;
	for (unsigned i = 0; i < scheduler->params.n_cores; i++) {
		forecast->release_ns[i] = scheduler_release_ns(scheduler, i, now_ns);
		if (scheduler->live_cores & core_bit(i) &&
		    forecast->release_ns[i] < forecast->first_release_ns)
			forecast->first_release_ns = forecast->release_ns[i];
	}
}

/* The core of `cores` that is free first. */
static unsigned first_free(const uint64_t *release_ns, uint32_t cores)
{
	unsigned first = (unsigned)__builtin_ctz(cores);

	for (unsigned i = first + 1; cores >> i; i++) {
		if (cores >> i & 1 && release_ns[i] < release_ns[first])
			first = i;
	}
	return first;
}

/* It takes those of its cores that are free first. */
static struct place find_place(const struct forecast *forecast, const struct candidate *candidate,
			       unsigned width, const uint64_t *release_ns)
{
	const struct scheduler *scheduler = forecast->scheduler;
	uint32_t cores = gang_wanted_cores(scheduler, candidate->job) & scheduler->live_cores;
	struct place place = {0};

	if (!cores)
		cores = scheduler->live_cores;
	for (unsigned n = width; n > 0 && cores & ~place.cores; n--) {
		unsigned core = first_free(release_ns, cores & ~place.cores);

		place.cores |= core_bit(core);
		if (release_ns[core] > place.start_ns)
			place.start_ns = release_ns[core];
	}
	return place;
}

/*
 * As the dispatcher does it: on the first width that finds its cores free, the preferred one of
 * those that do at the same time. Returns when the job ends.
 */
static uint64_t place_job(const struct forecast *forecast, const struct candidate *candidate,
			  uint64_t *release_ns)
{
	struct place best = {.start_ns = CLOCK_NEVER};

	for (unsigned i = 0; i < candidate->n_widths; i++) {
		struct place place =
			find_place(forecast, candidate, candidate->widths[i], release_ns);

		place.end_ns =
			place.start_ns + candidate->cost_ns[i] + forecast->scheduler->params.gap_ns;
		if (place.start_ns < best.start_ns)
			best = place;
	}
	for (unsigned i = 0; best.cores >> i; i++) {
		if (best.cores >> i & 1)
			release_ns[i] = best.end_ns;
	}
	return best.end_ns;
}

/* How much later a deadline would have to be: a part of that goes into its margin. */
static uint64_t shift_ns(const struct scheduler *scheduler, double over_ns)
{
	double shift_ns = over_ns / (1 - scheduler->config.admit_margin) + 1;

	return shift_ns < (double)INT64_MAX ? (uint64_t)shift_ns : INT64_MAX;
}

/* The first job that would be late though it may not, or n_jobs. */
static unsigned find_late(struct forecast *forecast)
{
	const struct scheduler *scheduler = forecast->scheduler;
	uint64_t release_ns[SCHEDULER_CORES_MAX];

	memcpy(release_ns, forecast->release_ns, sizeof(release_ns));
	for (unsigned i = 0; i < forecast->n_jobs; i++) {
		const struct sched_job *job = forecast->jobs[i].job;
		uint64_t end_ns = place_job(forecast, &forecast->jobs[i], release_ns);
		uint64_t from_ns =
			job->submitted_ns ? job->submitted_ns : forecast->first_release_ns;
		double margin_ns = scheduler->config.admit_margin *
				   ((double)job->deadline_ns - (double)from_ns);

		double over_ns = (double)end_ns - ((double)job->deadline_ns - margin_ns);

		if (over_ns > 0 && sched_job_late_rule(job) != LATE_RUN) {
			forecast->missed_ns = shift_ns(scheduler, over_ns);
			return i;
		}
	}
	return forecast->n_jobs;
}

/* Of those not after the late one: the last of the tenant with the largest virtual time. */
static unsigned find_victim(const struct forecast *forecast, unsigned late)
{
	unsigned victim = forecast->n_jobs;

	for (unsigned i = 0; i <= late; i++) {
		const struct sched_job *job = forecast->jobs[i].job;

		assert(job);
		if (job->pieces_done || job->is_reserved || sched_job_late_rule(job) == LATE_RUN)
			continue;
		if (victim == forecast->n_jobs ||
		    job->queue->tenant->virtual_ns >=
			    forecast->jobs[victim].job->queue->tenant->virtual_ns)
			victim = i;
	}
	return victim;
}

bool admission_allows(struct scheduler *scheduler, struct tree *queues, struct sched_job *job,
		      uint64_t now_ns)
{
	struct forecast forecast = {.scheduler = scheduler};
	double own_ns = job->queue->tenant->virtual_ns + (double)scheduler->config.shed_margin_ns;

	if (!add_waiting_jobs(&forecast, queues) || !add_job(&forecast, job))
		return false;
	add_cores(&forecast, now_ns);
	for (unsigned round = 0; scheduler->live_cores && round < ROUNDS_MAX; round++) {
		unsigned late = find_late(&forecast), victim;
		struct sched_job *shed;

		if (late == forecast.n_jobs)
			return true;
		victim = find_victim(&forecast, late);
		if (victim == forecast.n_jobs)
			return true;
		shed = forecast.jobs[victim].job;
		/* The newcomer itself, where it could be the victim and nobody is far ahead of it.
		 */
		if (shed == job || (!job->is_reserved && !is_before(forecast.jobs[late].job, job) &&
				    own_ns >= shed->queue->tenant->virtual_ns)) {
			job->missed_ns = forecast.missed_ns;
			return false;
		}
		remove_job(&forecast, victim);
		scheduler_shed(scheduler, shed);
	}
	return true;
}
