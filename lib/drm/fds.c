/* SPDX-License-Identifier: MIT */
/* A table of two levels: pages appear when a number in them is first ours, and stay. */
#include "wrap.h"

#include "fds.h"

#include "real.h"
#include "signals.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define HIDDEN_END  4096 /* the kernel's table is as long as its highest number */
#define HIDDEN_ROOM 64

_Atomic(struct fds_page *) fds_pages[FDS_PAGES];

static pthread_mutex_t fds_mutex = PTHREAD_MUTEX_INITIALIZER;
static pid_t fds_owner;

static struct description internal_description = {.kind = DESCRIPTION_INTERNAL, .refs = 1};

void fds_lock(void)
{
	signals_block();
	pthread_mutex_lock(&fds_mutex);
}

void fds_unlock(void)
{
	pthread_mutex_unlock(&fds_mutex);
	signals_restore();
}

void fds_adopt_process(void)
{
	fds_owner = getpid();
}

bool fds_is_borrowed(void)
{
	return fds_owner != getpid();
}

struct description *fds_put(struct description *description)
{
	if (description && atomic_fetch_sub(&description->refs, 1) == 1)
		description->free(description);
	return NULL;
}

static bool fds_is_same(int fd, const struct description *description)
{
	struct stat64 status;

	return real()->fstat64(fd, &status) == 0 && status.st_dev == description->dev &&
	       status.st_ino == description->ino;
}

struct description *fds_get(int fd, enum description_kind kind)
{
	struct description *description;

	if (!fds_peek(fd))
		return NULL;
	fds_lock();
	description = fds_peek(fd);
	if (description && description->kind == kind)
		atomic_fetch_add(&description->refs, 1);
	else
		description = NULL;
	fds_unlock();
	if (description && kind != DESCRIPTION_INTERNAL && !fds_is_same(fd, description)) {
		if (!fds_is_borrowed())
			fds_set(fd, NULL);
		return fds_put(description);
	}
	return description;
}

static struct fds_page *fds_page_make(int fd)
{
	struct fds_page *page = fds_pages[fd / FDS_PAGE];

	if (page)
		return page;
	page = calloc(1, sizeof(*page));
	if (page)
		atomic_store_explicit(&fds_pages[fd / FDS_PAGE], page, memory_order_release);
	return page;
}

void fds_set(int fd, struct description *description)
{
	struct description *old = NULL;
	struct fds_page *page;

	if (!description && !fds_peek(fd))
		return;
	if ((unsigned)fd >= FDS_PAGE * FDS_PAGES)
		return;
	fds_lock();
	page = fds_page_make(fd);
	if (page) {
		if (description)
			atomic_fetch_add(&description->refs, 1);
		old = atomic_exchange(&page->slots[fd % FDS_PAGE], description);
	}
	fds_unlock();
	fds_put(old);
}

int fds_find_range(unsigned first, unsigned last, enum description_kind kind)
{
	const struct description *description;

	for (unsigned fd = first; fd <= last && fd < FDS_PAGE * FDS_PAGES; fd++) {
		if (!fds_pages[fd / FDS_PAGE]) {
			fd |= FDS_PAGE - 1;
			continue;
		}
		description = fds_peek((int)fd);
		if (description && description->kind == kind)
			return (int)fd;
	}
	return -1;
}

void fds_forget_range(unsigned first, unsigned last)
{
	for (unsigned fd = first; fd <= last && fd < FDS_PAGE * FDS_PAGES; fd++) {
		const struct description *description;

		if (!fds_pages[fd / FDS_PAGE]) {
			fd |= FDS_PAGE - 1;
			continue;
		}
		description = fds_peek((int)fd);
		if (description && description->kind != DESCRIPTION_INTERNAL)
			fds_set((int)fd, NULL);
	}
}

/* Where hidden descriptors begin: near the limit, and lower each time that there is no room. */
static int hidden_first(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > HIDDEN_END)
		limit.rlim_cur = HIDDEN_END;
	return (int)limit.rlim_cur - HIDDEN_ROOM;
}

/* The number of a copy, which is closed on exec(), or -1. */
static int copy_high(int fd)
{
	static atomic_int kept_first;
	int first = atomic_load(&kept_first), high;

	if (first == 0)
		first = hidden_first();
	while (first > fd) {
		high = real()->fcntl(fd, F_DUPFD_CLOEXEC, first);
		if (high >= 0) {
			atomic_store(&kept_first, first);
			return high;
		}
		first -= HIDDEN_ROOM;
	}
	return -1;
}

void fds_set_internal(int fd)
{
	fds_set(fd, &internal_description);
}

int fds_hide(int fd)
{
	int high = fd >= 0 ? copy_high(fd) : -1;

	if (high >= 0) {
		real()->close(fd);
		fd = high;
	}
	fds_set_internal(fd);
	return fd;
}

void fds_close_internal(int fd)
{
	fds_set(fd, NULL);
	real()->close(fd);
}
