/* SPDX-License-Identifier: MIT */
/*
 * The PC: fetches register commands, applies them, starts blocks, follows chains, counts tasks and
 * raises the interrupt (hardware reference 2 and 3.2).
 */
#ifndef NPUD_DEVICE_SOFT_PC_H
#define NPUD_DEVICE_SOFT_PC_H

#include "device/soft/npu_core.h"

/* Registers below 0x1000 and GLOBAL.OPERATION_ENABLE. With the core's lock held. */
uint32_t soft_pc_read(const struct soft_core *core, uint32_t offset);
void soft_pc_write(struct soft_core *core, uint32_t offset, uint32_t value);

/*
 * On the core's thread: runs the tasks that the registers ask for, to the last. -EOPNOTSUPP: the
 * draft complaint says why not; -EFAULT: an access failed; -ENODATA: something never comes;
 * -ECANCELED: aborted.
 */
int soft_pc_run(struct soft_core *core);
/* The last task is done. Returns whether anybody wants the interrupt. With the core's lock held. */
bool soft_pc_complete(struct soft_core *core);
/*
 * Notes an interrupt that is not held back to the end of the chain, and returns whether it is
 * wanted. With the core's lock held.
 */
bool soft_pc_interrupt(struct soft_core *core, uint32_t interrupt);

#endif
