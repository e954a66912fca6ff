/* SPDX-License-Identifier: MIT */
/*
 * The daemon dies, or is told to end: what its clients see, and what is left behind.
 */
#include "client.h"
#include "harness.h"
#include "npu.h"
#include "streams.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT_ONCE_NS (2 * SECOND_NS) /* far more than it takes, far less than any timeout here */

static struct npu_session *open_session(const struct daemon *daemon)
{
	struct npu_open_args args = {.socket_path = daemon->socket};
	struct npu_session *session;

	if (npu_open(&args, &session) < 0)
		harness_fail(__FILE__, __LINE__, "npu_open: %s", npu_last_error());
	return session;
}

static unsigned count_own_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	REQUIRE(dir != NULL);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static unsigned count_own_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned n = 0;

	if (!file)
		harness_fail(__FILE__, __LINE__, "/proc cannot be read");
	while (fgets(line, sizeof(line), file))
		n += strstr(line, "memfd:npud") != NULL;
	fclose(file);
	return n;
}

/* ---- kill -9 ---- */

struct waiter {
	struct npu_session *session;
	uint64_t seqno;
	int result;
};

static void *wait_for_job(void *context)
{
	struct waiter *waiter = context;
	struct npu_result result;

	waiter->result = npu_wait(waiter->session, waiter->seqno, -1, &result);
	return NULL;
}

static void every_waiter_hears_of_the_end(void)
{
	const struct npu_job job = {.duration_ns = UINT64_MAX, .timeout_ns = 3600 * SECOND_NS};
	enum npu_outcome outcome;
	struct waiter waiter;
	struct daemon daemon;
	pthread_t thread;
	struct pollfd poll_fd;
	uint64_t start_ns;
	int running, queued;

	daemon_start(&(struct daemon_options){.device = "timing"}, &daemon);
	waiter.session = open_session(&daemon);
	REQUIRE_EQ(npu_submit(waiter.session, &job, NULL, &running), 0);
	REQUIRE_EQ(npu_submit(waiter.session, &job, NULL, &queued), 0);
	REQUIRE_EQ(npu_submit(waiter.session, &job, &waiter.seqno, NULL), 0);
	REQUIRE_EQ(pthread_create(&thread, NULL, wait_for_job, &waiter), 0);
	start_ns = harness_now_ns();
	daemon_signal(&daemon, SIGKILL);
	REQUIRE_EQ(npu_fence_wait(running, -1, &outcome), -ECONNRESET);
	REQUIRE_EQ(npu_fence_wait(queued, -1, &outcome), -ECONNRESET);
	REQUIRE_EQ(pthread_join(thread, NULL), 0);
	REQUIRE_EQ(waiter.result, -ECONNRESET);
	poll_fd = (struct pollfd){npu_completion_fd(waiter.session), POLLIN, 0};
	REQUIRE_EQ(poll(&poll_fd, 1, -1), 1);
	REQUIRE_EQ(npu_submit(waiter.session, &job, NULL, NULL), -ECONNRESET);
	REQUIRE(harness_now_ns() - start_ns < AT_ONCE_NS);
	daemon_wait(&daemon);
	npu_close(waiter.session);
	close(running);
	close(queued);
}

static void reconnects_when_asked_to(void)
{
	const struct npu_job job = {.duration_ns = MS_NS};
	struct npu_session *session;
	struct npu_result result;
	struct daemon daemon;
	struct npu_bo bo;
	uint64_t seqno;
	char *text;
	unsigned n_fds = count_own_fds();

	daemon_start(&(struct daemon_options){.device = "timing"}, &daemon);
	session = open_session(&daemon);
	REQUIRE_EQ(npu_reconnect(session, 0), 0);
	REQUIRE_EQ(npu_bo_create(session, 8192, 0, &bo), 0);
	daemon_signal(&daemon, SIGKILL);
	daemon_wait(&daemon);
	/* The kernel lets go of what a ring polled a moment after its process. */
	REQUIRE_EQ(npu_stats(session, &text), -ECONNRESET);
	/* Handles of the old session mean nothing in the next one. */
	REQUIRE_EQ(npu_reconnect(session, 0), -EBUSY);
	REQUIRE_EQ(npu_bo_close(session, &bo), -ECONNRESET);
	REQUIRE_EQ(npu_reconnect(session, 50 * MS_NS), -ECONNREFUSED);
	REQUIRE_EQ(npu_submit(session, &job, &seqno, NULL), -ECONNRESET);
	REQUIRE_EQ(npu_completion_next(session, &result), -ECONNRESET);
	/* It waits for the daemon, which is there at once. */
	daemon_launch(&(struct daemon_options){.device = "timing"}, &daemon);
	REQUIRE_EQ(npu_reconnect(session, -1), 0);
	REQUIRE_EQ(npu_submit(session, &job, &seqno, NULL), 0);
	REQUIRE_EQ(npu_wait(session, seqno, -1, &result), 0);
	REQUIRE_EQ(result.outcome, NPU_OUTCOME_OK);
	REQUIRE_EQ(npu_bo_create(session, 8192, 0, &bo), 0);
	REQUIRE_EQ(npu_bo_close(session, &bo), 0);
	npu_close(session);
	daemon_stop(&daemon);
	/* The log and the pidfd are the harness's. */
	REQUIRE_EQ(count_own_fds(), n_fds);
	REQUIRE_EQ(count_own_maps(), 0);
}

