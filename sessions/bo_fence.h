/* SPDX-License-Identifier: MIT */
/*
 * A fence for memory instead of a job: signalled once the jobs that wrote it when the fence was
 * asked for are over, in whichever sessions, with the outcome of the last one.
 */
#ifndef NPUD_SESSIONS_BO_FENCE_H
#define NPUD_SESSIONS_BO_FENCE_H

#include "npu_protocol.h"

struct handle;
struct session;

/*
 * A read end, the caller's; until it is signalled it is charged to the session. EDQUOT
 * (fences_per_session), ENOMEM, EMFILE with *error.
 */
int bo_fence_new(struct session *session, struct handle *handle, int *ret_fd,
		 struct npu_error *error);
/* The session ends: those that it waits for will not be signalled in time for it. */
void bo_fences_drop(struct session *session);

#endif
