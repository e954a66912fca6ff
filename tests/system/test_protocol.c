/* SPDX-License-Identifier: MIT */
/*
 * Messages that are wrong in every field, and clients that do not behave.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct refusal {
	uint16_t op;
	const void *body;
	size_t size;
	int error;
	const char *field;
};

#define BODY(type, ...) &(const type){__VA_ARGS__}, sizeof(type)

static const struct refusal refusals[] = {
	{0, NULL, 0, EOPNOTSUPP, "op"},
	{15, NULL, 0, EOPNOTSUPP, "op"},
	{0xffff, NULL, 0, EOPNOTSUPP, "op"},
	{NPU_OP_HELLO, BODY(struct npu_hello, 1, 1), EPROTO, "op"},
	{NPU_OP_BO_CREATE, NULL, 0, EINVAL, "length"},
	{NPU_OP_BO_CREATE, BODY(uint64_t, 4096), EINVAL, "length"},
	{NPU_OP_BO_CREATE, BODY(struct npu_bo_create, 0), EINVAL, "size"},
	{NPU_OP_BO_CREATE, BODY(struct npu_bo_create, UINT64_MAX), EINVAL, "size"},
	{NPU_OP_BO_CREATE, BODY(struct npu_bo_create, 1ull << 32), EINVAL, "size"},
	{NPU_OP_BO_CREATE, BODY(struct npu_bo_create, 4096, 4), EINVAL, "flags"},
	{NPU_OP_BO_CREATE, BODY(struct npu_bo_create, 4096, 0, 4096), EINVAL, "iova"},
	{NPU_OP_BO_CREATE, BODY(struct npu_bo_create, 4096, 1, 0), EINVAL, "iova"},
	{NPU_OP_BO_CREATE, BODY(struct npu_bo_create, 4096, 1, 4097), EINVAL, "iova"},
	{NPU_OP_BO_CLOSE, BODY(struct npu_bo_close, 0), ENOENT, "handle"},
	{NPU_OP_BO_CLOSE, BODY(struct npu_bo_close, 12345), ENOENT, "handle"},
	{NPU_OP_BO_CLOSE, BODY(struct npu_bo_close, UINT32_MAX), ENOENT, "handle"},
	{NPU_OP_BO_CLOSE, BODY(struct npu_bo_close, 1, 1), EINVAL, "reserved"},
	{NPU_OP_BO_SYNC, BODY(struct npu_bo_sync, 9, 1, 0, 1), ENOENT, "handle"},
	{NPU_OP_BO_SYNC, BODY(struct npu_bo_sync, 1, 0, 0, 1), EINVAL, "direction"},
	{NPU_OP_BO_SYNC, BODY(struct npu_bo_sync, 1, 4, 0, 1), EINVAL, "direction"},
	{NPU_OP_BO_SYNC, BODY(struct npu_bo_sync, 1, 1, 1u << 30, 1), EINVAL, "offset"},
	{NPU_OP_BO_SYNC, BODY(struct npu_bo_sync, 1, 1, 1, UINT64_MAX), EINVAL, "size"},
	{NPU_OP_BO_EXPORT, BODY(struct npu_bo_export, 7), ENOENT, "handle"},
	{NPU_OP_BO_EXPORT, BODY(struct npu_bo_export, 1, 2), EINVAL, "flags"},
	{NPU_OP_BO_IMPORT, BODY(struct npu_bo_import, 0, 0), EINVAL, "descriptors"},
	{NPU_OP_SUBMIT, NULL, 0, EINVAL, "length"},
	{NPU_OP_SUBMIT, BODY(struct npu_submit, 9), EINVAL, "n_tasks"},
	{NPU_OP_SUBMIT, BODY(struct npu_submit, .flags = 1u << 31), EINVAL, "flags"},
	{NPU_OP_SUBMIT, BODY(struct npu_submit, .n_tasks = 1), EINVAL, "length"},
	{NPU_OP_SUBMIT, BODY(struct npu_submit, .n_tasks = UINT32_MAX), EINVAL, "n_tasks"},
	{NPU_OP_SUBMIT, BODY(struct npu_submit, .n_bos = UINT32_MAX), EINVAL, "n_bos"},
	{NPU_OP_SUBMIT, BODY(struct npu_submit, .n_fences = 1), EINVAL, "n_fences"},
	{NPU_OP_SUBMIT, BODY(struct npu_submit, .n_fences = UINT32_MAX), EINVAL, "n_fences"},
	{NPU_OP_SUBMIT, BODY(struct npu_submit, .n_ranges = 4), EINVAL, "n_ranges"},
	{NPU_OP_SUBMIT, BODY(struct npu_submit, .reserved = 1), EINVAL, "reserved"},
	{NPU_OP_SUBMIT, BODY(struct npu_submit, .reserved = 1), EINVAL, "reserved"},
	{NPU_OP_SUBMIT, BODY(struct npu_submit, .tasks_handle = 1), EINVAL, "tasks_handle"},
	{NPU_OP_SUBMIT, BODY(struct npu_submit, .flags = 8, .n_tasks = 1, .tasks_handle = 3),
	 ENOENT, "tasks_handle"},
	{NPU_OP_SUBMIT,
	 BODY(struct npu_submit, .flags = 8, .n_tasks = 1, .tasks_handle = 1,
	      .tasks_offset = UINT64_MAX - 8),
	 EINVAL, "tasks_offset"},
	{NPU_OP_SUBMIT, BODY(struct npu_submit, .flags = 8, .n_tasks = 65535, .tasks_handle = 1),
	 EINVAL, "n_tasks"},
	{NPU_OP_CANCEL, NULL, 0, EINVAL, "length"},
	{NPU_OP_CANCEL, BODY(struct npu_cancel, 4711), ENOENT, "seqno"},
	{NPU_OP_STATS, BODY(uint32_t, 0), EINVAL, "length"},
	{NPU_OP_POLICY_SHOW, BODY(uint32_t, 0), EINVAL, "length"},
	{NPU_OP_KILL, BODY(struct npu_kill, 123456789), ENOENT, "session_id"},
	{NPU_OP_RESET, BODY(struct npu_reset, 3), EINVAL, "core"},
	{NPU_OP_RESET, BODY(struct npu_reset, UINT32_MAX), EINVAL, "core"},
	{NPU_OP_RESET, BODY(struct npu_reset, 0, 1), EINVAL, "reserved"},
};

#define N_REFUSALS (sizeof(refusals) / sizeof(refusals[0]))

static void inv7_garbage_names_the_field(void)
{
	struct daemon daemon;
	struct client client;
	struct matmul job;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 3, 4, &job);
	for (size_t i = 0; i < N_REFUSALS; i++) {
		const struct refusal *refusal = &refusals[i];

		client_refused(
			&client,
			&(struct request){refusal->op, refusal->body, refusal->size, NULL, 0},
			refusal->error, refusal->field);
	}
	/* The session lives, and nothing has changed. */
	matmul_check(&client, &job);
	client_wait_stats(&client, "memory.bos", 1);
	client_wait_stats(&client, "sessions.0.submitted", 1);
	daemon_stop(&daemon);
}

