/* SPDX-License-Identifier: MIT */
/*
 * Batches become descriptors and submits: a chain goes down whole, or in parts where it is longer
 * than the driver commits at once; tasks that are not chained go down one by one.
 */
#include "device/rknpu_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* Of a fetch, what an amount leaves out (hardware reference 2.3). */
#define TAIL_ENTRIES	4u
#define INT_CLEAR_ALL	0x1ffffu
#define NO_MEMORY_TRIES 5u
#define NO_MEMORY_WAIT	NS_PER_MS

/* What goes down in one call. */
struct rknpu_part {
	uint32_t cores;
	uint32_t first; /* from the start of each core's batch */
	uint32_t n[RKNPU_CORES];
};

int rknpu_check_batch(const struct device_batch *batch)
{
	if (batch->n_tasks == 0)
		return -EINVAL;
	for (uint32_t i = 0; i < batch->n_tasks; i++) {
		const struct device_task *task = &batch->tasks[i];

		if (task->regcmd_iova % 16 || task->regcmd_count == 0)
			return -EINVAL;
	}
	return 0;
}

/* ---- descriptors ---- */

/* Shorter streams than a tail are fetched with what is behind them, which is the session's. */
static struct rknpu_task make_descriptor(const struct device_task *task)
{
	return (struct rknpu_task){
		.enable_mask = 0xd,
		.int_mask = task->int_mask,
		.int_clear = INT_CLEAR_ALL,
		.regcfg_amount =
			task->regcmd_count > TAIL_ENTRIES ? task->regcmd_count - TAIL_ENTRIES : 0,
		.regcmd_addr = task->regcmd_iova,
	};
}

/* In whole words: memory that is not cached may take no others. */
static void store_descriptor(volatile uint64_t *table, uint32_t index,
			     const struct rknpu_task *descriptor)
{
	uint64_t words[sizeof(*descriptor) / sizeof(uint64_t)];
	const uint32_t n = sizeof(words) / sizeof(words[0]);

	memcpy(words, descriptor, sizeof(words));
	for (uint32_t i = 0; i < n; i++)
		table[(size_t)index * n + i] = words[i];
}

/* The entry of subcore_task that a core's range stands in (hardware reference 3.4). */
static unsigned subcore_of(unsigned n_cores, unsigned share, unsigned core)
{
	if (n_cores == 1)
		return core;
	return n_cores == 2 ? share : 2 + share;
}

static uint32_t write_descriptors(struct rknpu *rknpu, unsigned leader,
				  const struct rknpu_part *part, struct rknpu_submit *submit)
{
	const unsigned n_cores = (unsigned)__builtin_popcount(part->cores);
	const struct rknpu_run *run = &rknpu->runs[leader];
	volatile uint64_t *table = rknpu->descriptors[leader].host;
	uint32_t n = 0;
	unsigned share = 0;

	for (unsigned core = 0; core < RKNPU_CORES; core++) {
		if (!(part->cores & 1u << core))
			continue;
		submit->subcore_task[subcore_of(n_cores, share++, core)] =
			(struct rknpu_subcore_task){n, part->n[core]};
		for (uint32_t i = 0; i < part->n[core]; i++, n++) {
			struct rknpu_task descriptor =
				make_descriptor(&run->batches[core].tasks[part->first + i]);

			store_descriptor(table, n, &descriptor);
		}
	}
	return n;
}

/* ---- submits ---- */

static enum rknpu_verdict judge(int r)
{
	switch (r) {
	case 0:
		return RKNPU_COMPLETED;
	case -ETIMEDOUT:
		return RKNPU_TIMED_OUT;
	case -EINVAL:
		return RKNPU_STOPPED;
	default:
		return RKNPU_REFUSED;
	}
}

/* Memory for a job may be there a moment later. */
static int call_patiently(struct rknpu *rknpu, struct rknpu_submit *submit)
{
	const struct timespec pause = {.tv_nsec = NO_MEMORY_WAIT};
	int r = -ENOMEM;

	for (unsigned i = 0; i < NO_MEMORY_TRIES && r == -ENOMEM; i++) {
		struct rknpu_submit copy = *submit;

		if (i > 0)
			nanosleep(&pause, NULL);
		r = drm_node_command(&rknpu->node, RKNPU_SUBMIT, &copy, sizeof(copy));
		if (r != -ENOMEM)
			*submit = copy;
	}
	return r;
}

