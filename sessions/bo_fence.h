/* SPDX-License-Identifier: MIT */
/*
 * A fence for memory instead of a job: signalled once the jobs that write it when the fence is
 * asked for are over, in whichever sessions, with the outcome of the write that ended last.
 */
#ifndef NPUD_SESSIONS_BO_FENCE_H
#define NPUD_SESSIONS_BO_FENCE_H

#include "npu_protocol.h"

struct handle;
struct session;

/*
 * A read end, the caller's; until it is signalled, or nobody has it any more, it is charged to the
 * session. EDQUOT (fences_per_session, ...): memory that is written just now. ENOMEM, EMFILE. All
 * with *error.
 */
int bo_fence_new(struct session *session, struct handle *handle, int *ret_fd,
		 struct npu_error *error);
/* The session ends: its fences may be with others, so they stay, charged to its user. */
void bo_fences_leave(struct session *session);

#endif
