/* SPDX-License-Identifier: MIT */
/*
 * What the user can see of all this. NPU_TRACE=FILE: a line for every call that was answered here,
 * with arguments and result. NPU_DEBUG=1: on stderr, why a call failed. NPU_RUN_CHECK=FILE: which
 * ioctls a program used, for `npu-run --check`.
 */
#ifndef NPU_DRM_TRACE_H
#define NPU_DRM_TRACE_H

#include <stdbool.h>

/* Reads the environment; once. */
void trace_init(void);

/* Whether trace_call() writes anything: arguments need not be put together otherwise. */
bool trace_is_on(void);
bool trace_is_checking(void);
/* The same for trace_explain(). */
bool trace_is_explaining(void);

/* "name(arguments) = result": keeps errno. */
void trace_call(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One line that says why: in the trace, and on stderr with NPU_DEBUG. Keeps errno. */
void trace_explain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* How many lines the calling thread has explained things with, written or not. */
unsigned trace_count_explained(void);
/* One line for `npu-run --check`. Keeps errno. */
void trace_check(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
