/* SPDX-License-Identifier: MIT */
/*
 * A stopwatch over two clocks, and the roofline model of a task's duration.
 */
#include "device/soft/clock.h"

#include "base/clock.h"

static uint64_t read_clock_ns(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) < 0)
		return 0;
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void soft_stopwatch_start(struct soft_stopwatch *watch, clockid_t cpu_clock)
{
	*watch = (struct soft_stopwatch){.cpu_clock = cpu_clock};
	watch->cpu_start_ns = read_clock_ns(cpu_clock);
}

void soft_stopwatch_wait(struct soft_stopwatch *watch)
{
	watch->is_stopped = false;
	watch->waiting_since_ns = clock_now_ns();
}

void soft_stopwatch_resume(struct soft_stopwatch *watch)
{
	soft_stopwatch_resume_after(watch, UINT64_MAX);
}

void soft_stopwatch_resume_after(struct soft_stopwatch *watch, uint64_t most_ns)
{
	uint64_t wait_ns = clock_now_ns() - watch->waiting_since_ns;

	watch->waited_ns += wait_ns < most_ns ? wait_ns : most_ns;
	watch->waiting_since_ns = 0;
}

uint64_t soft_stopwatch_read_ns(const struct soft_stopwatch *watch)
{
	uint64_t total_ns;

	if (watch->is_stopped)
		return watch->final_ns;
	total_ns = read_clock_ns(watch->cpu_clock) - watch->cpu_start_ns + watch->waited_ns;
	if (watch->waiting_since_ns > 0)
		total_ns += clock_now_ns() - watch->waiting_since_ns;
	return total_ns;
}

void soft_stopwatch_stop(struct soft_stopwatch *watch)
{
	watch->final_ns = soft_stopwatch_read_ns(watch);
	watch->is_stopped = true;
	watch->waiting_since_ns = 0;
}

uint64_t soft_work_duration_ns(const struct soft_work *work, const struct soft_options *options,
			       unsigned n_active)
{
	double share = options->total_bandwidth / (n_active > 0 ? n_active : 1);
	double bandwidth = share < options->core_bandwidth ? share : options->core_bandwidth;
	double compute_ns = 0;
	double transfer_ns = (double)work->bytes / bandwidth;

	if (work->macs_per_cycle > 0)
		compute_ns = (double)work->macs / (double)work->macs_per_cycle;
	return (uint64_t)(compute_ns > transfer_ns ? compute_ns : transfer_ns);
}
