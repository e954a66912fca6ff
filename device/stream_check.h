/* SPDX-License-Identifier: MIT */
/*
 * Proves, before a job runs, that its register streams reach nothing but what its session owns: for
 * devices that cannot keep sessions apart by translation, and as a second wall elsewhere. Streams
 * are walked as the PC would (hardware reference 2); what cannot be bounded is refused. The proof
 * holds for the bytes that were walked: they have to be the ones that run.
 */
#ifndef NPUD_DEVICE_STREAM_CHECK_H
#define NPUD_DEVICE_STREAM_CHECK_H

#include "device/soft/registers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_CHECK_TEXT_BYTES 128u

/* Memory that a job may reach. True when every byte of the range may be read, or written. */
struct stream_reach {
	bool (*allows)(void *context, uint32_t iova, uint64_t size_bytes, bool is_write);
	void *context;
};

/* The tasks of one job on one core, in order: registers keep their values from task to task. */
struct stream_check {
	struct soft_registers registers;
	struct stream_reach reach;
	bool has_convolved; /* on-chip data may be reused: a task of this job has left some */
};

/* What follows a task in a chain (hardware reference 2.4). */
struct stream_next {
	uint32_t iova; /* 0: nothing */
	uint32_t amounts;
};

/* All but a few KiB of state; nothing to free. The first task is one that the driver starts. */
void stream_check_init(struct stream_check *check, struct stream_reach reach);
/* So is the next one: its predecessor does not chain it. */
void stream_check_start(struct stream_check *check);

/*
 * Walks one task's entries, the op_en among them. -EINVAL with the block, the register, its value
 * and what is wrong in `ret_text` when the task reaches further, or nobody can tell how far; after
 * which the check is of no more use.
 */
int stream_check_task(struct stream_check *check, const uint64_t *entries, size_t n_entries,
		      struct stream_next *ret_next, char ret_text[STREAM_CHECK_TEXT_BYTES]);

#endif
