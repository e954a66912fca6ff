/* SPDX-License-Identifier: MIT */
/*
 * What the drivers do to their users, for tests of programs that must live with it. Off unless
 * NPU_PERSONALITY=SEED[:NAME[,NAME]...] is set; its session must be an administrator's.
 *
 *   a reset, asked for or after a timeout, stops all cores of the device, whoever uses them: always
 *   never-start  a submit is taken, never starts, and fails when its time is over
 *   no-memory    submits fail with ENOMEM
 *
 * The named ones come at random, about one in PERSONALITY_ONE_IN; the same seed makes the same
 * choices in the order of calls. Without names all of them; with an empty list none.
 */
#ifndef NPU_DRM_PERSONALITY_H
#define NPU_DRM_PERSONALITY_H

#include <stdbool.h>

#define PERSONALITY_ONE_IN 40u

struct drm_file;

enum personality_trait {
	PERSONALITY_NEVER_START,
	PERSONALITY_NO_MEMORY,
	PERSONALITY_N_TRAITS,
};

/* Whether resets are the driver's. */
bool personality_resets_all(void);
/* Stops what all cores run. */
void personality_reset(struct drm_file *file);
/* Whether it happens this time. */
bool personality_happens(enum personality_trait trait);

#endif
