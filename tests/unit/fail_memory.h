/* SPDX-License-Identifier: MIT */
/*
 * Makes the n-th request for memory fail. For tests that are linked with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=mmap. Requests from inside shared libraries
 * are not counted.
 */
#ifndef NPUD_TESTS_FAIL_MEMORY_H
#define NPUD_TESTS_FAIL_MEMORY_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/types.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);

/* The n-th request from now on fails, once; 0: none. Is 0 again after it has failed. */
static unsigned fail_memory;
/* Requests so far. */
static unsigned n_memory_requests;

static bool fail_memory_now(void)
{
	n_memory_requests++;
	if (!fail_memory || --fail_memory)
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fail_memory_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fail_memory_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fail_memory_now() ? NULL : __real_realloc(memory, size);
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fail_memory_now())
		return MAP_FAILED;
	return __real_mmap(address, size, protection, flags, fd, offset);
}

#endif
