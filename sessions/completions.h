/* SPDX-License-Identifier: MIT */
/*
 * A session's completion socket: one packet per ended job, for clients that asked.
 *
 * What the socket does not take waits in a bounded ring; past its end the oldest is dropped and
 * counted, so a client that never reads costs a fixed amount.
 */
#ifndef NPUD_SESSIONS_COMPLETIONS_H
#define NPUD_SESSIONS_COMPLETIONS_H

#include "base/loop.h"
#include "npu_protocol.h"

#define COMPLETIONS_MAX 128

struct completions {
	struct loop_poll poll;
	int fd;			     /* owned; -1: none */
	struct npu_completion *ring; /* allocated with the first packet that has to wait */
	unsigned head, n;
	uint64_t lost;
};

/* Takes over `fd` ; -1 for a client without completion socket. */
void completions_init(struct completions *completions, struct loop *loop, int fd);
void completions_deinit(struct completions *completions);
void completions_push(struct completions *completions, const struct npu_completion *completion);

#endif
