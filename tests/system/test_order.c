/* SPDX-License-Identifier: MIT */
/*
 * Order between sessions that share memory, which nobody passes a fence for: by what jobs say that
 * they write and read, and by fences of buffer objects.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct daemon_options timing = {.device = "timing"};

/* Two sessions with the same memory. */
struct scene {
	struct daemon daemon;
	struct client clients[2];
	uint32_t handles[2];
};

static void share(struct client *from, const struct client_bo *bo, uint32_t flags,
		  struct client *to, uint32_t *ret_handle)
{
	struct client_bo imported;
	int fd = client_bo_export(from, bo, flags);

	client_bo_import(to, fd, 0, &imported);
	close(fd);
	*ret_handle = imported.handle;
}

static void scene_start(const struct daemon_options *options, struct scene *ret_scene)
{
	struct client_bo bo;

	daemon_start(options, &ret_scene->daemon);
	for (int i = 0; i < 2; i++)
		client_open(&ret_scene->daemon, &ret_scene->clients[i]);
	client_bo_new(&ret_scene->clients[0], 4096, &bo);
	ret_scene->handles[0] = bo.handle;
	share(&ret_scene->clients[0], &bo, 0, &ret_scene->clients[1], &ret_scene->handles[1]);
}

/* A job on a core of its own that touches the memory. */
static struct job_request touch(const struct scene *scene, int client, uint64_t duration_ns,
				bool is_write)
{
	struct job_request request = timed_request(duration_ns, 1u << client);

	request.handles = &scene->handles[client];
	request.n_handles = 1;
	request.submit.n_writes = is_write;
	request.submit.n_reads = !is_write;
	return request;
}

static uint64_t submit_touch(struct scene *scene, int client, uint64_t duration_ns, bool is_write)
{
	struct job_request request = touch(scene, client, duration_ns, is_write);

	return client_submit(&scene->clients[client], &request, NULL);
}

static void reset_core(struct client *client, uint32_t core)
{
	client_call(client,
		    &(struct request){NPU_OP_RESET, &(struct npu_reset){core, 0},
				      sizeof(struct npu_reset), NULL, 0},
		    NULL);
}

/* As a fence looks that is never signalled. */
static void fence_pending(int *ret_fds)
{
	REQUIRE_EQ(pipe2(ret_fds, O_CLOEXEC | O_NONBLOCK), 0);
	REQUIRE_EQ(fchmod(ret_fds[1], NPU_OUTCOME_PENDING), 0);
}

static int bo_fence(struct client *client, uint32_t handle)
{
	struct message reply;

	client_send(client, &(struct request){NPU_OP_BO_FENCE, &(struct npu_bo_fence){handle, 0},
					      sizeof(struct npu_bo_fence), NULL, 0});
	REQUIRE(client_receive(client, &reply));
	REQUIRE_EQ(reply.header.kind, NPU_KIND_REPLY);
	REQUIRE(reply.fd >= 0);
	return reply.fd;
}

static void cancel(struct client *client, uint64_t seqno)
{
	client_call(client,
		    &(struct request){NPU_OP_CANCEL, &(struct npu_cancel){seqno},
				      sizeof(struct npu_cancel), NULL, 0},
		    NULL);
	client_wait_outcome(client, seqno, NPU_OUTCOME_CANCELLED);
}

