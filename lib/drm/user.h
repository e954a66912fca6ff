/* SPDX-License-Identifier: MIT */
/* Copies from and to memory that the program named, which may not be there: -EFAULT. */
#ifndef NPU_DRM_USER_H
#define NPU_DRM_USER_H

#include <stddef.h>

int user_read(void *to, const void *user, size_t size);
int user_write(void *user, const void *from, size_t size);

#endif
