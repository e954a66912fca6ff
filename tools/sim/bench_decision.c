/* SPDX-License-Identifier: MIT */
/*
 * What a scheduling decision costs: from the end of a batch to the start of the next, per policy,
 * with few sessions and with many full queues. The scheduler is the daemon's; the device is a clock
 * that stands still while the decision is made.
 */
#include "base/clock.h"
#include "scheduler/policy.h"
#include "scheduler/scheduler.h"
#include "tools/bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_CORES		 3
#define SESSIONS_OF_USER 10
#define CLASSES		 5
#define PRIORITIES	 4
#define KINDS		 4  /* jobs of a session differ in length */
#define ONE_IN_GANGS	 16 /* of so many jobs is a gang */
#define ROUNDS		 40000u
#define WARM_UP		 4000u
#define JOB_NS		 (5 * NS_PER_MS)
#define RT_DEADLINE_NS	 (60 * NS_PER_S) /* near enough to rank, too far to be missed */

/* Sessions: of tenants alone; in classes with a priority; in classes with a policy of their own. */
enum mix { MIX_TENANTS, MIX_PRIORITIES, MIX_CLASSES };

static const char *const mix_names[] = {"tenants", "priorities", "classes"};

/* Mean time of a decision that may not be exceeded. */
static const struct load {
	unsigned n_sessions, n_jobs; /* jobs: of each */
	enum mix mix;
	double target_us;
} loads[] = {
	{10, 8, MIX_TENANTS, 2},      {10, 8, MIX_PRIORITIES, 2},      {10, 8, MIX_CLASSES, 2},
	{1000, 100, MIX_TENANTS, 10}, {1000, 100, MIX_PRIORITIES, 10}, {1000, 100, MIX_CLASSES, 10},
};

static const struct policy_ops *const policies[] = {&policy_round_robin, &policy_pinned,
						    &policy_gang, &policy_fair, &policy_deadline};
#define N_POLICIES (sizeof(policies) / sizeof(policies[0]))
#define N_LOADS	   (sizeof(loads) / sizeof(loads[0]))

struct world {
	struct scheduler *scheduler;
	struct queue *queues;
	struct sched_job *jobs;
	const struct load *load;
	uint64_t now_ns, random;
	struct sched_job *running[N_CORES];
	uint64_t end_ns[N_CORES];
	struct sched_job *retired; /* the last; NULL: none since it was taken */
};

static int world_run(void *context, struct sched_job *job, unsigned share, unsigned core)
{
	struct world *world = context;

	(void)share;
	world->running[core] = job;
	world->end_ns[core] = world->now_ns + JOB_NS * (1 + job->signature % KINDS);
	return 0;
}

static void world_progress(void *context, unsigned core, struct sched_progress *ret_progress)
{
	(void)context;
	(void)core;
	*ret_progress = (struct sched_progress){0};
}

static int world_reset(void *context, unsigned core)
{
	((struct world *)context)->running[core] = NULL;
	return 0;
}

static void world_retire(void *context, struct sched_job *job)
{
	((struct world *)context)->retired = job;
}

static uint64_t world_now(void *context)
{
	return ((struct world *)context)->now_ns;
}

static const struct sched_backend_ops world_ops = {
	.run = world_run,
	.progress = world_progress,
	.reset = world_reset,
	.retire = world_retire,
	.now = world_now,
};

static unsigned draw(struct world *world, unsigned n)
{
	world->random = world->random * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(world->random >> 33) % n;
}

static int submit(struct world *world, struct sched_job *job, struct queue *queue)
{
	bool is_rt = queue->params.kind == QUEUE_RT;

	*job = (struct sched_job){
		.id = queue->id,
		.n_tasks = {8, 8, 8},
		.n_cores = 1,
		.signature = 1 + draw(world, KINDS),
		.n_pieces = 1,
		.deadline_ns = is_rt ? world->now_ns + RT_DEADLINE_NS + draw(world, NS_PER_MS) : 0,
	};
	list_init(&job->link);
	if (draw(world, ONE_IN_GANGS) == 0) {
		job->n_cores = 2 + draw(world, 2);
		job->core_mask = job->n_cores == 2 ? 3 : 7;
	}
	return scheduler_submit(world->scheduler, queue, job);
}

static int add_sessions(struct world *world)
{
	int r = 0;

	for (unsigned i = 0; i < world->load->n_sessions && r == 0; i++) {
		struct queue_params params = {
			.tenant_id = 1 + i / SESSIONS_OF_USER,
			.domain = 1 + i,
			.kind = i % 3 == 0 ? QUEUE_RT : QUEUE_NORMAL,
			.weight = 1 + i % 4,
			.core_mask = (1 << N_CORES) - 1,
			.has_own_cores = true,
			.max_cores = N_CORES,
		};

		if (world->load->mix == MIX_PRIORITIES)
			params.priority = i / SESSIONS_OF_USER % PRIORITIES;
		if (world->load->mix == MIX_CLASSES) {
			params.tenant_id = 1 + i % CLASSES;
			params.order = policies[i % CLASSES];
		}
		queue_init(&world->queues[i], i + 1);
		r = scheduler_add_queue(world->scheduler, &world->queues[i], &params);
		for (unsigned j = 0; j < world->load->n_jobs && r == 0; j++)
			r = submit(world, &world->jobs[i * world->load->n_jobs + j],
				   &world->queues[i]);
	}
	return r;
}

