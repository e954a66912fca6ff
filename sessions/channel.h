/* SPDX-License-Identifier: MIT */
/*
 * A session's request socket: packets in, replies out, nothing piles up.
 *
 * At most one reply waits to be sent. While it does, no request is read, so the client's own socket
 * buffer fills and its send blocks: the daemon's memory does not grow with a client's speed.
 *
 * One request is read per turn, and a channel whose requests have taken more than its share of the
 * time lately rests, if others want something, too; so do all channels of a user together. Whoever
 * waits for npud while one client floods it waits for little of that one, and seldom.
 */
#ifndef NPUD_SESSIONS_CHANNEL_H
#define NPUD_SESSIONS_CHANNEL_H

#include "base/fdset.h"
#include "base/loop.h"
#include "npu_protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel;
struct closer;

/* One more than a message may have: a longer one, cut to this, is still seen to be too long. */
#define CHANNEL_RECEIVE_BYTES (NPU_MESSAGE_MAX + 1)

/* What all channels use. */
struct channel_shared {
	void *receive_buffer;  /* borrowed: CHANNEL_RECEIVE_BYTES */
	struct closer *closer; /* borrowed */
	uint64_t n_messages;   /* that all channels have handled */
};

/* Time that requests took, less what was worked off. */
struct channel_share {
	uint64_t debt_ns, debt_at_ns;
	uint64_t n_messages_seen; /* of channel_shared, with the last one that counts here */
	uint64_t others_at_ns;	  /* when that was not the only one since the one before */
};

/* Whose channels they are. */
struct channel_owner {
	uint32_t uid;
	struct channel_share share;
};

struct channel_ops {
	/* A packet arrived. What is left in `fds` is closed afterwards. Must not free the channel.
	 */
	void (*message)(struct channel *channel, const void *data, size_t size, struct fdset *fds);
	/* The peer is gone or broke the transport's rules; `reason` is static. Called once. */
	void (*closed)(struct channel *channel, const char *reason);
};

struct channel {
	int fd; /* owned; -1 once closed */
	const struct channel_ops *ops;
	struct channel_shared *shared; /* borrowed */
	struct channel_owner *owner;   /* borrowed; set it after channel_init() */
	struct loop_poll poll;
	struct loop_timer pause; /* armed instead of `poll` while it rests */
	struct channel_share share;
	void *held; /* a request that waits to be handled again, owned */
	size_t held_size;
	struct fdset held_fds;
	void *pending; /* the reply that did not fit into the socket, owned */
	size_t pending_size;
	int pending_fd; /* rides along; -1 for none */
};

/* Takes over `fd` (non-blocking) and starts reading. */
int channel_init(struct channel *channel, struct loop *loop, int fd, struct channel_shared *shared,
		 const struct channel_ops *ops);
/* Whether all replies so far have been read; one that carries a descriptor has to wait for that. */
bool channel_is_read(const struct channel *channel);
/* Shuts the socket and closes it; no callback follows. May be repeated. */
void channel_close(struct channel *channel);

/*
 * From the `message` callback: keeps the packet, and reads no other, until channel_retry() hands it
 * to `message` again. Takes what is left in `fds`. -ENOMEM.
 */
int channel_hold(struct channel *channel, const void *data, size_t size, struct fdset *fds);
void channel_retry(struct channel *channel);

/*
 * Sends one packet, now or when there is room. `passed_fd` (-1: none) stays the caller's. -ENOMEM,
 * -EPIPE when the peer is gone (which `closed` tells in its own time).
 */
int channel_send(struct channel *channel, const void *data, size_t size, int passed_fd);

#endif
