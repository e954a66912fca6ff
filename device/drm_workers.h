/* SPDX-License-Identifier: MIT */
/*
 * Threads that sit in a driver's blocking calls so that the daemon's thread need not: one per core,
 * each with at most one call. What a call was about belongs to the thread while it works, and to
 * the daemon's thread otherwise.
 */
#ifndef NPUD_DEVICE_DRM_WORKERS_H
#define NPUD_DEVICE_DRM_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

struct drm_workers;

/* `run` is called on the thread of the worker that was started. -ENOMEM, -EAGAIN, -EMFILE. */
int drm_workers_new(unsigned n, void (*run)(void *context, unsigned worker), void *context,
		    struct drm_workers **ret_workers);
/* Waits for the calls that are under way. Takes NULL, returns NULL. */
struct drm_workers *drm_workers_free(struct drm_workers *workers);

/* Starts an idle worker. */
void drm_workers_start(struct drm_workers *workers, unsigned worker);
/* Readable while a worker has returned that was not collected. Owned by the workers. */
int drm_workers_event_fd(const struct drm_workers *workers);
/* The workers that have returned since the last time; they are idle then. */
uint32_t drm_workers_collect(struct drm_workers *workers);
/* Those that were started and not collected. */
uint32_t drm_workers_busy(struct drm_workers *workers);
/* Waits until every started worker has returned; nothing is collected. */
void drm_workers_wait(struct drm_workers *workers);
/* Waits until this one has returned, if it was started, and takes it out of what is collected. */
void drm_workers_discard(struct drm_workers *workers, unsigned worker);

#endif
