/* SPDX-License-Identifier: MIT */
/*
 * What becomes of memory and jobs when their owner lets go of them, at whatever moment.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANG_NS	   (300 * MS_NS)
#define FIXED_IOVA 0x00400000u

/* The job waits behind a hanging one; its BO is closed meanwhile; it still computes. */
static void inv2_bo_closed_while_queued(void)
{
	struct client owner, blocker;
	struct matmul job, memory;
	struct job_request request;
	struct daemon daemon;
	uint64_t seqno, hang;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &owner);
	client_open(&daemon, &blocker);
	matmul_init(&blocker, 0, 1, 1, &memory);
	matmul_init(&owner, FIXED_IOVA, 2, 3, &job);
	hang = hang_submit(&blocker, &memory, 1, HANG_NS, NULL);
	request = matmul_request(&job);
	request.submit.core_mask = 1;
	seqno = client_submit(&owner, &request, NULL);
	client_bo_close(&owner, &job.bo);
	client_wait_outcome(&owner, seqno, NPU_OUTCOME_OK);
	REQUIRE(matmul_output_is(&job, matmul_expected(&job)));
	client_wait_outcome(&blocker, hang, NPU_OUTCOME_HANG);
	/* Now it is gone, and only now. */
	client_refused(&owner,
		       &(struct request){NPU_OP_BO_CLOSE, &(struct npu_bo_close){job.bo.handle, 0},
					 sizeof(struct npu_bo_close), NULL, 0},
		       ENOENT, "handle");
	client_wait_stats(&owner, "memory.bos", 1);
	daemon_stop(&daemon);
}

/* While a job runs, neither the address nor the number of its closed BO is given to another. */
static void inv2_bo_pinned_while_running(void)
{
	struct client client;
	struct matmul memory;
	struct client_bo bo;
	struct daemon daemon;
	uint32_t old_handle;
	uint64_t hang;
	char field[NPU_NAME_MAX];

	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, FIXED_IOVA, 1, 1, &memory);
	old_handle = memory.bo.handle;
	hang = hang_submit(&client, &memory, 0, HANG_NS, NULL);
	client_bo_close(&client, &memory.bo);
	REQUIRE_EQ(client_bo_try_new(&client, 4096, FIXED_IOVA, &bo, field), EEXIST);
	REQUIRE(strcmp(field, "iova") == 0);
	client_bo_new(&client, 4096, &bo);
	REQUIRE(bo.handle != old_handle);
	client_wait_outcome(&client, hang, NPU_OUTCOME_HANG);
	client_bo_new_at(&client, 4096, FIXED_IOVA, &bo);
	daemon_stop(&daemon);
}

/* The owner is gone; its running job ends in order, its queued one is cancelled, nothing is left.
 */
static void inv2_owner_dies_while_running(void)
{
	struct client owner, observer;
	struct matmul memory, queued;
	struct job_request request;
	struct daemon daemon;
	int running_fence, queued_fence;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &observer);
	client_open(&daemon, &owner);
	matmul_init(&owner, 0, 1, 1, &memory);
	matmul_init(&owner, 0, 2, 2, &queued);
	hang_submit(&owner, &memory, 1, HANG_NS, &running_fence);
	request = matmul_request(&queued);
	request.submit.core_mask = 1;
	client_submit(&owner, &request, &queued_fence);
	client_close(&owner);
	REQUIRE_EQ(fence_wait(queued_fence), NPU_OUTCOME_CANCELLED);
	REQUIRE_EQ(fence_wait(running_fence), NPU_OUTCOME_HANG);
	REQUIRE(matmul_output_is(&queued, 0));
	client_wait_stats(&observer, "memory.bos", 0);
	daemon_stop(&daemon);
}

static void handle_is_reused_after_close(void)
{
	struct client_bo first, second, third;
	struct daemon daemon;
	struct client client;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	client_bo_new(&client, 4096, &first);
	client_bo_new(&client, 4096, &second);
	REQUIRE_EQ(first.handle, 1);
	REQUIRE_EQ(second.handle, 2);
	client_bo_close(&client, &first);
	client_bo_new(&client, 4096, &third);
	REQUIRE_EQ(third.handle, 1);
	daemon_stop(&daemon);
}

/* ---- a client that is killed, at every step of what it does ---- */

enum death_step {
	DIE_CONNECTED,
	DIE_HELLO_SENT,
	DIE_OPEN,
	DIE_BO_REQUESTED,
	DIE_BO_MADE,
	DIE_SUBMIT_SENT,
	DIE_SUBMITTED,
	DIE_BLOCKED,
	DIE_HANGING,
	DIE_COMPLETED,
	DIE_STEPS
};

static void send_submit(struct client *client, const struct matmul *job)
{
	struct {
		struct npu_submit submit;
		struct npu_task task;
		uint32_t handle;
	} __attribute__((packed)) body = {
		.submit = {.seqno = 77, .flags = NPU_SUBMIT_FENCE, .n_tasks = 1, .n_bos = 1},
		.task = job->task,
		.handle = job->handle,
	};

	client_send(client, &(struct request){NPU_OP_SUBMIT, &body, sizeof(body), NULL, 0});
}

