/* SPDX-License-Identifier: MIT */
/*
 * A queue and a thread. The thread outlives closer_free() only if a close() never returns; then it
 * owns the memory.
 */
#include "base/closer.h"

#include "base/list.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FREE_WAIT_S 1

struct closer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list queue; /* struct closer_entry */
	bool is_ending;
};

struct closer_entry {
	struct list link;
	int fd;
};

static void close_stranger(int fd)
{
	const struct linger no_linger = {0};

	/* Harmless on anything but a socket, and saves this thread from the commonest wait. */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &no_linger, sizeof(no_linger));
	close(fd);
}

/* The next entry; NULL when there is none and none will come. */
static struct closer_entry *closer_wait(struct closer *closer)
{
	struct closer_entry *entry = NULL;

	pthread_mutex_lock(&closer->lock);
	while (list_is_empty(&closer->queue) && !closer->is_ending)
		pthread_cond_wait(&closer->changed, &closer->lock);
	if (!list_is_empty(&closer->queue)) {
		entry = list_first(&closer->queue, struct closer_entry, link);
		list_del(&entry->link);
	}
	pthread_mutex_unlock(&closer->lock);
	return entry;
}

static void *closer_run(void *context)
{
	struct closer *closer = context;
	struct closer_entry *entry;

	while ((entry = closer_wait(closer))) {
		close_stranger(entry->fd);
		free(entry);
	}
	return NULL;
}

static int start_thread(struct closer *closer)
{
	sigset_t all, old;
	int r;

	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&closer->thread, NULL, closer_run, closer);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

static void release(struct closer *closer)
{
	pthread_cond_destroy(&closer->changed);
	pthread_mutex_destroy(&closer->lock);
	free(closer);
}

int closer_new(struct closer **ret_closer)
{
	struct closer *closer = calloc(1, sizeof(*closer));
	int r;

	if (!closer)
		return -ENOMEM;
	list_init(&closer->queue);
	pthread_mutex_init(&closer->lock, NULL);
	pthread_cond_init(&closer->changed, NULL);
	r = start_thread(closer);
	if (r < 0) {
		release(closer);
		return r;
	}
	*ret_closer = closer;
	return 0;
}

struct closer *closer_free(struct closer *closer)
{
	struct timespec until;

	if (!closer)
		return NULL;
	pthread_mutex_lock(&closer->lock);
	closer->is_ending = true;
	pthread_cond_signal(&closer->changed);
	pthread_mutex_unlock(&closer->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FREE_WAIT_S;
	if (pthread_timedjoin_np(closer->thread, NULL, &until) == 0)
		release(closer);
	else
		pthread_detach(closer->thread);
	return NULL;
}

void closer_close(struct closer *closer, int fd)
{
	struct closer_entry *entry = closer ? malloc(sizeof(*entry)) : NULL;

	if (!entry) {
		close_stranger(fd);
		return;
	}
	entry->fd = fd;
	pthread_mutex_lock(&closer->lock);
	list_add_tail(&closer->queue, &entry->link);
	pthread_cond_signal(&closer->changed);
	pthread_mutex_unlock(&closer->lock);
}
