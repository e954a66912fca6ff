/* SPDX-License-Identifier: MIT */
/*
 * What the drivers do to their users, for tests of programs that must live with it. Off unless
 * NPU_PERSONALITY=SEED[/ONE_IN][:NAME[,NAME]...] is set; its session must be an administrator's.
 * Then a reset, asked for or after a timeout, stops all cores of the device, whoever uses them.
 *
 * As long as they are named:
 *
 *   dead-masks       a submit with core mask 5 or 6 never starts
 *   no-fences        there are no fences, in or out
 *   one-domain       one address space is active; a call for another one waits until no submit uses
 *                    the active one, for 6 s at most; imports go to the one that is active
 *   uninterruptible  no signal reaches a program in a submit
 *
 * At random, one call in ONE_IN (40):
 *
 *   never-start      a submit is taken, never starts, and fails when its time is over
 *   threefold-wait   a submit that does not end is given three times its time
 *   foreign-reset    somebody else resets the device under a submit
 *   slow-reset       a reset takes a tenth of a second longer
 *   switch-fails     the address space is not changed: the call fails after a hundredth of the 6 s
 *   no-memory        a submit or a new buffer fails with ENOMEM
 *   fragments        a new buffer of more than 64 KiB fails with ENOMEM
 *
 * The same seed makes the same choices in the order of calls. Without names all of them; with an
 * empty list none.
 */
#ifndef NPU_DRM_PERSONALITY_H
#define NPU_DRM_PERSONALITY_H

#include <stdbool.h>

#define PERSONALITY_ONE_IN 40u

struct drm_file;

enum personality_trait {
	PERSONALITY_DEAD_MASKS,
	PERSONALITY_NO_FENCES,
	PERSONALITY_ONE_DOMAIN,
	PERSONALITY_UNINTERRUPTIBLE,
	/* from here on at random */
	PERSONALITY_NEVER_START,
	PERSONALITY_THREEFOLD_WAIT,
	PERSONALITY_FOREIGN_RESET,
	PERSONALITY_SLOW_RESET,
	PERSONALITY_SWITCH_FAILS,
	PERSONALITY_NO_MEMORY,
	PERSONALITY_FRAGMENTS,
	PERSONALITY_N_TRAITS,
};

/* Whether resets are the driver's. */
bool personality_resets_all(void);
/* Stops what all cores run. */
void personality_reset(struct drm_file *file);
/* Whether it happens this time. */
bool personality_happens(enum personality_trait trait);

#endif
