/* SPDX-License-Identifier: MIT */
/*
 * What all command-line tools share: exit status, the one form of error message, figures for
 * people, and the way to the daemon.
 */
#ifndef NPU_TOOLS_CLI_H
#define NPU_TOOLS_CLI_H

#include "npu.h"

#include <stddef.h>
#include <stdint.h>

enum cli_status {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_NO_DAEMON = 3, /* cannot reach or start it */
	CLI_REFUSED = 4,   /* permission, quota */
};

/* Prints "PROGRAM: message" as one line on stderr and returns `status`. */
enum cli_status cli_error(enum cli_status status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same for a libnpu call that failed: "PROGRAM: what: why"; the status follows from `error`. */
enum cli_status cli_error_npu(int error, const char *what);

/* Connects; prints why not and how to start npud. `socket_path` NULL: the usual places. */
enum cli_status cli_connect(const char *socket_path, struct npu_session **ret_session);
/* The same as a class; NULL: as the policy says. */
enum cli_status cli_connect_as(const char *socket_path, const char *class_name,
			       struct npu_session **ret_session);

/* Path of a program: beside this one's executable if it is there, else `name` alone, for PATH. */
void cli_find_program(const char *name, char *ret_path, size_t size);

/* A decimal number within [min, max]; -EINVAL for anything else. */
int cli_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

/* "1.5 MiB"; "2.31 ms". Return `buffer`. */
const char *cli_format_bytes(uint64_t bytes, char *buffer, size_t size);
const char *cli_format_ns(uint64_t time_ns, char *buffer, size_t size);

#endif
