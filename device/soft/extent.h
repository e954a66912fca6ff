/* SPDX-License-Identifier: MIT */
/*
 * Which memory one operation can reach, found from its registers alone, before it runs. A range is
 * the smallest that holds every access of one engine, gaps between lines included.
 */
#ifndef NPUD_DEVICE_SOFT_EXTENT_H
#define NPUD_DEVICE_SOFT_EXTENT_H

#include "device/soft/operation.h"

/* More than all engines at once have. */
#define SOFT_EXTENTS_MAX 12u

struct soft_extent {
	uint32_t offset;    /* of the register that says where it is */
	int64_t first, end; /* bytes; outside of 0 to 2^32 where addresses would wrap around */
	bool is_write;
};

struct soft_extents {
	struct soft_extent items[SOFT_EXTENTS_MAX];
	unsigned n;
};

/*
 * Pure. -EOPNOTSUPP with a complaint about what is not modelled, and so not bounded; -ENODATA when
 * a block waits for one that was not started.
 */
int soft_extents_find(const struct soft_operation *operation, struct soft_complaint *complaint,
		      struct soft_extents *ret_extents);

#endif
