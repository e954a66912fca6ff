/* SPDX-License-Identifier: MIT */
/* Sentences go where libnpu's go, so that programs ask in one place. */
#include "../error.h"

#include "ops.h"

int npu_ops_error(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	npu_private_error(error, format, arguments);
	va_end(arguments);
	return error;
}
