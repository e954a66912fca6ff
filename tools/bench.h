/* SPDX-License-Identifier: MIT */
/*
 * npu-bench's benches: each brings up what it measures, prints one result, and takes it down again.
 */
#ifndef NPU_TOOLS_BENCH_H
#define NPU_TOOLS_BENCH_H

#include "cli.h"
#include "npu.h"

#include <jansson.h>
#include <sched.h>
#include <stdbool.h>

struct bench_options {
	bool is_json;
	const char *socket_path; /* NULL: a daemon of its own */
	const char *loop;	 /* of that daemon; NULL: auto */
	uint64_t seconds;	 /* 0: the bench's default */
	uint64_t count;		 /* likewise */
};

enum cli_status bench_latency(const struct bench_options *options);
enum cli_status bench_throughput(const struct bench_options *options);
enum cli_status bench_sessions(const struct bench_options *options);
enum cli_status bench_memory(const struct bench_options *options);
enum cli_status bench_neighbour(const struct bench_options *options);
enum cli_status bench_flood(const struct bench_options *options);
enum cli_status bench_check(const struct bench_options *options);
enum cli_status bench_slices(const struct bench_options *options);
enum cli_status bench_decision(const struct bench_options *options);
/* Built where oneDNN is. CLI_FAILED also when a target is missed. */
enum cli_status bench_soft(const struct bench_options *options);

/*
 * Puts this process, and those it starts from now on, on the first or the last of the CPUs that it
 * may use. With a single one nothing changes.
 */
void bench_pin(const cpu_set_t *allowed, bool to_last);

/* Prints a result as JSON and drops the reference. */
enum cli_status bench_print_json(json_t *result);
/* CLOCK_MONOTONIC */
uint64_t bench_now_ns(void);

/* ---- samples ---- */

struct bench_samples {
	double *values; /* owned */
	size_t n, capacity;
};

/* -ENOMEM */
int bench_samples_init(struct bench_samples *samples, size_t capacity);
void bench_samples_deinit(struct bench_samples *samples);
/* Values past the capacity are dropped. */
void bench_samples_add(struct bench_samples *samples, double value);
/* The value below which that share (0 to 1) of the samples lie; sorts them. 0 without samples. */
double bench_samples_quantile(struct bench_samples *samples, double share);

/*
 * Submits empty jobs one after the other, each once the fence of the one before has signalled, and
 * adds the time of each round trip to both (ns). The first error of libnpu ends it.
 */
int bench_round_trips(struct npu_session *session, unsigned n_rounds, struct bench_samples *block,
		      struct bench_samples *all);

#endif
