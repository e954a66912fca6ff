/* SPDX-License-Identifier: MIT */
/*
 * The flight recorder: for every job that hangs or faults one JSON document with who it was, what
 * the core's registers and MMU said before the reset, which commands it had fetched, what else ran
 * and waited, and what was then done to whom.
 *
 *   accused -> (core_reset, device_reset, repeated, retired of others) -> retired: written
 */
#ifndef NPUD_API_INCIDENTS_H
#define NPUD_API_INCIDENTS_H

#include "sessions/sessions.h"

#include <jansson.h>
#include <stdint.h>

struct incidents;

/* -ENOMEM. `sessions` is borrowed, and told whom to call. */
int incidents_new(struct sessions *sessions, struct incidents **ret_incidents);
/* Takes NULL, returns NULL. Before the sessions go. */
struct incidents *incidents_free(struct incidents *incidents);

/*
 * Where they are kept, and at most how many and how much: from now on, in place of the directory
 * before. "" for none. -errno of the system: none are kept then, and everybody who asks is told.
 */
int incidents_set_directory(struct incidents *incidents, const char *path, unsigned count_max,
			    uint64_t bytes_max);

/* {directory, error, count, bytes, recorded, lost}; new reference, NULL on lack of memory. */
json_t *incidents_stats(const struct incidents *incidents);
/* The list of what is kept, newest first: {directory, error, incidents[]}. Likewise. */
json_t *incidents_list(const struct incidents *incidents);
/* One document. -ENOENT, -EIO. */
int incidents_get(const struct incidents *incidents, uint64_t id, json_t **ret_document);

#endif
