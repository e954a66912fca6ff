/* SPDX-License-Identifier: MIT */
/*
 * A job in pieces: where the scheduler may take its cores away, and what a core needs to go on.
 *
 * Cut points are found once, when the job comes, in its register streams (device/cut.h). A piece
 * that is not the first starts behind a prologue: registers as the tasks before it have left them,
 * then the body of its own first task, in a BO of npud's in the session's domain. The client has no
 * handle of it, and nobody else's cores an address.
 *
 * Streams that are not checked (job_check.h) stay the client's memory. One that changes them while
 * the job is in flight gets what it deserves: wrong results, within its own domain.
 */
#ifndef NPUD_SESSIONS_JOB_SLICES_H
#define NPUD_SESSIONS_JOB_SLICES_H

#include "device/device.h"
#include "npu_protocol.h"

#include <stdint.h>

struct bo;
struct job;
struct job_slices;

/*
 * A job with more entries than this in its streams (1 MiB) is not looked into, and runs whole: each
 * takes the daemon some 15 ns.
 */
#define SLICES_ENTRIES_MAX 131072u

/*
 * Divides a job that is built otherwise: job->base.n_pieces is set, and job->slices where more than
 * the number is needed. 0 also where it cannot be cut. EDQUOT, ENOMEM with *error.
 */
int job_slices_make(struct job *job, struct npu_error *error);
/* What that share's later pieces start with, prologue and body; NULL where it has none. */
const struct bo *job_slices_prologue(const struct job *job, unsigned share);
struct job_slices *job_slices_free(struct job_slices *slices);

/*
 * The batch of a share that the scheduler wants to run on a core next, on batch_width cores in all:
 * pieces_done pieces in, batch_pieces long. Everything but its tasks and duration is left alone.
 */
void job_slices_fill(struct job *job, unsigned share, unsigned core,
		     struct device_batch *ret_batch);

#endif
