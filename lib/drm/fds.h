/* SPDX-License-Identifier: MIT */
/*
 * Which descriptors of this process are ours. A description is what open() made; dup() and its
 * kin give it further numbers. Numbers can change hands without this library seeing it (fclose()
 * closes inside libc), so who finds one checks that it is still the same object.
 *
 * A number that is not ours costs two loads and no lock.
 */
#ifndef NPU_DRM_FDS_H
#define NPU_DRM_FDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum description_kind {
	DESCRIPTION_DEVICE,   /* struct drm_file */
	DESCRIPTION_FOLDER,   /* struct folder: a presented directory */
	DESCRIPTION_INTERNAL, /* libnpu's own; the program must not touch it */
};

struct description {
	enum description_kind kind;
	atomic_uint refs; /* one per number, one per call under way */
	dev_t dev;	  /* what fstat() says of it */
	ino_t ino;
	void (*free)(struct description *description);
};

#define FDS_PAGE  1024
#define FDS_PAGES 1024

struct fds_page {
	_Atomic(struct description *) slots[FDS_PAGE];
};

extern _Atomic(struct fds_page *) fds_pages[FDS_PAGES];

/* What the number may stand for, without a reference; NULL for all that is not ours. */
static inline struct description *fds_peek(int fd)
{
	struct fds_page *page;

	if ((unsigned)fd >= FDS_PAGE * FDS_PAGES)
		return NULL;
	page = atomic_load_explicit(&fds_pages[fd / FDS_PAGE], memory_order_acquire);
	return page ? atomic_load_explicit(&page->slots[fd % FDS_PAGE], memory_order_acquire)
		    : NULL;
}

/* A reference to the description behind `fd` if it is of that kind; NULL. */
struct description *fds_get(int fd, enum description_kind kind);
struct description *fds_put(struct description *description);

/* The number stands for that description now (or for none of ours: NULL), for which it takes a
 * reference. What it stood for loses one. */
void fds_set(int fd, struct description *description);
/* All numbers in [first, last] are forgotten; internal ones are not. */
void fds_forget_range(unsigned first, unsigned last);
/* The first number in [first, last] that is of that kind, or -1. */
int fds_find_range(unsigned first, unsigned last, enum description_kind kind);

/* True in a child that shares this process's memory (vfork): nothing may be changed there. */
bool fds_is_borrowed(void);

/* Around fork(). */
void fds_lock(void);
void fds_unlock(void);
/* In the child. */
void fds_adopt_process(void);

/*
 * Hides a descriptor of this library's from the program, which is to find the numbers that it would
 * find on silicon: `fd` is closed, and its number from then on is one below the limit, which is
 * returned. Where there is no room it stays what it is. -1 is passed on.
 */
int fds_hide(int fd);
/* The same for one that stays where it is, also for the programs after exec(). */
void fds_set_internal(int fd);
/* Closes such a one. */
void fds_close_internal(int fd);

#endif
