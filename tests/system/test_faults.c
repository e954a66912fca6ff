/* SPDX-License-Identifier: MIT */
/* Devices that come back only after more than a reset of one core, or not, and who pays for that.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUDGET_NS (100 * MS_NS)

static struct command_result result;

/* ---- a daemon over a device that fails as told ---- */

static void set_faults(const char *text)
{
	char path[108], fresh[108];

	harness_path("faults", path);
	harness_path("faults.new", fresh);
	harness_write(fresh, text);
	REQUIRE_EQ(rename(fresh, path), 0);
}

static void start_faulty(const char *device, const char *faults, struct daemon *ret_daemon)
{
	static char stats[108], path[108];
	struct daemon_options options = {.device = device,
					 .program = "NPUD_FAULTY",
					 .config = "{\"version\": 1, " DAEMON_LENIENT "}",
					 .arguments = {"--stats", stats}};

	harness_path("stats", stats);
	harness_path("faults", path);
	set_faults(faults);
	REQUIRE_EQ(setenv("NPU_TEST_FAULTS", path, 1), 0);
	daemon_start(&options, ret_daemon);
}

/* The status of GET /healthz; the reason is in ret_text. */
static int health(char *ret_text, size_t size)
{
	static const char request[] =
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
	size_t used = 0;
	ssize_t n;

	harness_path("stats", address.sun_path);
	REQUIRE_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	REQUIRE_EQ(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	while ((n = recv(fd, ret_text + used, size - 1 - used, 0)) > 0)
		used += (size_t)n;
	ret_text[used] = '\0';
	close(fd);
	REQUIRE_EQ(sscanf(ret_text, "HTTP/1.1 %d", &status), 1);
	return status;
}

static void run_npuctl(const struct daemon *daemon, const char *command, const char *argument)
{
	const char *argv[] = {"npuctl", "--socket", daemon->socket, command, argument, NULL};

	command_run("NPUCTL", argv, &result);
	REQUIRE_EQ(result.status, 0);
}

static uint64_t submit_hang(struct client *client, uint32_t core_mask)
{
	struct job_request job = timed_request(UINT64_MAX, core_mask);

	job.submit.timeout_ns = BUDGET_NS;
	return client_submit(client, &job, NULL);
}

/* ---- innocents ---- */

/* Runs a job beside one that hangs, on a device that can only be reset whole. */
static void run_beside_hang(struct client *innocent, struct client *guilty, uint32_t flags,
			    struct npu_completion *ret_completion)
{
	struct job_request job = timed_request(3 * BUDGET_NS, 2);
	uint64_t hang, good;

	job.submit.flags = flags;
	job.submit.timeout_ns = 60 * SECOND_NS;
	good = client_submit(innocent, &job, NULL);
	hang = submit_hang(guilty, 1);
	client_wait_outcome(guilty, hang, NPU_OUTCOME_HANG);
	client_wait(innocent, good, ret_completion);
}

static void innocent_is_run_again_and_not_charged(void)
{
	struct npu_completion completion;
	struct client guilty, innocent;
	struct daemon daemon;
	json_t *stats;

	start_faulty("timing", "whole=1", &daemon);
	client_open(&daemon, &guilty);
	client_open(&daemon, &innocent);
	run_beside_hang(&innocent, &guilty, 0, &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	REQUIRE_EQ(completion.device_ns, 3 * BUDGET_NS);
	stats = client_stats(&guilty);
	REQUIRE(!json_is_true(json_object_get(
		json_object_get(json_object_get(stats, "device"), "caps"), "has_core_reset")));
	REQUIRE_EQ(stats_number(stats, "watchdog.device_resets"), 1);
	REQUIRE_EQ(stats_number(stats, "watchdog.core_resets"), 0);
	REQUIRE_EQ(stats_number(stats, "watchdog.repeats"), 1);
	REQUIRE_EQ(stats_number(stats, "sessions.1.npu_ns"), 3 * BUDGET_NS);
	json_decref(stats);
	run_npuctl(&daemon, "incidents", "1");
	REQUIRE_HAS(result.output, "what \"job_repeated\", session 2");
	REQUIRE_HAS(result.output, "what \"device_reset\", cores 7, cores_back 7");
	run_npuctl(&daemon, "status", NULL);
	REQUIRE_HAS(result.output, "0 core resets, 1 device resets, 1 repeats");
	daemon_stop(&daemon);
}

static void innocent_that_may_not_be_repeated_fails(void)
{
	struct npu_completion completion;
	struct client guilty, innocent;
	struct daemon daemon;

	start_faulty("timing", "whole=1", &daemon);
	client_open(&daemon, &guilty);
	client_open(&daemon, &innocent);
	run_beside_hang(&innocent, &guilty, NPU_SUBMIT_NO_REPEAT, &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_DEVICE_RESET);
	daemon_stop(&daemon);
}

static void repeat_streams(uint32_t flags)
{
	enum { N_TASKS = 4000 };
	static struct npu_task tasks[N_TASKS];
	struct matmul memory, job;
	struct client guilty, innocent;
	struct job_request request;
	struct daemon daemon;
	uint64_t good;

	start_faulty("soft", "whole=1", &daemon);
	client_open(&daemon, &guilty);
	client_open(&daemon, &innocent);
	matmul_init(&guilty, 0, 1, 1, &memory);
	matmul_init(&innocent, 0, 3, 4, &job);
	for (int i = 0; i < N_TASKS; i++)
		tasks[i] = job.task;
	request = matmul_request(&job);
	request.tasks = tasks;
	request.n_tasks = N_TASKS;
	request.submit.core_mask = 2;
	request.submit.flags = flags;
	good = client_submit(&innocent, &request, NULL);
	for (int i = 0; i < 6; i++)
		client_wait_outcome(&guilty, hang_submit(&guilty, &memory, 1, 2 * MS_NS, NULL),
				    NPU_OUTCOME_HANG);
	client_wait_outcome(&innocent, good, NPU_OUTCOME_OK);
	REQUIRE(matmul_output_is(&job, matmul_expected(&job)));
	matmul_check(&innocent, &job);
	daemon_stop(&daemon);
}

/* Real streams: what was half computed is computed again, and right. */
static void innocent_streams_are_right_after_resets(void)
{
	repeat_streams(0);
}

static void innocent_slices_are_right_after_resets(void)
{
	repeat_streams(NPU_SUBMIT_SLICEABLE);
}

/* ---- escalation ---- */

static void device_is_reset_when_a_core_is_stuck(void)
{
	struct npu_completion completion;
	struct client guilty, innocent;
	struct daemon daemon;
	json_t *stats;

	start_faulty("timing", "core=1", &daemon);
	client_open(&daemon, &guilty);
	client_open(&daemon, &innocent);
	run_beside_hang(&innocent, &guilty, 0, &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	stats = client_stats(&guilty);
	REQUIRE_EQ(stats_number(stats, "watchdog.core_resets"), 3);
	REQUIRE_EQ(stats_number(stats, "watchdog.device_resets"), 1);
	REQUIRE(strcmp(stats_text(stats, "device.state"), "ok") == 0);
	json_decref(stats);
	daemon_wait_log(&daemon, "device_reset cores=0x7 back=0x7");
	daemon_stop(&daemon);
}

static void core_leaves_service_and_the_rest_goes_on(void)
{
	struct job_request pinned = timed_request(MS_NS, 1), gang = timed_request(MS_NS, 3);
	struct client guilty, waiting, honest;
	struct message message;
	struct daemon daemon;
	char text[1024];
	uint64_t hang, behind, across;

	start_faulty("timing", "core=1 dead=1", &daemon);
	client_open(&daemon, &guilty);
	client_open(&daemon, &waiting);
	client_open(&daemon, &honest);
	REQUIRE_EQ(health(text, sizeof(text)), 200);
	hang = submit_hang(&guilty, 1);
	behind = client_submit(&waiting, &pinned, NULL);
	gang.submit.n_ranges = 2;
	across = client_submit(&waiting, &gang, NULL);
	client_wait_outcome(&guilty, hang, NPU_OUTCOME_HANG);
	client_wait_outcome(&waiting, behind, NPU_OUTCOME_DEVICE_LOST);
	client_wait_outcome(&waiting, across, NPU_OUTCOME_DEVICE_LOST);
	/* Jobs for any core run on what is left; those for the lost one hear why not. */
	for (int i = 0; i < 3; i++)
		client_wait_outcome(&honest, timed_submit(&honest, MS_NS, 0, NULL), NPU_OUTCOME_OK);
	REQUIRE_EQ(client_try_submit(&honest, &pinned, NULL, &message), EINVAL);
	REQUIRE_HAS(message.body.error.message, "core_mask");
	REQUIRE_EQ(health(text, sizeof(text)), 503);
	REQUIRE_HAS(text, "core 0 is out of service");
	run_npuctl(&daemon, "status", NULL);
	REQUIRE_HAS(result.output, "timing, degraded");
	REQUIRE_HAS(result.output, "0 faulted, 1 idle, 2 idle");
	daemon_wait_log(&daemon, "cores_lost cores=0x1");
	daemon_stop(&daemon);
}

static void lost_device_fails_all_and_comes_back(void)
{
	struct job_request any = timed_request(MS_NS, 0);
	struct client guilty, waiting;
	struct message message;
	struct daemon daemon;
	int running_fence, waiting_fence;
	char text[1024];
	json_t *stats;

	start_faulty("timing", "core=1 dead=7", &daemon);
	client_open(&daemon, &guilty);
	client_open(&daemon, &waiting);
	timed_submit(&waiting, 60 * SECOND_NS, 2, &running_fence);
	timed_submit(&waiting, MS_NS, 2, &waiting_fence);
	client_wait_outcome(&guilty, submit_hang(&guilty, 1), NPU_OUTCOME_HANG);
	REQUIRE_EQ(fence_wait(running_fence), NPU_OUTCOME_DEVICE_LOST);
	REQUIRE_EQ(fence_wait(waiting_fence), NPU_OUTCOME_DEVICE_LOST);
	REQUIRE_EQ(client_try_submit(&guilty, &any, NULL, &message), ENODEV);
	REQUIRE(message.body.error.retry_after_ns > 0);
	REQUIRE_EQ(health(text, sizeof(text)), 503);
	REQUIRE_HAS(text, "device lost");
	stats = client_stats(&guilty);
	REQUIRE(strcmp(stats_text(stats, "device.state"), "lost") == 0);
	REQUIRE_EQ(stats_number(stats, "watchdog.device_losses"), 1);
	json_decref(stats);
	run_npuctl(&daemon, "status", NULL);
	REQUIRE_HAS(result.output, "timing, lost, tried again in");
	/* The second attempt finds it well again. */
	client_wait_stats(&guilty, "watchdog.device_resets", 2);
	set_faults("core=0");
	client_wait_stats(&guilty, "watchdog.device_resets", 3);
	client_wait_outcome(&guilty, client_submit(&guilty, &any, NULL), NPU_OUTCOME_OK);
	REQUIRE_EQ(health(text, sizeof(text)), 200);
	daemon_stop(&daemon);
}

/* ---- a daemon that comes late ---- */

static void end_heard_late_is_no_hang(void)
{
	const struct stream_addresses nowhere = {0x7f000000, 0x7f000000, 0x7f000000};
	struct matmul good, bad;
	struct job_request job;
	struct stream stray;
	struct client client;
	struct daemon daemon;
	json_t *stats;

	start_faulty("soft", "late=1", &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 3, 5, &good);
	matmul_init(&client, 0, 1, 1, &bad);
	stream_matmul(&nowhere, &stray);
	matmul_set_stream(&bad, &stray);
	job = matmul_request(&good);
	job.submit.timeout_ns = BUDGET_NS;
	client_wait_outcome(&client, client_submit(&client, &job, NULL), NPU_OUTCOME_OK);
	REQUIRE(matmul_output_is(&good, matmul_expected(&good)));
	job = matmul_request(&bad);
	job.submit.timeout_ns = BUDGET_NS;
	client_wait_outcome(&client, client_submit(&client, &job, NULL), NPU_OUTCOME_PAGE_FAULT);
	stats = client_stats(&client);
	REQUIRE_EQ(stats_number(stats, "watchdog.hangs"), 0);
	json_decref(stats);
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(innocent_is_run_again_and_not_charged),
	HARNESS_CASE(innocent_that_may_not_be_repeated_fails),
	HARNESS_CASE(innocent_streams_are_right_after_resets),
	HARNESS_CASE(innocent_slices_are_right_after_resets),
	HARNESS_CASE(device_is_reset_when_a_core_is_stuck),
	HARNESS_CASE(core_leaves_service_and_the_rest_goes_on),
	HARNESS_CASE(lost_device_fails_all_and_comes_back),
	HARNESS_CASE(end_heard_late_is_no_hang),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
