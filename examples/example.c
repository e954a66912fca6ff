/* SPDX-License-Identifier: MIT */
/* One line on stderr says what went wrong and why; a missing daemon gets a hint. */
#include "example.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int example_fail(const char *program, const char *what, int error)
{
	fprintf(stderr, "%s: %s: %s\n", program, what, npu_last_error());
	switch (error) {
	case -EDQUOT:
	case -EPERM:
	case -EACCES:
		return EXAMPLE_REFUSED;
	case -ECONNRESET:
		return EXAMPLE_NO_DAEMON;
	default:
		return EXAMPLE_FAILED;
	}
}

int example_open(const char *program, const char *socket_path, struct npu_session **ret_session)
{
	struct npu_open_args args = {.socket_path = socket_path};
	int r = npu_open(&args, ret_session);

	if (r == -ENOENT || r == -ECONNREFUSED) {
		fprintf(stderr, "%s: npud: %s; start it with `npud &` or name its --socket\n",
			program, npu_last_error());
		return EXAMPLE_NO_DAEMON;
	}
	return r < 0 ? example_fail(program, "npud", r) : EXAMPLE_OK;
}

bool example_prints_help(int argc, char **argv, const char *usage)
{
	if (argc != 2 || (strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0))
		return false;
	fputs(usage, stdout);
	return true;
}

int example_start(const char *program, int argc, char **argv, struct npu_session **ret_session)
{
	const char *socket_path = NULL;
	char usage[128];

	snprintf(usage, sizeof(usage), "usage: %s [--socket PATH]\n", program);
	if (example_prints_help(argc, argv, usage))
		exit(EXAMPLE_OK);
	if (argc == 3 && strcmp(argv[1], "--socket") == 0) {
		socket_path = argv[2];
	} else if (argc != 1) {
		fputs(usage, stderr);
		return EXAMPLE_USAGE;
	}
	return example_open(program, socket_path, ret_session);
}
