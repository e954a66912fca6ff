/* SPDX-License-Identifier: MIT */
/*
 * Fences: one end for every job, the same for every holder, and nobody's to forge.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static const struct daemon_options timing = {.device = "timing"};

/* Every kind of end there is on `soft`. */
static void inv3_every_end_signals_once(void)
{
	struct matmul good, stray, hang, cancelled;
	struct stream stream;
	uint64_t seqnos[4];
	struct stream_addresses nowhere = {0x70000000, 0x70000000, 0x70000000};
	/* Kernel drivers do not tell of page faults. */
	const enum npu_outcome outcomes[] = {
		NPU_OUTCOME_OK, harness_has_soft() ? NPU_OUTCOME_PAGE_FAULT : NPU_OUTCOME_HANG,
		NPU_OUTCOME_HANG, NPU_OUTCOME_CANCELLED};
	struct job_request request;
	struct daemon daemon;
	struct client client;
	int fences[4];

	daemon_start(&(struct daemon_options){.config = "{\"version\": 1, " DAEMON_LENIENT "}"},
		     &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 1, 1, &good);
	matmul_init(&client, 0, 1, 1, &stray);
	matmul_init(&client, 0, 1, 1, &hang);
	matmul_init(&client, 0, 1, 1, &cancelled);
	stream_matmul(&nowhere, &stream);
	matmul_set_stream(&stray, &stream);
	seqnos[2] = hang_submit(&client, &hang, 1, 200 * MS_NS, &fences[2]);
	request = matmul_request(&cancelled);
	request.submit.core_mask = 1;
	seqnos[3] = client_submit(&client, &request, &fences[3]);
	client_call(&client,
		    &(struct request){NPU_OP_CANCEL, &(struct npu_cancel){seqnos[3]},
				      sizeof(struct npu_cancel), NULL, 0},
		    NULL);
	client_wait_outcome(&client, seqnos[3], NPU_OUTCOME_CANCELLED);
	/* Beside the first one, where a session may have two cores. */
	if (harness_has_device("rocket"))
		client_wait_outcome(&client, seqnos[2], NPU_OUTCOME_HANG);
	client_wait_outcome(&client, hang_submit(&client, &hang, 2, 1, NULL), NPU_OUTCOME_HANG);
	if (!harness_has_device("rocket"))
		client_wait_outcome(&client, seqnos[2], NPU_OUTCOME_HANG);
	seqnos[0] = matmul_submit(&client, &good, &fences[0]);
	client_wait_outcome(&client, seqnos[0], NPU_OUTCOME_OK);
	seqnos[1] = matmul_submit(&client, &stray, &fences[1]);
	client_wait_outcome(&client, seqnos[1], NPU_OUTCOME_PAGE_FAULT);
	for (int i = 0; i < 4; i++)
		REQUIRE_EQ(fence_wait(fences[i]), outcomes[i]);
	/* No second completion of any of them. */
	REQUIRE(!fence_is_signalled(client.completions));
	daemon_stop(&daemon);
	for (int i = 0; i < 4; i++)
		REQUIRE_EQ(fence_mode(fences[i]), outcomes[i]);
}

static void inv3_daemon_killed_is_not_success(void)
{
	struct daemon daemon;
	struct client client;
	int running, queued;

	daemon_start(&timing, &daemon);
	client_open(&daemon, &client);
	timed_submit(&client, UINT64_MAX, 1, &running);
	timed_submit(&client, 1, 1, &queued);
	REQUIRE(!fence_is_signalled(running) && !fence_is_signalled(queued));
	daemon_signal(&daemon, SIGKILL);
	REQUIRE_EQ(daemon_wait(&daemon), 128 + SIGKILL);
	REQUIRE_EQ(fence_wait(running), NPU_OUTCOME_PENDING);
	REQUIRE_EQ(fence_wait(queued), NPU_OUTCOME_PENDING);
}

