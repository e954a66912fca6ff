/* SPDX-License-Identifier: MIT */
/*
 * Closes descriptors that somebody else made, on a thread of its own.
 *
 * close(2) of a stranger's descriptor may block for as long as the stranger likes (a socket that
 * lingers, a file system served by a program), so the loop never does it. The thread sleeps while
 * there is nothing to close.
 */
#ifndef NPUD_BASE_CLOSER_H
#define NPUD_BASE_CLOSER_H

struct closer;

int closer_new(struct closer **ret_closer);
/*
 * Waits a moment for what is being closed; what blocks longer is left to the end of the process.
 * Takes NULL, returns NULL.
 */
struct closer *closer_free(struct closer *closer);

/* Takes the descriptor over and returns at once. Without a closer (NULL) it is closed here. */
void closer_close(struct closer *closer, int fd);

#endif
