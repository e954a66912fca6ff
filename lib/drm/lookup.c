/* SPDX-License-Identifier: MIT */
/*
 * A program that looks up `ioctl` in libc itself (ctypes does) must find this library's. What libc
 * answers is exchanged; a search "after the caller" is left to libc, which tells the caller by its
 * return address, so that call must be a jump.
 */
#include "wrap.h"

#include "lookup.h"

#include "real.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef __clang__
#define TAIL_CALL __attribute__((musttail))
#define TAIL_CALLS
#else
#define TAIL_CALL
#define TAIL_CALLS __attribute__((optimize("O2"), noinline))
#endif

void *(*lookup_real_dlsym(void))(void *, const char *)
{
	static const char *const versions[] = {"GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17",
					       "GLIBC_2.4",  "GLIBC_2.27",  "GLIBC_2.0"};
	static const char complaint[] = "npu-run: this libc has no dlsym() that it could use\n";
	void *address = NULL;

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]) && !address; i++)
		address = dlvsym(RTLD_NEXT, "dlsym", versions[i]);
	if (!address) {
		if (write(STDERR_FILENO, complaint, sizeof(complaint) - 1) < 0)
			abort();
		_exit(3);
	}
	return (void *(*)(void *, const char *))address;
}

/* The function of this library of that name, if it stands in front of `address`; NULL. */
static void *find_wrapper(const char *name, const void *address)
{
	Dl_info own, first_place;
	void *first;

	if (real()->dlsym(RTLD_NEXT, name) != address)
		return NULL;
	first = real()->dlsym(RTLD_DEFAULT, name);
	if (!dladdr(&real_table, &own) || !dladdr(first, &first_place))
		return NULL;
	return first_place.dli_fbase == own.dli_fbase ? first : NULL;
}

static void *lookup_in(void *handle, const char *name)
{
	void *address = real()->dlsym(handle, name);
	void *wrapper = address ? find_wrapper(name, address) : NULL;

	return wrapper ? wrapper : address;
}

TAIL_CALLS WRAP_EXPORT void *dlsym(void *restrict handle, const char *restrict name)
{
	if (handle != RTLD_NEXT && handle != RTLD_DEFAULT)
		return lookup_in(handle, name);
	TAIL_CALL return real()->dlsym(handle, name);
}
