/* SPDX-License-Identifier: MIT */
/*
 * Words for a refusal: field, value, range, and a sentence with all of it (struct npu_error).
 */
#ifndef NPUD_SESSIONS_ERROR_H
#define NPUD_SESSIONS_ERROR_H

#include "base/account.h"
#include "npu_protocol.h"

/* Each fills *error and returns -errno_value, so that callers can `return error_…()`. */

int error_set(struct npu_error *error, int errno_value, const char *field, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* EINVAL: "field: value is out of range (min … max)". */
int error_range(struct npu_error *error, const char *field, uint64_t value, uint64_t min,
		uint64_t max);
/* EINVAL: a reserved field or flag bit is set. */
int error_reserved(struct npu_error *error, const char *field, uint64_t value);
/* ENOENT: "field: no buffer object has handle N in this session". */
int error_handle(struct npu_error *error, const char *field, uint32_t handle);
/* EDQUOT with the quota's name. */
int error_quota(struct npu_error *error, const struct account_refusal *refusal);

#endif
