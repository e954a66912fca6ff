/* SPDX-License-Identifier: MIT */
/*
 * One lock for all: it is held for a few instructions, four times per call.
 */
#include "device/drm_workers.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct drm_worker {
	struct drm_workers *owner;
	pthread_t thread;
	pthread_cond_t wanted;
	unsigned index;
};

struct drm_workers {
	pthread_mutex_t lock;
	pthread_cond_t returned;
	/* Started, and not taken up or not returned; returned, and not collected. */
	uint32_t started, working, finished;
	bool is_ending;
	int event_fd;
	void (*run)(void *context, unsigned worker);
	void *context;
	unsigned n;
	struct drm_worker workers[];
};

static void *worker_main(void *argument)
{
	struct drm_worker *self = argument;
	struct drm_workers *workers = self->owner;
	const uint32_t bit = 1u << self->index;

	pthread_mutex_lock(&workers->lock);
	for (;;) {
		while (!(workers->started & bit) && !workers->is_ending)
			pthread_cond_wait(&self->wanted, &workers->lock);
		if (!(workers->started & bit))
			break;
		workers->started &= ~bit;
		workers->working |= bit;
		pthread_mutex_unlock(&workers->lock);
		workers->run(workers->context, self->index);
		pthread_mutex_lock(&workers->lock);
		workers->working &= ~bit;
		workers->finished |= bit;
		eventfd_write(workers->event_fd, 1);
		pthread_cond_broadcast(&workers->returned);
	}
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

/* Signals are the daemon's thread's business. */
static int worker_create(struct drm_worker *worker)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&worker->thread, NULL, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

int drm_workers_new(unsigned n, void (*run)(void *context, unsigned worker), void *context,
		    struct drm_workers **ret_workers)
{
	struct drm_workers *workers = calloc(1, sizeof(*workers) + n * sizeof(*workers->workers));
	int r = 0;

	if (!workers)
		return -ENOMEM;
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->returned, NULL);
	workers->run = run;
	workers->context = context;
	workers->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (workers->event_fd < 0)
		r = -errno;
	for (unsigned i = 0; i < n && r == 0; i++) {
		struct drm_worker *worker = &workers->workers[i];

		worker->owner = workers;
		worker->index = i;
		pthread_cond_init(&worker->wanted, NULL);
		r = worker_create(worker);
		if (r == 0)
			workers->n++;
		else
			pthread_cond_destroy(&worker->wanted);
	}
	if (r < 0) {
		drm_workers_free(workers);
		return r;
	}
	*ret_workers = workers;
	return 0;
}

struct drm_workers *drm_workers_free(struct drm_workers *workers)
{
	if (!workers)
		return NULL;
	pthread_mutex_lock(&workers->lock);
	workers->is_ending = true;
	for (unsigned i = 0; i < workers->n; i++)
		pthread_cond_signal(&workers->workers[i].wanted);
	pthread_mutex_unlock(&workers->lock);
	for (unsigned i = 0; i < workers->n; i++) {
		pthread_join(workers->workers[i].thread, NULL);
		pthread_cond_destroy(&workers->workers[i].wanted);
	}
	if (workers->event_fd >= 0)
		close(workers->event_fd);
	pthread_cond_destroy(&workers->returned);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
	return NULL;
}

void drm_workers_start(struct drm_workers *workers, unsigned worker)
{
	const uint32_t bit = 1u << worker;

	pthread_mutex_lock(&workers->lock);
	assert(!((workers->started | workers->working | workers->finished) & bit));
	workers->started |= bit;
	pthread_cond_signal(&workers->workers[worker].wanted);
	pthread_mutex_unlock(&workers->lock);
}

int drm_workers_event_fd(const struct drm_workers *workers)
{
	return workers->event_fd;
}

uint32_t drm_workers_collect(struct drm_workers *workers)
{
	eventfd_t count;
	uint32_t finished;

	pthread_mutex_lock(&workers->lock);
	(void)eventfd_read(workers->event_fd, &count);
	finished = workers->finished;
	workers->finished = 0;
	pthread_mutex_unlock(&workers->lock);
	return finished;
}

uint32_t drm_workers_busy(struct drm_workers *workers)
{
	uint32_t busy;

	pthread_mutex_lock(&workers->lock);
	busy = workers->started | workers->working | workers->finished;
	pthread_mutex_unlock(&workers->lock);
	return busy;
}

void drm_workers_wait(struct drm_workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	while (workers->started | workers->working)
		pthread_cond_wait(&workers->returned, &workers->lock);
	pthread_mutex_unlock(&workers->lock);
}

void drm_workers_discard(struct drm_workers *workers, unsigned worker)
{
	const uint32_t bit = 1u << worker;

	pthread_mutex_lock(&workers->lock);
	while ((workers->started | workers->working) & bit)
		pthread_cond_wait(&workers->returned, &workers->lock);
	workers->finished &= ~bit;
	pthread_mutex_unlock(&workers->lock);
}