static const struct {
	struct npu_task task;
	uint32_t core_mask;
	const char *field;
} bad_tasks[] = {
	{{4096, 0, 0x300, 0}, 0, "tasks[0]"},
	{{4096, NPU_TASK_REGCMDS_MAX + 1, 0x300, 0}, 0, "tasks[0]"},
	{{4100, 8, 0x300, 0}, 0, "tasks[0]"},
	{{0, 8, 0x300, 0}, 0, "tasks[0]"},
	{{0xfffffff0u, 8, 0x300, 0}, 0, "tasks[0]"},
	{{4096, 8, 0, 0}, 0, "tasks[0]"},
	{{4096, 8, 0x1000, 0}, 0, "tasks[0]"},
	{{4096, 8, 0x300, 1}, 0, "tasks[0]"},
	{{4096, 8, 0x300, 0}, 8, "core_mask"},
	{{4096, 8, 0x300, 0}, 3, "n_ranges"},
};

static void inv7_bad_tasks_are_named(void)
{
	struct daemon daemon;
	struct client client;
	struct message reply;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	for (size_t i = 0; i < sizeof(bad_tasks) / sizeof(bad_tasks[0]); i++) {
		struct job_request job = {.tasks = &bad_tasks[i].task, .n_tasks = 1};

		job.submit.core_mask = bad_tasks[i].core_mask;
		REQUIRE_EQ(client_try_submit(&client, &job, NULL, &reply), EINVAL);
		if (strcmp(reply.body.error.field, bad_tasks[i].field) != 0)
			harness_fail(__FILE__, __LINE__, "task %zu: field %s, not %s: %s", i,
				     reply.body.error.field, bad_tasks[i].field,
				     reply.body.error.message);
	}
	client_wait_stats(&client, "sessions.0.submitted", 0);
	daemon_stop(&daemon);
}

