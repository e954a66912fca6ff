/* SPDX-License-Identifier: MIT */
/*
 * For the files that define libc's names: to be included first, since libc's headers must declare
 * the plain functions there, not their large-file or fortified disguises.
 */
#ifndef NPU_DRM_WRAP_H
#define NPU_DRM_WRAP_H

#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#undef _TIME_BITS

#define WRAP_EXPORT __attribute__((visibility("default")))

#endif
