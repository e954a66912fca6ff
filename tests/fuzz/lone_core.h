/* SPDX-License-Identifier: MIT */
/*
 * One core of the software NPU that runs on the caller's thread: thousands of tasks a second. There
 * is one for the process, which lasts; asserts where only the bench could be broken.
 */
#ifndef NPUD_FUZZ_LONE_CORE_H
#define NPUD_FUZZ_LONE_CORE_H

#include "device/regs_rk3588.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lone_start {
	uint64_t directory_pa; /* page tables */
	uint32_t iova;	       /* of the stream */
	size_t n_entries;
	uint32_t n_tasks;
};

/* Makes it where there is none yet: true. */
bool lone_core_is_new(void);
/* Zeroed pages that the core may be led to; never freed. */
void *lone_core_new_pages(size_t size_bytes, uint64_t *ret_pa);
/* As the driver starts a core; until it stands still, or has had its budget of half a ms. */
void lone_core_run(const struct lone_start *start);
/* Whether its MMU has faulted since the last reset; where. */
bool lone_core_has_faulted(uint32_t *ret_iova);
void lone_core_reset(void);
/* A copy in which no stream waits at a rendezvous: nobody else would come. */
void lone_core_take_stream(void *stream, const uint8_t *data, size_t size);

#endif
