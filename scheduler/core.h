/* SPDX-License-Identifier: MIT */
/*
 * A core as the scheduler sees it.
 *
 *   IDLE -> BUSY -> IDLE          BUSY | IDLE -> RESETTING -> IDLE | FAULTED
 *                                 FAULTED -> RESETTING, when a lost device is tried again
 *
 * FAULTED is out of service: the core came back neither from CORE_RESETS_MAX resets in a row nor
 * from one of the whole device. Only core_set_state() changes the state; it asserts the table and
 * adds up the busy time.
 */
#ifndef NPUD_SCHEDULER_CORE_H
#define NPUD_SCHEDULER_CORE_H

#include <stdint.h>

struct sched_job;

#define CORE_RESETS_MAX 3

enum core_state { CORE_IDLE, CORE_BUSY, CORE_RESETTING, CORE_FAULTED };

struct core {
	enum core_state state;
	unsigned index;
	struct sched_job *job; /* CORE_BUSY: what runs */
	unsigned share;	       /* which share of it */
	uint64_t since_ns;     /* when the state began */
	uint64_t domain;       /* address space of what it ran last; 0: of nobody */
	uint64_t busy_ns;      /* sum over ended batches */
	uint64_t jobs, resets;
	/* watchdog: progress at the last sample at which the task counter had moved */
	uint32_t tasks_seen;
	uint64_t task_start_device_ns;
	uint64_t next_sample_ns;
	unsigned n_reprieves; /* since then */
};

const char *core_state_name(enum core_state state);
void core_set_state(struct core *core, enum core_state next, uint64_t now_ns);

#endif
