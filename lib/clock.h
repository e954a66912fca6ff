/* SPDX-License-Identifier: MIT */
/* Deadlines on the monotonic clock. UINT64_MAX is "never". */
#ifndef LIBNPU_CLOCK_H
#define LIBNPU_CLOCK_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* When a wait of `timeout_ns` that starts now is over; negative: never. */
uint64_t libnpu_clock_deadline(int64_t timeout_ns);
/* As poll() until the deadline: number of ready descriptors, 0 at the deadline, -errno. */
int libnpu_clock_poll(struct pollfd *fds, unsigned n_fds, uint64_t deadline_ns);
bool libnpu_clock_is_past(uint64_t deadline_ns);
struct timespec libnpu_clock_timespec(uint64_t deadline_ns);

#endif