/* An answer that says what was wrong, and then the end. */
static void require_dismissal(struct client *client, const char *field)
{
	struct message reply;

	REQUIRE(client_receive(client, &reply));
	REQUIRE_EQ(reply.header.kind, NPU_KIND_ERROR);
	REQUIRE_EQ(reply.body.error.error, EBADMSG);
	REQUIRE(strcmp(reply.body.error.field, field) == 0);
	REQUIRE(!client_receive(client, &reply));
	client_close(client);
}

/* What breaks the transport itself ends the session, and only that one. */
static void inv7_broken_packets_end_the_session(void)
{
	static const struct npu_header broken[] = {
		{.length = 0, .op = NPU_OP_STATS},
		{.length = 15, .op = NPU_OP_STATS},
		{.length = 17, .op = NPU_OP_STATS},
		{.length = UINT32_MAX, .op = NPU_OP_STATS},
		{.length = 16, .op = NPU_OP_STATS, .kind = NPU_KIND_REPLY},
		{.length = 16, .op = NPU_OP_STATS, .kind = 99},
	};
	struct client client, observer;
	struct message reply;
	struct daemon daemon;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &observer);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		client_open(&daemon, &client);
		REQUIRE_EQ(client_send_bytes(&client, &broken[i], sizeof(broken[i]), NULL, 0), 0);
		require_dismissal(&client, broken[i].length == 16 ? "kind" : "length");
	}
	/* An empty packet looks like the end of the connection. */
	client_open(&daemon, &client);
	REQUIRE_EQ(client_send_bytes(&client, &broken[1], 0, NULL, 0), 0);
	REQUIRE(!client_receive(&client, &reply));
	client_close(&client);
	for (size_t size = 1; size < sizeof(struct npu_header); size++) {
		client_open(&daemon, &client);
		REQUIRE_EQ(client_send_bytes(&client, &broken[1], size, NULL, 0), 0);
		require_dismissal(&client, "size");
	}
	json_decref(client_stats(&observer));
	daemon_stop(&daemon);
}

static void inv7_oversized_packet_ends_the_session(void)
{
	static unsigned char packet[NPU_MESSAGE_MAX + 4096];
	struct npu_header header = {.length = sizeof(packet), .op = NPU_OP_STATS};
	struct client client, observer;
	struct daemon daemon;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &observer);
	client_open(&daemon, &client);
	memcpy(packet, &header, sizeof(header));
	REQUIRE_EQ(client_send_bytes(&client, packet, sizeof(packet), NULL, 0), 0);
	require_dismissal(&client, "size");
	/* One byte too long, with a header that says it is not. */
	client_open(&daemon, &client);
	header.length = NPU_MESSAGE_MAX;
	memcpy(packet, &header, sizeof(header));
	REQUIRE_EQ(client_send_bytes(&client, packet, NPU_MESSAGE_MAX + 1, NULL, 0), 0);
	require_dismissal(&client, "size");
	json_decref(client_stats(&observer));
	daemon_stop(&daemon);
}

