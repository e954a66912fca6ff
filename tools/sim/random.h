/* SPDX-License-Identifier: MIT */
/*
 * Random numbers that are the same on every machine, and the same as those of Python's
 * random.Random, so that runs can be compared with models that are written in it.
 */
#ifndef NPU_SIM_RANDOM_H
#define NPU_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_RANDOM_WORDS    624
#define SIM_RANDOM_TEXT_MAX 200

struct sim_random {
	uint32_t words[SIM_RANDOM_WORDS];
	unsigned at;   /* the next word */
	double normal; /* the second of a pair */
	bool has_normal;
};

/* Random(number). */
void sim_random_init_number(struct sim_random *random, unsigned __int128 number);
/* Random(text) of ASCII that is not empty; SIM_RANDOM_TEXT_MAX bytes of it at most. */
void sim_random_init_text(struct sim_random *random, const char *text);

/* In [0, 1). */
double sim_random_unit(struct sim_random *random);
double sim_random_exponential(struct sim_random *random, double mean);
/* Mean 0, standard deviation 1. */
double sim_random_normal(struct sim_random *random);

#endif