static void submit_behind_itself(struct client *client, struct matmul *memory)
{
	struct job_request request = {.n_fences = 1};
	struct matmul job;
	int fence;

	matmul_init(client, 0, 1, 1, &job);
	hang_submit(client, memory, 1, HANG_NS, &fence);
	request = matmul_request(&job);
	request.fences = &fence;
	request.n_fences = 1;
	client_submit(client, &request, NULL);
}

static void live_until(const struct daemon *daemon, enum death_step step)
{
	struct npu_bo_create create = {.size = 1 << 20};
	struct client client;
	struct matmul job;

	client_connect(daemon, &client);
	if (step == DIE_CONNECTED)
		return;
	if (step == DIE_HELLO_SENT) {
		client_send(&client,
			    &(struct request){NPU_OP_HELLO, &create, sizeof(create), NULL, 0});
		return;
	}
	client_hello(&client, "");
	if (step == DIE_OPEN)
		return;
	if (step == DIE_BO_REQUESTED) {
		client_send(&client,
			    &(struct request){NPU_OP_BO_CREATE, &create, sizeof(create), NULL, 0});
		return;
	}
	matmul_init(&client, 0, 3, 3, &job);
	if (step == DIE_SUBMIT_SENT)
		send_submit(&client, &job);
	else if (step == DIE_SUBMITTED)
		matmul_submit(&client, &job, NULL);
	else if (step == DIE_BLOCKED)
		submit_behind_itself(&client, &job);
	else if (step == DIE_HANGING)
		hang_submit(&client, &job, 0, HANG_NS, NULL);
	else if (step == DIE_COMPLETED)
		matmul_check(&client, &job);
}

static void client_killed_at_every_step(void)
{
	struct client observer;
	struct matmul job;
	struct daemon daemon;
	unsigned n_fds;

	daemon_start(&(struct daemon_options){.config = "{\"version\": 1, " DAEMON_LENIENT "}"},
		     &daemon);
	client_open(&daemon, &observer);
	matmul_init(&observer, 0, 5, 6, &job);
	matmul_check(&observer, &job);
	n_fds = daemon_count_fds(&daemon);
	for (int i = 0; i < 3 * DIE_STEPS; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			live_until(&daemon, (enum death_step)(i % DIE_STEPS));
			raise(SIGKILL);
		}
		REQUIRE_EQ(waitpid(pid, NULL, 0), pid);
		matmul_check(&observer, &job);
	}
	client_wait_stats(&observer, "memory.bos", 1);
	client_wait_stats(&observer, "scheduler.ready", 0);
	client_wait_stats(&observer, "scheduler.waiting", 0);
	client_wait_descriptors(&observer, &daemon, n_fds);
	daemon_stop(&daemon);
}

#define N_SESSIONS 200

static void two_hundred_sessions(void)
{
	static struct client clients[N_SESSIONS];
	static struct matmul jobs[N_SESSIONS];
	static uint64_t seqnos[N_SESSIONS];
	struct client observer;
	struct daemon daemon;
	json_t *stats;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &observer);
	for (int i = 0; i < N_SESSIONS; i++) {
		client_open(&daemon, &clients[i]);
		matmul_init(&clients[i], 0, (int8_t)(i % 100 + 1), 1, &jobs[i]);
	}
	for (int i = 0; i < N_SESSIONS; i++)
		seqnos[i] = matmul_submit(&clients[i], &jobs[i], NULL);
	for (int i = 0; i < N_SESSIONS; i++) {
		client_wait_outcome(&clients[i], seqnos[i], NPU_OUTCOME_OK);
		REQUIRE(matmul_output_is(&jobs[i], matmul_expected(&jobs[i])));
	}
	stats = client_stats(&observer);
	REQUIRE_EQ(json_array_size(json_object_get(stats, "sessions")), N_SESSIONS + 1);
	REQUIRE_EQ(stats_number(stats, "memory.bos"), N_SESSIONS);
	json_decref(stats);
	for (int i = 0; i < N_SESSIONS; i++)
		client_close(&clients[i]);
	client_wait_stats(&observer, "memory.bos", 0);
	client_wait_stats(&observer, "memory.bytes", 0);
	daemon_stop(&daemon);
}

static void idle_session_is_small(void)
{
	static struct client clients[N_SESSIONS];
	struct daemon daemon;
	uint64_t before, after;

	if (harness_is_sanitized())
		harness_skip("a sanitizer's own memory hides the daemon's");
	daemon_start(NULL, &daemon);
	client_open(&daemon, &clients[0]);
	before = daemon_rss_bytes(&daemon);
	for (int i = 1; i < N_SESSIONS; i++)
		client_open(&daemon, &clients[i]);
	after = daemon_rss_bytes(&daemon);
	/* 64 KiB and the page-table directory of 4 KiB. */
	REQUIRE((after - before) / (N_SESSIONS - 1) < 68 * 1024);
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(inv2_bo_closed_while_queued),   HARNESS_CASE(inv2_bo_pinned_while_running),
	HARNESS_CASE(inv2_owner_dies_while_running), HARNESS_CASE(handle_is_reused_after_close),
	HARNESS_CASE(client_killed_at_every_step),   HARNESS_CASE(two_hundred_sessions),
	HARNESS_CASE(idle_session_is_small),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
