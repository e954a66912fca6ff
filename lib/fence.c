/* SPDX-License-Identifier: MIT */
/* A fence is a pipe nobody writes to: its end of file says "over", its mode says how. */
#include "clock.h"
#include "error.h"
#include "npu.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

static int fence_outcome(int fence, enum npu_outcome *ret_outcome)
{
	struct stat status;

	if (fstat(fence, &status) < 0 || !S_ISFIFO(status.st_mode) ||
	    (status.st_mode & NPU_FENCE_MODE_MASK) >= NPU_OUTCOME_COUNT)
		return libnpu_error(-EBADF, "descriptor %d is not a fence", fence);
	*ret_outcome = (enum npu_outcome)(status.st_mode & NPU_FENCE_MODE_MASK);
	return 0;
}

int npu_fence_wait(int fence, int64_t timeout_ns, enum npu_outcome *ret_outcome)
{
	uint64_t deadline_ns = libnpu_clock_deadline(timeout_ns);
	struct pollfd waited = {.fd = fence, .events = POLLIN};
	enum npu_outcome outcome = NPU_OUTCOME_PENDING;
	int r;

	r = fence_outcome(fence, &outcome);
	if (r < 0)
		return r;
	do {
		r = libnpu_clock_poll(&waited, 1, deadline_ns);
	} while (r == -EINTR);
	if (r < 0)
		return libnpu_error(r, "cannot wait for fence %d: %s", fence, strerror(-r));
	if (r == 0)
		return libnpu_error(-ETIMEDOUT, "fence %d is not signalled yet", fence);
	r = fence_outcome(fence, &outcome);
	if (r < 0)
		return r;
	if (outcome == NPU_OUTCOME_PENDING)
		return libnpu_error(-ECONNRESET, "npud died before the job ended");
	*ret_outcome = outcome;
	return 0;
}
