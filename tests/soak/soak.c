/* SPDX-License-Identifier: MIT */
/*
 * A long day in little: clients of all kinds come, work, hang, stray, lie, and go or are killed,
 * one after the other in several lanes. Every choice follows from the seed. Honest results must be
 * right, every job that npud took must be signalled once, and at the end nothing of anybody may be
 * left in the daemon.
 *
 * Environment: NPU_SOAK_SECONDS (60), NPU_SOAK_SEED (1), NPU_SOAK_DEVICE (soft).
 */
#include "client.h"
#include "harness.h"
#include "tenants.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_LANES		 8
#define WATCH_MS	 1000
#define RSS_GROWTH_BYTES (4u << 20)
#define LIFE_MAX_NS	 (50 * MS_NS) /* of those that are killed from outside */
/* As on a machine that has other things to do: npud is stopped for up to so long, so often. */
#define STALL_MAX_US   80000u
#define STALL_EVERY_NS SECOND_NS

struct lane {
	pid_t pid;
	int pidfd, witness;
	enum tenant_kind kind;
	bool is_doomed; /* to be killed at `kill_ns` */
	uint64_t kill_ns;
	uint64_t seed;
};

/* What the daemon holds while nobody but the observer is there. */
struct level {
	unsigned n_fds;
	uint64_t pagetable_bytes;
};

