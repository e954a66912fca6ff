/* SPDX-License-Identifier: MIT */
/*
 * What the test clients of npu-run share. They are programs such as users have: they know the
 * drivers' ABI and nothing of npud, and are built without sanitizers.
 */
#ifndef NPUD_TESTS_DRM_CLIENT_H
#define NPUD_TESTS_DRM_CLIENT_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s (errno: %s)\n", __FILE__, __LINE__, #condition, \
				strerror(errno));                                                  \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

#define CHECK_EQ(left, right)                                                                      \
	do {                                                                                       \
		long long left_ = (long long)(left), right_ = (long long)(right);                  \
                                                                                                   \
		if (left_ != right_) {                                                             \
			fprintf(stderr, "%s:%d: %s is %lld, not %lld (errno: %s)\n", __FILE__,     \
				__LINE__, #left, left_, right_, strerror(errno));                  \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* The call fails with that errno. */
#define CHECK_FAILS(call, error)                                                                   \
	do {                                                                                       \
		errno = 0;                                                                         \
		CHECK_EQ((long)(call), -1);                                                        \
		CHECK_EQ(errno, error);                                                            \
	} while (0)

struct client_case {
	const char *name;
	void (*run)(void);
};

#define CLIENT_CASE(function)                                                                      \
	{                                                                                          \
		.name = #function, .run = function                                                 \
	}

/* Runs the named case; the exit status of the program. Without a name, lists all. */
static inline int client_main(int argc, char **argv, const struct client_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (argc < 2)
			puts(cases[i].name);
		else if (strcmp(argv[1], cases[i].name) == 0) {
			cases[i].run();
			puts("ok");
			return 0;
		}
	}
	return argc < 2 ? 0 : 2;
}

#endif
