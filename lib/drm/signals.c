/* SPDX-License-Identifier: MIT */
/* One mask for each thread, saved by the outermost pair. */
#include "wrap.h"

#include "signals.h"

#include "real.h"

static __thread struct {
	unsigned depth;
	sigset_t before;
} state;

/* The thread's own faults cannot wait. */
static const int never_blocked[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};

void signals_block(void)
{
	sigset_t all;

	if (state.depth == 0) {
		sigfillset(&all);
		for (size_t i = 0; i < sizeof(never_blocked) / sizeof(never_blocked[0]); i++)
			sigdelset(&all, never_blocked[i]);
		pthread_sigmask(SIG_BLOCK, &all, &state.before);
	}
	state.depth++;
}

/* Handlers may run before the system call returns, and use `state` anew. */
void signals_restore(void)
{
	if (--state.depth == 0)
		pthread_sigmask(SIG_SETMASK, &state.before, NULL);
}

int signals_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		  const sigset_t *mask)
{
	const unsigned depth = state.depth;
	const sigset_t before = state.before;
	int r;

	if (depth == 0)
		return real()->ppoll(fds, n, timeout, mask);
	state.depth = 0;
	r = real()->ppoll(fds, n, timeout, mask ? mask : &before);
	state.depth = depth;
	state.before = before;
	return r;
}

sigset_t signals_refuse(void)
{
	const sigset_t before = state.before;

	sigfillset(&state.before);
	return before;
}

void signals_accept(const sigset_t *before)
{
	state.before = *before;
}