struct soak {
	struct daemon daemon;
	struct ledger_totals *totals;
	bool runs_streams;
	int shared_fd; /* memory that clients share */
	struct lane lanes[N_LANES];
	uint64_t begin_ns, report_ns;
	uint64_t stall_ns, stall_seed; /* when the next one is due */
	uint64_t n_lives[TENANT_KINDS];
	uint64_t n_clients, n_killed;
	struct level start;
	uint64_t rss_bytes; /* after warming up */
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

/* ---- lanes ---- */

static _Noreturn void live(const struct soak *soak, const struct lane *lane, int witness,
			   uint64_t seed)
{
	struct tenant tenant = {.daemon = &soak->daemon,
				.totals = soak->totals,
				.runs_streams = soak->runs_streams,
				.witness = witness,
				.shared_fd = soak->shared_fd,
				.seed = seed};

	tenant_live(&tenant, lane->kind);
	_exit(0);
}

static void lane_start(struct soak *soak, struct lane *lane)
{
	uint64_t seed = (uint64_t)harness_random(&lane->seed) << 32 | harness_random(&lane->seed);
	int pair[2];

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	lane->kind = tenant_choose(&lane->seed);
	lane->is_doomed = harness_random(&lane->seed) % 4 == 0;
	lane->kill_ns = harness_now_ns() + harness_random(&lane->seed) % LIFE_MAX_NS;
	lane->pid = fork();
	if (lane->pid == 0)
		live(soak, lane, pair[1], seed);
	REQUIRE(lane->pid > 0);
	close(pair[1]);
	lane->witness = pair[0];
	lane->pidfd = (int)syscall(SYS_pidfd_open, lane->pid, 0);
	REQUIRE(lane->pidfd >= 0);
	soak->n_lives[lane->kind]++;
	soak->n_clients++;
}

/* Its fences outlive it, and say how its jobs ended. */
static void lane_reap(struct soak *soak, struct lane *lane)
{
	int status;

	REQUIRE_EQ(waitpid(lane->pid, &status, 0), lane->pid);
	close(lane->pidfd);
	lane->pid = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		soak->n_killed++;
	else if (status != 0)
		harness_fail(__FILE__, __LINE__, "a %s client failed",
			     tenant_kind_name(lane->kind));
	soak->totals->n_fences += witness_check(lane->witness);
	close(lane->witness);
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

/* ---- progress ---- */

/* On a terminal one line that changes, else a line now and then. */
static void report(struct soak *soak)
{
	bool is_terminal = isatty(STDOUT_FILENO);
	uint64_t seconds = (harness_now_ns() - soak->begin_ns) / SECOND_NS;

	printf("%s# %4" PRIu64 " s: %" PRIu64 " clients, %" PRIu64 " killed, %" PRIu64
	       " jobs taken, %" PRIu64 " refused, %" PRIu64 " KiB, %u descriptors%s",
	       is_terminal ? "\r" : "", seconds, soak->n_clients, soak->n_killed,
	       soak->totals->n_accepted, soak->totals->n_refused,
	       daemon_rss_bytes(&soak->daemon) / 1024, daemon_count_fds(&soak->daemon),
	       is_terminal ? "\033[K" : "\n");
	fflush(stdout);
	soak->report_ns = harness_now_ns() + (is_terminal ? 1 : 10) * SECOND_NS;
	REQUIRE(daemon_is_alive(&soak->daemon));
}

static void stall(struct soak *soak)
{
	REQUIRE_EQ(kill(soak->daemon.pid, SIGSTOP), 0);
	usleep(harness_random(&soak->stall_seed) % STALL_MAX_US);
	REQUIRE_EQ(kill(soak->daemon.pid, SIGCONT), 0);
	soak->stall_ns = harness_now_ns() + STALL_EVERY_NS;
}

static void run_until(struct soak *soak, uint64_t end_ns)
{
	while (harness_now_ns() < end_ns) {
		turn(soak, true);
		if (harness_now_ns() >= soak->stall_ns)
			stall(soak);
		if (harness_now_ns() >= soak->report_ns)
			report(soak);
	}
	while (!lanes_are_empty(soak))
		turn(soak, false);
}

static void summarize(const struct soak *soak)
{
	const struct ledger_totals *totals = soak->totals;

	printf("\n# clients:");
	for (unsigned i = 0; i < TENANT_KINDS; i++)
		printf(" %" PRIu64 " %s%s", soak->n_lives[i], tenant_kind_name(i),
		       i + 1 < TENANT_KINDS ? "," : "\n");
	printf("# jobs: %" PRIu64 " taken, %" PRIu64 " signalled to clients that lived, %" PRIu64
	       " fences seen to their end, %" PRIu64 " refused\n",
	       totals->n_accepted, totals->n_signalled, totals->n_fences, totals->n_refused);
}

/* ---- what must hold ---- */

static uint64_t count_failed(const json_t *stats)
{
	const json_t *reasons = json_object_get(json_object_get(stats, "totals"), "failed");
	const char *name;
	uint64_t sum = 0;
	json_t *value;

	REQUIRE(json_is_object(reasons));
	json_object_foreach ((json_t *)reasons, name, value) {
		sum += (uint64_t)json_integer_value(value);
	}
	return sum;
}

/* The daemon's own books: what it took has ended, and it took no less than clients know of. */
static void require_balance(const struct soak *soak, struct client *observer)
{
	json_t *stats = client_stats(observer);
	uint64_t submitted = stats_number(stats, "totals.submitted");

	REQUIRE_EQ(submitted, stats_number(stats, "totals.completed") + count_failed(stats));
	REQUIRE(submitted >= soak->totals->n_accepted);
	json_decref(stats);
}

/* Nothing is left of anybody. */
static void require_clean(struct soak *soak, struct client *observer)
{
	client_wait_stats(observer, "memory.bos", 0);
	client_wait_stats(observer, "memory.bytes", 0);
	client_wait_stats(observer, "memory.pagetable_bytes", soak->start.pagetable_bytes);
	client_wait_stats(observer, "scheduler.ready", 0);
	client_wait_stats(observer, "scheduler.waiting", 0);
	client_wait_descriptors(observer, &soak->daemon, soak->start.n_fds);
	require_balance(soak, observer);
}

/* ---- the day ---- */

static int make_shared_memory(void)
{
	int fd = memfd_create("shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	REQUIRE(fd >= 0);
	REQUIRE_EQ(ftruncate(fd, 4096), 0);
	REQUIRE_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	return fd;
}

static void begin(struct soak *soak, uint64_t seed, struct client *observer)
{
	char policy[TENANT_POLICY_SIZE];
	struct daemon_options options = {
		.device = device_name(), .log_level = "error", .config = policy};
	json_t *stats;

	tenant_policy(strcmp(device_name(), "soft") && strcmp(device_name(), "timing"), policy);
	soak->begin_ns = soak->report_ns = soak->stall_ns = harness_now_ns();
	soak->stall_seed = seed;
	soak->totals = mmap(NULL, sizeof(*soak->totals), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(soak->totals != MAP_FAILED);
	soak->shared_fd = make_shared_memory();
	daemon_start(&options, &soak->daemon);
	client_open(&soak->daemon, observer);
	soak->runs_streams = observer->hello.runs_streams;
	stats = client_stats(observer);
	soak->start.pagetable_bytes = stats_number(stats, "memory.pagetable_bytes");
	json_decref(stats);
	soak->start.n_fds = daemon_count_fds(&soak->daemon);
	for (unsigned i = 0; i < N_LANES; i++)
		soak->lanes[i].seed = seed * N_LANES + i;
}

static void soak_day(void)
{
	uint64_t length_ns = setting("NPU_SOAK_SECONDS", 60) * SECOND_NS;
	uint64_t seed = setting("NPU_SOAK_SEED", 1);
	struct soak soak = {0};
	struct client observer;

	printf("# seed %" PRIu64 "\n", seed);
	begin(&soak, seed, &observer);
	/* A tenth of the time to warm up: what is allocated by then is there to stay. */
	run_until(&soak, soak.begin_ns + length_ns / 10);
	require_clean(&soak, &observer);
	soak.rss_bytes = daemon_rss_bytes(&soak.daemon);
	run_until(&soak, soak.begin_ns + length_ns);
	require_clean(&soak, &observer);
	report(&soak);
	REQUIRE(harness_is_sanitized() ||
		daemon_rss_bytes(&soak.daemon) <= soak.rss_bytes + RSS_GROWTH_BYTES);
	summarize(&soak);
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
