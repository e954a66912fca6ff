/* SPDX-License-Identifier: MIT */
/* One session, one message after the other; fake_npud.h says what a tag means. */
#include "fake_npud.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct request {
	struct npu_header header;
	unsigned char body[NPU_MESSAGE_MAX];
	int fd; /* the first one, or -1 */
};

static int receive(int socket, struct request *request)
{
	struct iovec parts[] = {{&request->header, sizeof(request->header)},
				{request->body, sizeof(request->body)}};
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 4)];
		struct cmsghdr align;
	} control;
	struct msghdr message = {.msg_iov = parts,
				 .msg_iovlen = 2,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *cmsg = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	request->fd = -1;
	if (cmsg)
		memcpy(&request->fd, CMSG_DATA(cmsg), sizeof(int));
	return n > 0 ? 0 : -ECONNRESET;
}

/* Sends a message; closes `fd` (if it is not -1), which goes along. */
static void send_message(int socket, const struct npu_header *header, const void *body, int fd)
{
	struct iovec parts[] = {{(void *)header, sizeof(*header)},
				{(void *)body, header->length - sizeof(*header)}};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	if (fd >= 0) {
		struct cmsghdr *cmsg = &control.align;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	sendmsg(socket, &message, MSG_NOSIGNAL);
	if (fd >= 0)
		close(fd);
}

static void reply(struct fake_npud *fake, const struct request *request, const void *body,
		  size_t size, int fd)
{
	struct npu_header header = request->header;

	header.kind = NPU_KIND_REPLY;
	header.length = (uint32_t)(sizeof(header) + size);
	send_message(fake->socket, &header, body, fd);
}

static void refuse(struct fake_npud *fake, const struct request *request, int error,
		   const char *message)
{
	struct npu_header header = request->header;
	struct npu_error body = {.error = error, .retry_after_ns = error == EAGAIN ? 42 : 0};

	snprintf(body.message, sizeof(body.message), "%s", message);
	header.kind = NPU_KIND_ERROR;
	header.length = sizeof(header) + sizeof(body);
	send_message(fake->socket, &header, &body, -1);
}

static void handle_hello(struct fake_npud *fake, struct request *request)
{
	struct npu_hello_reply body = {
		.version = fake->version,
		.n_cores = 3,
		.features = ~0ull,
		.session_id = 7,
		.gang_masks = 1ull << 3 | 1ull << 7,
		.device = "fake",
	};

	int pair[2];

	memcpy(&fake->hello, request->body, sizeof(fake->hello));
	if (!fake->has_tasks_in_bo)
		body.features &= ~NPU_FEATURE_TASKS_IN_BO;
	if (!fake->has_scheduling)
		body.features &= ~(NPU_FEATURE_SCHEDULING | NPU_FEATURE_UNCACHED);
	if (fake->version == 0)
		refuse(fake, request, EPROTO, "libnpu speaks 1 to 1,\nnpud speaks 9");
	else {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		fake->completions = pair[0];
		reply(fake, request, &body, sizeof(body), pair[1]);
	}
}

static void handle_bo_create(struct fake_npud *fake, struct request *request)
{
	struct npu_bo_create create;
	struct npu_bo_reply body;

	memcpy(&create, request->body, sizeof(create));
	body.size = (create.size + 4095) & ~4095ull;
	body.handle = ++fake->next_handle;
	body.iova = create.flags & NPU_BO_FIXED_IOVA ? create.iova : body.handle << 20;
	if (fake->memory >= 0)
		close(fake->memory);
	fake->memory = memfd_create("bo", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fake->memory, (off_t)body.size), 0);
	fake->n_bos_open++;
	reply(fake, request, &body, sizeof(body), dup(fake->memory));
}

static void complete(struct fake_npud *fake, const struct npu_submit *submit, int fence)
{
	struct npu_completion completion = {
		.seqno = submit->seqno,
		.tag = submit->tag,
		.outcome = submit->tag == FAKE_FAULT ? NPU_OUTCOME_PAGE_FAULT : NPU_OUTCOME_OK,
		.flags = submit->tag == FAKE_FAULT ? NPU_FAULT_WRITE : 0,
		.fault_iova = submit->tag == FAKE_FAULT ? 0xdead000 : 0,
		.tasks_done = submit->n_tasks,
		.core_mask = 1,
		.lost = submit->tag == FAKE_LOST_ONE,
		.detail = "by hand",
	};
	size_t size = submit->tag == FAKE_BAD_PACKET ? 40 : sizeof(completion);

	if (fence >= 0) {
		fchmod(fence, completion.outcome);
		close(fence);
	}
	if (submit->flags & NPU_SUBMIT_COMPLETION)
		send(fake->completions, &completion, size, MSG_NOSIGNAL);
}

