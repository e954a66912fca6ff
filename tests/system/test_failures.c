/* SPDX-License-Identifier: MIT */
/*
 * Every call that can fail, fails: the first of a scenario, then the second, and so on until the
 * scenario passes without one. Whatever fails, the daemon lives, the client gets an answer or is
 * hung up on, the next client is served, and nothing stays behind.
 */
#include "client.h"
#include "failing_calls.h"
#include "harness.h"
#include "npu.h"
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STUCK_S	  30 /* nothing here takes a hundredth of it */
#define WAIT_NS	  (10 * (int64_t)SECOND_NS)
#define CALLS_MAX 100000

static struct fault *fault;
static char fault_path[108];
static const char *scenario_name;
static long scenario_n;

static void say_stuck(int signal_number)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "%s: stuck after call %ld (%s) failed\n",
			 scenario_name, scenario_n, fault->last);

	(void)!write(STDERR_FILENO, text, (size_t)n);
	_exit(1);
}

static void fault_map(void)
{
	int fd;

	harness_path("fault", fault_path);
	fd = open(fault_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0 && ftruncate(fd, sizeof(*fault)) == 0);
	fault = mmap(NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(fault != MAP_FAILED);
	close(fd);
	REQUIRE_EQ(setenv("NPU_FAULT", fault_path, 1), 0);
	REQUIRE_EQ(setenv("NPUD", getenv("NPUD_FAILING"), 1), 0);
	signal(SIGALRM, say_stuck);
}

static void fault_arm(const char *name, long n)
{
	scenario_name = name;
	scenario_n = n;
	atomic_store(&fault->n_hits, 0);
	atomic_store(&fault->countdown, n);
	alarm(STUCK_S);
}

/* Whether a call has failed since it was armed. */
static bool fault_disarm(void)
{
	alarm(0);
	atomic_store(&fault->countdown, 0);
	return atomic_load(&fault->n_hits) > 0;
}

/* The last round of a scenario has to go by without a failure, or it has not seen all of them. */
static void fault_finish(bool was_hit)
{
	REQUIRE(!was_hit);
	fprintf(stderr, "%s: each of %ld calls failed once\n", scenario_name, scenario_n - 1);
}

/* ---- scenarios: what a client does; each call may fail, none may hang ---- */

struct scenario {
	const char *name;
	void (*run)(struct npu_session *session, struct npu_session *other);
	const char *device;
};

/* A wait that is not over is a client left alone; all other answers are fine. */
static void wait_for(struct npu_session *session, uint64_t seqno)
{
	struct npu_result ended;

	if (npu_wait(session, seqno, WAIT_NS, &ended) == -ETIMEDOUT)
		harness_fail(__FILE__, __LINE__, "%s: no result after call %ld (%s) failed",
			     scenario_name, scenario_n, fault->last);
}

static void run_buffers(struct npu_session *session, struct npu_session *other)
{
	struct npu_bo bo = {0}, fixed = {0}, imported = {0};
	int fd = -1;

	if (npu_bo_create(session, 20000, 0, &bo) == 0) {
		(void)npu_bo_sync(session, &bo, 0, 4096, NPU_SYNC_TO_DEVICE);
		if (npu_bo_export(session, &bo, NPU_EXPORT_READ_ONLY, &fd) == 0) {
			(void)npu_bo_import(other, fd, &imported);
			close(fd);
		}
	}
	(void)npu_bo_create_at(session, 4096, 0x40000000, &fixed);
	(void)npu_bo_close(session, &bo);
	(void)npu_bo_close(session, &fixed);
	(void)npu_bo_close(other, &imported);
}

/* A matrix product, and a second one that waits for the fence of the first. */
static void run_products(struct npu_session *session, struct npu_session *other)
{
	struct stream_addresses addresses;
	struct npu_task task = {.int_mask = 0x300};
	struct npu_job job = {.tasks = &task, .n_tasks = 1, .n_bos = 1};
	struct stream stream;
	struct npu_bo bo = {0};
	uint64_t seqno;
	int fence = -1;

	if (npu_bo_create(session, MATMUL_BYTES, 0, &bo) < 0)
		return;
	addresses = (struct stream_addresses){bo.iova + MATMUL_INPUT, bo.iova + MATMUL_WEIGHTS,
					      bo.iova + MATMUL_OUTPUT};
	stream_matmul(&addresses, &stream);
	memcpy(bo.map, stream.words, stream.n * sizeof(stream.words[0]));
	task.regcmd_iova = bo.iova;
	task.regcmd_count = stream.n;
	job.bos = &bo.handle;
	if (npu_submit(session, &job, NULL, &fence) == 0) {
		job.fences = &fence;
		job.n_fences = 1;
		if (npu_submit(session, &job, &seqno, NULL) == 0)
			wait_for(session, seqno);
		close(fence);
	}
	(void)npu_bo_close(session, &bo);
}

static void run_questions(struct npu_session *session, struct npu_session *other)
{
	char *text;

	if (npu_stats(session, &text) == 0)
		free(text);
	if (npu_policy_show(session, &text) == 0)
		free(text);
	(void)npu_policy_reload(session);
	(void)npu_reset_core(session, 1);
}

static const struct scenario buffers = {"buffers", run_buffers, "soft"};
static const struct scenario products = {"products", run_products, "soft"};
static const struct scenario questions = {"questions", run_questions, "soft"};

/* ---- */

static int open_session(const struct daemon *daemon, struct npu_session **ret_session)
{
	struct npu_open_args args = {.socket_path = daemon->socket};

	return npu_open(&args, ret_session);
}

/* Nobody has anything any more: what is left is the observer and its one session. */
static void require_clean(const struct daemon *daemon, unsigned n_fds)
{
	struct client observer;
	struct matmul job;

	client_open(daemon, &observer);
	client_wait_stats(&observer, "memory.bos", 0);
	matmul_init(&observer, 0, 3, 4, &job);
	matmul_check(&observer, &job);
	client_bo_close(&observer, &job.bo);
	client_wait_descriptors(&observer, daemon, n_fds);
	munmap(job.bo.map, job.bo.size);
	client_close(&observer);
}

static unsigned count_fds(const struct daemon *daemon)
{
	struct client observer;
	unsigned n;

	client_open(daemon, &observer);
	json_decref(client_stats(&observer));
	n = daemon_count_fds(daemon);
	client_close(&observer);
	return n;
}

/* Its answer comes after the daemon has seen everything that was closed before. */
static void settle(struct npu_session *watcher)
{
	char *text;

	if (npu_stats(watcher, &text) == 0)
		free(text);
	npu_close(watcher);
}

static void run_scenario(const struct scenario *scenario)
{
	struct npu_session *session = NULL, *other = NULL, *watcher = NULL;
	struct daemon daemon;
	unsigned n_fds;
	bool was_hit = true;

	fault_map();
	daemon_start(&(struct daemon_options){.device = scenario->device,
					      .log_level = "warning",
					      .config = "{\"version\": 1}"},
		     &daemon);
	n_fds = count_fds(&daemon);
	for (long n = 1; was_hit && n < CALLS_MAX; n++) {
		REQUIRE_EQ(open_session(&daemon, &session), 0);
		REQUIRE_EQ(open_session(&daemon, &other), 0);
		REQUIRE_EQ(open_session(&daemon, &watcher), 0);
		fault_arm(scenario->name, n);
		scenario->run(session, other);
		npu_close(session);
		npu_close(other);
		settle(watcher);
		was_hit = fault_disarm();
		if (!daemon_is_alive(&daemon))
			harness_fail(__FILE__, __LINE__, "%s: npud ended after call %ld (%s)",
				     scenario->name, n, fault->last);
	}
	fault_finish(was_hit);
	require_clean(&daemon, n_fds);
	daemon_stop(&daemon);
}

static void buffers_survive(void)
{
	run_scenario(&buffers);
}

static void products_survive(void)
{
	run_scenario(&products);
}

static void questions_survive(void)
{
	run_scenario(&questions);
}

/* Accepting, identity, hello: the client gets its session or is told that it does not. */
static void connecting_survives(void)
{
	struct daemon daemon;
	unsigned n_fds;
	bool was_hit = true;

	fault_map();
	daemon_start(&(struct daemon_options){.log_level = "warning"}, &daemon);
	n_fds = count_fds(&daemon);
	for (long n = 1; was_hit && n < CALLS_MAX; n++) {
		struct npu_session *session = NULL;

		fault_arm("connecting", n);
		if (open_session(&daemon, &session) == 0)
			npu_close(session);
		was_hit = fault_disarm();
		REQUIRE(daemon_is_alive(&daemon));
	}
	fault_finish(was_hit);
	require_clean(&daemon, n_fds);
	daemon_stop(&daemon);
}

/* It starts, or it says why not; what it leaves behind does not hinder the next one. */
static void starting_survives(void)
{
	struct daemon daemon;
	char stats[108];
	bool was_hit = true;

	fault_map();
	harness_path("stats.sock", stats);
	for (long n = 1; was_hit && n < CALLS_MAX; n++) {
		struct client client;
		char *log;

		fault_arm("starting", n);
		daemon_launch(&(struct daemon_options){.log_level = "warning",
						       .arguments = {"--stats", stats},
						       .config = "{\"version\": 1}"},
			      &daemon);
		if (daemon_try_ready(&daemon)) {
			was_hit = fault_disarm();
			client_open(&daemon, &client);
			client_close(&client);
			daemon_stop(&daemon);
			continue;
		}
		was_hit = fault_disarm();
		log = daemon_read_log(&daemon);
		if (daemon_wait(&daemon) != 3 || !strstr(log, "npud: "))
			harness_fail(__FILE__, __LINE__, "start: call %ld (%s): %s", n, fault->last,
				     log);
		free(log);
	}
	fault_finish(was_hit);
}

static const struct test_case cases[] = {
	{"starting_survives", starting_survives, 600},
	{"connecting_survives", connecting_survives, 600},
	{"buffers_survive", buffers_survive, 600},
	{"products_survive", products_survive, 600},
	{"questions_survive", questions_survive, 600},
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
