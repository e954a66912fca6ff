/* SPDX-License-Identifier: MIT */
/*
 * Rows follow the enum. Most hold for every version that is known; those that do not name where
 * they begin or end.
 */
#include "device/rknpu_quirks.h"

#include <stddef.h>

/* From here on objects and submits name an address space. */
#define VERSION_DOMAINS 906u

const struct rknpu_quirk_row rknpu_quirk_rows[RKNPU_N_QUIRKS] = {
	[RKNPU_QUIRK_RAW_ADDRESSES] = {"raw-addresses",
				       "clients never see or pass an object's address"},
	[RKNPU_QUIRK_NO_TASK_BOUNDS] = {"no-task-bounds",
					"descriptors are npud's own, one table per core"},
	[RKNPU_QUIRK_MASKS_NEVER_START] = {"masks-5-6", "only core masks 1, 2, 4, 3, 7 go down"},
	[RKNPU_QUIRK_FIFO_QUEUES] = {"fifo-queues",
				     "npud queues; one job per core in the kernel, explicit masks"},
	[RKNPU_QUIRK_STALE_QUEUED_JOBS] = {"stale-queued-jobs", "no job ever waits in the kernel"},
	[RKNPU_QUIRK_NONBLOCK_TIMEOUT] = {"nonblock-timeout",
					  "blocking submits, from a thread per core"},
	[RKNPU_QUIRK_FENCES] = {"fences", "fences are npud's own"},
	[RKNPU_QUIRK_THREEFOLD_WAIT] = {"threefold-wait",
					"the timeout is the batch's budget, no more"},
	[RKNPU_QUIRK_RESETS_ALL] = {"resets-all-cores",
				    "innocent batches that a reset stops are run again"},
	[RKNPU_QUIRK_ONE_DOMAIN] = {"one-domain", "address spaces change while no core runs",
				    VERSION_DOMAINS},
	[RKNPU_QUIRK_NO_DOMAINS] = {"no-domains", "every stream is checked, and its copy is run", 0,
				    VERSION_DOMAINS},
	[RKNPU_QUIRK_SWITCH_FAILS] = {"switch-fails",
				      "a batch is tried again; whoever asked for memory is told",
				      VERSION_DOMAINS},
	[RKNPU_QUIRK_MEMORY_SWITCHES] = {"memory-switches-domains",
					 "memory of another address space waits for idle cores",
					 VERSION_DOMAINS},
	[RKNPU_QUIRK_FRAGMENTS] = {"fragments",
				   "told per address space, which its session's end empties"},
	[RKNPU_QUIRK_NOT_ZEROED] = {"not-zeroed", "zeroed memory is asked for, always"},
	[RKNPU_QUIRK_POWERS_OFF] = {"powers-off", "no register is touched beside the driver"},
	[RKNPU_QUIRK_NEVER_STARTED] = {"never-started", "tried twice more, without blame"},
	[RKNPU_QUIRK_TASK_PARTS] = {"task-parts", "at most 4095 tasks go down at a time"},
	[RKNPU_QUIRK_NO_COUNTERS] = {"no-counters", "npud's own accounting"},
};

bool rknpu_has_quirk(uint32_t version, enum rknpu_quirk quirk)
{
	const struct rknpu_quirk_row *row = &rknpu_quirk_rows[quirk];

	return version >= row->first && (!row->end || version < row->end);
}

void rknpu_list_quirks(uint32_t version, const char *ret_names[RKNPU_N_QUIRKS + 1])
{
	unsigned n = 0;

	for (unsigned i = 0; i < RKNPU_N_QUIRKS; i++) {
		if (rknpu_has_quirk(version, i))
			ret_names[n++] = rknpu_quirk_rows[i].name;
	}
	ret_names[n] = NULL;
}
