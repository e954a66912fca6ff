/* SPDX-License-Identifier: MIT */
/*
 * Closes descriptors that somebody else made, on threads of its own.
 *
 * close(2) of a stranger's descriptor may block for as long as the stranger likes (a socket that
 * lingers, a file system served by a program), so the loop never does it. Each descriptor has an
 * owner, whoever sent it: one that blocks holds up the others of its owner only, as long as no more
 * than CLOSER_THREADS owners do so. The threads sleep while there is nothing to close.
 */
#ifndef NPUD_BASE_CLOSER_H
#define NPUD_BASE_CLOSER_H

#include <stdbool.h>
#include <stdint.h>

#define CLOSER_THREADS 4
/* Of one owner, that wait to be closed, beyond which nothing more should be taken from it. */
#define CLOSER_WAITING_MAX 64

struct closer;

int closer_new(struct closer **ret_closer);
/*
 * Waits a moment for what is being closed; what blocks longer is left to the end of the process.
 * Takes NULL, returns NULL.
 */
struct closer *closer_free(struct closer *closer);

/* Takes the descriptor over and returns at once. Without a closer (NULL) it is closed here. */
void closer_close(struct closer *closer, uint32_t owner, int fd);
/* Whether CLOSER_WAITING_MAX or more of this owner's wait. False for NULL. */
bool closer_is_full(struct closer *closer, uint32_t owner);

#endif
