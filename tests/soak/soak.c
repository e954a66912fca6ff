/* SPDX-License-Identifier: MIT */
/*
 * A long day in little: clients that come, compute, hang, stray, and go or are killed, one after
 * the other in several lanes. Every choice follows from the seed; the daemon's memory and
 * descriptors must not grow, and nothing of anybody may be left at the end.
 *
 * Environment: NPU_SOAK_SECONDS (60), NPU_SOAK_SEED (1), NPU_SOAK_DEVICE (soft).
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_SPACES	 16 /* of a driver */
#define N_LANES		 6
#define WATCH_MS	 1000
#define RSS_GROWTH_BYTES (4u << 20)
#define STEPS_MAX	 40

struct lane {
	pid_t pid;
	int pidfd;
	bool is_doomed; /* to be killed at `kill_ns` */
	uint64_t kill_ns;
	uint64_t seed;
};

struct soak {
	struct daemon daemon;
	bool runs_streams;
	struct lane lanes[N_LANES];
	uint64_t n_clients, n_killed;
	uint64_t rss_bytes; /* after warming up */
	unsigned n_fds;	    /* with no client but the observer */
};

static uint64_t setting(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 10) : fallback;
}

static const char *device_name(void)
{
	const char *name = getenv("NPU_SOAK_DEVICE");

	return name && *name ? name : "soft";
}

/* ---- one client ---- */

static void step_stray(struct client *client, struct matmul *job)
{
	struct stream_addresses nowhere = {0x7f000000, 0x7f000000, 0x7f000000};
	struct stream stream;
	struct matmul stray = *job;

	matmul_init(client, 0, 1, 1, &stray);
	stream_matmul(&nowhere, &stream);
	matmul_set_stream(&stray, &stream);
	client_wait_outcome(client, matmul_submit(client, &stray, NULL), NPU_OUTCOME_PAGE_FAULT);
	client_bo_close(client, &stray.bo);
}

static void step_hang(struct client *client)
{
	struct matmul memory;

	matmul_init(client, 0, 1, 1, &memory);
	client_wait_outcome(client, hang_submit(client, &memory, 0, 20 * MS_NS, NULL),
			    NPU_OUTCOME_HANG);
	client_bo_close(client, &memory.bo);
}

static void step_on_streams(struct client *client, struct matmul *job, uint32_t choice)
{
	struct client_bo bo;

	if (choice < 70) {
		matmul_check(client, job);
	} else if (choice < 85) {
		client_bo_new(client, 4096 + choice * 10000ull, &bo);
		client_bo_close(client, &bo);
	} else if (choice < 95) {
		step_stray(client, job);
	} else if (choice < 97) {
		step_hang(client);
	} else {
		matmul_submit(client, job, NULL);
		raise(SIGKILL);
	}
}

static void step_on_timing(struct client *client, uint32_t choice)
{
	int fence;

	if (choice < 90) {
		client_wait_outcome(client, timed_submit(client, choice * 10000ull, 0, NULL),
				    NPU_OUTCOME_OK);
	} else if (choice < 97) {
		timed_submit(client, choice * 10000ull, 0, &fence);
		REQUIRE_EQ(fence_wait(fence), NPU_OUTCOME_OK);
		client_completion(client, &(struct npu_completion){0});
		close(fence);
	} else {
		timed_submit(client, 5 * MS_NS, 0, NULL);
		raise(SIGKILL);
	}
}

static _Noreturn void live(const struct daemon *daemon, bool runs_streams, uint64_t seed)
{
	unsigned n_steps = 1 + harness_random(&seed) % STEPS_MAX;
	struct client client;
	struct matmul job = {0};

	client_open(daemon, &client);
	if (runs_streams)
		matmul_init(&client, 0, (int8_t)(harness_random(&seed) % 100),
			    (int8_t)(harness_random(&seed) % 100), &job);
	for (unsigned i = 0; i < n_steps; i++) {
		if (runs_streams)
			step_on_streams(&client, &job, harness_random(&seed) % 100);
		else
			step_on_timing(&client, harness_random(&seed) % 100);
	}
	_exit(0);
}

/* ---- lanes ---- */

static void lane_start(struct soak *soak, struct lane *lane)
{
	uint64_t client_seed =
		(uint64_t)harness_random(&lane->seed) << 32 | harness_random(&lane->seed);

	lane->is_doomed = harness_random(&lane->seed) % 4 == 0;
	lane->kill_ns = harness_now_ns() + harness_random(&lane->seed) % 50 * MS_NS;
	lane->pid = fork();
	if (lane->pid == 0)
		live(&soak->daemon, soak->runs_streams, client_seed);
	REQUIRE(lane->pid > 0);
	lane->pidfd = (int)syscall(SYS_pidfd_open, lane->pid, 0);
	REQUIRE(lane->pidfd >= 0);
	soak->n_clients++;
}

static void lane_reap(struct soak *soak, struct lane *lane)
{
	int status;

	REQUIRE_EQ(waitpid(lane->pid, &status, 0), lane->pid);
	close(lane->pidfd);
	lane->pid = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		soak->n_killed++;
	else
		REQUIRE_EQ(status, 0);
}

static int lane_wait_ms(const struct lane *lane, uint64_t now_ns, int most_ms)
{
	uint64_t left_ms;

	if (!lane->is_doomed || !lane->pid)
		return most_ms;
	left_ms = lane->kill_ns > now_ns ? (lane->kill_ns - now_ns) / MS_NS + 1 : 0;
	return left_ms < (uint64_t)most_ms ? (int)left_ms : most_ms;
}

