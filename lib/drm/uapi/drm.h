/* SPDX-License-Identifier: MIT */
/*
 * What the DRM core itself serves on an NPU's node (ABI reference 3). Structs with pointers have a
 * layout for 32-bit and one for 64-bit processes; their size tells them apart.
 */
#ifndef NPU_DRM_UAPI_DRM_H
#define NPU_DRM_UAPI_DRM_H

#include <stddef.h>
#include <stdint.h>

#define DRM_IOCTL_TYPE		       'd'
#define RKNPU_IOCTL_TYPE	       'r' /* of /dev/rknpu */
#define DRM_COMMAND_FIRST	       0x40
#define DRM_COMMAND_END		       0xa0

#define DRM_NR_VERSION		       0x00
#define DRM_NR_GET_UNIQUE	       0x01
#define DRM_NR_GET_MAGIC	       0x02
#define DRM_NR_SET_VERSION	       0x07
#define DRM_NR_GEM_CLOSE	       0x09
#define DRM_NR_GEM_FLINK	       0x0a
#define DRM_NR_GEM_OPEN		       0x0b
#define DRM_NR_GET_CAP		       0x0c
#define DRM_NR_SET_CLIENT_CAP	       0x0d
#define DRM_NR_AUTH_MAGIC	       0x11
#define DRM_NR_SET_MASTER	       0x1e
#define DRM_NR_DROP_MASTER	       0x1f
#define DRM_NR_PRIME_HANDLE_TO_FD      0x2d
#define DRM_NR_PRIME_FD_TO_HANDLE      0x2e
#define DRM_NR_SYNCOBJ_CREATE	       0xbf
#define DRM_NR_SYNCOBJ_DESTROY	       0xc0
#define DRM_NR_SYNCOBJ_HANDLE_TO_FD    0xc1
#define DRM_NR_SYNCOBJ_FD_TO_HANDLE    0xc2
#define DRM_NR_SYNCOBJ_WAIT	       0xc3
#define DRM_NR_SYNCOBJ_RESET	       0xc4
#define DRM_NR_SYNCOBJ_SIGNAL	       0xc5
#define DRM_NR_SYNCOBJ_TIMELINE_WAIT   0xca
#define DRM_NR_SYNCOBJ_QUERY	       0xcb
#define DRM_NR_SYNCOBJ_TRANSFER	       0xcc
#define DRM_NR_SYNCOBJ_TIMELINE_SIGNAL 0xcd

struct drm_version32 {
	int32_t major, minor, patchlevel;
	uint32_t name_len, name;
	uint32_t date_len, date;
	uint32_t desc_len, desc;
};

struct drm_version64 {
	int32_t major, minor, patchlevel;
	uint32_t pad;
	uint64_t name_len, name;
	uint64_t date_len, date;
	uint64_t desc_len, desc;
};

struct drm_unique32 {
	uint32_t unique_len, unique;
};

struct drm_unique64 {
	uint64_t unique_len, unique;
};

struct drm_auth {
	uint32_t magic;
};

struct drm_set_version {
	int32_t di_major, di_minor, dd_major, dd_minor;
};

struct drm_gem_close {
	uint32_t handle, pad;
};

struct drm_gem_flink {
	uint32_t handle, name;
};

struct drm_gem_open {
	uint32_t name, handle;
	uint64_t size;
};

#define DRM_CAP_PRIME		    0x5
#define DRM_CAP_TIMESTAMP_MONOTONIC 0x6
#define DRM_CAP_SYNCOBJ		    0x13
#define DRM_CAP_SYNCOBJ_TIMELINE    0x14
#define DRM_PRIME_IMPORT_EXPORT	    0x3

struct drm_cap {
	uint64_t capability, value;
};

struct drm_prime_handle {
	uint32_t handle;
	uint32_t flags; /* O_CLOEXEC, O_RDWR */
	int32_t fd;
};

#define DRM_SYNCOBJ_CREATE_SIGNALED (1u << 0)

/* Of SYNCOBJ_DESTROY too, which has padding for flags. */
struct drm_syncobj_create {
	uint32_t handle, flags;
};

#define DRM_SYNCOBJ_SYNC_FILE (1u << 0) /* the descriptor is a fence, not the object */

struct drm_syncobj_handle {
	uint32_t handle, flags;
	int32_t fd;
	uint32_t pad;
};

#define DRM_SYNCOBJ_WAIT_ALL	    (1u << 0)
#define DRM_SYNCOBJ_WAIT_FOR_SUBMIT (1u << 1)

struct drm_syncobj_wait {
	uint64_t handles;
	int64_t timeout_ns; /* absolute, CLOCK_MONOTONIC */
	uint32_t count_handles, flags;
	uint32_t first_signaled, pad;
};

struct drm_syncobj_array {
	uint64_t handles;
	uint32_t count_handles, pad;
};

_Static_assert(sizeof(struct drm_syncobj_handle) == 16, "ABI");
_Static_assert(sizeof(struct drm_syncobj_wait) == 32, "ABI");
_Static_assert(sizeof(struct drm_syncobj_array) == 16, "ABI");
_Static_assert(sizeof(struct drm_version32) == 36, "ABI");
_Static_assert(sizeof(struct drm_version64) == 64, "ABI");
_Static_assert(offsetof(struct drm_version64, name_len) == 16, "ABI");
_Static_assert(offsetof(struct drm_version64, desc) == 56, "ABI");
_Static_assert(sizeof(struct drm_unique32) == 8, "ABI");
_Static_assert(sizeof(struct drm_unique64) == 16, "ABI");
_Static_assert(sizeof(struct drm_set_version) == 16, "ABI");
_Static_assert(sizeof(struct drm_gem_open) == 16, "ABI");
_Static_assert(sizeof(struct drm_cap) == 16, "ABI");
_Static_assert(sizeof(struct drm_prime_handle) == 12, "ABI");

#endif
