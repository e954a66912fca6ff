/* SPDX-License-Identifier: MIT */
/* A client that sends what no library would. */
#ifndef NPUD_SOAK_MALFORMED_H
#define NPUD_SOAK_MALFORMED_H

#include "tests/system/daemon.h"

#include <stdint.h>

/*
 * One connection that sends messages with random bytes, lengths and descriptors until npud hangs
 * up or it has had enough. Each answer must be well formed. `seed` is advanced.
 */
void malformed_session(const struct daemon *daemon, uint64_t *seed);

#endif
