/* SPDX-License-Identifier: MIT */
/* What the examples have in common: exit statuses, errors on stderr, connecting. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include "npu.h"

#include <stdbool.h>

enum example_status {
	EXAMPLE_OK = 0,
	EXAMPLE_FAILED = 1,
	EXAMPLE_USAGE = 2,
	EXAMPLE_NO_DAEMON = 3,
	EXAMPLE_REFUSED = 4, /* permission, quota */
};

/* Prints "PROGRAM: what: npu_last_error()" and returns the exit status for `error`. */
int example_fail(const char *program, const char *what, int error);

/* Connects, or says why not and what to do about it. Returns an exit status. */
int example_open(const char *program, const char *socket_path, struct npu_session **ret_session);

/* True after --help, which is served then. */
bool example_prints_help(int argc, char **argv, const char *usage);

/* The same as example_open() for programs whose only option is --socket PATH; exits after --help.
 */
int example_start(const char *program, int argc, char **argv, struct npu_session **ret_session);

#endif
