/* SPDX-License-Identifier: MIT */
/*
 * One request, one reply. Whatever comes back is checked against what was asked; there is no way
 * back into step after a wrong answer, so the first one ends the session.
 */
#include "error.h"
#include "session.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_BODY_MAX 512

_Static_assert(sizeof(struct npu_hello_reply) <= REPLY_BODY_MAX, "the longest reply");
_Static_assert(sizeof(struct npu_error) <= REPLY_BODY_MAX, "the longest reply");

/* A packet as it was received, with the descriptors that came along. */
struct packet {
	struct npu_header header;
	unsigned char body[REPLY_BODY_MAX];
	size_t length;
	int fds[NPU_MESSAGE_FDS];
	unsigned n_fds;
};

union fds_control {
	char bytes[CMSG_SPACE(sizeof(int) * NPU_MESSAGE_FDS)];
	struct cmsghdr align;
};

void libnpu_call_append(struct libnpu_call *call, const void *data, size_t size)
{
	call->parts[call->n_parts].iov_base = (void *)data;
	call->parts[call->n_parts].iov_len = size;
	call->n_parts++;
}

static void attach_fds(struct msghdr *message, union fds_control *control,
		       const struct libnpu_call *call)
{
	struct cmsghdr *cmsg;

	if (call->n_fds == 0)
		return;
	memset(control, 0, sizeof(*control));
	message->msg_control = control->bytes;
	message->msg_controllen = CMSG_SPACE(sizeof(int) * call->n_fds);
	cmsg = CMSG_FIRSTHDR(message);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int) * call->n_fds);
	memcpy(CMSG_DATA(cmsg), call->fds, sizeof(int) * call->n_fds);
}

static int send_request(struct npu_session *session, const struct libnpu_call *call)
{
	struct npu_header header = {.op = call->op, .serial = ++session->serial};
	struct iovec parts[LIBNPU_CALL_PARTS + 1] = {{&header, sizeof(header)}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = call->n_parts + 1};
	union fds_control control;
	size_t length = sizeof(header);
	ssize_t n;

	for (unsigned i = 0; i < call->n_parts; i++) {
		parts[i + 1] = call->parts[i];
		length += call->parts[i].iov_len;
	}
	if (length > NPU_MESSAGE_MAX)
		return -EMSGSIZE;
	header.length = (uint32_t)length;
	attach_fds(&message, &control, call);
	do
		n = sendmsg(session->socket, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	/* npud may have hung up with a last word for us: let the receiver find out. */
	if (n < 0 && errno != EPIPE && errno != ECONNRESET)
		return -errno;
	return 0;
}

static void take_fds(struct packet *packet, struct msghdr *message)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(message); cmsg; cmsg = CMSG_NXTHDR(message, cmsg)) {
		size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(packet->fds + packet->n_fds, CMSG_DATA(cmsg), n * sizeof(int));
		packet->n_fds += (unsigned)n;
	}
}

static void packet_close_fds(struct packet *packet)
{
	while (packet->n_fds > 0)
		close(packet->fds[--packet->n_fds]);
}

static int receive_packet(int socket, struct packet *packet)
{
	struct iovec parts[] = {{&packet->header, sizeof(packet->header)},
				{packet->body, sizeof(packet->body)}};
	union fds_control control;
	struct msghdr message = {.msg_iov = parts,
				 .msg_iovlen = 2,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	ssize_t n;

	packet->n_fds = 0;
	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;
	take_fds(packet, &message);
	packet->length = (size_t)n;
	return message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : 0;
}

/* Is that packet an answer to this call at all, and is its body as long as its kind says? */
static bool packet_is_reply(const struct packet *packet, const struct npu_session *session,
			    const struct libnpu_call *call)
{
	const struct npu_header *header = &packet->header;
	size_t body;

	if (packet->length < sizeof(*header) || header->length != packet->length ||
	    header->op != call->op || header->serial != session->serial)
		return false;
	body = packet->length - sizeof(*header);
	if (header->kind == NPU_KIND_ERROR)
		return body == sizeof(struct npu_error) && packet->n_fds == 0;
	return header->kind == NPU_KIND_REPLY && body == call->reply_bytes &&
	       packet->n_fds == (call->reply_fd ? 1 : 0);
}

/* The answer's error, or 0 with the call's outputs filled in. */
static int packet_deliver(struct packet *packet, const struct libnpu_call *call)
{
	struct npu_error error;

	if (packet->header.kind == NPU_KIND_ERROR) {
		memcpy(&error, packet->body, sizeof(error));
		return libnpu_error_from_daemon(&error);
	}
	if (call->reply_bytes > 0)
		memcpy(call->reply, packet->body, call->reply_bytes);
	if (call->reply_fd)
		*call->reply_fd = packet->fds[--packet->n_fds];
	return 0;
}

/* No request after this one; and who waits for a job is told. */
static int session_break(struct npu_session *session, int error)
{
	session->broken = error;
	if (session->has_results)
		libnpu_results_break(&session->results, error);
	shutdown(session->socket, SHUT_RDWR);
	if (error == -EPROTO)
		return libnpu_error(error, "npud sent an answer that does not fit the request");
	return libnpu_error(error, "the session with npud is over: %s", strerror(-error));
}

static int call_locked(struct npu_session *session, const struct libnpu_call *call)
{
	struct packet packet;
	int r;

	if (session->broken)
		return libnpu_error(session->broken, "the session with npud is over: %s",
				    strerror(-session->broken));
	r = send_request(session, call);
	if (r < 0) /* it was not sent, so we are still in step */
		return libnpu_error(r, "cannot send a request to npud: %s", strerror(-r));
	r = receive_packet(session->socket, &packet);
	if (r == 0 && !packet_is_reply(&packet, session, call))
		r = -EPROTO;
	r = r < 0 ? session_break(session, r) : packet_deliver(&packet, call);
	packet_close_fds(&packet);
	return r;
}

int libnpu_call(struct npu_session *session, const struct libnpu_call *call)
{
	int r;

	pthread_mutex_lock(&session->call_lock);
	r = call_locked(session, call);
	pthread_mutex_unlock(&session->call_lock);
	return r;
}
