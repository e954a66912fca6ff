/* SPDX-License-Identifier: MIT */
/*
 * Invariant 9: everything a client can make npud hold has a bound with a name, and is counted.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void start_with_quota(const char *device, const char *quota, struct daemon *ret_daemon)
{
	char config[512];

	snprintf(config, sizeof(config), "{\"version\": 1, \"quota\": {%s}}", quota);
	daemon_start(&(struct daemon_options){.device = device, .config = config}, ret_daemon);
}

static void inv9_bytes_per_session(void)
{
	char field[NPU_NAME_MAX];
	struct daemon daemon;
	struct client client, other;
	struct client_bo first, second;

	start_with_quota("soft", "\"bytes_per_session\": 1048576", &daemon);
	client_open(&daemon, &client);
	client_bo_new(&client, 1 << 19, &first);
	REQUIRE_EQ(client_bo_try_new(&client, (1 << 19) + 1, 0, &second, field), EDQUOT);
	REQUIRE(strcmp(field, "bytes_per_session") == 0);
	/* Room again as soon as it is given back, and never shared with others. */
	client_open(&daemon, &other);
	client_bo_new(&other, 1 << 20, &second);
	client_bo_close(&client, &first);
	client_bo_new(&client, 1 << 20, &second);
	client_wait_stats(&client, "memory.bytes", 2 << 20);
	daemon_stop(&daemon);
}

/* Address space is what a BO takes of it: whole pages, wherever the BO's memory comes from. */
static void inv9_iova_bytes_per_session(void)
{
	char field[NPU_NAME_MAX];
	struct client client, other;
	struct client_bo first, second, foreign;
	struct npu_bo_import import = {0};
	struct message reply;
	struct daemon daemon;
	int fd;

	start_with_quota("soft", "\"iova_bytes_per_session\": 1048576", &daemon);
	client_open(&daemon, &client);
	client_bo_new(&client, (1 << 19) + 1, &first);
	REQUIRE_EQ(client_bo_try_new(&client, 1 << 19, 0, &second, field), EDQUOT);
	REQUIRE(strcmp(field, "iova_bytes_per_session") == 0);
	/* At an address of its own choice, too. */
	REQUIRE_EQ(client_bo_try_new(&client, 1 << 19, 0x40000000, &second, field), EDQUOT);
	REQUIRE(strcmp(field, "iova_bytes_per_session") == 0);
	client_open(&daemon, &other);
	client_bo_new(&other, 1 << 19, &foreign);
	fd = client_bo_export(&other, &foreign, 0);
	REQUIRE(client_exchange(
		&client, &(struct request){NPU_OP_BO_IMPORT, &import, sizeof(import), &fd, 1},
		&reply));
	REQUIRE_EQ(reply.body.error.error, EDQUOT);
	REQUIRE(strcmp(reply.body.error.field, "iova_bytes_per_session") == 0);
	client_bo_close(&client, &first);
	client_bo_new(&client, 1 << 20, &second);
	client_wait_stats(&client, "sessions.0.iova_bytes", 1 << 20);
	daemon_stop(&daemon);
}

static void inv9_bos_per_session(void)
{
	char field[NPU_NAME_MAX];
	struct daemon daemon;
	struct client client;
	struct client_bo bos[4], one_more;

	start_with_quota("soft", "\"bos_per_session\": 4", &daemon);
	client_open(&daemon, &client);
	REQUIRE_EQ(client.hello.bos_max, 4);
	for (int i = 0; i < 4; i++)
		client_bo_new(&client, 4096, &bos[i]);
	REQUIRE_EQ(client_bo_try_new(&client, 4096, 0, &one_more, field), EDQUOT);
	REQUIRE(strcmp(field, "bos_per_session") == 0);
	client_bo_close(&client, &bos[2]);
	client_bo_new(&client, 4096, &one_more);
	client_wait_stats(&client, "memory.bos", 4);
	daemon_stop(&daemon);
}

static void inv9_fences_per_session(void)
{
	struct job_request request = timed_request(UINT64_MAX, 0);
	struct message reply;
	struct daemon daemon;
	struct client client;
	int fences[3];

	start_with_quota("timing", "\"fences_per_session\": 2", &daemon);
	client_open(&daemon, &client);
	for (int i = 0; i < 2; i++)
		client_submit(&client, &request, &fences[i]);
	REQUIRE_EQ(client_try_submit(&client, &request, &fences[2], &reply), EDQUOT);
	REQUIRE(strcmp(reply.body.error.field, "fences_per_session") == 0);
	/* Jobs without a fence are not concerned. */
	client_submit(&client, &request, NULL);
	daemon_signal(&daemon, 9);
}

