/* SPDX-License-Identifier: MIT */
/*
 * Every refusal names the thing, the value and what is allowed, in one place and one form.
 */
#include "sessions/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct npu_error *error, int errno_value, const char *field, const char *format, ...)
{
	size_t n;
	va_list args;

	memset(error, 0, sizeof(*error));
	error->error = errno_value;
	snprintf(error->field, sizeof(error->field), "%s", field);
	n = (size_t)snprintf(error->message, sizeof(error->message), "%s: ", field);
	va_start(args, format);
	vsnprintf(error->message + n, sizeof(error->message) - n, format, args);
	va_end(args);
	return -errno_value;
}

int error_range(struct npu_error *error, const char *field, uint64_t value, uint64_t min,
		uint64_t max)
{
	error_set(error, EINVAL, field, "%" PRIu64 " is out of range (%" PRIu64 " ... %" PRIu64 ")",
		  value, min, max);
	error->value = value;
	error->min = min;
	error->max = max;
	return -EINVAL;
}

int error_reserved(struct npu_error *error, const char *field, uint64_t value)
{
	error_set(error, EINVAL, field, "%#" PRIx64 " has bits that must be 0", value);
	error->value = value;
	return -EINVAL;
}

int error_handle(struct npu_error *error, const char *field, uint32_t handle)
{
	error_set(error, ENOENT, field, "no buffer object has handle %" PRIu32 " in this session",
		  handle);
	error->value = handle;
	return -ENOENT;
}

int error_quota(struct npu_error *error, const struct account_refusal *refusal)
{
	error_set(error, EDQUOT, refusal->quota,
		  "quota is full: %" PRIu64 " of %" PRIu64 " in use, %" PRIu64 " more wanted",
		  refusal->used, refusal->limit, refusal->wanted);
	error->value = refusal->wanted;
	error->max = refusal->limit;
	return -EDQUOT;
}
