/* SPDX-License-Identifier: MIT */
/*
 * `npuctl doctor`: a list of checks, each with one line of result. First the machine, then the
 * daemon, then what the daemon's device really does. Every check adds its line and goes on.
 */
#ifndef NPU_TOOLS_NPUCTL_DOCTOR_H
#define NPU_TOOLS_NPUCTL_DOCTOR_H

#include "cli.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum doctor_result {
	DOCTOR_OK,
	DOCTOR_WARNING, /* works, but not as well as it could; or could not be checked */
	DOCTOR_FAILURE,
	DOCTOR_RESULT_COUNT
};

struct doctor_line {
	enum doctor_result result;
	char name[24];
	char text[320];
	char advice[256]; /* what to do; "" where nothing is */
};

#define DOCTOR_LINES_MAX 48

struct doctor {
	struct doctor_line lines[DOCTOR_LINES_MAX];
	unsigned n_lines;
	char driver[16]; /* of the NPU in this machine: "rknpu", "rocket"; "" without */
};

/* Adds a line, without control characters; past DOCTOR_LINES_MAX it is dropped. */
void doctor_add(struct doctor *doctor, const char *name, enum doctor_result result,
		const char *format, ...) __attribute__((format(printf, 4, 5)));
/* What to do about the line added last. */
void doctor_advise(struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
unsigned doctor_count(const struct doctor *doctor, enum doctor_result result);
/* One line per check and a summary, or one JSON object. */
void doctor_print(const struct doctor *doctor, bool is_json, FILE *out);

/*
 * Kernel, driver, node, IOMMU, fences, io_uring, limits. Reads files below `root`, which is "" for
 * the machine itself.
 */
void doctor_check_machine(struct doctor *doctor, const char *root);
/* Connection, cores, reset, isolation, statistics. `socket_path` NULL: the usual places. */
void doctor_check_daemon(struct doctor *doctor, const char *socket_path);
/* Of the above: everything that takes running jobs. */
void doctor_check_device(struct doctor *doctor, struct npu_session *session);
/* The daemon's statistics, to be dropped by the caller; NULL where there are none. */
json_t *doctor_ask_stats(struct npu_session *session);

/* The command: CLI_FAILED when there is a failure. */
enum cli_status npuctl_doctor(const char *socket_path, bool is_json);

#endif