/* Waits for an end, kills who is due, fills the gaps while `goes_on`. */
static void turn(struct soak *soak, bool goes_on)
{
	struct pollfd poll_fds[N_LANES];
	uint64_t now_ns = harness_now_ns();
	int wait_ms = WATCH_MS;

	for (unsigned i = 0; i < N_LANES; i++) {
		struct lane *lane = &soak->lanes[i];

		if (!lane->pid && goes_on)
			lane_start(soak, lane);
		poll_fds[i] = (struct pollfd){.fd = lane->pid ? lane->pidfd : -1, .events = POLLIN};
		wait_ms = lane_wait_ms(lane, now_ns, wait_ms);
	}
	REQUIRE(poll(poll_fds, N_LANES, wait_ms) >= 0);
	now_ns = harness_now_ns();
	for (unsigned i = 0; i < N_LANES; i++) {
		struct lane *lane = &soak->lanes[i];

		if (poll_fds[i].revents) {
			lane_reap(soak, lane);
		} else if (lane->pid && lane->is_doomed && now_ns >= lane->kill_ns) {
			kill(lane->pid, SIGKILL);
			lane->is_doomed = false;
		}
	}
}

static bool lanes_are_empty(const struct soak *soak)
{
	for (unsigned i = 0; i < N_LANES; i++)
		if (soak->lanes[i].pid)
			return false;
	return true;
}

/* ---- the day ---- */

static void watch(const struct soak *soak, uint64_t begin_ns)
{
	printf("# %4" PRIu64 " s: %" PRIu64 " clients, %" PRIu64 " killed, %" PRIu64
	       " KiB, %u descriptors\n",
	       (uint64_t)((harness_now_ns() - begin_ns) / SECOND_NS), soak->n_clients,
	       soak->n_killed, daemon_rss_bytes(&soak->daemon) / 1024,
	       daemon_count_fds(&soak->daemon));
	REQUIRE(daemon_is_alive(&soak->daemon));
}

static void run_for(struct soak *soak, uint64_t begin_ns, uint64_t end_ns)
{
	uint64_t report_ns = begin_ns + 10 * SECOND_NS;

	while (harness_now_ns() < end_ns) {
		turn(soak, true);
		if (harness_now_ns() < report_ns)
			continue;
		watch(soak, begin_ns);
		report_ns += 10 * SECOND_NS;
	}
	while (!lanes_are_empty(soak))
		turn(soak, false);
}

/* Nothing is left of anybody. */
static void require_clean(struct soak *soak, struct client *observer)
{
	client_wait_stats(observer, "memory.bos", 0);
	client_wait_stats(observer, "memory.bytes", 0);
	client_wait_stats(observer, "scheduler.ready", 0);
	client_wait_stats(observer, "scheduler.waiting", 0);
	client_wait_descriptors(observer, &soak->daemon, soak->n_fds);
}

/* An emulated driver has descriptors for each, from its first use on. */
static void open_address_spaces(const struct daemon *daemon, struct client *observer)
{
	struct client clients[N_SPACES];
	struct client_bo bo;
	size_t n_sessions;
	json_t *stats;

	for (unsigned i = 0; i < N_SPACES; i++) {
		client_open(daemon, &clients[i]);
		client_bo_new(&clients[i], 4096, &bo);
		client_bo_close(&clients[i], &bo);
	}
	for (unsigned i = 0; i < N_SPACES; i++)
		client_close(&clients[i]);
	do {
		stats = client_stats(observer);
		n_sessions = json_array_size(json_object_get(stats, "sessions"));
		json_decref(stats);
	} while (n_sessions > 1);
}

static void soak_day(void)
{
	uint64_t seconds = setting("NPU_SOAK_SECONDS", 60), seed = setting("NPU_SOAK_SEED", 1);
	/* Its clients are all one user, who would soon be kept out. */
	struct daemon_options options = {.device = device_name(),
					 .log_level = "error",
					 .config = "{\"version\": 1, " DAEMON_LENIENT "}"};
	uint64_t begin_ns = harness_now_ns();
	struct soak soak = {0};
	struct client observer;

	daemon_start(&options, &soak.daemon);
	client_open(&soak.daemon, &observer);
	soak.runs_streams = observer.hello.runs_streams;
	json_decref(client_stats(&observer));
	if (strcmp(device_name(), "rknpu") == 0)
		open_address_spaces(&soak.daemon, &observer);
	soak.n_fds = daemon_count_fds(&soak.daemon);
	for (unsigned i = 0; i < N_LANES; i++)
		soak.lanes[i].seed = seed * N_LANES + i;
	/* A tenth of the time to warm up: what is allocated by then is there to stay. */
	run_for(&soak, begin_ns, begin_ns + seconds * SECOND_NS / 10);
	require_clean(&soak, &observer);
	soak.rss_bytes = daemon_rss_bytes(&soak.daemon);
	run_for(&soak, begin_ns, begin_ns + seconds * SECOND_NS);
	require_clean(&soak, &observer);
	watch(&soak, begin_ns);
	REQUIRE(harness_is_sanitized() ||
		daemon_rss_bytes(&soak.daemon) <= soak.rss_bytes + RSS_GROWTH_BYTES);
	daemon_stop(&soak.daemon);
}

int main(int argc, char **argv)
{
	const struct test_case cases[] = {
		{.name = "soak",
		 .run = soak_day,
		 .timeout_s = (unsigned)setting("NPU_SOAK_SECONDS", 60) + 120},
	};

	return harness_main(argc, argv, cases, 1);
}
