/* SPDX-License-Identifier: MIT */
/*
 * Looking up a function may allocate, and an allocator may map memory through this library before
 * it is ready: until then mapping goes straight to the kernel.
 */
#include "wrap.h"

#include "real.h"

#include "lookup.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static long raw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	return real_table.syscall ? real_table.syscall(number, a, b, c, d, e, f) : -1;
}

static void *early_mmap64(void *address, size_t length, int protection, int flags, int fd,
			  off64_t offset)
{
#ifdef SYS_mmap2
	return (void *)raw_syscall(SYS_mmap2, (long)address, (long)length, protection, flags, fd,
				   (long)(offset >> 12));
#else
	return (void *)raw_syscall(SYS_mmap, (long)address, (long)length, protection, flags, fd,
				   offset);
#endif
}

static void *early_mmap(void *address, size_t length, int protection, int flags, int fd,
			off_t offset)
{
	return early_mmap64(address, length, protection, flags, fd, offset);
}

struct real_functions real_table = {.mmap = early_mmap, .mmap64 = early_mmap64};

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
#define REAL_ENTRY(type, name, parameters) {#name, offsetof(struct real_functions, name)},
	REAL_FUNCTIONS(REAL_ENTRY)
#undef REAL_ENTRY
};

#define N_FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

void real_init(void)
{
	void *address;

	real_table.dlsym = lookup_real_dlsym();
	real_table.syscall = (long (*)(long, ...))(uintptr_t)real_table.dlsym(RTLD_NEXT, "syscall");
	for (size_t i = 0; i < N_FUNCTIONS; i++) {
		address = real_table.dlsym(RTLD_NEXT, functions[i].name);
		if (address)
			memcpy((char *)&real_table + functions[i].offset, &address,
			       sizeof(address));
	}
	real_table.is_ready = true;
}
