/* SPDX-License-Identifier: MIT */
/*
 * Invariant 7 for descriptors: whatever a client sends, nobody else waits for it, and what a client
 * does not take from its socket stays little.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_S 20

/* A TCP socket of this machine that a close() would wait for: unread data, and nobody reads. */
static int lingering_socket(int *ret_listener)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = LINGER_S};
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	static char data[1 << 20];
	int fd;

	*ret_listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE_EQ(bind(*ret_listener, (struct sockaddr *)&address, sizeof(address)), 0);
	REQUIRE_EQ(listen(*ret_listener, 1), 0);
	REQUIRE_EQ(getsockname(*ret_listener, (struct sockaddr *)&address, &size), 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	REQUIRE_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	return fd;
}

/* Sent with a request, with too many others, or left unread at the end: the other client goes on.
 */
static void inv7_descriptor_that_lingers_blocks_nobody(void)
{
	struct npu_bo_import import = {0};
	struct npu_header header = {.length = sizeof(header), .op = NPU_OP_STATS};
	struct client hostile, other;
	struct matmul job;
	struct daemon daemon;
	int fds[6], listeners[6];
	uint64_t start_ns;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &hostile);
	client_open(&daemon, &other);
	matmul_init(&other, 0, 3, 2, &job);
	for (int i = 0; i < 6; i++)
		fds[i] = lingering_socket(&listeners[i]);
	start_ns = harness_now_ns();
	client_send(&hostile,
		    &(struct request){NPU_OP_BO_IMPORT, &import, sizeof(import), &fds[0], 1});
	/* Too many for one message ends the session, with another one unread behind it. */
	client_send_bytes(&hostile, &header, sizeof(header), &fds[1], 5);
	client_send_bytes(&hostile, &header, sizeof(header), &fds[0], 1);
	for (int i = 0; i < 6; i++)
		close(fds[i]);
	matmul_check(&other, &job);
	client_close(&hostile);
	matmul_check(&other, &job);
	REQUIRE(harness_now_ns() - start_ns < LINGER_S * 1000 * MS_NS / 2);
	daemon_stop(&daemon);
}

/* What is no fence is refused at once, and nothing is waited for. */
static void inv7_only_fences_are_waited_for(void)
{
	struct client client;
	struct matmul job;
	struct daemon daemon;
	struct message reply;
	int pipes[2], bad[4];

	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 3, 2, &job);
	REQUIRE_EQ(pipe2(pipes, O_CLOEXEC), 0);
	bad[0] = pipes[1];
	bad[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bad[2] = open("/proc/self/fd/0", O_PATH | O_CLOEXEC);
	bad[3] = openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 4; i++) {
		struct job_request request = matmul_request(&job);

		request.fences = &bad[i];
		request.n_fences = 1;
		REQUIRE_EQ(client_try_submit(&client, &request, NULL, &reply), EINVAL);
		REQUIRE(strcmp(reply.body.error.field, "fences[0]") == 0);
	}
	matmul_check(&client, &job);
	daemon_stop(&daemon);
}

/* A descriptor lies unread in a socket at a time, however many are asked for. */
static void inv9_unread_descriptors_are_bounded(void)
{
	struct npu_bo_export export = {0};
	struct client client;
	struct client_bo bo;
	struct daemon daemon;
	struct message reply;
	enum { N_REQUESTS = 50 };
	unsigned n_fds = 0;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	client_bo_new(&client, 4096, &bo);
	export.handle = bo.handle;
	for (int i = 0; i < N_REQUESTS; i++)
		client_send(&client,
			    &(struct request){NPU_OP_BO_EXPORT, &export, sizeof(export), NULL, 0});
	for (int i = 0; i < N_REQUESTS; i++) {
		REQUIRE(client_receive(&client, &reply));
		if (reply.header.kind == NPU_KIND_REPLY) {
			n_fds++;
			close(reply.fd);
			continue;
		}
		REQUIRE_EQ(reply.body.error.error, EAGAIN);
	}
	REQUIRE(n_fds >= 1);
	/* Who reads gets what it asks for. */
	close(client_bo_export(&client, &bo, 0));
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(inv7_descriptor_that_lingers_blocks_nobody),
	HARNESS_CASE(inv7_only_fences_are_waited_for),
	HARNESS_CASE(inv9_unread_descriptors_are_bounded),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
