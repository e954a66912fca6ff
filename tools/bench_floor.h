/* SPDX-License-Identifier: MIT */
/*
 * The floor under npud's latency: a bare server process that answers each request of 128 bytes with
 * 64 bytes and one new descriptor, the read end of a pipe, as a job with a fence needs at least.
 */
#ifndef NPU_TOOLS_BENCH_FLOOR_H
#define NPU_TOOLS_BENCH_FLOOR_H

#include <sys/types.h>

struct bench_floor {
	int socket;
	pid_t pid;
};

/* -errno of socketpair() or fork(). */
int bench_floor_start(struct bench_floor *floor);
void bench_floor_stop(struct bench_floor *floor);
/* One round trip, the descriptor closed. */
int bench_floor_call(const struct bench_floor *floor);

#endif
