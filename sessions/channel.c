/* SPDX-License-Identifier: MIT */
/*
 * One packet in, one reply out; not reading is the backpressure.
 */
#include "sessions/channel.h"

#include "base/closer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * One part in SHARE of the time is a channel's own in the long run, and one a user's, if others
 * want something: a client that keeps npud busy keeps two CPUs from them as well, its own and
 * npud's. Requests that take long weigh more, as whoever waits for npud waits for one request of
 * each other client.
 */
#define SHARE	      2
#define CHEAP_NS      (50 * NS_PER_US)
#define COSTLY_WEIGHT 4
/* A rest begins above the one debt, and ends at the other. */
#define TIRED_NS  (50 * NS_PER_US)
#define RESTED_NS (25 * NS_PER_US)
/* No client has to make up for more of the time it had while it was alone. */
#define CHEAP_DEBT_NS (200 * NS_PER_US)
#define DEBT_MAX_NS   (10 * NS_PER_MS)

/* So long after they did others may still want something. */
#define OTHERS_NS  NS_PER_MS

#define CLOGGED_NS (10 * NS_PER_MS)

static int channel_transmit(int fd, const void *data, size_t size, int passed_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (passed_fd >= 0) {
		struct cmsghdr *cmsg = &control.align;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &passed_fd, sizeof(int));
	}
	return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void channel_fail(struct channel *channel, const char *reason)
{
	const struct channel_ops *ops = channel->ops;

	channel_close(channel);
	ops->closed(channel, reason);
}

static void channel_drop_pending(struct channel *channel)
{
	free(channel->pending);
	channel->pending = NULL;
	if (channel->pending_fd >= 0)
		close(channel->pending_fd);
	channel->pending_fd = -1;
}

static void channel_drop_held(struct channel *channel)
{
	if (!channel->held)
		return;
	fdset_deinit(&channel->held_fds);
	free(channel->held);
	channel->held = NULL;
}

static uint64_t share_debt_ns(const struct channel_share *share, uint64_t now_ns)
{
	const uint64_t worked_off_ns = (now_ns - share->debt_at_ns) / SHARE;

	return share->debt_ns - (worked_off_ns < share->debt_ns ? worked_off_ns : share->debt_ns);
}

/* Books the time of a request. */
static void share_add(struct channel_share *share, const struct channel_shared *shared,
		      uint64_t start_ns, uint64_t end_ns)
{
	const uint64_t cost_ns = end_ns - start_ns;
	uint64_t debt_ns = share_debt_ns(share, start_ns);

	if (cost_ns >= CHEAP_NS)
		debt_ns += cost_ns * COSTLY_WEIGHT;
	else if (debt_ns < CHEAP_DEBT_NS)
		debt_ns += cost_ns;
	share->debt_ns = debt_ns < DEBT_MAX_NS ? debt_ns : DEBT_MAX_NS;
	share->debt_at_ns = end_ns;
	if (shared->n_messages - share->n_messages_seen > 1)
		share->others_at_ns = end_ns;
	share->n_messages_seen = shared->n_messages;
}

/* How long to rest; nobody does who is alone. */
static uint64_t share_rest_ns(const struct channel_share *share,
			      const struct channel_shared *shared, uint64_t now_ns)
{
	const uint64_t debt_ns = share_debt_ns(share, now_ns);
	const bool is_alone = share->n_messages_seen == shared->n_messages &&
			      now_ns - share->others_at_ns > OTHERS_NS;

	if (is_alone || debt_ns <= TIRED_NS)
		return 0;
	return (debt_ns - RESTED_NS) * SHARE;
}

static uint64_t channel_rest_ns(const struct channel *channel, uint64_t now_ns)
{
	const struct channel_shared *shared = channel->shared;
	const uint64_t own_ns = share_rest_ns(&channel->share, shared, now_ns);
	const uint64_t owner_ns = share_rest_ns(&channel->owner->share, shared, now_ns);

	/* Descriptors of its owner pile up that cannot be closed: no more of them. */
	if (closer_is_full(shared->closer, channel->owner->uid))
		return CLOGGED_NS;
	return own_ns > owner_ns ? own_ns : owner_ns;
}

static void channel_handle(struct channel *channel, const void *data, size_t size,
			   struct fdset *fds)
{
	struct channel_shared *shared = channel->shared;
	const uint64_t start_ns = clock_now_ns();
	uint64_t end_ns;

	channel->ops->message(channel, data, size, fds);
	end_ns = clock_now_ns();
	shared->n_messages++;
	share_add(&channel->share, shared, start_ns, end_ns);
	share_add(&channel->owner->share, shared, start_ns, end_ns);
}

