/* SPDX-License-Identifier: MIT */
/*
 * A queue and a few threads, of which no two are at the same owner's. They outlive closer_free()
 * only if a close() never returns; then they own the memory.
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
#define NOBODY	    UINT64_MAX

struct closer {
	pthread_t threads[CLOSER_THREADS];
	unsigned n_threads;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list queue;		 /* struct closer_entry */
	uint64_t owners[CLOSER_THREADS]; /* whose descriptors are being closed; NOBODY */
	unsigned n_started;
	bool is_ending;
};

struct closer_entry {
	struct list link;
	uint32_t owner;
	int fd;
};

static void close_stranger(int fd)
{
	const struct linger no_linger = {0};

	/* Harmless on anything but a socket, and saves this thread from the commonest wait. */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &no_linger, sizeof(no_linger));
	close(fd);
}

static bool is_at(const struct closer *closer, uint32_t owner)
{
	for (unsigned i = 0; i < CLOSER_THREADS; i++)
		if (closer->owners[i] == owner)
			return true;
	return false;
}

/* The oldest entry of an owner that no thread is at, or NULL. */
static struct closer_entry *find_next(struct closer *closer)
{
	struct closer_entry *entry;

	list_for_each (entry, &closer->queue, link)
		if (!is_at(closer, entry->owner))
			return entry;
	return NULL;
}

/* The thread is done with its last one. NULL: there is none and none will come. */
static struct closer_entry *closer_wait(struct closer *closer, unsigned thread)
{
	struct closer_entry *entry;

	pthread_mutex_lock(&closer->lock);
	closer->owners[thread] = NOBODY;
	while (!(entry = find_next(closer)) && !closer->is_ending)
		pthread_cond_wait(&closer->changed, &closer->lock);
	if (entry) {
		list_del(&entry->link);
		closer->owners[thread] = entry->owner;
		/* What it leaves of the owner before is for others now. */
		pthread_cond_broadcast(&closer->changed);
	}
	pthread_mutex_unlock(&closer->lock);
	return entry;
}

static void *closer_run(void *context)
{
	struct closer *closer = context;
	struct closer_entry *entry;
	unsigned thread;

	pthread_mutex_lock(&closer->lock);
	thread = closer->n_started++;
	pthread_mutex_unlock(&closer->lock);
	while ((entry = closer_wait(closer, thread))) {
		close_stranger(entry->fd);
		free(entry);
	}
	return NULL;
}

static int start_threads(struct closer *closer)
{
	sigset_t all, old;
	int r = 0;

	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (r == 0 && closer->n_threads < CLOSER_THREADS) {
		r = pthread_create(&closer->threads[closer->n_threads], NULL, closer_run, closer);
		closer->n_threads += r == 0;
	}
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
	for (unsigned i = 0; i < CLOSER_THREADS; i++)
		closer->owners[i] = NOBODY;
	pthread_mutex_init(&closer->lock, NULL);
	pthread_cond_init(&closer->changed, NULL);
	r = start_threads(closer);
	if (r < 0) {
		closer_free(closer);
		return r;
	}
	*ret_closer = closer;
	return 0;
}

struct closer *closer_free(struct closer *closer)
{
	struct timespec until;
	bool is_stuck = false;

	if (!closer)
		return NULL;
	pthread_mutex_lock(&closer->lock);
	closer->is_ending = true;
	pthread_cond_broadcast(&closer->changed);
	pthread_mutex_unlock(&closer->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FREE_WAIT_S;
	for (unsigned i = 0; i < closer->n_threads; i++) {
		if (pthread_timedjoin_np(closer->threads[i], NULL, &until) == 0)
			continue;
		pthread_detach(closer->threads[i]);
		is_stuck = true;
	}
	if (!is_stuck)
		release(closer);
	return NULL;
}

void closer_close(struct closer *closer, uint32_t owner, int fd)
{
	struct closer_entry *entry = closer ? malloc(sizeof(*entry)) : NULL;

	if (!entry) {
		close_stranger(fd);
		return;
	}
	*entry = (struct closer_entry){.owner = owner, .fd = fd};
	pthread_mutex_lock(&closer->lock);
	list_add_tail(&closer->queue, &entry->link);
	pthread_cond_signal(&closer->changed);
	pthread_mutex_unlock(&closer->lock);
}

bool closer_is_full(struct closer *closer, uint32_t owner)
{
	const struct closer_entry *entry;
	unsigned n = 0;

	if (!closer)
		return false;
	pthread_mutex_lock(&closer->lock);
	list_for_each (entry, &closer->queue, link)
		n += entry->owner == owner;
	pthread_mutex_unlock(&closer->lock);
	return n >= CLOSER_WAITING_MAX;
}
