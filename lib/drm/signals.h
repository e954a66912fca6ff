/* SPDX-License-Identifier: MIT */
/*
 * Handlers of signals may make the calls that they interrupt, as with a kernel's driver: so signals
 * wait while a thread is inside this library, where locks are held and memory is allocated. They
 * are let in where the thread sleeps, which it does by ppoll() alone, with no lock held.
 */
#ifndef NPU_DRM_SIGNALS_H
#define NPU_DRM_SIGNALS_H

#include <poll.h>
#include <signal.h>
#include <time.h>

/* From here to signals_restore() the calling thread runs no handlers. Pairs may be nested. */
void signals_block(void);
void signals_restore(void);

/* The next ppoll(). Within such a pair, signals come in as they did before it. */
int signals_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		  const sigset_t *mask);

/*
 * Within a pair: they do not come in while it sleeps either, until signals_accept() with what was
 * returned.
 */
sigset_t signals_refuse(void);
void signals_accept(const sigset_t *before);

#endif