/* Although its core is free, and however the write ends. */
static void job_waits_for_the_writer(bool is_write)
{
	struct npu_completion first, second;
	struct scene scene;
	uint64_t seqnos[2];
	int fence;

	scene_start(&timing, &scene);
	seqnos[0] = submit_touch(&scene, 0, UINT64_MAX, true);
	seqnos[1] = submit_touch(&scene, 1, 1, is_write);
	/* Who names nothing passes it, on the same core. */
	client_wait_outcome(&scene.clients[1], timed_submit(&scene.clients[1], 1, 2, NULL),
			    NPU_OUTCOME_OK);
	fence = bo_fence(&scene.clients[0], scene.handles[0]);
	client_wait_stats(&scene.clients[0], "sessions.1.queued", 1);
	REQUIRE(!fence_is_signalled(fence));
	reset_core(&scene.clients[0], 0);
	client_wait(&scene.clients[0], seqnos[0], &first);
	REQUIRE_EQ(first.outcome, NPU_OUTCOME_CANCELLED);
	client_wait(&scene.clients[1], seqnos[1], &second);
	REQUIRE_EQ(second.outcome, NPU_OUTCOME_OK);
	REQUIRE_EQ(fence_wait(fence), is_write ? NPU_OUTCOME_OK : NPU_OUTCOME_CANCELLED);
	daemon_stop(&scene.daemon);
}

static void reader_waits_for_the_writer(void)
{
	job_waits_for_the_writer(false);
}

static void writer_waits_for_the_writer(void)
{
	job_waits_for_the_writer(true);
}

static void nobody_waits_for_readers(void)
{
	struct scene scene;
	int fence;

	scene_start(&timing, &scene);
	submit_touch(&scene, 0, UINT64_MAX, false);
	client_wait_outcome(&scene.clients[1], submit_touch(&scene, 1, 1, true), NPU_OUTCOME_OK);
	fence = bo_fence(&scene.clients[1], scene.handles[1]);
	REQUIRE(fence_is_signalled(fence));
	REQUIRE_EQ(fence_mode(fence), NPU_OUTCOME_OK);
	reset_core(&scene.clients[0], 0);
	daemon_stop(&scene.daemon);
}

/* The one in the middle goes; the last one still waits for the first. */
static void order_survives_a_cancelled_job(void)
{
	struct scene scene;
	uint64_t first, second, third;

	scene_start(&timing, &scene);
	first = submit_touch(&scene, 0, UINT64_MAX, true);
	second = submit_touch(&scene, 1, 1, true);
	third = submit_touch(&scene, 1, 1, false);
	cancel(&scene.clients[1], second);
	client_wait_stats(&scene.clients[0], "sessions.1.queued", 1);
	client_wait_stats(&scene.clients[0], "sessions.0.running", 1);
	reset_core(&scene.clients[0], 0);
	client_wait_outcome(&scene.clients[0], first, NPU_OUTCOME_CANCELLED);
	client_wait_outcome(&scene.clients[1], third, NPU_OUTCOME_OK);
	daemon_stop(&scene.daemon);
}

/* The process that is to write is killed before its job could start: who waits goes on. */
static void killed_writer_holds_nobody_up(void)
{
	struct client writer, reader;
	struct client_bo bo;
	struct daemon daemon;
	struct job_request request;
	int pipes[2], never[2], status;
	uint32_t handle;
	uint64_t seqno;
	char byte;
	pid_t pid;

	daemon_start(&timing, &daemon);
	client_open(&daemon, &reader);
	client_bo_new(&reader, 4096, &bo);
	REQUIRE_EQ(pipe(pipes), 0);
	fence_pending(never);
	pid = fork();
	if (pid == 0) {
		client_open(&daemon, &writer);
		share(&reader, &bo, 0, &writer, &handle);
		request = timed_request(1, 1);
		request.handles = &handle;
		request.n_handles = request.submit.n_writes = 1;
		request.fences = &never[0];
		request.n_fences = 1;
		client_submit(&writer, &request, NULL);
		REQUIRE_EQ(write(pipes[1], "x", 1), 1);
		pause();
	}
	REQUIRE_EQ(read(pipes[0], &byte, 1), 1);
	request = timed_request(1, 2);
	request.handles = &bo.handle;
	request.n_handles = request.submit.n_reads = 1;
	seqno = client_submit(&reader, &request, NULL);
	client_wait_stats(&reader, "sessions.0.queued", 1);
	REQUIRE_EQ(kill(pid, SIGKILL), 0);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	client_wait_outcome(&reader, seqno, NPU_OUTCOME_OK);
	daemon_stop(&daemon);
}

