/* SPDX-License-Identifier: MIT */
/* One thread for each merge that is under way; the list of them is for the children of fork(), in
 * which an open write end would keep the fence from ending. */
#include "wrap.h"

#include "merge.h"

#include "fds.h"
#include "npu.h"
#include "real.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUTS 2

struct merge {
	LIST_ENTRY(merge) link;
	int inputs[INPUTS]; /* owned, as is the write end */
	int write_fd;
};

static LIST_HEAD(merges, merge) merges = LIST_HEAD_INITIALIZER(merges);
static pthread_mutex_t merges_mutex = PTHREAD_MUTEX_INITIALIZER;

void merge_lock(void)
{
	pthread_mutex_lock(&merges_mutex);
}

void merge_unlock(void)
{
	pthread_mutex_unlock(&merges_mutex);
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		fds_close_internal(fd);
}

/* The lock is held. */
static void merge_free(struct merge *merge)
{
	LIST_REMOVE(merge, link);
	for (unsigned i = 0; i < INPUTS; i++)
		close_if_open(merge->inputs[i]);
	close_if_open(merge->write_fd);
	free(merge);
}

void merge_forget_all(void)
{
	struct merge *merge, *next;

	for (merge = LIST_FIRST(&merges); merge; merge = next) {
		next = LIST_NEXT(merge, link);
		merge_free(merge);
	}
}

/* PENDING where npud died before one of them ended. */
static enum npu_outcome wait_inputs(const struct merge *merge)
{
	enum npu_outcome merged = NPU_OUTCOME_OK, outcome;

	for (unsigned i = 0; i < INPUTS; i++) {
		if (npu_fence_wait(merge->inputs[i], -1, &outcome) < 0)
			outcome = NPU_OUTCOME_PENDING;
		if (merged == NPU_OUTCOME_OK)
			merged = outcome;
	}
	return merged;
}

static void *merge_run(void *context)
{
	struct merge *merge = context;

	(void)fchmod(merge->write_fd, wait_inputs(merge));
	merge_lock();
	merge_free(merge);
	merge_unlock();
	return NULL;
}

/* The program's signals are not this thread's business. */
static int start_thread(struct merge *merge)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int r;

	r = pthread_attr_init(&attributes);
	if (r)
		return -r;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&thread, &attributes, merge_run, merge);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -r;
}

static int hide_copy(int fd)
{
	return fds_hide(real()->fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

/* Fills in the descriptors. */
static int merge_open(struct merge *merge, const int *fences, int *ret_fence)
{
	int fds[2];

	for (unsigned i = 0; i < INPUTS; i++) {
		merge->inputs[i] = hide_copy(fences[i]);
		if (merge->inputs[i] < 0)
			return -errno;
	}
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	(void)fchmod(fds[1], NPU_OUTCOME_PENDING);
	merge->write_fd = fds_hide(fds[1]);
	*ret_fence = fds[0];
	return 0;
}

int merge_fences(int first, int second, int *ret_fence)
{
	struct merge *merge = malloc(sizeof(*merge));
	const int fences[INPUTS] = {first, second};
	int fence = -1, r;

	if (!merge)
		return -ENOMEM;
	*merge = (struct merge){.inputs = {-1, -1}, .write_fd = -1};
	merge_lock();
	LIST_INSERT_HEAD(&merges, merge, link);
	r = merge_open(merge, fences, &fence);
	if (r == 0)
		r = start_thread(merge);
	if (r < 0) {
		merge_free(merge);
		if (fence >= 0)
			real()->close(fence);
	} else {
		*ret_fence = fence;
	}
	merge_unlock();
	return r;
}