/* More descriptors than the protocol has room for, or than the message wants, are closed. */
static void inv7_too_many_descriptors(void)
{
	struct npu_header header = {.length = sizeof(header), .op = NPU_OP_STATS};
	struct client client, observer;
	struct message reply;
	struct daemon daemon;
	unsigned n_before;
	int fds[60];

	daemon_start(NULL, &daemon);
	client_open(&daemon, &observer);
	json_decref(client_stats(&observer));
	n_before = daemon_count_fds(&daemon);
	for (int i = 0; i < 60; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (unsigned n = 1; n <= 60; n += n < 8 ? 1 : 13) {
		client_open(&daemon, &client);
		REQUIRE_EQ(client_send_bytes(&client, &header, sizeof(header), fds, n), 0);
		if (client_receive(&client, &reply)) {
			REQUIRE_EQ(reply.header.kind, NPU_KIND_ERROR);
			REQUIRE(strcmp(reply.body.error.field, "descriptors") == 0);
		}
		client_close(&client);
	}
	client_wait_descriptors(&observer, &daemon, n_before);
	daemon_stop(&daemon);
}

static void version_must_meet(void)
{
	struct npu_hello hello = {.version_min = 2, .version_max = 9};
	struct message reply;
	struct daemon daemon;
	struct client client;

	daemon_start(NULL, &daemon);
	client_connect(&daemon, &client);
	REQUIRE(client_exchange(
		&client, &(struct request){NPU_OP_HELLO, &hello, sizeof(hello), NULL, 0}, &reply));
	REQUIRE_EQ(reply.header.kind, NPU_KIND_ERROR);
	REQUIRE_EQ(reply.body.error.error, EPROTONOSUPPORT);
	/* Both sides' versions are in the sentence. */
	REQUIRE_HAS(reply.body.error.message, "9");
	REQUIRE_HAS(reply.body.error.message, "1");
	/* A newer client that also speaks ours is welcome, on the same connection. */
	hello.version_min = 1;
	hello.features = ~0ull;
	client_call(&client, &(struct request){NPU_OP_HELLO, &hello, sizeof(hello), NULL, 0},
		    &reply);
	REQUIRE_EQ(reply.body.hello.version, NPU_PROTOCOL_VERSION);
	REQUIRE(reply.body.hello.features < 1ull << 16);
	daemon_stop(&daemon);
}

static void hello_comes_first(void)
{
	struct npu_hello hello = {.version_min = 1, .version_max = 1};
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct daemon daemon;
	struct client client;

	daemon_start(NULL, &daemon);
	client_connect(&daemon, &client);
	client_refused(&client,
		       &(struct request){NPU_OP_BO_CREATE, &(struct npu_bo_create){.size = 4096},
					 sizeof(struct npu_bo_create), NULL, 0},
		       EPROTO, "op");
	client_refused(&client, &(struct request){NPU_OP_HELLO, &hello, sizeof(hello), &null_fd, 1},
		       EINVAL, "descriptors");
	memset(hello.class_name, 'x', sizeof(hello.class_name));
	client_refused(&client, &(struct request){NPU_OP_HELLO, &hello, sizeof(hello), NULL, 0},
		       EINVAL, "class_name");
	daemon_stop(&daemon);
}

/* ---- random damage ---- */

#define N_MUTATIONS 3000

static size_t make_packet(uint64_t *seed, const struct matmul *job, unsigned char *packet)
{
	const struct refusal *base = &refusals[harness_random(seed) % N_REFUSALS];
	struct npu_submit submit = {.seqno = harness_random(seed), .n_tasks = 1, .n_bos = 1};
	struct npu_header header = {.op = base->op};
	size_t size = sizeof(header);

	if (harness_random(seed) % 2) {
		header.op = NPU_OP_SUBMIT;
		memcpy(packet + size, &submit, sizeof(submit));
		size += sizeof(submit);
		memcpy(packet + size, &job->task, sizeof(job->task));
		size += sizeof(job->task);
		memcpy(packet + size, &job->handle, sizeof(job->handle));
		size += sizeof(job->handle);
	} else if (base->size > 0) {
		memcpy(packet + size, base->body, base->size);
		size += base->size;
	}
	header.length = (uint32_t)size;
	memcpy(packet, &header, sizeof(header));
	for (unsigned n = harness_random(seed) % 4; n > 0; n--)
		packet[harness_random(seed) % size] ^=
			(unsigned char)(1u << harness_random(seed) % 8);
	return size;
}

/* Kill and reset would hit the observer: those are not for a random client. */
static bool is_harmful(const unsigned char *packet)
{
	struct npu_header header;

	memcpy(&header, packet, sizeof(header));
	return header.op == NPU_OP_KILL || header.op == NPU_OP_RESET;
}

static void inv7_random_damage_is_survived(void)
{
	unsigned char packet[4096];
	uint64_t seed = 20240229;
	struct client client, observer;
	struct matmul job, honest;
	struct message reply;
	struct daemon daemon;
	unsigned n_fds;

	daemon_start(&(struct daemon_options){.config = "{\"version\": 1, " DAEMON_LENIENT "}"},
		     &daemon);
	client_open(&daemon, &observer);
	matmul_init(&observer, 0, 3, 9, &honest);
	matmul_check(&observer, &honest);
	n_fds = daemon_count_fds(&daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 1, 1, &job);
	for (int i = 0; i < N_MUTATIONS; i++) {
		size_t size = make_packet(&seed, &job, packet);

		if (is_harmful(packet))
			continue;
		if (client_send_bytes(&client, packet, size, NULL, 0) == 0 &&
		    client_receive(&client, &reply)) {
			if (reply.fd >= 0)
				close(reply.fd);
			continue;
		}
		client_close(&client);
		client_open(&daemon, &client);
		matmul_init(&client, 0, 1, 1, &job);
	}
	client_close(&client);
	matmul_check(&observer, &honest);
	client_wait_stats(&observer, "memory.bos", 1);
	client_wait_descriptors(&observer, &daemon, n_fds);
	daemon_stop(&daemon);
}

/* ---- clients that do not read ---- */

static bool send_until_full(struct client *client, unsigned *ret_n)
{
	struct npu_header header = {.length = sizeof(header), .op = NPU_OP_STATS};
	struct pollfd poll_fd = {.fd = client->fd, .events = POLLOUT};

	REQUIRE_EQ(fcntl(client->fd, F_SETFL, O_NONBLOCK), 0);
	for (unsigned i = 0; i < 100000; i++) {
		int r = client_send_bytes(client, &header, sizeof(header), NULL, 0);

		if (r == 0) {
			(*ret_n)++;
			continue;
		}
		REQUIRE_EQ(r, -EAGAIN);
		/* Full, and not just because npud is slow: half a second without progress. */
		if (poll(&poll_fd, 1, 500) == 0)
			return true;
	}
	return false;
}

static void slow_reader_does_not_grow_the_daemon(void)
{
	struct client slow, other;
	struct message reply;
	struct matmul job;
	struct daemon daemon;
	unsigned n_sent = 0, n_documents = 0, n_fds;
	uint64_t rss;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &slow);
	client_open(&daemon, &other);
	matmul_init(&other, 0, 2, 2, &job);
	matmul_check(&other, &job);
	json_decref(client_stats(&other));
	n_fds = daemon_count_fds(&daemon);
	rss = daemon_rss_bytes(&daemon);
	REQUIRE(send_until_full(&slow, &n_sent));
	matmul_check(&other, &job);
	REQUIRE(daemon_count_fds(&daemon) <= n_fds + 4);
	REQUIRE(harness_is_sanitized() || daemon_rss_bytes(&daemon) < rss + (1u << 20));
	/* Whoever reads at last gets every answer. */
	for (unsigned i = 0; i < n_sent; i++) {
		REQUIRE(client_receive(&slow, &reply));
		if (reply.header.kind == NPU_KIND_REPLY) {
			n_documents++;
			close(reply.fd);
			continue;
		}
		/* One descriptor at a time lies unread. */
		REQUIRE_EQ(reply.body.error.error, EAGAIN);
	}
	REQUIRE(n_documents >= 1 && n_documents < n_sent);
	daemon_stop(&daemon);
}