/* Handles of the same memory, in one job and in one session: nobody waits for oneself. */
static void memory_may_be_named_twice(void)
{
	struct job_request request = timed_request(1, 1);
	struct client_bo bo;
	struct client client;
	struct daemon daemon;
	uint32_t handles[4];

	daemon_start(&timing, &daemon);
	client_open(&daemon, &client);
	client_bo_new(&client, 4096, &bo);
	share(&client, &bo, 0, &client, &handles[1]);
	handles[0] = handles[2] = bo.handle;
	handles[3] = handles[1];
	request.handles = handles;
	request.n_handles = 4;
	request.submit.n_writes = request.submit.n_reads = 2;
	for (int i = 0; i < 3; i++)
		client_wait_outcome(&client, client_submit(&client, &request, NULL),
				    NPU_OUTCOME_OK);
	daemon_stop(&daemon);
}

/* Two rows that each other's jobs are in: the order of submits is that of both. */
static void rows_do_not_cross(void)
{
	struct scene scene;
	struct client_bo bo;
	uint32_t others[2];
	uint64_t seqnos[2][8];

	scene_start(&timing, &scene);
	client_bo_new(&scene.clients[1], 4096, &bo);
	others[1] = bo.handle;
	share(&scene.clients[1], &bo, 0, &scene.clients[0], &others[0]);
	for (int i = 0; i < 8; i++) {
		for (int j = 0; j < 2; j++) {
			const uint32_t both[2][2] = {{scene.handles[j], others[j]},
						     {others[j], scene.handles[j]}};
			struct job_request request = timed_request(MS_NS, 1u << j);

			request.handles = both[j];
			request.n_handles = 2;
			request.submit.n_writes = request.submit.n_reads = 1;
			seqnos[j][i] = client_submit(&scene.clients[j], &request, NULL);
		}
	}
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 2; j++)
			client_wait_outcome(&scene.clients[j], seqnos[j][i], NPU_OUTCOME_OK);
	daemon_stop(&scene.daemon);
}

static void what_is_read_only_is_not_written(void)
{
	struct scene scene;
	struct client_bo bo;
	struct job_request request;
	struct message reply;
	uint32_t handle;

	scene_start(&timing, &scene);
	client_bo_new(&scene.clients[0], 4096, &bo);
	share(&scene.clients[0], &bo, NPU_EXPORT_READ_ONLY, &scene.clients[1], &handle);
	request = touch(&scene, 1, 1, true);
	request.handles = &handle;
	REQUIRE_EQ(client_try_submit(&scene.clients[1], &request, NULL, &reply), EACCES);
	REQUIRE(strcmp(reply.body.error.field, "bos[0]") == 0);
	REQUIRE_HAS(reply.body.error.message, "read-only");
	/* And nothing of it is left: reading works, and so does writing by its owner. */
	request.submit.n_writes = 0;
	request.submit.n_reads = 1;
	client_wait_outcome(&scene.clients[1], client_submit(&scene.clients[1], &request, NULL),
			    NPU_OUTCOME_OK);
	request = touch(&scene, 0, 1, true);
	request.handles = &bo.handle;
	client_wait_outcome(&scene.clients[0], client_submit(&scene.clients[0], &request, NULL),
			    NPU_OUTCOME_OK);
	daemon_stop(&scene.daemon);
}

static void bad_numbers_are_refused(void)
{
	struct scene scene;
	struct job_request request;
	struct message reply;

	scene_start(&timing, &scene);
	request = touch(&scene, 0, 1, true);
	request.submit.n_writes = 2;
	REQUIRE_EQ(client_try_submit(&scene.clients[0], &request, NULL, &reply), EINVAL);
	REQUIRE(strcmp(reply.body.error.field, "n_writes") == 0);
	request.submit.n_writes = 1;
	request.submit.n_reads = UINT32_MAX;
	REQUIRE_EQ(client_try_submit(&scene.clients[0], &request, NULL, &reply), EINVAL);
	REQUIRE(strcmp(reply.body.error.field, "n_reads") == 0);
	client_refused(&scene.clients[0],
		       &(struct request){NPU_OP_BO_FENCE, &(struct npu_bo_fence){99, 0},
					 sizeof(struct npu_bo_fence), NULL, 0},
		       ENOENT, "handle");
	client_refused(&scene.clients[0],
		       &(struct request){NPU_OP_BO_FENCE,
					 &(struct npu_bo_fence){scene.handles[0], 1},
					 sizeof(struct npu_bo_fence), NULL, 0},
		       EINVAL, "reserved");
	daemon_stop(&scene.daemon);
}

