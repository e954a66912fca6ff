/* SPDX-License-Identifier: MIT */
/*
 * Time in nanoseconds. Only the outermost layer reads the clock; everything below is given `now`.
 */
#ifndef NPUD_BASE_CLOCK_H
#define NPUD_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

/* "Never", as a point in time. */
#define CLOCK_NEVER UINT64_MAX

/* CLOCK_MONOTONIC: does not run while the machine is suspended. Thread-safe. */
uint64_t clock_now_ns(void);

#endif
