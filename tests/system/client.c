/* SPDX-License-Identifier: MIT */
/*
 * Packets, descriptors and nothing clever: the protocol header is the only thing shared with npud.
 */
#include "client.h"
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 60000

static void wait_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	if (poll(&poll_fd, 1, PATIENCE_MS) != 1)
		harness_fail(__FILE__, __LINE__, "npud does not answer");
}

void client_connect(const struct daemon *daemon, struct client *ret_client)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, daemon->socket, sizeof(daemon->socket));
	*ret_client = (struct client){.completions = -1};
	ret_client->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	REQUIRE(ret_client->fd >= 0);
	if (connect(ret_client->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		harness_fail(__FILE__, __LINE__, "%s: %s", daemon->socket, strerror(errno));
}

void client_close(struct client *client)
{
	close(client->fd);
	if (client->completions >= 0)
		close(client->completions);
	client->fd = client->completions = -1;
}

int client_send_bytes(struct client *client, const void *data, size_t size, const int *fds,
		      unsigned n_fds)
{
	struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
	char control[CMSG_SPACE(64 * sizeof(int))] = {0};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;

	if (n_fds > 0) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	return sendmsg(client->fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void client_send(struct client *client, const struct request *request)
{
	unsigned char packet[NPU_MESSAGE_MAX];
	struct npu_header header = {
		.length = (uint32_t)(sizeof(header) + request->size),
		.op = request->op,
		.kind = NPU_KIND_REQUEST,
		.serial = ++client->serial,
	};

	REQUIRE(header.length <= sizeof(packet));
	memcpy(packet, &header, sizeof(header));
	if (request->size > 0)
		memcpy(packet + sizeof(header), request->body, request->size);
	REQUIRE_EQ(client_send_bytes(client, packet, header.length, request->fds, request->n_fds),
		   0);
}

bool client_receive(struct client *client, struct message *ret_message)
{
	struct iovec iov[2] = {{&ret_message->header, sizeof(ret_message->header)},
			       {&ret_message->body, sizeof(ret_message->body)}};
	char control[CMSG_SPACE(8 * sizeof(int))];
	struct msghdr message = {.msg_iov = iov,
				 .msg_iovlen = 2,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg;
	ssize_t size;

	memset(ret_message, 0, sizeof(*ret_message));
	ret_message->fd = -1;
	wait_readable(client->fd);
	size = recvmsg(client->fd, &message, MSG_CMSG_CLOEXEC);
	if (size <= 0)
		return false;
	ret_message->size = (size_t)size;
	REQUIRE(!(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)));
	REQUIRE_EQ(ret_message->header.length, size);
	cmsg = CMSG_FIRSTHDR(&message);
	if (cmsg) {
		REQUIRE_EQ(cmsg->cmsg_len, CMSG_LEN(sizeof(int)));
		memcpy(&ret_message->fd, CMSG_DATA(cmsg), sizeof(int));
	}
	return true;
}

bool client_exchange(struct client *client, const struct request *request,
		     struct message *ret_message)
{
	client_send(client, request);
	if (!client_receive(client, ret_message))
		return false;
	REQUIRE_EQ(ret_message->header.serial, client->serial);
	REQUIRE_EQ(ret_message->header.op, request->op);
	return true;
}

void client_call(struct client *client, const struct request *request, struct message *ret_message)
{
	struct message reply;

	if (!client_exchange(client, request, &reply))
		harness_fail(__FILE__, __LINE__, "npud ended the session on op %d", request->op);
	if (reply.header.kind != NPU_KIND_REPLY)
		harness_fail(__FILE__, __LINE__, "op %d refused: %s", request->op,
			     reply.body.error.message);
	if (ret_message)
		*ret_message = reply;
	else if (reply.fd >= 0)
		close(reply.fd);
}

void client_refused(struct client *client, const struct request *request, int error,
		    const char *field)
{
	struct message reply;

	if (!client_exchange(client, request, &reply))
		harness_fail(__FILE__, __LINE__, "npud ended the session on op %d", request->op);
	if (reply.header.kind != NPU_KIND_ERROR)
		harness_fail(__FILE__, __LINE__, "op %d with a bad %s was accepted", request->op,
			     field ? field : "request");
	if (reply.body.error.error != error ||
	    (field && strcmp(reply.body.error.field, field) != 0))
		harness_fail(__FILE__, __LINE__, "op %d: %s at %s instead of %s at %s: %s",
			     request->op, strerrorname_np(reply.body.error.error),
			     reply.body.error.field, strerrorname_np(error), field ? field : "?",
			     reply.body.error.message);
	REQUIRE(memchr(reply.body.error.message, '\0', sizeof(reply.body.error.message)) != NULL);
	REQUIRE(reply.body.error.message[0] != '\0');
	REQUIRE(reply.fd < 0);
}

static bool exchange_hello(struct client *client, const char *class_name,
			   struct message *ret_message)
{
	struct npu_hello hello = {.version_min = NPU_PROTOCOL_VERSION,
				  .version_max = NPU_PROTOCOL_VERSION,
				  .features = NPU_FEATURE_FENCES | NPU_FEATURE_COMPLETIONS |
					      NPU_FEATURE_FIXED_IOVA | NPU_FEATURE_GANGS |
					      NPU_FEATURE_TASKS_IN_BO};
	bool has_reply;

	snprintf(hello.class_name, sizeof(hello.class_name), "%s", class_name);
	has_reply = client_exchange(client,
				    &(struct request){NPU_OP_HELLO, &hello, sizeof(hello), NULL, 0},
				    ret_message);
	client->completions = has_reply ? ret_message->fd : -1;
	return has_reply;
}

void client_hello(struct client *client, const char *class_name)
{
	struct message reply;

	REQUIRE(exchange_hello(client, class_name, &reply));
	if (reply.header.kind != NPU_KIND_REPLY)
		harness_fail(__FILE__, __LINE__, "hello: %s", reply.body.error.message);
	client->hello = reply.body.hello;
}

void client_open(const struct daemon *daemon, struct client *ret_client)
{
	client_connect(daemon, ret_client);
	client_hello(ret_client, "");
}

int client_try_open(const struct daemon *daemon, struct client *ret_client)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct npu_hello hello = {.version_min = 1, .version_max = 1, .features = ~0ull};
	unsigned char packet[sizeof(struct npu_header) + sizeof(hello)];
	struct npu_header header = {.length = sizeof(packet), .op = NPU_OP_HELLO};
	struct message reply;
	int r;

	memcpy(address.sun_path, daemon->socket, sizeof(daemon->socket));
	*ret_client = (struct client){.completions = -1};
	ret_client->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connect(ret_client->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		r = -errno;
		client_close(ret_client);
		return r;
	}
	memcpy(packet, &header, sizeof(header));
	memcpy(packet + sizeof(header), &hello, sizeof(hello));
	r = client_send_bytes(ret_client, packet, sizeof(packet), NULL, 0);
	/* A client that is turned away may find an answer although it could not ask any more. */
	if (!client_receive(ret_client, &reply))
		r = r < 0 ? r : -ECONNRESET;
	else
		r = reply.header.kind == NPU_KIND_ERROR ? -reply.body.error.error : 0;
	if (r < 0)
		client_close(ret_client);
	else
		ret_client->hello = reply.body.hello;
	ret_client->completions = r < 0 ? -1 : reply.fd;
	return r;
}

/* ---- buffer objects ---- */

static void take_bo(const struct message *reply, struct client_bo *ret_bo)
{
	*ret_bo = (struct client_bo){.handle = reply->body.bo.handle,
				     .iova = reply->body.bo.iova,
				     .size = reply->body.bo.size};
	if (reply->fd < 0)
		return;
	ret_bo->map = mmap(NULL, ret_bo->size, PROT_READ | PROT_WRITE, MAP_SHARED, reply->fd, 0);
	REQUIRE(ret_bo->map != MAP_FAILED);
	close(reply->fd);
}

int client_bo_try_new(struct client *client, uint64_t size, uint32_t iova, struct client_bo *ret_bo,
		      char *field)
{
	struct npu_bo_create create = {
		.size = size, .flags = iova ? NPU_BO_FIXED_IOVA : 0, .iova = iova};
	struct message reply;

	REQUIRE(client_exchange(
		client, &(struct request){NPU_OP_BO_CREATE, &create, sizeof(create), NULL, 0},
		&reply));
	if (reply.header.kind == NPU_KIND_ERROR) {
		if (field)
			memcpy(field, reply.body.error.field, NPU_NAME_MAX);
		return reply.body.error.error;
	}
	REQUIRE(reply.fd >= 0);
	take_bo(&reply, ret_bo);
	return 0;
}

void client_bo_new_at(struct client *client, uint64_t size, uint32_t iova, struct client_bo *ret_bo)
{
	int error;

	do {
		error = client_bo_try_new(client, size, iova, ret_bo, NULL);
	} while ((error == ENOMEM || error == EBUSY) && harness_driver_misbehaves());
	if (error == EOPNOTSUPP)
		harness_skip("the kernel driver chooses addresses itself");
	if (error)
		harness_fail(__FILE__, __LINE__, "no BO of %llu bytes: %s",
			     (unsigned long long)size, strerror(error));
}

void client_bo_new(struct client *client, uint64_t size, struct client_bo *ret_bo)
{
	client_bo_new_at(client, size, 0, ret_bo);
}

void client_bo_close(struct client *client, const struct client_bo *bo)
{
	struct npu_bo_close body = {.handle = bo->handle};

	client_call(client, &(struct request){NPU_OP_BO_CLOSE, &body, sizeof(body), NULL, 0}, NULL);
}

int client_bo_export(struct client *client, const struct client_bo *bo, uint32_t flags)
{
	struct npu_bo_export body = {.handle = bo->handle, .flags = flags};
	struct message reply;

	client_call(client, &(struct request){NPU_OP_BO_EXPORT, &body, sizeof(body), NULL, 0},
		    &reply);
	REQUIRE(reply.fd >= 0);
	return reply.fd;
}

void client_bo_import(struct client *client, int fd, uint32_t iova, struct client_bo *ret_bo)
{
	struct npu_bo_import body = {.flags = iova ? NPU_BO_FIXED_IOVA : 0, .iova = iova};
	struct message reply;

	client_call(client, &(struct request){NPU_OP_BO_IMPORT, &body, sizeof(body), &fd, 1},
		    &reply);
	take_bo(&reply, ret_bo);
}

/* ---- jobs ---- */

void job_request_split(struct job_request *job, uint32_t core_mask)
{
	uint32_t n = (uint32_t)__builtin_popcount(core_mask), share = job->n_tasks / n;

	job->submit.core_mask = core_mask;
	job->submit.n_ranges = n;
	for (uint32_t i = 0; i < n; i++)
		job->submit.ranges[i] = (struct npu_range){share * i, share};
	job->submit.ranges[n - 1].count += job->n_tasks % n;
}

int client_try_submit(struct client *client, const struct job_request *job, int *ret_fence,
		      struct message *ret_message)
{
	struct npu_submit submit = job->submit;
	unsigned char body[NPU_MESSAGE_MAX - sizeof(struct npu_header)];
	size_t size = sizeof(submit);

	submit.seqno = ++client->seqno;
	submit.n_tasks = job->n_tasks;
	submit.n_bos = job->n_handles;
	submit.n_fences = job->n_fences;
	submit.flags |= NPU_SUBMIT_COMPLETION | (ret_fence ? NPU_SUBMIT_FENCE : 0);
	memcpy(body, &submit, size);
	if (!(submit.flags & NPU_SUBMIT_TASKS_IN_BO) && job->n_tasks > 0) {
		memcpy(body + size, job->tasks, job->n_tasks * sizeof(*job->tasks));
		size += job->n_tasks * sizeof(*job->tasks);
	}
	if (job->n_handles > 0)
		memcpy(body + size, job->handles, job->n_handles * sizeof(*job->handles));
	size += job->n_handles * sizeof(*job->handles);
	if (job->n_width_ranges > 0)
		memcpy(body + size, job->width_ranges,
		       job->n_width_ranges * sizeof(*job->width_ranges));
	size += job->n_width_ranges * sizeof(*job->width_ranges);
	REQUIRE(client_exchange(
		client, &(struct request){NPU_OP_SUBMIT, body, size, job->fences, job->n_fences},
		ret_message));
	if (ret_message->header.kind == NPU_KIND_ERROR)
		return ret_message->body.error.error;
	REQUIRE_EQ(ret_message->body.submit.seqno, client->seqno);
	REQUIRE_EQ(ret_message->fd >= 0, ret_fence != NULL);
	if (ret_fence)
		*ret_fence = ret_message->fd;
	return 0;
}

uint64_t client_submit(struct client *client, const struct job_request *job, int *ret_fence)
{
	struct message reply;

	if (client_try_submit(client, job, ret_fence, &reply) != 0)
		harness_fail(__FILE__, __LINE__, "submit: %s", reply.body.error.message);
	return client->seqno;
}

void client_completion(struct client *client, struct npu_completion *ret_completion)
{
	wait_readable(client->completions);
	REQUIRE_EQ(recv(client->completions, ret_completion, sizeof(*ret_completion), 0),
		   sizeof(*ret_completion));
}

void client_wait(struct client *client, uint64_t seqno, struct npu_completion *ret_completion)
{
	client_completion(client, ret_completion);
	REQUIRE_EQ(ret_completion->seqno, seqno);
}

void client_wait_outcome(struct client *client, uint64_t seqno, enum npu_outcome outcome)
{
	struct npu_completion completion;

	client_wait(client, seqno, &completion);
	/* Kernel drivers do not say why a job did not end. */
	if (outcome == NPU_OUTCOME_PAGE_FAULT && !harness_has_soft() &&
	    completion.outcome == NPU_OUTCOME_HANG)
		return;
	if (completion.outcome != outcome)
		harness_fail(__FILE__, __LINE__, "job %llu ended with %u, not %u: %s",
			     (unsigned long long)seqno, completion.outcome, outcome,
			     completion.detail);
}

bool fence_is_signalled(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1;
}

enum npu_outcome fence_mode(int fd)
{
	struct stat st;

	REQUIRE_EQ(fstat(fd, &st), 0);
	return st.st_mode & NPU_FENCE_MODE_MASK;
}

enum npu_outcome fence_wait(int fd)
{
	wait_readable(fd);
	return fence_mode(fd);
}

/* ---- questions ---- */

json_t *client_stats(struct client *client)
{
	struct message reply;
	json_error_t error;
	json_t *stats;
	char *text;

	client_call(client, &(struct request){NPU_OP_STATS, NULL, 0, NULL, 0}, &reply);
	REQUIRE(reply.fd >= 0);
	text = mmap(NULL, reply.body.document.size, PROT_READ, MAP_PRIVATE, reply.fd, 0);
	REQUIRE(text != MAP_FAILED);
	stats = json_loadb(text, reply.body.document.size, 0, &error);
	if (!stats)
		harness_fail(__FILE__, __LINE__, "statistics: %s", error.text);
	munmap(text, reply.body.document.size);
	close(reply.fd);
	return stats;
}

static const json_t *stats_look_up(const json_t *stats, const char *path)
{
	char copy[128], *rest = copy, *key;
	const json_t *value = stats;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((key = strsep(&rest, ".")) && value) {
		if (json_is_array(value))
			value = json_array_get(value, strtoul(key, NULL, 10));
		else
			value = json_object_get(value, key);
	}
	return value;
}

static const json_t *stats_find(const json_t *stats, const char *path)
{
	const json_t *value = stats_look_up(stats, path);

	if (!value)
		harness_fail(__FILE__, __LINE__, "no \"%s\" in the statistics", path);
	return value;
}

bool stats_has(const json_t *stats, const char *path)
{
	return stats_look_up(stats, path) != NULL;
}

uint64_t stats_number(const json_t *stats, const char *path)
{
	const json_t *value = stats_find(stats, path);

	REQUIRE(json_is_integer(value));
	return (uint64_t)json_integer_value(value);
}

const char *stats_text(const json_t *stats, const char *path)
{
	const json_t *value = stats_find(stats, path);

	REQUIRE(json_is_string(value));
	return json_string_value(value);
}

void client_wait_stats(struct client *client, const char *path, uint64_t value)
{
	uint64_t deadline_ns = harness_now_ns() + PATIENCE_MS * MS_NS, seen;

	do {
		json_t *stats = client_stats(client);

		seen = stats_number(stats, path);
		json_decref(stats);
	} while (seen != value && harness_now_ns() < deadline_ns);
	if (seen != value)
		harness_fail(__FILE__, __LINE__, "%s stays %llu, not %llu", path,
			     (unsigned long long)seen, (unsigned long long)value);
}

void client_wait_descriptors(struct client *client, const struct daemon *daemon, unsigned n_most)
{
	/* The thread sanitizer talks to its symbolizer through pipes, from its first report on. */
	const unsigned n_symbolizer = harness_is_sanitized_by("thread") ? 2 : 0;
	const unsigned n_allowed = n_most + 1 + n_symbolizer;
	uint64_t deadline_ns = harness_now_ns() + PATIENCE_MS * MS_NS;
	unsigned n;

	do {
		json_decref(client_stats(client));
		n = daemon_count_fds(daemon);
	} while (n > n_allowed && harness_now_ns() < deadline_ns);
	if (n > n_allowed)
		harness_fail(__FILE__, __LINE__, "npud keeps %u descriptors, not %u", n, n_most);
}
