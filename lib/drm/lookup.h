/* SPDX-License-Identifier: MIT */
/* dlsym() itself is among the functions that this library replaces. */
#ifndef NPU_DRM_LOOKUP_H
#define NPU_DRM_LOOKUP_H

/* libc's dlsym(). Ends the program, with a message, where there is none. */
void *(*lookup_real_dlsym(void))(void *, const char *);

#endif
