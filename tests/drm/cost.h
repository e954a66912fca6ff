/* SPDX-License-Identifier: MIT */
/* How long a call takes, for script/bench. */
#ifndef NPUD_TESTS_DRM_COST_H
#define NPUD_TESTS_DRM_COST_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define COST_ROUNDS 5

static inline uint64_t cost_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Prints "name ns": the best round, as what else the machine does only adds. */
static inline void cost_measure(const char *name, void (*call)(int), int fd, unsigned n_calls)
{
	uint64_t best_ns = UINT64_MAX;

	for (int round = 0; round < COST_ROUNDS; round++) {
		uint64_t start_ns = cost_now_ns(), used_ns;

		for (unsigned i = 0; i < n_calls; i++)
			call(fd);
		used_ns = cost_now_ns() - start_ns;
		best_ns = used_ns < best_ns ? used_ns : best_ns;
	}
	printf("%s %.1f\n", name, (double)best_ns / n_calls);
}

#endif