/* A full queue is not an error but a matter of time, which the answer names. */
static void inv9_jobs_per_session(void)
{
	struct job_request forever = timed_request(UINT64_MAX, 1), request = timed_request(1, 1);
	struct message reply;
	struct daemon daemon;
	struct client client, other;

	start_with_quota("timing", "\"jobs_per_session\": 3", &daemon);
	client_open(&daemon, &client);
	client_open(&daemon, &other);
	REQUIRE_EQ(client.hello.jobs_max, 3);
	client_submit(&client, &forever, NULL);
	client_submit(&client, &request, NULL);
	client_submit(&client, &request, NULL);
	REQUIRE_EQ(client_try_submit(&client, &request, NULL, &reply), EAGAIN);
	REQUIRE(strcmp(reply.body.error.field, "jobs_per_session") == 0);
	REQUIRE(reply.body.error.retry_after_ns > 0);
	client_submit(&other, &request, NULL);
	client_wait_stats(&other, "sessions.0.running", 1);
	client_call(&other,
		    &(struct request){NPU_OP_RESET, &(struct npu_reset){0, 0},
				      sizeof(struct npu_reset), NULL, 0},
		    NULL);
	client_wait_outcome(&client, 1, NPU_OUTCOME_CANCELLED);
	client_wait_outcome(&client, 2, NPU_OUTCOME_OK);
	client_wait_outcome(&client, 3, NPU_OUTCOME_OK);
	client_wait_outcome(&client, client_submit(&client, &request, NULL), NPU_OUTCOME_OK);
	daemon_stop(&daemon);
}

static void inv9_jobs_per_tenant(void)
{
	struct job_request forever = timed_request(UINT64_MAX, 0);
	struct client clients[2];
	struct message reply;
	struct daemon daemon;

	start_with_quota("timing", "\"jobs_per_tenant\": 4", &daemon);
	for (int i = 0; i < 2; i++) {
		client_open(&daemon, &clients[i]);
		client_submit(&clients[i], &forever, NULL);
		client_submit(&clients[i], &forever, NULL);
	}
	for (int i = 0; i < 2; i++) {
		REQUIRE_EQ(client_try_submit(&clients[i], &forever, NULL, &reply), EAGAIN);
		REQUIRE(strcmp(reply.body.error.field, "jobs_per_tenant") == 0);
	}
	/* The tenant's share comes back with its sessions. */
	client_close(&clients[0]);
	client_wait_stats(&clients[1], "scheduler.ready", 0);
	daemon_signal(&daemon, 9);
}

static void inv9_jobs_total(void)
{
	struct job_request forever = timed_request(UINT64_MAX, 0);
	struct message reply;
	struct daemon daemon;
	struct client client;

	start_with_quota("timing", "\"jobs_total\": 5", &daemon);
	client_open(&daemon, &client);
	for (int i = 0; i < 5; i++)
		client_submit(&client, &forever, NULL);
	REQUIRE_EQ(client_try_submit(&client, &forever, NULL, &reply), EAGAIN);
	REQUIRE(strcmp(reply.body.error.field, "jobs_total") == 0);
	daemon_signal(&daemon, 9);
}

static void inv9_tasks_per_job(void)
{
	struct npu_task tasks[3] = {{4096, 8, 0x300, 0}, {4096, 8, 0x300, 0}, {4096, 8, 0x300, 0}};
	struct job_request request = {.tasks = tasks, .n_tasks = 3};
	struct message reply;
	struct daemon daemon;
	struct client client;

	start_with_quota("soft", "\"tasks_per_job\": 2", &daemon);
	client_open(&daemon, &client);
	REQUIRE_EQ(client_try_submit(&client, &request, NULL, &reply), EINVAL);
	REQUIRE(strcmp(reply.body.error.field, "n_tasks") == 0);
	REQUIRE_EQ(reply.body.error.value, 3);
	REQUIRE_EQ(reply.body.error.max, 2);
	daemon_stop(&daemon);
}

static void inv9_sessions_per_uid(void)
{
	struct client clients[3], one_more;
	struct daemon daemon;

	start_with_quota("soft", "\"sessions_per_uid\": 3", &daemon);
	for (int i = 0; i < 3; i++)
		client_open(&daemon, &clients[i]);
	REQUIRE_EQ(client_try_open(&daemon, &one_more), -EDQUOT);
	client_close(&clients[1]);
	daemon_wait_log(&daemon, "session=2 from=closing to=dead");
	json_decref(client_stats(&clients[0]));
	client_open(&daemon, &one_more);
	daemon_stop(&daemon);
}

