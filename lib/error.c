/* SPDX-License-Identifier: MIT */
/* Errors are a number for the program and a sentence for its user, kept per thread. */
#include "error.h"

#include "npu.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static __thread char last_error[512];
static __thread uint64_t last_retry_after_ns, last_missed_ns;

const char *npu_last_error(void)
{
	return last_error;
}

uint64_t npu_retry_after_ns(void)
{
	return last_retry_after_ns;
}

uint64_t npu_missed_ns(void)
{
	return last_missed_ns;
}

void npu_private_error(const char *format, va_list arguments)
{
	/* The caller has started them. NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	vsnprintf(last_error, sizeof(last_error), format, arguments);
	last_retry_after_ns = last_missed_ns = 0;
}

void libnpu_error_keep(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	npu_private_error(format, arguments);
	va_end(arguments);
}

int libnpu_error_from_daemon(const struct npu_error *error)
{
	size_t length = strnlen(error->message, sizeof(error->message));

	if (error->error <= 0 || error->error >= 4096)
		return libnpu_error(-EPROTO, "npud answered with the impossible error %d",
				    error->error);
	if (length == 0)
		return libnpu_error(-error->error, "npud: %s", strerror(error->error));
	libnpu_error(-error->error, "%.*s", (int)length, error->message);
	for (char *c = last_error; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	last_retry_after_ns = error->retry_after_ns;
	if (error->error == ETIME && error->min > error->value)
		last_missed_ns = error->min - error->value;
	return -error->error;
}
