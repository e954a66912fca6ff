/* SPDX-License-Identifier: MIT */
/*
 * Runs a fixture on npud and checks what comes out.
 */
#ifndef NPU_TOOLS_REPLAY_RUN_H
#define NPU_TOOLS_REPLAY_RUN_H

#include "npu.h"
#include "replay_check.h"

/* One check, done or not. */
struct replay_verdict {
	bool is_passed;
	struct replay_comparison comparison;
	struct replay_error why; /* "" where the comparison says it all */
};

struct replay_report {
	struct replay_fixture fixture;
	struct replay_verdict *verdicts; /* fixture.n_checks */
	size_t n_passed;
	/* What went wrong apart from comparisons, the first one; "" if nothing. */
	struct replay_error error;
};

/*
 * Replays the folder's submits on a session of its own. 0 also when checks fail; -EINVAL when the
 * folder can't be replayed (report->error says why); -ECONNRESET when npud is gone.
 */
int replay_run(struct npu_session *session, const char *folder, struct replay_report *ret_report);
void replay_report_deinit(struct replay_report *report);

#endif
