/* SPDX-License-Identifier: MIT */
/*
 * A temporary folder of a process, for its files and sockets: removed when the process ends or,
 * where that was a SIGKILL, by the next process that makes one of the kind.
 */
#ifndef NPU_TOOLS_SCRATCH_H
#define NPU_TOOLS_SCRATCH_H

struct scratch {
	char path[64]; /* "" for none */
	int lock;      /* held open while somebody uses the folder */
};

/*
 * Makes "PARENT/KIND-XXXXXX", for this user alone; in /tmp where `parent` is NULL or "", cannot be
 * written to, or has too long a name. First removes what is there of that user and kind, and which
 * nobody uses. -errno.
 */
int scratch_init(const char *parent, const char *kind, struct scratch *ret_scratch);
/*
 * In a child, before exec: the program uses the folder as well, which is removed by other processes
 * only after its end, or once it has closed descriptors that are not its own.
 */
void scratch_lend(const struct scratch *scratch);
/* Removes it once those that it was lent to are gone: at once, or by the next of the kind. */
void scratch_leave(struct scratch *scratch);
/* Removes it with all that is in it. */
void scratch_deinit(struct scratch *scratch);

#endif
