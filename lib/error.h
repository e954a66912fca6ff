/* SPDX-License-Identifier: MIT */
/*
 * The last error of the calling thread. libnpu-ops reports through here too: npu_private_error() is
 * exported to it, in a symbol version of its own that programs should not use.
 */
#ifndef LIBNPU_ERROR_H
#define LIBNPU_ERROR_H

#include "npu_protocol.h"

#include <stdarg.h>

/*
 * Keeps a sentence for npu_last_error(); its value is `error`, a negative errno value. A macro, so
 * that compilers and analysers see which value it is.
 */
#define libnpu_error(error, ...)                                                                   \
	({                                                                                         \
		int libnpu_error_value = (error);                                                  \
		libnpu_error_keep(__VA_ARGS__);                                                    \
		libnpu_error_value;                                                                \
	})

void libnpu_error_keep(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for an error that npud answered with, whose text is not to be trusted blindly. */
int libnpu_error_from_daemon(const struct npu_error *error);

void npu_private_error(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

#endif
