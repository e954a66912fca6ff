/* SPDX-License-Identifier: MIT */
/*
 * Fences: descriptors that say once, and for good, that a job has ended and how.
 *
 * A fence is a pipe into which nothing is ever written. npud holds the write end, clients the read
 * end. Signalling sets the inode's mode to the outcome and closes the write end: every holder of
 * the read end polls readable (POLLHUP) from then on, whatever the others do; nobody can write,
 * undo or consume it. When npud dies the kernel closes the write end, and the mode still says 0.
 */
#ifndef NPUD_SESSIONS_FENCE_H
#define NPUD_SESSIONS_FENCE_H

#include "npu_protocol.h"

#include <stdbool.h>
#include <stdint.h>

struct fence {
	int write_fd; /* -1: none, or signalled */
};

#define FENCE_INIT ((struct fence){.write_fd = -1})

/* Makes a pending fence and its first read end, which the caller owns. -EMFILE, -ENFILE, -ENOMEM.
 */
int fence_init(struct fence *fence, int *ret_read_fd);
/* Whether nobody has a read end any more. */
bool fence_is_abandoned(const struct fence *fence);
/* Signals, once; a fence without descriptor does nothing. */
void fence_signal(struct fence *fence, enum npu_outcome outcome);

/*
 * Somebody's fence, to be waited for: npud's own kind, or a kernel sync_file. -EINVAL for any other
 * descriptor.
 */
int fence_check(int fd);
/* What to poll it for: npud's own ends by hang-up, which every poll reports unasked. */
uint32_t fence_poll_events(int fd);
/* NPU_OUTCOME_PENDING while it is; else how it ended (a sync_file's error counts as dependency). */
enum npu_outcome fence_outcome(int fd);

#endif