static void inv3_killed_session_signals(void)
{
	struct client admin, victim;
	struct daemon daemon;
	int running, queued;

	daemon_start(&timing, &daemon);
	client_open(&daemon, &admin);
	client_open(&daemon, &victim);
	timed_submit(&victim, UINT64_MAX, 1, &running);
	timed_submit(&victim, 1, 1, &queued);
	client_call(&admin,
		    &(struct request){NPU_OP_KILL, &(struct npu_kill){victim.hello.session_id},
				      sizeof(struct npu_kill), NULL, 0},
		    NULL);
	REQUIRE_EQ(fence_wait(running), NPU_OUTCOME_CANCELLED);
	REQUIRE_EQ(fence_wait(queued), NPU_OUTCOME_CANCELLED);
	daemon_stop(&daemon);
}

static void inv3_core_reset_signals(void)
{
	struct npu_completion completion;
	struct client admin, victim;
	struct daemon daemon;
	uint64_t seqno;
	int fence;

	daemon_start(&timing, &daemon);
	client_open(&daemon, &admin);
	client_open(&daemon, &victim);
	seqno = timed_submit(&victim, UINT64_MAX, 2, &fence);
	client_wait_stats(&admin, "sessions.1.running", 1);
	client_call(&admin,
		    &(struct request){NPU_OP_RESET, &(struct npu_reset){1, 0},
				      sizeof(struct npu_reset), NULL, 0},
		    NULL);
	client_wait(&victim, seqno, &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_CANCELLED);
	REQUIRE_EQ(fence_wait(fence), NPU_OUTCOME_CANCELLED);
	daemon_stop(&daemon);
}

static bool seen_by_epoll(int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), r;

	REQUIRE_EQ(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
	r = epoll_wait(epoll_fd, &event, 1, 0);
	close(epoll_fd);
	return r == 1;
}

static bool seen_by_select(int fd)
{
	struct timeval now = {0};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &now) == 1;
}

static void require_signalled(int fd)
{
	char byte;

	/* Reading and draining changes nothing. */
	for (int i = 0; i < 3; i++) {
		REQUIRE(fence_is_signalled(fd));
		REQUIRE(seen_by_epoll(fd));
		REQUIRE(seen_by_select(fd));
		REQUIRE_EQ(fence_mode(fd), NPU_OUTCOME_OK);
		REQUIRE_EQ(read(fd, &byte, 1), 0);
	}
}

static void inv4_fence_sticky(void)
{
	struct daemon daemon;
	struct client client;
	int fences[3], status;
	pid_t pid;

	daemon_start(&timing, &daemon);
	client_open(&daemon, &client);
	timed_submit(&client, 50 * MS_NS, 0, &fences[0]);
	fences[1] = dup(fences[0]);
	fences[2] = fcntl(fences[0], F_DUPFD_CLOEXEC, 100);
	REQUIRE(!seen_by_epoll(fences[1]) && !seen_by_select(fences[2]));
	pid = fork();
	if (pid == 0) {
		REQUIRE_EQ(fence_wait(fences[1]), NPU_OUTCOME_OK);
		require_signalled(fences[0]);
		_exit(0);
	}
	REQUIRE_EQ(fence_wait(fences[2]), NPU_OUTCOME_OK);
	require_signalled(fences[0]);
	close(fences[0]);
	require_signalled(fences[1]);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	REQUIRE_EQ(status, 0);
	daemon_stop(&daemon);
	require_signalled(fences[2]);
}

/* What a holder of another user could try. Nonzero: what worked. */
static int try_to_forge(int fence)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fence);
	if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		return 1;
	if (write(fence, "x", 1) >= 0 || errno != EBADF)
		return 2;
	if (open(path, O_WRONLY | O_NONBLOCK) >= 0)
		return 3;
	if (open(path, O_RDWR | O_NONBLOCK) >= 0)
		return 4;
	if (fchmod(fence, NPU_OUTCOME_OK) == 0)
		return 5;
	if (fchown(fence, NOBODY, NOBODY) == 0)
		return 6;
	return 0;
}

static void inv4_fence_cannot_be_forged(void)
{
	struct daemon daemon;
	struct client client;
	uint64_t seqno;
	int fence, status;

	if (geteuid() != 0)
		harness_skip("only root can become another user than the daemon's");
	daemon_start(&timing, &daemon);
	client_open(&daemon, &client);
	/* Pending first, then signalled. */
	seqno = timed_submit(&client, UINT64_MAX, 1, &fence);
	for (int is_over = 0; is_over < 2; is_over++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(try_to_forge(fence));
		REQUIRE_EQ(waitpid(pid, &status, 0), pid);
		REQUIRE_EQ(WEXITSTATUS(status), 0);
		REQUIRE_EQ(fence_is_signalled(fence), is_over);
		if (is_over)
			break;
		client_call(&client,
			    &(struct request){NPU_OP_RESET, &(struct npu_reset){0, 0},
					      sizeof(struct npu_reset), NULL, 0},
			    NULL);
		client_wait_outcome(&client, seqno, NPU_OUTCOME_CANCELLED);
	}
	REQUIRE_EQ(fence_mode(fence), NPU_OUTCOME_CANCELLED);
	daemon_stop(&daemon);
}