/* Completions nobody reads are dropped, oldest first, and counted. */
static void unread_completions_are_bounded(void)
{
	enum { N_JOBS = 3000 };
	struct npu_completion completion = {0};
	struct client client, observer;
	struct daemon daemon;
	uint64_t rss, n_read = 0;

	daemon_start(&(struct daemon_options){.device = "timing"}, &daemon);
	client_open(&daemon, &client);
	client_open(&daemon, &observer);
	rss = daemon_rss_bytes(&daemon);
	for (int i = 0; i < N_JOBS; i++) {
		struct job_request request = timed_request(0, 0);
		struct message reply;

		while (client_try_submit(&client, &request, NULL, &reply) == EAGAIN)
			client.seqno--;
	}
	client_wait_stats(&observer, "sessions.0.completed", N_JOBS);
	REQUIRE(harness_is_sanitized() || daemon_rss_bytes(&daemon) < rss + (1u << 20));
	while (completion.seqno != N_JOBS) {
		client_completion(&client, &completion);
		n_read++;
		REQUIRE_EQ(completion.seqno, n_read + completion.lost);
	}
	REQUIRE(completion.lost > 0);
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(inv7_garbage_names_the_field),
	HARNESS_CASE(inv7_bad_tasks_are_named),
	HARNESS_CASE(inv7_broken_packets_end_the_session),
	HARNESS_CASE(inv7_oversized_packet_ends_the_session),
	HARNESS_CASE(inv7_too_many_descriptors),
	HARNESS_CASE(version_must_meet),
	HARNESS_CASE(hello_comes_first),
	HARNESS_CASE(inv7_random_damage_is_survived),
	HARNESS_CASE(slow_reader_does_not_grow_the_daemon),
	HARNESS_CASE(unread_completions_are_bounded),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