#define N_WORKERS 4
#define N_KILLS	  12

struct worker {
	struct npu_session *session; /* open before anybody is killed */
	pthread_t thread;
};

/* Buffers, jobs and waits in a loop, until the daemon is gone; nothing else may go wrong. */
static int work_once(struct npu_session *session)
{
	const struct npu_job job = {.duration_ns = 100000};
	struct npu_result result;
	struct npu_bo bo;
	uint64_t seqno;
	int fence = -1, r, closed;

	r = npu_bo_create(session, 65536, 0, &bo);
	if (r < 0)
		return r;
	memset(bo.map, 1, bo.size);
	r = npu_submit(session, &job, NULL, &fence);
	if (r == 0)
		close(fence);
	if (r == 0)
		r = npu_submit(session, &job, &seqno, NULL);
	if (r == 0)
		r = npu_wait(session, seqno, -1, &result);
	closed = npu_bo_close(session, &bo);
	return r < 0 ? r : closed;
}

static void *worker_run(void *context)
{
	const struct worker *worker = context;
	int r;

	do
		r = work_once(worker->session);
	while (r == 0);
	REQUIRE_EQ(r, -ECONNRESET);
	npu_close(worker->session);
	return NULL;
}

static void wait_for_requests(const struct daemon *daemon, uint64_t n)
{
	struct client observer;

	client_open(daemon, &observer);
	for (;;) {
		json_t *stats = client_stats(&observer);
		const uint64_t n_requests = stats_number(stats, "io.requests");

		json_decref(stats);
		if (n_requests >= n)
			break;
	}
	client_close(&observer);
}

static void killed_at_any_moment(void)
{
	struct worker workers[N_WORKERS];
	uint64_t seed = 20261121, start_ns;
	struct daemon daemon;
	unsigned n_fds = count_own_fds();

	for (unsigned round = 0; round < N_KILLS; round++) {
		/* On the socket that the last one left behind. */
		daemon_start(&(struct daemon_options){.device = "timing", .log_level = "info"},
			     &daemon);
		for (unsigned i = 0; i < N_WORKERS; i++) {
			workers[i] = (struct worker){.session = open_session(&daemon)};
			REQUIRE_EQ(
				pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]),
				0);
		}
		wait_for_requests(&daemon, 100 + harness_random(&seed) % 400);
		start_ns = harness_now_ns();
		daemon_signal(&daemon, SIGKILL);
		for (unsigned i = 0; i < N_WORKERS; i++)
			REQUIRE_EQ(pthread_join(workers[i].thread, NULL), 0);
		REQUIRE(harness_now_ns() - start_ns < AT_ONCE_NS);
		REQUIRE_EQ(daemon_wait(&daemon), 128 + SIGKILL);
		REQUIRE_EQ(count_own_fds(), n_fds);
		REQUIRE_EQ(count_own_maps(), 0);
	}
}

/* ---- SIGTERM ---- */

static void drain_has_a_bound(void)
{
	struct daemon daemon;
	struct client client;
	uint64_t start_ns;
	int fence;

	daemon_start(&(struct daemon_options){.device = "timing",
					      .arguments = {"--drain-timeout", "0.2"},
					      .config = "{\"version\": 1, \"watchdog\":"
							" {\"cap_ms\": 3600000,"
							" \"unknown_ms\": 3600000}}"},
		     &daemon);
	client_open(&daemon, &client);
	timed_submit(&client, UINT64_MAX, 0, &fence);
	start_ns = harness_now_ns();
	daemon_stop(&daemon);
	REQUIRE(harness_now_ns() - start_ns >= 200 * MS_NS);
	REQUIRE_EQ(fence_wait(fence), NPU_OUTCOME_CANCELLED);
	REQUIRE_HAS(daemon_read_log(&daemon), "--drain-timeout");
}

static const struct test_case cases[] = {
	HARNESS_CASE(every_waiter_hears_of_the_end),
	HARNESS_CASE(reconnects_when_asked_to),
	HARNESS_CASE(killed_at_any_moment),
	HARNESS_CASE(drain_has_a_bound),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
