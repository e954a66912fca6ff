/* SPDX-License-Identifier: MIT */
/*
 * What a call costs a client: submit an empty job, wait for its fence, close it.
 */
#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

static int call_npud(struct npu_session *session)
{
	const struct npu_job job = {.duration_ns = 0};
	int fence;
	int result = npu_submit(session, &job, NULL, &fence);
	if (result < 0)
		return result;
	struct pollfd pollfd = {.fd = fence, .events = POLLIN};
	while (poll(&pollfd, 1, -1) < 0 && errno == EINTR)
		;
	close(fence);
	return 0;
}

int bench_round_trips(struct npu_session *session, unsigned n_rounds, struct bench_samples *block,
		      struct bench_samples *all)
{
	for (unsigned i = 0; i < n_rounds; i++) {
		uint64_t start_ns = bench_now_ns();
		int result = call_npud(session);
		if (result < 0)
			return result;
		double time_ns = (double)(bench_now_ns() - start_ns);
		bench_samples_add(block, time_ns);
		bench_samples_add(all, time_ns);
	}
	return 0;
}
