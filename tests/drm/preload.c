/* SPDX-License-Identifier: MIT */
/*
 * A library that is preloaded beside npu-run's: it is behind it in the chain, and sees what that
 * passes on. It says so once, of an ioctl.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

int ioctl(int fd, unsigned long request, ...);

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
	static const char message[] = "preloaded: an ioctl\n";
	int (*next)(int, unsigned long, ...) =
		(int (*)(int, unsigned long, ...))(uintptr_t)dlsym(RTLD_NEXT, "ioctl");
	static int is_said;
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (!is_said++ && write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
		return -1;
	return next(fd, request, argument);
}
