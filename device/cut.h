/* SPDX-License-Identifier: MIT */
/*
 * Cutting a run of tasks: between which of its streams a core may be taken away, and what has to be
 * written to a core before the rest can go on there.
 *
 * A core starts every batch with its registers as after a reset, and its buffers empty. So a cut is
 * legal where the next convolution loads its own features and weights (hardware reference 4.9), and
 * where the registers that the tasks so far have left behind (2.5) can be written again: by a
 * prologue, in front of the body of the task that follows. Streams carry only what changed against
 * the task before last, so without one hardly any task could start a batch.
 *
 * Pure and total. Streams are read where they lie: each entry once, as its owner may be writing.
 */
#ifndef NPUD_DEVICE_CUT_H
#define NPUD_DEVICE_CUT_H

#include "device/device.h"
#include "device/soft/registers.h"

#include <stdbool.h>
#include <stdint.h>

/* What a task's stream means for cuts around it. */
struct cut_task {
	uint32_t n_entries; /* of its body, up to its op_en; 0: it never starts a block */
	uint32_t op_en;	    /* OP_EN_* */
	uint32_t next_iova; /* of the body that follows in a chain; 0: none */
	uint32_t n_cowork;  /* cores that meet before that one starts, less one */
	bool is_fed;	    /* its convolution uses what an earlier one has loaded */
	bool is_stale;	    /* runs a DPU without writing its S_POINTER: its predecessor's setup */
	/* Blocks (bit: enum rk3588_block) whose register group it selects itself. */
	uint8_t selects;
	/* As it is started: blocks whose groups have changed places since the reset. */
	uint8_t is_swapped;
	bool is_beyond; /* as it is started: group pointers that no prologue can set */
};

/* The first n_entries at `entries` are what a core would fetch of the task. */
struct cut_stream {
	const uint64_t *entries;
	uint32_t n_entries;
	bool is_started; /* by the driver; else its predecessor's chain leads to it */
};

/* Runs a task on `registers`, which soft_registers_reset() has prepared for the first one. */
void cut_step(struct soft_registers *registers, const struct cut_stream *stream,
	      struct cut_task *ret_task);

/*
 * Whether the run of `n` tasks may be cut in front of each: ret_is_legal[0] is false. None is where
 * a task never starts anything, or the chain does not lead where the tasks say.
 */
void cut_find(const struct device_task *tasks, const struct cut_task *steps, uint32_t n,
	      bool is_chained, bool *ret_is_legal);

/* Entries of the longest prologue. */
#define CUT_PROLOGUE_MAX (6 * (3 + 2 * SOFT_BLOCK_REGISTERS) + 2 * (1 + SOFT_LUT_ENTRIES) + 1)

/* Writes that put a core which has just been started into this state; how many there are. */
uint32_t cut_write_prologue(const struct soft_registers *registers, unsigned core,
			    uint64_t *ret_entries);

#endif
