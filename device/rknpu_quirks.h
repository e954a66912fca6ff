/* SPDX-License-Identifier: MIT */
/*
 * What the vendor's driver does wrong, by version, and what npud does about it. One row each; the
 * code asks for the row.
 */
#ifndef NPUD_DEVICE_RKNPU_QUIRKS_H
#define NPUD_DEVICE_RKNPU_QUIRKS_H

#include <stdbool.h>
#include <stdint.h>

enum rknpu_quirk {
	RKNPU_QUIRK_RAW_ADDRESSES,
	RKNPU_QUIRK_NO_TASK_BOUNDS,
	RKNPU_QUIRK_MASKS_NEVER_START,
	RKNPU_QUIRK_FIFO_QUEUES,
	RKNPU_QUIRK_STALE_QUEUED_JOBS,
	RKNPU_QUIRK_NONBLOCK_TIMEOUT,
	RKNPU_QUIRK_FENCES,
	RKNPU_QUIRK_THREEFOLD_WAIT,
	RKNPU_QUIRK_RESETS_ALL,
	RKNPU_QUIRK_ONE_DOMAIN,
	RKNPU_QUIRK_NO_DOMAINS,
	RKNPU_QUIRK_SWITCH_FAILS,
	RKNPU_QUIRK_MEMORY_SWITCHES,
	RKNPU_QUIRK_FRAGMENTS,
	RKNPU_QUIRK_NOT_ZEROED,
	RKNPU_QUIRK_POWERS_OFF,
	RKNPU_QUIRK_NEVER_STARTED,
	RKNPU_QUIRK_TASK_PARTS,
	RKNPU_QUIRK_NO_COUNTERS,
	RKNPU_N_QUIRKS,
};

struct rknpu_quirk_row {
	const char *name;   /* as `npuctl status` has it */
	const char *remedy; /* what npud does, one line */
	uint32_t first,
		end; /* versions that have it, as GET_DRV_VERSION counts; end 0: all later */
};

extern const struct rknpu_quirk_row rknpu_quirk_rows[RKNPU_N_QUIRKS];

/* Whether a driver of that version (major * 10000 + minor * 100 + patch level) has it. */
bool rknpu_has_quirk(uint32_t version, enum rknpu_quirk quirk);
/* The names of those it has, NULL-terminated. */
void rknpu_list_quirks(uint32_t version, const char *ret_names[RKNPU_N_QUIRKS + 1]);

#endif
