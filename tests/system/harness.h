/* SPDX-License-Identifier: MIT */
/*
 * System tests: each case runs in a process group and a directory of its own, and says its result
 * as TAP. A case that fails or takes too long is killed with all it started, and the logs of its
 * daemons are printed.
 *
 * Environment: NPUD, NPUCTL (the programs), NPU_TEST_LOOP (uring, epoll, auto),
 * NPU_TEST_SANITIZED (meson's b_sanitize: memory figures mean nothing unless it is "none"),
 * NPU_TEST_VALGRIND (set: NPUD is npud-valgrind, which slows down as a sanitizer does).
 */
#ifndef NPUD_TESTS_HARNESS_H
#define NPUD_TESTS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_case {
	const char *name;
	void (*run)(void);
	unsigned timeout_s; /* 0: 60 */
};

/* Runs all cases, or those named in argv; the exit status of the program. */
int harness_main(int argc, char **argv, const struct test_case *cases, size_t n);

/* The directory of the running case; short enough for socket paths below it. */
const char *harness_dir(void);
/* "DIR/name" in a buffer of 108 bytes. */
void harness_path(const char *name, char *ret_path);
/* Writes a file below the directory. */
void harness_write(const char *path, const char *text);
/* Ends the case: it cannot be run here. The reason is part of the result. */
_Noreturn void harness_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void harness_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Whether npud is slowed down and takes more memory: by a sanitizer or by valgrind. */
bool harness_is_sanitized(void);
/* By that one: "address", "thread", "undefined", "valgrind". */
bool harness_is_sanitized_by(const char *sanitizer);
/* Whether daemons run on `soft` where a test does not say on what: NPU_TEST_DEVICE. */
bool harness_has_soft(void);
/* Whether they run on that device. */
bool harness_has_device(const char *name);
/* Skips the case where they do not run on `soft`. */
void harness_needs_soft(const char *reason);
/* Skips the case on that device. */
void harness_skip_on(const char *device, const char *reason);
/* Whether the kernel driver below npud does what nobody can foresee: NPU_PERSONALITY. */
bool harness_driver_misbehaves(void);
/* CLOCK_MONOTONIC. */
uint64_t harness_now_ns(void);
/* A reproducible random number; `state` is the seed and is advanced. */
uint32_t harness_random(uint64_t *state);

#define SECOND_NS 1000000000ull
#define MS_NS	  1000000ull

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			harness_fail(__FILE__, __LINE__, "%s", #condition);                        \
	} while (0)

/* For integers of any type: both values are in the message. */
#define REQUIRE_EQ(left, right)                                                                    \
	do {                                                                                       \
		long long left_value = (long long)(left), right_value = (long long)(right);        \
                                                                                                   \
		if (left_value != right_value)                                                     \
			harness_fail(__FILE__, __LINE__, "%s is %lld, not %s (%lld)", #left,       \
				     left_value, #right, right_value);                             \
	} while (0)

#define REQUIRE_HAS(text, part)                                                                    \
	do {                                                                                       \
		if (!strstr(text, part))                                                           \
			harness_fail(__FILE__, __LINE__, "no \"%s\" in: %s", part, text);          \
	} while (0)

#define HARNESS_CASE(function)                                                                     \
	{                                                                                          \
		.name = #function, .run = function                                                 \
	}

#endif