/* ---- jobs that wait for fences ---- */

static void job_waits_for_fences(void)
{
	struct job_request request = timed_request(1, 2);
	struct client first, second;
	struct npu_completion completion;
	struct daemon daemon;
	uint64_t seqno;
	int fence;

	daemon_start(&timing, &daemon);
	client_open(&daemon, &first);
	client_open(&daemon, &second);
	timed_submit(&first, 100 * MS_NS, 1, &fence);
	request.fences = &fence;
	request.n_fences = 1;
	seqno = client_submit(&second, &request, NULL);
	client_wait(&second, seqno, &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	REQUIRE(fence_is_signalled(fence));
	REQUIRE_EQ(fence_mode(fence), NPU_OUTCOME_OK);
	/* One that is over already does not hold anybody up. */
	client_wait_outcome(&second, client_submit(&second, &request, NULL), NPU_OUTCOME_OK);
	daemon_stop(&daemon);
}

/* The first job is shot; the second waits for its fence. */
static void fail_fence_of_waiting_job(uint32_t flags, enum npu_outcome outcome)
{
	struct job_request request = timed_request(1, 2);
	struct client client;
	struct daemon daemon;
	uint64_t first, second;
	int fence;

	daemon_start(&timing, &daemon);
	client_open(&daemon, &client);
	first = timed_submit(&client, UINT64_MAX, 1, &fence);
	request.fences = &fence;
	request.n_fences = 1;
	request.submit.flags = flags;
	second = client_submit(&client, &request, NULL);
	client_wait_stats(&client, "sessions.0.running", 1);
	client_call(&client,
		    &(struct request){NPU_OP_RESET, &(struct npu_reset){0, 0},
				      sizeof(struct npu_reset), NULL, 0},
		    NULL);
	client_wait_outcome(&client, first, NPU_OUTCOME_CANCELLED);
	client_wait_outcome(&client, second, outcome);
	daemon_stop(&daemon);
}

static void failed_fence_fails_the_waiting_job(void)
{
	fail_fence_of_waiting_job(0, NPU_OUTCOME_DEPENDENCY);
}

static void fence_for_the_order_alone(void)
{
	fail_fence_of_waiting_job(NPU_SUBMIT_ORDER_ONLY, NPU_OUTCOME_OK);
}

static void only_fences_can_be_waited_for(void)
{
	struct job_request request = timed_request(1, 0);
	int pipes[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct message reply;
	struct daemon daemon;
	struct client client;

	daemon_start(&timing, &daemon);
	client_open(&daemon, &client);
	REQUIRE_EQ(pipe2(pipes, O_CLOEXEC), 0);
	request.n_fences = 1;
	request.fences = &file;
	REQUIRE_EQ(client_try_submit(&client, &request, NULL, &reply), EINVAL);
	REQUIRE(strcmp(reply.body.error.field, "fences[0]") == 0);
	request.fences = &pipes[1];
	REQUIRE_EQ(client_try_submit(&client, &request, NULL, &reply), EINVAL);
	REQUIRE(strcmp(reply.body.error.field, "fences[0]") == 0);
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(inv3_every_end_signals_once), HARNESS_CASE(inv3_daemon_killed_is_not_success),
	HARNESS_CASE(inv3_killed_session_signals), HARNESS_CASE(inv3_core_reset_signals),
	HARNESS_CASE(inv4_fence_sticky),	   HARNESS_CASE(inv4_fence_cannot_be_forged),
	HARNESS_CASE(job_waits_for_fences),	   HARNESS_CASE(failed_fence_fails_the_waiting_job),
	HARNESS_CASE(fence_for_the_order_alone),   HARNESS_CASE(only_fences_can_be_waited_for),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