static void accept_job(struct fake_npud *fake, const struct request *request,
		       const struct npu_submit *submit)
{
	struct npu_submit_reply body = {.seqno = submit->seqno, .job_id = 1000 + submit->seqno};
	int fence[2] = {-1, -1};

	if (submit->flags & NPU_SUBMIT_FENCE) {
		ck_assert_int_eq(pipe(fence), 0);
		fchmod(fence[1], NPU_OUTCOME_PENDING);
	}
	if (submit->tag == FAKE_EARLY)
		complete(fake, submit, -1);
	reply(fake, request, &body, sizeof(body), fence[0]);
	if (submit->tag == FAKE_HOLD) {
		fake->held_fences[fake->n_held] = fence[1];
		fake->held[fake->n_held++] = *submit;
	} else if (submit->tag != FAKE_EARLY && submit->tag != FAKE_LOSE) {
		complete(fake, submit, fence[1]);
	}
}

static void keep_submit(struct fake_npud *fake, const struct request *request)
{
	struct npu_submit *submit = &fake->last_submit;
	size_t last;

	memcpy(submit, request->body, sizeof(*submit));
	fake->last_submit_bytes = request->header.length - sizeof(request->header);
	if (submit->n_tasks == 0)
		return;
	last = (submit->n_tasks - 1) * sizeof(struct npu_task);
	if (submit->flags & NPU_SUBMIT_TASKS_IN_BO)
		ck_assert_int_eq(
			pread(fake->memory, &fake->last_task, sizeof(struct npu_task), (off_t)last),
			sizeof(struct npu_task));
	else
		memcpy(&fake->last_task, request->body + sizeof(*submit) + last,
		       sizeof(struct npu_task));
}

/* Returns whether to go on. */
static bool handle_submit(struct fake_npud *fake, struct request *request)
{
	struct npu_submit_reply body = {0};

	keep_submit(fake, request);
	switch (fake->last_submit.tag) {
	case FAKE_REFUSE:
		refuse(fake, request, EAGAIN, "the queue is full");
		break;
	case FAKE_WRONG_SERIAL:
		request->header.serial++;
		reply(fake, request, &body, sizeof(body), -1);
		break;
	case FAKE_WRONG_LENGTH:
		reply(fake, request, &body, sizeof(body) - 1, -1);
		break;
	case FAKE_SURPRISE_FD:
		reply(fake, request, &body, sizeof(body), dup(fake->socket));
		break;
	case FAKE_NO_FD:
		reply(fake, request, &body, sizeof(body), -1);
		break;
	case FAKE_DIE:
		return false;
	default:
		accept_job(fake, request, &fake->last_submit);
	}
	return true;
}

static void release_held(struct fake_npud *fake)
{
	while (fake->n_held > 0) {
		fake->n_held--;
		complete(fake, &fake->held[fake->n_held], fake->held_fences[fake->n_held]);
	}
}

static bool handle(struct fake_npud *fake, struct request *request)
{
	switch (request->header.op) {
	case NPU_OP_HELLO:
		handle_hello(fake, request);
		break;
	case NPU_OP_BO_CREATE:
		handle_bo_create(fake, request);
		break;
	case NPU_OP_BO_CLOSE:
		fake->n_bos_open--;
		reply(fake, request, NULL, 0, -1);
		break;
	case NPU_OP_BO_SYNC:
		reply(fake, request, NULL, 0, -1);
		release_held(fake);
		break;
	case NPU_OP_SUBMIT:
		return handle_submit(fake, request);
	default:
		refuse(fake, request, ENOENT, "");
	}
	return true;
}

static void *serve(void *context)
{
	struct fake_npud *fake = context;
	struct request *request = malloc(sizeof(*request));

	fake->socket = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);
	while (receive(fake->socket, request) == 0 && handle(fake, request))
		;
	while (fake->n_held > 0)
		if (fake->held_fences[--fake->n_held] >= 0)
			close(fake->held_fences[fake->n_held]);
	close(fake->socket);
	if (fake->completions >= 0)
		close(fake->completions);
	if (fake->memory >= 0)
		close(fake->memory);
	free(request);
	return NULL;
}

struct fake_npud *fake_npud_start(uint32_t version)
{
	struct fake_npud *fake = calloc(1, sizeof(*fake));
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(fake->directory, "/tmp/fake-npud-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fake->directory));
	snprintf(fake->path, sizeof(fake->path), "%s/npud.sock", fake->directory);
	strcpy(address.sun_path, fake->path);
	fake->version = version;
	fake->has_tasks_in_bo = fake->has_scheduling = true;
	fake->completions = -1;
	fake->memory = -1;
	fake->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fake->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fake->listener, 1), 0);
	ck_assert_int_eq(pthread_create(&fake->thread, NULL, serve, fake), 0);
	return fake;
}

void fake_npud_join(struct fake_npud *fake)
{
	if (fake->listener < 0)
		return;
	pthread_join(fake->thread, NULL);
	close(fake->listener);
	fake->listener = -1;
	unlink(fake->path);
	rmdir(fake->directory);
}

void fake_npud_stop(struct fake_npud *fake)
{
	fake_npud_join(fake);
	free(fake);
}