/* Sends 60 at once, where 20 are allowed. */
static void require_limit(const struct daemon *daemon, uint16_t op)
{
	struct npu_cancel cancel = {1};
	const struct request request = {op, &cancel, sizeof(cancel), NULL, 0};
	struct message reply;
	struct client client;
	unsigned n_refused = 0;

	client_open(daemon, &client);
	for (int i = 0; i < 60; i++) {
		REQUIRE(client_exchange(&client, &request, &reply));
		if (reply.body.error.error != EAGAIN)
			continue;
		REQUIRE(strcmp(reply.body.error.field, "requests_per_s") == 0);
		REQUIRE(reply.body.error.retry_after_ns > 0);
		REQUIRE(reply.body.error.retry_after_ns <= SECOND_NS);
		n_refused++;
	}
	REQUIRE(n_refused > 0);
	client_close(&client);
}

static void inv9_requests_per_s(void)
{
	struct daemon daemon;

	start_with_quota("soft", "\"requests_per_s\": 20", &daemon);
	require_limit(&daemon, NPU_OP_CANCEL);
	/* What would be refused anyway counts as well. */
	require_limit(&daemon, UINT16_MAX);
	require_limit(&daemon, NPU_OP_KILL);
	daemon_stop(&daemon);
}

/* ---- all of it at once ---- */

/*
 * What docs/security.md says of a session with 256 buffers that takes all it may, tasks and page
 * tables apart, with a quarter for the allocator's own.
 */
#define SESSION_BYTES	 (256u << 10)
#define N_GREEDY	 4
#define UNREAD_JOBS	 1000
#define JOBS_PER_SESSION 64

/* Again and again while npud says that there is no room yet. */
static void submit_all(struct client *client, const struct job_request *request, unsigned n)
{
	struct message reply;
	int error;

	for (unsigned i = 0; i < n; i++) {
		while ((error = client_try_submit(client, request, NULL, &reply)) == EAGAIN)
			client->seqno--;
		REQUIRE_EQ(error, 0);
	}
}

/* Buffers, results that nobody reads, and jobs that wait for a fence. */
static void take_all(const struct daemon *daemon, struct client *client, int fence)
{
	char field[NPU_NAME_MAX];
	struct job_request request;
	struct client_bo bo;
	struct matmul matmul;
	int error;

	client_open(daemon, client);
	matmul_init(client, 0, 1, 1, &matmul);
	request = matmul_request(&matmul);
	submit_all(client, &request, UNREAD_JOBS);
	request.fences = &fence;
	request.n_fences = 1;
	submit_all(client, &request, JOBS_PER_SESSION);
	while ((error = client_bo_try_new(client, 4096, 0, &bo, field)) == 0)
		munmap(bo.map, bo.size);
	REQUIRE_EQ(error, EDQUOT);
	REQUIRE(strcmp(field, "bos_per_session") == 0);
}

static void inv9_all_that_a_session_holds(void)
{
	static const char config[] =
		"{\"version\": 1, \"quota\": {\"jobs_per_tenant\": 1000, \"bos_per_session\": 256},"
		" \"watchdog\": {\"cap_ms\": 3600000}}";
	struct client clients[N_GREEDY + 1], hanging;
	struct matmul memory;
	struct daemon daemon;
	uint64_t before, after;
	json_t *stats;
	int fence;

	if (harness_is_sanitized())
		harness_skip("a sanitizer's own memory hides the daemon's");
	daemon_start(
		&(struct daemon_options){.device = "soft", .log_level = "error", .config = config},
		&daemon);
	client_open(&daemon, &hanging);
	matmul_init(&hanging, 0, 1, 1, &memory);
	hang_submit(&hanging, &memory, 1, 3600 * SECOND_NS, &fence);
	/* The first one also pays for what all share. */
	take_all(&daemon, &clients[0], fence);
	before = daemon_rss_bytes(&daemon);
	for (unsigned i = 1; i <= N_GREEDY; i++)
		take_all(&daemon, &clients[i], fence);
	after = daemon_rss_bytes(&daemon);
	stats = client_stats(&hanging);
	REQUIRE_EQ(stats_number(stats, "scheduler.waiting"), (N_GREEDY + 1) * JOBS_PER_SESSION);
	json_decref(stats);
	printf("# %lu KiB a session\n", (unsigned long)(after - before) / N_GREEDY / 1024);
	REQUIRE(after - before <= (uint64_t)N_GREEDY * SESSION_BYTES);
	daemon_signal(&daemon, 9);
}

static const struct test_case cases[] = {
	HARNESS_CASE(inv9_bytes_per_session),
	HARNESS_CASE(inv9_bos_per_session),
	HARNESS_CASE(inv9_iova_bytes_per_session),
	HARNESS_CASE(inv9_fences_per_session),
	HARNESS_CASE(inv9_jobs_per_session),
	HARNESS_CASE(inv9_jobs_per_tenant),
	HARNESS_CASE(inv9_jobs_total),
	HARNESS_CASE(inv9_tasks_per_job),
	HARNESS_CASE(inv9_sessions_per_uid),
	HARNESS_CASE(inv9_requests_per_s),
	HARNESS_CASE(inv9_all_that_a_session_holds),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
