/* SPDX-License-Identifier: MIT */
/*
 * The last error of the calling thread. libnpu-ops reports through here too: npu_private_error() is
 * exported to it, in a symbol version of its own that programs should not use.
 */
#ifndef LIBNPU_ERROR_H
#define LIBNPU_ERROR_H

#include "npu_protocol.h"

#include <stdarg.h>

/* Keeps the sentence for npu_last_error() and returns `error` (a negative errno value). */
int libnpu_error(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for an error that npud answered with, whose text is not to be trusted blindly. */
int libnpu_error_from_daemon(const struct npu_error *error);

int npu_private_error(int error, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

#endif
