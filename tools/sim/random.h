/* SPDX-License-Identifier: MIT */
/* Random numbers that are the same on every machine: SplitMix64. */
#ifndef NPU_SIM_RANDOM_H
#define NPU_SIM_RANDOM_H

#include <math.h>
#include <stdint.h>

struct sim_random {
	uint64_t counter;
};

static inline uint64_t sim_random_u64(struct sim_random *random)
{
	uint64_t z = random->counter += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* A generator of its own for each pair of numbers. */
static inline struct sim_random sim_random_for(uint64_t seed, uint64_t stream)
{
	struct sim_random random = {seed * 0xd1342543de82ef95ull ^ stream};

	random.counter = sim_random_u64(&random) + stream;
	return random;
}

/* In [0, 1). */
static inline double sim_random_unit(struct sim_random *random)
{
	return (double)(sim_random_u64(random) >> 11) * 0x1p-53;
}

static inline double sim_random_exponential(struct sim_random *random, double mean)
{
	return -mean * log(1 - sim_random_unit(random));
}

/* Mean 0, standard deviation 1. */
static inline double sim_random_normal(struct sim_random *random)
{
	double radius = sqrt(-2 * log(1 - sim_random_unit(random)));

	return radius * cos(2 * M_PI * sim_random_unit(random));
}

#endif
