/* SPDX-License-Identifier: MIT */
/*
 * The socket's own buffer is the queue; the ring only bridges the moments when it is full.
 */
#include "sessions/completions.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void completions_close(struct completions *completions)
{
	if (completions->fd < 0)
		return;
	loop_poll_disarm(&completions->poll);
	close(completions->fd);
	completions->fd = -1;
	completions->n = 0;
}

/* 1: sent; 0: no room; -errno: the peer is gone. */
static int completions_send(struct completions *completions, const struct npu_completion *packet)
{
	struct npu_completion stamped = *packet;

	stamped.lost = completions->lost;
	if (send(completions->fd, &stamped, sizeof(stamped), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 1;
	return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
}

static void completions_flush(struct completions *completions)
{
	while (completions->n > 0) {
		int r = completions_send(completions, &completions->ring[completions->head]);

		if (r < 0) {
			completions_close(completions);
			return;
		}
		if (r == 0 && loop_poll_arm(&completions->poll, POLLOUT) == 0)
			return;
		if (r == 0)
			completions->lost++; /* it can't be waited for: drop rather than keep for
						ever */
		completions->head = (completions->head + 1) % COMPLETIONS_MAX;
		completions->n--;
	}
}

static void completions_ready(struct loop_poll *poll, uint32_t revents)
{
	struct completions *completions = container_of(poll, struct completions, poll);

	if (revents & (POLLERR | POLLHUP))
		completions_close(completions);
	else
		completions_flush(completions);
}

void completions_init(struct completions *completions, struct loop *loop, int fd)
{
	*completions = (struct completions){.fd = fd};
	loop_poll_init(&completions->poll, loop, fd, completions_ready);
}

void completions_deinit(struct completions *completions)
{
	completions_close(completions);
	free(completions->ring);
	completions->ring = NULL;
}

static int completions_enqueue(struct completions *completions,
			       const struct npu_completion *completion)
{
	unsigned tail;

	if (!completions->ring)
		completions->ring = calloc(COMPLETIONS_MAX, sizeof(*completions->ring));
	if (!completions->ring)
		return -ENOMEM;
	if (completions->n == COMPLETIONS_MAX) {
		completions->head = (completions->head + 1) % COMPLETIONS_MAX;
		completions->n--;
		completions->lost++;
	}
	tail = (completions->head + completions->n) % COMPLETIONS_MAX;
	completions->ring[tail] = *completion;
	completions->n++;
	return 0;
}

void completions_push(struct completions *completions, const struct npu_completion *completion)
{
	int r = 0;

	if (completions->fd < 0)
		return;
	if (completions->n == 0)
		r = completions_send(completions, completion);
	if (r > 0)
		return;
	if (r < 0)
		completions_close(completions);
	else if (completions_enqueue(completions, completion) < 0)
		completions->lost++;
	else if (!loop_poll_is_armed(&completions->poll))
		completions_flush(completions);
}