/* Pending ones are charged, and go with their session; the others do not notice. */
static void fences_have_a_quota_and_an_owner(void)
{
	struct scene scene;
	int fences[2], other;

	scene_start(&(struct daemon_options){.device = "timing",
					     .config = "{\"version\": 1, \"quota\": "
						       "{\"fences_per_session\": 2}}"},
		    &scene);
	submit_touch(&scene, 0, UINT64_MAX, true);
	for (int i = 0; i < 2; i++)
		fences[i] = bo_fence(&scene.clients[1], scene.handles[1]);
	client_refused(&scene.clients[1],
		       &(struct request){NPU_OP_BO_FENCE,
					 &(struct npu_bo_fence){scene.handles[1], 0},
					 sizeof(struct npu_bo_fence), NULL, 0},
		       EDQUOT, "fences_per_session");
	other = bo_fence(&scene.clients[0], scene.handles[0]);
	client_close(&scene.clients[1]);
	for (int i = 0; i < 2; i++)
		REQUIRE_EQ(fence_wait(fences[i]), NPU_OUTCOME_CANCELLED);
	REQUIRE(!fence_is_signalled(other));
	reset_core(&scene.clients[0], 0);
	REQUIRE_EQ(fence_wait(other), NPU_OUTCOME_CANCELLED);
	daemon_stop(&scene.daemon);
}

/*
 * A job behind one that waits for a fence which never comes: npud ends without them, and before the
 * time it gives to those that can end.
 */
static void drain_leaves_those_behind_stuck_ones(void)
{
	struct job_request first, stuck;
	struct scene scene;
	int never[2], running;

	scene_start(&(struct daemon_options){.device = "timing",
					     .arguments = {"--drain-timeout", "30"}},
		    &scene);
	fence_pending(never);
	/* Behind one that runs at first, whose end is what has npud look again. */
	first = touch(&scene, 0, 300 * MS_NS, true);
	client_submit(&scene.clients[0], &first, &running);
	stuck = touch(&scene, 0, 1, true);
	stuck.fences = &never[0];
	stuck.n_fences = 1;
	client_submit(&scene.clients[0], &stuck, NULL);
	submit_touch(&scene, 1, 1, false);
	submit_touch(&scene, 1, 1, true);
	client_wait_stats(&scene.clients[0], "sessions.1.queued", 2);
	daemon_signal(&scene.daemon, SIGTERM);
	REQUIRE_EQ(fence_wait(running), NPU_OUTCOME_OK);
	REQUIRE_EQ(daemon_wait(&scene.daemon), 0);
	REQUIRE(!strstr(daemon_read_log(&scene.daemon), "--drain-timeout"));
}

static const struct test_case cases[] = {
	HARNESS_CASE(reader_waits_for_the_writer),
	HARNESS_CASE(writer_waits_for_the_writer),
	HARNESS_CASE(nobody_waits_for_readers),
	HARNESS_CASE(order_survives_a_cancelled_job),
	HARNESS_CASE(killed_writer_holds_nobody_up),
	HARNESS_CASE(memory_may_be_named_twice),
	HARNESS_CASE(rows_do_not_cross),
	HARNESS_CASE(what_is_read_only_is_not_written),
	HARNESS_CASE(bad_numbers_are_refused),
	HARNESS_CASE(fences_have_a_quota_and_an_owner),
	HARNESS_CASE(drain_leaves_those_behind_stuck_ones),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
