/* SPDX-License-Identifier: MIT */
/*
 * Requests of every kind that a tenant may make, each spoiled somewhere. Administration is left
 * out: the soak may run as an administrator, and would then only do what it asked for.
 */
#include "malformed.h"
#include "client.h"
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES_MAX 20
#define BODY_MAX     512u
#define FDS_MAX	     6u

static const uint16_t ops[] = {
	0,
	NPU_OP_HELLO,
	NPU_OP_BO_CREATE,
	NPU_OP_BO_CLOSE,
	NPU_OP_BO_SYNC,
	NPU_OP_BO_EXPORT,
	NPU_OP_BO_IMPORT,
	NPU_OP_BO_FENCE,
	NPU_OP_SUBMIT,
	NPU_OP_CANCEL,
	NPU_OP_STATS,
	UINT16_MAX,
};

#define N_OPS (sizeof(ops) / sizeof(ops[0]))

/* Small numbers mostly, which get further than others. */
static void fill(unsigned char *bytes, size_t n, uint64_t *seed)
{
	memset(bytes, 0, n);
	for (uint32_t i = harness_random(seed) % 8; i > 0 && n > 0; i--)
		bytes[harness_random(seed) % n] = (unsigned char)harness_random(seed);
}

static size_t body_size(uint64_t *seed)
{
	static const size_t sizes[] = {0,
				       8,
				       16,
				       24,
				       sizeof(struct npu_hello),
				       sizeof(struct npu_submit),
				       sizeof(struct npu_submit) + sizeof(struct npu_task)};
	uint32_t choice = harness_random(seed) % 10;

	return choice < 7 ? sizes[choice] : harness_random(seed) % BODY_MAX;
}

/* False when npud has hung up. */
static bool send_one(struct client *client, int fd, uint64_t *seed)
{
	unsigned char packet[sizeof(struct npu_header) + BODY_MAX];
	struct npu_header header = {.op = ops[harness_random(seed) % N_OPS]};
	size_t size = sizeof(header) + body_size(seed);
	int fds[FDS_MAX] = {fd, fd, fd, fd, fd, fd};
	unsigned n_fds = harness_random(seed) % 4 ? 0 : harness_random(seed) % (FDS_MAX + 1);

	header.length = (uint32_t)size;
	fill(packet + sizeof(header), size - sizeof(header), seed);
	if (harness_random(seed) % 16 == 0)
		header.length += harness_random(seed);
	if (harness_random(seed) % 16 == 0)
		header.kind = (uint16_t)harness_random(seed);
	memcpy(packet, &header, sizeof(header));
	if (harness_random(seed) % 32 == 0)
		size = harness_random(seed) % size;
	return client_send_bytes(client, packet, size, fds, n_fds) == 0;
}

/* Whatever there is to read by now; client_receive() looks at its frame. */
static bool read_answers(struct client *client)
{
	struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
	struct message message;

	while (poll(&poll_fd, 1, 0) == 1) {
		if (!client_receive(client, &message))
			return false;
		if (message.fd >= 0)
			close(message.fd);
	}
	return true;
}

void malformed_session(const struct daemon *daemon, uint64_t *seed)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	struct client client;

	REQUIRE(fd >= 0);
	client_connect(daemon, &client);
	if (harness_random(seed) % 4)
		client_hello(&client, "");
	for (unsigned i = 0; i < MESSAGES_MAX; i++)
		if (!send_one(&client, fd, seed) || !read_answers(&client))
			break;
	client_close(&client);
	close(fd);
}