static enum rknpu_verdict submit_part(struct rknpu *rknpu, unsigned leader,
				      const struct rknpu_part *part)
{
	struct rknpu_run *run = &rknpu->runs[leader];
	struct rknpu_submit submit = {
		.flags = RKNPU_JOB_PC | RKNPU_JOB_PINGPONG,
		.timeout_ms = run->timeout_ms,
		.task_obj_addr = rknpu->descriptors[leader].token,
		.iommu_domain_id = run->domain,
		.core_mask = part->cores,
		.fence_fd = -1,
	};
	uint64_t start_ns;
	int r;

	submit.task_number = write_descriptors(rknpu, leader, part, &submit);
	start_ns = clock_now_ns();
	r = call_patiently(rknpu, &submit);
	run->error = r;
	/* The driver's own measure, where it has one: from the start, without the way there. */
	run->device_ns += r == 0 && submit.hw_elapse_time_ns > 0
				  ? (uint64_t)submit.hw_elapse_time_ns
				  : clock_now_ns() - start_ns;
	return judge(r);
}

static void count_done(struct rknpu_run *run, const struct rknpu_part *part)
{
	for (unsigned core = 0; core < RKNPU_CORES; core++) {
		if (part->cores & 1u << core)
			run->tasks_done[core] += part->n[core];
	}
}

/* Cores of which something is left behind `first`; how much of each goes down. */
static struct rknpu_part next_part(const struct rknpu_run *run, uint32_t first)
{
	const unsigned n_cores = (unsigned)__builtin_popcount(run->cores);
	struct rknpu_part part = {.first = first};

	for (unsigned core = 0; core < RKNPU_CORES; core++) {
		const struct device_batch *batch = &run->batches[core];
		uint32_t most = batch->is_chained ? RKNPU_TASKS_MAX / n_cores : 1;

		if (!(run->cores & 1u << core) || first >= batch->n_tasks)
			continue;
		part.cores |= 1u << core;
		part.n[core] = batch->n_tasks - first < most ? batch->n_tasks - first : most;
	}
	return part;
}

static uint32_t longest(const struct rknpu_part *part)
{
	uint32_t most = 0;

	for (unsigned core = 0; core < RKNPU_CORES; core++)
		most = part->n[core] > most ? part->n[core] : most;
	return most;
}

/*
 * Cores 0 and 1 start together, and all three. Where a gang has come down to cores that do not,
 * they meet no other any more, and go one after the other.
 */
static enum rknpu_verdict submit_together(struct rknpu *rknpu, unsigned leader,
					  const struct rknpu_part *part)
{
	const uint64_t startable = 1u << 1 | 1u << 2 | 1u << 4 | 1u << 3 | 1u << 7;
	enum rknpu_verdict verdict = RKNPU_COMPLETED;

	if (startable >> part->cores & 1)
		return submit_part(rknpu, leader, part);
	for (unsigned core = 0; core < RKNPU_CORES && verdict == RKNPU_COMPLETED; core++) {
		struct rknpu_part alone = *part;

		alone.cores &= 1u << core;
		if (alone.cores)
			verdict = submit_part(rknpu, leader, &alone);
	}
	return verdict;
}

void rknpu_run_batches(struct rknpu *rknpu, unsigned leader)
{
	struct rknpu_run *run = &rknpu->runs[leader];
	struct rknpu_part part = next_part(run, 0);

	run->verdict = RKNPU_COMPLETED;
	run->error = 0;
	run->device_ns = 0;
	for (unsigned core = 0; core < RKNPU_CORES; core++)
		run->tasks_done[core] = 0;
	while (part.cores && run->verdict == RKNPU_COMPLETED) {
		run->verdict = submit_together(rknpu, leader, &part);
		if (run->verdict == RKNPU_COMPLETED)
			count_done(run, &part);
		part = next_part(run, part.first + longest(&part));
	}
}