static int world_init(struct world *world, const struct load *load, const struct policy_ops *policy)
{
	struct scheduler_config config = scheduler_config_default();
	struct scheduler_params params = {
		.n_cores = N_CORES,
		.gang_masks = 1 << 3 | 1 << 7,
		.gap_ns = 100000,
		.switch_ns = 50000,
		.ops = &world_ops,
		.context = world,
	};
	int r;

	*world = (struct world){.load = load, .now_ns = 1, .random = 1};
	config.policy = policy;
	/* Refusals would make it a bench of something else. */
	config.has_admission = false;
	world->queues = calloc(load->n_sessions, sizeof(*world->queues));
	world->jobs = calloc((size_t)load->n_sessions * load->n_jobs, sizeof(*world->jobs));
	if (!world->queues || !world->jobs)
		return -ENOMEM;
	r = scheduler_new(&params, &config, &world->scheduler);
	if (r == 0)
		r = add_sessions(world);
	if (r == 0)
		scheduler_run(world->scheduler);
	return r;
}

static void world_deinit(struct world *world)
{
	for (unsigned i = 0; world->scheduler && i < world->load->n_sessions; i++) {
		struct queue *queue = &world->queues[i];

		for (unsigned j = 0; j < world->load->n_jobs; j++)
			scheduler_abort(world->scheduler, &world->jobs[i * world->load->n_jobs + j],
					NPU_OUTCOME_CANCELLED);
		if (!list_is_empty(&queue->link))
			scheduler_remove_queue(world->scheduler, queue);
	}
	scheduler_free(world->scheduler);
	free(world->queues);
	free(world->jobs);
}

static unsigned next_core(const struct world *world)
{
	unsigned first = N_CORES;

	for (unsigned i = 0; i < N_CORES; i++) {
		if (world->running[i] &&
		    (first == N_CORES || world->end_ns[i] < world->end_ns[first]))
			first = i;
	}
	return first;
}

/* One batch ends and another starts; the job that is over is submitted anew. */
static int turn(struct world *world, double *ret_us)
{
	unsigned core = next_core(world);
	uint64_t start_ns, device_ns;
	struct sched_job *job;

	if (core == N_CORES)
		return -EPROTO;
	job = world->running[core];
	world->now_ns = world->end_ns[core];
	device_ns = JOB_NS * (1 + job->signature % KINDS);
	world->running[core] = NULL;
	world->retired = NULL;
	start_ns = bench_now_ns();
	scheduler_core_done(world->scheduler, core, device_ns);
	scheduler_run(world->scheduler);
	*ret_us = (double)(bench_now_ns() - start_ns) / (double)NS_PER_US;
	job = world->retired;
	return job ? submit(world, job, &world->queues[job->id - 1]) : 0;
}

static double cpu_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / (double)NS_PER_US;
}

/*
 * The mean is of CPU time, as what else the machine does would be in that of the samples; it has
 * the submit of a job in it.
 */
static int measure(const struct load *load, const struct policy_ops *policy,
		   struct bench_samples *samples, double *ret_mean_us)
{
	struct world world;
	double us = 0, start_us;
	int r = world_init(&world, load, policy);

	for (unsigned i = 0; i < WARM_UP && r == 0; i++)
		r = turn(&world, &us);
	start_us = cpu_us();
	for (unsigned i = 0; i < ROUNDS && r == 0; i++) {
		r = turn(&world, &us);
		bench_samples_add(samples, us);
	}
	*ret_mean_us = (cpu_us() - start_us) / ROUNDS;
	world_deinit(&world);
	return r;
}

/* Appends to `results` where there are any, else prints. */
static void report(const struct load *load, const char *policy, struct bench_samples *samples,
		   double mean_us, json_t *results)
{
	double p50 = bench_samples_quantile(samples, 0.5);
	double p99 = bench_samples_quantile(samples, 0.99);

	if (results)
		json_array_append_new(results,
				      json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:b}",
						"policy", policy, "mix", mix_names[load->mix],
						"sessions", load->n_sessions, "jobs",
						load->n_sessions * load->n_jobs, "mean_us", mean_us,
						"p50_us", p50, "p99_us", p99, "target_us",
						load->target_us, "met", mean_us < load->target_us));
	else
		printf("%-12s %-10s %5u sessions %7u jobs  mean %6.2f us  p50 %6.2f us  "
		       "p99 %7.2f us  target %2.0f us %s\n",
		       policy, mix_names[load->mix], load->n_sessions,
		       load->n_sessions * load->n_jobs, mean_us, p50, p99, load->target_us,
		       mean_us < load->target_us ? "met" : "NOT MET");
}

static int run_one(const struct load *load, const struct policy_ops *policy, json_t *results,
		   bool *is_met)
{
	struct bench_samples samples;
	double mean_us;
	int r = bench_samples_init(&samples, ROUNDS);

	if (r < 0)
		return r;
	r = measure(load, policy, &samples, &mean_us);
	if (r == 0)
		report(load, policy->name, &samples, mean_us, results);
	*is_met &= mean_us < load->target_us;
	bench_samples_deinit(&samples);
	return r;
}

enum cli_status bench_decision(const struct bench_options *options)
{
	json_t *results = options->is_json ? json_array() : NULL;
	bool is_met = true;
	int r = 0;

	for (size_t i = 0; i < N_LOADS * N_POLICIES && r == 0; i++)
		r = run_one(&loads[i / N_POLICIES], policies[i % N_POLICIES], results, &is_met);
	if (r < 0)
		return cli_error(CLI_FAILED, "decision: %s", strerror(-r));
	if (results)
		bench_print_json(json_pack("{s:s, s:o}", "bench", "decision", "results", results));
	return is_met ? CLI_OK : CLI_FAILED;
}