/* 1: handled; 0: nothing to read; -1: the channel is closed. */
static int channel_receive(struct channel *channel)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDSET_RECEIVE_MAX * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = channel->shared->receive_buffer,
			    .iov_len = CHANNEL_RECEIVE_BYTES};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct fdset fds = FDSET_INIT;
	const char *reason = NULL;
	ssize_t n;

	fds.closer = channel->shared->closer;
	fds.owner = channel->owner->uid;
	n = recvmsg(channel->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		reason = "connection reset";
	else if (fdset_take_message(&fds, &message) < 0)
		reason = "too many descriptors in one message";
	else if (n == 0)
		reason = "closed by client";
	if (reason) {
		fdset_deinit(&fds);
		channel_fail(channel, reason);
		return -1;
	}
	channel_handle(channel, channel->shared->receive_buffer, (size_t)n, &fds);
	fdset_deinit(&fds);
	return channel->fd >= 0 ? 1 : -1;
}

static int channel_arm(struct channel *channel)
{
	if (channel->held)
		return 0;
	/* An answer that could not be sent yet is not held up. */
	if (!channel->pending && channel->pause.when_ns != CLOCK_NEVER)
		return 0;
	return loop_poll_arm(&channel->poll, channel->pending ? POLLOUT : POLLIN);
}

static void channel_ready(struct loop_poll *poll, uint32_t revents)
{
	struct channel *channel = container_of(poll, struct channel, poll);
	uint64_t now_ns, rest_ns;

	if (channel->pending) {
		int r = channel_transmit(channel->fd, channel->pending, channel->pending_size,
					 channel->pending_fd);

		if (r == 0) {
			channel_drop_pending(channel);
		} else if (r != -EAGAIN) {
			channel_fail(channel, "connection reset");
			return;
		}
	}
	/* One request per client and turn, so that nobody waits behind a flood. */
	now_ns = clock_now_ns();
	rest_ns = channel_rest_ns(channel, now_ns);
	if (rest_ns > 0)
		loop_timer_arm(&channel->pause, now_ns + rest_ns);
	else if (!channel->pending && channel_receive(channel) < 0)
		return;
	if (channel_arm(channel) < 0)
		channel_fail(channel, "out of memory");
}

static void channel_pause_over(struct loop_timer *timer)
{
	struct channel *channel = container_of(timer, struct channel, pause);

	if (channel_arm(channel) < 0)
		channel_fail(channel, "out of memory");
}

int channel_init(struct channel *channel, struct loop *loop, int fd, struct channel_shared *shared,
		 const struct channel_ops *ops)
{
	*channel = (struct channel){.fd = fd, .ops = ops, .shared = shared, .pending_fd = -1};
	loop_poll_init(&channel->poll, loop, fd, channel_ready);
	loop_timer_init(&channel->pause, loop, channel_pause_over);
	return channel_arm(channel);
}

void channel_close(struct channel *channel)
{
	if (channel->fd < 0)
		return;
	loop_poll_disarm(&channel->poll);
	loop_timer_arm(&channel->pause, CLOCK_NEVER);
	channel_drop_pending(channel);
	channel_drop_held(channel);
	/* The ring may hold the socket a moment longer; the peer shall know now. */
	shutdown(channel->fd, SHUT_RDWR);
	/* What is queued there unread may hold strangers' descriptors. */
	closer_close(channel->shared->closer, channel->owner->uid, channel->fd);
	channel->fd = -1;
}

bool channel_is_read(const struct channel *channel)
{
	int n_bytes = 0;

	return !channel->pending && ioctl(channel->fd, SIOCOUTQ, &n_bytes) == 0 && n_bytes == 0;
}

int channel_hold(struct channel *channel, const void *data, size_t size, struct fdset *fds)
{
	channel->held = malloc(size);
	if (!channel->held)
		return -ENOMEM;
	memcpy(channel->held, data, size);
	channel->held_size = size;
	channel->held_fds = *fds;
	fds->n = 0;
	return 0;
}

void channel_retry(struct channel *channel)
{
	struct fdset fds = channel->held_fds;
	void *data = channel->held;

	channel->held = NULL;
	channel_handle(channel, data, channel->held_size, &fds);
	fdset_deinit(&fds);
	free(data);
	if (channel->fd >= 0 && channel_arm(channel) < 0)
		channel_fail(channel, "out of memory");
}

int channel_send(struct channel *channel, const void *data, size_t size, int passed_fd)
{
	int r;

	if (channel->fd < 0)
		return -EPIPE;
	r = channel_transmit(channel->fd, data, size, passed_fd);
	if (r != -EAGAIN)
		return r;
	channel->pending = malloc(size);
	if (!channel->pending)
		return -ENOMEM;
	memcpy(channel->pending, data, size);
	channel->pending_size = size;
	if (passed_fd >= 0) {
		channel->pending_fd = fcntl(passed_fd, F_DUPFD_CLOEXEC, 0);
		if (channel->pending_fd < 0) {
			r = -errno;
			channel_drop_pending(channel);
			return r;
		}
	}
	return 0;
}
