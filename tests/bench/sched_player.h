/* SPDX-License-Identifier: MIT */
/*
 * One session of a scenario, played in real time over libnpu: the client that the simulator's
 * engine simulates.
 */
#ifndef NPUD_TESTS_SCHED_PLAYER_H
#define NPUD_TESTS_SCHED_PLAYER_H

#include "tools/sim/engine.h"

#define PLAYER_LATENCIES_MAX 262144u

/* What one session came to; in memory that is shared with the process that compares. */
struct player_result {
	uint64_t n_deadlines, n_missed;
	size_t n_latencies;
	uint32_t latencies_us[PLAYER_LATENCIES_MAX]; /* of jobs that ended well */
};

struct player_args {
	const struct sim_engine *engine; /* initialised, not run: it has the seeds */
	const struct sim_session *session;
	const char *socket_path;
	uint64_t start_ns; /* by player_now_ns() */
};

/* CLOCK_MONOTONIC */
uint64_t player_now_ns(void);
/* Until the horizon and the last job's end. An exit status; says what went wrong. */
int player_run(const struct player_args *args, struct player_result *result);

#endif
