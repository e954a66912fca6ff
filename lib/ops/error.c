/* SPDX-License-Identifier: MIT */
/* Sentences go where libnpu's go, so that programs ask in one place. */
#include "../error.h"

#include "ops.h"

void npu_ops_error_keep(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	npu_private_error(format, arguments);
	va_end(arguments);
}
