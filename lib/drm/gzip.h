/* SPDX-License-Identifier: MIT */
/* Files that gzip reads, written without compression: no library is drawn into the program. */
#ifndef NPU_DRM_GZIP_H
#define NPU_DRM_GZIP_H

#include <stddef.h>

/* Writes a file of these bytes. -errno. */
int gzip_write(const char *path, const void *data, size_t size);

#endif
